package shell

import (
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

var errPipe = syscall.EPIPE

func (c *call) mkdir() int {
	opts, dirs := c.getopt("pm:v", "parents=p mode=m verbose=v")
	c.need(dirs, 1)
	for _, name := range dirs {
		path := c.path(name)
		var err error
		if opts.has('p') {
			err = os.MkdirAll(path, 0o777)
		} else {
			err = os.Mkdir(path, 0o777)
		}
		if err != nil {
			c.warn("cannot create directory '%s': %s", name, reason(err))
			continue
		}
		if mode, ok := opts.last('m'); ok {
			c.setMode(path, name, mode)
		}
		if opts.has('v') {
			fmt.Fprintf(c.out, "mkdir: created directory '%s'\n", name)
		}
	}
	return 0
}

func (c *call) rmdir() int {
	opts, dirs := c.getopt("pv", "parents=p verbose ignore-fail-on-non-empty=i")
	c.need(dirs, 1)
	for _, name := range dirs {
		for name = trimSlashes(name); ; {
			if err := syscall.Rmdir(c.path(name)); err != nil {
				if !(opts.has('i') && errors.Is(err, syscall.ENOTEMPTY)) {
					c.warn("failed to remove '%s': %s", name, reason(&os.SyscallError{Err: err}))
				}
				break
			}
			i := strings.LastIndexByte(name, '/')
			if !opts.has('p') || i <= 0 {
				break
			}
			name = trimSlashes(name[:i])
		}
	}
	return 0
}

func (c *call) rm() int {
	opts, names := c.getopt("rRfidvI", "recursive=r force=f dir=d verbose=v interactive= one-file-system= preserve-root= no-preserve-root=")
	if len(names) == 0 && !opts.has('f') {
		c.need(names, 1)
	}
	recursive := opts.has('r') || opts.has('R')
	for _, name := range names {
		if b := base(name); b == "." || b == ".." || b == "/" {
			c.warn("refusing to remove '.' or '..' directory: skipping '%s'", name)
			continue
		}
		path := c.path(name)
		fi, err := os.Lstat(path)
		if err != nil {
			if !opts.has('f') || !errors.Is(err, fs.ErrNotExist) && !errors.Is(err, syscall.ENOTDIR) {
				c.warn("cannot remove '%s': %s", name, reason(err))
			}
			continue
		}
		switch {
		case fi.IsDir() && !recursive && !opts.has('d'):
			c.warn("cannot remove '%s': Is a directory", name)
			continue
		case fi.IsDir() && recursive:
			err = os.RemoveAll(path)
		default:
			err = os.Remove(path)
		}
		if err != nil {
			c.warn("cannot remove '%s': %s", name, reason(err))
		} else if opts.has('v') {
			fmt.Fprintf(c.out, "removed '%s'\n", name)
		}
	}
	return 0
}

func (c *call) touch() int {
	opts, names := c.getopt("acmht:d:r:f", "no-create=c date=d reference=r no-dereference=h time=")
	c.need(names, 1)
	now := time.Now()
	atime, mtime := now, now
	if ref, ok := opts.last('r'); ok {
		fi, err := os.Stat(c.path(ref))
		if err != nil {
			c.die(1, "failed to get attributes of '%s': %s", ref, reason(err))
		}
		atime, mtime = fi.ModTime(), fi.ModTime()
	}
	if s, ok := opts.last('d'); ok {
		t, err := parseDate(s, c.location())
		if err != nil {
			c.die(1, "invalid date format '%s'", s)
		}
		atime, mtime = t, t
	}
	if s, ok := opts.last('t'); ok {
		t, err := parseTouchTime(s, c.location())
		if err != nil {
			c.die(1, "invalid date format '%s'", s)
		}
		atime, mtime = t, t
	}
	for _, name := range names {
		path := c.path(name)
		if !exists(path) || !opts.has('h') && !statOK(path) {
			if opts.has('c') {
				continue
			}
			f, err := os.OpenFile(path, os.O_CREATE|os.O_WRONLY, 0o666)
			if err != nil {
				c.warn("cannot touch '%s': %s", name, reason(err))
				continue
			}
			f.Close()
		}
		a, m := atime, mtime
		if opts.has('a') && !opts.has('m') {
			m = time.Time{} // left alone
		}
		if opts.has('m') && !opts.has('a') {
			a = time.Time{}
		}
		if err := setTimes(path, a, m, opts.has('h')); err != nil {
			c.warn("setting times of '%s': %s", name, reason(err))
		}
	}
	return 0
}

func statOK(path string) bool {
	_, err := os.Stat(path)
	return err == nil
}

// setTimes sets times; a zero time is left alone.
func setTimes(path string, atime, mtime time.Time, link bool) error {
	spec := func(t time.Time) unix.Timespec {
		if t.IsZero() {
			return unix.Timespec{Nsec: utimeOmit}
		}
		return unix.NsecToTimespec(t.UnixNano())
	}
	flags := 0
	if link {
		flags = unix.AT_SYMLINK_NOFOLLOW
	}
	err := unix.UtimesNanoAt(unix.AT_FDCWD, path, []unix.Timespec{spec(atime), spec(mtime)}, flags)
	return os.NewSyscallError("utimensat", err)
}

// parseTouchTime reads [[CC]YY]MMDDhhmm[.ss].
func parseTouchTime(s string, loc *time.Location) (time.Time, error) {
	s, secs, _ := strings.Cut(s, ".")
	if secs == "" {
		secs = "00"
	}
	switch len(s) {
	case 8:
		s = strconv.Itoa(time.Now().Year()) + s
	case 10:
		century := "20"
		if s[0] >= '7' {
			century = "19"
		}
		s = century + s
	}
	return time.ParseInLocation("20060102150405", s+secs, loc)
}

func (c *call) ln() int {
	opts, names := c.getopt("sfnrvTt:bi", "symbolic=s force=f no-dereference=n relative=r verbose=v no-target-directory=T target-directory=t")
	dir, intoDir := opts.last('t')
	switch {
	case intoDir:
		c.need(names, 1)
	case len(names) == 1 && !opts.has('T'):
		dir, intoDir = ".", true
	default:
		c.need(names, 2)
		last := names[len(names)-1]
		followed := isDir(c.path(last))
		if fi, err := os.Lstat(c.path(last)); err == nil && opts.has('n') && fi.Mode()&fs.ModeSymlink != 0 {
			followed = false
		}
		if !opts.has('T') && followed {
			dir, intoDir = last, true
			names = names[:len(names)-1]
		} else if len(names) > 2 {
			c.die(1, "target '%s' is not a directory", last)
		}
	}
	if !intoDir {
		c.link(opts, names[0], names[1])
		return 0
	}
	for _, target := range names {
		c.link(opts, target, strings.TrimSuffix(dir, "/")+"/"+base(target))
	}
	return 0
}

func (c *call) link(opts options, target, name string) {
	path := c.path(name)
	if opts.has('f') {
		if fi, err := os.Lstat(path); err == nil && !fi.IsDir() {
			if err := os.Remove(path); err != nil {
				c.warn("cannot remove '%s': %s", name, reason(err))
				return
			}
		}
	}
	var err error
	if opts.has('s') {
		if opts.has('r') {
			var dir string
			if dir, err = filepath.EvalSymlinks(filepath.Dir(path)); err == nil {
				abs := c.path(target)
				if d, derr := filepath.EvalSymlinks(filepath.Dir(abs)); derr == nil {
					abs = filepath.Join(d, filepath.Base(abs))
				}
				target, err = filepath.Rel(dir, abs)
			}
		}
		if err == nil {
			err = os.Symlink(target, path)
		}
		if err != nil {
			c.warn("failed to create symbolic link '%s': %s", name, reason(err))
			return
		}
	} else if err = os.Link(c.path(target), path); err != nil {
		c.warn("failed to create hard link '%s' => '%s': %s", name, target, reason(err))
		return
	}
	if opts.has('v') {
		fmt.Fprintf(c.out, "'%s' -> '%s'\n", name, target)
	}
}

func (c *call) mktemp() int {
	opts, names := c.getopt("dqup:t", "directory=d quiet=q dry-run=u tmpdir=p suffix=")
	template := "tmp.XXXXXXXXXX"
	dir, hasDir := opts.last('p')
	if len(names) > 0 {
		template = names[0]
	} else {
		hasDir = true
	}
	if (hasDir || opts.has('t')) && dir == "" {
		if dir = c.getenv("TMPDIR"); dir == "" {
			dir = "/tmp"
		}
		hasDir = true
	}
	end := strings.LastIndexByte(template, 'X') + 1
	start := end
	for start > 0 && template[start-1] == 'X' {
		start--
	}
	if end-start < 3 {
		c.die(1, "too few X's in template '%s'", template)
	}
	for range 100 {
		const chars = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"
		random := make([]byte, end-start)
		rand.Read(random)
		for i, b := range random {
			random[i] = chars[int(b)%len(chars)]
		}
		name := template[:start] + string(random) + template[end:]
		if hasDir {
			name = strings.TrimSuffix(dir, "/") + "/" + name
		}
		path := c.path(name)
		var err error
		switch {
		case opts.has('u'):
			if exists(path) {
				continue
			}
		case opts.has('d'):
			err = os.Mkdir(path, 0o700)
		default:
			var f *os.File
			if f, err = os.OpenFile(path, os.O_CREATE|os.O_EXCL|os.O_RDWR, 0o600); err == nil {
				f.Close()
			}
		}
		if errors.Is(err, fs.ErrExist) {
			continue
		}
		if err != nil {
			c.die(1, "failed to create file via template '%s': %s", template, reason(err))
		}
		fmt.Fprintln(c.out, name)
		return 0
	}
	c.die(1, "failed to create file via template '%s': File exists", template)
	return 1
}

func (c *call) mkfifo() int {
	opts, names := c.getopt("m:", "mode=m")
	c.need(names, 1)
	for _, name := range names {
		if err := syscall.Mkfifo(c.path(name), 0o666); err != nil {
			c.warn("cannot create fifo '%s': %s", name, reason(os.NewSyscallError("mkfifo", err)))
		} else if mode, ok := opts.last('m'); ok {
			c.setMode(c.path(name), name, mode)
		}
	}
	return 0
}

// chown exists for scripts that call it; in a build there is one owner.
func (c *call) chown() int {
	opts, names := c.getopt("RhfvcHLP", "recursive=R no-dereference=h quiet=f silent=f verbose=v reference=")
	c.need(names, 2)
	owner, group, _ := strings.Cut(strings.ReplaceAll(names[0], ".", ":"), ":")
	if c.name == "chgrp" {
		owner, group = "", owner
	}
	id := func(s string, own int) int {
		switch n, err := strconv.Atoi(s); {
		case s == "":
			return -1
		case err == nil:
			return n
		case s == "root":
			return 0
		case s == c.getenv("USER"):
			return own
		}
		c.die(1, "invalid user: '%s'", names[0])
		return -1
	}
	uid, gid := id(owner, os.Getuid()), id(group, os.Getgid())
	for _, name := range names[1:] {
		set := func(path string, _ fs.DirEntry, err error) error {
			if err == nil {
				err = os.Lchown(path, uid, gid)
			}
			if err != nil && !opts.has('f') {
				c.warn("changing ownership of '%s': %s", name, reason(err))
			}
			return nil
		}
		if opts.has('R') {
			filepath.WalkDir(c.path(name), set)
		} else {
			set(c.path(name), nil, nil)
		}
	}
	return 0
}

func (c *call) tee() int {
	opts, names := c.getopt("aip", "append=a ignore-interrupts=i")
	flags := os.O_CREATE | os.O_WRONLY | os.O_TRUNC
	if opts.has('a') {
		flags = os.O_CREATE | os.O_WRONLY | os.O_APPEND
	}
	writers := []io.Writer{c.Stdout}
	for _, name := range names {
		f, err := os.OpenFile(c.path(name), flags, 0o666)
		if err != nil {
			c.fileErr(name, err)
			continue
		}
		defer f.Close()
		writers = append(writers, f)
	}
	if _, err := io.Copy(io.MultiWriter(writers...), c.Stdin); err != nil {
		c.inputErr("-", err)
	}
	return 0
}
