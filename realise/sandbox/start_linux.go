package sandbox

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"strconv"
	"syscall"

	"golang.org/x/sys/unix"
)

const namespaces = unix.CLONE_NEWUSER | unix.CLONE_NEWNS | unix.CLONE_NEWPID | unix.CLONE_NEWNET |
	unix.CLONE_NEWIPC | unix.CLONE_NEWUTS | unix.CLONE_NEWCGROUP

// Start sets a build going in the room. Files that the caller put into build
// become the builder's. The error wraps why the system refuses the
// namespaces; what fails while the sandbox is set up shows in Wait.
func (r *Room) Start(spec *Spec) (*Process, error) {
	if err := r.give(); err != nil {
		return nil, err
	}
	mounts, err := r.furnish(spec.RealStore, spec.Inputs)
	if err != nil {
		return nil, err
	}
	p := &Process{}
	child, err := p.openOutput()
	if err != nil {
		return nil, err
	}
	defer child.Close()
	if err := r.start(spec, mounts, p, child); err != nil {
		return nil, errors.Join(err, p.Output.Close())
	}
	return p, nil
}

func (r *Room) start(spec *Spec, mounts []string, p *Process, child *os.File) error {
	null, err := os.Open(os.DevNull)
	if err != nil {
		return err
	}
	defer null.Close()
	syncR, syncW, err := os.Pipe()
	if err != nil {
		return err
	}
	defer syncR.Close()
	defer syncW.Close()
	setupR, setupW, err := os.Pipe()
	if err != nil {
		return err
	}
	defer setupW.Close()

	l := &layout{Spec: spec, room: r}
	l.plain = r.fork
	l.do("opening standard input", unix.SYS_DUP3, null.Fd(), 0, 0)
	l.do("opening standard output", unix.SYS_DUP3, child.Fd(), 1, 0)
	l.do("opening standard error", unix.SYS_DUP3, child.Fd(), 2, 0)
	p.limits = newGroup(spec.Limits)
	l.bounded = p.limits
	if err := l.write(mounts); err != nil {
		p.limits.remove()
		setupR.Close()
		return &SetupError{err.Error()}
	}
	pid, err := l.start(namespaces, syncR, syncW, setupW)
	if err != nil {
		p.limits.remove()
		setupR.Close()
		return refused(err)
	}
	p.proc, err = os.FindProcess(pid)
	if err == nil {
		err = r.mapIDs(pid)
	}
	if err == nil && spec.Network == UserMode {
		p.helper, p.Offline = r.connect(spec.Pasta, pid)
	}
	if err == nil {
		err = p.limits.add(pid)
	}
	if err == nil {
		_, err = syncW.Write([]byte{1})
	}
	if err != nil {
		_ = syscall.Kill(pid, syscall.SIGKILL)
		p.endHelper()
		_, werr := p.proc.Wait()
		p.limits.remove()
		runtime.KeepAlive(l)
		return errors.Join(refused(err), werr, setupR.Close())
	}
	p.setup = setupR
	p.explain = func(b []byte) error { // keeps l, as long as the child needs it
		rep := readReport(b)
		errno := syscall.Errno(rep.Errno)
		if int(rep.Call) == len(l.calls)-1 {
			return &ExecError{spec.Path, errno}
		}
		return &SetupError{l.what[rep.Call] + ": " + errno.Error()}
	}
	return nil
}

// mapIDs tells the new user namespace who the builder is outside it.
func (r *Room) mapIDs(pid int) error {
	proc := "/proc/" + strconv.Itoa(pid) + "/"
	if !r.root {
		// An ordinary user may map a group only if groups cannot be dropped any more.
		if err := writeProc(proc+"setgroups", "deny"); err != nil {
			return err
		}
	}
	if err := writeProc(proc+"uid_map", fmt.Sprintf("%d %d 1", UID, r.uid)); err != nil {
		return err
	}
	return writeProc(proc+"gid_map", fmt.Sprintf("%d %d 1", GID, r.gid))
}

// connect gives the new network namespace a way out, through a pasta that runs
// in the background until Wait ends it. The machine's own loopback stays out
// of reach: no port is forwarded, nor the gateway's address mapped to it.
func (r *Room) connect(pasta string, pid int) (*os.Process, error) {
	fd, err := unix.MemfdCreate("pasta.pid", unix.MFD_CLOEXEC)
	if err != nil {
		return nil, os.NewSyscallError("memfd_create", err)
	}
	pidFile := os.NewFile(uintptr(fd), "pasta.pid")
	defer pidFile.Close()
	args := []string{"--config-net", "--quiet", "--no-map-gw", "--pid", "/proc/self/fd/3", "-t", "none", "-u", "none", "-T", "none", "-U", "none"}
	if r.root {
		args = append(args, "--runas", "0") // the owner of the namespace
	}
	cmd := exec.Command(pasta, append(args, strconv.Itoa(pid))...)
	cmd.ExtraFiles = []*os.File{pidFile}
	out, err := cmd.CombinedOutput()
	if err != nil {
		return nil, fmt.Errorf("connecting the network with '%s': %w: %s", pasta, err, bytes.TrimSpace(out))
	}
	text := make([]byte, 32)
	n, _ := pidFile.ReadAt(text, 0) // ends early
	helper, err := strconv.Atoi(string(bytes.TrimSpace(text[:n])))
	if err != nil {
		return nil, fmt.Errorf("'%s' told no pid: %w", pasta, err)
	}
	return os.FindProcess(helper)
}

func writeProc(name, text string) error {
	fd, err := unix.Open(name, unix.O_WRONLY|unix.O_CLOEXEC, 0)
	if err == nil {
		_, err = unix.Write(fd, []byte(text))
		unix.Close(fd)
	}
	if err != nil {
		return &os.PathError{Op: "writing", Path: name, Err: err}
	}
	return nil
}

// refused explains why namespaces cannot be had.
func refused(err error) error {
	const advice = "; use '--no-sandbox' to build without one"
	switch {
	case errors.Is(err, syscall.EPERM), errors.Is(err, syscall.EACCES):
		return fmt.Errorf("this system does not allow the kernel namespaces that are required for sandboxing (inside a chroot or a container "+
			"without user namespaces, or forbidden by /proc/sys/kernel/unprivileged_userns_clone, apparmor_restrict_unprivileged_userns or a seccomp filter)%s: %w", advice, err)
	case errors.Is(err, syscall.ENOSPC), errors.Is(err, syscall.EUSERS):
		return fmt.Errorf("this system has no kernel namespaces left for sandboxing; check /proc/sys/user/max_*_namespaces%s: %w", advice, err)
	case errors.Is(err, syscall.EINVAL), errors.Is(err, syscall.ENOSYS):
		return fmt.Errorf("this system does not support the kernel namespaces that are required for sandboxing%s: %w", advice, err)
	}
	return err
}
