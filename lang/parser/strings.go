package parser

import (
	"bytes"
	"path"
	"strings"

	"github.com/seed192a40f6/glang/lang/ast"
	"github.com/seed192a40f6/glang/lang/diag"
)

// piece is a part of a string that is being read: text or an expression.
type piece struct {
	pos      ast.Pos
	expr     ast.Node
	text     string
	indented bool // the text was written plainly, its spaces may be indentation
}

// plainString looks, after an opening quote, for a string without
// interpolation. If there is one, two tokens make up the rest of it; an empty
// one has only the closing quote, and that is left to parseString.
func (p *Parser) plainString() (string, bool) {
	if t := p.tok(); t.Type == tStr && p.peek(1).Type == tQuote {
		return t.Value, true
	}
	return "", false
}

// parseString parses a string after its opening quote.
func (p *Parser) parseString() ast.Node {
	t := p.tok()
	start := t.Pos.Offset
	if text, ok := p.plainString(); ok {
		s := p.str(start-1, text)
		p.next()
		p.next()
		return s
	}
	if t.Type == tQuote {
		p.next()
		return p.str(start-1, "")
	}
	nodes, positions := p.parseParts(nil)
	p.expect(tQuote)
	return p.arena.Interps.Put(ast.Interp{At: ast.At{Start: p.at(start)}, Parts: nodes, PartPos: positions})
}

// parseParts parses the text and interpolations of a string or path, up to a
// token that is neither.
func (p *Parser) parseParts(first ast.Node) ([]ast.Node, []ast.Pos) {
	mark, posMark := len(p.nodes), len(p.positions)
	if first != nil {
		p.nodes = append(p.nodes, first)
		p.positions = append(p.positions, first.Pos())
	}
	if p.tok().Type == tStr && p.peek(1).Type != tDollarCurly {
		p.next() // text alone is no interpolation: a path such as a/b//c
		p.unexpected()
	}
	for n := 0; ; n++ {
		t := p.tok()
		pos := p.at(t.Pos.Offset)
		switch t.Type {
		case tStr:
			p.nodes = append(p.nodes, p.str(t.Pos.Offset, t.Value))
			p.next()
		case tDollarCurly:
			p.next()
			x, _ := p.parseExpr()
			p.expect(tRBrace)
			p.nodes = append(p.nodes, x)
		default:
			if n == 0 {
				p.unexpected()
			}
			nodes := p.arena.Nodes.Copy(p.nodes[mark:])
			positions := p.arena.Poss.Copy(p.positions[posMark:])
			p.nodes, p.positions = p.nodes[:mark], p.positions[:posMark]
			return nodes, positions
		}
		p.positions = append(p.positions, pos)
	}
}

// parseIndString parses an indented string after its opening quotes.
func (p *Parser) parseIndString(start int) ast.Node {
	mark := len(p.pieces)
	for {
		t := p.tok()
		pc := piece{pos: p.at(t.Pos.Offset)}
		switch t.Type {
		case tIndStr:
			pc.text, pc.indented = t.Value, t.Pos.Line == 1
			p.next()
		case tDollarCurly:
			p.next()
			pc.expr, _ = p.parseExpr()
			p.expect(tRBrace)
		case tIndClose:
			p.next()
			node := p.stripIndentation(start, p.pieces[mark:])
			clear(p.pieces[mark:])
			p.pieces = p.pieces[:mark]
			return node
		default:
			p.unexpected()
		}
		p.pieces = append(p.pieces, pc)
	}
}

// stripIndentation makes a node of an indented string's pieces.
func (p *Parser) stripIndentation(start int, pieces []piece) ast.Node {
	stripper := stripper{width: indentation(pieces), lineStart: true, buf: p.stripBuf}
	mark, posMark := len(p.nodes), len(p.positions)
	for i, pc := range pieces {
		if pc.expr != nil {
			stripper.lineStart, stripper.dropped = false, 0
			p.nodes = append(p.nodes, pc.expr)
			p.positions = append(p.positions, pc.pos)
			continue
		}
		text := stripper.strip(pc.text)
		if i == len(pieces)-1 {
			text = trimLastLine(text)
		}
		if len(text) > 0 {
			s := p.str(start, view(text)) // which copies it
			s.Start, s.Indented = pc.pos, true
			p.nodes = append(p.nodes, s)
			p.positions = append(p.positions, pc.pos)
		}
	}
	p.stripBuf = stripper.buf
	parts, positions := p.nodes[mark:], p.positions[posMark:]
	p.nodes, p.positions = p.nodes[:mark], p.positions[:posMark]
	if len(parts) == 0 {
		s := p.str(start, "")
		s.Indented = true
		return s
	}
	if len(parts) == 1 {
		if s, ok := parts[0].(*ast.Str); ok {
			return s
		}
	}
	return p.arena.Interps.Put(ast.Interp{At: ast.At{Start: p.at(start)}, Indented: true,
		Parts: p.arena.Nodes.Copy(parts), PartPos: p.arena.Poss.Copy(positions)})
}

