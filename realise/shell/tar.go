package shell

import (
	"archive/tar"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"syscall"
	"time"
)

// tarrer carries out tar.
type tarrer struct {
	c       *call
	opts    options
	dir     string // of -C
	strip   int
	exclude []*regexp.Regexp
}

func (c *call) tar() int {
	// The first word may be options without a dash.
	if len(c.args) > 0 && c.args[0] != "" && c.args[0][0] != '-' {
		c.args = bareOptions(c.args)
	}
	opts, names := c.getoptTar()
	t := &tarrer{c: c, opts: opts, dir: c.Dir}
	for _, o := range opts {
		switch o.letter {
		case 'C':
			t.dir = join(t.dir, o.value)
		case 'S':
			t.strip = int(c.number(o.value))
		case 'X':
			// A pattern matches a name, or the end of one from a slash on.
			re, err := regexp.Compile("(?s)(^|/)" + globRegexp(o.value) + "(/|$)")
			if err != nil {
				c.die(2, "invalid pattern '%s'", o.value)
			}
			t.exclude = append(t.exclude, re)
		}
	}
	if fi, err := os.Stat(t.dir); err != nil || !fi.IsDir() {
		c.die(2, "%s: Cannot open: No such file or directory", t.dir)
	}
	var err error
	switch {
	case opts.has('c'):
		err = t.create(names)
	case opts.has('x'), opts.has('t'):
		err = t.extract(names)
	default:
		c.die(2, "You must specify one of the '-ctx' options")
	}
	if err != nil {
		c.warn("%s", err)
		c.die(2, "Error is not recoverable: exiting now")
	}
	if c.status > 0 {
		c.warn("Exiting with failure status due to previous errors")
	}
	return 0
}

// bareOptions turns "xzf FILE …" into "-x -z -f FILE …".
func bareOptions(args []string) []string {
	var out []string
	rest := args[1:]
	for _, letter := range args[0] {
		out = append(out, "-"+string(letter))
		if strings.ContainsRune("fCX", letter) && len(rest) > 0 {
			out = append(out, rest[0])
			rest = rest[1:]
		}
	}
	return append(out, rest...)
}

func (c *call) getoptTar() (options, []string) {
	return c.getopt("cxtvzjJf:C:pomkhPOaX:S:M:T:",
		"create=c extract=x get=x list=t verbose=v gzip=z gunzip=z ungzip=z bzip2=j xz=J zstd=1 file=f directory=C preserve-permissions=p same-permissions=p no-same-owner=o "+
			"same-owner= no-same-permissions= touch=m keep-old-files=k dereference=h absolute-names=P to-stdout=O auto-compress=a exclude=X strip-components=S mtime=M files-from=T "+
			"owner=: group=: numeric-owner= sort=: format=: mode=: no-recursion=n warning=: delay-directory-restore= hard-dereference= pax-option=: overwrite= no-overwrite-dir= null=0")
}

func (t *tarrer) excluded(name string) bool {
	return slices.ContainsFunc(t.exclude, func(re *regexp.Regexp) bool { return re.MatchString(name) })
}

func (t *tarrer) create(names []string) (err error) {
	file, ok := t.opts.last('f')
	var w io.Writer = t.c.Stdout
	if ok && file != "-" {
		f, err := os.Create(t.c.path(file))
		if err != nil {
			return err
		}
		defer func() {
			if cerr := f.Close(); err == nil {
				err = cerr
			}
		}()
		w = f
	}
	format := ""
	switch {
	case t.opts.has('z'):
		format = "gzip"
	case t.opts.has('j'):
		format = "bzip2"
	case t.opts.has('J'):
		format = "xz"
	case t.opts.has('1'):
		format = "zstd"
	case t.opts.has('a') && (strings.HasSuffix(file, ".gz") || strings.HasSuffix(file, ".tgz")):
		format = "gzip"
	case t.opts.has('a') && strings.HasSuffix(file, ".zst"):
		format = "zstd"
	}
	if format != "" {
		zw, err := compressor(w, format, 0)
		if err != nil {
			return err
		}
		defer func() {
			if cerr := zw.Close(); err == nil {
				err = cerr
			}
		}()
		w = zw
	}
	tw := tar.NewWriter(w)
	if list, ok := t.opts.last('T'); ok {
		t.c.inputs([]string{list}, func(_ string, r io.Reader) error {
			return lines(r, func(line string) bool {
				names = append(names, line)
				return true
			})
		})
	}
	if len(names) == 0 && !t.opts.has('T') {
		return errors.New("cowardly refusing to create an empty archive")
	}
	links := make(map[inode]string)
	for _, name := range names {
		if err := t.add(tw, name, links); err != nil {
			return err
		}
	}
	return tw.Close()
}

