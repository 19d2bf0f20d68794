// Package debian makes Debian's archive usable as a source of toolchains and
// of source tarballs, without a Debian system being visible to any build.
//
// It has three parts, each usable alone.
//
// Fetching. [Mirror] resolves an address mirror://debian/PATH, where PATH is a
// file's path below the root of the archive ("pool/main/h/hello/..."). It
// asks folders first, then the machine's own apt, then the mirrors of the
// settings, and last Debian's permanent public snapshot archive. What comes
// back is unverified: the caller compares it with the hash it expects, and for
// that reason the order never changes a result.
//
// Pinning. [Lock] is the content of stdlib/debian/lock.json: version, path,
// SHA-256 and size of each binary package and source archive that <std> uses.
// [Lock.Refresh] brings it up to date from apt's signed lists.
//
// Unpacking. [UnpackDebs] merges the contents of several .deb files into one
// prefix, with everything below usr/, and [Relocate] makes the programs in it
// run from where they lie: interpreter and library path of ELF files, absolute
// symbolic links, interpreters of scripts. Neither runs a program, reads
// anything but its arguments, nor depends on time, order or number of cores:
// the same packages at the same path give the same bytes.
package debian
