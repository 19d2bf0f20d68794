// Package nar reads and writes archives in the format in which stores
// exchange and hash trees of files.
//
// A node is a regular file (contents, and whether it may be executed), a
// directory (named nodes, sorted by the bytes of their names) or a symbolic
// link (its target). Nothing else is recorded: no owners, times or other
// permissions, so one tree has one archive and its hash identifies it.
//
// In the archive every string is its length as 8 bytes, little end first, its
// bytes, and zeros up to a multiple of 8. The grammar, in strings:
//
//	archive   = "nix-archive-1" node
//	node      = "(" "type" ( regular | directory | symlink ) ")"
//	regular   = "regular" [ "executable" "" ] "contents" bytes
//	directory = "directory" { "entry" "(" "name" name "node" node ")" }
//	symlink   = "symlink" "target" target
//
// [Dump] and [Restore] go between archives and file systems; [Reader] and
// [Writer] give the nodes one by one, as archive/tar does. Archives may come
// from strangers: reading neither recurses nor allocates by a length that was
// read, names are checked, and depth, names and targets have limits.
package nar

import (
	"errors"
	"fmt"
	"io"

	"github.com/seed192a40f6/glang/store/hash"
)

// Limits of the format; an archive beyond them is not read and not written.
const (
	MaxDepth  = 64   // nodes from the root to a leaf
	MaxName   = 255  // bytes in the name of an entry
	MaxTarget = 4095 // bytes in the target of a symbolic link
)

const magic = "nix-archive-1"

// maxTag is the limit of the words of the grammar: it leaves room to quote
// what stands in the place of one.
const maxTag = 32

// ErrFormat is what errors about malformed archives match with [errors.Is].
var ErrFormat = errors.New("bad archive")

type formatError string

func (e formatError) Error() string        { return string(e) }
func (e formatError) Is(target error) bool { return target == ErrFormat }

func badArchive(format string, args ...any) error {
	return formatError("bad archive: " + fmt.Sprintf(format, args...))
}

// Type is the type of a node.
type Type uint8

// The types of nodes.
const (
	Regular Type = iota
	Directory
	Symlink
)

// String is the word of the grammar: "regular", "directory" or "symlink".
func (t Type) String() string {
	switch t {
	case Regular:
		return "regular"
	case Directory:
		return "directory"
	}
	return "symlink"
}

// Header describes a node.
type Header struct {
	// Path is the names from the root to the node, joined with slashes; ""
	// for the root.
	Path string
	Type Type
	// Executable, Size and Offset belong to regular files: the number of
	// bytes in the contents, and where in the archive they begin.
	Executable bool
	Size       int64
	Offset     int64
	// Target belongs to symbolic links.
	Target string
}

// Hash is the hash of the archive of a tree, and the archive's size in bytes.
// path and filter are as for [Dump].
func Hash(algo hash.Algo, path string, filter Filter) (hash.Hash, int64, error) {
	h := hash.New(algo)
	if err := Dump(h, path, filter); err != nil {
		return hash.Hash{}, 0, err
	}
	return h.Sum(), h.Size(), nil
}

// HashTree is [Hash] for a [Tree].
func HashTree(algo hash.Algo, t Tree, path string, filter Filter) (hash.Hash, int64, error) {
	h := hash.New(algo)
	if err := DumpTree(h, t, path, filter); err != nil {
		return hash.Hash{}, 0, err
	}
	return h.Sum(), h.Size(), nil
}

// Copy copies one archive from r to w and checks it on the way. It reads no
// further than [NewReader] says.
func Copy(w io.Writer, r io.Reader) error {
	nr := newReader(r, w)
	for {
		if _, err := nr.Next(); err == io.EOF {
			return nil
		} else if err != nil {
			return err
		}
	}
}
