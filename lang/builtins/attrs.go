package builtins

import (
	"slices"

	"github.com/seed192a40f6/glang/lang/ast"
	"github.com/seed192a40f6/glang/lang/eval"
)

func attrNames(m *machine, pos ast.Pos, args []*value) value {
	set := m.ForceAttrs(args[0], pos, "while evaluating the argument passed to builtins.attrNames")
	out := m.NewList(set.Len())
	i := 0
	for a := range set.Sorted(m) {
		out[i] = m.NameValue(a.Name)
		i++
	}
	return eval.List(out)
}

func attrValues(m *machine, pos ast.Pos, args []*value) value {
	set := m.ForceAttrs(args[0], pos, "while evaluating the argument passed to builtins.attrValues")
	out := m.NewList(set.Len())
	i := 0
	for a := range set.Sorted(m) {
		out[i] = a.Value
		i++
	}
	return eval.List(out)
}

func getAttr(m *machine, pos ast.Pos, args []*value) value {
	name := m.ForceStringNoCtx(args[0], pos, "while evaluating the first argument passed to builtins.getAttr")
	set := m.ForceAttrs(args[1], pos, "while evaluating the second argument passed to builtins.getAttr")
	v := requireAttr(m, set, m.Intern(name), "in the attribute set under consideration")
	m.Force(v, pos)
	return v.Copy()
}

// lookup finds an attribute by a name that need not be a symbol yet.
func lookup(m *machine, set *eval.Attrs, name string) (*value, ast.Pos, bool) {
	sym, ok := m.E.Symbols.Lookup(name)
	if !ok {
		return nil, ast.NoPos, false
	}
	return set.Find(sym)
}

func hasAttr(m *machine, pos ast.Pos, args []*value) value {
	name := m.ForceStringNoCtx(args[0], pos, "while evaluating the first argument passed to builtins.hasAttr")
	set := m.ForceAttrs(args[1], pos, "while evaluating the second argument passed to builtins.hasAttr")
	_, _, ok := lookup(m, set, name)
	return eval.Bool(ok)
}

func unsafeGetAttrPos(m *machine, pos ast.Pos, args []*value) value {
	name := m.ForceStringNoCtx(args[0], pos, "while evaluating the first argument passed to builtins.unsafeGetAttrPos")
	set := m.ForceAttrs(args[1], pos, "while evaluating the second argument passed to builtins.unsafeGetAttrPos")
	_, at, ok := lookup(m, set, name)
	if !ok {
		return eval.Null()
	}
	return m.PosValue(at)
}

func removeAttrs(m *machine, pos ast.Pos, args []*value) value {
	set := m.ForceAttrs(args[0], pos, "while evaluating the first argument passed to builtins.removeAttrs")
	list := m.ForceList(args[1], pos, "while evaluating the second argument passed to builtins.removeAttrs")
	var few [16]ast.Symbol
	drop := few[:0]
	for _, e := range list {
		name := m.ForceStringNoCtx(e, pos, "while evaluating the values of the second argument passed to builtins.removeAttrs")
		if sym, ok := m.E.Symbols.Lookup(name); ok {
			if _, ok := set.Get(sym); ok {
				drop = append(eval.Grow(m, drop, 1), sym)
			}
		}
	}
	if len(drop) == 0 {
		return args[0].Copy()
	}
	// FilterAttrs goes in the order of symbols.
	slices.Sort(drop)
	return eval.AttrsValue(m.FilterAttrs(set, func(name ast.Symbol, _ *value) bool {
		for len(drop) > 0 && drop[0] < name {
			drop = drop[1:]
		}
		return len(drop) == 0 || drop[0] != name
	}))
}

// fanOutNames has helpers evaluate the names for listToAttrs.
func fanOutNames(m *machine, list []*value, pos ast.Pos) *eval.Fan {
	if !m.WantsFan(len(list)) {
		return nil
	}
	return m.FanOut(list, func(h *machine, i int) {
		if v, ok := h.ForceAttrs(list[i], pos, "").Get(h.E.Sym.Name); ok {
			h.Force(v, pos)
		}
	})
}

