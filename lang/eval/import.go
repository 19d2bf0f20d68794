package eval

import (
	"errors"
	"io/fs"
	"path"
	"slices"
	"strings"
	"sync"

	"github.com/seed192a40f6/glang/lang/ast"
	"github.com/seed192a40f6/glang/lang/diag"
	"github.com/seed192a40f6/glang/lang/flakeref"
	"github.com/seed192a40f6/glang/store/hash"
)

// fileCache remembers the files that have been imported: each is parsed and
// evaluated once.
type fileCache struct {
	mu       sync.Mutex
	resolved map[string]string // path as imported → file
	values   map[string]*Value // file → its value
}

func (c *fileCache) init() {
	c.resolved = map[string]string{}
	c.values = map[string]*Value{}
}

// ResetFiles forgets all imported files, for a REPL that reloads.
func (e *Evaluator) ResetFiles() {
	e.files.mu.Lock()
	e.files.init()
	e.files.mu.Unlock()
	e.parsing.mu.Lock()
	e.parsing.asked, e.parsing.files = map[string]bool{}, map[string]*aheadFile{}
	e.parsing.mu.Unlock()
	e.plainDirs.clear()
	e.copyMu.Lock()
	clear(e.copied)
	e.copyMu.Unlock()
	e.searchMu.Lock()
	clear(e.searched)
	e.searchMu.Unlock()
}

// ImportPath is the value of the expression in a file, or in the default.nix
// of a folder.
func (m *Machine) ImportPath(name string) Value {
	v := m.ImportLater(name)
	m.Force(v, ast.NoPos)
	return v.Copy()
}

