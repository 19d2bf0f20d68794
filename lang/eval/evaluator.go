// Package eval evaluates expressions.
//
// An [Evaluator] holds what evaluations share: symbols, sources, builtins, the
// code of functions, files already imported. Any number of [Machine]s, each on
// its own goroutine, evaluate with it, and may share the values they make.
//
// A tree that package resolve has finished is compiled to nodes of a private
// form, each with a method eval, which computes its value in an environment,
// and a method delay, which makes a value to be computed later: a thunk, or
// better if the node is a constant, a variable or the like. An environment is
// a frame of slots, linked to the frame around it.
//
// A [Value] is evaluated in place by [Machine.Force]: a thunk is replaced by
// what it evaluates to. Machines may force one value at the same time; the
// first one marks it as being evaluated, the others wait.
//
// Errors unwind by panic, carrying a *[Failure], and turn into *diag.Error
// where evaluation was entered ([Machine.Do]).
package eval

import (
	"context"
	"io/fs"
	"os"
	"slices"
	"strings"
	"sync"
	"sync/atomic"

	"github.com/seed192a40f6/glang/lang/ast"
	"github.com/seed192a40f6/glang/lang/diag"
	"github.com/seed192a40f6/glang/lang/parser"
	"github.com/seed192a40f6/glang/store/storepath"
)

// Evaluator is what evaluations share. It is safe for use by several goroutines.
type Evaluator struct {
	Symbols  *ast.Symbols
	Sources  *ast.Sources
	Contexts *Contexts
	// Sym are symbols that evaluation itself needs.
	Sym Names

	opts           Options
	codes          codeTable
	shapes         shapeTable
	compiling      sync.Mutex
	compilerMemory *compiler // see compiler
	machines       atomic.Uint32

	globals  map[ast.Symbol]*ast.Builtin
	scope    []ast.Builtin // what they refer to; never grows beyond its capacity
	values   []*Value      // of globals, by Builtin.Index
	builtins *Value        // the set of all builtins
	internal map[string]*Value
	// what builtins share, see Shared
	sharedOnce sync.Once
	shared     any

	allocated atomic.Int64

	waitMu   sync.Mutex
	waitCond *sync.Cond
	waiting  map[uint32]*Value // machine id → what it waits for
	live     map[*Machine]struct{}
	spare    []workspace

	debugMu     sync.Mutex
	debugScopes map[ast.Node]*debugScope // if there is a debugger
	debugOver   atomic.Bool              // it has had enough

	readerMu sync.Mutex
	readers  []*reader // those that nobody uses

	files     fileCache
	plainDirs stringSet // folders that are no symbolic links
	parsing   parseAhead
	// certain is how many names had been met when the first helper began; those
	// after them are met in an order that may vary. 0: none has yet.
	certain    atomic.Uint32
	alone      int // see parallel.go; tests lower it
	searchMu   sync.Mutex
	searched   map[string]string // search path entry → folder, or "" if there is none
	libraries  []string          // the folders that were found so, and
	own        []string          // those of the user; see IsLibrary
	trees      trees
	copyMu     sync.Mutex
	copied     map[string]storepath.Path
	allowMu    sync.RWMutex
	allowed    []string
	internalAt []posRange
}

type posRange struct{ from, to ast.Pos }

// Names are symbols with a meaning to the evaluator.
type Names struct {
	Functor, ToString, OutPath, DrvPath, Type, Name, Value, File, Line, Column,
	Overrides, Outputs, OutputName, Success, Right, Wrong, Prefix, Path, Builtins, Import ast.Symbol
}

// baseNames interns the names that an evaluator knows before it reads any.
func baseNames(s *ast.Symbols) Names {
	in := s.Intern
	for name := range strings.FieldsSeq(symbolOrder) {
		in(name)
	}
	return Names{
		Functor: in("__functor"), ToString: in("__toString"), OutPath: in("outPath"),
		DrvPath: in("drvPath"), Type: in("type"), Name: in("name"), Value: in("value"),
		File: in("file"), Line: in("line"), Column: in("column"), Overrides: in("__overrides"),
		Outputs: in("outputs"), OutputName: in("outputName"), Success: in("success"),
		Right: in("right"), Wrong: in("wrong"), Prefix: in("prefix"), Path: in("path"),
		Builtins: in("builtins"), Import: in("import"),
	}
}

