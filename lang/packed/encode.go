package packed

import (
	"encoding/binary"
	"math"
	"strings"
	"unsafe"

	"github.com/seed192a40f6/glang/lang/ast"
)

// Encoder packs trees. It may be used again and again, by one goroutine at a time.
type Encoder struct {
	// Operand, if not nil, is called for each argument of a call, and for each
	// element of a list, then without a call.
	Operand func(x ast.Node, call *ast.Call)

	tree   *Tree // being made
	buf    []byte
	prev   ast.Pos
	depth  int  // of lengths
	refers bool // something that was added before has been referred to
}

// Text is what a tree was parsed from.
type Text struct {
	Base ast.Pos // the position of its first byte
	Dir  string  // which path literals start from
	Size int     // of the text, if that is known
}

// Encode packs a tree. Scopes are those that it opens; see resolve.
func (e *Encoder) Encode(root ast.Node, text Text, scopes []*ast.Scope) *Tree {
	e.Begin(text)
	return e.Finish(root, scopes)
}

// Begin begins a tree.
func (e *Encoder) Begin(text Text) {
	e.tree = &Tree{base: text.Base, dir: text.Dir}
	if text.Size > largeTree && cap(e.buf) < text.Size {
		e.buf = make([]byte, 0, text.Size) // pages that are not needed are not touched
	}
	e.buf, e.depth = e.buf[:0], 0
}

// largeTree is the size from which on a tree is not copied if that would not
// save much.
const largeTree = 64 << 10

// Add packs an expression that will be part of the tree.
func (e *Encoder) Add(n ast.Node) Node {
	at := uint32(len(e.buf))
	e.prev, e.refers = e.tree.base, false
	e.node(n)
	if e.refers {
		return Node{Tree: e.tree, Offset: at}
	}
	return Node{e.tree, at, uint32(len(e.buf)) - at}
}

// AddRaw adds an expression that another encoder has added to its tree, as it
// is. It does not if that refers to other parts of its tree.
func (e *Encoder) AddRaw(n *Node, around *Around) (Node, bool) {
	if n.size == 0 {
		return Node{}, false
	}
	if k := len(e.tree.around); k == 0 || e.tree.around[k-1] != around {
		e.tree.around = append(e.tree.around, around)
	}
	at := uint32(len(e.buf))
	e.buf = appendUint(append(e.buf, byte(kRaw)<<3), uint64(len(e.tree.around)-1))
	e.buf = append(e.buf, n.Tree.data[n.Offset:n.Offset+n.size]...)
	return Node{Tree: e.tree, Offset: at}, true
}

// Seal makes what has been added readable before the tree is finished, until the
// next one is begun.
func (e *Encoder) Seal(scopes []*ast.Scope) {
	if e.tree != nil {
		e.tree.data, e.tree.scopes = view(e.buf), scopes
	}
}

// Finish packs the whole.
func (e *Encoder) Finish(root ast.Node, scopes []*ast.Scope) *Tree {
	t := e.tree
	t.root = e.Add(root).Offset
	t.scopes = scopes
	if n := len(e.buf); n > largeTree && n > cap(e.buf)/4*3 {
		t.data = view(e.buf)
		e.buf = nil
	} else {
		t.data = string(e.buf)
	}
	e.tree = nil
	return t
}

// view is a string of the same bytes, without a copy: what has been written is
// never changed.
func view(b []byte) string { return unsafe.String(unsafe.SliceData(b), len(b)) }

// The appending functions work on a slice of their caller's, which stays in
// registers; e.buf gets it at the end.

func appendUint(b []byte, x uint64) []byte {
	if x < 0x80 {
		return append(b, byte(x))
	}
	return appendLong(b, x)
}

func appendLong(b []byte, x uint64) []byte {
	if x < 1<<14 {
		return append(b, byte(x)|0x80, byte(x>>7))
	}
	if x < 1<<21 {
		return append(b, byte(x)|0x80, byte(x>>7)|0x80, byte(x>>14))
	}
	return binary.AppendUvarint(b, x)
}

// appendPos writes a position; 0 stands for none.
func (e *Encoder) appendPos(b []byte, p ast.Pos) []byte {
	if p == ast.NoPos {
		return append(b, 0)
	}
	d := uint64(zigzag(int32(p-e.prev))) + 1
	e.prev = p
	if d < 0x80 {
		return append(b, byte(d))
	}
	return appendLong(b, d)
}

func zigzag(x int32) uint32 { return uint32(x<<1 ^ x>>31) }

