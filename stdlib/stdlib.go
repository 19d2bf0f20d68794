// Package stdlib holds the expressions that every glang carries with it.
//
// They are reached in expressions through the search path as <std>: the
// evaluator overlays [FS] on its files, so `import <std> { }` reads
// default.expr and `import <std/lib>` reads lib/default.expr without a file on
// disk. Nothing here is compiled or generated: what FS holds is what a reader
// sees in this folder.
//
//	default.expr      the package set: system and overlays in, packages out
//	lib/              functions alone: attribute sets, lists, strings, fixed
//	                  points, overlays, options and modules
//	build/            how packages are made: fetchers, trivial builders,
//	                  mkDerivation with its setup.sh, environments
//	debian/           the toolchain from Debian packages, and their lock file
//	pkgs/             one folder a package
//
// The expressions keep to what the reference implementation evaluates too.
package stdlib

import "embed"

// FS is the tree behind <std>, rooted at this folder: "default.expr",
// "lib/default.expr" and so on.
//
//go:embed default.expr lib build debian pkgs
var FS embed.FS
