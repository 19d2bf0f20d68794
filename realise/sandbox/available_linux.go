package sandbox

import (
	"errors"
	"io"
	"os"
	"path/filepath"
)

// Available says why builds cannot be sandboxed here, by sandboxing nothing:
// a builder that does not exist.
func Available() error {
	top, err := os.MkdirTemp("", "glang-sandbox")
	if err != nil {
		return err
	}
	defer os.RemoveAll(top)
	r, err := OpenRoom(filepath.Join(top, "room"), 0, os.RemoveAll)
	if err != nil {
		return err
	}
	p, err := r.Start(&Spec{StoreDir: "/store", RealStore: top, Path: "/none", Args: []string{"none"}})
	if err != nil {
		return err
	}
	defer p.Output.Close()
	_, _ = io.Copy(io.Discard, p.Output) // ends with EIO
	_, err = p.Wait()
	var exec *ExecError
	if errors.As(err, &exec) {
		return nil
	}
	return err
}
