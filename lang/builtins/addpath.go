package builtins

import (
	"io/fs"
	"path"

	"github.com/seed192a40f6/glang/lang/ast"
	"github.com/seed192a40f6/glang/lang/diag"
	"github.com/seed192a40f6/glang/lang/eval"
	"github.com/seed192a40f6/glang/store/hash"
	"github.com/seed192a40f6/glang/store/nar"
	"github.com/seed192a40f6/glang/store/storepath"
)

func toFile(m *machine, pos ast.Pos, args []*value) value {
	name := m.ForceStringNoCtx(args[0], pos, "while evaluating the first argument passed to builtins.toFile")
	contents, ctx := m.ForceString(args[1], pos, "while evaluating the second argument passed to builtins.toFile")
	o := m.E.Options()
	var refs []storepath.Path
	for _, e := range m.E.Contexts.Elems(ctx) {
		if e.Kind != eval.ContextPath {
			m.Fail(diag.Eval, pos, "files created by %s may not reference derivations, but %s references %s", "builtins.toFile", name, e.String())
		}
		refs = append(refs, e.Path)
	}
	var p storepath.Path
	var err error
	if o.ReadOnly || o.Paths == nil {
		p, err = o.Scheme.TextPath(name, hash.SumString(o.Scheme.Hash, contents), refs)
	} else {
		p, err = o.Paths.AddText(m.Context(), name, []byte(contents), refs)
	}
	if err != nil {
		m.FailErr(ast.NoPos, err)
	}
	return storePathString(m, p)
}

// storePathString is a store path with itself as context, readable from now on.
func storePathString(m *machine, p storepath.Path) value {
	m.E.AllowStorePath(p)
	return eval.String(m.E.Options().Scheme.Print(p), m.E.Contexts.Of(eval.ContextElem{Kind: eval.ContextPath, Path: p}))
}

// pathRequest is what path and filterSource add to the store.
type pathRequest struct {
	name   string
	path   string
	ctx    eval.Context
	filter *value
	method storepath.Method
	hash   hash.Hash // zero: any
}

func filterSource(m *machine, pos ast.Pos, args []*value) value {
	p, ctx := m.CoerceToPath(args[1], pos, "while evaluating the second argument (the path to filter) passed to 'builtins.filterSource'")
	m.ForceFunction(args[0], pos, "while evaluating the first argument passed to builtins.filterSource")
	return addPath(m, pos, pathRequest{name: path.Base(p), path: p, ctx: ctx, filter: args[0], method: storepath.NAR})
}

func pathBuiltin(m *machine, pos ast.Pos, args []*value) value {
	set := m.ForceAttrs(args[0], pos, "while evaluating the argument passed to 'builtins.path'")
	r := pathRequest{method: storepath.NAR}
	for a := range set.Ordered(m) {
		switch name := m.E.Symbols.Name(a.Name); name {
		case "path":
			r.path, r.ctx = m.CoerceToPath(a.Value, a.Pos, "while evaluating the 'path' attribute passed to 'builtins.path'")
		case "name":
			r.name = m.ForceStringNoCtx(a.Value, a.Pos, "while evaluating the `name` attribute passed to builtins.path")
		case "filter":
			m.ForceFunction(a.Value, a.Pos, "while evaluating the `filter` parameter passed to builtins.path")
			r.filter = a.Value
		case "recursive":
			if !m.ForceBool(a.Value, a.Pos, "while evaluating the `recursive` attribute passed to builtins.path") {
				r.method = storepath.Flat
			}
		case "sha256":
			r.hash = hashAllowEmpty(m, m.ForceStringNoCtx(a.Value, a.Pos, "while evaluating the `sha256` attribute passed to builtins.path"), hash.SHA256)
		default:
			m.Fail(diag.Eval, a.Pos, "unsupported argument '%s' to 'builtins.path'", eval.QuoteName(name))
		}
	}
	if r.path == "" {
		m.Fail(diag.Eval, pos, "missing required 'path' attribute in the first argument to 'builtins.path'")
	}
	if r.name == "" {
		r.name = path.Base(r.path)
	}
	return addPath(m, pos, r)
}

func addPath(m *machine, pos ast.Pos, r pathRequest) value {
	var p storepath.Path
	if f := m.Catch(func() { p = r.add(m, pos) }); f != nil {
		m.Trace(pos, eval.Messagef("while adding path '%s'", m.E.DisplayPath(r.path)))
		f.Throw()
	}
	return storePathString(m, p)
}

