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

	"github.com/seed192a40f6/glang/derivation"
	"github.com/seed192a40f6/glang/lang/ast"
	"github.com/seed192a40f6/glang/local"
	"github.com/seed192a40f6/glang/realise"
	"github.com/seed192a40f6/glang/store/storepath"
)

// keptVariables survive --pure.
func keptVariables() []string {
	return []string{"HOME", "XDG_RUNTIME_DIR", "USER", "LOGNAME", "DISPLAY", "WAYLAND_DISPLAY", "WAYLAND_SOCKET", "PATH", "TERM",
		"IN_NIX_SHELL", "NIX_SHELL_PRESERVE_PROMPT", "TZ", "PAGER", "NIX_BUILD_SHELL", "SHLVL",
		"http_proxy", "https_proxy", "ftp_proxy", "all_proxy", "no_proxy", "HTTP_PROXY", "HTTPS_PROXY", "FTP_PROXY", "ALL_PROXY", "NO_PROXY"}
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
