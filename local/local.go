// Package local puts the parts together for use on one machine: it reads
// settings, decides which store to use and under which scheme, opens it with
// a realiser, and plugs both into an evaluator.
//
// Two worlds share the code. A command that runs as one of the reference's
// tools has the nix scheme and obeys the NIX_ variables and nix.conf; glang's
// own commands have the native scheme, glang.conf and the GLANG_ variables.
// Package local reads no environment of its own: everything arrives in [Env].
package local
