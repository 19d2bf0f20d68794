package sandbox

import (
	"encoding/binary"
	"errors"
	"fmt"
	"os"
	"path"
	"runtime"
	"strings"
	"unsafe"

	"golang.org/x/sys/unix"
)

// A layout writes the program that puts the sandbox's root together. It runs as
// pid 1 of the new namespaces, first still as the one who started it (for whom
// all names can be looked up), then as the user of the build.
type layout struct {
	program
	*Spec
	room *Room

	bounded *group // what bounds the build already

	dir, store, root reg
	own              [3]reg // mounts of the room's store, build, tmp
	tmp              reg    // scratch
	binds            []mount
	made             map[string]bool // directories of the root
}

// A mount is a detached mount and where it goes.
type mount struct {
	fd       reg
	target   string // relative to the root
	isDir    bool
	symlink  string // not a mount: a link to copy
	writable bool
}

const (
	cwd       = int(unix.AT_FDCWD)
	cloneTree = unix.OPEN_TREE_CLONE | unix.OPEN_TREE_CLOEXEC
	pathOnly  = unix.O_PATH | unix.O_DIRECTORY | unix.O_CLOEXEC
	fromFD    = unix.MOVE_MOUNT_F_EMPTY_PATH
	inodeAttr = unix.AT_EMPTY_PATH
)

// devices are the nodes of the host that a builder sees.
var devices = [...]string{"full", "null", "random", "tty", "urandom", "zero"}

// write lays the whole program out; mounts are the inputs that need one.
func (l *layout) write(mounts []string) error {
	l.made = map[string]bool{}
	l.tmp = l.newReg()
	// What the parent itself was started with must not reach the builder.
	l.do("closing file descriptors", unix.SYS_CLOSE_RANGE, 3, uintptr(^uint32(0)), unix.CLOSE_RANGE_CLOEXEC)
	// Bind mounts propagate out of a namespace unless its mounts are private.
	l.do("unable to make '/' private", unix.SYS_MOUNT, nil, "/", nil, unix.MS_REC|unix.MS_PRIVATE, nil)
	if err := l.open(); err != nil {
		return err
	}
	if l.room.root {
		// The capabilities stay, for the old user is not root in here.
		l.do("becoming the build user", unix.SYS_SETGROUPS, 0, nil)
		l.do("becoming the build user", unix.SYS_SETRESGID, GID, GID, GID)
		l.do("becoming the build user", unix.SYS_SETRESUID, UID, UID, UID)
	}
	// After the change of user, which clears it.
	l.do("setting death signal", unix.SYS_PRCTL, unix.PR_SET_PDEATHSIG, int(unix.SIGKILL), 0, 0, 0)
	l.do("creating a new session", unix.SYS_SETSID)
	l.assemble(mounts)
	l.do("changing into '"+BuildDir+"'", unix.SYS_CHDIR, BuildDir)
	l.settle()
	l.confine()
	return l.exec(l.Path, l.Args, l.Env)
}

// open opens all that may lie below directories which only the caller may search.
func (l *layout) open() error {
	l.dir = l.get("opening '"+l.room.Dir+"'", unix.SYS_OPENAT, cwd, l.room.Dir, pathOnly, 0)
	l.store = l.get("opening '"+l.RealStore+"'", unix.SYS_OPENAT, cwd, l.RealStore, pathOnly, 0)
	for i, name := range []string{"store", "build", "tmp"} {
		l.own[i] = l.get("bind mount of '"+path.Join(l.room.Dir, name)+"' failed", unix.SYS_OPEN_TREE, l.dir, name, cloneTree)
	}
	for _, d := range devices {
		if err := l.bind(Bind{Source: "/dev/" + d, Target: "/dev/" + d, Writable: true, Optional: true}); err != nil {
			return err
		}
	}
	if l.Shell != "" {
		if err := l.bind(Bind{Source: l.Shell, Target: "/bin/sh"}); err != nil {
			return err
		}
	}
	for _, b := range l.Binds {
		if err := l.bind(b); err != nil {
			return err
		}
	}
	return nil
}

