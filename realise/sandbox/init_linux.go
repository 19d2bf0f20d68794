package sandbox

import (
	"errors"
	"fmt"
	"os"
	"path"
	"runtime"
	"strings"
	"syscall"

	"golang.org/x/sys/unix"
)

// initName is how the init knows itself: Args[0] of the re-executed binary.
const initName = "glang-sandbox-init"

// File descriptors that the init is started with.
const (
	planFD  = 3
	errorFD = 4 // closed by exec: then the parent knows that all went well
)

// Init takes over if this process was started as the init of a sandbox, and
// then never returns. A program calls it before anything else.
func Init() {
	if len(os.Args) != 1 || os.Args[0] != initName {
		return
	}
	// Credentials, capabilities and the like belong to a thread: all is done
	// on this one, which then executes the builder.
	runtime.LockOSThread()
	err := enter()
	_, _ = os.NewFile(errorFD, "setup").WriteString(err.Error())
	os.Exit(1)
}

// step names the failing step of setting up, for the one who reads the error.
func step(what string, err error) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf("%s: %w", what, err)
}

// enter turns this process into the builder. It returns only when that fails.
func enter() error {
	unix.CloseOnExec(planFD)
	unix.CloseOnExec(errorFD)
	// What the parent itself was started with must not reach the builder.
	if err := unix.CloseRange(errorFD+1, ^uint(0), unix.CLOSE_RANGE_CLOEXEC); err != nil {
		return step("closing file descriptors", err)
	}
	b, err := readAll(planFD)
	if err != nil {
		return step("reading the build plan", err)
	}
	p, err := decodePlan(b)
	if err != nil {
		return err
	}
	t := &tree{plan: p}
	// Bind mounts propagate out of a namespace unless its mounts are private.
	if err := unix.Mount("", "/", "", unix.MS_REC|unix.MS_PRIVATE, ""); err != nil {
		return step("unable to make '/' private", err)
	}
	// Whatever may lie below directories that only the caller may search is
	// opened before becoming the mapped user.
	if err := t.open(); err != nil {
		return err
	}
	if p.root {
		if err := becomeMapped(); err != nil {
			return step("becoming the build user", err)
		}
	}
	if err := dieWithParent(); err != nil {
		return err
	}
	if err := t.build(); err != nil {
		return err
	}
	if err := unix.Chdir(BuildDir); err != nil {
		return step("changing into '"+BuildDir+"'", err)
	}
	if p.Network == Loopback {
		if err := loopbackUp(); err != nil {
			return step("cannot set loopback interface flags", err)
		}
	}
	if err := unix.Sethostname([]byte("localhost")); err != nil {
		return step("cannot set host name", err)
	}
	if err := unix.Setdomainname([]byte("(none)")); err != nil { // the kernel's default
		return step("cannot set domain name", err)
	}
	if err := confine(p); err != nil {
		return err
	}
	unix.Close(errorFD) // set up: from here on it is the builder that fails
	err = syscall.Exec(p.Path, p.Args, p.Env)
	_, _ = os.Stderr.WriteString("executing '" + p.Path + "': " + capital(err.Error()) + "\n")
	os.Exit(1)
	return nil
}

// capital spells the system's message as the C library does.
func capital(s string) string { return strings.ToUpper(s[:1]) + s[1:] }

func readAll(fd int) ([]byte, error) {
	var st unix.Stat_t
	if err := unix.Fstat(fd, &st); err != nil {
		return nil, err
	}
	b := make([]byte, st.Size)
	for n := 0; n < len(b); {
		k, err := unix.Pread(fd, b[n:], int64(n))
		if err != nil {
			return nil, err
		}
		if k == 0 {
			return nil, errPlan
		}
		n += k
	}
	return b, nil
}

// becomeMapped leaves the host's root for the one user and group that this
// namespace has. Capabilities stay, for the old user is not root here.
func becomeMapped() error {
	if _, _, e := unix.RawSyscall(unix.SYS_SETGROUPS, 0, 0, 0); e != 0 {
		return e
	}
	if _, _, e := unix.RawSyscall(unix.SYS_SETRESGID, GID, GID, GID); e != 0 {
		return e
	}
	if _, _, e := unix.RawSyscall(unix.SYS_SETRESUID, UID, UID, UID); e != 0 {
		return e
	}
	// The change made /proc/self root's, whose files the mounting needs.
	return unix.Prctl(unix.PR_SET_DUMPABLE, 1, 0, 0, 0)
}

