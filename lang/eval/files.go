package eval

import (
	"errors"
	"fmt"
	"io/fs"
	"path"
	"strings"
	"sync"
	"syscall"

	"github.com/seed192a40f6/glang/lang/ast"
	"github.com/seed192a40f6/glang/lang/diag"
	"github.com/seed192a40f6/glang/store/hash"
	"github.com/seed192a40f6/glang/store/nar"
	"github.com/seed192a40f6/glang/store/storepath"
)

// CleanPath makes an absolute path canonical, by its text alone.
func CleanPath(p string) string {
	if isClean(p) {
		return p
	}
	return path.Clean("/" + p)
}

// cleanPath is CleanPath of what an expression computed. Of a path far too long
// several copies are made before the system refuses it.
func (m *Machine) cleanPath(p string) string {
	if len(p) > chargeUnit {
		m.Reserve(16 * int64(len(p)))
	}
	return CleanPath(p)
}

func isClean(p string) bool {
	if p == "" || p[0] != '/' {
		return false
	}
	if len(p) == 1 {
		return true
	}
	if p[len(p)-1] == '/' {
		return false
	}
	for i := 0; i < len(p)-1; i++ {
		if p[i] == '/' {
			switch p[i+1] {
			case '/':
				return false
			case '.':
				rest := p[i+2:]
				if rest == "" || rest[0] == '/' || rest == "." || strings.HasPrefix(rest, "./") {
					return false
				}
			}
		}
	}
	return true
}

// accessFiles are the files that evaluation sees.
type accessFiles struct{ e *Evaluator }

// overlay finds the overlay that a path lies in.
func (e *Evaluator) overlay(name string) (o *Overlay, rest string) {
	for i := range e.opts.Overlays {
		o := &e.opts.Overlays[i]
		if hasDir(name, o.Dir) {
			rest = strings.TrimPrefix(name[len(o.Dir):], "/")
			if rest == "" {
				rest = "."
			}
			return o, rest
		}
	}
	return nil, ""
}

// CheckAccess is an error of kind Restricted if evaluation must not read a path.
func (e *Evaluator) CheckAccess(name string) error {
	if !e.opts.Pure && !e.opts.Restrict || e.isAllowed(name) {
		return nil
	}
	mode := "in restricted mode"
	if e.opts.Pure {
		mode = "in pure evaluation mode (use '--impure' to override)"
	}
	return &diag.Error{Kind: diag.Restricted, Message: Messagef("access to absolute path '%s' is forbidden %s", name, mode)}
}

// isAllowed: a path is allowed if it is, or is above or below, an allowed one.
func (e *Evaluator) isAllowed(name string) bool {
	if o, _ := e.overlay(name); o != nil {
		return true
	}
	e.allowMu.RLock()
	defer e.allowMu.RUnlock()
	for _, a := range e.allowed {
		if hasDir(name, a) || hasDir(a, name) {
			return true
		}
	}
	return false
}

// Allow lets evaluation read a path and what is below it.
func (e *Evaluator) Allow(name string) {
	if !e.opts.Pure && !e.opts.Restrict {
		return
	}
	e.allowMu.Lock()
	e.allowed = append(e.allowed, name)
	e.allowMu.Unlock()
}

// AllowStorePath is Allow for a store path.
func (e *Evaluator) AllowStorePath(p storepath.Path) { e.Allow(e.opts.Scheme.Print(p)) }

func (a accessFiles) Open(name string) (fs.File, error) {
	if o, rest := a.e.overlay(name); o != nil {
		return o.FS.Open(rest)
	}
	if err := a.e.CheckAccess(name); err != nil {
		return nil, err
	}
	return a.e.opts.Files.Open(name)
}

func (a accessFiles) ReadFile(name string) ([]byte, error) {
	if o, rest := a.e.overlay(name); o != nil {
		return fs.ReadFile(o.FS, rest)
	}
	if err := a.e.CheckAccess(name); err != nil {
		return nil, err
	}
	return a.e.opts.Files.ReadFile(name)
}