// bind opens what one bind mount will show.
func (l *layout) bind(b Bind) error {
	m := mount{target: strings.TrimPrefix(path.Clean(b.Target), "/"), writable: b.Writable}
	fail := "bind mount from '" + b.Source + "' to '" + b.Target + "' failed"
	fi, err := os.Lstat(b.Source)
	if err == nil && fi.Mode()&os.ModeSymlink != 0 {
		if b.Link || strings.HasPrefix(b.Target, l.StoreDir+"/") {
			// A symlink cannot be mounted: it is copied.
			if m.symlink, err = os.Readlink(b.Source); err != nil {
				return fmt.Errorf("%s: %w", fail, err)
			}
			l.binds = append(l.binds, m)
			return nil
		}
		fi, err = os.Stat(b.Source)
	}
	if b.Optional && errors.Is(err, os.ErrNotExist) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("%s: %w", fail, err)
	}
	m.isDir = fi.IsDir()
	// Recursive: a mount below it that the host locked may not be uncovered.
	m.fd = l.get(fail, unix.SYS_OPEN_TREE, cwd, b.Source, cloneTree|unix.AT_RECURSIVE)
	l.binds = append(l.binds, m)
	return nil
}

// assemble puts the tree together and moves into it.
//
// Everything is made read-only by one recursive call over the root; then the
// directories that the builder may write to are made writable again.
func (l *layout) assemble(mounts []string) {
	l.root = l.newFS("mounting the root directory", "tmpfs", "mode", "0755", "size", "16m")
	l.do("mounting the root directory", unix.SYS_MOVE_MOUNT, l.root, "", l.dir, "", fromFD|unix.MOVE_MOUNT_T_EMPTY_PATH)
	storeDir := strings.TrimPrefix(l.StoreDir, "/")
	l.mkdirs("build", "tmp", "proc", "dev/shm", "dev/pts", "etc", "bin")
	// Before the store directory, which may lie below /tmp.
	l.attach(l.own[1], "build")
	l.attach(l.own[2], "tmp")
	l.mkdirs(storeDir)
	// What may not be written to /etc is refused for want of permission, as in
	// the reference: programs take a read-only file system for another matter.
	etc := l.newFS("mounting '/etc'", "tmpfs", "mode", "0555", "size", "1m")
	l.attach(etc, "etc")
	l.files()
	l.attach(l.own[0], storeDir)
	own := l.get("opening the sandbox's store directory", unix.SYS_OPENAT, l.root, storeDir, pathOnly, 0)
	for _, name := range mounts {
		what := "bind mount of '" + path.Join(l.StoreDir, name) + "' failed"
		l.getInto(l.tmp, what, unix.SYS_OPEN_TREE, l.store, name, cloneTree|unix.AT_SYMLINK_NOFOLLOW)
		l.do(what, unix.SYS_MOVE_MOUNT, l.tmp, "", own, name, fromFD)
		l.do(what, unix.SYS_CLOSE, l.tmp)
	}
	for _, m := range l.binds {
		l.place(m)
	}
	l.setAttr("making the inputs read-only", l.root, unix.AT_RECURSIVE, unix.MountAttr{Attr_set: unix.MOUNT_ATTR_RDONLY | unix.MOUNT_ATTR_NOSUID})
	rw := unix.MountAttr{Attr_clr: unix.MOUNT_ATTR_RDONLY}
	for _, own := range append(l.own[:], etc) {
		l.setAttr("making the sandbox's own directories writable", own, 0, rw)
	}
	for _, m := range l.binds {
		if m.writable && !strings.HasPrefix(m.target, "dev/") {
			l.setAttr("making '/"+m.target+"' writable", m.fd, 0, rw)
		}
	}
	l.special()
	// The old root goes under the new one, and then away.
	l.do("cannot change directory to the new root", unix.SYS_FCHDIR, l.root)
	l.do("cannot pivot to the new root directory", unix.SYS_PIVOT_ROOT, ".", ".")
	l.do("cannot unmount real root filesystem", unix.SYS_UMOUNT2, ".", unix.MNT_DETACH)
	l.do("cannot change directory to '/'", unix.SYS_CHDIR, "/")
}

func (l *layout) setAttr(what string, fd reg, flags int, attr unix.MountAttr) {
	l.do(what, unix.SYS_MOUNT_SETATTR, fd, "", inodeAttr|flags, pin(&l.program, &attr), unsafe.Sizeof(attr))
}

