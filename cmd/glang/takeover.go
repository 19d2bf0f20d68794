package main

import "github.com/seed192a40f6/glang/realise"

// takeOver runs instead of main when the program was started as part of a
// build: as the sandbox's init, a built-in builder or the shell. Nothing may
// come before it.
func takeOver() { realise.Init() }