func (r *pathRequest) add(m *machine, pos ast.Pos) storepath.Path {
	o := m.E.Options()
	if r.ctx != 0 && o.Scheme.IsInStore(r.path) {
		r.path = rewritePath(r.path, realiseContext(m, r.ctx))
	}
	refs := r.references(m)
	var want storepath.Path
	if !r.hash.IsZero() {
		var err error
		if want, err = o.Scheme.FixedOutputPath(r.name, r.method, r.hash, nil, false); err != nil {
			m.FailErr(ast.NoPos, err)
		}
		if o.Paths != nil {
			if ok, err := o.Paths.IsValid(m.Context(), want); err == nil && ok {
				return want
			}
		}
	}
	real, err := m.E.ResolveSymlinks(r.path, false)
	if err != nil {
		fileFail(m, r.path, err)
	}
	req := eval.AddPath{
		Name: r.name, Path: real, Files: m.Files(), Method: r.method, Algo: hash.SHA256, DryRun: o.ReadOnly,
		References: refs,
	}
	if r.hash.IsZero() {
		req.Algo = o.Scheme.Hash
	}
	if r.filter != nil {
		req.Filter = func(name string, fi fs.FileInfo) bool {
			v := m.Call(r.filter, pos, m.NewValue(eval.String(name, 0)), m.NewValue(eval.String(fileType(fi.Mode()), 0)))
			return m.ForceBool(&v, pos, "while evaluating the return value of the path filter function")
		}
	}
	var got storepath.Path
	if o.Paths != nil {
		got, err = o.Paths.AddPath(m.Context(), req)
	} else {
		got, err = computePath(o.Scheme, req)
	}
	if err != nil {
		fileFail(m, real, err)
	}
	if !want.IsZero() && got != want {
		m.Fail(diag.Eval, pos, "store path mismatch in (possibly filtered) path added from '%s'", m.E.DisplayPath(r.path))
	}
	return got
}

// references are those of the store object that the path lies in: what is
// copied out of it may need them too. There are none if it is not valid.
func (r *pathRequest) references(m *machine) []storepath.Path {
	o := m.E.Options()
	if o.Paths == nil || !o.Scheme.IsInStore(r.path) {
		return nil
	}
	p, _, err := o.Scheme.ToStorePath(r.path)
	if err != nil {
		return nil
	}
	refs, err := o.Paths.References(m.Context(), p)
	if err != nil {
		return nil
	}
	return refs
}

// computePath is where a tree would lie in a store.
func computePath(scheme storepath.Scheme, req eval.AddPath) (storepath.Path, error) {
	var h hash.Hash
	var err error
	if req.Method == storepath.Flat {
		var b []byte
		if b, err = req.Files.ReadFile(req.Path); err == nil {
			h = hash.Sum(req.Algo, b)
		}
	} else {
		h, _, err = nar.HashTree(req.Algo, req.Files, req.Path, req.Filter)
	}
	if err != nil {
		return storepath.Path{}, err
	}
	return scheme.FixedOutputPath(req.Name, req.Method, h, nil, false)
}

func storePath(m *machine, pos ast.Pos, args []*value) value {
	o := m.E.Options()
	if o.Pure {
		m.Fail(diag.Eval, pos, "'%s' is not allowed in pure evaluation mode", "builtins.storePath")
	}
	name, ctx := m.CoerceToPath(args[0], pos, "while evaluating the first argument passed to 'builtins.storePath'")
	if !o.Scheme.IsStorePath(name) {
		// Links are followed, unless one lies directly in the store.
		real, err := m.E.ResolveSymlinks(name, false)
		if err != nil {
			fileFail(m, name, err)
		}
		name = real
	}
	if !o.Scheme.IsInStore(name) {
		m.Fail(diag.Eval, pos, "path '%s' is not in the Nix store", name)
	}
	p, _, err := o.Scheme.ToStorePath(name)
	if err != nil {
		m.FailErr(ast.NoPos, err)
	}
	ensurePath(m, p)
	own := m.E.Contexts.Of(eval.ContextElem{Kind: eval.ContextPath, Path: p})
	return eval.String(name, m.JoinContexts(ctx, own))
}
