package sandbox

import (
	"os"
	"path/filepath"
)

// Available says why builds cannot be sandboxed here, by sandboxing nothing:
// it starts an init whose builder does not exist.
func Available() error {
	dir, err := os.MkdirTemp("", "glang-sandbox")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	store := filepath.Join(dir, "inputs")
	if err := os.Mkdir(store, 0o755); err != nil {
		return err
	}
	p, err := Start(&Spec{Dir: dir, StoreDir: "/store", RealStore: store, Path: "/none", Args: []string{"none"}})
	if err != nil {
		return err
	}
	defer p.Output.Close()
	_, err = p.Wait() // the failure to execute /none is the builder's, not an error here
	return err
}
