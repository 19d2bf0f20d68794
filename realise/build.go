//go:build unix

package realise

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"github.com/seed192a40f6/glang/derivation"
	"github.com/seed192a40f6/glang/realise/sandbox"
	"github.com/seed192a40f6/glang/store"
	"github.com/seed192a40f6/glang/store/hash"
	"github.com/seed192a40f6/glang/store/storepath"
)

// A build is one attempt to build one derivation, whose inputs are valid.
type build struct {
	r    *Realiser
	ctx  context.Context
	path storepath.Path
	drv  *derivation.Derivation
	typ  derivation.Type
	opts *derivation.Options
	mode Mode
	slot int // of Options.Jobs
	g    *graph
	room *sandbox.Room // that it runs in

	offline string // why it has no network, if it might have wanted one

	inputs        []storepath.Path  // closure of the inputs, sorted
	inputRewrites *strings.Replacer // what stands for outputs of inputs; nil: nothing
	outputs       []*output         // sorted by name
	scratch       *strings.Replacer // what stands for own outputs → scratch paths
	sandboxed     bool
}

// run builds the derivation and returns the paths of all its outputs.
func (b *build) run() (paths map[string]storepath.Path, err error) {
	if err := b.r.canBuild(b); err != nil {
		return nil, err
	}
	unlock, err := b.lock()
	if err != nil {
		return nil, err
	}
	defer unlock()
	done, err := b.look()
	if err != nil {
		return nil, err
	}
	if !done {
		if err := b.sandboxing(); err != nil {
			return nil, err
		}
		if err := b.attempt(); err != nil {
			return nil, err
		}
	}
	paths = map[string]storepath.Path{}
	for _, o := range b.outputs {
		paths[o.name] = o.known
		if o.info != nil {
			paths[o.name] = o.info.Path
		}
	}
	return paths, nil
}

// canBuild refuses what this machine cannot build.
func (r *Realiser) canBuild(b *build) error {
	var why strings.Builder
	if r.opts.NoBuilds {
		why.WriteString("\nReason: local builds are disabled (max-jobs = 0)\nHint: set 'max-jobs' to a non-zero value to enable local builds, " +
			"or configure remote builders via 'builders'")
	}
	_, builtin := b.drv.IsBuiltin()
	if p := b.drv.Platform; p != r.opts.System && !slices.Contains(r.opts.ExtraPlatforms, p) && !builtin {
		fmt.Fprintf(&why, "\nReason: platform mismatch\nRequired system: '%s'\nCurrent system: '%s'", p, r.opts.System)
	}
	required := b.opts.SystemFeatures(b.typ)
	for _, f := range required {
		if !slices.Contains(r.opts.Features, f) && (f != "ca-derivations" || !r.opts.Floating) {
			have := slices.Sorted(slices.Values(r.opts.Features))
			fmt.Fprintf(&why, "\nReason: missing system features\nRequired features: {%s}\nAvailable features: {%s}",
				strings.Join(required, ", "), strings.Join(have, ", "))
			break
		}
	}
	if why.Len() == 0 {
		return nil
	}
	return r.failf(InputRejected, b.path, "Cannot build '%s'.%s", r.print(b.path), why.String())
}

// sandboxing decides whether this build is sandboxed.
func (b *build) sandboxing() error {
	s := b.r.store
	switch b.r.opts.Sandbox {
	case SandboxAlways:
		if b.opts.NoChroot {
			return fmt.Errorf("derivation '%s' has '__noChroot' set, but that's not allowed when 'sandbox' is 'true'", b.r.print(b.path))
		}
		b.sandboxed = true
	case SandboxRelaxed:
		b.sandboxed = b.typ.IsSandboxed() && !b.opts.NoChroot
	case SandboxNever:
	}
	if s.RealDir() != b.r.scheme.Dir {
		b.sandboxed = true // paths would not be where their names say
	}
	if _, builtin := b.drv.IsBuiltin(); !b.sandboxed && !builtin {
		if _, err := os.Lstat(homeDir); err == nil {
			return fmt.Errorf("home directory \"%s\" exists; please remove it to assure purity of builds without sandboxing", homeDir)
		}
		b.r.event(Event{Kind: Warning, Drv: b.path, Text: "building '" + b.r.print(b.path) + "' without a sandbox"})
	}
	return nil
}