func (e *Encoder) uint(x uint64) { e.buf = appendUint(e.buf, x) }
func (e *Encoder) pos(p ast.Pos) { e.buf = e.appendPos(e.buf, p) }

// head writes the first byte of a node, and its position.
func (e *Encoder) head(k kind, bits byte, start ast.Pos) {
	e.buf = e.appendPos(append(e.buf, byte(k)<<3|bits), start)
}

// counted is head for a kind with a number, which is in its bits if it fits, else
// they are escape and the number follows.
func (e *Encoder) counted(k kind, n int, escape byte, start ast.Pos) {
	b := e.buf
	if n < many && byte(n) != escape {
		b = append(b, byte(k)<<3|byte(n))
	} else {
		b = appendUint(append(b, byte(k)<<3|escape), uint64(n))
	}
	e.buf = e.appendPos(b, start)
}

func (e *Encoder) text(s string) {
	e.buf = append(appendUint(e.buf, uint64(len(s))), s...)
}

// deepLengths is the depth from which on room is left for long lengths: above,
// what a length turns out to need is made room for by moving what follows, which
// would take quadratic time in deep trees.
const (
	deepLengths = 32
	longLength  = 5
)

// later writes an expression with its length.
func (e *Encoder) later(n ast.Node) {
	if p, ok := n.(*Node); ok && p.Tree == e.tree {
		e.refers = true
		e.buf = appendUint(append(e.buf, byte(kLater)<<3|laterFar), uint64(p.Offset))
		return
	}
	e.buf = append(e.buf, byte(kLater)<<3, 0)
	at, room := len(e.buf)-1, 1
	if e.depth > deepLengths {
		room = longLength
		e.buf = append(e.buf, "\x00\x00\x00\x00"...)
	}
	prev := e.prev
	e.prev = e.tree.base
	e.depth++
	e.node(n)
	e.depth--
	e.prev = prev
	size := len(e.buf) - at - room
	if room == longLength {
		for i := range longLength - 1 {
			e.buf[at+i] = byte(size>>(7*i)) | 0x80
		}
		e.buf[at+longLength-1] = byte(size >> (7 * (longLength - 1)))
		return
	}
	if size < 0x80 {
		e.buf[at] = byte(size)
		return
	}
	var length [binary.MaxVarintLen64]byte
	k := binary.PutUvarint(length[:], uint64(size))
	e.buf = append(e.buf, length[:k-1]...) // for the room
	copy(e.buf[at+k:], e.buf[at+1:at+1+size])
	copy(e.buf[at:], length[:k])
}

// lazy writes what is evaluated later.
func (e *Encoder) lazy(n ast.Node) {
	if held(n) {
		e.later(n)
	} else {
		e.node(n)
	}
}

// node writes an expression. The recursion is as deep as the parser's.
func (e *Encoder) node(n ast.Node) {
	switch n := n.(type) {
	case *ast.Var:
		e.variable(n)
	case *ast.Select:
		e.selection(n)
	case *ast.Str:
		bits := byte(0)
		if n.Indented {
			bits |= strIndented
		}
		if n.URI {
			bits |= strURI
		}
		e.head(kStr, bits, n.Start)
		e.text(n.Value)
	case *ast.Call:
		e.call(n)
	case *ast.Attrs:
		bits := byte(0)
		if n.Rec {
			bits = attrsRec
		}
		e.head(kAttrs, bits, n.Start)
		e.set(n.Set, n.Rec)
	case *ast.List:
		e.counted(kList, len(n.Elems), many, n.Start)
		for _, x := range n.Elems {
			if e.Operand != nil {
				e.Operand(x, nil)
			}
			e.lazy(x)
		}
	case *ast.Lambda:
		e.lambda(n)
	case *ast.Interp:
		bits := byte(0)
		if n.Indented {
			bits = strIndented
		}
		e.head(kInterp, bits, n.Start)
		e.parts(n.Parts, n.PartPos)
	case *ast.Path:
		e.path(n)
	case *ast.PathInterp:
		e.head(kPathInterp, 0, n.Start)
		e.parts(n.Parts, n.PartPos)
	case *ast.Binary:
		e.binary(n)
	case *ast.Let:
		e.head(kLet, 0, n.Start)
		e.set(n.Set, true)
		e.node(n.Body)
	case *ast.With:
		e.head(kWith, 0, n.Start)
		e.lazy(n.Scope)
		if n.Opens == nil {
			e.uint(0)
		} else {
			e.uint(uint64(n.Opens.Number) + 1)
		}
		e.node(n.Body)
	case *ast.If:
		e.head(kIf, 0, n.Start)
		e.node(n.Cond)
		e.node(n.Then)
		e.node(n.Else)
	case *ast.Int:
		e.head(kInt, 0, n.Start)
		e.uint(uint64(n.Value<<1 ^ n.Value>>63))
	case *ast.Paren:
		e.node(n.X)
	default:
		e.rare(n)
	}
}

