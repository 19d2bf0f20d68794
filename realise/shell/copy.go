package shell

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"time"
)

// targets works out where cp, mv and install put each operand: pairs of names.
func (c *call) targets(opts options, names []string) (pairs [][2]string) {
	dir, into := opts.last('t')
	if into {
		c.need(names, 1)
		c.wantDir("target directory", dir)
	} else {
		c.need(names, 2)
		last := names[len(names)-1]
		if !opts.has('T') && isDir(c.path(last)) {
			dir, into = last, true
		} else if len(names) > 2 || strings.HasSuffix(last, "/") && !isDir(c.path(names[0])) {
			c.wantDir("target", last)
		}
		if !into {
			return [][2]string{{names[0], last}}
		}
		names = names[:len(names)-1]
	}
	for _, name := range names {
		dest := base(name)
		if opts.has('D') && c.name == "cp" { // --parents
			dest = strings.TrimPrefix(name, "/")
		}
		pairs = append(pairs, [2]string{name, strings.TrimSuffix(dir, "/") + "/" + dest})
	}
	return pairs
}

// wantDir ends the tool unless there is a directory of that name.
func (c *call) wantDir(what, name string) {
	fi, err := os.Stat(c.path(name))
	if err == nil && !fi.IsDir() {
		err = syscall.ENOTDIR
	}
	if err != nil {
		c.die(1, "%s '%s': %s", what, name, reason(err))
	}
}

// copier copies trees with the options of cp.
type copier struct {
	c *call
	// recursive copies directories; follow follows links in them, and
	// followArgs those that are operands.
	recursive, follow, followArgs bool
	force, noClobber, update      bool
	// preserve keeps the mode, beyond the umask, and times the times.
	preserve, times   bool
	hardLink, symLink bool
	removeDestination bool
	verbose           bool
	links             map[inode]string
	preserveLinks     bool
}

type inode struct{ dev, ino uint64 }

func (c *call) cp() int {
	opts, names := c.getopt("adfHiLlnPpRrsTt:uvxDXN",
		"archive=a recursive=r force=f no-clobber=n no-dereference=P dereference=L link=l symbolic-link=s update=u verbose=v "+
			"preserve=p no-preserve=N no-target-directory=T target-directory=t parents=D reflink= sparse= one-file-system= "+
			"strip-trailing-slashes= remove-destination=X")
	cp := &copier{
		c:                 c,
		recursive:         opts.has('a') || opts.has('r') || opts.has('R'),
		force:             opts.has('f'),
		noClobber:         opts.has('n'),
		update:            opts.has('u'),
		preserve:          opts.has('a') || opts.has('p'),
		times:             opts.has('a') || opts.has('p'),
		hardLink:          opts.has('l'),
		symLink:           opts.has('s'),
		verbose:           opts.has('v'),
		removeDestination: opts.has('X'),
		preserveLinks:     opts.has('a') || opts.has('d'),
		links:             make(map[inode]string),
	}
	switch opts.lastOf("aLPdH") {
	case 'L':
		cp.follow, cp.followArgs = true, true
	case 'H':
		cp.followArgs = true
	case 0:
		cp.follow, cp.followArgs = !cp.recursive, !cp.recursive
	}
	if opts.has('N') {
		cp.preserve, cp.times = false, false
	}
	for _, pair := range c.targets(opts, names) {
		if opts.has('D') {
			if err := os.MkdirAll(filepath.Dir(c.path(pair[1])), 0o777); err != nil {
				c.fileErr(pair[1], err)
				continue
			}
		}
		src, dst := c.path(pair[0]), c.path(pair[1])
		if strings.HasPrefix(filepath.Clean(dst)+"/", filepath.Clean(src)+"/") && cp.recursive && isDir(src) {
			c.warn("cannot copy a directory, '%s', into itself, '%s'", pair[0], pair[1])
			continue
		}
		cp.copy(src, dst, pair[0], pair[1], cp.followArgs)
	}
	return 0
}

