package eval

import (
	"path"
	"sync"

	"github.com/seed192a40f6/glang/lang/ast"
	"github.com/seed192a40f6/glang/lang/diag"
	"github.com/seed192a40f6/glang/lang/parser"
	"github.com/seed192a40f6/glang/lang/resolve"
)

// While one core evaluates, others parse the files that those evaluated so far
// seem to import: what is named in calls (import ./x.nix, callPackage ./x) and
// in lists (of modules). Whoever comes first, the
// evaluation or a worker, parses a file; the other takes what it finds or
// waits. A file that nobody imports in the end costs nothing but the work:
// its errors and warnings appear only when it is imported.
//
// Names are then entered into the table of symbols in an order that varies
// from run to run; but they are met in order, when the evaluation takes the
// file. A file with an error it parses itself, since which one of several
// errors comes first depends on that order.

// parseAhead is what is to be parsed, last first: what was found last will
// be needed first, and the evaluation comes the other way in a long list.
type parseAhead struct {
	mu      sync.Mutex
	asked   map[string]bool // paths that were queued before
	files   map[string]*aheadFile
	queue   []aheadTask
	workers int
}

// aheadTask is a path to be parsed or a tree to be searched for imports.
type aheadTask struct {
	path string
	node ast.Node
	// small drops the file if it is big: it may well not be needed.
	small bool
}

// aheadFile is a file that a worker or an evaluation has begun to parse.
type aheadFile struct {
	done     chan struct{} // nil if an evaluation parses it
	node     ast.Node      // nil if there is an error in it
	unmet    []ast.Symbol
	size     int
	paths    int // path literals in it
	warnings []*diag.Error
}

// parsePaths bounds the path literals that are arguments in a file: one with
// more is a list of packages, of which most are never looked at.
const parsePaths = 64

// smallFile is the size up to which a file is parsed although nothing but its
// name in a file that was evaluated speaks for it. What is imported and applied
// to arguments in one go, or is about to be evaluated, is parsed at any size.
const smallFile = 64 << 10

// ahead queues a task if there is a core to spare.
func (e *Evaluator) aheadOf(t aheadTask) {
	if e.opts.Cores < 2 {
		return
	}
	a := &e.parsing
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.files == nil {
		a.asked, a.files = map[string]bool{}, map[string]*aheadFile{}
	}
	if t.node == nil {
		if a.asked[t.path] {
			return
		}
		a.asked[t.path] = true
	}
	a.queue = append(a.queue, t)
	if a.workers < e.opts.Cores-1 {
		a.workers++
		go e.aheadWorker()
	}
}

// aheadWorker works until the queue is empty.
func (e *Evaluator) aheadWorker() {
	a := &e.parsing
	w := &aheadWork{e: e}
	for {
		a.mu.Lock()
		if len(a.queue) == 0 {
			a.workers--
			a.mu.Unlock()
			return
		}
		last := len(a.queue) - 1
		t := a.queue[last]
		a.queue[last] = aheadTask{}
		a.queue = a.queue[:last]
		a.mu.Unlock()
		if t.node != nil {
			w.search(t.node)
		} else {
			w.parse(t)
		}
	}
}

// aheadWork is what a worker needs to parse.
type aheadWork struct {
	e        *Evaluator
	parser   *parser.Parser
	resolver *resolve.Resolver
	warnings []*diag.Error
	found    []foundPath
	paths    int // seen, other than modules
}

type foundPath struct {
	path    string
	module  bool // an element of a list
	applied bool // imported and applied
}