// dieWithParent asks again for the death signal, which a change of user
// clears, and checks that the parent did not die meanwhile.
func dieWithParent() error {
	if err := unix.Prctl(unix.PR_SET_PDEATHSIG, uintptr(unix.SIGKILL), 0, 0, 0); err != nil {
		return step("setting death signal", err)
	}
	fds := []unix.PollFd{{Fd: errorFD}}
	if _, err := unix.Poll(fds, 0); err == nil && fds[0].Revents&unix.POLLERR != 0 {
		os.Exit(1)
	}
	return nil
}

// A tree is the root of the sandbox while it is put together.
type tree struct {
	*plan
	dir   int   // Dir, onto which the root is mounted before it becomes the root
	store int   // the host's store directory
	own   []int // mounts of Dir's store, build, tmp, in this order
	binds []mountFD
	root  int // the new root
}

// A mountFD is a detached mount and where it goes.
type mountFD struct {
	fd       int
	target   string // relative to the root
	isDir    bool
	symlink  string // not a mount: a link to copy
	writable bool
}

const cloneTree = unix.OPEN_TREE_CLONE | unix.OPEN_TREE_CLOEXEC

// devices are the nodes of the host that a builder sees.
var devices = [...]string{"full", "null", "random", "tty", "urandom", "zero"}

func (t *tree) open() (err error) {
	if t.dir, err = unix.Open(t.Dir, unix.O_PATH|unix.O_DIRECTORY|unix.O_CLOEXEC, 0); err != nil {
		return step("opening '"+t.Dir+"'", err)
	}
	if t.store, err = unix.Open(t.RealStore, unix.O_PATH|unix.O_DIRECTORY|unix.O_CLOEXEC, 0); err != nil {
		return step("opening '"+t.RealStore+"'", err)
	}
	for _, name := range []string{"store", "build", "tmp"} {
		fd, err := unix.OpenTree(t.dir, name, cloneTree)
		if err != nil {
			return step("bind mount of '"+path.Join(t.Dir, name)+"' failed", err)
		}
		t.own = append(t.own, fd)
	}
	for _, d := range devices {
		if err := t.bind(Bind{Source: "/dev/" + d, Target: "/dev/" + d, Writable: true}); err != nil {
			return err
		}
	}
	if t.Shell != "" {
		if err := t.bind(Bind{Source: t.Shell, Target: "/bin/sh"}); err != nil {
			return err
		}
	}
	for _, b := range t.Binds {
		if err := t.bind(b); err != nil {
			return err
		}
	}
	return nil
}

// bind opens what one bind mount will show.
func (t *tree) bind(b Bind) error {
	var st unix.Stat_t
	m := mountFD{target: strings.TrimPrefix(path.Clean(b.Target), "/"), writable: b.Writable}
	err := unix.Lstat(b.Source, &st)
	if err == nil && st.Mode&unix.S_IFMT == unix.S_IFLNK && inside(t.StoreDir, b.Target) {
		// A symlink cannot be mounted: it is copied.
		if m.symlink, err = os.Readlink(b.Source); err == nil {
			t.binds = append(t.binds, m)
			return nil
		}
	} else if err == nil {
		err = unix.Stat(b.Source, &st)
	}
	if err == nil {
		m.isDir = st.Mode&unix.S_IFMT == unix.S_IFDIR
		// Recursive: a mount below it that the host locked may not be uncovered.
		m.fd, err = unix.OpenTree(unix.AT_FDCWD, b.Source, cloneTree|unix.AT_RECURSIVE)
	}
	if b.Optional && errors.Is(err, unix.ENOENT) {
		return nil
	}
	if err != nil {
		return step("bind mount from '"+b.Source+"' to '"+b.Target+"' failed", err)
	}
	t.binds = append(t.binds, m)
	return nil
}

func inside(dir, p string) bool { return strings.HasPrefix(p, dir+"/") }

