package realise

import (
	"fmt"
	"os"
	"path/filepath"

	"github.com/seed192a40f6/glang/realise/shell"
)

// Init takes over if this process is the /bin/sh of a sandbox, one of the
// shell's tools called by its name, or the inside of RunInStore. A program that builds calls it first thing
// in main: sandboxes have that program as their shell.
func Init() {
	name := filepath.Base(os.Args[0])
	if name == chrootName {
		err := enterStore(os.Args[1:])
		fmt.Fprintf(os.Stderr, "error: %s\n", err)
		os.Exit(1)
	}
	if name != "sh" && !shell.IsTool(name) {
		return
	}
	os.Exit(shell.Main(os.Args, shell.IO{Env: os.Environ(), Stdin: os.Stdin, Stdout: os.Stdout, Stderr: os.Stderr}))
}
