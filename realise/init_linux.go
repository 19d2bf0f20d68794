package realise

import (
	"os"
	"path/filepath"

	"github.com/seed192a40f6/glang/realise/shell"
)

// Init takes over if this process is the /bin/sh of a sandbox, or one of the
// shell's tools called by its name. A program that builds calls it first thing
// in main: sandboxes have that program as their shell.
func Init() {
	name := filepath.Base(os.Args[0])
	if name != "sh" && !shell.IsTool(name) {
		return
	}
	os.Exit(shell.Main(os.Args, shell.IO{Env: os.Environ(), Stdin: os.Stdin, Stdout: os.Stdout, Stderr: os.Stderr}))
}