func (t *tarrer) add(tw *tar.Writer, name string, links map[inode]string) error {
	if t.excluded(name) {
		return nil
	}
	full := join(t.dir, name)
	stat := os.Lstat
	if t.opts.has('h') {
		stat = os.Stat
	}
	fi, err := stat(full)
	if err != nil {
		t.c.warn("%s: Cannot stat: %s", name, reason(err))
		t.c.status = 2
		return nil
	}
	target := ""
	if fi.Mode()&fs.ModeSymlink != 0 {
		if target, err = os.Readlink(full); err != nil {
			return err
		}
	}
	h, err := tar.FileInfoHeader(fi, target)
	if err != nil {
		return fmt.Errorf("%s: %w", name, err)
	}
	h.Name = strings.TrimLeft(name, "/")
	if fi.IsDir() {
		h.Name = trimSlashes(h.Name) + "/"
	}
	h.Uname, h.Gname = "", ""
	h.AccessTime, h.ChangeTime = time.Time{}, time.Time{}
	h.ModTime = h.ModTime.Truncate(time.Second)
	if s, ok := t.opts.last('M'); ok {
		if h.ModTime, err = parseDate(s, t.c.location()); err != nil {
			return err
		}
	}
	if t.opts.has(':') { // --owner, --group and the like: builds want them fixed
		h.Uid, h.Gid = 0, 0
	}
	if st, ok := fi.Sys().(*syscall.Stat_t); ok && st.Nlink > 1 && fi.Mode().IsRegular() {
		key := inode{uint64(st.Dev), st.Ino}
		if first, ok := links[key]; ok {
			h.Typeflag, h.Linkname, h.Size = tar.TypeLink, first, 0
		} else {
			links[key] = h.Name
		}
	}
	if t.opts.has('v') {
		t.c.out.Flush()
		fmt.Fprintln(t.c.Stderr, h.Name)
	}
	if err := tw.WriteHeader(h); err != nil {
		return fmt.Errorf("%s: %w", name, err)
	}
	if h.Typeflag == tar.TypeReg {
		f, err := os.Open(full)
		if err != nil {
			return err
		}
		_, err = io.Copy(tw, f)
		f.Close()
		return err
	}
	if !fi.IsDir() || t.opts.has('n') {
		return nil
	}
	entries, err := os.ReadDir(full)
	if err != nil {
		return err
	}
	for _, e := range entries {
		if err := t.add(tw, trimSlashes(name)+"/"+e.Name(), links); err != nil {
			return err
		}
	}
	return nil
}

func (t *tarrer) extract(members []string) error {
	file, ok := t.opts.last('f')
	r := t.c.Stdin
	if ok && file != "-" {
		f, err := os.Open(t.c.path(file))
		if err != nil {
			return fmt.Errorf("%s: Cannot open: %s", file, reason(err))
		}
		defer f.Close()
		r = f
	}
	r, _, err := decompressor(r)
	if err != nil {
		return err
	}
	root, err := os.OpenRoot(t.dir)
	if err != nil {
		return err
	}
	defer root.Close()
	tr := tar.NewReader(r)
	seen := make(map[string]bool)
	var dirs []*tar.Header // whose times and modes are set at the end
	for {
		h, err := tr.Next()
		if err == io.EOF {
			break
		}
		if err != nil {
			return err
		}
		if h.Typeflag == tar.TypeXGlobalHeader || t.excluded(strings.TrimSuffix(h.Name, "/")) {
			continue
		}
		if len(members) > 0 {
			i := slices.IndexFunc(members, func(m string) bool {
				m = trimSlashes(m)
				return h.Name == m || strings.HasPrefix(h.Name, m+"/")
			})
			if i < 0 {
				continue
			}
			seen[members[i]] = true
		}
		if t.opts.has('t') {
			t.list(h)
			continue
		}
		if t.opts.has('O') {
			if _, err := io.Copy(t.c.out, tr); err != nil {
				return err
			}
			continue
		}
		if t.opts.has('v') {
			fmt.Fprintln(t.c.out, h.Name)
		}
		name, ok := t.memberName(h.Name)
		if !ok {
			continue
		}
		if err := t.extractOne(root, tr, h, name); err != nil {
			t.c.warn("%s: %s", h.Name, reason(err))
			t.c.status = 2
			continue
		}
		if h.Typeflag == tar.TypeDir {
			h.Name = name
			dirs = append(dirs, h)
		}
	}
	for _, h := range slices.Backward(dirs) {
		t.attributes(root, h.Name, h)
	}
	for _, m := range members {
		if !seen[m] {
			t.c.warn("%s: Not found in archive", m)
			t.c.status = 2
		}
	}
	return nil
}

