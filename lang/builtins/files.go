package builtins

import (
	"bytes"
	"errors"
	"io"
	"io/fs"
	"path"
	"strings"
	"syscall"
	"unsafe"

	"github.com/seed192a40f6/glang/lang/ast"
	"github.com/seed192a40f6/glang/lang/diag"
	"github.com/seed192a40f6/glang/lang/eval"
	"github.com/seed192a40f6/glang/store/hash"
	"github.com/seed192a40f6/glang/store/storepath"
)

// How far realisePath follows symbolic links.
type symlinks uint8

const (
	followNone symlinks = iota
	followAncestors
	followAll
)

// realisePath is the path that a value stands for, with what its context
// refers to built.
func realisePath(m *machine, pos ast.Pos, v *value, follow symlinks) string {
	p, ctx := m.CoerceToPath(v, ast.NoPos, "while realising the context of a path")
	if ctx == 0 && follow == followNone {
		return p
	}
	if f := m.Catch(func() {
		if ctx != 0 {
			p = rewritePath(p, realiseContext(m, ctx))
		}
		if follow != followNone {
			r, err := m.E.ResolveSymlinks(p, follow == followAncestors)
			if err != nil {
				m.FailErr(ast.NoPos, m.E.FileError(p, err))
			}
			p = r
		}
	}); f != nil {
		m.Trace(pos, eval.Messagef("while realising the context of path '%s'", m.E.DisplayPath(p)))
		f.Throw()
	}
	return p
}

// fileFail fails with what went wrong with a path.
func fileFail(m *machine, name string, err error) {
	m.FailErr(ast.NoPos, m.E.FileError(name, err))
}

func readBytes(m *machine, name string) []byte {
	b, err := m.E.Files().ReadFile(name)
	if err != nil {
		fileFail(m, name, err)
	}
	m.Charge(int64(len(b)))
	return b
}

func readFile(m *machine, pos ast.Pos, args []*value) value {
	name := realisePath(m, pos, args[0], followAll)
	b := readBytes(m, name)
	if bytes.IndexByte(b, 0) >= 0 {
		m.Fail(diag.Eval, pos, "the contents of the file '%s' cannot be represented as a Nix string", m.E.DisplayPath(name))
	}
	// The bytes are ours alone and do not change any more.
	return eval.String(unsafe.String(unsafe.SliceData(b), len(b)), referencesIn(m, name, b))
}

// referencesIn is the context of a file of the store: those references of
// its store object that occur in it.
func referencesIn(m *machine, name string, text []byte) eval.Context {
	o := m.E.Options()
	if o.Paths == nil || !o.Scheme.IsInStore(name) {
		return 0
	}
	p, _, err := o.Scheme.ToStorePath(name)
	if err != nil {
		return 0
	}
	// A path that is not valid has no known references, as in the reference.
	refs, err := o.Paths.References(m.Context(), p)
	if err != nil {
		return 0
	}
	var elems []eval.ContextElem
	for _, r := range refs {
		if bytes.Contains(text, []byte(r.HashPart())) {
			elems = append(elems, eval.ContextElem{Kind: eval.ContextPath, Path: r})
		}
	}
	return m.E.Contexts.OfAll(elems)
}

func hashFile(m *machine, pos ast.Pos, args []*value) value {
	algo := hashAlgo(m, m.ForceStringNoCtx(args[0], pos, "while evaluating the first argument passed to builtins.hashFile"))
	name := realisePath(m, pos, args[1], followAll)
	fi, err := m.E.Files().Stat(name)
	if err != nil || !fi.Mode().IsRegular() || fi.Size() < wholeFile {
		return eval.String(hash.Sum(algo, readBytes(m, name)).Base16(), 0)
	}
	f, err := m.Files().Open(name)
	if err != nil {
		fileFail(m, name, err)
	}
	defer f.Close()
	h, _, err := hash.Copy(algo, io.LimitReader(f, fi.Size()))
	if err != nil {
		fileFail(m, name, err)
	}
	return eval.String(h.Base16(), 0)
}

