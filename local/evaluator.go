package local

import (
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strings"

	"github.com/seed192a40f6/glang/lang/ast"
	"github.com/seed192a40f6/glang/lang/builtins"
	"github.com/seed192a40f6/glang/lang/diag"
	"github.com/seed192a40f6/glang/lang/eval"
	"github.com/seed192a40f6/glang/lang/parser"
	"github.com/seed192a40f6/glang/stdlib"
)

// EvalConfig is what an evaluator needs besides a session.
type EvalConfig struct {
	// Include are the -I entries, which come before the search path.
	Include []string
	// Trace and Warn receive what expressions say; see [eval.Options].
	Trace func(line string)
	Warn  func(w *diag.Error)
	// Info receives what is being copied for expressions.
	Info func(message string)
	// Realiser and Fetcher may be nil.
	Realiser eval.Realiser
	Fetcher  eval.Fetcher
	// ReadOnly keeps the evaluator from writing to the store.
	ReadOnly bool
	// Pure is whether evaluation is pure, unless the settings say otherwise.
	Pure bool
	// Calls is told of every call, and evaluation then keeps to one goroutine;
	// see CallHooks.
	Calls eval.CallHook
	// Profile samples the evaluation, Stats counts what it does; nil: nobody
	// does. With either of them evaluation keeps to one goroutine.
	Profile *Profile
	Stats   *Stats
	// Notes makes errors say more than the reference's; see [eval.Options].
	Notes bool
	// Debugger is told where evaluation stops; nil: it does not.
	Debugger eval.Debugger
	// Room tells whether there is memory left; see [eval.Options].
	Room func(bytes int64) error
	// Results records what the evaluation does; nil: nobody does.
	Results *Results
}

// Evaluator makes an evaluator that works on the session's store.
func (s *Session) Evaluator(cfg EvalConfig) (*eval.Evaluator, error) {
	set := s.Settings
	features := map[string]bool{}
	for _, f := range set.Words("experimental-features") {
		features[f] = true
	}
	pure := cfg.Pure
	if set.Overridden("pure-eval") {
		pure = set.Bool("pure-eval")
	}
	system := set.Get("eval-system")
	if system == "" {
		system = set.System()
	}
	home := s.Dirs.Home
	opts := eval.Options{
		Symbols:  new(ast.Symbols),
		Sources:  new(ast.Sources),
		Builtins: builtins.All(),
		Parser: parser.Options{
			PipeOperators: features["pipe-operators"],
			URLLiterals:   severity(set, "lint-url-literals"),
			AbsolutePaths: severity(set, "lint-absolute-path-literals"),
			ShortPaths:    severity(set, "lint-short-path-literals"),
		},
		Home:     home,
		Overlays: overlays(),
		Realiser: cfg.Realiser,
		Fetcher:  cfg.Fetcher,
		Scheme:   s.Scheme,
		NixPath:  s.SearchPath(cfg.Include, pure),
		Pure:     pure,
		Restrict: set.Bool("restrict-eval"),

		AllowedURIs:          set.Words("allowed-uris"),
		ReadOnly:             s.ReadOnly || cfg.ReadOnly,
		CurrentSystem:        system,
		ExperimentalFeatures: features,

		AllowImportFromDerivation: set.Bool("allow-import-from-derivation"),
		TraceImportFromDerivation: set.Bool("trace-import-from-derivation"),
		TraceVerbose:              set.Bool("trace-verbose"),
		AbortOnWarn:               set.Bool("abort-on-warn") || truth(s.Env.Get("NIX_ABORT_ON_WARN")),
		ShowTrace:                 set.Bool("show-trace"),
		Notes:                     cfg.Notes,
		Getenv:                    s.Env.Get,
		Trace:                     cfg.Trace,
		Warn:                      cfg.Warn,
		Room:                      cfg.Room,
		MaxCallDepth:              int(set.Int("max-call-depth")),
		Cores:                     runtime.GOMAXPROCS(0),
	}
	if n := int(set.Int("cores")); n > 0 {
		opts.Cores = min(n, 2*opts.Cores) // more would only get in each other's way
	}
	if set.Bool("warn-short-path-literals") && !set.Overridden("lint-short-path-literals") {
		opts.Parser.ShortPaths = parser.Warn
	}
	cfg.observe(&opts)
	if cfg.Debugger != nil {
		opts.Debugger, opts.DebugIgnoreTry, opts.Cores = cfg.Debugger, set.Bool("ignore-try"), 1
		opts.DebugTrace, opts.DebugWarn = set.Bool("debugger-on-trace"), set.Bool("debugger-on-warn")
	}
	opts.Paths, opts.Closures = NewPathAdder(s), closures{s, cfg.Info}
	if opts.Restrict {
		// What the search path names may be read.
		for _, e := range opts.NixPath {
			if filepath.IsAbs(e.Path) {
				opts.AllowedPaths = append(opts.AllowedPaths, e.Path)
			}
		}
	}
	osFiles := eval.OSFiles{Room: cfg.Room}
	opts.Files = osFiles
	if s.Store != nil && s.Store.RealDir() != s.Scheme.Dir {
		opts.Files = storeFiles{s.Store, osFiles}
	}
	if cfg.Results != nil {
		cfg.Results.record(&opts)
	}
	e, err := eval.New(opts)
	if err != nil {
		return nil, fmt.Errorf("starting the evaluator: %w", err)
	}
	return e, nil
}

