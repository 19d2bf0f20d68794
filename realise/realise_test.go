//go:build unix

package realise_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/seed192a40f6/glang/derivation"
	"github.com/seed192a40f6/glang/realise"
	"github.com/seed192a40f6/glang/realise/sandbox"
	"github.com/seed192a40f6/glang/store"
	"github.com/seed192a40f6/glang/store/hash"
	"github.com/seed192a40f6/glang/store/storepath"
)

// The test binary is the builder of the tests: as /bin/sh it carries out its
// arguments, one command each, unless the first is an option of a real shell.
func TestMain(m *testing.M) {
	if os.Args[0] == "sh" && (len(os.Args) < 2 || os.Args[1] != "-c") {
		os.Exit(builder(os.Args[1:]))
	}
	realise.Init()
	os.Exit(m.Run())
}

func builder(commands []string) int {
	for _, c := range commands {
		f := strings.SplitN(c, " ", 3)
		for i := range f {
			f[i] = os.Expand(f[i], os.Getenv)
		}
		var err error
		switch f[0] {
		case "print":
			fmt.Println(strings.Join(f[1:], " "))
		case "write":
			err = os.WriteFile(f[1], []byte(f[2]), 0o644)
		case "mkdir":
			err = os.Mkdir(f[1], 0o755)
		case "link":
			err = os.Symlink(f[2], f[1])
		case "chmod":
			mode, _ := strconv.ParseUint(f[2], 8, 32)
			err = syscall.Chmod(f[1], uint32(mode))
		case "cat":
			var b []byte
			if b, err = os.ReadFile(f[1]); err == nil {
				os.Stdout.Write(b)
			}
		case "copy":
			var b []byte
			if b, err = os.ReadFile(f[1]); err == nil {
				err = os.WriteFile(f[2], b, 0o644)
			}
		case "env":
			env := os.Environ()
			slices.Sort(env)
			err = os.WriteFile(f[1], []byte(strings.Join(env, "\n")+"\n"), 0o644)
		case "sleep":
			time.Sleep(time.Hour)
		case "exit":
			n, _ := strconv.Atoi(f[1])
			return n
		case "kill":
			n, _ := strconv.Atoi(f[1])
			signalSelf(n)
		case "random":
			err = os.WriteFile(f[1], []byte(time.Now().String()), 0o644)
		default:
			err = errors.New("unknown command " + c)
		}
		if err != nil {
			fmt.Println(err)
			return 1
		}
	}
	return 0
}

// signalSelf dies of a signal; pid 1 of a namespace is deaf to its own, save
// those that the kernel raises for a fault.
func signalSelf(n int) {
	syscall.Kill(os.Getpid(), syscall.Signal(n))
	time.Sleep(time.Second)
}

// A bench is a store in a temporary directory and a realiser for it.
type bench struct {
	t      *testing.T
	store  *store.Store
	hasher *derivation.Hasher
	opts   realise.Options

	mu     sync.Mutex
	events []realise.Event
}

func newBench(t *testing.T) *bench {
	t.Helper()
	if err := sandbox.Available(); err != nil {
		if os.Getenv("GLANG_TEST_SANDBOX") != "" {
			t.Fatal(err)
		}
		t.Skip(err)
	}
	dir := t.TempDir()
	t.Cleanup(func() { _ = store.DeleteTree(dir) }) // an ordinary user's read-only directories
	cfg := store.Config{Scheme: storepath.Nix("/nix/store"), NoFsyncMetadata: true, CADerivations: true}.Chroot(dir)
	s, err := store.Open(cfg)
	if err == nil {
		err = s.Start()
	}
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	b := &bench{t: t, store: s, hasher: derivation.NewHasher(s.Scheme(), s.ReadDerivation)}
	b.opts = realise.Options{System: "x86_64-linux", Cores: 3, Progress: func(e realise.Event) {
		b.mu.Lock()
		b.events = append(b.events, e)
		b.mu.Unlock()
	}}
	return b
}

