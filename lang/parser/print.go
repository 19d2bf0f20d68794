package parser

import (
	"slices"
	"strconv"
	"strings"

	"github.com/seed192a40f6/glang/lang/ast"
)

// Print shows a tree as the reference's --parse does, without a newline:
// everything in parentheses, sugar resolved, attributes sorted by name.
func Print(node ast.Node, symbols *ast.Symbols) string {
	var b strings.Builder
	p := printer{b: &b, symbols: symbols}
	p.node(node)
	return b.String()
}

type printer struct {
	b       *strings.Builder
	symbols *ast.Symbols
}

func (p *printer) write(parts ...string) {
	for _, s := range parts {
		p.b.WriteString(s)
	}
}

func (p *printer) symbol(s ast.Symbol) { p.write(ast.ShowIdentifier(p.symbols.Name(s))) }

var opTexts = map[ast.Op]string{
	ast.OpEq: " == ", ast.OpNEq: " != ", ast.OpAnd: " && ", ast.OpOr: " || ", ast.OpImpl: " -> ",
	ast.OpUpdate: " // ", ast.OpConcat: " ++ ", ast.OpAdd: " + ",
}

func (p *printer) node(node ast.Node) {
	switch n := node.(type) {
	case *ast.Int:
		p.write(strconv.FormatInt(n.Value, 10))
	case *ast.Float:
		p.write(ast.ShowFloat(n.Value))
	case *ast.Str:
		p.write(ast.ShowString(n.Value))
	case *ast.Interp:
		p.parts(n.Parts)
	case *ast.PathInterp:
		p.parts(n.Parts)
	case *ast.Path:
		p.write(n.Abs)
	case *ast.SearchPath:
		p.call(n, nil)
	case *ast.Var:
		p.symbol(n.Name)
	case *ast.Select:
		p.write("(")
		p.node(n.Expr)
		p.write(").")
		p.path(n.Path)
		if n.Default != nil {
			p.write(" or (")
			p.node(n.Default)
			p.write(")")
		}
	case *ast.HasAttr:
		p.write("((")
		p.node(n.Expr)
		p.write(") ? ")
		p.path(n.Path)
		p.write(")")
	case *ast.Attrs:
		if n.Rec {
			p.write("rec ")
		}
		p.write("{ ")
		p.bindings(n.Set)
		p.write("}")
	case *ast.List:
		p.write("[ ")
		for _, e := range n.Elems {
			p.write("(")
			p.node(e)
			p.write(") ")
		}
		p.write("]")
	case *ast.Lambda:
		p.lambda(n)
	case *ast.Call:
		p.call(n.Fn, n.Args)
	case *ast.Let:
		p.write("(let ")
		p.bindings(n.Set)
		p.write("in ")
		p.node(n.Body)
		p.write(")")
	case *ast.With:
		p.write("(with ")
		p.node(n.Scope)
		p.write("; ")
		p.node(n.Body)
		p.write(")")
	case *ast.If:
		p.write("(if ")
		p.node(n.Cond)
		p.write(" then ")
		p.node(n.Then)
		p.write(" else ")
		p.node(n.Else)
		p.write(")")
	case *ast.Assert:
		p.write("assert ")
		p.node(n.Cond)
		p.write("; ")
		p.node(n.Body)
	case *ast.Unary:
		if n.Op == ast.OpNot {
			p.write("(! ")
			p.node(n.X)
			p.write(")")
		} else {
			p.call(n, nil)
		}
	case *ast.Binary:
		p.binary(n)
	case *ast.CurPos:
		p.write("__curPos")
	case *ast.Paren:
		p.node(n.X)
	}
}

// call prints a call. Operators that stand for calls of builtins are calls
// too, and calls of calls are one.
func (p *printer) call(fn ast.Node, args []ast.Node) {
	p.write("(")
	switch n := fn.(type) {
	case *ast.SearchPath:
		p.write("__findFile __nixPath ", ast.ShowString(n.Name))
	case *ast.Unary:
		if n.Op != ast.OpNegate {
			p.node(fn)
			break
		}
		p.write("__sub 0 ")
		p.node(n.X)
	case *ast.Binary:
		name, l, r := callOf(n)
		if name == "" {
			p.node(fn)
			break
		}
		p.write(name, " ")
		p.node(l)
		p.write(" ")
		p.node(r)
	default:
		p.node(fn)
	}
	for _, a := range args {
		p.write(" ")
		p.node(a)
	}
	p.write(")")
}

