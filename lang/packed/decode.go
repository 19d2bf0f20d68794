package packed

import (
	"encoding/binary"
	"math"

	"github.com/seed192a40f6/glang/lang/ast"
)

// resetBytes is how much is decoded before memory is really used again: most
// expressions are small, and going through all that an arena consists of takes
// longer than decoding one.
const resetBytes = 4 << 10

// Decoder makes nodes of packed expressions, in memory that it uses again after
// Reset. It is for one goroutine at a time.
type Decoder struct {
	// Later, if not nil, is told what became of each lazy expression by Whole.
	Later func(at Node, n ast.Node)

	arena  ast.Arena
	laters ast.Slab[Node]
	tree   *Tree
	data   string // the tree's
	at     int
	prev   ast.Pos
	whole  bool
	read   int // bytes since the last time that memory was taken back
}

// Reset takes all nodes back that were made.
func (d *Decoder) Reset() {
	if d.read < resetBytes {
		return
	}
	d.read = 0
	d.arena.Reset()
	d.laters.Reset()
}

// Node is an expression in which what is evaluated later is a [Node]. Its strings
// and scopes stay valid after Reset, other than absolute paths.
func (d *Decoder) Node(n *Node) ast.Node { return d.decode(n, false) }

// Whole is an expression without packed ones in it.
func (d *Decoder) Whole(n *Node) ast.Node { return d.decode(n, true) }

func (d *Decoder) decode(n *Node, whole bool) ast.Node {
	tree, data, at, prev, was := d.tree, d.data, d.at, d.prev, d.whole
	d.tree, d.data, d.at, d.prev, d.whole = n.Tree, n.Tree.data, int(n.Offset), n.Tree.base, whole
	x := d.node()
	d.read += d.at - int(n.Offset)
	d.tree, d.data, d.at, d.prev, d.whole = tree, data, at, prev, was
	return x
}

func (d *Decoder) byte() byte {
	b := d.data[d.at]
	d.at++
	return b
}

func (d *Decoder) uint() uint64 {
	b := d.data[d.at]
	if b < 0x80 {
		d.at++
		return uint64(b)
	}
	return d.long()
}

func (d *Decoder) long() (x uint64) {
	data, at := d.data, d.at
	for shift := 0; ; shift += 7 {
		b := data[at]
		at++
		x |= uint64(b&0x7f) << shift
		if b < 0x80 {
			d.at = at
			return x
		}
	}
}

func (d *Decoder) int() int           { return int(d.uint()) }
func (d *Decoder) symbol() ast.Symbol { return ast.Symbol(d.uint()) }
func unzigzag(x uint64) int64         { return int64(x>>1) ^ -int64(x&1) }
func (d *Decoder) start() ast.At      { return ast.At{Start: d.pos()} }

func (d *Decoder) pos() ast.Pos {
	x := d.uint()
	if x == 0 {
		return ast.NoPos
	}
	d.prev += ast.Pos(unzigzag(x - 1))
	return d.prev
}

func (d *Decoder) text() string {
	n := d.int()
	s := d.data[d.at : d.at+n]
	d.at += n
	return s
}

// counted is a number that was in the bits of a first byte, unless these are escape.
func (d *Decoder) counted(bits, escape byte) int {
	if bits != escape {
		return int(bits)
	}
	return d.int()
}