// lock takes the locks of the outputs or, where their paths are not known, of
// the derivation.
func (b *build) lock() (func(), error) {
	var paths []storepath.Path
	for name, def := range b.drv.Outputs {
		p, err := b.drv.OutputPath(b.r.scheme, name)
		if err != nil {
			return nil, err
		}
		b.outputs = append(b.outputs, &output{name: name, def: def, known: p})
		if p.IsZero() {
			p = b.path
		}
		paths = append(paths, p)
	}
	slices.SortFunc(b.outputs, func(a, c *output) int { return strings.Compare(a.name, c.name) })
	return b.r.store.Lock(b.ctx, paths, func() {
		files := make([]string, len(paths))
		for i, p := range paths {
			files[i] = b.r.store.RealPath(p)
		}
		b.r.event(Event{Kind: BuildWaiting, Drv: b.path, Text: "waiting for lock on " + quoteAll(files)})
	})
}

// look finds out which outputs are valid, now that nobody else can build them,
// and chooses the scratch paths of the others.
func (b *build) look() (done bool, err error) {
	done = b.mode == Normal
	for _, o := range b.outputs {
		if !o.known.IsZero() {
			if o.valid, err = b.r.store.IsValid(o.known); err != nil {
				return false, err
			}
			if o.valid && b.mode == Repair && b.r.contentsGood(o.known) != nil {
				o.valid = false
			}
		}
		if !o.valid {
			done = false
		}
	}
	return done, nil
}

// chooseScratch settles where the builder writes each output.
func (b *build) chooseScratch() error {
	var pairs []string
	for _, o := range b.outputs {
		var err error
		switch {
		case o.known.IsZero():
			o.scratch, err = b.fallbackPath("name:"+o.name, storepath.OutputName(b.drv.Name, o.name))
		case b.sandboxed || (!o.valid && b.mode != Repair):
			o.scratch = o.known
		default: // it is in the way
			if o.scratch, err = b.fallbackPath(o.known.String(), o.known.Name()); err == nil {
				pairs = append(pairs, o.known.HashPart(), o.scratch.HashPart())
			}
		}
		if err != nil {
			return err
		}
		pairs = append(pairs, b.r.scheme.Placeholder(o.name), b.r.print(o.scratch))
		if !b.sandboxed {
			if err := removeTree(b.r.store.RealPath(o.scratch)); err != nil {
				return err
			}
		}
	}
	b.scratch = strings.NewReplacer(pairs...)
	return nil
}

// fallbackPath is a path that belongs to this derivation and that nothing else has.
func (b *build) fallbackPath(what, name string) (storepath.Path, error) {
	text := "rewrite:" + b.path.String() + ":" + what + ":" + b.r.scheme.Hash.String() + ":" +
		strings.Repeat("0", 2*b.r.scheme.Hash.Size()) + ":" + b.r.scheme.Dir + ":" + name
	return storepath.FromHash(hash.Compress(hash.SumString(b.r.scheme.Hash, text), 20), name)
}

// attempt runs the builder and takes what it made.
func (b *build) attempt() error {
	if err := b.chooseScratch(); err != nil {
		return err
	}
	var err error
	if b.room, err = b.g.enter(b.slot); err != nil {
		return err
	}
	defer func() { b.g.leave(b.slot, b.room) }()
	defer b.dropScratch()
	log, err := b.r.openLog(b.path)
	if err != nil {
		return err
	}
	verb := map[Mode]string{Normal: "building '%s'", Check: "checking outputs of '%s'", Repair: "repairing outputs of '%s'"}[b.mode]
	b.r.event(Event{Kind: BuildStarted, Drv: b.path, Text: fmt.Sprintf(verb, b.r.print(b.path))})
	if name, ok := b.drv.IsBuiltin(); ok {
		err = b.builtin(name, log)
	} else {
		err = b.external(log)
	}
	err = errors.Join(err, log.close(), b.room.Strip())
	if err == nil {
		err = b.takeOutputs(b.outputDir())
		if err == nil {
			b.postBuildHook()
		}
	}
	var failed *BuildError
	if errors.As(err, &failed) {
		_, builtin := b.drv.IsBuiltin()
		if b.r.opts.KeepFailed && !builtin && b.ctx.Err() == nil {
			b.keepFailed(failed)
		}
		return failed
	}
	return b.r.store.Explain(err)
}

// dropScratch deletes what a builder without a sandbox wrote straight into the
// store directory, unless it has become valid.
func (b *build) dropScratch() {
	if b.apart() {
		return
	}
	for _, o := range b.outputs {
		if ok, err := b.r.store.IsValid(o.scratch); !ok && err == nil {
			_ = removeTree(b.r.store.RealPath(o.scratch)) // else the collector gets it
		}
	}
}