// drv adds a derivation that carries out commands.
func (b *bench) drv(name string, commands []string, change func(*derivation.Derivation)) storepath.Path {
	b.t.Helper()
	d := &derivation.Derivation{
		Name: name, Platform: "x86_64-linux", Builder: "/bin/sh", Args: commands,
		Outputs: map[string]derivation.Output{"out": {}}, Env: map[string]string{"out": "", "name": name},
		InputDrvs: map[storepath.Path]derivation.InputOutputs{},
	}
	if change != nil {
		change(d)
	}
	p, text, err := b.hasher.Finish(d)
	if err == nil {
		err = b.store.AddDerivation(p, d, text)
	}
	if err != nil {
		b.t.Fatal(err)
	}
	return p
}

// uses makes another derivation's output an input, named by a variable.
func (b *bench) uses(variable string, drv storepath.Path) func(*derivation.Derivation) {
	return func(d *derivation.Derivation) {
		in, err := b.store.ReadDerivation(drv)
		if err != nil {
			b.t.Fatal(err)
		}
		d.InputDrvs[drv] = derivation.InputOutputs{Names: []string{"out"}}
		out, err := in.OutputPath(b.store.Scheme(), "out")
		if err != nil {
			b.t.Fatal(err)
		}
		d.Env[variable] = b.store.Scheme().Print(out)
	}
}

func (b *bench) realise(mode realise.Mode, drvs ...storepath.Path) ([]realise.Result, error) {
	b.t.Helper()
	var targets []realise.Target
	for _, d := range drvs {
		targets = append(targets, realise.Target{Drv: d})
	}
	ctx, cancel := context.WithTimeout(b.t.Context(), time.Minute)
	defer cancel()
	return realise.New(b.store, b.opts).Realise(ctx, targets, mode)
}

// out builds one derivation and returns the file name of its output.
func (b *bench) out(drv storepath.Path) string {
	b.t.Helper()
	res, err := b.realise(realise.Normal, drv)
	if err != nil {
		b.t.Fatal(err)
	}
	return b.store.RealPath(res[0].Outputs["out"])
}

func (b *bench) lines(kind realise.EventKind) []string {
	b.mu.Lock()
	defer b.mu.Unlock()
	var l []string
	for _, e := range b.events {
		if e.Kind == kind {
			l = append(l, e.Text)
		}
	}
	return l
}

// clean checks that a failed or cancelled call has left nothing lying about.
func (b *bench) clean() {
	b.t.Helper()
	entries, err := os.ReadDir(filepath.Join(b.store.StateDir(), "builds"))
	if err != nil && !os.IsNotExist(err) {
		b.t.Fatal(err)
	}
	for _, e := range entries {
		b.t.Errorf("left over: build directory %s", e.Name())
	}
	entries, err = os.ReadDir(b.store.RealDir())
	if err != nil {
		b.t.Fatal(err)
	}
	for _, e := range entries {
		if p, err := storepath.ParseBase(e.Name()); err == nil {
			if ok, _ := b.store.IsValid(p); !ok {
				b.t.Errorf("left over: %s", e.Name())
			}
		}
	}
}