// ReadFileInto is that of [FilesInto].
func (a accessFiles) ReadFileInto(name string, buf []byte) ([]byte, error) {
	if o, _ := a.e.overlay(name); o != nil {
		text, err := a.ReadFile(name)
		return append(buf, text...), err
	}
	if err := a.e.CheckAccess(name); err != nil {
		return buf, err
	}
	return ReadFileInto(a.e.opts.Files, name, buf)
}

// ReadFileInto reads a file, if its files are able to into memory that is at
// hand; see [FilesInto].
func ReadFileInto(files Files, name string, buf []byte) ([]byte, error) {
	if into, ok := files.(FilesInto); ok {
		return into.ReadFileInto(name, buf)
	}
	text, err := files.ReadFile(name)
	if cap(buf) == 0 {
		return text, err
	}
	return append(buf, text...), err
}

func (a accessFiles) ReadDir(name string) ([]fs.DirEntry, error) {
	if o, rest := a.e.overlay(name); o != nil {
		return fs.ReadDir(o.FS, rest)
	}
	if err := a.e.CheckAccess(name); err != nil {
		return nil, err
	}
	list, err := a.e.opts.Files.ReadDir(name)
	if err != nil || !a.e.opts.Pure && !a.e.opts.Restrict {
		return list, err
	}
	kept := list[:0:0]
	for _, d := range list {
		if a.e.isAllowed(path.Join(name, d.Name())) {
			kept = append(kept, d)
		}
	}
	return kept, nil
}

func (a accessFiles) Lstat(name string) (fs.FileInfo, error) {
	if o, rest := a.e.overlay(name); o != nil {
		return fs.Stat(o.FS, rest)
	}
	if err := a.e.CheckAccess(name); err != nil {
		return nil, err
	}
	return a.e.opts.Files.Lstat(name)
}

func (a accessFiles) Stat(name string) (fs.FileInfo, error) {
	if o, rest := a.e.overlay(name); o != nil {
		return fs.Stat(o.FS, rest)
	}
	if a.e.opts.Pure || a.e.opts.Restrict {
		r, err := a.e.ResolveSymlinks(name, false)
		if err != nil {
			return nil, err
		}
		return a.Lstat(r)
	}
	return a.e.opts.Files.Stat(name)
}

func (a accessFiles) Readlink(name string) (string, error) {
	if o, _ := a.e.overlay(name); o != nil {
		return "", &fs.PathError{Op: "readlink", Path: name, Err: fs.ErrInvalid}
	}
	if err := a.e.CheckAccess(name); err != nil {
		return "", err
	}
	return a.e.opts.Files.Readlink(name)
}

// Files are the Evaluator's, except that reading a long file ends when the
// machine's context does.
func (m *Machine) Files() Files { return machineFiles{m.E.Files(), m} }

type machineFiles struct {
	Files
	m *Machine
}

func (f machineFiles) Open(name string) (fs.File, error) {
	file, err := f.Files.Open(name)
	if err != nil {
		return nil, err
	}
	return machineFile{file, f.m}, nil
}

type machineFile struct {
	fs.File
	m *Machine
}

func (f machineFile) Read(p []byte) (int, error) {
	if f.m.stop.Load() {
		return 0, f.m.interrupted()
	}
	return f.File.Read(p)
}

// maxLinks bounds the symbolic links followed for one path, as the reference does.
const maxLinks = 1024

// ResolveSymlinks follows the symbolic links in a path; with ancestors, not
// that of its last component. What does not exist stays as it is.
func (e *Evaluator) ResolveSymlinks(name string, ancestors bool) (string, error) {
	if o, _ := e.overlay(name); o != nil || e.linkless(name, ancestors) {
		return name, nil
	}
	return e.followLinks(name, ancestors)
}