// newFS makes a file system that is not mounted anywhere yet. An option
// without a value is a flag.
func (l *layout) newFS(what, fstype string, options ...string) reg {
	l.getInto(l.tmp, what, unix.SYS_FSOPEN, fstype, unix.FSOPEN_CLOEXEC)
	for i := 0; i < len(options); i += 2 {
		if options[i+1] == "" {
			l.do(what, unix.SYS_FSCONFIG, l.tmp, unix.FSCONFIG_SET_FLAG, options[i], nil, 0)
		} else {
			l.do(what, unix.SYS_FSCONFIG, l.tmp, unix.FSCONFIG_SET_STRING, options[i], options[i+1], 0)
		}
	}
	l.do(what, unix.SYS_FSCONFIG, l.tmp, unix.FSCONFIG_CMD_CREATE, nil, nil, 0)
	return l.get(what, unix.SYS_FSMOUNT, l.tmp, unix.FSMOUNT_CLOEXEC, unix.MOUNT_ATTR_NOSUID|unix.MOUNT_ATTR_NODEV)
}

func (l *layout) mkdirs(names ...string) {
	for _, name := range names {
		for i := 0; i <= len(name); i++ {
			if (i < len(name) && name[i] != '/') || l.made[name[:i]] {
				continue
			}
			l.made[name[:i]] = true
			l.do("creating directory '/"+name[:i]+"'", unix.SYS_MKDIRAT, l.root, name[:i], 0o755).tolerate = unix.EEXIST
		}
	}
}

// files writes /etc and the links of /dev.
func (l *layout) files() {
	files := []File{
		{"/etc/passwd", fmt.Sprintf("root:x:0:0:Nix build user:%[3]s:/noshell\nnixbld:x:%[1]d:%[2]d:Nix build user:%[3]s:/noshell\n"+
			"nobody:x:65534:65534:Nobody:/:/noshell\n", UID, GID, BuildDir)},
		{"/etc/group", fmt.Sprintf("root:x:0:\nnixbld:!:%d:\nnogroup:x:65534:\n", GID)},
	}
	if l.Network == Loopback {
		files = append(files, File{"/etc/hosts", "127.0.0.1 localhost\n::1 localhost\n"})
	}
	for _, f := range append(files, l.Files...) {
		name, what := strings.TrimPrefix(f.Path, "/"), "creating file '"+f.Path+"'"
		if dir := path.Dir(name); dir != "." {
			l.mkdirs(dir)
		}
		l.getInto(l.tmp, what, unix.SYS_OPENAT, l.root, name, unix.O_WRONLY|unix.O_CREAT|unix.O_EXCL|unix.O_CLOEXEC, 0o444)
		l.do(what, unix.SYS_WRITE, l.tmp, []byte(f.Content), len(f.Content))
		l.do(what, unix.SYS_CLOSE, l.tmp)
	}
	for _, s := range [][2]string{
		{"/proc/self/fd", "dev/fd"}, {"/proc/self/fd/0", "dev/stdin"}, {"/proc/self/fd/1", "dev/stdout"},
		{"/proc/self/fd/2", "dev/stderr"}, {"/dev/pts/ptmx", "dev/ptmx"},
	} {
		l.do("creating symlink '/"+s[1]+"'", unix.SYS_SYMLINKAT, s[0], l.root, s[1])
	}
}

// attach moves a detached mount to where it belongs.
func (l *layout) attach(fd reg, target string) {
	l.do("bind mount to '/"+target+"' failed", unix.SYS_MOVE_MOUNT, fd, "", l.root, target, fromFD)
}

// place attaches one further bind, on a place that it makes.
func (l *layout) place(m mount) {
	if dir := path.Dir(m.target); dir != "." {
		l.mkdirs(dir)
	}
	switch {
	case m.symlink != "":
		l.do("creating symlink '/"+m.target+"'", unix.SYS_SYMLINKAT, m.symlink, l.root, m.target).tolerate = unix.EEXIST
		return
	case m.isDir:
		l.mkdirs(m.target)
	default:
		l.do("creating file '/"+m.target+"'", unix.SYS_MKNODAT, l.root, m.target, unix.S_IFREG|0o644, 0).tolerate = unix.EEXIST
	}
	l.attach(m.fd, m.target)
}

// special mounts the file systems of the kernel.
func (l *layout) special() {
	size := l.ShmSize
	if size == "" {
		size = "50%"
	}
	for _, fs := range [][]string{
		{"proc", "proc"},
		{"dev/shm", "tmpfs", "mode", "1777", "size", size},
		{"dev/pts", "devpts", "newinstance", "", "mode", "0620", "ptmxmode", "0666"},
	} {
		l.attach(l.newFS("mounting /"+fs[0], fs[1], fs[2:]...), fs[0])
	}
}

