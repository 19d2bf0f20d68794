// Command glang evaluates package expressions, builds derivations into a
// hashed store and keeps environments.
//
// It is one multi-call binary. Under its own name its subcommands are glang's
// own, with the native store scheme. Under the name of one of the reference's
// tools (nix, nix-build, nix-store and so on), be it by a link or as the first
// argument, it behaves as that tool, with the nix scheme and the NIX_
// variables.
//
// main chooses between the two; verbs.go holds the tree of subcommands, one
// file each defines one; the files nix_*.go are the old tools. An [app]
// carries what a run needs from flags to the store and the evaluator. Errors
// end in exit.go, the only place that turns them into an exit status.
package main

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
)

func main() {
	takeOver()
	tuneRuntime()
	os.Exit(run(os.Args))
}

// run carries out a command line and returns the exit status.
func run(argv []string) (status int) {
	a := newApp(argv)
	defer a.recoverInternal(&status)
	return a.finish(a.dispatch())
}

// dispatch finds out as what the program was called.
func (a *app) dispatch() error {
	name := toolName(a.argv[0])
	args := a.argv[1:]
	if name != "nix" && tool(name) == nil && len(args) > 0 {
		if args[0] == "nix" || tool(args[0]) != nil {
			name, args = args[0], args[1:]
			a.program = name
		}
	}
	if len(args) > 0 && args[0] == "__build-remote" {
		return usagef("this program does not build on remote machines")
	}
	if t := tool(name); t != nil {
		a.begin(name, true)
		return t(a, args)
	}
	a.begin(name, name == "nix")
	return a.verb(args)
}

func toolName(argv0 string) string {
	base := filepath.Base(argv0)
	if i := strings.LastIndexByte(base, '.'); i > 0 {
		base = base[:i]
	}
	return base
}

// tool finds one of the reference's old commands, nil if name is none.
func tool(name string) func(*app, []string) error {
	switch name {
	case "nix-instantiate":
		return nixInstantiate
	case "nix-build":
		return nixBuild
	case "nix-shell":
		return nixShell
	case "nix-channel":
		return nixChannel
	case "nix-prefetch-url":
		return nixPrefetchURL
	case "nix-daemon", "nix-copy-closure":
		return func(*app, []string) error {
			return fmt.Errorf("'%s' is not supported by this program yet", name)
		}
	case "nix-store":
		return nixStore
	case "nix-env":
		return nixEnv
	case "nix-collect-garbage":
		return nixCollectGarbage
	case "nix-hash":
		return nixHash
	}
	return nil
}
