package local

import (
	"context"
	"os"
	"path/filepath"
	"slices"
	"sort"
	"strings"
	"sync"

	"github.com/seed192a40f6/glang/derivation"
	"github.com/seed192a40f6/glang/lang/diag"
	"github.com/seed192a40f6/glang/lang/eval"
	"github.com/seed192a40f6/glang/local/evalcache"
	"github.com/seed192a40f6/glang/store/hash"
	"github.com/seed192a40f6/glang/store/storepath"
)

// Results is the cache of evaluation results for one request. What does not
// come from it is recorded: give the Results to the evaluator by
// [EvalConfig], and keep its result with Put.
type Results struct {
	cache *evalcache.Cache
	key   evalcache.Key
	env   Env

	mu    sync.Mutex
	rec   *evalcache.Recorder // nil until an evaluator records
	needs map[storepath.Path]bool
}

// OpenResults opens the cache below the cache directory. The request is what
// the result depends on besides what the evaluation reads: arguments, folder;
// the settings, the program and the variables that name places are added here.
func OpenResults(set *Settings, dirs *Dirs, env Env, request ...string) (*Results, error) {
	c, err := evalcache.Open(filepath.Join(dirs.Cache, "eval-cache.sqlite"), 0)
	if err != nil {
		return nil, err
	}
	parts := append([]string{program(), env.Cwd}, request...)
	for _, d := range Definitions() {
		parts = append(parts, d.Name, set.Get(d.Name))
	}
	for _, v := range os.Environ() {
		name, _, _ := strings.Cut(v, "=")
		if name == "HOME" || strings.HasPrefix(name, "NIX_") || strings.HasPrefix(name, "GLANG_") || strings.HasPrefix(name, "XDG_") {
			parts = append(parts, v)
		}
	}
	return &Results{cache: c, key: evalcache.NewKey(parts...), env: env, needs: map[storepath.Path]bool{}}, nil
}

// program tells one build of this program from another.
func program() string {
	exe, err := os.Executable()
	if err != nil {
		return ""
	}
	fi, err := os.Stat(exe)
	if err != nil {
		return exe
	}
	return exe + " " + fi.ModTime().String()
}

// Close closes the cache.
func (r *Results) Close() error { return r.cache.Close() }

// Get is the result of the request, if it is known and still holds. valid is
// asked whether what the evaluation wrote to the store is still there.
func (r *Results) Get(ctx context.Context, valid func(storepath.Path) bool) ([]byte, bool) {
	return r.cache.Get(ctx, r.key, nil, r.env.Get, func(paths string) bool {
		for _, base := range strings.Fields(paths) {
			p, err := storepath.ParseBase(base)
			if err != nil || !valid(p) {
				return false
			}
		}
		return true
	})
}

// Put keeps a result, unless what was recorded forbids that. That it cannot
// be kept is no failure of the evaluation: callers may well ignore the error.
func (r *Results) Put(ctx context.Context, result []byte) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.rec == nil {
		return nil
	}
	var paths []string
	for p := range r.needs {
		paths = append(paths, p.String())
	}
	sort.Strings(paths)
	return r.cache.Put(ctx, r.key, r.rec, result, strings.Join(paths, " "))
}

