package eval

import (
	"cmp"
	"iter"
	"slices"
	"sync/atomic"
	"unsafe"

	"github.com/seed192a40f6/glang/lang/ast"
)

// Attrs is an immutable attribute set: a shape (names and positions, shared
// by all sets made at one place), which pointers to values follow in memory;
// or, after //, a small set laid over another, see update.go.
type Attrs struct {
	shape *shape // nil: it is a layers
}

// shape is what sets of one origin have in common. It is immutable save for
// its caches, which are published atomically.
type shape struct {
	names []ast.Symbol // ascending
	pos   []ast.Pos    // of each attribute; nil: none
	at    ast.Pos      // of the set itself
	// inFrame: it is that of a recursive set, whose values are the slots of a
	// frame: the frame begins where the values would.
	inFrame bool
	// shared: many sets have this shape, so that it is worth remembering what
	// // made of it.
	shared atomic.Bool
	order  atomic.Pointer[[]uint32] // by name
	visit  atomic.Pointer[[]uint32] // see Machine.order
	merge  atomic.Pointer[merge]
	noPos  atomic.Pointer[shape]
}

// linearFind is the length up to which a scan beats a binary search; from guessed
// on a guess comes before one.
const (
	linearFind = 8
	guessed    = 1 << 10
)

func (s *shape) find(sym ast.Symbol) (int, bool) {
	names := s.names
	if len(names) <= linearFind {
		for i, n := range names {
			if n >= sym {
				return i, n == sym
			}
		}
		return len(names), false
	}
	lo, hi := 0, len(names)
	if hi >= guessed {
		// Names that came one after the other have symbols that do.
		if i := uint(sym - names[0]); i < uint(hi) && names[i] == sym {
			return int(i), true
		}
	}
	for lo < hi {
		mid := int(uint(lo+hi) >> 1)
		if names[mid] < sym {
			lo = mid + 1
		} else {
			hi = mid
		}
	}
	return lo, lo < len(names) && names[lo] == sym
}

func (s *shape) posAt(i int) ast.Pos {
	if s.pos == nil {
		return ast.NoPos
	}
	return s.pos[i]
}

var emptyShape = &shape{}

var emptyAttrs = &Attrs{shape: emptyShape}

// emptiedAttrs is what a filter left nothing of; see Attrs.alike.
var emptiedAttrs = &Attrs{shape: &shape{}}

// valuesAt is how far behind the header a set's values are.
func (s *shape) valuesAt() uintptr {
	if s.inFrame {
		return 2 * wordSize
	}
	return wordSize
}

func (a *Attrs) val(i int) *Value {
	return *(**Value)(unsafe.Add(unsafe.Pointer(a), a.shape.valuesAt()+uintptr(i)*wordSize))
}

func (a *Attrs) values() []*Value {
	n := len(a.shape.names)
	if n == 0 {
		return nil
	}
	return unsafe.Slice((**Value)(unsafe.Add(unsafe.Pointer(a), a.shape.valuesAt())), n)
}

func (a *Attrs) layers() *layers { return (*layers)(unsafe.Pointer(a)) }

// Get looks an attribute up.
func (a *Attrs) Get(sym ast.Symbol) (*Value, bool) {
	for a.shape == nil {
		top, base := a.layers().get()
		if top != nil {
			if i, ok := top.shape.find(sym); ok {
				return top.val(i), true
			}
		}
		a = base
	}
	if i, ok := a.shape.find(sym); ok {
		return a.val(i), true
	}
	return nil, false
}

// Find is Get with the position where the attribute was defined.
func (a *Attrs) Find(sym ast.Symbol) (*Value, ast.Pos, bool) {
	for a.shape == nil {
		top, base := a.layers().get()
		if top != nil {
			if i, ok := top.shape.find(sym); ok {
				return top.val(i), top.shape.posAt(i), true
			}
		}
		a = base
	}
	if i, ok := a.shape.find(sym); ok {
		return a.val(i), a.shape.posAt(i), true
	}
	return nil, ast.NoPos, false
}

