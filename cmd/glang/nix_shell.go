package main

import (
	"errors"
	"fmt"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"syscall"

	"golang.org/x/term"

	"github.com/seed192a40f6/glang/derivation"
	"github.com/seed192a40f6/glang/lang/ast"
	"github.com/seed192a40f6/glang/lang/eval"
	"github.com/seed192a40f6/glang/local"
	"github.com/seed192a40f6/glang/realise"
	"github.com/seed192a40f6/glang/store/storepath"
)

// shellRun is a run of nix-shell: a shell in the environment of a build.
type shellRun struct {
	app                                          *app
	x                                            *evaluation
	attrs, words, exclude, keep                  []string
	pure, fromArgs, packages, stdin, interactive bool
	command                                      string
	script                                       string // of a shebang
	scriptArgs                                   []string
	dir                                          string // scratch

}

// keptVariables survive --pure.
func keptVariables() []string {
	return []string{"HOME", "XDG_RUNTIME_DIR", "USER", "LOGNAME", "DISPLAY", "WAYLAND_DISPLAY", "WAYLAND_SOCKET", "PATH", "TERM",
		"IN_NIX_SHELL", "NIX_SHELL_PRESERVE_PROMPT", "TZ", "PAGER", "NIX_BUILD_SHELL", "SHLVL",
		"http_proxy", "https_proxy", "ftp_proxy", "all_proxy", "no_proxy", "HTTP_PROXY", "HTTPS_PROXY", "FTP_PROXY", "ALL_PROXY", "NO_PROXY"}
}

// nixShell is nix-shell.
func nixShell(a *app, args []string) error {
	r := &shellRun{app: a, interactive: term.IsTerminal(0) && term.IsTerminal(2)}
	args, err := r.shebang(args)
	if err != nil {
		return err
	}
	f := a.oldFlags()
	ea := a.evalFlags(f)
	dryRun := false
	ignore := func(name string, labels ...string) {
		f.call(name, "", labels, func([]string) error { return nil }).hidden = true
	}
	ignore("indirect")
	ignore("add-drv-link")
	ignore("run-env")
	ignore("no-out-link")
	ignore("drv-link", "path")
	f.texts(&r.attrs, "attr,A", "path", "the attribute whose environment is wanted")
	f.boolean(&dryRun, "dry-run", "only show what would be built")
	for _, name := range []string{"command", "run"} {
		f.call(name, "run a command instead of an interactive shell", []string{"cmd"}, func(w []string) error {
			if name == "run" {
				r.interactive = false
			}
			r.command = w[0] + "\nexit"
			return nil
		})
	}
	f.texts(&r.exclude, "exclude", "regex", "do not build dependencies whose names match")
	f.boolean(&r.fromArgs, "expr,E", "the arguments are expressions")
	f.boolean(&r.pure, "pure", "start from an empty environment")
	f.call("impure", "keep the environment", nil, func([]string) error { r.pure = false; return nil })
	f.boolean(&r.packages, "packages,p", "the arguments are packages of <nixpkgs>")
	f.texts(&r.keep, "keep", "name", "keep this variable in spite of --pure")
	f.call("i", "", []string{"interpreter"}, func(w []string) error { return r.interpreter(w[0]) }).hidden = true
	if r.script != "" {
		f.short['i'] = f.long["i"]
	}
	f.arg = func(w string) error {
		if w == "-" {
			r.stdin = true
		} else {
			r.words = append(r.words, w)
		}
		return nil
	}
	if done, err := a.parseOld(f, args); done || err != nil {
		return err
	}
	if r.packages && r.fromArgs {
		return usagef("'-p' and '-E' are mutually exclusive")
	}
	if r.dir, err = os.MkdirTemp("", "nix-shell-"); err != nil {
		return err
	}
	a.onClose(func() { os.RemoveAll(r.dir) })
	if err := r.find(); err != nil {
		return err
	}
	pureness := "impure"
	if r.pure {
		pureness = "pure"
	}
	if err := os.Setenv("IN_NIX_SHELL", pureness); err != nil {
		return err
	}
	ea.dir = r.base()
	if r.x, err = a.evaluate(ea, false); err != nil {
		return err
	}
	drv, err := r.derivation()
	if err != nil {
		return err
	}
	return r.enter(drv, dryRun)
}

