// Package format prints expressions in the style of RFC 166, the one that
// nixpkgs and most of its kin are kept in.
//
// A text passes through four forms. [Source] first has package parser accept
// it, so that errors read as everywhere else. Then a concrete syntax tree is
// read (cst.go, read.go): like the parser's tree, but every token keeps the
// comments before it, the comment behind it on its line, and the number of
// its line; strings and paths stay as they were written. The rules of the
// style turn that tree into a document (style.go): text, spacings that may
// become line breaks, and groups of both. Last, the layout (layout.go) decides
// group by group what fits on a line of the given width.
//
// Blank lines, comments and a few line breaks that the author chose survive;
// everything else follows from the tree. Formatting is idempotent, and the
// output parses to the same tree: Source checks both.
package format

// trivium is what stands between tokens: a comment or a blank line.
type trivium struct {
	kind  triviumKind
	text  string   // line comments: after the #; annotations: the language
	lines []string // block comments
}

type triviumKind uint8

const (
	blankLine     triviumKind = iota
	lineComment               // # or a block comment of one line
	blockComment              // /* … */ of several lines
	docComment                // /** … */
	langComment               // /* lua */ before a string
	disabled                  // /*nixfmt:disable*/, opens a region that is left as it is
	disabledText              // the text of such a region, at its end
	disabledToEnd             // the same, where the file ends before the region does
	loneEnable                // /*nixfmt:enable*/ without a region
)

// tok is a token with what surrounds it. Strings and paths are one token.
type tok struct {
	pre   []trivium
	line  int
	trail *string // comment behind it on its line, without # or blanks
	kind  tokKind
	text  string
	// lines are the lines of a string, each in parts; a path is one line.
	lines [][]part
	// cut is the indentation that a string lost which a disabled region
	// begins or ends in: its lines stay in their columns. Else nil.
	cut *string
}

type tokKind uint8

const (
	tokPunct tokKind = iota // keywords, brackets, operators
	tokIdent
	tokInt
	tokFloat
	tokSearchPath
	tokString
	tokIndString
	tokPath
	tokInterp // ${…} as an attribute name: one line of one part
)

// part is a piece of a string: text as written, or an interpolation.
type part struct {
	text  string
	code  expr      // nil for text
	final []trivium // what stands between the code and its }
}

func (t *tok) bare() bool { return len(t.pre) == 0 && t.trail == nil }

// bareText makes a token that was not in the source.
func bareText(line int, text string) *tok { return &tok{line: line, text: text} }

// expr is any expression. The first seven are terms: what an application
// takes as its argument.
type expr interface{}

type (
	leaf struct{ *tok } // identifiers, numbers, strings, paths
	list struct {
		open  *tok
		items []item
		close *tok
	}
	set struct {
		rec   *tok // rec, or let of the ancient form; or nil
		open  *tok
		items []item
		close *tok
	}
	selection struct {
		of    expr
		path  []selector
		or    *tok // nil without default
		deflt expr
	}
	paren struct {
		open  *tok
		x     expr
		close *tok
	}

	with struct {
		kw    *tok
		scope expr
		semi  *tok
		body  expr
	}
	let struct {
		kw    *tok
		items []item
		in    *tok
		body  expr
	}
	assert struct {
		kw   *tok
		cond expr
		semi *tok
		body expr
	}
	ifThenElse struct {
		kw   *tok
		cond expr
		then *tok
		yes  expr
		els  *tok
		no   expr
	}
	lambda struct {
		param param
		colon *tok
		body  expr
	}
	apply  struct{ fn, arg expr }
	binary struct {
		l  expr
		op *tok
		r  expr
	}
	hasAttr struct {
		of   expr
		q    *tok
		path []selector
	}
	unary struct {
		op *tok
		x  expr
	}
)

// selector is a part of an attribute path, with the dot before it if any.
type selector struct{ dot, name *tok }

// item is an element of a list, a binding of a set, or comments between them.
type item struct {
	comments []trivium
	x        interface{} // expr, *inherit or *assignment; nil for comments
}

type inherit struct {
	kw    *tok
	from  *paren // or nil
	names []*tok
	semi  *tok
}

type assignment struct {
	path  []selector
	eq    *tok
	value expr
	semi  *tok
}

