//go:build unix

// Package realise makes store paths valid: by substituting them, or by
// building the derivations whose outputs they are.
//
// A Realiser works on one store. Realise takes targets and walks from each to
// what it needs: outputs that are valid already need nothing; others are
// substituted if a substituter has them, else their derivation joins a graph
// of builds with an edge to every input that has to come first. A build starts
// as soon as its last input is there and one of Options.Jobs slots is free;
// nothing polls.
//
// One build goes like this (build.go):
//
//	lock     the outputs, against other processes; look again whether they came meanwhile
//	prepare  a private directory, the environment (env.go), the files of attributes
//	run      the builder in a sandbox, or a built-in one in this process (builtin.go)
//	log      its output to the store's logs and to Options.Progress (log.go)
//	take     each output by copying it out of the directory of the build, into one
//	         that nobody else can reach, when no process of the build is left (output.go)
//	check    references, sizes, fixed hashes (check.go)
//	register all outputs at once
//
// Built-in builders run in this process and not in a sandbox: they are Go code
// that only writes below a directory handed to it, are cancelled by context,
// and may need what the host plugged in (mirrors, proxies, certificates).
//
// Errors of builds are *BuildError, whose text is the reference's.
package realise

import (
	"context"
	"net/http"
	"runtime"
	"sync"
	"sync/atomic"
	"time"

	"github.com/seed192a40f6/glang/derivation"
	"github.com/seed192a40f6/glang/realise/sandbox"
	"github.com/seed192a40f6/glang/store"
	"github.com/seed192a40f6/glang/store/storepath"
)

// A Target names what is to be made valid: outputs of a derivation, or a path.
type Target struct {
	Drv     storepath.Path // a derivation; zero: Path
	Outputs []string       // of Drv; empty: all
	Path    storepath.Path
}

// A Status says how a target became valid.
type Status uint8

// How a target became valid.
const (
	AlreadyValid Status = iota
	Substituted
	Built
	Failed
)

// A Result is what became of a target.
type Result struct {
	Target  Target
	Status  Status
	Outputs map[string]storepath.Path // of a derivation: the paths of the outputs asked for
	Err     error                     // if Failed
}

// Mode is what Realise does with outputs that are valid.
type Mode uint8

// The modes.
const (
	Normal Mode = iota
	Check       // build again and compare
	Repair      // replace those whose contents are corrupt
)

// SandboxMode says which builds are sandboxed.
type SandboxMode uint8

// The sandbox modes; the zero one is strict.
const (
	SandboxAlways  SandboxMode = iota
	SandboxRelaxed             // not for fixed outputs and derivations with __noChroot
	SandboxNever
)

// Options configure a Realiser. The zero value sandboxes builds, as many at a
// time as there are processors, and substitutes nothing.
type Options struct {
	Jobs     int  // builds at the same time; 0: number of processors
	NoBuilds bool // max-jobs = 0: refuse to build
	Cores    int  // NIX_BUILD_CORES; 0: number of processors

	KeepGoing  bool // go on with other builds after a failure
	KeepFailed bool // leave the directories of failed builds
	Fallback   bool // build when substituting fails

	Timeout   time.Duration // of a build; 0: none
	MaxSilent time.Duration // longest time without output; 0: none
	MaxLog    int64         // bytes of log after which a build is stopped; 0: any
	LogLines  int           // last lines of a log that an error shows; 0: 25
	Verbose   bool          // logs are shown as they come: errors do without lines
	LogHint   string        // the command that shows a log; "": nix-store -l

	Sandbox SandboxMode
	// Derivations is another store that derivations may be in, whose other
	// contents count for nothing; nil: there is none.
	Derivations interface {
		IsValid(storepath.Path) (bool, error)
		ReadDerivation(storepath.Path) (*derivation.Derivation, error)
	}
	// RequireDropGroups has sandboxed builds fail whose builders would keep
	// the supplementary groups of the caller.
	RequireDropGroups  bool
	SandboxPaths       []sandbox.Bind // besides the inputs; paths in the store bring their closure
	SandboxShell       string         // host path of /bin/sh in the sandbox; "": this program itself
	SandboxShmSize     string         // "": 50%
	NoSyscallFilter    bool
	AllowNewPrivileges bool
	ImpureHostPrefixes []string // allowed-impure-host-deps
	Limits             sandbox.Limits

	System         string // "": this machine's, e.g. x86_64-linux
	ExtraPlatforms []string
	Features       []string // system-features

	BuildDir string // where builds get their directories; "": StateDir/builds of the store
	// Getenv looks up what a fixed-output derivation takes from the caller's
	// environment (impureEnvVars); nil: nothing is there.
	Getenv    func(string) string
	ImpureEnv map[string]string // overrides Getenv
	Floating  bool              // the feature ca-derivations is on
	Impure    bool              // the feature impure-derivations is on

	// Sign adds signatures to what was built, before it is registered; nil: none.
	Sign func(*store.PathInfo) error

	PreBuildHook, PostBuildHook, DiffHook string

	Substituters []Substituter
	// AlwaysAllowSubstitutes overrides allowSubstitutes = false.
	AlwaysAllowSubstitutes bool

	Builtins      map[string]BuiltinFunc // by the name after "builtin:", besides the own ones
	Mirrors       map[string]Mirror      // by the host of a mirror:// address
	HashedMirrors []string
	HTTP          *http.Client // nil: the default, with Netrc
	Netrc         string       // file name; "": none
	CAFile        string       // certificates that network builders see; "": none
	Retries       int          // attempts of a download; 0: 5

	// Progress is told of what happens, by several goroutines at once; nil: nobody.
	Progress func(Event)
}