// wholeFile is the size from which on a file is hashed in pieces.
const wholeFile = 1 << 20

// fileType is the word for a type of file.
func fileType(mode fs.FileMode) string {
	switch mode.Type() {
	case 0:
		return "regular"
	case fs.ModeDir:
		return "directory"
	case fs.ModeSymlink:
		return "symlink"
	}
	return "unknown"
}

func readFileType(m *machine, pos ast.Pos, args []*value) value {
	name := realisePath(m, pos, args[0], followNone)
	fi, err := m.E.Files().Lstat(name)
	if err != nil {
		fileFail(m, name, err)
	}
	return eval.String(fileType(fi.Mode()), 0)
}

func readDir(m *machine, pos ast.Pos, args []*value) value {
	name := realisePath(m, pos, args[0], followAll)
	list, err := m.E.Files().ReadDir(name)
	if errors.Is(err, syscall.ENOTDIR) {
		if _, lerr := m.E.Files().Lstat(name); lerr == nil {
			m.Fail(diag.Eval, ast.NoPos, `cannot read directory %s: %s`, eval.Plain(`"`+m.E.DisplayPath(name)+`"`), "Not a directory")
		}
	}
	if err != nil {
		fileFail(m, name, err)
	}
	types := map[string]*value{}
	b := m.NewAttrs(len(list))
	for _, d := range list {
		t := fileType(d.Type())
		v := types[t]
		if v == nil {
			v = m.NewValue(eval.String(t, 0))
			types[t] = v
		}
		b.Put(m.E.Symbols.Intern(d.Name()), v, ast.NoPos)
	}
	return eval.AttrsValue(b.Build())
}

// pathExists: a string that ends in / must name a folder. What must not be
// read does not exist.
func pathExists(m *machine, pos ast.Pos, args []*value) value {
	v := args[0]
	exists := false
	f := m.Catch(func() {
		m.Force(v, pos)
		mustBeDir := v.Kind() == eval.KindString && (strings.HasSuffix(v.Str(), "/") || strings.HasSuffix(v.Str(), "/."))
		follow := followAncestors
		if mustBeDir {
			follow = followAll
		}
		name := realisePath(m, pos, v, follow)
		fi, err := m.E.Files().Lstat(name)
		switch {
		case err == nil:
			exists = !mustBeDir || fi.IsDir()
		case errors.Is(err, fs.ErrNotExist), errors.Is(err, syscall.ENOTDIR):
		default:
			fileFail(m, name, err)
		}
	})
	if f != nil && f.Kind() != diag.Restricted {
		f.Throw()
	}
	return eval.Bool(exists)
}

func baseNameOf(m *machine, pos ast.Pos, args []*value) value {
	s, ctx := m.CoerceToString(args[0], pos, "while evaluating the first argument passed to builtins.baseNameOf", coerceLoose)
	return eval.String(legacyBaseName(s), ctx)
}

// legacyBaseName is what follows the last slash, one slash at the end not counted.
func legacyBaseName(s string) string {
	if n := len(s); n > 1 && s[n-1] == '/' {
		s = s[:n-1]
	}
	return s[strings.LastIndexByte(s, '/')+1:]
}

func dirOf(m *machine, pos ast.Pos, args []*value) value {
	m.Force(args[0], pos)
	if args[0].Kind() == eval.KindPath {
		return eval.PathValue(path.Dir(args[0].Path()))
	}
	s, ctx := m.CoerceToString(args[0], pos, "while evaluating the first argument passed to 'builtins.dirOf'", coerceLoose)
	switch i := strings.LastIndexByte(s, '/'); i {
	case -1:
		return eval.String(".", ctx)
	case 0:
		return eval.String("/", ctx)
	default:
		return eval.String(s[:i], ctx)
	}
}