func (e *Encoder) rare(n ast.Node) {
	switch n := n.(type) {
	case *ast.Assert:
		e.head(kAssert, 0, n.Start)
		e.later(n.Cond) // which messages show
		e.node(n.Body)
	case *ast.HasAttr:
		e.counted(kHasAttr, len(n.Path), 0, n.Start)
		e.node(n.Expr)
		for i := range n.Path {
			e.name(&n.Path[i])
		}
	case *ast.Unary:
		bits := byte(0)
		if n.Op == ast.OpNegate {
			bits |= unaryNegate
		}
		if n.Fn != nil {
			bits |= operatorFn
		}
		e.head(kUnary, bits, n.Start)
		e.node(n.X)
		if n.Fn != nil {
			e.variable(n.Fn)
		}
	case *ast.Float:
		e.head(kFloat, 0, n.Start)
		e.buf = binary.LittleEndian.AppendUint64(e.buf, math.Float64bits(n.Value))
	case *ast.SearchPath:
		bits := byte(0)
		if n.FindFile != nil {
			bits = operatorFn
		}
		e.head(kSearchPath, bits, n.Start)
		e.text(n.Name)
		if n.FindFile != nil {
			e.variable(n.FindFile)
			e.variable(n.NixPath)
		}
	case *ast.CurPos:
		e.head(kCurPos, 0, n.Start)
	case *Node:
		// Of another tree; of this one it may stand where it is evaluated at once.
		e.node(new(Decoder).Whole(n))
	default:
		panic("packed: unknown node")
	}
}

func (e *Encoder) variable(n *ast.Var) {
	b := e.buf
	switch n.Kind {
	case ast.VarLocal:
		if n.Level < many {
			b = append(b, byte(kVarLocal)<<3|byte(n.Level))
		} else {
			b = appendUint(append(b, byte(kVarLocal)<<3|many), uint64(n.Level))
		}
		b = appendUint(e.appendPos(b, n.Start), uint64(n.Name))
		b = appendUint(b, uint64(n.Index))
	case ast.VarGlobal:
		b = appendUint(e.appendPos(append(b, byte(kVarGlobal)<<3), n.Start), uint64(n.Name))
		b = appendUint(b, uint64(n.Index))
	case ast.VarWith:
		b = appendUint(e.appendPos(append(b, byte(kVarWith)<<3), n.Start), uint64(n.Name))
		b = appendUint(appendUint(b, uint64(n.Level)), uint64(n.With.Number))
	default:
		b = appendUint(e.appendPos(append(b, byte(kVar)<<3), n.Start), uint64(n.Name))
	}
	e.buf = b
}

// name writes a part of an attribute path: the symbol with two bits, or what
// computes it.
func (e *Encoder) name(n *ast.AttrName) {
	bits := uint64(0)
	if n.Quoted {
		bits |= 1
	}
	if n.Expr != nil {
		e.uint(bits | 2)
		e.pos(n.Start)
		e.later(n.Expr) // which messages show
		return
	}
	e.buf = e.appendPos(appendUint(e.buf, uint64(n.Sym)<<2|bits), n.Start)
}

func (e *Encoder) selection(n *ast.Select) {
	bits := byte(0)
	if n.Default != nil {
		bits |= selectDefault
	}
	if len(n.Path) != 1 {
		bits |= selectLong
	}
	e.head(kSelect, bits, n.Start)
	if len(n.Path) != 1 {
		e.uint(uint64(len(n.Path)))
	}
	e.node(n.Expr)
	for i := range n.Path {
		e.name(&n.Path[i])
	}
	if n.Default != nil {
		e.node(n.Default)
	}
}

func (e *Encoder) call(n *ast.Call) {
	e.counted(kCall, len(n.Args), 0, n.Start)
	e.node(n.Fn)
	for _, x := range n.Args {
		if e.Operand != nil {
			e.Operand(x, n)
		}
		e.lazy(x)
	}
}

func (e *Encoder) parts(parts []ast.Node, pos []ast.Pos) {
	e.uint(uint64(len(parts)))
	for i, x := range parts {
		e.pos(pos[i])
		e.node(x)
	}
}