// shebang reads the arguments in a script whose interpreter is nix-shell.
func (r *shellRun) shebang(args []string) ([]string, error) {
	if len(args) == 0 {
		return args, nil
	}
	text, err := os.ReadFile(args[0])
	if err != nil || !strings.HasPrefix(string(text), "#!") {
		return args, nil
	}
	r.script, r.scriptArgs = args[0], args[1:]
	line := regexp.MustCompile(`^#!\s*nix-shell\s+(.*)$`)
	var out []string
	for l := range strings.SplitSeq(string(text), "\n") {
		if m := line.FindStringSubmatch(strings.TrimRight(l, "\r")); m != nil {
			words, err := shellWords(m[1])
			if err != nil {
				return nil, err
			}
			out = append(out, words...)
		}
	}
	return out, nil
}

// shellWords splits a line at spaces, minding quotes and backslashes.
func shellWords(s string) ([]string, error) {
	var out []string
	var cur strings.Builder
	in, quote := false, byte(0)
	for i := 0; i < len(s); i++ {
		c := s[i]
		switch {
		case quote == 0 && (c == ' ' || c == '\t' || c == '\r'):
			if in {
				out = append(out, cur.String())
				cur.Reset()
				in = false
			}
			continue
		case quote == 0 && (c == '\'' || c == '"'):
			quote = c
		case c == quote:
			quote = 0
		case c == '\\' && quote != '\'' && i+1 < len(s):
			i++
			cur.WriteByte(s[i])
		default:
			cur.WriteByte(c)
		}
		in = true
	}
	if quote != 0 {
		return nil, errors.New("unterminated quote in shebang line")
	}
	if in {
		out = append(out, cur.String())
	}
	return out, nil
}

// interpreter makes the command that runs the script of a shebang.
func (r *shellRun) interpreter(name string) error {
	r.interactive = false
	var args []string
	for _, w := range r.scriptArgs {
		args = append(args, shellQuote(w))
	}
	rest := shellQuote(r.script) + " " + strings.Join(args, " ")
	switch {
	case strings.Contains(name, "ruby"):
		// Ruby reads the shebang itself: have it load the script instead.
		r.command = fmt.Sprintf("exec %s -e 'load(ARGV.shift)' -- %s", name, rest)
	case strings.Contains(name, "perl"):
		// Perl runs what the shebang names unless its own name is another.
		r.command = fmt.Sprintf("exec -a PERL %s %s", name, rest)
	default:
		r.command = fmt.Sprintf("exec %s %s", name, rest)
	}
	return nil
}

// find fills in what to evaluate when nothing is named.
func (r *shellRun) find() error {
	if r.packages {
		text := `{...}@args: with import <nixpkgs> args; (pkgs.runCommandCC or pkgs.runCommand) "shell" { buildInputs = [ `
		for _, w := range r.words {
			text += "(" + w + ") "
		}
		r.fromArgs, r.words = true, []string{text + `]; } ""`}
		return nil
	}
	if r.fromArgs || len(r.words) > 0 || r.stdin {
		return nil
	}
	always := r.app.settings.Bool("nix-shell-always-looks-for-shell-nix")
	switch {
	case fileExists("shell.nix") && !always:
		r.words = []string{"shell.nix"}
	case !fileExists("shell.nix") && !fileExists("default.nix"):
		return fmt.Errorf("no argument specified and no '%s' or '%s' file found in the working directory", "shell.nix", "default.nix")
	default:
		r.words = []string{"."}
	}
	return nil
}