// copy copies one node; errors are reported and the copying goes on.
func (cp *copier) copy(src, dst, srcName, dstName string, follow bool) {
	stat := os.Lstat
	if follow {
		stat = os.Stat
	}
	fi, err := stat(src)
	if err != nil {
		cp.c.warn("cannot stat '%s': %s", srcName, reason(err))
		return
	}
	if fi.IsDir() && !cp.recursive {
		cp.c.warn("-r not specified; omitting directory '%s'", srcName)
		return
	}
	dfi, derr := os.Lstat(dst)
	if derr == nil && !fi.IsDir() {
		switch {
		case dfi.IsDir():
			cp.c.warn("cannot overwrite directory '%s' with non-directory", dstName)
			return
		case cp.noClobber, cp.update && !dfi.ModTime().Before(fi.ModTime()):
			return
		case os.SameFile(fi, dfi):
			cp.c.warn("'%s' and '%s' are the same file", srcName, dstName)
			return
		}
	}
	if cp.verbose {
		fmt.Fprintf(cp.c.out, "'%s' -> '%s'\n", srcName, dstName)
	}
	switch {
	case fi.IsDir():
		cp.copyDir(src, dst, srcName, dstName, fi)
	case cp.symLink:
		err = os.Symlink(src, dst)
	case cp.hardLink:
		err = os.Link(src, dst)
	case fi.Mode()&fs.ModeSymlink != 0:
		err = cp.copyLink(src, dst)
	case fi.Mode().IsRegular() || follow && fi.Mode()&(fs.ModeNamedPipe|fs.ModeDevice) != 0:
		err = cp.copyFile(src, dst, fi)
	case fi.Mode()&fs.ModeNamedPipe != 0:
		err = os.NewSyscallError("mkfifo", syscall.Mkfifo(dst, unixMode(fi.Mode())))
	default:
		err = errors.New("unsupported type of file")
	}
	if err != nil {
		cp.c.warn("cannot create '%s': %s", dstName, reason(err))
	}
}

func (cp *copier) copyLink(src, dst string) error {
	target, err := os.Readlink(src)
	if err != nil {
		return err
	}
	if exists(dst) {
		if err := os.Remove(dst); err != nil {
			return err
		}
	}
	return os.Symlink(target, dst)
}

func (cp *copier) copyDir(src, dst, srcName, dstName string, fi fs.FileInfo) {
	entries, err := os.ReadDir(src)
	if err != nil {
		cp.c.warn("cannot open directory '%s': %s", srcName, reason(err))
		return
	}
	made := false
	if !isDir(dst) {
		// The mode that forbids writing comes last.
		if err := os.Mkdir(dst, fi.Mode().Perm()|0o700); err != nil {
			cp.c.warn("cannot create directory '%s': %s", dstName, reason(err))
			return
		}
		made = true
	}
	for _, e := range entries {
		cp.copy(src+"/"+e.Name(), dst+"/"+e.Name(), srcName+"/"+e.Name(), dstName+"/"+e.Name(), cp.follow)
	}
	if made {
		cp.attributes(dst, fi)
	}
}

// attributes gives what was made the mode of its source, less the umask
// unless modes are preserved, and its times if they are.
func (cp *copier) attributes(dst string, fi fs.FileInfo) {
	mode := unixMode(fi.Mode())
	if !cp.preserve {
		mode = mode & 0o777 &^ currentUmask()
	}
	if err := syscall.Chmod(dst, mode); err != nil {
		cp.c.warn("preserving permissions for '%s': %s", dst, reason(os.NewSyscallError("chmod", err)))
	}
	if cp.times {
		if err := setTimes(dst, fi.ModTime(), fi.ModTime(), false); err != nil {
			cp.c.warn("preserving times for '%s': %s", dst, reason(err))
		}
	}
}

func (cp *copier) copyFile(src, dst string, fi fs.FileInfo) error {
	if cp.preserveLinks {
		if st, ok := fi.Sys().(*syscall.Stat_t); ok && st.Nlink > 1 {
			key := inode{uint64(st.Dev), st.Ino}
			if first, ok := cp.links[key]; ok {
				os.Remove(dst)
				return os.Link(first, dst)
			}
			cp.links[key] = dst
		}
	}
	in, err := os.Open(src)
	if err != nil {
		return err
	}
	defer in.Close()
	if cp.removeDestination {
		if err := os.Remove(dst); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
	}
	made := !exists(dst)
	open := func() (*os.File, error) {
		return os.OpenFile(dst, os.O_CREATE|os.O_WRONLY|os.O_TRUNC, fi.Mode().Perm())
	}
	out, err := open()
	if err != nil && cp.force && !made {
		if err := os.Remove(dst); err != nil {
			return err
		}
		made = true
		out, err = open()
	}
	if err != nil {
		return err
	}
	_, err = io.Copy(out, in)
	if cerr := out.Close(); err == nil {
		err = cerr
	}
	if err == nil && cp.preserve {
		cp.attributes(dst, fi)
	}
	return err
}