// callOf tells what builtin an operator calls with what arguments; "" if none.
func callOf(n *ast.Binary) (name string, l, r ast.Node) {
	switch n.Op {
	case ast.OpSub:
		return "__sub", n.L, n.R
	case ast.OpMul:
		return "__mul", n.L, n.R
	case ast.OpDiv:
		return "__div", n.L, n.R
	case ast.OpLess:
		return "__lessThan", n.L, n.R
	case ast.OpGreater:
		return "__lessThan", n.R, n.L
	}
	return "", nil, nil
}

func (p *printer) binary(n *ast.Binary) {
	switch n.Op {
	case ast.OpLessEq, ast.OpGreaterEq:
		l, r := n.R, n.L
		if n.Op == ast.OpGreaterEq {
			l, r = r, l
		}
		p.write("(! (__lessThan ")
		p.node(l)
		p.write(" ")
		p.node(r)
		p.write("))")
	case ast.OpSub, ast.OpMul, ast.OpDiv, ast.OpLess, ast.OpGreater:
		p.call(n, nil)
	default:
		p.write("(")
		p.node(n.L)
		p.write(opTexts[n.Op])
		p.node(n.R)
		p.write(")")
	}
}

func (p *printer) parts(parts []ast.Node) {
	p.write("(")
	for i, e := range parts {
		if i > 0 {
			p.write(" + ")
		}
		p.node(e)
	}
	p.write(")")
}

func (p *printer) path(path []ast.AttrName) {
	for i, n := range path {
		if i > 0 {
			p.write(".")
		}
		if n.Expr == nil {
			p.symbol(n.Sym)
		} else {
			p.write("\"${")
			p.node(n.Expr)
			p.write("}\"")
		}
	}
}

func (p *printer) lambda(n *ast.Lambda) {
	p.write("(")
	if f := n.Formals; f != nil {
		p.write("{ ")
		list := slices.Clone(f.List)
		slices.SortStableFunc(list, func(a, b ast.Formal) int {
			return strings.Compare(p.symbols.Name(a.Name), p.symbols.Name(b.Name))
		})
		for i, a := range list {
			if i > 0 {
				p.write(", ")
			}
			p.symbol(a.Name)
			if a.Default != nil {
				p.write(" ? ")
				p.node(a.Default)
			}
		}
		if f.Ellipsis {
			if len(list) > 0 {
				p.write(", ")
			}
			p.write("...")
		}
		p.write(" }")
		if n.Arg != ast.NoSymbol {
			p.write(" @ ")
		}
	}
	if n.Arg != ast.NoSymbol {
		p.symbol(n.Arg)
	}
	p.write(": ")
	p.node(n.Body)
	p.write(")")
}

func (p *printer) bindings(set *ast.Set) {
	sorted := slices.Clone(set.Attrs)
	slices.SortFunc(sorted, func(a, b ast.Attr) int {
		return strings.Compare(p.symbols.Name(a.Name), p.symbols.Name(b.Name))
	})
	first := true
	for _, a := range sorted {
		if a.Kind == ast.AttrInherited {
			if first {
				p.write("inherit")
				first = false
			}
			p.write(" ")
			p.symbol(a.Name)
		}
	}
	if !first {
		p.write("; ")
	}
	for i, from := range set.Froms {
		first := true
		for _, a := range sorted {
			if a.Kind != ast.AttrInheritFrom || int(a.From) != i {
				continue
			}
			if first {
				p.write("inherit (")
				p.node(from)
				p.write(")")
				first = false
			}
			p.write(" ")
			p.symbol(a.Name)
		}
		if !first {
			p.write("; ")
		}
	}
	for _, a := range sorted {
		if a.Kind == ast.AttrPlain {
			p.symbol(a.Name)
			p.write(" = ")
			p.node(a.Value)
			p.write("; ")
		}
	}
	for _, d := range set.Dynamic {
		p.write("\"${")
		p.node(d.Name)
		p.write("}\" = ")
		p.node(d.Value)
		p.write("; ")
	}
}
