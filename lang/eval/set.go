package eval

import (
	"github.com/seed192a40f6/glang/lang/ast"
	"github.com/seed192a40f6/glang/lang/diag"
)

// setCode makes attribute sets and the frames of let.
type setCode struct {
	eager
	shape     *shape // nil for let
	attrs     []code
	outer     []bool // attribute i is evaluated in the frame around the set; nil: none
	froms     []code
	firstFrom uint32
	slots     int // of the frame it opens; 0: none, as the resolver counts
	rec       bool
	overrides int
	dynamic   []dynamicCode
	pos       ast.Pos
}

type dynamicCode struct {
	at          ast.Pos
	name, value code
}

// frame makes and fills the frame of a let or a recursive set.
func (c *setCode) frame(m *Machine, up *frame) *frame {
	if c.slots == 0 {
		return up
	}
	f := m.newFrame(up, c.slots)
	c.fill(m, up, f)
	return f
}

// fill fills a frame under up.
func (c *setCode) fill(m *Machine, up, f *frame) {
	for i, x := range c.froms {
		*f.slot(c.firstFrom + uint32(i)) = x.delay(m, f)
	}
	for i, x := range c.attrs {
		if c.outer != nil && c.outer[i] {
			*f.slot(uint32(i)) = x.delay(m, up)
		} else {
			*f.slot(uint32(i)) = x.delay(m, f)
		}
	}
}

func (c *setCode) eval(m *Machine, f *frame) Value {
	var a *Attrs
	switch {
	case c.rec && c.slots > 0:
		up := f
		a, f = m.newFrameSet(c.shape, up, c.slots)
		c.fill(m, up, f)
		if c.overrides >= 0 {
			a = c.override(m, f, a)
		}
	case c.slots > 0: // sources of inherit (…)
		in := m.newFrame(f, c.slots)
		for i, x := range c.froms {
			*in.slot(c.firstFrom + uint32(i)) = x.delay(m, in)
		}
		a = m.newAttrs(c.shape)
		vals := a.values()
		for i, x := range c.attrs {
			if c.outer != nil && c.outer[i] {
				vals[i] = x.delay(m, f)
			} else {
				vals[i] = x.delay(m, in)
			}
		}
		f = in
	default:
		a = m.newAttrs(c.shape)
		vals := a.values()
		for i, x := range c.attrs {
			vals[i] = x.delay(m, f)
		}
	}
	if c.dynamic != nil {
		a = c.addDynamic(m, f, a)
	}
	return AttrsValue(a)
}

// override puts the attributes of __overrides in place of the set's own, which
// the other attributes then see.
func (c *setCode) override(m *Machine, f *frame, a *Attrs) *Attrs {
	v := a.val(c.overrides)
	over := m.ForceAttrs(v, ast.NoPos, "while evaluating the `__overrides` attribute")
	plain := &shape{names: c.shape.names, pos: c.shape.pos, at: c.pos}
	flat := m.newAttrs(plain)
	own := flat.values()
	copy(own, a.values())
	for n, x := range over.All() {
		if i, ok := c.shape.find(n); ok {
			own[i] = x
			*f.slot(uint32(i)) = x
		}
	}
	r := mergeOnce(m, flat, over.flat())
	r.shape = &shape{names: r.shape.names, pos: r.shape.pos, at: c.pos}
	return r
}

func (c *setCode) addDynamic(m *Machine, f *frame, a *Attrs) *Attrs {
	out := m.takeAttrs(a.Len() + len(c.dynamic))
	for i, n := range a.shape.names {
		out = append(out, Attr{n, a.shape.posAt(i), a.val(i)})
	}
	n := len(out)
	for i := range c.dynamic {
		d := &c.dynamic[i]
		x := d.name.eval(m, f)
		if x.tag() == KindNull {
			continue
		}
		sym := m.Intern(m.stringNoCtx(x, d.at, "while evaluating the name of a dynamic attribute"))
		at, dup := ast.NoPos, false
		if j, ok := a.shape.find(sym); ok {
			at, dup = a.shape.posAt(j), true
		}
		for _, o := range out[n:] {
			if o.Name == sym {
				at, dup = o.Pos, true
			}
		}
		if dup {
			m.Fail(diag.Eval, d.at, "dynamic attribute '%s' already defined at %s", ast.ShowIdentifier(m.E.Symbols.Name(sym)), m.E.PosText(at))
		}
		if l, ok := d.value.(*lambda); ok {
			l.setName(sym)
		}
		out = append(out, Attr{sym, d.at, d.value.delay(m, f)})
	}
	r := m.buildAttrs(out, len(out) == n, c.pos)
	m.giveAttrs(out)
	return r
}