func (w *aheadWork) parse(t aheadTask) {
	e, a := w.e, &w.e.parsing
	file, err := e.ResolveExprPath(t.path)
	if err != nil {
		return // the evaluation will see for itself
	}
	a.mu.Lock()
	_, begun := a.files[file]
	a.mu.Unlock()
	if begun {
		return
	}
	src, text, err := e.readSource(file)
	if err != nil {
		return
	}
	f := &aheadFile{done: make(chan struct{})}
	a.mu.Lock()
	if _, begun = a.files[file]; !begun {
		if t.small && len(text) > smallFile {
			delete(a.asked, t.path)
			begun = true
		} else {
			a.files[file] = f
		}
	}
	a.mu.Unlock()
	if begun {
		return
	}
	defer close(f.done)
	if w.parser == nil {
		o := e.parserOptions()
		o.Ahead = true
		o.Warn = func(d *diag.Error) { w.warnings = append(w.warnings, d) }
		w.parser = parser.New(e.Symbols, e.Sources, o)
		w.resolver = resolve.New(e.Symbols)
	}
	w.warnings = nil
	f.size = len(text)
	node, err := w.parser.Parse(src, text, parser.BasePaths{Dir: path.Dir(file), Home: e.opts.Home})
	if err == nil {
		err = w.resolver.Resolve(node, resolve.Scope{Globals: e.globals})
	}
	if err != nil {
		return
	}
	f.node = node
	f.unmet = w.parser.Unmet()
	f.warnings = w.warnings
	f.paths = w.parser.Paths()
}

// search queues the files that a tree seems to import.
func (w *aheadWork) search(n ast.Node) {
	w.found, w.paths = w.found[:0], 0
	w.node(n)
	for _, p := range w.found {
		if w.paths <= parsePaths || p.module {
			w.e.aheadOf(aheadTask{path: p.path, small: !p.applied})
		}
	}
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

func (w *aheadWork) node(n ast.Node) {
	switch n := n.(type) {
	case *ast.Call:
		w.node(n.Fn)
		for i, a := range n.Args {
			if p, ok := literalPath(a); ok {
				w.path(p, false, i == 0 && len(n.Args) > 1 && w.isImport(n.Fn))
			} else {
				w.node(a)
			}
		}
	case *ast.List:
		for _, x := range n.Elems {
			if p, ok := literalPath(x); ok {
				w.path(p, path.Ext(p) == ".nix", false)
			} else {
				w.node(x)
			}
		}
	case *ast.Select:
		w.node(n.Expr)
		if n.Default != nil {
			w.node(n.Default)
		}
	case *ast.Attrs:
		w.set(n.Set)
	case *ast.Let:
		w.set(n.Set)
		w.node(n.Body)
	case *ast.Lambda:
		if n.Formals != nil {
			for i := range n.Formals.List {
				if d := n.Formals.List[i].Default; d != nil {
					w.node(d)
				}
			}
		}
		w.node(n.Body)
	case *ast.With:
		w.node(n.Scope)
		w.node(n.Body)
	case *ast.If:
		w.node(n.Cond)
		w.node(n.Then)
		w.node(n.Else)
	case *ast.Assert:
		w.node(n.Cond)
		w.node(n.Body)
	case *ast.Unary:
		w.node(n.X)
	case *ast.Binary:
		w.node(n.L)
		w.node(n.R)
	}
}

func (w *aheadWork) isImport(n ast.Node) bool {
	v, ok := n.(*ast.Var)
	return ok && v.Kind == ast.VarGlobal && v.Name == w.e.Sym.Import
}

func (w *aheadWork) set(s *ast.Set) {
	for i := range s.Attrs {
		if s.Attrs[i].Kind == ast.AttrPlain {
			w.node(s.Attrs[i].Value)
		}
	}
	for _, f := range s.Froms {
		w.node(f)
	}
	for i := range s.Dynamic {
		w.node(s.Dynamic[i].Value)
	}
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

// path notes a path literal: an argument, or an element of a list.
func (w *aheadWork) path(p string, module, applied bool) {
	if !module {
		w.paths++
	}
	if isSource(p) && (module || w.paths <= parsePaths) {
		w.found = append(w.found, foundPath{p, module, applied})
	}
}

// parsedAhead is the tree of a file if a worker has parsed it or is at it.
// Otherwise, or if it has an error, the caller parses it.
func (m *Machine) parsedAhead(file string) (f aheadFile, ok bool) {
	a := &m.E.parsing
	if m.E.opts.Cores < 2 {
		return f, false
	}
	a.mu.Lock()
	if a.files == nil {
		a.asked, a.files = map[string]bool{}, map[string]*aheadFile{}
	}
	w := a.files[file]
	if w == nil {
		a.files[file] = &aheadFile{}
	}
	a.mu.Unlock()
	if w == nil || w.done == nil {
		return f, false
	}
	<-w.done
	if len(w.warnings) > 0 {
		m.Effect()
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	f = *w
	w.node = nil // taken: a tree is evaluated once
	return f, f.node != nil
}