// path writes a path literal; most are the folder, or one above it, and what
// stands in the text behind ./ or ../.
func (e *Encoder) path(n *ast.Path) {
	rest := n.Text
	for strings.HasPrefix(rest, "./") || strings.HasPrefix(rest, "../") {
		rest = rest[strings.IndexByte(rest, '/')+1:]
	}
	up := len(n.Abs) - len(rest) - 1
	shared := up >= 0 && up <= len(e.tree.dir) && n.Abs[up] == '/' && n.Abs[up+1:] == rest && n.Abs[:up] == e.tree.dir[:up]
	bits := byte(0)
	if shared {
		bits = pathShared
	}
	e.head(kPath, bits, n.Start)
	e.text(n.Text)
	if shared {
		e.uint(uint64(up))
		e.uint(uint64(len(rest)))
	} else {
		e.text(n.Abs)
	}
}

func (e *Encoder) lambda(n *ast.Lambda) {
	bits := byte(0)
	if n.ArgLast {
		bits |= lambdaArgLast
	}
	if n.Joins {
		bits |= lambdaJoins
	}
	if n.Formals != nil {
		bits |= lambdaFormals
	}
	e.head(kLambda, bits, n.Start)
	b := appendUint(appendUint(e.buf, uint64(n.Arg)), uint64(n.Name))
	b = e.appendPos(b, n.Doc)
	e.buf = appendUint(appendUint(b, uint64(n.Frame)), uint64(n.FirstSlot))
	if f := n.Formals; f != nil {
		head := uint64(len(f.List)) << 1
		if f.Ellipsis {
			head |= 1
		}
		e.uint(head)
		for i := range f.List {
			e.formal(&f.List[i])
		}
		for _, k := range f.Sorted {
			e.uint(uint64(k))
		}
	}
	if in, ok := n.Body.(*ast.Lambda); ok && in.Joins {
		e.node(in)
	} else {
		e.later(n.Body)
	}
}

func (e *Encoder) formal(f *ast.Formal) {
	e.pos(f.Start)
	if f.Default == nil {
		e.uint(uint64(f.Name) << 1)
		return
	}
	e.uint(uint64(f.Name)<<1 | 1)
	e.lazy(f.Default)
}

func (e *Encoder) binary(n *ast.Binary) {
	bits := byte(0)
	if addsConst(n) {
		bits |= binaryAddConst
	}
	if n.Fn != nil {
		bits |= operatorFn
	}
	e.buf = e.appendPos(append(e.buf, byte(kBinary)<<3|bits, byte(n.Op)), n.LPos)
	e.node(n.L)
	e.pos(n.Start)
	e.pos(n.RPos)
	e.node(n.R)
	if n.Fn != nil {
		e.variable(n.Fn)
	}
}

// set writes a set or what a let binds. Where its slots lie follows from the
// numbers of attributes and sources.
func (e *Encoder) set(s *ast.Set, rec bool) {
	head := uint64(len(s.Attrs)) << 2
	if len(s.Froms) > 0 {
		head |= 1
	}
	if len(s.Dynamic) > 0 {
		head |= 2
	}
	e.uint(head)
	if rec {
		e.uint(uint64(s.Overrides + 1))
	}
	overridden := rec && s.Overrides >= 0
	for i := range s.Attrs {
		e.attr(&s.Attrs[i], overridden)
	}
	if len(s.Froms) > 0 {
		e.uint(uint64(len(s.Froms)))
		for _, x := range s.Froms {
			e.lazy(x)
		}
	}
	if len(s.Dynamic) > 0 {
		e.uint(uint64(len(s.Dynamic)))
		for i := range s.Dynamic {
			d := &s.Dynamic[i]
			e.pos(d.At)
			e.node(d.Name)
			e.lazy(d.Value)
		}
	}
}

// attr writes an attribute. Nothing of a set with __overrides is evaluated
// early: the slots that its values refer to will change.
func (e *Encoder) attr(a *ast.Attr, overridden bool) {
	e.buf = e.appendPos(appendUint(e.buf, uint64(a.Name)<<2|uint64(a.Kind)), a.At)
	switch a.Kind {
	case ast.AttrInheritFrom:
		e.uint(uint64(a.From))
		if overridden {
			e.later(a.Value)
		} else {
			e.node(a.Value)
		}
	case ast.AttrInherited:
		e.node(a.Value)
	default:
		if overridden {
			e.later(a.Value)
		} else {
			e.lazy(a.Value)
		}
	}
}