// param is the parameter of a function: an identifier, a set of formals, or
// one of them @ the other.
type param struct {
	first  interface{} // *tok or *formals
	at     *tok
	second interface{}
}

type formals struct {
	open  *tok
	list  []formal
	close *tok
}

// formal is a name with a default or not, or the ellipsis.
type formal struct {
	name     *tok
	q        *tok // ? of the default, or nil
	deflt    expr
	comma    *tok // or nil
	ellipsis bool
}

// mapFirst is e with its first token changed by f; e itself stays as it is.
func mapFirst(e expr, f func(*tok)) expr {
	first := func(t *tok) *tok {
		c := *t
		f(&c)
		return &c
	}
	switch e := e.(type) {
	case leaf:
		return leaf{first(e.tok)}
	case *list:
		c := *e
		c.open = first(e.open)
		return &c
	case *set:
		c := *e
		if e.rec != nil {
			c.rec = first(e.rec)
		} else {
			c.open = first(e.open)
		}
		return &c
	case *selection:
		c := *e
		c.of = mapFirst(e.of, f)
		return &c
	case *paren:
		c := *e
		c.open = first(e.open)
		return &c
	case *with:
		c := *e
		c.kw = first(e.kw)
		return &c
	case *let:
		c := *e
		c.kw = first(e.kw)
		return &c
	case *assert:
		c := *e
		c.kw = first(e.kw)
		return &c
	case *ifThenElse:
		c := *e
		c.kw = first(e.kw)
		return &c
	case *lambda:
		c := *e
		switch p := e.param.first.(type) {
		case *tok:
			c.param.first = first(p)
		case *formals:
			fs := *p
			fs.open = first(p.open)
			c.param.first = &fs
		}
		return &c
	case *apply:
		return &apply{mapFirst(e.fn, f), e.arg}
	case *binary:
		return &binary{mapFirst(e.l, f), e.op, e.r}
	case *hasAttr:
		return &hasAttr{mapFirst(e.of, f), e.q, e.path}
	case *unary:
		return &unary{first(e.op), e.x}
	}
	panic("format: no such expression")
}

// firstTok is the first token of an expression.
func firstTok(e expr) *tok {
	var t *tok
	for {
		switch x := e.(type) {
		case leaf:
			return x.tok
		case *selection:
			e = x.of
		case *apply:
			e = x.fn
		case *binary:
			e = x.l
		case *hasAttr:
			e = x.of
		default:
			mapFirst(e, func(c *tok) { t = c })
			return t
		}
	}
}

// mapLast is e with its last token changed by f; e itself stays as it is.
func mapLast(e expr, f func(*tok)) expr {
	last := func(t *tok) *tok {
		c := *t
		f(&c)
		return &c
	}
	path := func(s []selector) []selector {
		c := append([]selector(nil), s...)
		c[len(c)-1].name = last(c[len(c)-1].name)
		return c
	}
	switch e := e.(type) {
	case leaf:
		return leaf{last(e.tok)}
	case *list:
		c := *e
		c.close = last(e.close)
		return &c
	case *set:
		c := *e
		c.close = last(e.close)
		return &c
	case *selection:
		c := *e
		if e.or != nil {
			c.deflt = mapLast(e.deflt, f)
		} else {
			c.path = path(e.path)
		}
		return &c
	case *paren:
		c := *e
		c.close = last(e.close)
		return &c
	case *with:
		c := *e
		c.body = mapLast(e.body, f)
		return &c
	case *let:
		c := *e
		c.body = mapLast(e.body, f)
		return &c
	case *assert:
		c := *e
		c.body = mapLast(e.body, f)
		return &c
	case *ifThenElse:
		c := *e
		c.no = mapLast(e.no, f)
		return &c
	case *lambda:
		c := *e
		c.body = mapLast(e.body, f)
		return &c
	case *apply:
		return &apply{e.fn, mapLast(e.arg, f)}
	case *binary:
		return &binary{e.l, e.op, mapLast(e.r, f)}
	case *hasAttr:
		return &hasAttr{e.of, e.q, path(e.path)}
	case *unary:
		return &unary{e.op, mapLast(e.x, f)}
	}
	panic("format: no such expression")
}

func isTerm(e expr) bool {
	switch e.(type) {
	case leaf, *list, *set, *selection, *paren:
		return true
	}
	return false
}
