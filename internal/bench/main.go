// Bench compares two commands that take nix-instantiate's arguments, glang's
// and the reference's, on the expressions of tests/bench and on nixpkgs.
//
//	go run ./internal/bench -reference 'DIR/nix nix-instantiate' -reference-floor 'DIR/nix true' \
//	    -nixpkgs DIR -system FILE -all FILE -names FILE
//
//	go run ./internal/bench -builds -reference 'DIR/nix nix-build' -reference-floor 'DIR/nix true'
//
// measures sandboxed builds instead, those of tests/bench/builds, with two
// commands that take nix-build's arguments, -glang 'FILE nix-build' likewise.
// Each run has a new store in the directory for temporary files.
//
//	go run ./internal/bench -cores -nixpkgs DIR -system FILE -all FILE -names FILE
//
// measures glang alone, on one core and on two, and says what that lets expect
// of more.
//
//	go run ./internal/bench -sizes sizes.tsv -n 1 -reference 'DIR/nix nix-instantiate' -reference-floor 'DIR/nix true'
//	cd tests/bench/plot && go run . ../../../sizes.tsv ../../../docs/large-inputs.svg
//
// measures inputs of growing size and draws cost against size.
//
// The two run in turn, -n times each. A row gives the medians: wall and CPU
// time (user and system) in seconds, peak memory in MB, and the ratio of
// glang's to the reference's. Where the reference needs a wrapper, the time
// that -reference-floor takes is taken off its own.
package main

import (
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"slices"
	"strings"
	"syscall"
	"time"
)

type work struct {
	name string
	args []string // for both
	own  []string // for glang alone, before the others
	// first runs glang once more before the measurement, to fill the cache.
	warm bool
	// store gives each run a store of its own.
	store bool
}

type sample struct {
	wall, cpu float64 // seconds
	rss       float64 // MB
}

func main() {
	glang := flag.String("glang", "", "the command under test; empty builds it")
	reference := flag.String("reference", "", "the command to compare with; empty measures glang alone")
	floor := flag.String("reference-floor", "", "a command that does nothing in the reference's wrapper")
	nixpkgs := flag.String("nixpkgs", "", "a tree of nixpkgs")
	system := flag.String("system", "", "the configuration of a NixOS system")
	all := flag.String("all", "", "an expression over all top-level names, with arguments tree and list")
	names := flag.String("names", "", "the list for -all")
	exprs := flag.String("exprs", "tests/bench", "a folder of expressions")
	builds := flag.Bool("builds", false, "measure builds: the commands are like nix-build")
	cores := flag.Bool("cores", false, "measure glang on one core and on two")
	sizes := flag.String("sizes", "", "measure inputs of growing size, and write this file")
	only := flag.String("only", "", "run what matches this regular expression")
	n := flag.Int("n", 5, "runs of each")
	flag.Parse()
	tool := "nix-instantiate"
	if *builds {
		tool = "nix-build"
	}
	if err := run(tool, *cores, *sizes, *glang, *reference, *floor, *nixpkgs, *system, *all, *names, *exprs, *only, *n); err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}

func run(tool string, cores bool, sizes, glang, reference, floor, nixpkgs, system, all, names, exprs, only string, n int) error {
	if glang == "" {
		dir, err := os.MkdirTemp("", "bench")
		if err != nil {
			return err
		}
		defer os.RemoveAll(dir)
		glang = filepath.Join(dir, "glang")
		build := exec.Command("go", "build", "-o", glang, "./cmd/glang")
		build.Env = append(os.Environ(), "CGO_ENABLED=0")
		build.Stderr = os.Stderr
		if err := build.Run(); err != nil {
			return fmt.Errorf("building glang: %w", err)
		}
		glang += " " + tool
	}
	match, err := regexp.Compile(only)
	if err != nil {
		return err
	}
	var ws []work
	if tool == "nix-build" {
		ws, err = buildWorkloads(filepath.Join(exprs, "builds"))
	} else {
		ws, err = workloads(nixpkgs, system, all, names, exprs)
	}
	if err != nil {
		return err
	}
	fmt.Printf("%s, %d cores, median of %d\n\n", runtime.Version(), runtime.NumCPU(), n)
	if sizes != "" {
		return measureSizes(sizes, glang, reference, floor, match.MatchString, n)
	}
	if cores {
		coresHead()
		for _, w := range ws {
			if match.MatchString(w.name) {
				if err := scaling(w, glang, n); err != nil {
					return fmt.Errorf("%s: %w", w.name, err)
				}
			}
		}
		return nil
	}
	fmt.Println("| work | wall s | reference | ratio | CPU s | reference | ratio | MB | reference | ratio |")
	fmt.Println("| --- | --- | --- | --- | --- | --- | --- | --- | --- | --- |")
	for _, w := range ws {
		if match.MatchString(w.name) {
			if err := measure(w, glang, reference, floor, n); err != nil {
				return fmt.Errorf("%s: %w", w.name, err)
			}
		}
	}
	return nil
}

