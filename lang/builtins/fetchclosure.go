package builtins

import (
	"strings"

	"github.com/seed192a40f6/glang/lang/ast"
	"github.com/seed192a40f6/glang/lang/diag"
	"github.com/seed192a40f6/glang/lang/eval"
	"github.com/seed192a40f6/glang/store/storepath"
)

// closureArgs are the attributes of fetchClosure's argument.
type closureArgs struct {
	from           string
	haveFrom       bool
	path           storepath.Path
	havePath       bool
	to             storepath.Path // zero where the error shall tell it
	haveTo         bool
	inputAddressed bool
}

// fetchClosure copies a store path with all it refers to from a binary cache:
// a content-addressed one as it is, any other rewritten to a content-addressed
// one, or, if it is said to be input-addressed, as it is too.
func fetchClosure(m *machine, pos ast.Pos, args []*value) value {
	a := readClosureArgs(m, pos, m.ForceAttrs(args[0], pos, "while evaluating the argument passed to builtins.fetchClosure"))
	store := m.E.Options().Closures
	if store == nil {
		m.Fail(diag.Eval, pos, "there is no store to fetch closures into")
	}
	m.Effect()
	result := a.path
	if a.haveTo {
		rewriteClosure(m, pos, store, &a)
		result = a.to
	} else {
		valid, err := store.IsValid(m.Context(), a.path)
		if err == nil && !valid {
			err = store.CopyClosure(m.Context(), a.from, a.path)
		}
		if err != nil {
			m.FailErr(ast.NoPos, err)
		}
	}
	checkAddressing(m, pos, store, &a, result)
	m.E.AllowStorePath(result)
	return eval.String(m.E.Options().Scheme.Print(result), m.E.Contexts.Of(eval.ContextElem{Kind: eval.ContextPath, Path: result}))
}

func readClosureArgs(m *machine, pos ast.Pos, set *eval.Attrs) (a closureArgs) {
	for attr := range set.Ordered(m) {
		name := m.E.Symbols.Name(attr.Name)
		hint := eval.Messagef("while evaluating the attribute '%s' passed to builtins.fetchClosure", name)
		switch name {
		case "fromPath":
			a.path, _ = m.CoerceToStorePath(attr.Value, attr.Pos, hint)
			a.havePath = true
		case "toPath":
			m.Force(attr.Value, attr.Pos)
			if a.haveTo = true; attr.Value.Kind() != eval.KindString || attr.Value.Str() != "" {
				a.to, _ = m.CoerceToStorePath(attr.Value, attr.Pos, hint)
			}
		case "fromStore":
			a.from = m.ForceStringNoCtx(attr.Value, attr.Pos, hint)
			a.haveFrom = true
		case "inputAddressed":
			a.inputAddressed = m.ForceBool(attr.Value, attr.Pos, hint)
		default:
			m.Fail(diag.Eval, pos, "attribute '%s' isn't supported in call to 'fetchClosure'", name)
		}
	}
	switch {
	case !a.havePath:
		m.Fail(diag.Eval, pos, "attribute '%s' is missing in call to 'fetchClosure'", "fromPath")
	case a.inputAddressed && a.haveTo:
		m.Fail(diag.Eval, pos, "attribute '%s' is set to true, but '%s' is also set. Please remove one of them", "inputAddressed", "toPath")
	case !a.haveFrom:
		m.Fail(diag.Eval, pos, "attribute '%s' is missing in call to 'fetchClosure'", "fromStore")
	}
	scheme, rest, _ := strings.Cut(a.from, "://")
	if scheme != "http" && scheme != "https" && !(scheme == "file" && m.E.Options().Getenv("_NIX_IN_TEST") != "") {
		m.Fail(diag.Eval, pos, "'fetchClosure' only supports http:// and https:// stores")
	}
	if _, query, _ := strings.Cut(rest, "?"); query != "" {
		m.Fail(diag.Eval, pos, "'fetchClosure' does not support URL query parameters (in '%s')", a.from)
	}
	return a
}

// rewriteClosure makes toPath valid.
func rewriteClosure(m *machine, pos ast.Pos, store eval.ClosureStore, a *closureArgs) {
	scheme := m.E.Options().Scheme
	told := a.to != (storepath.Path{})
	if told {
		if valid, err := store.IsValid(m.Context(), a.to); err != nil {
			m.FailErr(ast.NoPos, err)
		} else if valid {
			return
		}
	}
	made, err := store.RewriteClosure(m.Context(), a.from, a.path)
	switch {
	case err != nil:
		m.FailErr(ast.NoPos, err)
	case !told:
		m.Fail(diag.Eval, pos, "rewriting '%s' to content-addressed form yielded '%s'\nUse this value for the 'toPath' attribute passed to 'fetchClosure'",
			scheme.Print(a.path), scheme.Print(made))
	case made != a.to:
		m.Fail(diag.Eval, pos, "rewriting '%s' to content-addressed form yielded '%s', while '%s' was expected",
			scheme.Print(a.path), scheme.Print(made), scheme.Print(a.to))
	}
}

// checkAddressing checks that the result is addressed as the arguments say.
func checkAddressing(m *machine, pos ast.Pos, store eval.ClosureStore, a *closureArgs, result storepath.Path) {
	content, err := store.ContentAddressed(m.Context(), result)
	if err != nil {
		m.FailErr(ast.NoPos, err)
	}
	path := m.E.Options().Scheme.Print(result)
	switch {
	case content == !a.inputAddressed:
	case a.haveTo:
		m.Fail(diag.Eval, pos, `The 'toPath' value '%s' is input-addressed, so it can't possibly be the result of rewriting to a content-addressed path.

Set 'toPath' to an empty string to make Nix report the correct content-addressed path.`, path)
	case a.inputAddressed:
		m.Fail(diag.Eval, pos, `The store object referred to by 'fromPath' at '%s' is not input-addressed, but 'inputAddressed' is set to 'true'.

Remove the 'inputAddressed' attribute (it defaults to 'false') to expect 'fromPath' to be content-addressed`, path)
	default:
		m.Fail(diag.Eval, pos, `The 'fromPath' value '%s' is input-addressed, but 'inputAddressed' is set to 'false' (default).

If you do intend to fetch an input-addressed store path, add

    inputAddressed = true;

to the 'fetchClosure' arguments.

Note that to ensure authenticity input-addressed store paths, users must configure a trusted binary cache public key on their systems. This is not needed for content-addressed paths.`, path)
	}
}
