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
// are not there.
type storeFiles struct {
	s  *store.Store
	os eval.OSFiles
}

func (f storeFiles) real(name string) string {
	real := f.s.ToRealPath(name)
	if real != name {
		if _, err := os.Lstat(real); errors.Is(err, fs.ErrNotExist) {
			return name
		}
	}
	return real
}

func (f storeFiles) Open(name string) (fs.File, error)          { return os.Open(f.real(name)) }
func (f storeFiles) ReadFile(name string) ([]byte, error)       { return f.os.ReadFile(f.real(name)) }
func (f storeFiles) ReadDir(name string) ([]fs.DirEntry, error) { return os.ReadDir(f.real(name)) }
func (f storeFiles) Lstat(name string) (fs.FileInfo, error)     { return os.Lstat(f.real(name)) }
func (f storeFiles) Stat(name string) (fs.FileInfo, error)      { return os.Stat(f.real(name)) }
func (f storeFiles) Readlink(name string) (string, error)       { return os.Readlink(f.real(name)) }