// base is a table of these names, of which most evaluators begin with a copy.
var base = sync.OnceValue(func() (b struct {
	symbols *ast.Symbols
	names   Names
}) {
	b.symbols = new(ast.Symbols)
	b.names = baseNames(b.symbols)
	return b
})

// New makes an evaluator.
func New(opts Options) (*Evaluator, error) {
	if opts.Symbols == nil {
		opts.Symbols = new(ast.Symbols)
	}
	if opts.Sources == nil {
		opts.Sources = new(ast.Sources)
	}
	if opts.MaxCallDepth == 0 {
		opts.MaxCallDepth = 10000
	}
	if opts.MaxForceDepth == 0 {
		opts.MaxForceDepth = 200000
	}
	if opts.Scheme == (storepath.Scheme{}) {
		opts.Scheme = storepath.Nix("/nix/store")
	}
	if opts.Profile != nil {
		opts.ShowTrace = true // for the frames of functions
	}
	if opts.Getenv == nil {
		opts.Getenv = func(string) string { return "" }
	}
	e := &Evaluator{
		Symbols: opts.Symbols, Sources: opts.Sources, Contexts: newContexts(), opts: opts,
		internal: map[string]*Value{},
		waiting:  map[uint32]*Value{}, live: map[*Machine]struct{}{},
		searched: map[string]string{}, copied: map[string]storepath.Path{},
		allowed: slices.Clone(opts.AllowedPaths), alone: alone,
	}
	if opts.Files == nil {
		e.opts.Files = OSFiles{e.reserve}
	}
	e.waitCond = sync.NewCond(&e.waitMu)
	e.files.init()
	if b := base(); e.Symbols.Len() == 0 {
		e.Symbols.Copy(b.symbols)
		e.Sym = b.names
	} else {
		e.Sym = baseNames(e.Symbols)
	}
	m := e.Machine(context.Background())
	defer m.Close()
	if err := m.Do(func() { e.addBuiltins(m) }); err != nil {
		return nil, err
	}
	return e, nil
}

// Options returns what the evaluator was made with, defaults filled in.
func (e *Evaluator) Options() *Options { return &e.opts }

// Files reads files as evaluation sees them: with overlays, and in pure and
// restricted mode only what is allowed.
func (e *Evaluator) Files() Files { return accessFiles{e} }

// addBuiltins fills the base scope.
func (e *Evaluator) addBuiltins(m *Machine) {
	defs := e.opts.Builtins
	e.globals = make(map[ast.Symbol]*ast.Builtin, len(defs)+1)
	e.values = make([]*Value, 0, len(defs)+1)
	values := make([]Value, len(defs)+1)
	functions := make([]Builtin, len(defs))
	e.scope = make([]ast.Builtin, 0, len(defs)+1)
	e.builtins = &values[len(defs)]
	set := m.NewAttrs(len(defs) + 1)
	e.addGlobal("builtins", e.builtins)
	set.Put(e.Sym.Builtins, e.builtins, ast.NoPos)
	var buf [64]byte
	for i := range defs {
		d, v := &defs[i], &values[i]
		if d.Impure && e.opts.Pure || !e.addBuiltin(m, d, v, &functions[i]) {
			continue
		}
		switch {
		case d.Internal:
			e.internal[d.Name] = v
			continue
		case d.Global:
			e.addGlobal(d.Name, v)
		default:
			e.addGlobal(string(append(append(buf[:0], "__"...), d.Name...)), v)
		}
		set.Put(e.Symbols.Intern(d.Name), v, ast.NoPos)
	}
	*e.builtins = AttrsValue(set.Build())
}

