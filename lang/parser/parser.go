// Package parser turns text into the tree of package ast.
//
// The scanner writes tokens into a window of 256 which it shares with a
// participle PeekingLexer; the grammar is one production of a participle
// parser, ParseTypeWith over a recursive descent with operator precedences.
// So participle's interfaces hold (the [Definition] of the lexer, the parser
// built from it) and a token costs no reflection and no allocation.
//
// Attribute paths are merged while parsing, as the reference does, so that
// clashes are found in its order. A text that is no expression is parsed
// again by an LALR automaton, which is built then from the reference's
// grammar: only that knows the exact words of the reference's syntax errors.
package parser

import (
	"errors"
	"slices"
	"sync"

	"github.com/alecthomas/participle/v2"
	"github.com/alecthomas/participle/v2/lexer"

	"github.com/seed192a40f6/glang/lang/ast"
	"github.com/seed192a40f6/glang/lang/diag"
	"github.com/seed192a40f6/glang/lang/packed"
)

// Severity is what to do about a construct that is allowed but discouraged.
type Severity uint8

// The severities.
const (
	Ignore Severity = iota
	Warn
	Fatal
)

// Options of a [Parser]. The zero value parses the stable language.
type Options struct {
	// PipeOperators allows <| and |> (the experimental feature pipe-operators).
	PipeOperators bool
	// Pure rejects paths below the home directory (~/…).
	Pure bool
	// URLLiterals, AbsolutePaths and ShortPaths say what happens to bare
	// URLs, to paths that begin with / or ~, and to relative paths that do
	// not begin with a dot. Messages name the settings that the reference
	// has for them, lint-url-literals and so on.
	URLLiterals, AbsolutePaths, ShortPaths Severity
	// Warn receives warnings; nil drops them.
	Warn func(*diag.Error)
	// MaxDepth bounds the nesting of expressions; 0 means 200,000,
	// for which Go's stack of 1 GB suffices on 64-bit machines.
	MaxDepth int
	// Keep makes the parser keep what evaluation does not need: comments,
	// parentheses and bindings as written.
	Keep bool
	// AllErrors makes the parser go on after an error: the first one, which is
	// the same without, has the others in its Also; errors have notes.
	AllErrors bool
}

const defaultMaxDepth = 200_000

// BasePaths is what relative and home paths start from: absolute, clean.
type BasePaths struct {
	Dir  string
	Home string
}

// Comment is a comment with its delimiters.
type Comment struct {
	Pos  ast.Pos
	Text string
}

// Parser turns texts into trees. It may be used again and again, by one
// goroutine at a time; its memory is reused.
type Parser struct {
	scanner
	window
	opts    Options
	sources *ast.Sources
	paths   BasePaths

	depth    int
	literals int  // paths seen
	bindings bool // parse the bindings of a REPL
	failure  *diag.Error
	soft     []*diag.Error // errors that parsing went on after
	unmet    []ast.Symbol
	partial  ast.Node // see Partial
	ahead    bool     // the text may be evaluated later or never

	syms knownSymbols
	sets setIndex
	// arena is what the tree is made of: a new one, which the tree keeps, or brief.
	arena  *ast.Arena
	brief  ast.Arena
	packer *packed.Encoder // packs values of large sets; nil: nothing does
	packed ast.Slab[packed.Node]
	// Stacks of what is being collected; each user takes what it pushed off again.
	nodes     []ast.Node
	attrs     []ast.Attr
	names     []ast.AttrName
	pieces    []piece
	formals   []ast.Formal
	binds     []ast.Binding
	dynamics  []ast.DynamicAttr
	positions []ast.Pos
	stripBuf  []byte // for indented strings
	inner     bool   // another parser uses it to find errors
}

type knownSymbols struct {
	body, or, curPos, findFile, nixPath ast.Symbol
}

// file is the root of the grammar.
type file struct {
	Body ast.Node `parser:"@@"`
}

// engine is what a text needs of participle while it is parsed. Making one costs
// more than parsing a small text, so they go from one parser to the next.
type engine struct {
	grammar *participle.Parser[file]
	lexer   *lexer.PeekingLexer
	window  []lexer.Token // the lexer's
	parser  *Parser       // the one that has it
}

var engines = sync.Pool{New: func() any {
	e := &engine{}
	e.grammar = participle.MustBuild[file](participle.Lexer(Definition{}),
		participle.ParseTypeWith[ast.Node](func(pl *lexer.PeekingLexer) (ast.Node, error) { return e.parser.production(pl) }))
	e.lexer, e.window = openWindow()
	return e
}}