// record makes an evaluator tell what it does.
func (r *Results) record(o *eval.Options) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.rec != nil {
		r.rec.Spoil("there are several evaluators")
		return
	}
	rec := evalcache.NewRecorder(o.Files)
	r.rec = rec
	o.Files = rec
	o.Getenv = rec.Getenv(o.Getenv)
	if trace := o.Trace; trace != nil {
		o.Trace = func(line string) {
			rec.Spoil("it printed a trace")
			trace(line)
		}
	}
	if warn := o.Warn; warn != nil {
		o.Warn = func(w *diag.Error) {
			rec.Spoil("it printed a warning")
			warn(w)
		}
	}
	o.Builtins = slices.Clone(o.Builtins)
	for i := range o.Builtins {
		if b := &o.Builtins[i]; b.Name == "currentTime" && b.Value != nil {
			now := b.Value
			b.Value = func(m *eval.Machine) eval.Value {
				rec.Spoil("it asked for the time")
				return now(m)
			}
		}
	}
	if o.Realiser != nil {
		o.Realiser = spoilingRealiser{o.Realiser, rec}
	}
	if o.Fetcher != nil {
		o.Fetcher = spoilingFetcher{o.Fetcher, rec}
	}
	if o.Paths != nil {
		o.Paths = &recordingAdder{PathAdder: o.Paths, r: r, readOnly: o.ReadOnly}
	}
}

// recordingAdder notes which store paths must be there for a result to hold.
// What a derivation refers to need not be noted beside it.
type recordingAdder struct {
	eval.PathAdder
	r        *Results
	readOnly bool
}

func (a *recordingAdder) need(p storepath.Path, err error) {
	if err != nil || a.readOnly {
		return
	}
	a.r.mu.Lock()
	defer a.r.mu.Unlock()
	a.r.needs[p] = true
}

func (a *recordingAdder) AddText(ctx context.Context, name string, contents []byte, refs []storepath.Path) (storepath.Path, error) {
	p, err := a.PathAdder.AddText(ctx, name, contents, refs)
	a.need(p, err)
	return p, err
}

func (a *recordingAdder) AddPath(ctx context.Context, req eval.AddPath) (storepath.Path, error) {
	p, err := a.PathAdder.AddPath(ctx, req)
	if !req.DryRun {
		a.need(p, err)
	}
	return p, err
}

func (a *recordingAdder) AddDerivation(ctx context.Context, p storepath.Path, d *derivation.Derivation, text []byte) error {
	err := a.PathAdder.AddDerivation(ctx, p, d, text)
	a.need(p, err)
	if err == nil && !a.readOnly {
		a.r.mu.Lock()
		defer a.r.mu.Unlock()
		for in := range d.InputDrvs {
			delete(a.r.needs, in)
		}
		for _, in := range d.InputSrcs {
			delete(a.r.needs, in)
		}
	}
	return err
}

// The questions below have answers that depend on the store's state.

func (a *recordingAdder) IsValid(ctx context.Context, p storepath.Path) (bool, error) {
	a.r.rec.Spoil("it asked for the state of the store")
	return a.PathAdder.IsValid(ctx, p)
}

func (a *recordingAdder) EnsurePath(ctx context.Context, p storepath.Path) error {
	a.r.rec.Spoil("it asked for the state of the store")
	return a.PathAdder.EnsurePath(ctx, p)
}

type spoilingRealiser struct {
	eval.Realiser
	rec *evalcache.Recorder
}

func (r spoilingRealiser) Realise(ctx context.Context, outputs []eval.ContextElem) ([]storepath.Path, error) {
	r.rec.Spoil("it built something")
	return r.Realiser.Realise(ctx, outputs)
}

type spoilingFetcher struct {
	eval.Fetcher
	rec *evalcache.Recorder
}

func (f spoilingFetcher) FetchFile(ctx context.Context, url, name string, expected hash.Hash) (storepath.Path, error) {
	f.rec.Spoil("it downloaded something")
	return f.Fetcher.FetchFile(ctx, url, name, expected)
}

func (f spoilingFetcher) FetchTarball(ctx context.Context, url, name string, expected hash.Hash) (storepath.Path, error) {
	f.rec.Spoil("it downloaded something")
	return f.Fetcher.FetchTarball(ctx, url, name, expected)
}

func (f spoilingFetcher) FetchTree(ctx context.Context, attrs map[string]any, r eval.Registries) (eval.FetchedTree, error) {
	f.rec.Spoil("it fetched something")
	return f.Fetcher.FetchTree(ctx, attrs, r)
}