// addBuiltin makes the value of a builtin, which is f if it is a function, unless
// it is behind a feature that is off.
func (e *Evaluator) addBuiltin(m *Machine, d *BuiltinDef, v *Value, f *Builtin) bool {
	if d.Feature != "" && !d.Shown && !e.opts.ExperimentalFeatures[d.Feature] {
		return false
	}
	if d.Fn != nil {
		if e.opts.Profile != nil {
			d = profiled(d)
		}
		*f = Builtin{BuiltinDef: d, value: v}
		*v = builtinValue(f)
		return true
	}
	if d.Eager {
		*v = d.Value(m)
		return true
	}
	*v = *m.LazyGo(d.Value)
	switch d.Name {
	case "true", "false", "null", "nixVersion", "langVersion", "storeDir", "currentSystem":
		m.Force(v, ast.NoPos) // so that code can take them for constants
	}
	return true
}

func (e *Evaluator) addGlobal(name string, v *Value) {
	sym := e.Symbols.Intern(name)
	e.scope = append(e.scope, ast.Builtin{Name: sym, Index: len(e.values)})
	e.globals[sym] = &e.scope[len(e.scope)-1]
	e.values = append(e.values, v)
}

// Shared is something that builtins share with those of the same evaluator:
// what make makes when it is first asked for.
func (e *Evaluator) Shared(make func() any) any {
	e.sharedOnce.Do(func() { e.shared = make() })
	return e.shared
}

// Global is a name of the base scope, such as "builtins" or "__add".
func (e *Evaluator) Global(name string) (*Value, bool) {
	sym, ok := e.Symbols.Lookup(name)
	if !ok {
		return nil, false
	}
	b, ok := e.globals[sym]
	if !ok {
		return nil, false
	}
	return e.values[b.Index], true
}

// Globals are the names of the base scope, for resolve and completion. The
// map must not be changed.
func (e *Evaluator) Globals() map[ast.Symbol]*ast.Builtin { return e.globals }

// Builtins is the set that the name builtins stands for.
func (e *Evaluator) Builtins() *Value { return e.builtins }

// BuiltinByName is a builtin by its name without underscores, internal ones included.
func (e *Evaluator) BuiltinByName(name string) (*Value, bool) {
	if v, ok := e.internal[name]; ok {
		return v, true
	}
	if sym, ok := e.Symbols.Lookup(name); ok {
		return e.builtins.Attrs().Get(sym)
	}
	return nil, false
}

// track counts a machine and gives it a workspace if there is one.
func (e *Evaluator) track(m *Machine) {
	e.waitMu.Lock()
	e.live[m] = struct{}{}
	if n := len(e.spare); n > 0 {
		m.workspace, e.spare[n-1] = e.spare[n-1], workspace{}
		e.spare = e.spare[:n-1]
	}
	e.waitMu.Unlock()
}

func (e *Evaluator) untrack(m *Machine) {
	e.waitMu.Lock()
	delete(e.live, m)
	if len(e.spare) < maxWorkspaces && m.stack != nil {
		e.spare = append(e.spare, m.workspace)
	}
	m.workspace = workspace{}
	e.waitMu.Unlock()
}

// internalPos tells whether a position lies in code of the evaluator's own.
func (e *Evaluator) internalPos(pos ast.Pos) bool {
	e.allowMu.RLock()
	defer e.allowMu.RUnlock()
	for _, r := range e.internalAt {
		if pos >= r.from && pos < r.to {
			return true
		}
	}
	return false
}

// warn hands a warning to the host.
func (e *Evaluator) warn(format string, args ...any) {
	if e.opts.Warn != nil {
		e.opts.Warn(&diag.Error{Message: Messagef(format, args...)})
	}
}

func (e *Evaluator) parserOptions() parser.Options {
	o := e.opts.Parser
	o.Pure = o.Pure || e.opts.Pure
	o.AllErrors = o.AllErrors || e.opts.Notes
	if o.Warn == nil {
		o.Warn = e.opts.Warn
	}
	return o
}