// apart tells whether the builder writes into its room, not into the store.
func (b *build) apart() bool {
	_, builtin := b.drv.IsBuiltin()
	return b.sandboxed || builtin
}

// outputDir is where the scratch outputs lie.
func (b *build) outputDir() string {
	if b.apart() {
		return b.room.Store()
	}
	return b.r.store.RealDir()
}

// keepFailed leaves the build directory to the user.
func (b *build) keepFailed(failed *BuildError) {
	failed.KeptDir = b.room.Build()
	b.r.event(Event{Kind: Message, Drv: b.path, Text: "note: keeping build directory \"" + failed.KeptDir + "\""})
	b.room.Keep()
	b.room = nil
}

// external runs a builder that is a program.
func (b *build) external(log *buildLog) error {
	top := b.room.Build()
	if b.sandboxed {
		top = sandbox.BuildDir
	}
	env, err := b.environment(top)
	if err != nil {
		return err
	}
	rewrite := func(s string) string { return b.scratch.Replace(b.rewriteInputs(s)) }
	for name, content := range env.files {
		if filepath.Base(name) != name || name == "." || name == ".." {
			return fmt.Errorf("'%s' is not a file name", name)
		}
		if err := os.WriteFile(filepath.Join(b.room.Build(), name), []byte(rewrite(content)), 0o644); err != nil {
			return err
		}
	}
	args := []string{filepath.Base(b.drv.Builder)}
	for _, a := range b.drv.Args {
		args = append(args, rewrite(a))
	}
	b.r.event(Event{Kind: BuildExec, Drv: b.path, Text: fmt.Sprintf("executing builder '%s'", b.drv.Builder)})
	var proc *sandbox.Process
	if b.sandboxed {
		proc, err = b.startSandboxed(args, env.list(rewrite))
	} else {
		proc, err = sandbox.StartDirect(&sandbox.Direct{Dir: top, Path: b.drv.Builder, Args: args, Env: env.list(rewrite)})
	}
	if err != nil {
		return b.setupFailure(err, log)
	}
	if proc.Offline != nil {
		b.offline = proc.Offline.Error()
	}
	return b.supervise(proc, log)
}

func (b *build) startSandboxed(args, env []string) (*sandbox.Process, error) {
	r := b.r
	if r.opts.RequireDropGroups && !b.room.DropsGroups() {
		return nil, errors.New("setgroups failed. Set the require-drop-supplementary-groups option to false to skip this step.")
	}
	spec := &sandbox.Spec{
		StoreDir: r.scheme.Dir, RealStore: r.store.RealDir(),
		Path: b.drv.Builder, Args: args, Env: env,
		Platform: b.drv.Platform, ShmSize: r.opts.SandboxShmSize, Limits: r.opts.Limits,
		AllowNewPrivileges: r.opts.AllowNewPrivileges, NoSyscallFilter: r.opts.NoSyscallFilter,
	}
	if !b.typ.IsSandboxed() {
		b.connect(spec)
	}
	own := map[storepath.Path]bool{} // what is built anew must not be there already
	for _, o := range b.outputs {
		own[o.known] = true
	}
	add := func(paths []storepath.Path) {
		for _, p := range paths {
			if !own[p] {
				own[p] = true
				spec.Inputs = append(spec.Inputs, p.String())
			}
		}
	}
	add(b.inputs)
	shell := true
	binds, err := b.extraPaths()
	if err != nil {
		return nil, err
	}
	for _, bind := range binds {
		if bind.Target == "/bin/sh" {
			shell = false
		}
		if p, _, err := r.scheme.ToStorePath(bind.Source); err == nil {
			closure, err := r.store.Closure([]storepath.Path{p}, store.ClosureOptions{})
			if err != nil && !errors.Is(err, store.ErrNotValid) {
				return nil, fmt.Errorf("while processing sandbox path \"%s\": %w", bind.Source, err)
			}
			add(closure)
			if r.scheme.IsStorePath(bind.Source) && bind.Source == bind.Target {
				continue // shown already
			}
			bind.Source = r.store.ToRealPath(bind.Source)
		}
		spec.Binds = append(spec.Binds, bind)
	}
	if shell {
		bin, libs, err := r.shell()
		if err != nil {
			return nil, err
		}
		spec.Shell = bin
		spec.Binds = append(spec.Binds, libs...)
	}
	return b.room.Start(spec)
}

