package local

import (
	"context"
	"fmt"
	"path/filepath"
	"time"

	"github.com/seed192a40f6/glang/lang/eval"
	"github.com/seed192a40f6/glang/realise"
	"github.com/seed192a40f6/glang/realise/sandbox"
	"github.com/seed192a40f6/glang/store/storepath"
)

// RealiseConfig is what a realiser needs besides settings.
type RealiseConfig struct {
	// Progress is told what happens; nil: nobody.
	Progress func(realise.Event)
	// Verbose says that logs are shown as they come.
	Verbose bool
	// Interactive jobs: how many builds at a time if nobody said; 0: as the setting.
	DefaultJobs int
	// Derivations is the session that evaluation used, if it is another one.
	Derivations *Session
	// LogHint is the command that shows a log.
	LogHint string
}

// Realiser makes a realiser for the session's store.
func (s *Session) Realiser(cfg RealiseConfig) (*realise.Realiser, error) {
	st, err := s.LocalStore()
	if err != nil {
		return nil, err
	}
	set := s.Settings
	seconds := func(name string) time.Duration { return time.Duration(set.Int(name)) * time.Second }
	o := realise.Options{
		Jobs:                   int(set.Int("max-jobs")),
		NoBuilds:               set.Get("max-jobs") == "0",
		Cores:                  int(set.Int("cores")),
		KeepGoing:              set.Bool("keep-going"),
		KeepFailed:             set.Bool("keep-failed"),
		Fallback:               set.Bool("fallback"),
		Timeout:                seconds("timeout"),
		MaxSilent:              seconds("max-silent-time"),
		MaxLog:                 int64(set.Int("max-build-log-size")),
		LogLines:               int(set.Int("log-lines")),
		Verbose:                cfg.Verbose,
		LogHint:                cfg.LogHint,
		Limits:                 sandbox.Limits{MemoryBytes: uint64(set.Int("build-memory-max")), Processes: uint64(set.Int("build-processes-max"))},
		SandboxShmSize:         set.Get("sandbox-dev-shm-size"),
		NoSyscallFilter:        !set.Bool("filter-syscalls"),
		AllowNewPrivileges:     set.Bool("allow-new-privileges"),
		ImpureHostPrefixes:     set.Words("allowed-impure-host-deps"),
		System:                 set.System(),
		ExtraPlatforms:         set.Words("extra-platforms"),
		Features:               set.Words("system-features"),
		Getenv:                 s.Env.Get,
		ImpureEnv:              pairs(set.Words("impure-env")),
		Floating:               set.FeatureEnabled("ca-derivations"),
		Impure:                 set.FeatureEnabled("impure-derivations"),
		PreBuildHook:           set.Get("pre-build-hook"),
		PostBuildHook:          set.Get("post-build-hook"),
		AlwaysAllowSubstitutes: set.Bool("always-allow-substitutes"),
		HashedMirrors:          set.Words("hashed-mirrors"),
		CAFile:                 s.caFile(),
		Netrc:                  set.Get("netrc-file"),
		Retries:                int(set.Int("download-attempts")),
		BuildDir:               set.Get("build-dir"),
		Progress:               cfg.Progress,
	}
	if cfg.Derivations != nil {
		o.Derivations = cfg.Derivations.API
	}
	if !set.Overridden("max-jobs") && cfg.DefaultJobs != 0 {
		o.Jobs = cfg.DefaultJobs
	}
	// Root can drop groups, unless it is root in a user namespace only.
	o.RequireDropGroups = s.Env.UID == 0
	if set.Overridden("require-drop-supplementary-groups") {
		o.RequireDropGroups = set.Bool("require-drop-supplementary-groups")
	}
	if v := s.Ref.Params["build-dir"]; v != "" {
		o.BuildDir = v
	}
	if set.Bool("run-diff-hook") {
		o.DiffHook = set.Get("diff-hook")
	}
	switch set.Get("sandbox") {
	case "relaxed":
		o.Sandbox = realise.SandboxRelaxed
	case "false":
		o.Sandbox = realise.SandboxNever
	}
	for _, p := range ParsePaths(set.Get("sandbox-paths")) {
		if p.Inside == "/bin/sh" {
			// The shell in the sandbox is glang's own unless somebody names another.
			o.SandboxShell = p.Outside
			continue
		}
		o.SandboxPaths = append(o.SandboxPaths, sandbox.Bind{Source: p.Outside, Target: p.Inside, Optional: p.Optional, Link: true})
	}
	if o.Sign, err = s.signer(); err != nil {
		return nil, err
	}
	if err := s.plug(&o); err != nil {
		return nil, err
	}
	return realise.New(st, o), nil
}

// caFile is where the certificate authorities are, "" if nowhere.
func (s *Session) caFile() string {
	if s.Settings.Overridden("ssl-cert-file") {
		return s.Settings.Get("ssl-cert-file")
	}
	for _, name := range []string{s.Env.Get("NIX_SSL_CERT_FILE"), s.Env.Get("SSL_CERT_FILE"),
		"/etc/ssl/certs/ca-certificates.crt", filepath.Join(s.Dirs.StateDir, "profiles/default/etc/ssl/certs/ca-bundle.crt")} {
		if name != "" && exists(name) {
			return name
		}
	}
	return ""
}

func pairs(words []string) map[string]string {
	m := map[string]string{}
	for _, w := range words {
		for i := range len(w) {
			if w[i] == '=' {
				m[w[:i]] = w[i+1:]
				break
			}
		}
	}
	return m
}

// EvalRealiser lets an evaluator build what expressions read. Make is called
// on first use.
type EvalRealiser struct {
	Make func() (*realise.Realiser, error)
	// Before is told what will be built, and After what has been: with a store
	// of its own, evaluation gives inputs and takes results. Both may be nil.
	Before func([]realise.Target) error
	After  func([]storepath.Path) error
	r      *realise.Realiser
}

var _ eval.Realiser = (*EvalRealiser)(nil)

// Realise implements [eval.Realiser].
func (e *EvalRealiser) Realise(ctx context.Context, outputs []eval.ContextElem) ([]storepath.Path, error) {
	if e.r == nil {
		r, err := e.Make()
		if err != nil {
			return nil, err
		}
		e.r = r
	}
	targets := make([]realise.Target, len(outputs))
	for i, o := range outputs {
		switch o.Kind {
		case eval.ContextOutput:
			targets[i] = realise.Target{Drv: o.Path, Outputs: []string{o.Output}}
		default:
			targets[i] = realise.Target{Path: o.Path}
		}
	}
	if e.Before != nil {
		if err := e.Before(targets); err != nil {
			return nil, err
		}
	}
	results, err := e.r.Realise(ctx, targets, realise.Normal)
	if err != nil {
		return nil, err
	}
	paths := make([]storepath.Path, len(outputs))
	for i, res := range results {
		if res.Err != nil {
			return nil, res.Err
		}
		if outputs[i].Kind != eval.ContextOutput {
			paths[i] = outputs[i].Path
			continue
		}
		p, ok := res.Outputs[outputs[i].Output]
		if !ok {
			return nil, fmt.Errorf("derivation '%s' does not have an output named '%s'", outputs[i].Path.String(), outputs[i].Output)
		}
		paths[i] = p
	}
	if e.After != nil {
		if err := e.After(paths); err != nil {
			return nil, err
		}
	}
	return paths, nil
}