// derivation evaluates what was named to one derivation.
func (r *shellRun) derivation() (storepath.Path, error) {
	a, x := r.app, r.x
	var nodes []ast.Node
	var found []storepath.Path
	if r.stdin {
		node, err := x.parseStdin()
		if err != nil {
			return storepath.Path{}, err
		}
		nodes = append(nodes, node)
		r.words = nil
	}
	for _, w := range r.words {
		var node ast.Node
		var err error
		if r.fromArgs {
			node, err = x.parseText(ast.FromString, []byte(w), r.base())
		} else if d, ok, derr := a.drvArgument(a.session.Scheme, w); ok || derr != nil {
			if derr != nil {
				return storepath.Path{}, derr
			}
			found = append(found, d.drv)
			continue
		} else {
			if r.script != "" && !filepath.IsAbs(w) && !strings.HasPrefix(w, "<") {
				w = filepath.Join(filepath.Dir(r.script), w)
			}
			if w, err = x.lookupFile(w); err == nil {
				w, err = r.shellFile(w)
			}
			if err == nil {
				node, err = x.parseFile(w)
			}
		}
		if err != nil {
			return storepath.Path{}, err
		}
		nodes = append(nodes, node)
	}
	attrs := r.attrs
	if len(attrs) == 0 {
		attrs = []string{""}
	}
	for _, node := range nodes {
		root, err := x.root(node)
		if err != nil {
			return storepath.Path{}, err
		}
		err = x.Do(func() {
			b := x.NewAttrs(x.auto.Len() + 1)
			in := x.E.Symbols.Intern("inNixShell")
			if _, ok := x.auto.Get(in); !ok {
				b.Put(in, x.NewValue(eval.Bool(true)), ast.NoPos)
			}
			for n, v := range x.auto.All() {
				b.Put(n, v, ast.NoPos)
			}
			inShell := b.Build()
			auto := func(v *eval.Value) *eval.Attrs {
				if r.takesInShell(v) {
					return inShell
				}
				return x.auto
			}
			for _, attr := range attrs {
				v, pos := x.SelectPath(root, attr, auto(root))
				x.Force(v, pos)
				for _, p := range local.Packages(x.Machine, v, "", auto(v), false) {
					found = append(found, p.DrvPath())
				}
			}
		})
		if err != nil {
			return storepath.Path{}, err
		}
	}
	if len(found) != 1 {
		return storepath.Path{}, usagef("nix-shell requires a single derivation")
	}
	return found[0], nil
}

// base is the folder that relative paths in expressions start from.
func (r *shellRun) base() string {
	a := r.app
	if r.script == "" || !a.settings.Bool("nix-shell-shebang-arguments-relative-to-script") {
		return a.env.Cwd
	}
	return a.absolute(filepath.Dir(r.script))
}

// takesInShell says whether a function has an argument inNixShell.
func (r *shellRun) takesInShell(v *eval.Value) bool {
	if v.Kind() != eval.KindLambda {
		return false
	}
	for _, f := range r.x.Function(v).Formals {
		if r.x.E.Symbols.Name(f.Name) == "inNixShell" {
			return true
		}
	}
	return false
}

// shellFile prefers the shell.nix of a folder to its default.nix.
func (r *shellRun) shellFile(name string) (string, error) {
	fi, err := os.Stat(name)
	if err != nil || !fi.IsDir() {
		return name, nil
	}
	shell, fallback := filepath.Join(name, "shell.nix"), filepath.Join(name, "default.nix")
	if fileExists(shell) {
		if r.app.settings.Bool("nix-shell-always-looks-for-shell-nix") {
			return shell, nil
		}
		r.app.warnf("Skipping '%[1]s', because the setting '%[2]s' is disabled. This is a deprecated behavior. Consider enabling '%[2]s'.",
			shell, "nix-shell-always-looks-for-shell-nix")
	}
	if fileExists(fallback) {
		return fallback, nil
	}
	return "", fmt.Errorf("neither '%s' nor '%s' found in '%s'", "shell.nix", "default.nix", name)
}