// followLinks is ResolveSymlinks one component after the other.
func (e *Evaluator) followLinks(name string, ancestors bool) (string, error) {
	res := ""
	todo := strings.Split(name, "/")
	links := 0
	for len(todo) > 0 {
		c := todo[0]
		todo = todo[1:]
		switch c {
		case "", ".":
			continue
		case "..":
			if i := strings.LastIndexByte(res, '/'); i >= 0 {
				res = res[:i]
			}
			continue
		}
		next := res + "/" + c
		if ancestors && len(todo) == 0 {
			res = next
			break
		}
		if (e.opts.Pure || e.opts.Restrict) && !e.isAllowed(next) {
			res = next
			continue
		}
		st, err := e.opts.Files.Lstat(next)
		if err != nil && !isMissing(err) {
			return "", err
		}
		if err != nil || st.Mode()&fs.ModeSymlink == 0 {
			res = next
			continue
		}
		if links++; links > maxLinks {
			return "", fmt.Errorf("infinite symlink recursion in path '%s'", name)
		}
		target, err := e.opts.Files.Readlink(next)
		if err != nil {
			return "", err
		}
		if strings.HasPrefix(target, "/") {
			res = ""
		}
		todo = append(strings.Split(target, "/"), todo...)
	}
	if res == "" {
		res = "/"
	}
	return res, nil
}

// linkless tells whether a path is canonical as it is. Folders once found to be
// no links are taken for that from then on.
func (e *Evaluator) linkless(name string, ancestors bool) bool {
	if e.opts.Pure || e.opts.Restrict || !isClean(name) {
		return false
	}
	end := len(name)
	if ancestors {
		end = strings.LastIndexByte(name, '/')
	}
	at := end
	for at > 0 && !e.plainDirs.has(name[:at]) {
		at = strings.LastIndexByte(name[:at], '/')
	}
	for at < end {
		if i := strings.IndexByte(name[at+1:end], '/'); i >= 0 {
			at += 1 + i
		} else {
			at = end
		}
		st, err := e.opts.Files.Lstat(name[:at])
		if err != nil {
			return isMissing(err) // and so is what lies below
		}
		if st.Mode()&fs.ModeSymlink != 0 {
			return false
		}
		if st.IsDir() {
			e.plainDirs.add(name[:at])
		}
	}
	return true
}

// stringSet is a set of strings for several goroutines.
type stringSet struct {
	mu sync.RWMutex
	m  map[string]struct{}
}

func (s *stringSet) has(x string) bool {
	s.mu.RLock()
	_, ok := s.m[x]
	s.mu.RUnlock()
	return ok
}

func (s *stringSet) add(x string) {
	s.mu.Lock()
	if s.m == nil {
		s.m = map[string]struct{}{}
	}
	s.m[x] = struct{}{}
	s.mu.Unlock()
}

func (s *stringSet) clear() {
	s.mu.Lock()
	clear(s.m)
	s.mu.Unlock()
}

// DisplayPath is a path as messages show it: those of overlays have names of
// their own.
func (e *Evaluator) DisplayPath(name string) string {
	if o, rest := e.overlay(name); o != nil {
		if rest == "." {
			return o.Display + o.Suffix
		}
		return o.Display + "/" + rest + o.Suffix
	}
	return name
}

// plainPath is a path as toString gives it.
func (e *Evaluator) plainPath(name string) string { return name }

// isMissing tells whether an error says that there is no such file.
func isMissing(err error) bool {
	return errors.Is(err, fs.ErrNotExist) || errors.Is(err, syscall.ENOTDIR)
}

// FileError is the reference's error for what went wrong with a path.
func (e *Evaluator) FileError(name string, err error) error {
	var d *diag.Error
	if errors.As(err, &d) {
		return err
	}
	if isMissing(err) {
		return &diag.Error{Kind: diag.Eval, Message: Messagef("path '%s' does not exist", e.DisplayPath(name)), Cause: err}
	}
	var pe *fs.PathError
	if errors.As(err, &pe) {
		if pe.Op == "open" {
			return &diag.Error{Kind: diag.Eval, Message: Messagef("opening file '%s': %s", e.DisplayPath(name), errnoText(pe.Err)), Cause: err}
		}
		what := map[string]string{"read": "reading from file", "readdirent": "reading directory",
			"lstat": "getting status of", "stat": "getting status of", "readlink": "reading symbolic link"}[pe.Op]
		if what == "" {
			what = pe.Op
		}
		return &diag.Error{Kind: diag.Eval, Message: fmt.Sprintf("%s %s: %s", what, Messagef("\"%s\"", e.DisplayPath(name)), Messagef("%s", errnoText(pe.Err))), Cause: err}
	}
	return &diag.Error{Kind: diag.Eval, Message: err.Error(), Cause: err}
}