// node reads an expression. The recursion is as deep as the parser's.
func (d *Decoder) node() ast.Node {
	head := d.byte()
	bits := head & 7
	switch k := kind(head >> 3); k {
	case kLater:
		return d.later(bits)
	case kVar, kVarLocal, kVarWith, kVarGlobal:
		return d.variable(k, bits)
	case kSelect:
		return d.selection(bits)
	case kStr:
		n := d.arena.Strs.New()
		n.At, n.Indented, n.URI = d.start(), bits&strIndented != 0, bits&strURI != 0
		n.Value = d.text()
		return n
	case kCall:
		return d.call(bits)
	case kAttrs:
		n := d.arena.AttrSets.New()
		n.At, n.Rec = d.start(), bits&attrsRec != 0
		n.Set = d.set(n.Rec)
		return n
	case kList:
		count := d.counted(bits, many)
		n := d.arena.Lists.New()
		n.At = d.start()
		n.Elems = d.nodes(count)
		return n
	case kLambda:
		return d.lambda(bits)
	case kInterp:
		n := d.arena.Interps.New()
		n.At, n.Indented = d.start(), bits&strIndented != 0
		n.Parts, n.PartPos = d.parts()
		return n
	case kPath:
		return d.path(bits)
	case kPathInterp:
		n := d.arena.PathInterps.New()
		n.At = d.start()
		n.Parts, n.PartPos = d.parts()
		return n
	case kBinary:
		return d.binary(bits)
	case kLet:
		n := d.arena.Lets.New()
		n.At = d.start()
		n.Set = d.set(true)
		n.Body = d.node()
		return n
	case kWith:
		n := d.arena.Withs.New()
		n.At = d.start()
		n.Scope = d.node()
		if number := d.int(); number > 0 {
			n.Opens = d.tree.scopes[number-1]
		}
		n.Body = d.node()
		return n
	case kIf:
		n := d.arena.Ifs.New()
		n.At = d.start()
		n.Cond = d.node()
		n.Then = d.node()
		n.Else = d.node()
		return n
	case kInt:
		n := d.arena.Ints.New()
		n.At, n.Value = d.start(), unzigzag(d.uint())
		return n
	default:
		return d.rare(k, bits)
	}
}

func (d *Decoder) rare(k kind, bits byte) ast.Node {
	switch k {
	case kAssert:
		n := d.arena.Asserts.New()
		n.At = d.start()
		n.Cond = d.node()
		n.Body = d.node()
		return n
	case kHasAttr:
		count := d.counted(bits, 0)
		n := d.arena.HasAttrs.New()
		n.At = d.start()
		n.Expr = d.node()
		n.Path = d.names(count)
		return n
	case kUnary:
		n := d.arena.Unaries.New()
		n.At = d.start()
		n.Op = ast.OpNot
		if bits&unaryNegate != 0 {
			n.Op = ast.OpNegate
		}
		n.X = d.node()
		n.Fn = d.operator(bits)
		return n
	case kFloat:
		n := d.arena.Floats.New()
		n.At = d.start()
		n.Value = math.Float64frombits(binary.LittleEndian.Uint64([]byte(d.data[d.at : d.at+8])))
		d.at += 8
		return n
	case kSearchPath:
		n := d.arena.SearchPaths.New()
		n.At, n.Name = d.start(), d.text()
		if n.FindFile = d.operator(bits); n.FindFile != nil {
			n.NixPath = d.operator(bits)
		}
		return n
	case kRaw:
		d.int()
		return d.node()
	case kCurPos:
		n := d.arena.CurPoss.New()
		n.At = d.start()
		return n
	}
	panic("packed: this is no packed tree")
}

// later is what stands where it is evaluated later.
func (d *Decoder) later(bits byte) ast.Node {
	x := d.int()
	at := d.at
	if bits&laterFar != 0 {
		at = x
	} else {
		d.at += x
	}
	if !d.whole {
		return d.laters.Put(Node{Tree: d.tree, Offset: uint32(at)})
	}
	end, prev := d.at, d.prev
	d.at, d.prev = at, d.tree.base
	n := d.node()
	d.at, d.prev = end, prev
	if d.Later != nil {
		d.Later(Node{Tree: d.tree, Offset: uint32(at)}, n)
	}
	return n
}

// operator is the variable that an operator is, if it is one.
func (d *Decoder) operator(bits byte) *ast.Var {
	if bits&operatorFn == 0 {
		return nil
	}
	head := d.byte()
	return d.variable(kind(head>>3), head&7)
}

func (d *Decoder) variable(k kind, bits byte) *ast.Var {
	n := d.arena.Vars.New()
	if k == kVarLocal {
		n.Level = uint32(d.counted(bits, many))
	}
	n.At, n.Name = d.start(), d.symbol()
	switch k {
	case kVarLocal:
		n.Kind, n.Index = ast.VarLocal, uint32(d.uint())
	case kVarGlobal:
		n.Kind, n.Index = ast.VarGlobal, uint32(d.uint())
	case kVarWith:
		n.Kind, n.Level = ast.VarWith, uint32(d.uint())
		n.With = d.tree.scopes[d.int()]
	}
	return n
}

func (d *Decoder) nodes(n int) []ast.Node {
	list := d.arena.Nodes.Take(n)
	for i := range list {
		list[i] = d.node()
	}
	return list
}