func toPath(m *machine, pos ast.Pos, args []*value) value {
	p, ctx := m.CoerceToPath(args[0], pos, "while evaluating the first argument passed to builtins.toPath")
	return eval.String(p, ctx)
}

func findFile(m *machine, pos ast.Pos, args []*value) value {
	list := m.ForceList(args[0], pos, "while evaluating the first argument passed to builtins.findFile")
	search := make([]eval.SearchEntry, len(list))
	for i, e := range list {
		set := m.ForceAttrs(e, pos, "while evaluating an element of the list passed to builtins.findFile")
		if v, ok := set.Get(m.E.Sym.Prefix); ok {
			search[i].Prefix = m.ForceStringNoCtx(v, pos, "while evaluating the `prefix` attribute of an element of the list passed to builtins.findFile")
		}
		v := requireAttr(m, set, m.E.Sym.Path, "in an element of the __nixPath")
		p, ctx := m.CoerceToString(v, pos, "while evaluating the `path` attribute of an element of the list passed to builtins.findFile", coerceLoose)
		if ctx != 0 {
			if bad, ok := firstInvalid(m, ctx); ok {
				m.Fail(diag.Eval, pos, "cannot find '%s', since path '%s' is not valid", p, bad.String())
			}
			p = rewritePath(p, realiseContext(m, ctx))
		}
		search[i].Path = p
	}
	name := m.ForceStringNoCtx(args[1], pos, "while evaluating the second argument passed to builtins.findFile")
	return eval.PathValue(m.FindFile(search, name, pos))
}

// importFile is import: a store derivation is imported as what derivation
// would have made of it, anything else is an expression.
func importFile(m *machine, pos ast.Pos, args []*value) value {
	name := realisePath(m, pos, args[0], followNone)
	if drv, ok := validDerivation(m, name); ok {
		return importDerivation(m, pos, name, drv)
	}
	return m.ImportPath(name)
}

func scopedImport(m *machine, pos ast.Pos, args []*value) value {
	name := realisePath(m, pos, args[1], followNone)
	if drv, ok := validDerivation(m, name); ok {
		return importDerivation(m, pos, name, drv)
	}
	scope := m.ForceAttrs(args[0], pos, "while evaluating the first argument passed to builtins.scopedImport")
	return m.ScopedImport(scope, name)
}

func validDerivation(m *machine, name string) (storepath.Path, bool) {
	o := m.E.Options()
	if !strings.HasSuffix(name, storepath.DrvExtension) || o.Paths == nil || !o.Scheme.IsStorePath(name) {
		return storepath.Path{}, false
	}
	p, err := o.Scheme.Parse(name)
	if err != nil {
		return storepath.Path{}, false
	}
	ok, err := o.Paths.IsValid(m.Context(), p)
	if err != nil {
		m.FailErr(ast.NoPos, err)
	}
	return p, ok
}

func importDerivation(m *machine, pos ast.Pos, name string, drv storepath.Path) value {
	d, err := m.E.Options().Paths.ReadDerivation(m.Context(), drv)
	if err != nil {
		m.FailErr(ast.NoPos, err)
	}
	names := d.OutputNames()
	set := m.NewAttrs(3 + len(names))
	set.PutName("drvPath", eval.String(name, m.E.Contexts.Of(eval.ContextElem{Kind: eval.ContextAll, Path: drv})))
	set.PutName("name", eval.String(d.Env["name"], 0))
	for _, n := range names {
		out := d.Outputs[n]
		if out.Path.IsZero() {
			if p, err := d.OutputPath(m.E.Options().Scheme, n); err == nil {
				out.Path = p
			}
		}
		set.PutName(n, outputString(m, drv, n, out))
	}
	set.PutName("outputs", stringList(m, names))
	f := m.NewValue(m.ImportPath(internalDir + "/imported-derivation.nix"))
	r := m.Call(f, pos, m.NewValue(eval.AttrsValue(set.Build())))
	m.ForceAttrs(&r, pos, "while calling imported-drv-to-derivation.nix.gen.hh")
	return r
}