// New makes a parser that interns names in symbols and enters texts in sources.
func New(symbols *ast.Symbols, sources *ast.Sources, opts Options) *Parser {
	if opts.MaxDepth == 0 {
		opts.MaxDepth = defaultMaxDepth
	}
	p := &Parser{opts: opts, sources: sources}
	p.scanner.symbols = symbols
	p.scanner.pipes = opts.PipeOperators
	p.scanner.keep = opts.Keep
	p.syms = knownSymbols{
		body: symbols.Intern("body"), or: symbols.Intern("or"), curPos: symbols.Enter("__curPos", ast.HashName("__curPos")),
		findFile: symbols.Intern("__findFile"), nixPath: symbols.Intern("__nixPath"),
	}
	return p
}

// Parse parses one expression. It enters src in the table of sources if it has
// no base yet, and sets its Size. The error is a *diag.Error.
func (p *Parser) Parse(src *ast.Source, text []byte, base BasePaths) (ast.Node, error) {
	p.begin()
	return p.parse(src, text, base, false)
}

// Brief is how [Parser.ParseBrief] parses.
type Brief struct {
	// Ahead is for a text that evaluation may come to later or never: the names
	// in it are not met, [Parser.Unmet] lists them, and errors are not worded.
	Ahead bool
	// Packer, if not nil, packs the values of large sets: these are a
	// [packed.Node], valid like the tree, that has not been resolved.
	Packer *packed.Encoder
}

// ParseBrief is Parse for a tree that is valid until the parser, or the packer, is
// used again: its nodes are those of the next text.
func (p *Parser) ParseBrief(src *ast.Source, text []byte, base BasePaths, brief Brief) (ast.Node, error) {
	p.brief.Reset()
	p.packed.Reset()
	p.arena, p.ahead, p.packer = &p.brief, brief.Ahead, brief.Packer
	if src.Base == ast.NoPos {
		src.Size = len(text)
		p.sources.Add(src)
	}
	if p.packer == nil {
		return p.parse(src, text, base, false)
	}
	p.packer.Begin(packed.Text{Base: src.Base, Dir: base.Dir, Size: len(text)})
	node, err := p.parse(src, text, base, false)
	p.packer.Seal(nil)
	return node, err
}

// begin makes ready for a tree that is kept.
func (p *Parser) begin() { p.arena, p.ahead, p.packer = new(ast.Arena), false, nil }

// ParseBindings parses bindings without braces ("a = 1; b = 2;"), as a REPL
// reads them.
func (p *Parser) ParseBindings(src *ast.Source, text []byte, base BasePaths) (*ast.Attrs, error) {
	p.begin()
	node, err := p.parse(src, text, base, true)
	if err != nil {
		return nil, err
	}
	return node.(*ast.Attrs), nil
}

// Partial is the tree of the last text, if that had an error, as far as it could
// be read: what did not fit is left out, what was left open is closed, and an
// expression that is missing is the number 0 or the name _, at or behind the end
// of the text. It is nil if there is none; only with [Options.AllErrors].
func (p *Parser) Partial() ast.Node { return p.partial }

// Paths is the number of path literals in the last text.
func (p *Parser) Paths() int { return p.literals }

// Unmet are the names of the last text that have not been met, in the order in
// which they will be once the text is evaluated; only with [Brief.Ahead].
func (p *Parser) Unmet() []ast.Symbol { return slices.Clone(p.unmet) }

// meet is called for each name of a text in the reference's order: a name is
// met where a production that has it ends, so that of a function's argument
// after those of its body.
func (p *Parser) meet(sym ast.Symbol) {
	switch {
	case p.symbols.Place(sym) != 0:
	case !p.ahead:
		p.symbols.Meet(sym)
	case len(p.unmet) == 0 || p.unmet[len(p.unmet)-1] != sym:
		p.unmet = append(p.unmet, sym)
	}
}

// Comments are those of the last text, in order; only with [Options.Keep].
func (p *Parser) Comments() []Comment { return p.comments }