// Pos is where an attribute was defined, if it is there and that is known.
func (a *Attrs) Pos(sym ast.Symbol) ast.Pos {
	_, pos, _ := a.Find(sym)
	return pos
}

// At is the position of the set expression that made the set; NoPos if none did.
func (a *Attrs) At() ast.Pos {
	if a.shape == nil {
		return ast.NoPos
	}
	return a.shape.at
}

// Len is the number of attributes.
func (a *Attrs) Len() int {
	if a.shape == nil {
		return int(a.layers().size)
	}
	return len(a.shape.names)
}

// All yields the attributes by symbol.
func (a *Attrs) All() iter.Seq2[ast.Symbol, *Value] {
	a = a.flat()
	return func(yield func(ast.Symbol, *Value) bool) {
		for i, n := range a.shape.names {
			if !yield(n, a.val(i)) {
				return
			}
		}
	}
}

// alike tells whether a set is one of those empty ones that are all the same to
// the reference: which were empty from the start, not what a filter left.
func (a *Attrs) alike() bool {
	return a.shape != nil && len(a.shape.names) == 0 && a.shape != emptiedAttrs.shape
}

// Attr is an attribute as [Attrs.Sorted] and [Attrs.Index] give it.
type Attr struct {
	Name  ast.Symbol
	Pos   ast.Pos
	Value *Value
}

// Index is the i-th attribute by symbol.
func (a *Attrs) Index(i int) Attr {
	a = a.flat()
	return Attr{a.shape.names[i], a.shape.posAt(i), a.val(i)}
}

// Sorted yields the attributes by name, byte by byte. The order is computed
// once for each shape.
func (a *Attrs) Sorted(m *Machine) iter.Seq[Attr] {
	a = a.flat()
	order := a.shape.byName(m)
	return func(yield func(Attr) bool) {
		for _, i := range order {
			if !yield(Attr{a.shape.names[i], a.shape.posAt(int(i)), a.val(int(i))}) {
				return
			}
		}
	}
}

// order is the order in which attributes are visited where it can be observed,
// by what fails first: that in which their names were met, as in the reference,
// save for names met while helpers were at work; these follow by name. nil
// stands for the order of symbols.
func (m *Machine) order(s *shape) []uint32 {
	if v := s.visit.Load(); v != nil {
		return *v
	}
	var out []uint32
	if !m.ordered(s.names) {
		out = make([]uint32, len(s.names))
		for i := range out {
			out[i] = uint32(i)
		}
		slices.SortFunc(out, func(a, b uint32) int { return m.compare(s.names[a], s.names[b]) })
	}
	s.visit.Store(&out)
	return out
}

// ordered tells whether names come in the order of Machine.order.
func (m *Machine) ordered(names []ast.Symbol) bool {
	return slices.IsSortedFunc(names, m.compare)
}

// compare says which of two names comes first in the order of Machine.order.
func (m *Machine) compare(a, b ast.Symbol) int {
	symbols, certain := m.E.Symbols, m.E.certain.Load()
	p, q := symbols.Place(a), symbols.Place(b)
	if certain != 0 && p > certain && q > certain {
		return cmp.Compare(symbols.Name(a), symbols.Name(b))
	}
	return cmp.Compare(p, q)
}

// Ordered yields the attributes in the order in which the reference keeps them:
// by when their names were first met.
func (a *Attrs) Ordered(m *Machine) iter.Seq[Attr] {
	a = a.flat()
	order := m.order(a.shape)
	return func(yield func(Attr) bool) {
		for k := range a.shape.names {
			i := nth(order, k)
			if !yield(Attr{a.shape.names[i], a.shape.posAt(i), a.val(i)}) {
				return
			}
		}
	}
}

