// Package ast holds the syntax tree of the language, positions and symbols.
//
// A tree has two layers in one set of nodes. The parser fills what was
// written: operators, strings in pieces, bindings in source order. Package
// resolve then fills the fields below each node's "resolved" line: where a
// variable lives, which frame a node opens, the merged attributes of a set.
// After that a tree is immutable and may be shared by goroutines.
//
// Frames: a [Lambda], a [Let], a recursive [Attrs] and a [With] each open one
// frame of slots; frames are linked to the one around them. A variable is
// found by going Level frames up and taking slot Index. A lambda that is the
// whole body of another (a: b: …) may share its frame, see [Lambda.Joins].
package ast

// Node is a node of the tree.
type Node interface {
	// Pos is where the reference reports the node: a binary operator at its
	// operator, a selection at its base, all others at their first byte.
	Pos() Pos
}

// At is the position that each node embeds.
type At struct{ Start Pos }

// Pos returns the node's position.
func (a At) Pos() Pos { return a.Start }

// Int is an integer literal.
type Int struct {
	At
	Value int64
}

// Float is a floating-point literal.
type Float struct {
	At
	Value float64
}

// Str is a string without interpolation; indented ones have lost their
// indentation, and URIs are strings too.
type Str struct {
	At
	Indented bool
	URI      bool
	Value    string
}

// Interp is a string with interpolation; Parts are *Str and expressions in
// turn as written (indentation stripped). Indented tells the quotes apart.
type Interp struct {
	At
	Parts    []Node
	PartPos  []Pos // of each part: its "${" or the first byte of its text
	Indented bool
}

// Path is a path literal: Text as written; Abs, filled by the parser, is the
// canonical absolute path, resolved against the file's folder or, for ~/,
// the home directory.
type Path struct {
	At
	Text string
	Abs  string
}

// PathInterp is a path with ${}: Parts[0] is a *Path, the others *Str or expressions.
type PathInterp struct {
	At
	Parts   []Node
	PartPos []Pos
}

// SearchPath is <name>. It means __findFile __nixPath "name", with both
// names looked up in scope, which resolve does.
type SearchPath struct {
	At
	Name string
	// resolved
	FindFile, NixPath *Var
}

// Var is a variable.
type Var struct {
	At
	Name Symbol
	// resolved
	Kind  VarKind
	Level uint32 // frames to go up: to the slot's frame, or to the innermost With
	Index uint32 // slot in that frame; VarGlobal: the Builtin's Index
	With  *Scope // VarWith: that of the innermost enclosing with
}

// VarKind says how a variable is found.
type VarKind uint8

// The kinds of variables.
const (
	VarUnresolved VarKind = iota
	VarLocal              // slot Index, Level frames up
	VarWith               // looked up by name in the With frames from Level outwards
	VarGlobal             // a name of the base scope that nothing shadows
)

// Builtin names an entry of the base scope; the evaluator gives it meaning.
type Builtin struct {
	Name  Symbol
	Index int
}

// AttrName is one part of an attribute path: a symbol, or an expression if
// Expr is not nil ("${e}", or a string with interpolation).
type AttrName struct {
	At
	Sym    Symbol
	Expr   Node
	Quoted bool // written as a string
}

// Select is e.a.b, with Default (or nil) after "or".
type Select struct {
	At
	Expr    Node
	Path    []AttrName
	Default Node
}

// HasAttr is e ? a.b.
type HasAttr struct {
	At
	Expr Node
	Path []AttrName
}

// Attrs is an attribute set. The parser merges attribute paths into Set as it
// reads, for what clashes is a syntax error; Bindings, the set as written, is
// there only if the parser was asked to keep it. Sets that an attribute path
// implies (the inner one of a.b = 1) have no position.
type Attrs struct {
	At
	Rec      bool
	Bindings []Binding
	Set      *Set
}

// Binding is a line of a set or let: a path and a value, or an inherit.
type Binding struct {
	At
	Path  []AttrName
	Value Node
	// Inherit is set for "inherit names;" and "inherit (From) names;".
	Inherit bool
	From    Node
	Names   []AttrName
}

// Set is what the bindings of a set or let amount to once attribute paths
// have been merged and inherits spelled out.
type Set struct {
	// Attrs are the statically named attributes, sorted by symbol. In a
	// recursive set and in let, attribute i lives in slot i of the frame.
	Attrs []Attr
	// Dynamic are the attributes with computed names, in source order.
	Dynamic []DynamicAttr
	// Froms are the sources of "inherit (e) …". In every set that has
	// sources (recursive or not) and in let they live in slots
	// FirstFrom+i: a frame is opened for them if there is none otherwise.
	// They are evaluated in that frame.
	Froms []Node
	// resolved
	FirstFrom uint32
	// Frame is the number of slots of the frame that this set opens; 0 if it opens none.
	Frame uint32
	// Overrides is the index in Attrs of __overrides in a recursive set, or -1.
	Overrides int
}