// listToAttrs checks all names before it looks at values, and does not look
// at the value of a pair whose name came before.
func listToAttrs(m *machine, pos ast.Pos, args []*value) value {
	list := m.ForceList(args[0], pos, "while evaluating the argument passed to builtins.listToAttrs")
	const inPair = "in a {name=...; value=...;} pair"
	b := m.NewAttrs(len(list))
	fan := fanOutNames(m, list, pos)
	if fan != nil {
		defer fan.End()
	}
	for i, e := range list {
		fan.Reach(i)
		pair := m.ForceAttrs(e, pos, "while evaluating an element of the list passed to builtins.listToAttrs")
		nameV, namePos := m.GetAttr(pair, m.E.Sym.Name, inPair)
		name := m.ForceStringNoCtx(nameV, namePos, "while evaluating the `name` attribute of an element of the list passed to builtins.listToAttrs")
		b.Put(m.Intern(name), e, ast.NoPos)
	}
	b.Each(func(a eval.Attr) (*value, ast.Pos) {
		return m.GetAttr(a.Value.Attrs(), m.E.Sym.Value, inPair)
	})
	return eval.AttrsValue(b.Build())
}

// intersectAttrs takes time in the size of the smaller set.
func intersectAttrs(m *machine, pos ast.Pos, args []*value) value {
	left := m.ForceAttrs(args[0], pos, "while evaluating the first argument passed to builtins.intersectAttrs")
	right := m.ForceAttrs(args[1], pos, "while evaluating the second argument passed to builtins.intersectAttrs")
	if left.Len() >= right.Len() {
		return eval.AttrsValue(m.FilterAttrs(right, func(name ast.Symbol, _ *value) bool {
			_, ok := left.Get(name)
			return ok
		}))
	}
	b := m.NewAttrs(left.Len())
	for name := range left.All() {
		if v, at, ok := right.Find(name); ok {
			b.Put(name, v, at)
		}
	}
	return eval.AttrsValue(b.Build())
}

func catAttrs(m *machine, pos ast.Pos, args []*value) value {
	name := m.ForceStringNoCtx(args[0], pos, "while evaluating the first argument passed to builtins.catAttrs")
	list := m.ForceList(args[1], pos, "while evaluating the second argument passed to builtins.catAttrs")
	sym := m.Intern(name)
	var out []*value
	for _, e := range list {
		set := m.ForceAttrs(e, pos, "while evaluating an element in the list passed as second argument to builtins.catAttrs")
		if v, ok := set.Get(sym); ok {
			out = append(eval.Grow(m, out, 1), v)
		}
	}
	return eval.List(out)
}

func mapAttrs(m *machine, pos ast.Pos, args []*value) value {
	set := m.ForceAttrs(args[1], pos, "while evaluating the second argument passed to builtins.mapAttrs")
	return eval.AttrsValue(m.LazyMapAttrs(args[0], set))
}

func zipAttrsWith(m *machine, pos ast.Pos, args []*value) value {
	m.ForceFunction(args[0], pos, "while evaluating the first argument passed to builtins.zipAttrsWith")
	list := m.ForceList(args[1], pos, "while evaluating the second argument passed to builtins.zipAttrsWith")
	f := args[0]
	groups := buckets{m: m}
	for _, e := range list {
		set := m.ForceAttrs(e, ast.NoPos, "while evaluating a value of the list passed as second argument to builtins.zipAttrsWith")
		for name, v := range set.All() {
			groups.add(name, v)
		}
	}
	b := m.NewAttrs(len(groups.names))
	for i, name := range groups.names {
		b.Put(name, m.Lazy(f, m.NameValue(name), m.NewValue(eval.List(groups.lists[i]))), ast.NoPos)
	}
	return eval.AttrsValue(b.Build())
}

// requireAttr is an attribute of a set that a builtin was given; context is
// the frame of the error if there is none.
func requireAttr(m *machine, set *eval.Attrs, name ast.Symbol, context string) *value {
	v, _ := m.GetAttr(set, name, context)
	return v
}