// nth is the i-th of an order.
func nth(order []uint32, i int) int {
	if order == nil {
		return i
	}
	return int(order[i])
}

func (s *shape) byName(m *Machine) []uint32 {
	if o := s.order.Load(); o != nil {
		return *o
	}
	m.Charge(int64(len(s.names)) * 12)
	order := sortedNames(m.E.Symbols, s.names)
	s.order.Store(&order)
	return order
}

// newAttrs makes a flat set of a shape; the caller fills the values in.
func (m *Machine) newAttrs(s *shape) *Attrs {
	if len(s.names) == 0 && s.at == ast.NoPos {
		return emptyAttrs
	}
	a := (*Attrs)(m.words(len(s.names) + 1))
	a.shape = s
	return a
}

// newFlat makes a set of n attributes whose values and shape the caller fills
// in. m is nil where no machine is at hand.
func (m *Machine) newFlat(n int) (*Attrs, []*Value) {
	var vals []*Value
	if m != nil {
		vals = m.newSlots(n + 1)
	} else {
		vals = make([]*Value, n+1)
	}
	return (*Attrs)(unsafe.Pointer(unsafe.SliceData(vals))), vals[1:]
}

// newFrameSet makes a frame of n slots under up and a set whose values the first
// slots are.
func (m *Machine) newFrameSet(s *shape, up *frame, n int) (*Attrs, *frame) {
	a := (*Attrs)(m.words(n + 2))
	a.shape = s
	f := (*frame)(unsafe.Add(unsafe.Pointer(a), wordSize))
	f.up = up
	return a, f
}

// AttrsBuilder collects attributes for a set.
type AttrsBuilder struct {
	m      *Machine
	attrs  []Attr
	sorted bool
}

// NewAttrs begins a set of about n attributes.
func (m *Machine) NewAttrs(n int) *AttrsBuilder {
	return &AttrsBuilder{m: m, attrs: m.takeAttrs(n), sorted: true}
}

// Put adds an attribute. Where a name comes twice, the first one counts.
func (b *AttrsBuilder) Put(name ast.Symbol, v *Value, pos ast.Pos) *AttrsBuilder {
	if n := len(b.attrs); n > 0 && b.attrs[n-1].Name >= name {
		b.sorted = false
	}
	b.attrs = append(Grow(b.m, b.attrs, 1), Attr{name, pos, v})
	return b
}

// PutName is Put for a name that is text and a value that is forced.
func (b *AttrsBuilder) PutName(name string, v Value) *AttrsBuilder {
	return b.Put(b.m.E.Symbols.Intern(name), b.m.NewValue(v), ast.NoPos)
}

// Build makes the set; the builder must not be used again.
func (b *AttrsBuilder) Build() *Attrs {
	a := b.m.buildAttrs(b.attrs, b.sorted, ast.NoPos)
	b.m.giveAttrs(b.attrs)
	b.attrs = nil
	return a
}

// Each replaces the values and positions of what has been put in, each name
// once and by symbol.
func (b *AttrsBuilder) Each(f func(a Attr) (*Value, ast.Pos)) *AttrsBuilder {
	b.attrs, b.sorted = b.m.uniqueAttrs(b.attrs, b.sorted), true
	for i := range b.attrs {
		b.attrs[i].Value, b.attrs[i].Pos = f(b.attrs[i])
	}
	return b
}

// takeAttrs hands out an empty slice for about n attributes; giveAttrs takes it back.
func (m *Machine) takeAttrs(n int) []Attr {
	if k := len(m.spare); k > 0 {
		s := m.spare[k-1]
		m.spare = m.spare[:k-1]
		if cap(s) >= n {
			return s
		}
	}
	return Grow[Attr](m, nil, max(n, 16))
}

// maxSpareAttrs bounds the memory that is kept so.
const maxSpareAttrs = 1 << 16

