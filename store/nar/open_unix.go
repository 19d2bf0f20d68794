//go:build unix

package nar

import (
	"fmt"
	"io"
	"io/fs"
	"syscall"
)

// osRegular dumps a file of the machine that was seen to be regular. Should a
// symbolic link or a pipe have taken its place, it neither follows nor blocks.
//
// It goes past package os, which costs three system calls more a file: it
// tries to wait for the file with epoll, which regular files do not allow.
func (d *dumper) osRegular(name string) error {
	fd, err := openFile(name)
	if err != nil {
		return &fs.PathError{Op: "open", Path: name, Err: err}
	}
	defer syscall.Close(fd)
	var st syscall.Stat_t
	if err := syscall.Fstat(fd, &st); err != nil {
		return &fs.PathError{Op: "stat", Path: name, Err: err}
	}
	if st.Mode&syscall.S_IFMT != syscall.S_IFREG {
		return fmt.Errorf("file '%s' changed its type while it was being read", name)
	}
	return d.contents(name, &rawFile{fd, name}, st.Mode&syscall.S_IXUSR != 0, st.Size)
}

func openFile(name string) (fd int, err error) {
	for {
		fd, err = syscall.Open(name, syscall.O_RDONLY|syscall.O_NOFOLLOW|syscall.O_NONBLOCK|syscall.O_CLOEXEC, 0)
		if err != syscall.EINTR {
			return fd, err
		}
	}
}

// rawFile reads a file descriptor.
type rawFile struct {
	fd   int
	name string
}

func (f *rawFile) Read(p []byte) (int, error) {
	for {
		n, err := syscall.Read(f.fd, p)
		switch {
		case err == syscall.EINTR:
		case err != nil:
			return 0, &fs.PathError{Op: "read", Path: f.name, Err: err}
		case n == 0 && len(p) > 0:
			return 0, io.EOF
		default:
			return n, nil
		}
	}
}