// connect lets a builder whose output is fixed reach the network, with what it
// needs to find names there. Where pasta is not installed it runs without one:
// not all such builders want it.
func (b *build) connect(spec *sandbox.Spec) {
	if ca := b.r.opts.CAFile; ca != "" {
		// What a link leads to: its target need not be visible inside.
		if file, err := filepath.EvalSymlinks(ca); err == nil {
			spec.Binds = append(spec.Binds, sandbox.Bind{Source: file, Target: "/etc/ssl/certs/ca-certificates.crt", Optional: true})
		}
	}
	pasta, err := exec.LookPath("pasta")
	if err != nil {
		b.offline = "'pasta' (package passt) is not installed"
		return
	}
	spec.Network, spec.Pasta = sandbox.UserMode, pasta
	spec.Files = append(spec.Files, sandbox.File{Path: "/etc/nsswitch.conf", Content: "hosts: files dns\nservices: files\n"})
	for _, name := range []string{"/etc/resolv.conf", "/etc/services", "/etc/hosts"} {
		spec.Binds = append(spec.Binds, sandbox.Bind{Source: name, Target: name, Optional: true})
	}
}

// shell is the program that sandboxes have as /bin/sh.
func (r *Realiser) shell() (string, []sandbox.Bind, error) {
	r.shellOnce.Do(func() {
		if r.shellBin = r.opts.SandboxShell; r.shellBin == "" {
			if r.shellBin, r.shellErr = os.Executable(); r.shellErr != nil {
				r.shellErr = fmt.Errorf("cannot tell where this program lies, which is to be the sandbox's /bin/sh (is /proc mounted?): %w", r.shellErr)
			}
		}
		r.shellLibs = sandbox.Libraries(r.shellBin)
	})
	return r.shellBin, r.shellLibs, r.shellErr
}

// extraPaths are the paths besides the inputs that the builder may see.
func (b *build) extraPaths() ([]sandbox.Bind, error) {
	binds := slices.Clone(b.r.opts.SandboxPaths)
	for _, dep := range b.opts.ImpureHostDeps {
		dep := filepath.Clean(dep)
		if !slices.ContainsFunc(b.r.opts.ImpureHostPrefixes, func(prefix string) bool {
			prefix = filepath.Clean(prefix)
			return dep == prefix || strings.HasPrefix(dep, strings.TrimSuffix(prefix, "/")+"/")
		}) {
			return nil, fmt.Errorf("derivation '%s' requested impure path '%s', but it was not in allowed-impure-host-deps", b.r.print(b.path), dep)
		}
		binds = append(binds, sandbox.Bind{Source: dep, Target: dep, Optional: true})
	}
	return b.preBuildHook(binds)
}

// setupFailure says that a builder never ran.
func (b *build) setupFailure(err error, log *buildLog) error {
	var setup *sandbox.SetupError
	var exec *sandbox.ExecError
	if errors.As(err, &exec) {
		// As the reference, whose child reports this as its own output.
		if _, err := fmt.Fprintf(log, "error: %s\n", exec); err != nil {
			return err
		}
		return b.failed("failed with exit code 1", 1, 0, log)
	}
	if errors.As(err, &setup) || errors.Is(err, sandbox.ErrUnsupported) {
		e := b.r.failf(InputRejected, b.path, "Cannot build '%s'.\nReason: %s", b.r.print(b.path), err)
		e.Cause = err
		return e
	}
	return err
}

// supervise reads the log until the end of the build, or ends it.
func (b *build) supervise(proc *sandbox.Process, log *buildLog) error {
	stop := context.AfterFunc(b.ctx, proc.Kill)
	defer stop()
	defer proc.Output.Close()
	over, fail := b.readLog(proc, log)
	// A builder that has closed its output is taken to be done, as in the
	// reference. One that is on its way out keeps its exit status.
	proc.Kill()
	if over {
		drain(proc)
	}
	status, err := proc.Wait()
	switch {
	case b.ctx.Err() != nil:
		return context.Cause(b.ctx)
	case fail != nil:
		return fail
	case err != nil:
		return b.setupFailure(err, log)
	case status.OK():
		return nil
	}
	return b.builderFailed(status, log)
}

