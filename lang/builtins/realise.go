package builtins

import (
	"errors"
	"strings"

	"github.com/seed192a40f6/glang/lang/ast"
	"github.com/seed192a40f6/glang/lang/diag"
	"github.com/seed192a40f6/glang/lang/eval"
	"github.com/seed192a40f6/glang/store/storepath"
)

// ErrImportFromDerivation is the cause where evaluation had to build something
// and may not.
var ErrImportFromDerivation = errors.New("import from derivation is not allowed")

// firstInvalid finds a path of a context that the store does not have.
func firstInvalid(m *machine, ctx eval.Context) (storepath.Path, bool) {
	paths := m.E.Options().Paths
	for _, e := range m.E.Contexts.Elems(ctx) {
		if paths == nil {
			return e.Path, true
		}
		ok, err := paths.IsValid(m.Context(), e.Path)
		if err != nil {
			m.FailErr(ast.NoPos, err)
		}
		if !ok {
			return e.Path, true
		}
	}
	return storepath.Path{}, false
}

// realiseContext makes what a context refers to exist: paths must be valid,
// outputs of derivations are built. It returns what stands for outputs whose
// paths were not known, and their paths.
func realiseContext(m *machine, ctx eval.Context) map[string]string {
	o := m.E.Options()
	if p, ok := firstInvalid(m, ctx); ok {
		m.Fail(diag.Eval, ast.NoPos, "path '%s' is not valid", p)
	}
	var builds []eval.ContextElem
	for _, e := range m.E.Contexts.Elems(ctx) {
		if e.Kind == eval.ContextOutput {
			builds = append(builds, e)
		}
	}
	if len(builds) == 0 {
		return nil
	}
	first := o.Scheme.Print(builds[0].Path) + "^" + builds[0].Output
	if !o.AllowImportFromDerivation {
		m.Errorf(diag.Eval, ast.NoPos, "cannot build '%s' during evaluation because the option 'allow-import-from-derivation' is disabled", first).
			WithCause(ErrImportFromDerivation).Throw()
	}
	if o.TraceImportFromDerivation {
		warnf(m, "built '%s' during evaluation due to an import from derivation", first)
	}
	if o.Realiser == nil {
		m.Fail(diag.Eval, ast.NoPos, "cannot build '%s' during evaluation: there is no realiser", first)
	}
	m.Effect()
	paths, err := o.Realiser.Realise(m.Context(), builds)
	if err != nil {
		m.FailErr(ast.NoPos, err)
	}
	rewrites := map[string]string{}
	for i, p := range paths {
		allowClosure(m, p)
		if i < len(builds) {
			rewrites[o.Scheme.DownstreamPlaceholder(builds[i].Path, builds[i].Output)] = o.Scheme.Print(p)
		}
	}
	return rewrites
}

// allowClosure lets pure and restricted evaluation read a path and all that it refers to.
func allowClosure(m *machine, p storepath.Path) {
	o := m.E.Options()
	if !o.Pure && !o.Restrict {
		return
	}
	seen := map[storepath.Path]bool{p: true}
	for todo := []storepath.Path{p}; len(todo) > 0; {
		p, todo = todo[0], todo[1:]
		m.E.AllowStorePath(p)
		refs, err := o.Paths.References(m.Context(), p)
		if err != nil {
			m.FailErr(ast.NoPos, err)
		}
		for _, r := range refs {
			if !seen[r] {
				seen[r] = true
				todo = append(todo, r)
			}
		}
	}
}

func rewritePath(p string, rewrites map[string]string) string {
	for from, to := range rewrites {
		p = strings.ReplaceAll(p, from, to)
	}
	return p
}
