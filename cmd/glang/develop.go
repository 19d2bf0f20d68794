package main

import (
	"os"
	"strings"

	"github.com/spf13/cobra"
	"golang.org/x/term"

	"github.com/seed192a40f6/glang/store/storepath"
)

func (a *app) developCommand() *cobra.Command {
	return a.command(groupMain, "develop [FILE | -f FILE ATTR] [-c COMMAND ARGS...]", "start a shell in the environment of a build",
		`Builds what a package needs to be built, and runs bash, or with --command
another program, with the variables its builder would have and the functions of
its standard environment.`, func(f *flagSet) func() error {
			src := a.sourceFlags(f)
			a.storeFlag(f)
			r := &shellRun{app: a, interactive: term.IsTerminal(0) && term.IsTerminal(2)}
			var command []string
			f.rest("command,c", "run this program instead of an interactive shell", &command)
			f.boolean(&r.pure, "ignore-env,i", "start from an empty environment")
			f.long["ignore-environment"] = f.long["ignore-env"]
			f.texts(&r.keep, "keep-env-var,k", "name", "keep this variable in spite of --ignore-env")
			f.long["keep"] = f.long["keep-env-var"]
			return func() error {
				list, err := a.installables(src, f.args)
				if err != nil {
					return err
				}
				drvs, err := a.derivations(list)
				if err != nil {
					return err
				}
				if len(drvs) != 1 {
					return usagef("'develop' requires a single derivation")
				}
				if len(command) > 0 {
					words := make([]string, len(command))
					for i, w := range command {
						words[i] = shellQuote(w)
					}
					r.command, r.interactive = "exec "+strings.Join(words, " "), false
				}
				return r.develop(drvs[0])
			}
		})
}

// develop enters the environment of a derivation.
func (r *shellRun) develop(drv storepath.Path) (err error) {
	if r.dir, err = os.MkdirTemp("", "nix-shell-"); err != nil {
		return err
	}
	r.app.onClose(func() { os.RemoveAll(r.dir) })
	return r.enter(drv, false)
}