func (t *tarrer) list(h *tar.Header) {
	if !t.opts.has('v') {
		fmt.Fprintln(t.c.out, h.Name)
		return
	}
	name := h.Name
	if h.Linkname != "" {
		name += " -> " + h.Linkname
	}
	fmt.Fprintf(t.c.out, "%s %d/%d %9d %s %s\n", modeString(h.FileInfo().Mode()), h.Uid, h.Gid, h.Size,
		h.ModTime.In(t.c.location()).Format("2006-01-02 15:04"), name)
}

// memberName is where a member goes, relative to the directory: without a
// root, without "..", and without the components to be stripped.
func (t *tarrer) memberName(name string) (string, bool) {
	parts := strings.Split(strings.Trim(path.Clean("/"+name), "/"), "/")
	if len(parts) <= t.strip {
		return "", false
	}
	name = strings.Join(parts[t.strip:], "/")
	return name, name != ""
}

// extractOne makes one member. The root keeps symbolic links, from the
// archive or not, from leading outside the directory.
func (t *tarrer) extractOne(root *os.Root, tr *tar.Reader, h *tar.Header, name string) error {
	dir := path.Dir(name)
	if dir != "." {
		if err := root.MkdirAll(dir, 0o777); err != nil {
			return err
		}
	}
	if h.Typeflag == tar.TypeDir {
		err := root.Mkdir(name, 0o777)
		if errors.Is(err, fs.ErrExist) {
			return nil
		}
		return err
	}
	if t.opts.has('k') {
		if _, err := root.Lstat(name); err == nil {
			return nil
		}
	} else if err := root.Remove(name); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	switch h.Typeflag {
	case tar.TypeReg:
		f, err := root.OpenFile(name, os.O_CREATE|os.O_EXCL|os.O_WRONLY, h.FileInfo().Mode().Perm())
		if err != nil {
			return err
		}
		_, err = io.Copy(f, tr)
		if cerr := f.Close(); err == nil {
			err = cerr
		}
		if err != nil {
			return err
		}
		t.attributes(root, name, h)
		return nil
	case tar.TypeSymlink:
		return root.Symlink(h.Linkname, name)
	case tar.TypeLink:
		target, ok := t.memberName(h.Linkname)
		if !ok {
			return fmt.Errorf("link to '%s', which is not extracted", h.Linkname)
		}
		return root.Link(target, name)
	case tar.TypeFifo:
		return syscall.Mkfifo(filepath.Join(t.dir, name), uint32(h.Mode&0o777))
	}
	return fmt.Errorf("unknown type of member '%c'", h.Typeflag)
}

// attributes sets mode and time; the umask applies unless -p is given.
func (t *tarrer) attributes(root *os.Root, name string, h *tar.Header) {
	mode := h.FileInfo().Mode().Perm()
	if !t.opts.has('p') {
		mode &^= fs.FileMode(currentUmask())
	}
	err := root.Chmod(name, mode)
	if err == nil && !t.opts.has('m') {
		err = root.Chtimes(name, h.ModTime, h.ModTime)
	}
	if err != nil {
		t.c.warn("%s: %s", name, reason(err))
	}
}
