package eval

import (
	"context"
	"io/fs"

	"github.com/seed192a40f6/glang/derivation"
	"github.com/seed192a40f6/glang/lang/ast"
	"github.com/seed192a40f6/glang/lang/diag"
	"github.com/seed192a40f6/glang/lang/parser"
	"github.com/seed192a40f6/glang/store/hash"
	"github.com/seed192a40f6/glang/store/storepath"
)

// Options are what an [Evaluator] is made of. The zero value evaluates the
// language without builtins, files, store or limits.
type Options struct {
	// Symbols and Sources are shared with whoever prints errors; nil makes new ones.
	Symbols *ast.Symbols
	Sources *ast.Sources
	// Builtins are the functions and constants of the base scope; they are not changed.
	Builtins []BuiltinDef
	// Parser configures parsing.
	Parser parser.Options
	// Home is what ~/ means in path literals.
	Home string

	// Files is how files are read; nil reads those of the operating system.
	Files Files
	// Overlays lay read-only trees over Files, each below a folder of its own.
	Overlays []Overlay
	// Paths puts sources and derivations into a store; nil computes paths only.
	Paths PathAdder
	// Realiser builds what an expression reads back (import from derivation);
	// nil refuses.
	Realiser Realiser
	// Fetcher downloads for the fetching builtins; nil refuses.
	Fetcher Fetcher
	// Closures copies store paths with what they refer to (builtins.fetchClosure);
	// nil refuses.
	Closures ClosureStore
	// Scheme is how store paths are computed; zero means Nix's for /nix/store.
	Scheme storepath.Scheme

	// NixPath is the search path, in order.
	NixPath []SearchEntry
	// Pure forbids everything a result could depend on besides its text;
	// Restrict only reading outside the search path and AllowedPaths.
	Pure, Restrict bool
	// AllowedPaths may be read in pure and restricted mode, with what lies below.
	AllowedPaths []string
	// AllowedURIs are prefixes of addresses that restricted mode may fetch.
	AllowedURIs []string
	// ReadOnly computes store paths without writing to the store.
	ReadOnly bool
	// CurrentSystem is builtins.currentSystem, such as x86_64-linux.
	CurrentSystem string
	// ExperimentalFeatures turns on builtins and syntax by the reference's names.
	ExperimentalFeatures map[string]bool
	// AllowImportFromDerivation permits building while evaluating;
	// TraceImportFromDerivation warns of it.
	AllowImportFromDerivation, TraceImportFromDerivation bool
	// TraceVerbose makes builtins.traceVerbose print.
	TraceVerbose bool
	// AbortOnWarn makes builtins.warn abort.
	AbortOnWarn bool
	// ShowTrace adds a frame for each function call to errors.
	ShowTrace bool
	// Notes makes errors say what goes beyond the reference: notes, further
	// errors of a text, frames for variables. See [diag.PrintOptions].
	Notes bool
	// Getenv serves builtins.getEnv; nil makes every variable empty.
	Getenv func(name string) string

	// Trace receives the lines of builtins.trace, Warn the warnings; nil drops
	// them. Both may be called by several goroutines, one at a time.
	Trace func(line string)
	Warn  func(w *diag.Error)

	// Calls is told of every call; nil: nobody is.
	Calls CallHook
	// Profile takes samples; nil: nobody does. Functions are then frames of
	// errors too, as with ShowTrace.
	Profile Profiler
	// Counts is added up to as evaluation goes; nil: nothing is counted. Cores
	// must be 1.
	Counts *Counts

	// Debugger is told where evaluation stops; nil: it does not. It wants
	// Cores to be 1. DebugIgnoreTry leaves errors inside tryEval alone;
	// DebugTrace and DebugWarn stop at builtins.trace and builtins.warn too.
	Debugger                              Debugger
	DebugIgnoreTry, DebugTrace, DebugWarn bool

	// MaxCallDepth bounds nested calls (0: 10,000), MaxForceDepth nested
	// evaluation of any kind (0: 200,000).
	MaxCallDepth, MaxForceDepth int
	// Fuel bounds the steps of each Machine (calls and forced values); 0: no bound.
	Fuel int64
	// MemoryBudget bounds the bytes allocated by all Machines together,
	// whether they are still in use or not; 0: no bound.
	MemoryBudget int64
	// Room is asked before memory is taken: at once for a large piece, else now
	// and then for what has been taken since. An error, which says why there is no
	// room for so many bytes more, ends the evaluation. Several goroutines may
	// call it. nil: there always is.
	Room func(bytes int64) error
	// Cores is how many goroutines may evaluate for one Machine; 0 and 1: one.
	Cores int
}

// SearchEntry is an entry of the search path: <Prefix/x> is looked up in Path;
// an empty Prefix stands for every name. Path may be a URL.
type SearchEntry struct{ Prefix, Path string }

// Files reads files by absolute, canonical path.
type Files interface {
	Open(name string) (fs.File, error)
	ReadFile(name string) ([]byte, error)
	ReadDir(name string) ([]fs.DirEntry, error)
	Lstat(name string) (fs.FileInfo, error)
	Stat(name string) (fs.FileInfo, error)
	Readlink(name string) (string, error)
}