// build puts the tree together and moves into it.
//
// The order matters: everything that is to be read-only is made so by one
// recursive call over the root; what the builder may write to comes after.
func (t *tree) build() error {
	if err := t.newRoot(); err != nil {
		return err
	}
	storeDir := strings.TrimPrefix(t.StoreDir, "/")
	if err := t.mkdirs("build", "tmp", "proc", "dev/shm", "dev/pts", "etc", "bin", storeDir); err != nil {
		return err
	}
	if err := t.files(); err != nil {
		return err
	}
	if err := t.attach(t.own[0], storeDir); err != nil {
		return err
	}
	if err := t.inputs(storeDir); err != nil {
		return err
	}
	for _, m := range t.binds {
		if err := t.place(m); err != nil {
			return err
		}
	}
	ro := unix.MountAttr{Attr_set: unix.MOUNT_ATTR_RDONLY | unix.MOUNT_ATTR_NOSUID}
	if err := unix.MountSetattr(t.root, "", unix.AT_EMPTY_PATH|unix.AT_RECURSIVE, &ro); err != nil {
		return step("making the inputs read-only", err)
	}
	rw := unix.MountAttr{Attr_clr: unix.MOUNT_ATTR_RDONLY}
	if err := unix.MountSetattr(t.own[0], "", unix.AT_EMPTY_PATH, &rw); err != nil {
		return step("making the store directory writable", err)
	}
	for _, m := range t.binds {
		if m.writable && !strings.HasPrefix(m.target, "dev/") {
			if err := unix.MountSetattr(m.fd, "", unix.AT_EMPTY_PATH, &rw); err != nil {
				return step("making '/"+m.target+"' writable", err)
			}
		}
	}
	if err := t.attach(t.own[1], "build"); err != nil {
		return err
	}
	if err := t.attach(t.own[2], "tmp"); err != nil {
		return err
	}
	if err := t.special(); err != nil {
		return err
	}
	// The old root goes under the new one, and then away.
	if err := unix.Fchdir(t.root); err != nil {
		return step("cannot change directory to the new root", err)
	}
	if err := unix.PivotRoot(".", "."); err != nil {
		return step("cannot pivot to the new root directory", err)
	}
	if err := unix.Unmount(".", unix.MNT_DETACH); err != nil {
		return step("cannot unmount real root filesystem", err)
	}
	return step("cannot change directory to '/'", unix.Chdir("/"))
}

// newRoot mounts a small tmpfs over Dir.
func (t *tree) newRoot() (err error) {
	if t.root, err = newMount("tmpfs", "mode", "0755", "size", "16m"); err != nil {
		return step("mounting the root directory", err)
	}
	err = unix.MoveMount(t.root, "", t.dir, "", unix.MOVE_MOUNT_F_EMPTY_PATH|unix.MOVE_MOUNT_T_EMPTY_PATH)
	return step("mounting the root directory", err)
}

// newMount makes a file system that is not mounted anywhere yet.
func newMount(fstype string, options ...string) (int, error) {
	fs, err := unix.Fsopen(fstype, unix.FSOPEN_CLOEXEC)
	if err != nil {
		return -1, err
	}
	defer unix.Close(fs)
	for i := 0; i < len(options); i += 2 {
		if options[i+1] == "" {
			err = unix.FsconfigSetFlag(fs, options[i])
		} else {
			err = unix.FsconfigSetString(fs, options[i], options[i+1])
		}
		if err != nil {
			return -1, err
		}
	}
	if err := unix.FsconfigCreate(fs); err != nil {
		return -1, err
	}
	return unix.Fsmount(fs, unix.FSMOUNT_CLOEXEC, unix.MOUNT_ATTR_NOSUID|unix.MOUNT_ATTR_NODEV)
}

func (t *tree) mkdirs(names ...string) error {
	for _, name := range names {
		for i := 0; i <= len(name); i++ {
			if i == len(name) || name[i] == '/' {
				if err := unix.Mkdirat(t.root, name[:i], 0o755); err != nil && err != unix.EEXIST {
					return step("creating directory '/"+name[:i]+"'", err)
				}
			}
		}
	}
	return nil
}

// files writes /etc and the links of /dev.
func (t *tree) files() error {
	files := []File{
		{"/etc/passwd", fmt.Sprintf("root:x:0:0:Nix build user:%[3]s:/noshell\nnixbld:x:%[1]d:%[2]d:Nix build user:%[3]s:/noshell\n"+
			"nobody:x:65534:65534:Nobody:/:/noshell\n", UID, GID, BuildDir)},
		{"/etc/group", fmt.Sprintf("root:x:0:\nnixbld:!:%d:\nnogroup:x:65534:\n", GID)},
	}
	if t.Network == Loopback {
		files = append(files, File{"/etc/hosts", "127.0.0.1 localhost\n::1 localhost\n"})
	}
	for _, f := range append(files, t.Files...) {
		name := strings.TrimPrefix(f.Path, "/")
		if dir := path.Dir(name); dir != "." && dir != "etc" {
			if err := t.mkdirs(dir); err != nil {
				return err
			}
		}
		if err := t.write(name, f.Content); err != nil {
			return step("creating file '"+f.Path+"'", err)
		}
	}
	for _, l := range [][2]string{
		{"/proc/self/fd", "dev/fd"}, {"/proc/self/fd/0", "dev/stdin"}, {"/proc/self/fd/1", "dev/stdout"},
		{"/proc/self/fd/2", "dev/stderr"}, {"/dev/pts/ptmx", "dev/ptmx"},
	} {
		if err := unix.Symlinkat(l[0], t.root, l[1]); err != nil {
			return step("creating symlink '/"+l[1]+"'", err)
		}
	}
	return nil
}