func read(t *testing.T, name string) string {
	t.Helper()
	b, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

func TestBuildChain(t *testing.T) {
	b := newBench(t)
	first := b.drv("first", []string{"mkdir $out", "write $out/a text", "chmod $out/a 755", "link $out/l a", "print hello"}, nil)
	second := b.drv("second", []string{"write $out ${in}/a"}, b.uses("in", first))
	out := b.out(second)
	res, err := b.realise(realise.Normal, second, first)
	if err != nil || res[0].Status != realise.AlreadyValid || res[1].Status != realise.AlreadyValid {
		t.Fatalf("again: %v, %v", res, err)
	}
	firstOut := res[1].Outputs["out"]
	if got, want := read(t, out), b.store.Scheme().Print(firstOut)+"/a"; got != want {
		t.Errorf("second has %q, want %q", got, want)
	}
	info, err := b.store.PathInfo(res[0].Outputs["out"])
	if err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff([]string{firstOut.String()}, []string{info.References[0].String()}); d != "" || info.Deriver != second || !info.Ultimate {
		t.Errorf("references %s, info %+v", d, info)
	}
	for _, f := range []struct {
		name string
		mode os.FileMode
	}{{"", os.ModeDir | 0o555}, {"/a", 0o555}, {"/l", os.ModeSymlink | 0o777}} {
		fi, err := os.Lstat(b.store.RealPath(firstOut) + f.name)
		if err != nil {
			t.Fatal(err)
		}
		if fi.Mode() != f.mode || fi.ModTime().Unix() != 1 {
			t.Errorf("%q: mode %v, time %v", f.name, fi.Mode(), fi.ModTime())
		}
	}
	if got := read(t, realise.New(b.store, b.opts).LogFile(first)); got != "hello\n" {
		t.Errorf("log %q", got)
	}
	b.clean()
}

func TestShell(t *testing.T) {
	b := newBench(t)
	out := b.out(b.drv("shell", []string{"-c", `mkdir -p $out/bin; for i in 1 2; do echo "line $i"; done > $out/bin/x; chmod +x $out/bin/x; cd $out; ln -s bin/x y`}, nil))
	if got := read(t, out+"/y"); got != "line 1\nline 2\n" {
		t.Errorf("got %q", got)
	}
	if fi, err := os.Stat(out + "/y"); err != nil || fi.Mode() != 0o555 {
		t.Errorf("%v, %v", fi, err)
	}
}

func TestEnvironment(t *testing.T) {
	b := newBench(t)
	out := b.out(b.drv("env", []string{"env $out"}, func(d *derivation.Derivation) {
		d.Env["passAsFile"], d.Env["big"], d.Env["self"] = "big", "contents", b.store.Scheme().Placeholder("out")
	}))
	path := b.store.Scheme().Dir + "/" + filepath.Base(out)
	want := "HOME=/homeless-shelter\nNIX_BUILD_CORES=3\nNIX_BUILD_TOP=/build\nNIX_LOG_FD=2\nNIX_STORE=/nix/store\nPATH=/path-not-set\nPWD=/build\n" +
		"TEMP=/build\nTEMPDIR=/build\nTERM=xterm-256color\nTMP=/build\nTMPDIR=/build\n" +
		"bigPath=/build/.attr-" + hash.SumString(hash.SHA256, "big").Nix32() + "\nname=env\nout=" + path + "\npassAsFile=big\nself=" + path + "\n"
	if d := cmp.Diff(want, read(t, out)); d != "" {
		t.Error(d)
	}
}

func TestStructuredAttrs(t *testing.T) {
	b := newBench(t)
	dir := b.out(b.drv("attrs", []string{"mkdir /build/x", "copy $NIX_ATTRS_SH_FILE /build/x/sh", "cat $NIX_ATTRS_SH_FILE", "cat $NIX_ATTRS_JSON_FILE",
		"write " + b.store.Scheme().Placeholder("out") + " x"}, func(d *derivation.Derivation) {
		d.Env = map[string]string{"__json": `{"a":1,"b":["x","y'z"],"c":{"k":true},"d":1.5,"e":null,"name":"attrs","x-y":"no"}`}
		d.Env["out"] = ""
	}))
	out := "/nix/store/" + filepath.Base(dir)
	want := []string{
		"declare a=1", `declare -a b=('x' 'y'\''z' )`, "declare -A c=(['k']=1 )", "declare e=''", "declare name='attrs'",
		"declare -A outputs=(['out']='" + out + "' )",
		`{"a":1,"b":["x","y'z"],"c":{"k":true},"d":1.5,"e":null,"name":"attrs","outputs":{"out":"` + out + `"},"x-y":"no"}`,
	}
	if d := cmp.Diff(want, b.lines(realise.BuildLine)); d != "" {
		t.Error(d)
	}
}

func TestFailures(t *testing.T) {
	for _, c := range []struct {
		name     string
		commands []string
		change   func(*derivation.Derivation)
		opts     func(*realise.Options)
		kind     realise.FailureKind
		want     string // DRV and OUT stand for paths
	}{
		{"status", []string{"print one", "print two", "exit 3"}, nil, nil, realise.BuilderFailed,
			"Cannot build 'DRV'.\nReason: builder failed with exit code 3.\nOutput paths:\n  OUT\nLast 2 log lines:\n> one\n> two\nFor full logs, run:\n  nix-store -l DRV"},
		{"nothing", nil, nil, nil, realise.OutputRejected, "builder for 'DRV' failed to produce output path for output 'out' at"},
		{"no builder", nil, func(d *derivation.Derivation) { d.Builder = "/none" }, nil, realise.BuilderFailed,
			"Cannot build 'DRV'.\nReason: builder failed with exit code 1.\nOutput paths:\n  OUT\nLast 1 log lines:\n> error: executing '/none': No such file or directory\nFor full logs, run:\n  nix-store -l DRV"},
		{"world writable", []string{"write $out x", "chmod $out 666"}, nil, nil, realise.OutputRejected, "suspicious ownership or permission on"},
		{"platform", nil, func(d *derivation.Derivation) { d.Platform = "a" }, nil, realise.InputRejected,
			"Cannot build 'DRV'.\nReason: platform mismatch\nRequired system: 'a'\nCurrent system: 'x86_64-linux'"},
		{"features", nil, func(d *derivation.Derivation) { d.Env["requiredSystemFeatures"] = "kvm big" }, func(o *realise.Options) { o.Features = []string{"kvm"} },
			realise.InputRejected, "Cannot build 'DRV'.\nReason: missing system features\nRequired features: {big, kvm}\nAvailable features: {kvm}"},
		{"no builds", nil, nil, func(o *realise.Options) { o.NoBuilds = true }, realise.InputRejected, "Cannot build 'DRV'.\nReason: local builds are disabled (max-jobs = 0)"},
		{"silent", []string{"sleep"}, nil, func(o *realise.Options) { o.MaxSilent = time.Second / 10 }, realise.TimedOut, "timed out after 0 seconds"},
		{"slow", []string{"sleep"}, nil, func(o *realise.Options) { o.Timeout = time.Second / 10 }, realise.TimedOut, "timed out after 0 seconds"},
		{"talkative", []string{"print 1234567890", "sleep"}, nil, func(o *realise.Options) { o.MaxLog = 5 }, realise.LogLimitExceeded,
			"building derivation 'DRV' killed after writing more than 5 bytes of log output"},
		{"self reference", []string{"write $out $out"}, func(d *derivation.Derivation) { d.Env["allowedReferences"] = "" }, nil, realise.OutputRejected,
			"output 'OUT' is not allowed to refer to the following paths:\n  OUT"},
		{"fixed", []string{"write $out x"}, func(d *derivation.Derivation) {
			d.Outputs["out"] = derivation.FixedOutput(storepath.Flat, hash.SumString(hash.SHA256, "y"))
		}, nil, realise.HashMismatch, "hash mismatch in fixed-output derivation 'DRV':\n  specified: " + hash.SumString(hash.SHA256, "y").SRI() +
			"\n     got:    " + hash.SumString(hash.SHA256, "x").SRI()},
		{"flat directory", []string{"mkdir $out"}, func(d *derivation.Derivation) {
			d.Outputs["out"] = derivation.FixedOutput(storepath.Flat, hash.SumString(hash.SHA256, "y"))
		}, nil, realise.OutputRejected, "should be a non-executable regular file since recursive hashing is not enabled"},
	} {
		t.Run(c.name, func(t *testing.T) {
			b := newBench(t)
			if c.opts != nil {
				c.opts(&b.opts)
			}
			drv := b.drv("fails", c.commands, c.change)
			_, err := b.realise(realise.Normal, drv)
			var be *realise.BuildError
			if !errors.As(err, &be) {
				t.Fatalf("got %v", err)
			}
			d, err := b.store.ReadDerivation(drv)
			if err != nil {
				t.Fatal(err)
			}
			out, err := d.OutputPath(b.store.Scheme(), "out")
			if err != nil {
				t.Fatal(err)
			}
			want := strings.NewReplacer("DRV", b.store.Scheme().Print(drv), "OUT", b.store.Scheme().Print(out)).Replace(c.want)
			if be.Kind != c.kind || !strings.Contains(be.Message, want) {
				t.Errorf("kind %d, message:\n%s\nwant %d:\n%s", be.Kind, be.Message, c.kind, want)
			}
			b.clean()
		})
	}
}

func TestDependencyFails(t *testing.T) {
	b := newBench(t)
	bad := b.drv("bad", []string{"exit 1"}, nil)
	user := b.drv("user", []string{"write $out x"}, b.uses("in", bad))
	other := b.drv("other", []string{"write $out x"}, nil)
	b.opts.KeepGoing = true
	res, err := b.realise(realise.Normal, user, other)
	var be *realise.BuildError
	if !errors.As(err, &be) || be.Kind != realise.DependencyFailed || !strings.Contains(be.Message, "Reason: 1 dependency failed.") {
		t.Errorf("got %v", err)
	}
	if res[1].Status != realise.Built {
		t.Errorf("the other: %+v", res[1])
	}
	if got := realise.ExitStatus(err); got != 100 {
		t.Errorf("exit status %d", got)
	}
	b.clean()
}

func TestMultipleOutputs(t *testing.T) {
	b := newBench(t)
	drv := b.drv("multi", []string{"mkdir $out", "write $out/x $dev", "write $dev plain"}, func(d *derivation.Derivation) {
		d.Outputs["dev"], d.Env["dev"] = derivation.Output{}, ""
	})
	res, err := b.realise(realise.Normal, drv)
	if err != nil {
		t.Fatal(err)
	}
	info, err := b.store.PathInfo(res[0].Outputs["out"])
	if err != nil || len(info.References) != 1 || info.References[0] != res[0].Outputs["dev"] {
		t.Errorf("references %v, %v", info, err)
	}
	cycle := b.drv("cycle", []string{"write $out $dev", "write $dev $out"}, func(d *derivation.Derivation) {
		d.Outputs["dev"], d.Env["dev"] = derivation.Output{}, ""
	})
	if _, err := b.realise(realise.Normal, cycle); err == nil || !strings.Contains(err.Error(), "cycle detected in build of") {
		t.Errorf("cycle: %v", err)
	}
}

func TestContentAddressed(t *testing.T) {
	b := newBench(t)
	b.opts.Floating, b.opts.Features = true, []string{"ca-derivations"}
	floating := func(d *derivation.Derivation) {
		d.Outputs["out"] = derivation.Output{Kind: derivation.Floating, Method: storepath.NAR, Algo: hash.SHA256}
		d.Env["out"] = b.store.Scheme().Placeholder("out")
	}
	var contents []string
	for _, extra := range []string{"1", "2"} {
		drv := b.drv("ca", []string{"mkdir $out", "write $out/self $out"}, func(d *derivation.Derivation) { floating(d); d.Env["extra"] = extra })
		res, err := b.realise(realise.Normal, drv)
		if err != nil {
			t.Fatal(err)
		}
		out := res[0].Outputs["out"]
		if got := read(t, b.store.RealPath(out)+"/self"); got != b.store.Scheme().Print(out) {
			t.Errorf("contents %q, path %s", got, out)
		}
		contents = append(contents, out.String())
	}
	if contents[0] != contents[1] {
		t.Errorf("same contents, other paths: %v", contents)
	}
}

func TestCheckAndRepair(t *testing.T) {
	b := newBench(t)
	same := b.drv("same", []string{"write $out x"}, nil)
	random := b.drv("random", []string{"random $out"}, nil)
	if _, err := b.realise(realise.Check, same); err == nil || !strings.Contains(err.Error(), "are not valid, so checking is not possible") {
		t.Errorf("check before build: %v", err)
	}
	out := b.out(same)
	rand := b.out(random)
	if _, err := b.realise(realise.Check, same); err != nil {
		t.Errorf("check: %v", err)
	}
	b.opts.KeepFailed = true
	_, err := b.realise(realise.Check, random)
	want := "may not be deterministic: output \"" + rand + "\" differs from \"" + rand + ".check\""
	if err == nil || !strings.Contains(err.Error(), want) || realise.ExitStatus(err) != 104 {
		t.Errorf("got %v, want %s", err, want)
	}
	if read(t, rand) == read(t, rand+".check") {
		t.Error("the same after all")
	}
	if err := errors.Join(os.Chmod(out, 0o644), os.WriteFile(out, []byte("bad"), 0o644)); err != nil {
		t.Fatal(err)
	}
	if _, err := b.realise(realise.Repair, same); err != nil || read(t, out) != "x" {
		t.Errorf("repair: %v, %q", err, read(t, out))
	}
}

// TestRepairClosure spoils what a sound output refers to.
func TestRepairClosure(t *testing.T) {
	b := newBench(t)
	below := b.drv("below", []string{"write $out x"}, nil)
	top := b.drv("top", []string{"write $out $in"}, b.uses("in", below))
	result := b.out(top)
	d, err := b.store.ReadDerivation(below)
	if err != nil {
		t.Fatal(err)
	}
	path := d.Outputs["out"].Path
	spoil := func() {
		t.Helper()
		f := b.store.RealPath(path)
		if err := errors.Join(os.Chmod(f, 0o644), os.WriteFile(f, []byte("bad"), 0o644)); err != nil {
			t.Fatal(err)
		}
	}
	check := func(how string, err error, want string) {
		t.Helper()
		if got := read(t, b.store.RealPath(path)); err != nil || got != want {
			t.Errorf("%s: %q, %v", how, got, err)
		}
	}
	if !strings.Contains(read(t, result), path.String()) {
		t.Fatalf("'%s' does not refer to '%s'", result, path)
	}
	spoil()
	_, err = b.realise(realise.Normal, top)
	check("no repair", err, "bad")
	_, err = b.realise(realise.Repair, top)
	check("built again", err, "x")
	if lines := b.lines(realise.Message); len(lines) != 1 || !strings.Contains(lines[0], "found corrupted or missing path") {
		t.Errorf("messages %q", lines)
	}
	// A path by itself can only be fetched.
	spoil()
	if _, err := realise.New(b.store, b.opts).Realise(t.Context(), []realise.Target{{Path: path}}, realise.Repair); err == nil {
		t.Error("fetched from nowhere")
	}
	b.opts.Substituters = []realise.Substituter{&cache{name: "has", files: map[storepath.Path]string{path: "x"}}}
	_, err = realise.New(b.store, b.opts).Realise(t.Context(), []realise.Target{{Path: path}}, realise.Repair)
	check("fetched", err, "x")
	spoil()
	_, err = b.realise(realise.Repair, top)
	check("fetched below", err, "x")
}

func TestCancel(t *testing.T) {
	b := newBench(t)
	drv := b.drv("sleeps", []string{"print started", "sleep"}, nil)
	ctx, cancel := context.WithCancel(t.Context())
	started := make(chan bool, 1)
	progress := b.opts.Progress
	b.opts.Progress = func(e realise.Event) {
		progress(e)
		if e.Kind == realise.BuildLine {
			started <- true
		}
	}
	go func() { <-started; cancel() }()
	_, err := realise.New(b.store, b.opts).Realise(ctx, []realise.Target{{Drv: drv}}, realise.Normal)
	if !errors.Is(err, context.Canceled) {
		t.Errorf("got %v", err)
	}
	b.clean()
	locks, _ := filepath.Glob(b.store.RealDir() + "/*.lock")
	if len(locks) > 0 {
		t.Errorf("left over: %v", locks)
	}
}

func TestKeepFailed(t *testing.T) {
	b := newBench(t)
	b.opts.KeepFailed = true
	drv := b.drv("fails", []string{"write /build/here it", "exit 1"}, nil)
	_, err := b.realise(realise.Normal, drv)
	var be *realise.BuildError
	if !errors.As(err, &be) || read(t, be.KeptDir+"/here") != "it" {
		t.Errorf("got %v", err)
	}
}

func TestManyAtOnce(t *testing.T) {
	b := newBench(t)
	b.opts.Jobs = 4
	var drvs []storepath.Path
	for i := range 20 {
		drvs = append(drvs, b.drv(fmt.Sprint("n", i), []string{"write $out $name"}, nil))
	}
	res, err := b.realise(realise.Normal, drvs...)
	if err != nil {
		t.Fatal(err)
	}
	for i, r := range res {
		if got := read(t, b.store.RealPath(r.Outputs["out"])); got != fmt.Sprint("n", i) {
			t.Errorf("%d: %q", i, got)
		}
	}
}

// TestDirect builds without a sandbox, and with outputs that are in the way.
func TestDirect(t *testing.T) {
	b := newBench(t)
	dir := t.TempDir()
	t.Cleanup(func() { _ = store.DeleteTree(dir) })
	s, err := store.Open(store.Config{Scheme: storepath.Nix(dir + "/store"), StateDir: dir + "/var"})
	if err == nil {
		err = s.Start()
	}
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	b.store, b.hasher = s, derivation.NewHasher(s.Scheme(), s.ReadDerivation)
	b.opts.Sandbox = realise.SandboxNever
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	link := filepath.Join(dir, "sh")
	if err := os.Symlink(self, link); err != nil {
		t.Fatal(err)
	}
	direct := func(d *derivation.Derivation) { d.Builder = link }
	drv := b.drv("direct", []string{"mkdir $out", "write $out/self $out", "write $NIX_BUILD_TOP/x y"}, direct)
	out := b.out(drv)
	if read(t, out+"/self") != out {
		t.Errorf("self is %q", read(t, out+"/self"))
	}
	if _, err := b.realise(realise.Check, drv); err != nil {
		t.Errorf("check: %v", err)
	}
	if w := b.lines(realise.Warning); len(w) != 2 || !strings.Contains(w[0], "without a sandbox") {
		t.Errorf("warnings %q", w)
	}
	_, err = b.realise(realise.Normal, b.drv("missing", nil, func(d *derivation.Derivation) { d.Builder = "/none" }))
	if err == nil || !strings.Contains(err.Error(), "> error: executing '/none': No such file or directory\n") {
		t.Errorf("missing builder: %v", err)
	}
	_, err = b.realise(realise.Normal, b.drv("killed", []string{"kill 15"}, direct))
	if err == nil || !strings.Contains(err.Error(), "Reason: builder failed due to signal 15 (Terminated).") {
		t.Errorf("killed: %v", err)
	}
	b.clean()
}

func TestSweep(t *testing.T) {
	b := newBench(t)
	gone := filepath.Join(b.store.StateDir(), "builds", "nix-4194303-1") // beyond what most systems give out
	if err := os.MkdirAll(gone+"/places", 0o755); err != nil {
		t.Fatal(err)
	}
	b.out(b.drv("x", []string{"write $out x"}, nil))
	b.clean()
}

func TestPlan(t *testing.T) {
	b := newBench(t)
	first := b.drv("first", []string{"write $out x"}, nil)
	second := b.drv("second", []string{"write $out x"}, b.uses("in", first))
	plan, err := realise.New(b.store, b.opts).Plan(t.Context(), []realise.Target{{Drv: second}})
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, p := range plan.Build {
		got = append(got, p.Name())
	}
	if d := cmp.Diff([]string{"first.drv", "second.drv"}, got); d != "" {
		t.Error(d)
	}
}
