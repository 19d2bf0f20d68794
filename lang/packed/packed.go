// Package packed holds trees in few bytes.
//
// Of the files that an evaluation reads, most expressions never run: of a set
// of ten thousand packages a handful is looked at, and most packages are never
// asked for their descriptions. So a tree is written into a string of bytes, a
// tenth of what its nodes take and nothing for the collector to look into, and
// the nodes serve the next file. What stands where it is evaluated later, or
// never, carries its length: a [Decoder] makes a [Node] of it, which is decoded
// when its time comes.
//
// A node is a byte with its kind and three bits of its own, its position as the
// difference to the one before, then what it holds; numbers are varints. What is
// lazy starts a count of positions of its own. Texts are cut from the bytes, not
// copied. Parentheses and bindings as written ([ast.Paren], [ast.Binding]) are
// for tools and are lost.
package packed

import "github.com/seed192a40f6/glang/lang/ast"

// Tree is the tree of a text. It is immutable.
type Tree struct {
	data   string
	base   ast.Pos      // where the text begins
	dir    string       // which relative path literals start from
	scopes []*ast.Scope // by their numbers
	around []*Around    // of expressions that are not resolved
	root   uint32
}

// Around is what stands around an expression that has not been resolved, as
// package resolve knows it: where the innermost bindings of names are, how many
// frames there are, and the innermost with.
type Around struct {
	Names     []ast.Symbol
	Slots     []Slot // of Names
	Depth     uint32
	With      *ast.Scope
	WithDepth uint32
}

// Slot is a slot of the frame at a depth, counted from outside, from 1.
type Slot struct{ Depth, Slot uint32 }

// Root is the whole tree.
func (t *Tree) Root() *Node { return &Node{Tree: t, Offset: t.root} }

// Scopes are those that the tree opens, by their numbers.
func (t *Tree) Scopes() []*ast.Scope { return t.scopes }

// Text is what the tree was parsed from.
func (t *Tree) Text() Text { return Text{Base: t.base, Dir: t.dir} }

// Node is an expression that has not been decoded. It is an [ast.Node] that
// nothing but evaluation understands; [Unpack] makes another of it.
type Node struct {
	Tree   *Tree
	Offset uint32
	size   uint32 // in bytes, of what [Encoder.Add] returned; 0: it refers to others
}

// Pos is the position of the expression.
func (n *Node) Pos() ast.Pos {
	var d Decoder
	return d.Node(n).Pos()
}

// Unpack is the whole tree of a node, in memory of its own; nodes that are not
// packed stay as they are.
func Unpack(n ast.Node) ast.Node {
	if p, ok := n.(*Node); ok {
		return new(Decoder).Whole(p)
	}
	return n
}

// Peeked is what the first byte of an expression tells of it.
type Peeked uint8

// What can be told.
const (
	Other    Peeked = iota
	AddConst        // a variable plus or minus a literal
	Early           // a literal, a variable, a function, a selection
	Set
	Raw // what has not been resolved; see [Node.Around]
)

// Peek tells what n is.
func (n *Node) Peek() Peeked {
	head := n.Tree.data[n.Offset]
	switch k := kind(head >> 3); k {
	case kBinary:
		if head&binaryAddConst != 0 {
			return AddConst
		}
	case kAttrs:
		return Set
	case kRaw:
		return Raw
	case kInt, kFloat, kStr, kPath, kLambda, kVar, kVarLocal, kVarWith, kVarGlobal, kSelect:
		return Early
	case kList:
		if head&7 == 0 {
			return Early
		}
	}
	return Other
}

// Around is what stands around an expression that has not been resolved.
func (n *Node) Around() *Around {
	d := Decoder{data: n.Tree.data, at: int(n.Offset) + 1}
	return n.Tree.around[d.int()]
}

// kind is what the first byte of a node says, shifted by three.
type kind uint8

const (
	kLater kind = iota // the length follows, or, with laterFar, where it is
	kInt
	kFloat
	kStr
	kInterp
	kPath
	kPathInterp
	kSearchPath
	kVar      // not resolved
	kVarLocal // the level, or 7
	kVarWith
	kVarGlobal
	kSelect
	kHasAttr // the length of the path, or 0
	kAttrs
	kList // the length, or 7
	kLambda
	kCall // the number of arguments, or 0
	kLet
	kWith
	kIf
	kAssert
	kUnary
	kBinary
	kCurPos
	kRaw // the number of what is around, then the expression, not resolved
)

// The bits of a first byte.
const (
	laterFar = 1

	strIndented = 1
	strURI      = 2

	pathShared = 1 // Abs is a beginning of the folder, then an end of Text

	selectDefault = 1
	selectLong    = 2 // more than one name

	attrsRec = 1

	lambdaArgLast = 1
	lambdaJoins   = 2
	lambdaFormals = 4

	unaryNegate = 1
	operatorFn  = 2 // the operator is a variable

	binaryAddConst = 1

	many = 7 // a number that does not fit follows
)

// addsConst tells whether a node is a local variable plus or minus a literal.
func addsConst(n *ast.Binary) bool {
	if n.Op != ast.OpAdd && n.Op != ast.OpSub || n.Fn != nil {
		return false
	}
	v, ok := n.L.(*ast.Var)
	if !ok || v.Kind != ast.VarLocal {
		return false
	}
	_, ok = n.R.(*ast.Int)
	return ok
}

// held tells whether a node that stands where it is evaluated later is written
// with its length: not if it is evaluated at no cost, for the evaluator then
// wants to see it.
func held(n ast.Node) bool {
	switch n := n.(type) {
	case *ast.Int, *ast.Float, *ast.Str, *ast.Path, *ast.Lambda, *ast.Var:
		return false
	case *ast.List:
		return len(n.Elems) > 0
	case *ast.Select:
		v, ok := n.Expr.(*ast.Var)
		return ok && v.Kind == ast.VarGlobal
	}
	return true
}

// Cut packs an expression made of nodes that were decoded from the tree.
func (t *Tree) Cut(n ast.Node) *Node {
	return new(Encoder).Encode(n, t.Text(), t.scopes).Root()
}
