package sandbox

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"syscall"

	"golang.org/x/sys/unix"
)

const namespaces = unix.CLONE_NEWUSER | unix.CLONE_NEWNS | unix.CLONE_NEWPID | unix.CLONE_NEWNET |
	unix.CLONE_NEWIPC | unix.CLONE_NEWUTS | unix.CLONE_NEWCGROUP

// Host uids for root's builds: one that no account has, and another for each
// build of each process. The range starts where the reference's automatic
// ones do; a pid has at most 22 bits.
const firstHostID = 0x34000000

func hostID(slot int) int {
	return firstHostID + (os.Getpid()&(1<<22-1))<<6 + slot&63
}

// Start sets a build going. The error is a *SetupError, or wraps why the
// system refuses the namespaces; a failure of the init itself shows in Wait.
func Start(spec *Spec) (*Process, error) {
	p := plan{Spec: *spec, root: os.Geteuid() == 0}
	uid, gid := os.Geteuid(), os.Getegid()
	if p.root {
		uid = hostID(p.Slot)
		gid = uid
	}
	if err := prepareDir(&p, uid, gid); err != nil {
		return nil, err
	}
	self, err := os.Executable()
	if err != nil {
		return nil, err
	}
	planFile, err := memFile("plan", p.encode())
	if err != nil {
		return nil, err
	}
	defer planFile.Close()
	proc := &Process{}
	child, err := proc.openOutput()
	if err != nil {
		return nil, err
	}
	defer child.Close()
	setupR, setupW, err := os.Pipe()
	if err != nil {
		proc.Output.Close()
		return nil, err
	}
	defer setupW.Close()
	null, err := os.Open(os.DevNull)
	if err != nil {
		return nil, errors.Join(err, proc.Output.Close(), setupR.Close())
	}
	defer null.Close()

	attr := &os.ProcAttr{
		Env:   []string{},
		Files: []*os.File{null, child, child, planFile, setupW},
		Sys: &syscall.SysProcAttr{
			Cloneflags:                 namespaces,
			UidMappings:                []syscall.SysProcIDMap{{ContainerID: UID, HostID: uid, Size: 1}},
			GidMappings:                []syscall.SysProcIDMap{{ContainerID: GID, HostID: gid, Size: 1}},
			GidMappingsEnableSetgroups: p.root,
			// A uid other than 0 loses its capabilities at exec, unless they are ambient.
			AmbientCaps: ambient(),
			Setsid:      true,
			Pdeathsig:   syscall.SIGKILL,
		},
	}
	proc.proc, err = os.StartProcess(self, []string{initName}, attr)
	if err != nil {
		return nil, errors.Join(refused(err), proc.Output.Close(), setupR.Close())
	}
	proc.setup = setupR
	return proc, nil
}

// prepareDir makes the three directories of a build, each the builder's own.
func prepareDir(p *plan, uid, gid int) error {
	for _, name := range []string{"build", "tmp", "store"} {
		mode := os.FileMode(0o700)
		if name == "tmp" {
			mode = 0o1777
		}
		dir := filepath.Join(p.Dir, name)
		if err := os.Mkdir(dir, mode.Perm()); err != nil && !errors.Is(err, os.ErrExist) {
			return err
		}
	}
	if err := os.Chmod(filepath.Join(p.Dir, "tmp"), os.ModeSticky|0o777); err != nil {
		return err
	}
	if !p.root {
		return nil
	}
	// The caller's files in build are few and flat; their parent is private.
	entries, err := os.ReadDir(filepath.Join(p.Dir, "build"))
	if err != nil {
		return err
	}
	for _, e := range entries {
		if err := os.Lchown(filepath.Join(p.Dir, "build", e.Name()), uid, gid); err != nil {
			return err
		}
	}
	for _, name := range []string{"build", "tmp", "store", "."} {
		if err := os.Lchown(filepath.Join(p.Dir, name), uid, gid); err != nil {
			return err
		}
	}
	return nil
}

// ambient lists all capabilities that this kernel has.
func ambient() []uintptr {
	caps := make([]uintptr, 0, lastCap+1)
	for c := uintptr(0); c <= lastCap; c++ {
		caps = append(caps, c)
	}
	return caps
}

// lastCap is CAP_CHECKPOINT_RESTORE, since Linux 5.9.
const lastCap = 40

// refused explains why namespaces cannot be had.
func refused(err error) error {
	const advice = "; use '--no-sandbox' to build without one"
	switch {
	case errors.Is(err, syscall.EPERM):
		return fmt.Errorf("this system does not allow the kernel namespaces that are required for sandboxing (inside a chroot or a container "+
			"without user namespaces, or forbidden by /proc/sys/kernel/unprivileged_userns_clone, apparmor_restrict_unprivileged_userns or a seccomp filter)%s: %w", advice, err)
	case errors.Is(err, syscall.ENOSPC), errors.Is(err, syscall.EUSERS):
		return fmt.Errorf("this system has no kernel namespaces left for sandboxing; check /proc/sys/user/max_*_namespaces%s: %w", advice, err)
	case errors.Is(err, syscall.EINVAL), errors.Is(err, syscall.ENOSYS):
		return fmt.Errorf("this system does not support the kernel namespaces that are required for sandboxing%s: %w", advice, err)
	}
	return err
}

// memFile returns a file in memory that holds b, at its start.
func memFile(name string, b []byte) (*os.File, error) {
	fd, err := unix.MemfdCreate(name, unix.MFD_CLOEXEC)
	if err != nil {
		return nil, os.NewSyscallError("memfd_create", err)
	}
	f := os.NewFile(uintptr(fd), name)
	if _, err := f.WriteAt(b, 0); err != nil {
		f.Close()
		return nil, err
	}
	return f, nil
}
