package main

import (
	"runtime/debug"
	"strings"

	"github.com/seed192a40f6/glang/local"
)

// nixVersion is the version of the reference whose behaviour glang has.
const nixVersion = "2.34.8"

// version is glang's own.
func version() string {
	if info, ok := debug.ReadBuildInfo(); ok && info.Main.Version != "" && info.Main.Version != "(devel)" {
		return info.Main.Version
	}
	return "development"
}

// printVersion prints the version; the tools' in the reference's form, which
// scripts parse.
func (a *app) printVersion() error {
	name := toolName(a.program)
	if !a.asNix {
		a.printf("glang %s (language of Nix %s)\n", version(), nixVersion)
		return nil
	}
	a.printf("%s (Nix) %s\n", name, nixVersion)
	if a.verbosity > levelInfo {
		a.printf("System type: %s\n", a.settings.System())
		a.printf("Additional system types: %s\n", strings.Join(a.settings.Words("extra-platforms"), ", "))
		a.printf("Features: signed-caches\n")
		a.printf("System configuration file: %s\n", a.dirs.ConfFile)
		a.printf("User configuration files: %s\n", strings.Join(a.dirs.UserConfFiles, ":"))
		a.printf("Store directory: %s\n", a.dirs.StoreDir)
		a.printf("State directory: %s\n", a.dirs.StateDir)
	}
	return nil
}

var _ = local.Bool
