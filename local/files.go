package local

import (
	"errors"
	"io/fs"
	"os"

	"github.com/seed192a40f6/glang/lang/eval"
	"github.com/seed192a40f6/glang/store"
)

// storeFiles are the files of the operating system, with those below the
// logical store directory taken from where the store really lies, unless they
// are not there. What is neither there nor here must at least be named like
// something in a store, as with the reference.
type storeFiles struct {
	s  *store.Store
	os eval.OSFiles
}

func (f storeFiles) real(name string) (string, error) {
	real := f.s.ToRealPath(name)
	if real == name {
		return name, nil
	}
	if _, err := os.Lstat(real); !errors.Is(err, fs.ErrNotExist) {
		return real, nil
	}
	if _, _, err := f.s.Scheme().ToStorePath(name); err != nil {
		if _, here := os.Lstat(name); here != nil {
			return "", err
		}
	}
	return name, nil
}

// at calls a function of the operating system with where a file really lies.
func at[T any](f storeFiles, name string, do func(string) (T, error)) (T, error) {
	real, err := f.real(name)
	if err != nil {
		var zero T
		return zero, err
	}
	return do(real)
}

func (f storeFiles) Open(name string) (fs.File, error) {
	return at(f, name, func(real string) (fs.File, error) { return os.Open(real) })
}
func (f storeFiles) ReadFile(name string) ([]byte, error) { return at(f, name, f.os.ReadFile) }
func (f storeFiles) ReadFileInto(name string, buf []byte) ([]byte, error) {
	real, err := f.real(name)
	if err != nil {
		return buf, err
	}
	return f.os.ReadFileInto(real, buf)
}
func (f storeFiles) ReadDir(name string) ([]fs.DirEntry, error) { return at(f, name, os.ReadDir) }
func (f storeFiles) Lstat(name string) (fs.FileInfo, error)     { return at(f, name, os.Lstat) }
func (f storeFiles) Stat(name string) (fs.FileInfo, error)      { return at(f, name, os.Stat) }
func (f storeFiles) Readlink(name string) (string, error)       { return at(f, name, os.Readlink) }