func (d *Decoder) names(n int) []ast.AttrName {
	list := d.arena.Names.Take(n)
	for i := range list {
		head := d.uint()
		name := ast.AttrName{Sym: ast.Symbol(head >> 2), Quoted: head&1 != 0}
		name.At = d.start()
		if head&2 != 0 {
			name.Expr = d.node()
		}
		list[i] = name
	}
	return list
}

func (d *Decoder) selection(bits byte) ast.Node {
	n := d.arena.Selects.New()
	n.At = d.start()
	count := 1
	if bits&selectLong != 0 {
		count = d.int()
	}
	n.Expr = d.node()
	n.Path = d.names(count)
	if bits&selectDefault != 0 {
		n.Default = d.node()
	}
	return n
}

func (d *Decoder) call(bits byte) ast.Node {
	count := d.counted(bits, 0)
	n := d.arena.Calls.New()
	n.At = d.start()
	n.Fn = d.node()
	n.Args = d.nodes(count)
	return n
}

func (d *Decoder) parts() ([]ast.Node, []ast.Pos) {
	count := d.int()
	nodes, pos := d.arena.Nodes.Take(count), d.arena.Poss.Take(count)
	for i := range nodes {
		pos[i] = d.pos()
		nodes[i] = d.node()
	}
	return nodes, pos
}

func (d *Decoder) path(bits byte) ast.Node {
	n := d.arena.Paths.New()
	n.At, n.Text = d.start(), d.text()
	if bits&pathShared == 0 {
		n.Abs = d.text()
		return n
	}
	up := d.tree.dir[:d.int()]
	rest := n.Text[len(n.Text)-d.int():]
	abs := d.arena.Text.Take(len(up) + 1 + len(rest))
	k := copy(abs, up)
	abs[k] = '/'
	copy(abs[k+1:], rest)
	n.Abs = view(abs)
	return n
}

func (d *Decoder) lambda(bits byte) ast.Node {
	n := d.arena.Lambdas.New()
	n.ArgLast, n.Joins = bits&lambdaArgLast != 0, bits&lambdaJoins != 0
	n.At, n.Arg, n.Name, n.Doc = d.start(), d.symbol(), d.symbol(), d.pos()
	n.Frame, n.FirstSlot = uint32(d.uint()), uint32(d.uint())
	if bits&lambdaFormals != 0 {
		f := d.arena.FormalSets.New()
		head := d.int()
		f.Ellipsis = head&1 != 0
		f.List = d.arena.Formals.Take(head >> 1)
		for i := range f.List {
			f.List[i] = d.formal()
		}
		f.Sorted = d.arena.Indices.Take(head >> 1)
		for i := range f.Sorted {
			f.Sorted[i] = d.int()
		}
		n.Formals = f
	}
	n.Body = d.node()
	return n
}

func (d *Decoder) formal() ast.Formal {
	f := ast.Formal{At: d.start()}
	head := d.uint()
	f.Name = ast.Symbol(head >> 1)
	if head&1 != 0 {
		f.Default = d.node()
	}
	return f
}

func (d *Decoder) binary(bits byte) ast.Node {
	n := d.arena.Binaries.New()
	n.Op = ast.Op(d.byte())
	n.LPos = d.pos()
	n.L = d.node()
	n.At = d.start()
	n.RPos = d.pos()
	n.R = d.node()
	n.Fn = d.operator(bits)
	return n
}

func (d *Decoder) set(rec bool) *ast.Set {
	s := d.arena.Sets.New()
	s.Overrides = -1
	head := d.int()
	if rec {
		s.Overrides = d.int() - 1
	}
	s.Attrs = d.arena.Attrs.Take(head >> 2)
	for i := range s.Attrs {
		name := d.uint()
		a := ast.Attr{Name: ast.Symbol(name >> 2), Kind: ast.AttrKind(name & 3), At: d.pos()}
		if a.Kind == ast.AttrInheritFrom {
			a.From = uint32(d.uint())
		}
		a.Value = d.node()
		s.Attrs[i] = a
	}
	if head&1 != 0 {
		s.Froms = d.nodes(d.int())
	}
	if head&2 != 0 {
		s.Dynamic = d.arena.Dynamics.Take(d.int())
		for i := range s.Dynamic {
			at := d.pos()
			name := d.node()
			s.Dynamic[i] = ast.DynamicAttr{At: at, Name: name, Value: d.node()}
		}
	}
	if rec {
		s.FirstFrom = uint32(len(s.Attrs))
	}
	s.Frame = s.FirstFrom + uint32(len(s.Froms))
	return s
}
