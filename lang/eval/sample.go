package eval

import (
	"unsafe"

	"github.com/seed192a40f6/glang/lang/ast"
)

// Profiler takes samples of an evaluation: of the time it takes, wherever it is
// when one is due, and of the memory it allocates, wherever another 64 KiB are
// used up. It is called by every goroutine that evaluates.
type Profiler interface {
	// Due tells whether a sample of the time is wanted. It is asked every few
	// steps and after each call of a builtin.
	Due() bool
	// Time and Alloc are told what is being evaluated, innermost first. The
	// slice must not be kept.
	Time(stack []Site)
	Alloc(stack []Site, bytes int64)
}

// Site is an entry of what a [Profiler] is told.
type Site struct {
	Kind SiteKind
	// Name is that of the function, builtin, attribute path or file; empty for
	// a function without one.
	Name string
	// Pos is where a function or an attribute was defined, a builtin called.
	Pos ast.Pos
}

// SiteKind says what a [Site] is.
type SiteKind uint8

// The kinds of sites.
const (
	SiteFunction SiteKind = iota
	SiteBuiltin
	SiteAttribute
	SiteFile
)

// profileSteps is how many calls and forced values go between two looks at
// whether a sample is due.
const profileSteps = 32

// maxSites bounds the stacks of samples; what is further out is cut off.
const maxSites = 1024

// sites reads the stack.
func (m *Machine) sites() []Site {
	out := m.siteBuf[:0]
	for i := m.sp - 1; i >= 0 && len(out) < maxSites; i-- {
		s := &m.stack[i]
		switch s.kind {
		case shadowCall:
			l := (*lambda)(s.p)
			name := ""
			if sym := l.symbol(); sym != ast.NoSymbol {
				name = m.E.Symbols.Name(sym)
			}
			out = append(out, Site{SiteFunction, name, l.pos})
		case shadowBuiltin:
			out = append(out, Site{SiteBuiltin, (*Builtin)(s.p).Name, s.pos})
		case shadowSelect:
			out = append(out, Site{SiteAttribute, m.pathName((*selectCode)(s.p)), s.pos})
		case shadowFile:
			out = append(out, Site{SiteFile, m.E.DisplayPath(s.text()), ast.NoPos})
		}
	}
	m.siteBuf = out
	return out
}

// pathName is attrPathText, made once for each selection.
func (m *Machine) pathName(c *selectCode) string {
	if m.pathNames == nil {
		m.pathNames = map[*selectCode]string{}
	}
	name, ok := m.pathNames[c]
	if !ok {
		name = m.E.attrPathText(c, nil)
		m.pathNames[c] = name
	}
	return name
}

// sample takes one if it is due.
func (m *Machine) sample() {
	if p := m.E.opts.Profile; p.Due() {
		p.Time(m.sites())
	}
}

// profiled is a builtin that looks whether a sample is due before and after: what
// takes long within it is put down to it, and what took long before is not.
func profiled(d *BuiltinDef) *BuiltinDef {
	fn := d.Fn
	p := *d
	p.Fn = func(m *Machine, pos ast.Pos, args []*Value) Value {
		if d.NoTrace {
			m.sample()
		} else {
			m.sp--
			m.sample()
			m.sp++
		}
		x := fn(m, pos, args)
		m.sample()
		return x
	}
	return &p
}

// Counts are what an evaluation did, for statistics; see [Options.Counts].
type Counts struct {
	Thunks, Avoided     int64 // values put off, and those that were at hand
	Lookups             int64 // attributes selected
	Updates, Updated    int64 // //, and the attributes that it copied
	Concats             int64 // ++
	Frames, FrameSlots  int64
	Lists, ListElements int64
	Sets, SetElements   int64
	Values              int64 // memory cells for values, thunks included
	Exprs               int64 // nodes of the trees that were parsed
}

// The sizes in bytes of what Counts counts.
const (
	ValueSize = int64(unsafe.Sizeof(Value{}))
	FrameSize = int64(wordSize)
	AttrsSize = int64(unsafe.Sizeof(Attrs{}))
	AttrSize  = int64(unsafe.Sizeof(uint32(0)))*2 + int64(wordSize)
)

// counted is code that is counted when it runs. Code is compiled like this, or
// without, so that counting costs nothing where it is not asked for.
type counted struct {
	code
	count func(n *Counts, x *Value)
}

func (c *counted) eval(m *Machine, f *frame) Value {
	x := c.code.eval(m, f)
	c.count(m.E.opts.Counts, &x)
	return x
}

// delay counts a selection, the one node that is both counted and delayed, when
// it is put off, for its thunk knows nothing of the counter.
func (c *counted) delay(m *Machine, f *frame) *Value {
	c.count(m.E.opts.Counts, nil)
	return c.code.delay(m, f)
}

// countedLazy is code in a lazy position.
type countedLazy struct{ code }

func (c *countedLazy) delay(m *Machine, f *frame) *Value {
	v := c.code.delay(m, f)
	if v.Forced() {
		m.E.opts.Counts.Avoided++
	} else {
		m.E.opts.Counts.Thunks++
	}
	return v
}

// counting puts a counter around the code of a node that has one.
func (e *Evaluator) counting(n ast.Node, c code) code {
	if _, ok := c.(*constCode); ok {
		return c
	}
	var count func(n *Counts, x *Value)
	switch n := n.(type) {
	case *ast.Attrs:
		frame := int64(n.Set.Frame)
		count = func(n *Counts, x *Value) {
			n.Sets++
			n.SetElements += int64(x.Attrs().Len())
			if frame > 0 {
				n.Frames++
				n.FrameSlots += frame
			}
		}
	case *ast.Let:
		frame := int64(n.Set.Frame)
		count = func(n *Counts, _ *Value) { n.Frames++; n.FrameSlots += frame }
	case *ast.With:
		count = func(n *Counts, _ *Value) { n.Frames++; n.FrameSlots++ }
	case *ast.Select:
		parts := int64(len(n.Path))
		count = func(n *Counts, _ *Value) { n.Lookups += parts }
	case *ast.Binary:
		switch n.Op {
		case ast.OpUpdate:
			count = func(n *Counts, x *Value) { n.Updates++; n.Updated += int64(x.Attrs().Len()) }
		case ast.OpConcat:
			count = func(n *Counts, _ *Value) { n.Concats++ }
		}
	}
	if count == nil {
		return c
	}
	return &counted{c, count}
}

// CallFrame counts the frame of a call, for a hook on calls.
func (c *Counts) CallFrame(m *Machine, fn *Value) {
	if fn.Kind() != KindLambda {
		return
	}
	if l := m.E.codes.lambda(fn.aux); l.slots > 0 {
		c.Frames++
		c.FrameSlots += int64(l.slots)
	}
}