func workloads(nixpkgs, system, all, names, exprs string) ([]work, error) {
	noCache := []string{"--no-eval-cache"}
	ws := []work{{name: "start: 1", args: []string{"--eval", "-E", "1"}, own: noCache}}
	files, err := filepath.Glob(filepath.Join(exprs, "*.expr"))
	if err != nil {
		return nil, err
	}
	for _, f := range files {
		abs, err := filepath.Abs(f)
		if err != nil {
			return nil, err
		}
		ws = append(ws, work{name: strings.TrimSuffix(filepath.Base(f), ".expr"), args: []string{"--eval", "--strict", abs}, own: noCache})
	}
	if nixpkgs == "" {
		return ws, nil
	}
	tree, err := filepath.Abs(nixpkgs)
	if err != nil {
		return nil, err
	}
	eval := func(name, expr string) work {
		return work{name: name, args: []string{"--eval", "--readonly-mode", "-E", expr}, own: noCache}
	}
	hello := fmt.Sprintf("(import %s { }).hello.drvPath", tree)
	again := eval("hello.drvPath again", hello)
	again.own, again.warm = nil, true
	ws = append(ws, eval("hello.drvPath", hello), again,
		eval("firefox.drvPath", fmt.Sprintf("(import %s { }).firefox.drvPath", tree)),
		eval("import of all files", importAll(tree)))
	if system != "" {
		abs, err := filepath.Abs(system)
		if err != nil {
			return nil, err
		}
		ws = append(ws, eval("NixOS system.drvPath", fmt.Sprintf("(import %s/nixos { configuration = %s; }).system.drvPath", tree, abs)))
	}
	if all != "" && names != "" {
		list, err := filepath.Abs(names)
		if err != nil {
			return nil, err
		}
		file, err := filepath.Abs(all)
		if err != nil {
			return nil, err
		}
		ws = append(ws, work{name: "all top-level names", own: noCache,
			args: []string{"--eval", "--readonly-mode", "--strict", "--json", file, "--arg", "tree", tree, "--arg", "list", list}})
	}
	return ws, nil
}

// importAll imports each file of a tree under seq, without those that do not
// parse; what a file evaluates to is seldom more than a function.
func importAll(tree string) string {
	var b strings.Builder
	b.WriteString("builtins.foldl' (n: f: builtins.seq (builtins.tryEval (import f)).success (n + 1)) 0 [\n")
	_ = filepath.WalkDir(tree, func(p string, d os.DirEntry, err error) error {
		if err == nil && d.Type().IsRegular() && strings.HasSuffix(p, ".nix") && !unparsable(p) {
			fmt.Fprintf(&b, "(/. + %q)\n", p)
		}
		return nil
	})
	b.WriteString("]")
	// As a file: the list is longer than a command line may be.
	f, err := os.CreateTemp("", "import-all-*.nix")
	if err != nil {
		return "1"
	}
	defer f.Close()
	if _, err := f.WriteString(b.String()); err != nil {
		return "1"
	}
	return "import " + f.Name()
}

// unparsable are the files of the nixpkgs of October 2020 that no parser
// accepts, and those that are only parts of others: undefined variables, and
// one that builds while it is evaluated.
func unparsable(p string) bool {
	for _, end := range []string{"androidenv/generated/addons.nix", "ncdns/fix-tpl-path.nix", "azure-new/examples/basic/image.nix",
		"cpython/docs/template.nix", "test/mkOption/keep.nix", "test/mkOption/merge.nix"} {
		if strings.HasSuffix(p, end) {
			return true
		}
	}
	return false
}

func measure(w work, glang, reference, floor string, n int) error {
	own := append(slices.Clone(w.own), w.args...)
	once := func(command string, args []string) (sample, error) { return runOnce(command, args) }
	if w.store {
		once = withStore
	}
	if w.warm {
		if _, err := once(glang, own); err != nil {
			return err
		}
	}
	var a, b []sample
	for range n {
		s, err := once(glang, own)
		if err != nil {
			return err
		}
		a = append(a, s)
		if reference == "" {
			continue
		}
		if s, err = once(reference, w.args); err != nil {
			return err
		}
		if floor != "" {
			f, err := runOnce(floor, nil)
			if err != nil {
				return err
			}
			s.wall = max(s.wall-f.wall, 0.0001)
			s.cpu = max(s.cpu-f.cpu, 0.0001)
		}
		b = append(b, s)
	}
	x := median(a)
	if reference == "" {
		fmt.Printf("| %s | %.3f | | | %.3f | | | %.0f | | |\n", w.name, x.wall, x.cpu, x.rss)
		return nil
	}
	y := median(b)
	fmt.Printf("| %s | %.3f | %.3f | **%.2f** | %.3f | %.3f | %.2f | %.0f | %.0f | %.2f |\n",
		w.name, x.wall, y.wall, x.wall/y.wall, x.cpu, y.cpu, x.cpu/y.cpu, x.rss, y.rss, x.rss/y.rss)
	return nil
}

// runOnce runs a command whose words are separated by blanks, with variables
// added to its environment.
func runOnce(command string, args []string, env ...string) (sample, error) {
	words := append(strings.Fields(command), args...)
	cmd := exec.Command(words[0], words[1:]...)
	cmd.Env = append(os.Environ(), env...)
	var errs strings.Builder
	cmd.Stderr = &errs
	start := time.Now()
	err := cmd.Run()
	wall := time.Since(start).Seconds()
	if err != nil {
		return sample{}, fmt.Errorf("%s: %w\n%s", command, err, errs.String())
	}
	s := sample{wall: wall, cpu: (cmd.ProcessState.UserTime() + cmd.ProcessState.SystemTime()).Seconds()}
	if u, ok := cmd.ProcessState.SysUsage().(*syscall.Rusage); ok {
		s.rss = float64(u.Maxrss) / 1024
	}
	return s, nil
}

func median(s []sample) sample {
	pick := func(f func(sample) float64) float64 {
		var xs []float64
		for _, x := range s {
			xs = append(xs, f(x))
		}
		slices.Sort(xs)
		return xs[len(xs)/2]
	}
	return sample{
		pick(func(s sample) float64 { return s.wall }),
		pick(func(s sample) float64 { return s.cpu }),
		pick(func(s sample) float64 { return s.rss }),
	}
}