func (m *Machine) giveAttrs(s []Attr) {
	if cap(s) <= maxSpareAttrs && len(m.spare) < 16 {
		clear(s)
		m.spare = append(m.spare, s[:0])
	}
}

// uniqueAttrs puts attributes in the order of symbols; of those with the same
// name the first is kept. Many are sorted by numbers of symbol and place, which is
// faster than moving attributes about.
func (m *Machine) uniqueAttrs(attrs []Attr, sorted bool) []Attr {
	if sorted {
		return attrs
	}
	if len(attrs) <= fewAttrs {
		slices.SortStableFunc(attrs, func(x, y Attr) int { return int(x.Name) - int(y.Name) })
		return slices.CompactFunc(attrs, func(x, y Attr) bool { return x.Name == y.Name })
	}
	keys := Grow(m, m.keys[:0], len(attrs))
	for i := range attrs {
		keys = append(keys, uint64(attrs[i].Name)<<32|uint64(i))
	}
	slices.Sort(keys)
	from := append(m.takeAttrs(len(attrs)), attrs...)
	out, last := attrs[:0], ast.NoSymbol
	for _, k := range keys {
		if name := ast.Symbol(k >> 32); name != last {
			out, last = append(out, from[uint32(k)]), name
		}
	}
	clear(attrs[len(out):])
	m.giveAttrs(from)
	if cap(keys) <= maxSpareAttrs {
		m.keys = keys
	}
	return out
}

// fewAttrs is how many attributes are sorted as they are.
const fewAttrs = 12

func (m *Machine) buildAttrs(attrs []Attr, sorted bool, at ast.Pos) *Attrs {
	attrs = m.uniqueAttrs(attrs, sorted)
	n := len(attrs)
	hasPos := false
	for i := range attrs {
		if attrs[i].Pos != ast.NoPos {
			hasPos = true
			break
		}
	}
	p := m.plan(n, hasPos)
	a, vals := m.newFlat(n)
	for i := range attrs {
		p.names[i] = attrs[i].Name
		vals[i] = attrs[i].Value
	}
	for i := range p.pos {
		p.pos[i] = attrs[i].Pos
	}
	a.shape = m.shapeOf(p, at)
	return a
}

// bare is the shape of sets with the same names and no positions, made once.
func (s *shape) bare() *shape {
	if s.pos == nil && s.at == ast.NoPos && !s.inFrame {
		return s
	}
	b := s.noPos.Load()
	if b == nil {
		b = &shape{names: s.names}
		s.noPos.Store(b)
	}
	return b
}

// FilterAttrs makes a set of those attributes that keep accepts, with their positions.
func (m *Machine) FilterAttrs(a *Attrs, keep func(name ast.Symbol, v *Value) bool) *Attrs {
	a = a.flat()
	out := m.takeAttrs(len(a.shape.names))
	for i, n := range a.shape.names {
		if v := a.val(i); keep(n, v) {
			out = append(out, Attr{n, a.shape.posAt(i), v})
		}
	}
	switch n := len(out); {
	case n == 0 && n < len(a.shape.names):
		a = emptiedAttrs
	case n < len(a.shape.names):
		a = m.buildAttrs(out, true, ast.NoPos)
	}
	m.giveAttrs(out)
	return a
}

// nameCache is values of names that a machine has made, by symbol: attrNames
// meets few names much more often than all others.
type nameCache [1 << 9]struct {
	sym ast.Symbol
	v   *Value
}

// NameValue is the name of a symbol as a string, in a value that others may have too.
func (m *Machine) NameValue(sym ast.Symbol) *Value {
	if m.names == nil {
		m.Charge(int64(unsafe.Sizeof(nameCache{})))
		m.names = new(nameCache)
	}
	e := &m.names[sym%ast.Symbol(len(m.names))]
	if e.v == nil || e.sym != sym {
		e.sym, e.v = sym, m.NewValue(String(m.E.Symbols.Name(sym), 0))
	}
	return e.v
}