// ImportLater is ImportPath without evaluating; the file must exist.
func (m *Machine) ImportLater(name string) *Value {
	c := &m.E.files
	c.mu.Lock()
	file, ok := c.resolved[name]
	c.mu.Unlock()
	if !ok {
		var err error
		if file, err = m.E.ResolveExprPath(name); err != nil {
			m.FailErr(ast.NoPos, err)
		}
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.resolved[name] = file
	v := c.values[file]
	if v == nil {
		v = m.LazyGo(func(m *Machine) Value { return m.evalFile(file) })
		c.values[file] = v
	}
	return v
}

func (m *Machine) evalFile(file string) Value {
	node := m.ParseFile(file)
	m.pushText(shadowFile, file, 0, ast.NoPos)
	var x Value
	if m.E.opts.Debugger != nil {
		m.enterPoint(ast.NoPos, Messagef("while evaluating the file '%s':", m.E.DisplayPath(file)), nil, nil)
		x = m.Eval(node)
		m.leavePoint()
	} else {
		x = m.Eval(node)
	}
	m.sp--
	return x
}

// ParseFile parses the file that an expression path was resolved to. Nothing but
// an evaluator understands the tree, unless it is unpacked; see package packed.
func (m *Machine) ParseFile(file string, locals ...map[ast.Symbol]uint32) ast.Node {
	if len(locals) == 0 {
		if f, ok := m.parsedAhead(file); ok {
			return m.takeFile(file, f)
		}
	}
	r := m.E.takeReader()
	defer m.E.giveReader(r)
	src, err := r.read(file)
	if err != nil {
		m.FailErr(ast.NoPos, err)
	}
	f, err := r.file(file, src, locals, false)
	f.warnings = nil
	m.warn(r.warnings)
	if err != nil {
		m.FailErr(ast.NoPos, err)
	}
	return m.takeFile(file, f)
}

// warn hands on what a parser warned of; a helper leaves that to the main
// evaluation.
func (m *Machine) warn(warnings []*diag.Error) {
	if len(warnings) == 0 {
		return
	}
	if m.helper {
		m.Effect()
	}
	warn := m.E.parserOptions().Warn
	for _, w := range warnings {
		warn(w)
	}
}

// takeFile takes over a file that was parsed, perhaps ahead.
func (m *Machine) takeFile(file string, f parsedFile) ast.Node {
	e := m.E
	m.Charge(int64(f.src.Size))
	for _, name := range f.unmet {
		e.Symbols.Meet(name)
	}
	e.aheadOf(f.imports...)
	m.warn(f.warnings)
	if c := e.opts.Counts; c != nil {
		c.Exprs += f.exprs
	}
	if o, _ := e.overlay(file); o != nil && o.Internal {
		e.allowMu.Lock()
		e.internalAt = append(e.internalAt, posRange{f.src.Base, f.src.Base + ast.Pos(f.src.Size) + 1})
		e.allowMu.Unlock()
	}
	e.keepTree(f.src, f.node)
	return f.node
}

// read reads the text of an expression.
func (r *reader) read(file string) (*ast.Source, error) {
	e := r.e
	real, err := e.ResolveSymlinks(file, false)
	if err != nil {
		return nil, e.FileError(file, err)
	}
	files := accessFiles{e}
	if r.text, err = files.ReadFileInto(real, r.text[:0]); err != nil {
		return nil, e.FileError(file, err)
	}
	return &ast.Source{
		Origin: ast.FromFile, Path: e.DisplayPath(file), Size: len(r.text),
		Text: func() ([]byte, error) { return files.ReadFile(real) },
	}, nil
}

// ScopedImport evaluates a file with the attributes of a set in scope. Nothing
// is remembered.
func (m *Machine) ScopedImport(scope *Attrs, name string) Value {
	file, err := m.E.ResolveExprPath(name)
	if err != nil {
		m.FailErr(ast.NoPos, err)
	}
	vars := make(map[ast.Symbol]*Value, scope.Len())
	for n, v := range scope.All() {
		vars[n] = v
	}
	s := m.NewScope(vars)
	return m.EvalIn(s, m.ParseFile(file, s.Names))
}

// ResolveExprPath finds the file that an expression is read from: a symbolic
// link is followed, so that relative paths in the file start where it lies; a
// folder stands for its default.nix, or, without one, its default.expr.
func (e *Evaluator) ResolveExprPath(name string) (string, error) {
	files := e.Files()
	var st fs.FileInfo
	for follow := 0; name != "/"; {
		if follow++; follow >= maxLinks {
			return "", &diag.Error{Message: Messagef("too many symbolic links encountered while traversing the path '%s'", e.DisplayPath(name))}
		}
		dir, err := e.ResolveSymlinks(path.Dir(name), false)
		if err != nil {
			return "", e.FileError(name, err)
		}
		p := path.Join(dir, path.Base(name))
		if st, err = files.Lstat(p); err != nil {
			return "", e.FileError(p, err)
		}
		if st.Mode()&fs.ModeSymlink == 0 {
			break
		}
		target, err := files.Readlink(p)
		if err != nil {
			return "", e.FileError(p, err)
		}
		if !strings.HasPrefix(target, "/") {
			target = path.Join(path.Dir(name), target)
		}
		name = CleanPath(target)
	}
	if st == nil || st.IsDir() {
		if _, err := files.Lstat(path.Join(name, "default.nix")); errors.Is(err, fs.ErrNotExist) {
			if _, err := files.Lstat(path.Join(name, "default.expr")); err == nil {
				return path.Join(name, "default.expr"), nil
			}
		}
		return path.Join(name, "default.nix"), nil
	}
	return name, nil
}

// FindFile looks <name> up in a search path. pos is where it is asked for.
func (m *Machine) FindFile(search []SearchEntry, name string, pos ast.Pos) string {
	e := m.E
	for _, entry := range search {
		suffix, ok := entry.match(name)
		if !ok {
			continue
		}
		dir, ok := m.searchDir(entry.Path)
		if !ok {
			continue
		}
		p, err := e.ResolveSymlinks(path.Join(dir, suffix), false)
		if err != nil {
			m.FailErr(ast.NoPos, e.FileError(dir, err))
		}
		if _, err := e.Files().Lstat(p); err == nil {
			return p
		} else if err := e.CheckAccess(p); err != nil {
			m.FailErr(ast.NoPos, err)
		}
	}
	for i := range e.opts.Overlays {
		o := &e.opts.Overlays[i]
		if o.Search != "" && hasDir(name, o.Search) {
			p := path.Join(o.Dir, strings.TrimPrefix(name, o.Search))
			// The reference finds any <nix/…>, and fails when it is read.
			return p
		}
	}
	if e.opts.Pure {
		m.Fail(diag.Throw, pos, "cannot look up '<%s>' in pure evaluation mode (use '--impure' to override)", name)
	}
	m.Fail(diag.Throw, pos, "file '%s' was not found in the Nix search path (add it using $NIX_PATH or -I)", name)
	return ""
}

// match is the rest of a name that an entry may have.
func (s SearchEntry) match(name string) (suffix string, ok bool) {
	n := len(s.Prefix)
	if !strings.HasPrefix(name, s.Prefix) {
		return "", false
	}
	if n > 0 && n < len(name) {
		if name[n] != '/' {
			return "", false
		}
		return name[n+1:], true
	}
	return name[n:], true
}

// searchDir finds the folder that a search path entry stands for, once.
func (m *Machine) searchDir(value string) (string, bool) {
	e := m.E
	e.searchMu.Lock()
	dir, ok := e.searched[value]
	e.searchMu.Unlock()
	if ok {
		return dir, dir != ""
	}
	dir = m.resolveSearch(value)
	e.searchMu.Lock()
	e.searched[value] = dir
	e.searchMu.Unlock()
	return dir, dir != ""
}

func (m *Machine) resolveSearch(value string) string {
	e := m.E
	if IsPseudoURL(value) {
		url := value
		if rest, ok := strings.CutPrefix(value, "channel:"); ok {
			url = "https://channels.nixos.org/" + rest + "/nixexprs.tar.xz"
		}
		if e.opts.Fetcher != nil {
			if p, err := e.opts.Fetcher.FetchTarball(m.ctx, url, "source", hash.Hash{}); err == nil {
				e.AllowStorePath(p)
				return e.opts.Scheme.Print(p)
			}
		}
		m.Effect()
		e.warn("Nix search path entry '%s' cannot be downloaded, ignoring", value)
		return ""
	}
	if rest, ok := strings.CutPrefix(value, "flake:"); ok {
		return m.FetchFlakeTree(rest)
	}
	dir := CleanPath(value)
	real, err := e.ResolveSymlinks(dir, false)
	if err != nil {
		m.FailErr(ast.NoPos, e.FileError(dir, err))
	}
	if _, err = e.Files().Lstat(real); err != nil {
		if err := e.CheckAccess(dir); err != nil {
			m.FailErr(ast.NoPos, err)
		}
		m.Effect()
		e.warn("Nix search path entry '%s' does not exist, ignoring", value)
		return ""
	}
	if st, err := e.Files().Stat(real); err == nil && st.IsDir() {
		e.searchMu.Lock()
		e.libraries = append(e.libraries, real)
		e.searchMu.Unlock()
	}
	return dir
}

// FetchFlakeTree fetches the tree that a flake reference means, and returns
// where it is.
func (m *Machine) FetchFlakeTree(ref string) string {
	o := m.E.Options()
	if !o.ExperimentalFeatures["flakes"] {
		m.Fail(diag.Eval, ast.NoPos, "experimental Nix feature 'flakes' is disabled; add '--extra-experimental-features flakes' to enable it")
	}
	r, _, err := flakeref.Parse(ref, true)
	if err == nil && o.Fetcher == nil {
		err = errors.New("there is nothing to fetch with")
	}
	var t FetchedTree
	if err == nil {
		m.Effect()
		t, err = o.Fetcher.FetchTree(m.ctx, r.Input, AllRegistries)
	}
	if err != nil {
		m.FailErr(ast.NoPos, err)
	}
	m.E.AllowStorePath(t.Path)
	return o.Scheme.Print(t.Path)
}

// IsPseudoURL tells whether an entry of the search path is to be downloaded.
func IsPseudoURL(s string) bool {
	if strings.HasPrefix(s, "channel:") {
		return true
	}
	scheme, _, ok := strings.Cut(s, "://")
	return ok && slices.Contains([]string{"http", "https", "file", "channel", "git", "s3", "ssh"}, scheme)
}