func (p *Parser) parse(src *ast.Source, text []byte, base BasePaths, bindings bool) (ast.Node, error) {
	src.Size = len(text)
	if src.Base == ast.NoPos {
		p.sources.Add(src)
	}
	// The tree copies what it keeps, so the text is not held on to.
	p.scanner.reset(view(text), src.Base)
	p.paths, p.bindings, p.depth, p.literals, p.failure, p.soft = base, bindings, 0, 0, nil, nil
	p.partial = nil
	p.unmet = p.unmet[:0]
	p.sets.reset()
	e := engines.Get().(*engine)
	e.parser, p.window.buf = p, e.window
	defer func() {
		p.forget()
		e.parser, p.window.buf = nil, nil
		engines.Put(e)
	}()
	p.window.fill(&p.scanner)
	e.lexer.LoadCheckpoint(lexer.Checkpoint{})
	root, err := e.grammar.ParseFromLexer(e.lexer)
	if p.failure != nil || len(p.soft) > 0 {
		if p.failure == nil {
			p.partial = root.Body
		}
		return nil, p.allFailures()
	}
	if err != nil {
		return nil, &diag.Error{Kind: diag.Syntax, Message: err.Error(), Cause: err}
	}
	return root.Body, nil
}

// forget lets go of the text and of what an error left on the stacks.
func (p *Parser) forget() {
	p.scanner.text = ""
	p.window.clear()
	clear(p.nodes)
	clear(p.attrs)
	clear(p.names)
	clear(p.pieces)
	clear(p.formals)
	clear(p.binds)
	clear(p.dynamics)
	p.nodes, p.attrs, p.names, p.pieces = p.nodes[:0], p.attrs[:0], p.names[:0], p.pieces[:0]
	p.formals, p.binds, p.dynamics, p.positions = p.formals[:0], p.binds[:0], p.dynamics[:0], p.positions[:0]
}

// errFailed tells participle that Parser.failure holds the error.
var errFailed = errors.New("see the parser's failure")

// bailout unwinds the parser; its production recovers it.
type bailout struct{}

// production is the grammar's one production.
func (p *Parser) production(pl *lexer.PeekingLexer) (node ast.Node, err error) {
	defer func() {
		if r := recover(); r != nil {
			if _, ok := r.(bailout); !ok {
				panic(r)
			}
			node, err = nil, errFailed
		}
	}()
	if p.bindings {
		node = p.parseReplBindings()
	} else {
		node, _ = p.parseExpr()
	}
	if p.tok().Type != tEOF {
		p.unexpected()
	}
	// participle looks for the end of the text at its own cursor.
	p.window.finish()
	pl.LoadCheckpoint(lexer.Checkpoint{})
	return node, nil
}

// allFailures are the errors of a parse in one: the first one, and with
// [Options.AllErrors] those that follow.
func (p *Parser) allFailures() *diag.Error {
	all := p.soft
	if p.failure != nil {
		all = append(all, p.failure)
		if p.opts.AllErrors && p.failure.Kind == diag.Syntax && !p.ahead {
			all = append(all, p.allErrors(p.failure)...)
		}
	}
	if len(all) > 1 {
		all[0].Also = all[1:]
	}
	return all[0]
}

// reject notes an error that is none of the grammar's. It ends the parse too,
// unless all errors are asked for.
func (p *Parser) reject(err *diag.Error) {
	if !p.opts.AllErrors {
		p.throw(err)
	}
	if len(p.soft) < maxErrors {
		p.soft = append(p.soft, err)
	}
}

// throw ends the parse with an error.
func (p *Parser) throw(err *diag.Error) {
	p.failure = err
	panic(bailout{})
}

// unexpected ends the parse with what is wrong with the current token: the
// scanner's error, or a syntax error.
func (p *Parser) unexpected() {
	t := p.tok()
	if t.Type == tError {
		p.throw(p.scanner.err)
	}
	if p.ahead { // whoever evaluates the text parses it again
		p.throw(&diag.Error{Kind: diag.Syntax, Pos: p.at(t.Pos.Offset), Message: "syntax error"})
	}
	p.throw(p.syntaxError(t))
}

func (p *Parser) at(offset int) ast.Pos {
	if p.base == ast.NoPos {
		return ast.NoPos
	}
	return p.base + ast.Pos(offset)
}

func (p *Parser) enter() {
	p.depth++
	if p.depth > p.opts.MaxDepth {
		p.throw(&diag.Error{Kind: diag.StackOverflow, Message: "stack overflow (possible infinite recursion)"})
	}
}

func (p *Parser) leave() { p.depth-- }

// discourage warns of a construct or fails, and names the setting that decides.
func (p *Parser) discourage(s Severity, setting string, pos int, message string) {
	err := &diag.Error{Kind: diag.Syntax, Pos: p.at(pos), Message: message + " (\x1b[1m" + setting + "\x1b[0m)"}
	switch s {
	case Fatal:
		p.throw(err)
	case Warn:
		if p.opts.Warn != nil {
			p.opts.Warn(err)
		}
	}
}