// bash finds the shell to run: NIX_BUILD_SHELL, the one of <nixpkgs>, which
// is a target to build, or what the PATH has.
func (r *shellRun) bash() (shell string, drv storepath.Path) {
	a, x := r.app, r.x
	if s := a.env.Get("NIX_BUILD_SHELL"); s != "" {
		return s, drv
	}
	if x == nil {
		return "bash", drv
	}
	node, err := x.parseString("(import <nixpkgs> {}).bashInteractive")
	if err == nil {
		err = x.Do(func() {
			p := local.PackageOf(x.Machine, x.NewValue(x.Eval(node)), false)
			if p == nil {
				x.FailErr(ast.NoPos, errors.New("the 'bashInteractive' attribute in <nixpkgs> did not evaluate to a derivation"))
			}
			drv = p.DrvPath()
		})
	}
	if err != nil {
		a.printError(err)
		a.logf(levelNotice, "uses bash from your environment")
		return "bash", storepath.Path{}
	}
	return "", drv
}

// enter builds what the derivation needs and replaces this process by a shell.
func (r *shellRun) enter(path storepath.Path, dryRun bool) error {
	a := r.app
	s, err := a.localStore()
	if err != nil {
		return err
	}
	if err := a.fetchInputs([]realise.Target{{Drv: path}}); err != nil {
		return err
	}
	d, err := a.derivationStore().API.ReadDerivation(path)
	if err != nil {
		return err
	}
	shell, bashDrv := r.bash()
	var targets []realise.Target
	if !bashDrv.IsZero() {
		targets = append(targets, realise.Target{Drv: bashDrv, Outputs: []string{"out"}})
	}
	for _, in := range sortedKeys(d.InputDrvs) {
		skip := false
		for _, e := range r.exclude {
			re, err := regexp.Compile(e)
			if err != nil {
				return usagef("'%s' is not a regular expression", e)
			}
			skip = skip || re.MatchString(a.session.Scheme.Print(in))
		}
		if !skip {
			targets = append(targets, realise.Target{Drv: in, Outputs: d.InputDrvs[in].Names})
		}
	}
	for _, src := range d.InputSrcs {
		targets = append(targets, realise.Target{Path: src})
	}
	results, err := a.realise(targets, realise.Normal, dryRun)
	if err != nil || dryRun {
		return err
	}
	if !bashDrv.IsZero() {
		shell = s.ToRealPath(a.session.Scheme.Print(results[0].Outputs["out"])) + "/bin/bash"
	}
	env, extra, err := r.environment(d)
	if err != nil {
		return err
	}
	rc := filepath.Join(r.dir, "rc")
	if err := os.WriteFile(rc, []byte(r.rcText(shell, extra)), 0o600); err != nil {
		return err
	}
	argv := []string{"bash", rc}
	if r.interactive {
		argv = []string{"bash", "--rcfile", rc}
	}
	program, err := exec.LookPath(shell)
	if err != nil {
		return fmt.Errorf("executing shell '%s': %w", shell, err)
	}
	return a.replace(program, argv, env)
}

// replace runs another program in the place of this one. Scratch files stay
// for it.
func (a *app) replace(program string, argv, env []string) error {
	if err := a.stdout.Flush(); err != nil {
		return err
	}
	a.progress.stop()
	if a.session != nil {
		_ = a.session.Close()
	}
	if st := a.session; st != nil && st.Store != nil && st.Store.RealDir() != st.Scheme.Dir {
		status, err := realise.RunInStore(st.Scheme.Dir, st.Store.RealDir(), append([]string{program}, argv[1:]...), env)
		if err == nil && status != 0 {
			err = exit(status)
		}
		return err
	}
	err := syscall.Exec(program, argv, env)
	return fmt.Errorf("unable to execute '%s': %w", program, err)
}