// indentation is the smallest number of spaces that a line begins with. Lines
// of spaces alone do not count, and a last one neither.
func indentation(pieces []piece) int {
	width := 1000000
	lineStart, indent := true, 0
	for _, pc := range pieces {
		if pc.expr != nil || !pc.indented {
			// Interpolations and escaped characters end the indentation.
			if lineStart {
				lineStart = false
				width = min(width, indent)
			}
			continue
		}
		s := pc.text
		for j := 0; j < len(s); j++ {
			if !lineStart {
				k := strings.IndexByte(s[j:], '\n')
				if k < 0 {
					break
				}
				j += k
				lineStart, indent = true, 0
				continue
			}
			switch s[j] {
			case ' ':
				indent++
			case '\n':
				indent = 0
			default:
				lineStart = false
				width = min(width, indent)
			}
		}
	}
	return width
}

// stripper takes indentation away from one piece of text after another.
type stripper struct {
	width     int
	lineStart bool
	dropped   int // spaces seen on this line
	buf       []byte
}

// strip returns bytes that are valid until its next call.
func (st *stripper) strip(s string) []byte {
	buf := st.buf[:0]
	for j := 0; j < len(s); j++ {
		if !st.lineStart {
			k := strings.IndexByte(s[j:], '\n')
			if k < 0 {
				buf = append(buf, s[j:]...)
				break
			}
			buf = append(buf, s[j:j+k+1]...)
			j += k
			st.lineStart = true
			continue
		}
		c := s[j]
		switch c {
		case ' ':
			st.dropped++
			if st.dropped <= st.width {
				continue
			}
		case '\n':
			st.dropped = 0
		default:
			st.lineStart = false
			st.dropped = 0
		}
		buf = append(buf, c)
	}
	st.buf = buf
	return buf
}

// trimLastLine drops a last line that has only spaces.
func trimLastLine(s []byte) []byte {
	if i := bytes.LastIndexByte(s, '\n'); i >= 0 && len(bytes.Trim(s[i+1:], " ")) == 0 {
		return s[:i+1]
	}
	return s
}

// join is path.Clean(dir + "/" + text) for a clean dir, without its detours for
// what most path literals are: ./a/b or ../../a.
func (p *Parser) join(dir, text string) string {
	up, rest := dir, text
	for {
		if strings.HasPrefix(rest, "./") {
			rest = rest[2:]
		} else if i := strings.LastIndexByte(up, '/'); i > 0 && strings.HasPrefix(rest, "../") {
			up, rest = up[:i], rest[3:]
		} else {
			break
		}
	}
	if rest == "" || up == "/" || strings.Contains(rest, "//") || strings.Contains(rest, "/.") ||
		rest[0] == '.' || rest[0] == '/' || rest[len(rest)-1] == '/' {
		return path.Clean(dir + "/" + text)
	}
	abs := p.arena.Text.Take(len(up) + 1 + len(rest))
	n := copy(abs, up)
	abs[n] = '/'
	copy(abs[n+1:], rest)
	return view(abs)
}

// parsePath parses a path, with or without interpolation.
func (p *Parser) parsePath() ast.Node {
	t := p.tok()
	start, text := t.Pos.Offset, t.Value
	p.literals++
	node := p.arena.Paths.Put(ast.Path{At: ast.At{Start: p.at(start)}, Text: p.keepText(text)})
	warn := func(s Severity, setting, what string) {
		if s != Ignore {
			p.discourage(s, setting, start, what)
		}
	}
	switch {
	case t.Type == tHPath:
		if p.opts.Pure {
			p.throw(&diag.Error{Kind: diag.Restricted,
				Message: "the path '" + diag.Quote(text) + "' can not be resolved in pure mode"})
		}
		warn(p.opts.AbsolutePaths, "lint-absolute-path-literals", "home path literals are not portable. Consider replacing path literal '"+
			diag.Quote(text)+"' by a string, relative path, or parameter")
		node.Abs = p.paths.Home + text[1:]
	case text[0] == '/':
		warn(p.opts.AbsolutePaths, "lint-absolute-path-literals", "absolute path literals are not portable. Consider replacing path literal '"+
			diag.Quote(text)+"' by a string, relative path, or parameter")
		node.Abs = path.Clean(text)
	default:
		if text[0] != '.' {
			warn(p.opts.ShortPaths, "lint-short-path-literals", "relative path literal '"+diag.Quote(text)+
				"' should be prefixed with '.' for clarity: './"+diag.Quote(text)+"'")
		}
		node.Abs = p.join(p.paths.Dir, text)
	}
	if t.Type == tPath && len(text) > 1 && text[len(text)-1] == '/' {
		node.Abs += "/" // more follows
	}
	p.next()
	if p.tok().Type == tPathEnd {
		p.next()
		return node
	}
	nodes, positions := p.parseParts(node)
	p.expect(tPathEnd)
	return p.arena.PathInterps.Put(ast.PathInterp{At: node.At, Parts: nodes, PartPos: positions})
}