func (c *call) mv() int {
	opts, names := c.getopt("finuvTt:", "force=f interactive=i no-clobber=n update=u verbose=v no-target-directory=T target-directory=t")
	for _, pair := range c.targets(opts, names) {
		src, dst := c.path(trimSlashes(pair[0])), c.path(pair[1])
		sfi, err := os.Lstat(src)
		if err != nil {
			c.warn("cannot stat '%s': %s", pair[0], reason(err))
			continue
		}
		if dfi, err := os.Lstat(dst); err == nil {
			switch {
			case opts.has('n'), opts.has('u') && !dfi.ModTime().Before(sfi.ModTime()):
				continue
			case os.SameFile(sfi, dfi):
				c.warn("'%s' and '%s' are the same file", pair[0], pair[1])
				continue
			case dfi.IsDir() && !sfi.IsDir():
				c.warn("cannot overwrite directory '%s' with non-directory", pair[1])
				continue
			}
		}
		err = os.Rename(src, dst)
		if errors.Is(err, syscall.EXDEV) {
			before := c.status
			cp := &copier{c: c, recursive: true, force: true, preserve: true, times: true, preserveLinks: true, links: make(map[inode]string)}
			cp.copy(src, dst, pair[0], pair[1], false)
			if c.status != before {
				continue
			}
			err = os.RemoveAll(src)
		}
		if err != nil {
			c.warn("cannot move '%s' to '%s': %s", pair[0], pair[1], reason(err))
		} else if opts.has('v') {
			fmt.Fprintf(c.out, "renamed '%s' -> '%s'\n", pair[0], pair[1])
		}
	}
	return 0
}

func (c *call) install() int {
	opts, names := c.getopt("bcCdDm:o:g:pst:Tv", "directory=d mode=m owner=o group=g preserve-timestamps=p strip=s target-directory=t no-target-directory=T verbose=v compare=C")
	mode := "755"
	if m, ok := opts.last('m'); ok {
		mode = m
	}
	if opts.has('d') {
		c.need(names, 1)
		for _, name := range names {
			if err := os.MkdirAll(c.path(name), 0o755); err != nil {
				c.warn("cannot create directory '%s': %s", name, reason(err))
				continue
			}
			c.setMode(c.path(name), name, mode)
		}
		return 0
	}
	if opts.has('D') {
		dir, ok := opts.last('t')
		if !ok {
			c.need(names, 2)
			dir = filepath.Dir(names[len(names)-1])
		}
		if err := os.MkdirAll(c.path(dir), 0o755); err != nil {
			c.die(1, "cannot create directory '%s': %s", dir, reason(err))
		}
	}
	cp := &copier{c: c, force: true, removeDestination: true}
	for _, pair := range c.targets(opts, names) {
		src, dst := c.path(pair[0]), c.path(pair[1])
		fi, err := os.Stat(src)
		if err == nil && fi.IsDir() {
			c.warn("omitting directory '%s'", pair[0])
			continue
		}
		if err == nil {
			err = cp.copyFile(src, dst, fi)
		}
		if err != nil {
			c.warn("cannot install '%s' to '%s': %s", pair[0], pair[1], reason(err))
			continue
		}
		c.setMode(dst, pair[1], mode)
		if opts.has('p') {
			if err := setTimes(dst, fi.ModTime(), fi.ModTime(), false); err != nil {
				c.fileErr(pair[1], err)
			}
		} else if err := setTimes(dst, time.Now(), time.Now(), false); err != nil {
			c.fileErr(pair[1], err)
		}
		if opts.has('v') {
			fmt.Fprintf(c.out, "'%s' -> '%s'\n", pair[0], pair[1])
		}
	}
	return 0
}