// observe hooks up whoever watches an evaluation.
func (cfg *EvalConfig) observe(opts *eval.Options) {
	var h hooks
	if cfg.Calls != nil {
		h = append(h, cfg.Calls)
	}
	if cfg.Stats != nil {
		h, opts.Counts = append(h, cfg.Stats), &cfg.Stats.counts
	}
	if cfg.Profile != nil {
		cfg.Profile.sources, opts.Profile = opts.Sources, cfg.Profile
	}
	switch len(h) {
	case 0:
	case 1:
		opts.Calls = h[0]
	default:
		opts.Calls = h
	}
	if h != nil || cfg.Profile != nil {
		opts.Cores = 1
	}
}

// overlays are the trees that come with the program: those of the builtins,
// and <std>.
func overlays() []eval.Overlay {
	return append(builtins.Overlays(), eval.Overlay{Dir: "/\x01std", FS: stdlib.FS, Display: "<std", Suffix: ">", Search: "std"})
}

func truth(v string) bool { return v == "1" || v == "true" || v == "yes" }

func severity(s *Settings, name string) parser.Severity {
	switch s.Get(name) {
	case "warn":
		return parser.Warn
	case "fatal":
		return parser.Fatal
	}
	return parser.Ignore
}

// SearchPath puts together where <name> is looked up: -I, then NIX_PATH or
// the setting nix-path.
func (s *Session) SearchPath(include []string, pure bool) []eval.SearchEntry {
	var out []eval.SearchEntry
	add := func(entry string) {
		prefix, path, ok := strings.Cut(entry, "=")
		if !ok {
			prefix, path = "", entry
		}
		if path != "" && !filepath.IsAbs(path) && !strings.Contains(path, ":") {
			path = filepath.Join(s.Env.Cwd, path)
		}
		out = append(out, eval.SearchEntry{Prefix: prefix, Path: path})
	}
	for _, i := range include {
		add(i)
	}
	if pure {
		return out
	}
	if s.Settings.Overridden("nix-path") {
		for _, e := range s.Settings.Words("nix-path") {
			add(e)
		}
		return out
	}
	if text, ok := s.Env.Lookup("NIX_PATH"); ok {
		for _, e := range splitNixPath(text) {
			add(e)
		}
		return out
	}
	for _, e := range s.defaultNixPath() {
		add(e)
	}
	return out
}

// defaultNixPath are the channels that exist.
func (s *Session) defaultNixPath() []string {
	if s.Settings.Bool("restrict-eval") {
		return nil
	}
	var out []string
	add := func(path, name string) {
		if _, err := os.Stat(path); err == nil { // a dangling link is none
			if name != "" {
				path = name + "=" + path
			}
			out = append(out, path)
		}
	}
	add(filepath.Join(s.Dirs.Home, ".nix-defexpr", "channels"), "")
	if s.Dirs.Tool {
		root := filepath.Join(s.Dirs.StateDir, "profiles", "per-user", "root", "channels")
		add(filepath.Join(root, "nixpkgs"), "nixpkgs")
		add(root, "")
	}
	return out
}

// splitNixPath splits NIX_PATH at colons, save those of URLs and of pseudo
// URLs such as channel:NAME and flake:NAME.
func splitNixPath(text string) []string {
	var out []string
	for text != "" {
		start := text
		i := 0
		for {
			j := strings.IndexByte(text[i:], ':')
			if j < 0 {
				i = len(text)
				break
			}
			i += j
			// The part after NAME=, up to here.
			part := text[:i]
			if k := strings.IndexByte(part, '='); k >= 0 {
				part = part[k+1:]
			}
			if strings.HasPrefix(text[i:], "://") || part == "flake" || part == "channel" {
				i++
				continue
			}
			break
		}
		out = append(out, start[:i])
		if i < len(text) {
			i++
		}
		text = text[i:]
	}
	return out
}