// Parse parses and resolves an expression. dir is the folder that relative
// paths in it start from.
func (m *Machine) Parse(src *ast.Source, text []byte, dir string, locals ...map[ast.Symbol]uint32) (ast.Node, error) {
	r := m.E.takeReader()
	defer m.E.giveReader(r)
	node, err := r.parser.Parse(src, text, parser.BasePaths{Dir: dir, Home: m.E.opts.Home})
	if err = m.parsed(r, node, err, locals); err != nil {
		return nil, err
	}
	m.E.keepTree(src, node)
	return node, nil
}

// ParseBindings is Parse for bindings without braces ("a = 1; b = 2;"), which
// become a set that is not recursive.
func (m *Machine) ParseBindings(src *ast.Source, text []byte, dir string, locals ...map[ast.Symbol]uint32) (*ast.Attrs, error) {
	r := m.E.takeReader()
	defer m.E.giveReader(r)
	set, err := r.parser.ParseBindings(src, text, parser.BasePaths{Dir: dir, Home: m.E.opts.Home})
	return set, m.parsed(r, set, err, locals)
}

// parsed does what follows on parsing, unless that failed.
func (m *Machine) parsed(r *reader, node ast.Node, err error, locals []map[ast.Symbol]uint32) error {
	m.warn(r.warnings)
	if err != nil {
		return err
	}
	if c := m.E.opts.Counts; c != nil {
		c.Exprs += m.E.countTree(node)
	}
	return r.resolve(node, locals)
}

// Eval evaluates a tree that Parse returned in the base scope.
func (m *Machine) Eval(node ast.Node) Value { return m.E.codeOf(node).eval(m, nil) }

// EvalLater is Eval put off until the value is needed.
func (m *Machine) EvalLater(node ast.Node) *Value { return m.E.lazyCodeOf(node).delay(m, nil) }

// Scope is a frame of variables around an expression, outermost last: what a
// REPL has defined, or what scopedImport is given.
type Scope struct {
	Names map[ast.Symbol]uint32
	frame *frame
}

// NewScope makes a scope of values.
func (m *Machine) NewScope(vars map[ast.Symbol]*Value) *Scope {
	s := &Scope{Names: make(map[ast.Symbol]uint32, len(vars)), frame: m.newFrame(nil, len(vars))}
	i := uint32(0)
	for n, v := range vars {
		s.Names[n] = i
		*s.frame.slot(i) = v
		i++
	}
	return s
}

// EvalIn is Eval for a tree that was parsed with the names of a scope.
func (m *Machine) EvalIn(s *Scope, node ast.Node) Value { return m.E.codeOf(node).eval(m, s.frame) }

// OSFiles are the files of the operating system.
type OSFiles struct {
	// Room, if not nil, is asked before a large file is read; see [Options].
	Room func(bytes int64) error
}

// The methods of [Files].
func (OSFiles) Open(name string) (fs.File, error)          { return os.Open(name) }
func (o OSFiles) ReadFile(name string) ([]byte, error)     { return readFile(name, nil, o.Room) }
func (OSFiles) ReadDir(name string) ([]fs.DirEntry, error) { return os.ReadDir(name) }
func (OSFiles) Lstat(name string) (fs.FileInfo, error)     { return os.Lstat(name) }
func (OSFiles) Stat(name string) (fs.FileInfo, error)      { return os.Stat(name) }
func (OSFiles) Readlink(name string) (string, error)       { return os.Readlink(name) }

// ReadFileInto is that of [FilesInto].
func (o OSFiles) ReadFileInto(name string, buf []byte) ([]byte, error) {
	return readFile(name, buf, o.Room)
}

func (e *Evaluator) lambdaTitle(l *lambda) string {
	if l.symbol() == ast.NoSymbol {
		return Messagef("%s", "anonymous lambda")
	}
	return Messagef("%s", "'"+e.Symbols.Name(l.symbol())+"'")
}

// hasDir tells whether path is dir or below it.
func hasDir(path, dir string) bool {
	return strings.HasPrefix(path, dir) && (len(path) == len(dir) || dir == "/" || path[len(dir)] == '/')
}
