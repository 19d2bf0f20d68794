package main

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"

	"github.com/seed192a40f6/glang/local"
	"github.com/seed192a40f6/glang/realise"
	"github.com/seed192a40f6/glang/store/storepath"
)

// devArgs are the flags of the commands about the environments of builds.
type devArgs struct {
	src       *sourceArgs
	profile   string
	redirects [][2]string
}

func (a *app) devFlags(f *flagSet) *devArgs {
	d := &devArgs{src: a.sourceFlags(f)}
	a.storeFlag(f)
	d.src.flakeFirst = func() flakePaths {
		sys := a.settings.System()
		return flakePaths{defaults: []string{"devShells." + sys + ".default", "devShell." + sys}, prefixes: []string{"devShells." + sys + "."}}
	}
	f.text(&d.profile, "profile", "path", "make the environment a generation of this profile")
	f.call("redirect", "use a folder in the place of a package", []string{"installable", "outputs-dir"}, func(w []string) error {
		d.redirects = append(d.redirects, [2]string{w[0], w[1]})
		return nil
	})
	return d
}

func (a *app) developCommand() *cobra.Command {
	return a.command(groupMain, "develop [FILE | -f FILE ATTR] [-c COMMAND ARGS...]", "start a shell in the environment of a build",
		`Builds what a package needs to be built, and runs bash, or with --command
another program, with the variables its builder would have and the functions of
its standard environment. A phase of the build can be run with --phase.`, func(f *flagSet) func() error {
			d := a.devFlags(f)
			env := f.environment()
			var command []string
			var phase string
			f.rest("command,c", "run this program instead of an interactive shell", &command)
			f.text(&phase, "phase", "phase-name", "run this phase of the build, such as build or configure")
			for _, p := range []string{"unpack", "configure", "build", "check", "install", "installCheck"} {
				name := strings.ToLower(p)
				f.call(name, "run the phase '"+name+"'", nil, func([]string) error { phase = p; return nil })
			}
			return func() error {
				if phase != "" && len(command) > 0 {
					return usagef("you cannot use both '--command' and '--phase'")
				}
				e, root, err := a.devEnv(d, f.args)
				if err != nil {
					return err
				}
				program, err := a.findShell() // while PATH is the user's
				if err != nil {
					return err
				}
				if err := env.apply(); err != nil {
					return err
				}
				if err := os.Setenv("NIX_GCROOT", a.session.Scheme.Print(root)); err != nil {
					return err
				}
				return a.develop(d, e, program, phase, command)
			}
		})
}

func (a *app) printDevEnvCommand() *cobra.Command {
	return a.command(groupUtility, "print-dev-env [FILE | -f FILE ATTR]", "print the environment of a build as shell code",
		`Prints a script for bash that sets the variables and functions that a package's
builder would have: . <(glang print-dev-env FILE) makes the current shell one to
build it in. With --json it prints them as JSON.`, func(f *flagSet) func() error {
			d := a.devFlags(f)
			asJSON, pretty := false, a.prettyDefault()
			f.boolean(&asJSON, "json", "print JSON")
			a.prettyFlags(f, &pretty)
			return func() error {
				e, _, err := a.devEnv(d, f.args)
				if err != nil {
					return err
				}
				if asJSON {
					return a.printJSON(e, pretty)
				}
				dir, err := os.MkdirTemp("", "nix-dev-env")
				if err != nil {
					return err
				}
				a.onClose(func() { os.RemoveAll(dir) })
				text, err := a.devScript(d, e, dir)
				if err == nil {
					a.print(text)
				}
				return err
			}
		})
}

// devEnv builds the environment of the one derivation that is named.
func (a *app) devEnv(d *devArgs, words []string) (*local.DevEnv, storepath.Path, error) {
	p, err := a.devEnvPath(d, words)
	if err != nil {
		return nil, p, err
	}
	if d.profile != "" {
		if err := a.setProfile(d.profile, []realise.Result{{Target: realise.Target{Path: p}}}); err != nil {
			return nil, p, err
		}
	}
	e, err := a.session.ReadDevEnv(p)
	return e, p, err
}

func (a *app) devEnvPath(d *devArgs, words []string) (p storepath.Path, err error) {
	list, err := a.installables(d.src, words)
	if err != nil {
		return p, err
	}
	if len(list) == 1 && list[0].x == nil && strings.HasSuffix(list[0].path.Name(), "-env") {
		return list[0].path, nil
	}
	drvs, err := a.derivations(list)
	if err != nil {
		return p, err
	}
	if len(drvs) != 1 {
		what := "."
		if len(list) > 0 {
			what = list[0].what
		}
		return p, fmt.Errorf("'%s' needs to evaluate to a single derivation, but it evaluated to %d derivations", what, len(drvs))
	}
	if _, err := a.localStore(); err != nil {
		return p, err
	}
	env, err := a.derivationStore().WriteDevDerivation(drvs[0])
	if err != nil {
		return p, err
	}
	results, err := a.realise([]realise.Target{{Drv: env}}, realise.Normal, false)
	if err != nil {
		return p, err
	}
	return a.session.DevEnvPath(results)
}