// Bits of personality(2).
const (
	perLinux32      = 0x0008
	addrNoRandomize = 0x0040000
)

// settle sets the names and the network of the namespaces, and the personality.
func (l *layout) settle() {
	var ifr [40]byte // struct ifreq: a name of 16 bytes, flags
	copy(ifr[:], "lo")
	binary.NativeEndian.PutUint16(ifr[16:], unix.IFF_UP|unix.IFF_LOOPBACK|unix.IFF_RUNNING)
	const what = "cannot set loopback interface flags"
	l.getInto(l.tmp, what, unix.SYS_SOCKET, unix.AF_INET, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC, 0)
	l.do(what, unix.SYS_IOCTL, l.tmp, unix.SIOCSIFFLAGS, ifr[:])
	l.do(what, unix.SYS_CLOSE, l.tmp)
	l.do("cannot set host name", unix.SYS_SETHOSTNAME, "localhost", len("localhost"))
	l.do("cannot set domain name", unix.SYS_SETDOMAINNAME, "(none)", len("(none)")) // the kernel's default
	// Fixed addresses make builds more alike.
	flags := addrNoRandomize
	switch l.Platform {
	case "i686-linux":
		if runtime.GOARCH == "amd64" {
			flags |= perLinux32
		}
	case "armv7l-linux", "armv6l-linux", "armv5tel-linux":
		flags |= perLinux32
	}
	l.do("cannot set the personality", unix.SYS_PERSONALITY, flags)
}

// lastCap is CAP_CHECKPOINT_RESTORE, since Linux 5.9; 63 leaves room for more.
const lastCap = 63

// confine gives up all that the builder must not have.
func (l *layout) confine() {
	core := unix.Rlimit{Cur: 0, Max: unix.RLIM_INFINITY} // no core dumps unless the builder asks for them
	limit := func(which int, r unix.Rlimit) {
		l.do("setting resource limits", unix.SYS_PRLIMIT64, 0, which, pin(&l.program, &r), nil).tolerate = unix.EPERM
	}
	var old unix.Rlimit
	if unix.Getrlimit(unix.RLIMIT_CORE, &old) == nil {
		core.Max = old.Max
	}
	limit(unix.RLIMIT_CORE, core)
	// Go raises its own limit; builders get what is usual, and may raise it too.
	if unix.Getrlimit(unix.RLIMIT_NOFILE, &old) == nil {
		limit(unix.RLIMIT_NOFILE, unix.Rlimit{Cur: min(1024, old.Max), Max: old.Max})
	}
	if n := l.Limits.Processes; n > 0 && (l.bounded == nil || l.bounded.processes == "") {
		limit(unix.RLIMIT_NPROC, unix.Rlimit{Cur: n, Max: n})
	}
	if n := l.Limits.MemoryBytes; n > 0 && (l.bounded == nil || l.bounded.memory == "") {
		// Not the address space: Go programs, the shell among them, reserve far more of it than they use.
		limit(unix.RLIMIT_DATA, unix.Rlimit{Cur: n, Max: n})
	}
	// The bounding set first: that needs a capability.
	for c := range lastCap + 1 {
		l.do("dropping capabilities", unix.SYS_PRCTL, unix.PR_CAPBSET_DROP, c, 0, 0, 0).tolerate = unix.EINVAL
	}
	hdr := unix.CapUserHeader{Version: unix.LINUX_CAPABILITY_VERSION_3}
	var none [2]unix.CapUserData
	l.do("dropping capabilities", unix.SYS_CAPSET, pin(&l.program, &hdr), pin(&l.program, &none))
	if !l.AllowNewPrivileges {
		l.do("failed to set PR_SET_NO_NEW_PRIVS", unix.SYS_PRCTL, unix.PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0)
	}
	if l.NoSyscallFilter {
		return
	}
	if l.AllowNewPrivileges {
		// A filter without no_new_privs needs a capability that is gone by now.
		return
	}
	filter := filterProgram()
	l.keep = append(l.keep, filter)
	prog := unix.SockFprog{Len: uint16(len(filter)), Filter: &filter[0]}
	l.do("unable to load seccomp BPF program", unix.SYS_PRCTL, unix.PR_SET_SECCOMP, unix.SECCOMP_MODE_FILTER, pin(&l.program, &prog), 0, 0)
}
