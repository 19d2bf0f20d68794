package main

import (
	"github.com/seed192a40f6/glang/realise"
	_ "github.com/seed192a40f6/glang/realise/shell/takeover" // the shell of a build comes no further
)

// takeOver runs instead of main when the program was started as part of a
// build. Nothing may come before it.
func takeOver() { realise.Init() }
