package builtins

import (
	"slices"

	"github.com/seed192a40f6/glang/lang/ast"
	"github.com/seed192a40f6/glang/lang/diag"
	"github.com/seed192a40f6/glang/lang/eval"
	"github.com/seed192a40f6/glang/store/storepath"
)

func hasContext(m *machine, pos ast.Pos, args []*value) value {
	_, ctx := m.ForceString(args[0], pos, "while evaluating the argument passed to builtins.hasContext")
	return eval.Bool(ctx != 0)
}

func unsafeDiscardStringContext(m *machine, pos ast.Pos, args []*value) value {
	s, _ := m.CoerceToString(args[0], pos, "while evaluating the argument passed to builtins.unsafeDiscardStringContext", coerceStrict)
	return eval.String(s, 0)
}

func unsafeDiscardOutputDependency(m *machine, pos ast.Pos, args []*value) value {
	s, ctx := m.CoerceToString(args[0], pos, "while evaluating the argument passed to builtins.unsafeDiscardOutputDependency", coerceStrict)
	elems := m.E.Contexts.Elems(ctx)
	for i := range elems {
		if elems[i].Kind == eval.ContextAll {
			elems[i].Kind = eval.ContextPath
		}
	}
	return eval.String(s, m.E.Contexts.OfAll(elems))
}

func addDrvOutputDependencies(m *machine, pos ast.Pos, args []*value) value {
	s, ctx := m.CoerceToString(args[0], pos, "while evaluating the argument passed to builtins.addDrvOutputDependencies", coerceStrict)
	elems := m.E.Contexts.Elems(ctx)
	if len(elems) != 1 {
		m.Fail(diag.Eval, pos, "context of string '%s' must have exactly one element, but has %d", s, len(elems))
	}
	e := elems[0]
	switch e.Kind {
	case eval.ContextPath:
		if !e.Path.IsDerivation() {
			m.Fail(diag.Eval, pos, "path '%s' is not a derivation", m.E.Options().Scheme.Print(e.Path))
		}
	case eval.ContextOutput:
		m.Fail(diag.Eval, pos, "`addDrvOutputDependencies` can only act on derivations, not on a derivation output such as '%s'", e.Output)
	}
	return eval.String(s, m.E.Contexts.Of(eval.ContextElem{Kind: eval.ContextAll, Path: e.Path}))
}

// contextInfo is what getContext says of one store path.
type contextInfo struct {
	path, all bool
	outputs   []string
}

func getContext(m *machine, pos ast.Pos, args []*value) value {
	_, ctx := m.ForceString(args[0], pos, "while evaluating the argument passed to builtins.getContext")
	infos := map[storepath.Path]*contextInfo{}
	var order []storepath.Path
	for _, e := range m.E.Contexts.Elems(ctx) {
		info := infos[e.Path]
		if info == nil {
			info = new(contextInfo)
			infos[e.Path] = info
			order = append(order, e.Path)
		}
		switch e.Kind {
		case eval.ContextPath:
			info.path = true
		case eval.ContextAll:
			info.all = true
		case eval.ContextOutput:
			info.outputs = append(info.outputs, e.Output)
		}
	}
	b := m.NewAttrs(len(order))
	for _, p := range order {
		info := infos[p]
		set := m.NewAttrs(3)
		if info.path {
			set.PutName("path", eval.Bool(true))
		}
		if info.all {
			set.PutName("allOutputs", eval.Bool(true))
		}
		if len(info.outputs) > 0 {
			slices.Sort(info.outputs)
			set.PutName("outputs", stringList(m, info.outputs))
		}
		b.PutName(m.E.Options().Scheme.Print(p), eval.AttrsValue(set.Build()))
	}
	return eval.AttrsValue(b.Build())
}

func stringList(m *machine, list []string) value {
	out := m.NewList(len(list))
	for i, s := range list {
		out[i] = m.NewValue(eval.String(s, 0))
	}
	return eval.List(out)
}

func appendContext(m *machine, pos ast.Pos, args []*value) value {
	s, ctx := m.ForceString(args[0], ast.NoPos, "while evaluating the first argument passed to builtins.appendContext")
	set := m.ForceAttrs(args[1], pos, "while evaluating the second argument passed to builtins.appendContext")
	o := m.E.Options()
	elems := m.E.Contexts.Elems(ctx)
	for a := range set.Ordered(m) {
		name := m.E.Symbols.Name(a.Name)
		if !o.Scheme.IsStorePath(name) {
			m.Fail(diag.Eval, a.Pos, "context key '%s' is not a store path", ast.ShowIdentifier(name))
		}
		p, err := o.Scheme.Parse(name)
		if err != nil {
			m.FailErr(ast.NoPos, err)
		}
		ensurePath(m, p)
		info := m.ForceAttrs(a.Value, a.Pos, "while evaluating the value of a string context")
		if v, at, ok := lookup(m, info, "path"); ok {
			if m.ForceBool(v, at, "while evaluating the `path` attribute of a string context") {
				elems = append(elems, eval.ContextElem{Kind: eval.ContextPath, Path: p})
			}
		}
		if v, at, ok := lookup(m, info, "allOutputs"); ok {
			if m.ForceBool(v, at, "while evaluating the `allOutputs` attribute of a string context") {
				if !p.IsDerivation() {
					m.Fail(diag.Eval, a.Pos, "tried to add all-outputs context of %s, which is not a derivation, to a string", eval.QuoteName(name))
				}
				elems = append(elems, eval.ContextElem{Kind: eval.ContextAll, Path: p})
			}
		}
		if v, at, ok := info.Find(m.E.Sym.Outputs); ok {
			outputs := m.ForceList(v, at, "while evaluating the `outputs` attribute of a string context")
			if len(outputs) > 0 && !p.IsDerivation() {
				m.Fail(diag.Eval, a.Pos, "tried to add derivation output context of %s, which is not a derivation, to a string", eval.QuoteName(name))
			}
			for _, e := range outputs {
				out := m.ForceStringNoCtx(e, at, "while evaluating an output name within a string context")
				elems = append(elems, eval.ContextElem{Kind: eval.ContextOutput, Path: p, Output: out})
			}
		}
	}
	return eval.String(s, m.E.Contexts.OfAll(elems))
}

// ensurePath makes a path valid, unless the store is only computed with.
func ensurePath(m *machine, p storepath.Path) {
	o := m.E.Options()
	if o.ReadOnly || o.Paths == nil {
		return
	}
	if err := o.Paths.EnsurePath(m.Context(), p); err != nil {
		m.FailErr(ast.NoPos, err)
	}
}
