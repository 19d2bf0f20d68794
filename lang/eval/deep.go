package eval

import (
	"sort"
	"strconv"
	"strings"

	"github.com/seed192a40f6/glang/lang/ast"
	"github.com/seed192a40f6/glang/lang/diag"
)

// ForceDeep evaluates a value and all that it contains.
func (m *Machine) ForceDeep(v *Value) {
	d := deep{m: m, seen: m.seen}
	m.seen = nil
	if d.seen == nil {
		d.seen = map[*Value]struct{}{}
	}
	d.force(v)
	if len(d.seen) <= maxSeen {
		clear(d.seen)
		m.seen = d.seen
	}
}

// maxSeen bounds the memory for lists and sets seen that a machine keeps.
const maxSeen = 1 << 10

type deep struct {
	m    *Machine
	seen map[*Value]struct{} // lists and sets
}

func (d *deep) force(v *Value) {
	m := d.m
	if m.calls > m.E.opts.MaxCallDepth {
		m.overflow(m.determinePos(v, ast.NoPos))
	}
	if _, ok := d.seen[v]; ok {
		return
	}
	m.EnterCall(ast.NoPos)
	m.ForceOwn(v)
	switch v.Kind() {
	case KindAttrs:
		m.Charge(seenSize)
		d.seen[v] = struct{}{}
		a := v.Attrs().flat()
		order := m.order(a.shape)
		fan := m.fanOutSet(a, order, forceDeep)
		if fan != nil {
			defer fan.End()
		}
		for k := range a.shape.names {
			i := nth(order, k)
			fan.Reach(k)
			m.TraceSymbol(a.shape.posAt(i), "while evaluating the attribute '%s'", a.shape.names[i])
			d.force(a.val(i))
			m.sp--
		}
	case KindList:
		m.Charge(seenSize)
		d.seen[v] = struct{}{}
		fan := d.fanOut(v.List())
		if fan != nil {
			defer fan.End()
		}
		for i, x := range v.List() {
			fan.Reach(i)
			m.TraceIndex(ast.NoPos, "while evaluating list element at index %d", i)
			d.force(x)
			m.sp--
		}
	}
	m.LeaveCall()
}

// forceDeep has a helper evaluate an attribute deeply.
func forceDeep(h *Machine, a Attr) { h.ForceDeep(a.Value) }

// fanOut has helpers evaluate elements deeply.
func (d *deep) fanOut(values []*Value) *Fan {
	if !d.m.WantsFan(len(values)) {
		return nil
	}
	return d.m.FanOutDeep(values, func(h *Machine, i int) { h.ForceDeep(values[i]) })
}

func (m *Machine) sortedFormals(formals []Formal) []string {
	names := make([]string, len(formals))
	for i, x := range formals {
		names[i] = m.E.Symbols.Name(x.Name)
	}
	sort.Strings(names)
	return names
}

// ParseAttrPath splits a selection path such as a.b."c.d".0 into names and
// list indices.
func ParseAttrPath(s string) ([]string, error) {
	var out []string
	var cur strings.Builder
	for i := 0; i < len(s); i++ {
		switch s[i] {
		case '.':
			out = append(out, cur.String())
			cur.Reset()
		case '"':
			j := strings.IndexByte(s[i+1:], '"')
			if j < 0 {
				return nil, &diag.Error{Kind: diag.Syntax, Message: Messagef("missing closing quote in selection path '%s'", s)}
			}
			cur.WriteString(s[i+1 : i+1+j])
			i += j + 1
		default:
			cur.WriteByte(s[i])
		}
	}
	if cur.Len() > 0 {
		out = append(out, cur.String())
	}
	return out, nil
}

// SelectPath follows a selection path such as "a.b.0" from v, calling
// functions on the way with those of args that they take. It returns the value
// and where its attribute was defined.
func (m *Machine) SelectPath(v *Value, attrPath string, args *Attrs) (*Value, ast.Pos) {
	names, err := ParseAttrPath(attrPath)
	if err != nil {
		m.FailErr(ast.NoPos, err)
	}
	pos := ast.NoPos
	for _, name := range names {
		v = m.AutoCall(v, args)
		m.Force(v, ast.NoPos)
		if index, err := strconv.ParseUint(name, 10, 32); err == nil {
			if v.Kind() != KindList {
				m.Fail(diag.Type, ast.NoPos, "the expression selected by the selection path '%s' should be a list but is %s", attrPath, m.showType(v))
			}
			if index >= uint64(len(v.List())) {
				m.Fail(diag.Eval, ast.NoPos, "list index %d in selection path '%s' is out of range", index, attrPath)
			}
			v, pos = v.List()[index], ast.NoPos
			continue
		}
		if v.Kind() != KindAttrs {
			m.Fail(diag.Type, ast.NoPos, "the expression selected by the selection path '%s' should be a set but is %s", attrPath, m.showType(v))
		}
		if name == "" {
			m.Fail(diag.Eval, ast.NoPos, "empty attribute name in selection path '%s'", attrPath)
		}
		x, at, ok := v.Attrs().Find(m.E.Symbols.Intern(name))
		if !ok {
			var all []string
			for n := range v.Attrs().All() {
				all = append(all, m.E.Symbols.Name(n))
			}
			m.Errorf(diag.Eval, ast.NoPos, "attribute '%s' in selection path '%s' not found", name, attrPath).WithSuggestions(name, all).Throw()
		}
		v, pos = x, at
	}
	return v, pos
}