// FilesInto are [Files] that read a file into memory that is at hand. ReadFileInto
// returns buf with the file's contents appended, also if it fails.
type FilesInto interface {
	ReadFileInto(name string, buf []byte) ([]byte, error)
}

// Overlay is a tree that appears below the absolute folder Dir. Display is how
// messages show Dir; a path below it is written Display + "/" + rest + Suffix.
type Overlay struct {
	Dir             string
	FS              fs.FS
	Display, Suffix string
	// Internal frames are left out of traces.
	Internal bool
	// Search, if not empty, makes <Search/x> find Dir/x when nothing of the
	// search path does.
	Search string
}

// AddPath asks for a file tree to be copied into the store.
type AddPath struct {
	Name string
	// Path is absolute and canonical, read through Files.
	Path  string
	Files Files
	// Filter drops files; nil keeps all. Panics pass through.
	Filter func(path string, info fs.FileInfo) bool
	Method storepath.Method
	Algo   hash.Algo
	// DryRun computes the path only.
	DryRun bool
	// References are those that the copy gets.
	References []storepath.Path
}

// PathAdder is the store as the evaluator sees it.
type PathAdder interface {
	AddText(ctx context.Context, name string, contents []byte, refs []storepath.Path) (storepath.Path, error)
	AddPath(ctx context.Context, req AddPath) (storepath.Path, error)
	// AddDerivation adds a derivation whose path and text have been computed.
	AddDerivation(ctx context.Context, p storepath.Path, d *derivation.Derivation, text []byte) error
	IsValid(ctx context.Context, p storepath.Path) (bool, error)
	// EnsurePath makes a path valid, by substitution if need be.
	EnsurePath(ctx context.Context, p storepath.Path) error
	ReadDerivation(ctx context.Context, p storepath.Path) (*derivation.Derivation, error)
	References(ctx context.Context, p storepath.Path) ([]storepath.Path, error)
}

// Realiser builds derivations while an expression is evaluated.
type Realiser interface {
	// Realise makes the outputs valid and tells where each lies.
	Realise(ctx context.Context, outputs []ContextElem) ([]storepath.Path, error)
}

// Fetcher downloads files and trees into the store.
type Fetcher interface {
	// FetchFile downloads url; expected may be zero.
	FetchFile(ctx context.Context, url, name string, expected hash.Hash) (storepath.Path, error)
	// FetchTarball downloads and unpacks an archive.
	FetchTarball(ctx context.Context, url, name string, expected hash.Hash) (storepath.Path, error)
	// FetchTree fetches by attributes (builtins.fetchTree, fetchGit).
	FetchTree(ctx context.Context, attrs map[string]any, r Registries) (FetchedTree, error)
}

// Registries are those that say what the name of a flake stands for.
type Registries uint8

const (
	AllRegistries Registries = iota
	// GlobalRegistry leaves out those of the user and the system, so that what
	// comes of it does not depend on the machine.
	GlobalRegistry
)

// FetchedTree is what [Fetcher.FetchTree] found. Attributes are strings, int64
// and bool.
type FetchedTree struct {
	Path storepath.Path
	// Resolved are the attributes asked for, or those that the name of a flake
	// stands for; Locked are these and what is known of the tree: narHash, rev,
	// lastModified and the like.
	Resolved, Locked map[string]any
	// Dir is the folder that has the flake, if the name stands for one.
	Dir string
}

// ClosureStore copies closures from other stores, given by address, into the
// evaluator's.
type ClosureStore interface {
	IsValid(ctx context.Context, p storepath.Path) (bool, error)
	// ContentAddressed tells whether a valid path follows from its contents.
	ContentAddressed(ctx context.Context, p storepath.Path) (bool, error)
	CopyClosure(ctx context.Context, from string, p storepath.Path) error
	// RewriteClosure copies it in content-addressed form and returns what p became.
	RewriteClosure(ctx context.Context, from string, p storepath.Path) (storepath.Path, error)
}

// BuiltinDef describes a builtin. Its Name is without leading underscores;
// the base scope has it as Name if Global, else as __Name, and builtins as Name.
type BuiltinDef struct {
	Name   string
	Global bool
	Args   []string // names of the arguments; none for a constant
	Doc    string
	// Example is an expression and, after " # => ", what it evaluates to, where
	// that is the same everywhere.
	Example string
	Feature string // the experimental feature that it needs, or ""
	// Shown: it is there without the feature too, and itself fails for want of it.
	Shown  bool
	Impure bool // missing in pure mode
	// Internal builtins are not in any scope; code written in the language
	// for the evaluator's own use reaches them by [Machine.Internal].
	Internal bool
	// NoTrace leaves out the frame "while calling the 'x' builtin".
	NoTrace bool
	// Fn is called with as many arguments as Args has; they are unforced. The
	// slice args must not be kept.
	Fn func(m *Machine, pos ast.Pos, args []*Value) Value
	// Borrows has a bit for each argument, the lowest for the first, that Fn is done
	// with when it returns: neither its result nor anything else refers to that
	// value (but perhaps to what the value refers to). Its memory is used again.
	Borrows uint8
	// Value computes a constant, on first use, or, if Eager, beforehand: then
	// the compiler sees it.
	Value func(m *Machine) Value
	Eager bool
}