// readLog reads until the builder's end of the terminal is closed, or, which is
// over, a limit is passed.
func (b *build) readLog(proc *sandbox.Process, log *buildLog) (over bool, fail error) {
	start := time.Now()
	buf := make([]byte, 32<<10)
	for {
		var deadline time.Time
		limit := b.r.opts.Timeout
		if limit > 0 {
			deadline = start.Add(limit)
		}
		if s := b.r.opts.MaxSilent; s > 0 && (limit == 0 || time.Now().Add(s).Before(deadline)) {
			deadline, limit = time.Now().Add(s), s
		}
		if limit > 0 {
			if err := proc.Output.SetReadDeadline(deadline); err != nil {
				return true, err
			}
		}
		n, err := proc.Output.Read(buf)
		if n > 0 {
			if _, err := log.Write(buf[:n]); err != nil {
				return true, err
			}
			if max := b.r.opts.MaxLog; max > 0 && log.total > max {
				return true, b.r.failf(LogLimitExceeded, b.path, "building derivation '%s' killed after writing more than %d bytes of log output",
					b.r.print(b.path), max)
			}
		}
		switch {
		case err == nil:
		case errors.Is(err, os.ErrDeadlineExceeded):
			return true, b.r.failf(TimedOut, b.path, "timed out after %d seconds", int(limit.Seconds()))
		default: // EIO of a terminal, or the end of a pipe
			return false, nil
		}
	}
}

// drain lets a killed builder's last words go.
func drain(proc *sandbox.Process) {
	_ = proc.Output.SetReadDeadline(time.Now().Add(time.Second))
	buf := make([]byte, 32<<10)
	for {
		if _, err := proc.Output.Read(buf); err != nil {
			return
		}
	}
}

// builderFailed words the failure of a builder as the reference does.
func (b *build) builderFailed(status sandbox.Status, log *buildLog) error {
	err := b.builderEnded(status, log)
	if limits := b.r.opts.Limits; status.OverMemory {
		err.Message += fmt.Sprintf("\nnote: the build was stopped for using more than %d bytes of memory; see the setting 'build-memory-max'", limits.MemoryBytes)
	} else if status.OverProcesses {
		err.Message += fmt.Sprintf("\nnote: the build wanted more than %d processes at a time; see the setting 'build-processes-max'", limits.Processes)
	}
	return err
}

func (b *build) builderEnded(status sandbox.Status, log *buildLog) *BuildError {
	switch {
	case status.Exited():
		code := status.ExitStatus()
		return b.failed(fmt.Sprintf("failed with exit code %d", code), code, 0, log)
	case status.Signaled():
		sig := status.Signal()
		return b.failed(fmt.Sprintf("failed due to signal %d (%s)", int(sig), signalText(sig)), -1, sig, log)
	}
	return b.failed("died abnormally", -1, 0, log)
}

func (b *build) failed(how string, exit int, sig syscall.Signal, log *buildLog) *BuildError {
	log.endLine()
	e := b.r.failf(BuilderFailed, b.path, "%s", b.failure("builder "+how, log.tail))
	e.Exit, e.Signal, e.LogTail = exit, sig, log.tail
	if b.diskFull() {
		e.Kind = TransientFailure
		e.Message += "\nnote: build failure may have been caused by lack of free disk space"
	} else if !b.typ.IsSandboxed() {
		e.Kind = TransientFailure
	}
	if b.offline != "" {
		e.Message += "\nnote: the builder had no network: " + b.offline
	}
	return e
}

// failure is the text of a failed build with the end of its log.
func (b *build) failure(reason string, tail []string) string {
	var m strings.Builder
	fmt.Fprintf(&m, "Cannot build '%s'.\nReason: %s.%s", b.r.print(b.path), reason, b.r.showOutputs(b.drv))
	if !b.r.opts.Verbose && len(tail) > 0 {
		fmt.Fprintf(&m, "\nLast %d log lines:\n", len(tail))
		for _, line := range tail {
			m.WriteString("> " + line + "\n")
		}
		fmt.Fprintf(&m, "For full logs, run:\n  %s %s", b.r.opts.LogHint, b.r.print(b.path))
	}
	return m.String()
}

// showOutputs lists the outputs whose paths are known.
func (r *Realiser) showOutputs(d *derivation.Derivation) string {
	var paths []string
	for name := range d.Outputs {
		if p, err := d.OutputPath(r.scheme, name); err == nil && !p.IsZero() {
			paths = append(paths, r.print(p))
		}
	}
	if len(paths) == 0 {
		return ""
	}
	slices.Sort(paths)
	return "\nOutput paths:\n  " + strings.Join(paths, "\n  ")
}

// diskFull guesses whether a build failed for want of space.
func (b *build) diskFull() bool {
	const required = 8 << 20
	for _, dir := range []string{b.r.store.RealDir(), b.r.store.StateDir()} {
		var st unix.Statfs_t
		if unix.Statfs(dir, &st) == nil && uint64(st.Bavail)*uint64(st.Bsize) < required {
			return true
		}
	}
	return false
}