// devScript is an environment as a script; dir is for files it refers to.
func (a *app) devScript(d *devArgs, e *local.DevEnv, dir string) (string, error) {
	o := local.DevScript{Outputs: a.absolute("outputs"), Attrs: dir, Redirects: map[string]string{}}
	for _, r := range d.redirects {
		list, err := a.installables(d.src, r[:1])
		if err != nil {
			return "", err
		}
		targets, err := allTargets(list)
		if err != nil {
			return "", err
		}
		to := a.absolute(r[1])
		for _, p := range a.knownOutputs(targets) {
			o.Redirects[a.session.Scheme.Print(p)] = to
			a.logf(levelInfo, "redirecting '%s' to '%s'", a.session.Scheme.Print(p), to)
		}
	}
	return e.Bash(o)
}

// knownOutputs are the paths of targets, without building them.
func (a *app) knownOutputs(targets []realise.Target) []storepath.Path {
	var out []storepath.Path
	for _, t := range targets {
		if t.Drv.IsZero() {
			out = append(out, t.Path)
			continue
		}
		d, err := a.derivationStore().API.ReadDerivation(t.Drv)
		if err != nil {
			continue
		}
		names := t.Outputs
		if len(names) == 0 {
			names = d.OutputNames()
		}
		for _, n := range names {
			if p, err := d.OutputPath(a.session.Scheme, n); err == nil && !p.IsZero() {
				out = append(out, p)
			}
		}
	}
	return out
}

// develop replaces this process by a shell in an environment.
func (a *app) develop(d *devArgs, e *local.DevEnv, program, phase string, command []string) error {
	dir, err := os.MkdirTemp("", "nix-develop")
	if err != nil {
		return err
	}
	script, err := a.devScript(d, e, dir)
	if err != nil {
		return err
	}
	rc := filepath.Join(dir, "rc")
	if a.verbosity >= levelDebug {
		script += "set -x\n"
	}
	script += "command rm -f " + shellQuote(rc) + "\n"
	switch {
	case phase != "":
		// buildPhase sets foundMakefile, which the phases after it look at.
		script += "foundMakefile=1\nrunHook " + phase + "Phase\n"
	case len(command) > 0:
		words := make([]string, len(command))
		for i, w := range command {
			words[i] = shellQuote(w)
		}
		script += "exec " + strings.Join(words, " ") + "\n"
	default:
		script = "[ -n \"$PS1\" ] && [ -e ~/.bashrc ] && source ~/.bashrc;\nshopt -u expand_aliases\n" + script + "\nshopt -s expand_aliases\n" + a.devPrompt()
	}
	script = strings.Replace(script, "command rm -f", "SHELL="+shellQuote(program)+"\ncommand rm -f", 1)
	if err := os.WriteFile(rc, []byte(script), 0o600); err != nil {
		return err
	}
	if err := os.Setenv("SHELL", program); err != nil {
		return err
	}
	argv := []string{filepath.Base(program), "--rcfile", rc}
	if phase != "" || len(command) > 0 {
		argv = []string{filepath.Base(program), rc}
	}
	return a.replace(program, argv, os.Environ())
}

// findShell finds the bash to enter environments with.
func (a *app) findShell() (string, error) {
	shell := a.env.Get("NIX_BUILD_SHELL")
	if shell == "" {
		shell = "bash"
	}
	program, err := exec.LookPath(shell)
	if err != nil {
		return "", fmt.Errorf("executing shell '%s': %w", shell, err)
	}
	return program, nil
}

// devPrompt sets the prompt as the settings have it.
func (a *app) devPrompt() string {
	text := ""
	for _, p := range []struct{ setting, form string }{
		{"bash-prompt", "[ -n \"$PS1\" ] && PS1=%s;\n"},
		{"bash-prompt-prefix", "[ -n \"$PS1\" ] && PS1=%s\"$PS1\";\n"},
		{"bash-prompt-suffix", "[ -n \"$PS1\" ] && PS1+=%s;\n"},
	} {
		if v := a.settings.Get(p.setting); v != "" {
			text += fmt.Sprintf(p.form, shellQuote(v))
		}
	}
	return text
}