func (t *tree) write(name, content string) error {
	fd, err := unix.Openat(t.root, name, unix.O_WRONLY|unix.O_CREAT|unix.O_EXCL|unix.O_CLOEXEC, 0o444)
	if err != nil {
		return err
	}
	defer unix.Close(fd)
	for b := []byte(content); len(b) > 0; {
		n, err := unix.Write(fd, b)
		if err != nil {
			return err
		}
		b = b[n:]
	}
	return nil
}

// attach moves a detached mount to where it belongs.
func (t *tree) attach(fd int, target string) error {
	return step("bind mount to '/"+target+"' failed", unix.MoveMount(fd, "", t.root, target, unix.MOVE_MOUNT_F_EMPTY_PATH))
}

// inputs shows the inputs, one mount each, on places of their kind in the
// build's own store directory.
func (t *tree) inputs(storeDir string) error {
	own, err := unix.Openat(t.root, storeDir, unix.O_PATH|unix.O_DIRECTORY|unix.O_CLOEXEC, 0)
	if err != nil {
		return step("opening the sandbox's store directory", err)
	}
	defer unix.Close(own)
	for _, name := range t.Inputs {
		if err := t.input(own, name); err != nil {
			return step("bind mount of '"+path.Join(t.StoreDir, name)+"' failed", err)
		}
	}
	return nil
}

func (t *tree) input(own int, name string) error {
	var st unix.Stat_t
	if err := unix.Fstatat(t.store, name, &st, unix.AT_SYMLINK_NOFOLLOW); err != nil {
		return err
	}
	switch st.Mode & unix.S_IFMT {
	case unix.S_IFLNK:
		buf := make([]byte, unix.PathMax)
		n, err := unix.Readlinkat(t.store, name, buf)
		if err != nil {
			return err
		}
		return unix.Symlinkat(string(buf[:n]), own, name)
	case unix.S_IFDIR:
		if err := unix.Mkdirat(own, name, 0o700); err != nil {
			return err
		}
	default:
		if err := unix.Mknodat(own, name, unix.S_IFREG|0o600, 0); err != nil {
			return err
		}
	}
	fd, err := unix.OpenTree(t.store, name, cloneTree|unix.AT_SYMLINK_NOFOLLOW)
	if err != nil {
		return err
	}
	defer unix.Close(fd)
	return unix.MoveMount(fd, "", own, name, unix.MOVE_MOUNT_F_EMPTY_PATH)
}

// place attaches one further bind, on a place that it makes.
func (t *tree) place(m mountFD) error {
	if dir := path.Dir(m.target); dir != "." {
		if err := t.mkdirs(dir); err != nil {
			return err
		}
	}
	switch {
	case m.symlink != "":
		if err := unix.Symlinkat(m.symlink, t.root, m.target); err != nil && err != unix.EEXIST {
			return step("creating symlink '/"+m.target+"'", err)
		}
		return nil
	case m.isDir:
		if err := t.mkdirs(m.target); err != nil {
			return err
		}
	default:
		if err := unix.Mknodat(t.root, m.target, unix.S_IFREG|0o644, 0); err != nil && err != unix.EEXIST {
			return step("creating file '/"+m.target+"'", err)
		}
	}
	return t.attach(m.fd, m.target)
}

// special mounts the file systems of the kernel.
func (t *tree) special() error {
	size := t.ShmSize
	if size == "" {
		size = "50%"
	}
	for _, fs := range [][]string{
		{"proc", "proc"},
		{"dev/shm", "tmpfs", "mode", "1777", "size", size},
		{"dev/pts", "devpts", "newinstance", "", "mode", "0620", "ptmxmode", "0666"},
	} {
		fd, err := newMount(fs[1], fs[2:]...)
		if err != nil {
			return step("mounting /"+fs[0], err)
		}
		if err := t.attach(fd, fs[0]); err != nil {
			return err
		}
		unix.Close(fd)
	}
	return nil
}