// errnoText is the C library's text of a system error: with a capital.
func errnoText(err error) string {
	s := err.Error()
	if s != "" && s[0] >= 'a' && s[0] <= 'z' {
		s = string(s[0]-'a'+'A') + s[1:]
	}
	return s
}

// CopyPathToStore copies a file or tree into the store, each path once.
func (m *Machine) CopyPathToStore(name string) storepath.Path {
	e := m.E
	if strings.HasSuffix(name, storepath.DrvExtension) {
		m.Fail(diag.Eval, ast.NoPos, "file names are not allowed to end in '%s'", storepath.DrvExtension)
	}
	name = CleanPath(name)
	e.copyMu.Lock()
	p, ok := e.copied[name]
	e.copyMu.Unlock()
	if ok {
		return p
	}
	real, err := e.ResolveSymlinks(name, true)
	if err == nil { // that it is missing is said before that its name is no good
		_, err = m.Files().Lstat(real)
	}
	if err == nil && e.opts.Paths == nil {
		var h hash.Hash
		if h, _, err = nar.HashTree(e.opts.Scheme.Hash, m.Files(), real, nil); err == nil {
			p, err = e.opts.Scheme.SourcePath(path.Base(name), h, nil, false)
		}
	} else if err == nil {
		p, err = e.opts.Paths.AddPath(m.ctx, AddPath{
			Name: path.Base(name), Path: real, Files: m.Files(),
			Method: storepath.NAR, Algo: e.opts.Scheme.Hash, DryRun: e.opts.ReadOnly,
		})
	}
	if err != nil {
		m.FailErr(ast.NoPos, e.FileError(name, err))
	}
	e.AllowStorePath(p)
	e.copyMu.Lock()
	e.copied[name] = p
	e.copyMu.Unlock()
	return p
}

// PosText is a position as messages write it in one line: file:line:column.
func (e *Evaluator) PosText(pos ast.Pos) string {
	loc, ok := e.Sources.Locate(pos)
	if !ok {
		return "undefined position"
	}
	name := loc.Source.Path
	switch loc.Source.Origin {
	case ast.FromStdin:
		name = "«stdin»"
	case ast.FromString:
		name = "«string»"
	}
	return fmt.Sprintf("%s:%d:%d", name, loc.Line, loc.Column)
}

// PosValue is a position as the set that unsafeGetAttrPos and __curPos give;
// null if it is not in a file.
func (m *Machine) PosValue(pos ast.Pos) Value {
	e := m.E
	src, ok := e.sourceOf(pos)
	if !ok || src.Origin != ast.FromFile {
		return Null()
	}
	b := m.NewAttrs(3)
	b.Put(e.Sym.File, m.NewValue(String(src.Path, 0)), ast.NoPos)
	// Finding the line means reading the file again: only if it is asked for.
	part := func(f func(ast.Location) int) *Value {
		return m.LazyGo(func(*Machine) Value {
			loc, _ := e.Sources.Locate(pos)
			return Int(int64(f(loc)))
		})
	}
	b.Put(e.Sym.Line, part(func(l ast.Location) int { return l.Line }), ast.NoPos)
	b.Put(e.Sym.Column, part(func(l ast.Location) int { return l.Column }), ast.NoPos)
	return AttrsValue(b.Build())
}

func (e *Evaluator) sourceOf(pos ast.Pos) (*ast.Source, bool) {
	src := e.Sources.Of(pos)
	return src, src != nil
}

// openingParen goes back from where a right operand begins over the
// parentheses around it, which the reference counts in and the tree leaves out.
func (e *Evaluator) openingParen(pos ast.Pos) ast.Pos {
	src, ok := e.sourceOf(pos)
	if !ok || src.Text == nil {
		return pos
	}
	text, err := src.Text()
	if err != nil {
		return pos
	}
	for i := int(pos-src.Base) - 1; i >= 0 && i < len(text); i-- {
		switch text[i] {
		case ' ', '\t', '\r', '\n':
		case '(':
			pos = src.Base + ast.Pos(i)
		default:
			return pos
		}
	}
	return pos
}
