//go:build unix

package eval

import (
	"io"
	"io/fs"
	"syscall"

	"github.com/seed192a40f6/glang/lang/diag"
)

// readPiece is how much the reference reads at once; its errors tell.
const readPiece = 64 << 10

// readFile reads as many bytes as the file is said to have, as the reference
// does, and appends them to buf: nothing of a device, a pipe or what the kernel makes up under /proc,
// and no more of a growing file than it had. Nor does it wait for a pipe to be
// written to.
//
// It makes four system calls where os.ReadFile makes seven: no attempt to poll
// the file, and no read to see that its end has come.
func readFile(name string, buf []byte, room func(int64) error) ([]byte, error) {
	fail := func(op string, err error) ([]byte, error) {
		return buf, &fs.PathError{Op: op, Path: name, Err: err}
	}
	fd, err := retry(func() (int, error) {
		return syscall.Open(name, syscall.O_RDONLY|syscall.O_NONBLOCK|syscall.O_CLOEXEC, 0)
	})
	if err != nil {
		return fail("open", err)
	}
	defer syscall.Close(fd)
	var st syscall.Stat_t
	if err := syscall.Fstat(fd, &st); err != nil {
		return fail("stat", err)
	}
	if st.Mode&syscall.S_IFMT == syscall.S_IFDIR {
		return buf, &diag.Error{Message: Messagef("read of %d bytes: %s", min(st.Size, readPiece), "Is a directory"), Cause: syscall.EISDIR}
	}
	if room != nil {
		if err := room(st.Size); err != nil {
			return buf, err
		}
	}
	b := buf
	if room := int64(cap(b) - len(b)); room < st.Size {
		b = append(make([]byte, 0, int64(len(b))+st.Size), b...)
	}
	end := len(b) + int(st.Size)
	for len(b) < end {
		n, err := retry(func() (int, error) { return syscall.Read(fd, b[len(b):end]) })
		if err != nil {
			return fail("read", err)
		}
		if n == 0 {
			return fail("read", io.ErrUnexpectedEOF)
		}
		b = b[:len(b)+n]
	}
	return b, nil
}

// retry calls f again as long as a signal interrupts it.
func retry(f func() (int, error)) (int, error) {
	for {
		n, err := f()
		if err != syscall.EINTR {
			return n, err
		}
	}
}