// AttrKind says in which scope an attribute's expression is evaluated.
type AttrKind uint8

// The kinds of attributes.
const (
	AttrPlain       AttrKind = iota // in the set's own frame if it opens one
	AttrInherited                   // inherit x: a variable of the scope around the set, its Level counted from there
	AttrInheritFrom                 // inherit (e) x: a Select on source From, in the set's frame
)

// Attr is an attribute with a static name.
type Attr struct {
	Name  Symbol
	At    Pos
	Kind  AttrKind
	From  uint32 // index in Froms, for AttrInheritFrom
	Value Node   // for AttrInheritFrom a *Select whose Expr is a *Var of the source's slot
}

// DynamicAttr is an attribute with a computed name. Both expressions see the set's frame.
type DynamicAttr struct {
	At    Pos
	Name  Node
	Value Node
}

// List is a list.
type List struct {
	At
	Elems []Node
}

// Lambda is a function. Arg is the name of its whole argument ("x:" or
// "x@{…}:") or NoSymbol; Formals is nil for "x:".
type Lambda struct {
	At
	Arg     Symbol
	ArgLast bool // written {…}@x
	Formals *Formals
	Body    Node
	// Name is the attribute or variable it was bound to, for messages.
	Name Symbol
	// Doc is the documentation comment (/** … */) that belongs to it, if any.
	Doc Pos
	// resolved
	// Frame is the number of slots: Arg's first if it has a name, then the
	// formals in symbol order. With Joins it is 0: the lambda's slots follow
	// those of the lambda around it, in that one's frame, from FirstSlot.
	Frame     uint32
	FirstSlot uint32
	// Joins: this lambda is the body of another, both take a plain name, and
	// both share the outer one's frame; evaluating the outer one with one
	// argument must not write into a frame that a second call shares.
	Joins bool
}

// Formals are the names that a function takes from its argument set.
type Formals struct {
	List     []Formal // in source order
	Sorted   []int    // resolved: indices into List by symbol
	Ellipsis bool
}

// Formal is one of them; Default is nil if it has none.
type Formal struct {
	At
	Name    Symbol
	Default Node
}

// Call is a function applied to one or more arguments at once.
type Call struct {
	At
	Fn   Node
	Args []Node
}

// Let is let … in Body. The older let { body = …; } has no Let node: it is a
// selection of body from a recursive set. Bindings and Set are as in [Attrs].
type Let struct {
	At
	Bindings []Binding
	Body     Node
	Set      *Set
}

// With is with Scope; Body. Its frame has one slot, the scope.
type With struct {
	At
	Scope Node
	Body  Node
	// resolved
	Opens *Scope
}

// Scope is the scope that a [With] opens. It stands for itself: a variable
// that kept the With would keep all that is in it.
type Scope struct {
	At // the With's
	// Parent is the next one outwards, Up the frames to it from this one's.
	Parent *Scope
	Up     uint32
	// Number is its number among the scopes of its tree.
	Number uint32
}

// If is if … then … else.
type If struct {
	At
	Cond, Then, Else Node
}

// Assert is assert Cond; Body.
type Assert struct {
	At
	Cond, Body Node
}

// Op is an operator.
type Op uint8

// The operators.
const (
	OpNot    Op = iota // !
	OpNegate           // unary -; means __sub 0 x
	OpEq
	OpNEq
	OpAnd
	OpOr
	OpImpl
	OpUpdate // //
	OpConcat // ++
	OpAdd    // +
	OpSub    // __sub
	OpMul    // __mul
	OpDiv    // __div
	OpLess   // __lessThan a b
	OpLessEq // !(__lessThan b a)
	OpGreater
	OpGreaterEq
)

// Unary is !x or -x.
type Unary struct {
	At
	Op Op
	X  Node
	// resolved: the variable __sub where it is in scope as a local (a
	// program may shadow it, as in the reference); nil otherwise.
	Fn *Var
}

// Binary is an operator with two operands. Pipes (|> and <|) become calls.
type Binary struct {
	At
	Op   Op
	L, R Node
	// LPos and RPos are where the operands begin, parentheses included.
	LPos, RPos Pos
	// resolved: __sub, __mul, __div, __lessThan where shadowed; nil otherwise.
	Fn *Var
}

// CurPos is __curPos.
type CurPos struct{ At }

// Paren is an expression in parentheses. The parser keeps it only when asked
// for a tree to format; evaluation never sees it.
type Paren struct {
	At
	X Node
}
