package local

import (
	"io/fs"
	"os"

	"github.com/seed192a40f6/glang/store"
)

// storeFiles are the files of the operating system, with those below the
// logical store directory taken from where the store really lies.
type storeFiles struct{ s *store.Store }

func (f storeFiles) Open(name string) (fs.File, error) { return os.Open(f.s.ToRealPath(name)) }
func (f storeFiles) ReadFile(name string) ([]byte, error) {
	return os.ReadFile(f.s.ToRealPath(name))
}
func (f storeFiles) ReadDir(name string) ([]fs.DirEntry, error) {
	return os.ReadDir(f.s.ToRealPath(name))
}
func (f storeFiles) Lstat(name string) (fs.FileInfo, error) { return os.Lstat(f.s.ToRealPath(name)) }
func (f storeFiles) Stat(name string) (fs.FileInfo, error)  { return os.Stat(f.s.ToRealPath(name)) }
func (f storeFiles) Readlink(name string) (string, error) {
	return os.Readlink(f.s.ToRealPath(name))
}