// A Substituter has store paths ready-made. Package binarycache and other
// stores implement it.
type Substituter interface {
	// Name is its address, for messages.
	Name() string
	// PathInfo describes a path, or fails with an error wrapping
	// store.ErrNotValid if the substituter does not have it.
	PathInfo(ctx context.Context, p storepath.Path) (*SubstituteInfo, error)
	// Substitute adds the path, whose references are valid, to the store;
	// with repair it replaces what is there.
	Substitute(ctx context.Context, dst *store.Store, p storepath.Path, repair bool, progress func(done, total int64)) error
}

// SubstituteInfo is what planning needs to know about a path elsewhere.
type SubstituteInfo struct {
	References   []storepath.Path
	DownloadSize int64 // bytes; 0: unknown
	NarSize      int64
}

// A Realiser makes paths of one store valid. It is safe for use by several
// goroutines; each call of Realise has a graph of its own, and two that want
// the same output wait for each other at its lock.
type Realiser struct {
	store  *store.Store
	scheme storepath.Scheme
	opts   Options

	hasher   *derivation.Hasher
	slots    chan int      // the free ones of Jobs
	subSlots chan int      // likewise for substitutions
	dirs     atomic.Uint64 // numbers build directories
	swept    sync.Once     // what killed processes left

	contactMu sync.Mutex
	contacts  []contact // with each substituter

	shellOnce sync.Once
	shellBin  string
	shellLibs []sandbox.Bind
	shellErr  error
}

// New makes a Realiser for a store.
func New(s *store.Store, o Options) *Realiser {
	if o.Jobs <= 0 {
		o.Jobs = runtime.NumCPU()
	}
	if o.Cores <= 0 {
		o.Cores = runtime.NumCPU()
	}
	if o.LogLines == 0 {
		o.LogLines = 25
	}
	if o.LogHint == "" {
		o.LogHint = "nix-store -l"
	}
	if o.System == "" {
		o.System = hostSystem()
	}
	if o.Retries <= 0 {
		o.Retries = 5
	}
	r := &Realiser{store: s, scheme: s.Scheme(), opts: o, slots: make(chan int, o.Jobs)}
	r.contacts = make([]contact, len(o.Substituters))
	r.hasher = derivation.NewHasher(r.scheme, r.ReadDerivation)
	for i := range o.Jobs {
		r.slots <- i
	}
	r.subSlots = make(chan int, maxSubstitutions)
	for i := range maxSubstitutions {
		r.subSlots <- i
	}
	return r
}

const maxSubstitutions = 16 // at the same time

// hostSystem names this machine as derivations do.
func hostSystem() string {
	arch := map[string]string{"amd64": "x86_64", "386": "i686", "arm64": "aarch64", "arm": "armv7l"}[runtime.GOARCH]
	if arch == "" {
		arch = runtime.GOARCH
	}
	return arch + "-" + runtime.GOOS
}

func (r *Realiser) event(e Event) {
	if r.opts.Progress != nil {
		r.opts.Progress(e)
	}
}

// print is the full name of a path.
func (r *Realiser) print(p storepath.Path) string { return r.scheme.Print(p) }
