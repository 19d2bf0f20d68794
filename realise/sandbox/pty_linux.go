package sandbox

import (
	"os"

	"golang.org/x/sys/unix"
)

// openOutput makes a pseudoterminal, as the reference does: programs then
// write line by line, so that standard output and error keep their order.
// Where there is none, a pipe serves. The child's end is returned.
func (p *Process) openOutput() (child *os.File, err error) {
	fd, err := unix.Open("/dev/ptmx", unix.O_RDWR|unix.O_NOCTTY|unix.O_CLOEXEC|unix.O_NONBLOCK, 0)
	if err != nil {
		p.Output, child, err = os.Pipe()
		return child, err
	}
	p.Output = os.NewFile(uintptr(fd), "/dev/ptmx") // non-blocking: deadlines work
	fail := func(what string, err error) (*os.File, error) {
		p.Output.Close()
		return nil, os.NewSyscallError(what, err)
	}
	if err := unix.IoctlSetPointerInt(fd, unix.TIOCSPTLCK, 0); err != nil {
		return fail("unlocking pseudoterminal", err)
	}
	slave, _, errno := unix.Syscall(unix.SYS_IOCTL, uintptr(fd), unix.TIOCGPTPEER, unix.O_RDWR|unix.O_NOCTTY|unix.O_CLOEXEC)
	if errno != 0 {
		return fail("opening pseudoterminal slave", errno)
	}
	child = os.NewFile(slave, "pty")
	term, err := unix.IoctlGetTermios(int(slave), unix.TCGETS)
	if err == nil {
		// Raw: no \n to \r\n, no echo.
		term.Iflag &^= unix.IGNBRK | unix.BRKINT | unix.PARMRK | unix.ISTRIP | unix.INLCR | unix.IGNCR | unix.ICRNL | unix.IXON
		term.Oflag &^= unix.OPOST
		term.Lflag &^= unix.ECHO | unix.ECHONL | unix.ICANON | unix.ISIG | unix.IEXTEN
		term.Cflag = term.Cflag&^(unix.CSIZE|unix.PARENB) | unix.CS8
		err = unix.IoctlSetTermios(int(slave), unix.TCSETS, term)
	}
	if err != nil {
		child.Close()
		return fail("putting pseudoterminal into raw mode", err)
	}
	return child, nil
}