// environment is the derivation's on top of the caller's; extra is shell code
// for structured attributes.
func (r *shellRun) environment(d *derivation.Derivation) (env []string, extra string, err error) {
	m := map[string]string{}
	keep := append(keptVariables(), r.keep...)
	for _, kv := range os.Environ() {
		k, v, _ := strings.Cut(kv, "=")
		if !r.pure || slices.Contains(keep, k) {
			m[k] = v
		}
	}
	if r.pure {
		m["__ETC_PROFILE_SOURCED"] = "1"
	}
	for _, k := range []string{"NIX_BUILD_TOP", "TMPDIR", "TEMPDIR", "TMP", "TEMP"} {
		m[k] = r.dir
	}
	m["NIX_STORE"] = r.app.session.Scheme.Dir
	cores := r.app.settings.Int("cores")
	if cores == 0 {
		cores = uint64(runtime.NumCPU())
	}
	m["NIX_BUILD_CORES"] = strconv.FormatUint(cores, 10)
	o, err := d.Options()
	if err != nil {
		return nil, "", err
	}
	n := 0
	for _, k := range sortedNames(d.Env) {
		v := d.Env[k]
		if slices.Contains(o.PassAsFile, k) {
			file := filepath.Join(r.dir, ".attr-"+strconv.Itoa(n))
			n++
			if err := os.WriteFile(file, []byte(v), 0o600); err != nil {
				return nil, "", err
			}
			m[k+"Path"] = file
			continue
		}
		m[k] = v
	}
	if extra, err = r.structured(d, m); err != nil {
		return nil, "", err
	}
	for _, k := range slices.Sorted(maps.Keys(m)) {
		env = append(env, k+"="+m[k])
	}
	return env, extra, nil
}

// rcText is what the shell reads first: the set-up of the derivation's
// standard environment, then the caller's PATH behind its own, a prompt, the
// hook of the shell, and the command.
func (r *shellRun) rcText(shell, extra string) string {
	var b strings.Builder
	line := func(s string) { b.WriteString(s + "\n") }
	clean := shellQuote(r.dir)
	line("_nix_shell_clean_tmpdir() { command rm -rf " + clean + "; }")
	line("trap _nix_shell_clean_tmpdir EXIT")
	line("exitHooks+=(_nix_shell_clean_tmpdir)")
	line("failureHooks+=(_nix_shell_clean_tmpdir)")
	if !r.pure {
		line(`[ -n "$PS1" ] && [ -e ~/.bashrc ] && source ~/.bashrc`)
		line("p=$PATH")
	}
	line("unset PATH")
	line("dontAddDisableDepTrack=1")
	line(extra)
	line("[ -e $stdenv/setup ] && source $stdenv/setup")
	if !r.pure {
		line("PATH=$PATH:$p; unset p")
	}
	line("PATH=" + shellQuote(filepath.Dir(shell)) + `:"$PATH"`)
	line("SHELL=" + shellQuote(shell))
	line("BASH=" + shellQuote(shell))
	line("set +e")
	color := "32"
	if r.app.env.UID == 0 {
		color = "31"
	}
	line(`[ -n "$PS1" -a -z "$NIX_SHELL_PRESERVE_PROMPT" ] && PS1='\n\[\033[1;` + color + `m\][nix-shell:\w]\$\[\033[0m\] '`)
	line(`if [ "$(type -t runHook)" = function ]; then runHook shellHook; fi`)
	line("unset NIX_ENFORCE_PURITY")
	line("shopt -u nullglob")
	line("unset TZ")
	if tz, ok := r.app.env.Lookup("TZ"); ok {
		line("export TZ=" + shellQuote(tz))
	}
	line("shopt -s execfail")
	line(r.command)
	return b.String()
}

// structured writes the files of structured attributes, and returns the
// declarations for the shell.
func (r *shellRun) structured(d *derivation.Derivation, env map[string]string) (string, error) {
	rr, err := r.app.realiser()
	if err != nil {
		return "", err
	}
	r.app.progress.stop()
	text, shell, err := rr.StructuredAttrs(d)
	if err != nil || text == "" {
		return "", err
	}
	delete(env, derivation.StructuredAttrsKey)
	for _, f := range []struct{ name, variable, text string }{
		{".attrs.json", "NIX_ATTRS_JSON_FILE", text}, {".attrs.sh", "NIX_ATTRS_SH_FILE", shell},
	} {
		file := filepath.Join(r.dir, f.name)
		if err := os.WriteFile(file, []byte(f.text), 0o600); err != nil {
			return "", err
		}
		env[f.variable] = file
	}
	return shell, nil
}
