package main

import (
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"
)

// buildWorkloads are the expressions of a folder, for commands that take
// nix-build's arguments. Each run has a store of its own that is empty before,
// and builds derivations that nobody has built before.
func buildWorkloads(dir string) ([]work, error) {
	files, err := filepath.Glob(filepath.Join(dir, "*.expr"))
	if err != nil {
		return nil, err
	}
	if len(files) == 0 {
		return nil, fmt.Errorf("there are no expressions in %s", dir)
	}
	var ws []work
	for _, f := range files {
		abs, err := filepath.Abs(f)
		if err != nil {
			return nil, err
		}
		ws = append(ws, work{name: strings.TrimSuffix(filepath.Base(f), ".expr"), store: true,
			args: []string{"--no-out-link", "--option", "substituters", "", abs, "--argstr", "salt"}})
	}
	return ws, nil
}

// withStore runs a command on a new store, and deletes that again.
func withStore(command string, args []string) (sample, error) {
	dir, err := os.MkdirTemp("", "bench-store")
	if err != nil {
		return sample{}, err
	}
	salt := fmt.Sprint(time.Now().UnixNano())
	s, err := runOnce(command, append([]string{"--store", dir}, append(args, salt)...))
	if rerr := removeStore(dir); err == nil {
		err = rerr
	}
	return s, err
}

// removeStore deletes a tree whose directories are read-only.
func removeStore(dir string) error {
	err := filepath.WalkDir(dir, func(p string, d fs.DirEntry, err error) error {
		if err == nil && d.IsDir() {
			err = os.Chmod(p, 0o755)
		}
		return err
	})
	if err != nil {
		return err
	}
	return os.RemoveAll(dir)
}
