package eval

import (
	"path"
	"strings"

	"github.com/seed192a40f6/glang/lang/ast"
	"github.com/seed192a40f6/glang/lang/diag"
	"github.com/seed192a40f6/glang/lang/packed"
	"github.com/seed192a40f6/glang/lang/parser"
	"github.com/seed192a40f6/glang/lang/resolve"
)

// reader turns texts into trees. What it needs for that, text and nodes included,
// serves one file after the other; an evaluator has as many readers as have been
// at work at once.
type reader struct {
	e        *Evaluator
	parser   *parser.Parser
	resolver *resolve.Resolver
	raw      packed.Encoder // of values of large sets as they were parsed
	encoder  packed.Encoder
	text     []byte
	warnings []*diag.Error
	found    []foundPath
	paths    int // seen, other than modules
}

// maxText is the size up to which a reader keeps its memory for texts.
const maxText = 1 << 20

func (e *Evaluator) takeReader() *reader {
	e.readerMu.Lock()
	defer e.readerMu.Unlock()
	if n := len(e.readers); n > 0 {
		r := e.readers[n-1]
		e.readers = e.readers[:n-1]
		return r
	}
	r := &reader{e: e, resolver: resolve.New(e.Symbols)}
	o := e.parserOptions()
	if o.Warn != nil {
		o.Warn = func(d *diag.Error) { r.warnings = append(r.warnings, d) }
	}
	r.parser = parser.New(e.Symbols, e.Sources, o)
	r.resolver.Packer, r.resolver.Lazy = &r.encoder, !e.opts.Notes
	if e.opts.Cores > 1 {
		r.encoder.Operand = r.operand
	}
	return r
}

func (e *Evaluator) giveReader(r *reader) {
	if cap(r.text) > maxText {
		r.text, r.raw = nil, packed.Encoder{}
	}
	r.warnings = nil
	e.readerMu.Lock()
	e.readers = append(e.readers, r)
	e.readerMu.Unlock()
}

// parsedFile is what became of a file.
type parsedFile struct {
	node  ast.Node // packed, unless there is a debugger, whose scopes are by node
	src   *ast.Source
	exprs int64 // nodes, if they are counted
	// imports is what the file seems to import, in the order in which it stands there.
	imports []aheadTask
	// What has been left to who evaluates the file, if it was parsed ahead.
	unmet    []ast.Symbol
	warnings []*diag.Error
}

// file parses a file whose text has been read into r.text.
func (r *reader) file(file string, src *ast.Source, locals []map[ast.Symbol]uint32, ahead bool) (f parsedFile, err error) {
	e := r.e
	dir := path.Dir(file)
	base := parser.BasePaths{Dir: dir, Home: e.opts.Home}
	f.src = src
	if e.opts.Debugger != nil {
		f.node, err = r.parser.Parse(src, r.text, base)
	} else {
		brief := parser.Brief{Ahead: ahead}
		if e.opts.Counts == nil {
			brief.Packer = &r.raw
		}
		f.node, err = r.parser.ParseBrief(src, r.text, base, brief)
	}
	if err != nil {
		return f, err
	}
	if ahead {
		f.unmet = r.parser.Unmet()
	}
	f.exprs = e.countTree(f.node)
	r.found, r.paths = r.found[:0], 0
	r.encoder.Begin(packed.Text{Base: src.Base, Dir: dir, Size: src.Size})
	if err = r.resolve(f.node, locals); err != nil {
		return f, err
	}
	if e.opts.Debugger == nil {
		f.node = r.encoder.Finish(f.node, r.resolver.Scopes()).Root()
		for _, p := range r.found {
			if r.paths <= parsePaths || p.module {
				f.imports = append(f.imports, aheadTask{path: p.path, applied: p.applied, small: !p.applied})
			}
		}
	}
	f.warnings = r.warnings
	return f, nil
}

func (r *reader) resolve(node ast.Node, locals []map[ast.Symbol]uint32) error {
	err := r.resolver.Resolve(node, resolve.Scope{Globals: r.e.globals, Locals: locals})
	if err == nil && r.e.opts.Debugger != nil {
		r.e.noteScopes(node, locals)
	}
	return err
}

// countTree is the number of nodes of a tree, if they are counted.
func (e *Evaluator) countTree(n ast.Node) int64 {
	if e.opts.Counts == nil {
		return 0
	}
	count := int64(0)
	var add func(ast.Node)
	add = func(n ast.Node) {
		count++
		ast.Children(n, add)
	}
	add(n)
	return count
}

// foundPath is a path literal in a file that may be that of another expression.
type foundPath struct {
	path    string
	module  bool // an element of a list
	applied bool // imported and applied
}

// operand notes a path literal: an argument, or, without a call, an element of
// a list.
func (r *reader) operand(x ast.Node, call *ast.Call) {
	p, ok := literalPath(x)
	if !ok {
		return
	}
	module := call == nil && strings.HasSuffix(p, ".nix")
	if !module {
		r.paths++
	}
	if (module || r.paths <= parsePaths) && isSource(p) {
		applied := call != nil && x == call.Args[0] && len(call.Args) > 1 && r.isImport(call.Fn)
		r.found = append(r.found, foundPath{strings.Clone(p), module, applied})
	}
}

func (r *reader) isImport(n ast.Node) bool {
	v, ok := n.(*ast.Var)
	return ok && v.Kind == ast.VarGlobal && v.Name == r.e.Sym.Import
}

// literalPath is the path that ./x or ./x + "/y" stands for.
func literalPath(n ast.Node) (string, bool) {
	switch n := n.(type) {
	case *ast.Path:
		return n.Abs, true
	case *ast.Binary:
		l, isPath := n.L.(*ast.Path)
		r, isStr := n.R.(*ast.Str)
		if n.Op == ast.OpAdd && isPath && isStr {
			return CleanPath(l.Abs + r.Value), true
		}
	}
	return "", false
}

// isSource tells whether a path may be that of an expression: it ends in .nix
// or .expr, or, perhaps a folder, has no extension.
func isSource(p string) bool {
	switch path.Ext(p) {
	case ".nix", ".expr", "":
		return true
	}
	return false
}
