package nar

import (
	"fmt"
	"io/fs"
	"path"
	"strconv"
	"strings"
)

// A file system that does not tell letters by case cannot hold all that an
// archive may. The case hack (use-case-hack) restores what collides under names
// with a suffix, which is taken off again when the tree is dumped.

const caseHackSuffix = "~nix~case~hack~"

// WithoutCaseHack shows a tree with the names that its files have in archives.
func WithoutCaseHack(t Tree) Tree { return &plainNames{t, map[string]string{}} }

type plainNames struct {
	t Tree
	// real has the paths whose names are other ones in the file system.
	real map[string]string
}

func (t *plainNames) path(name string) string {
	if r, ok := t.real[name]; ok {
		return r
	}
	return name
}

func (t *plainNames) Open(name string) (fs.File, error)      { return t.t.Open(t.path(name)) }
func (t *plainNames) Lstat(name string) (fs.FileInfo, error) { return t.t.Lstat(t.path(name)) }
func (t *plainNames) Readlink(name string) (string, error)   { return t.t.Readlink(t.path(name)) }

// ReadDir lists a directory under plain names, of which each must be there once.
func (t *plainNames) ReadDir(name string) ([]fs.DirEntry, error) {
	dir := t.path(name)
	entries, err := t.t.ReadDir(dir)
	if err != nil {
		return nil, err
	}
	seen := map[string]string{}
	out := make([]fs.DirEntry, len(entries))
	for i, e := range entries {
		plain, _, hacked := strings.Cut(e.Name(), caseHackSuffix)
		if other, ok := seen[plain]; ok {
			return nil, fmt.Errorf("file name collision between '%s' and '%s'", path.Join(dir, other), path.Join(dir, e.Name()))
		}
		seen[plain] = e.Name()
		out[i] = e
		if hacked {
			out[i] = plainEntry{e, plain}
		}
		if hacked || dir != name {
			t.real[path.Join(name, plain)] = path.Join(dir, e.Name())
		}
	}
	return out, nil
}

type plainEntry struct {
	fs.DirEntry
	name string
}

func (e plainEntry) Name() string { return e.name }

// caseNames are the names in one directory that is being restored.
type caseNames map[string]*caseName // by name without regard to case

type caseName struct {
	name string
	n    int // how many others have been given suffixes
}

// hack gives a name the suffix that keeps it apart.
func (c caseNames) hack(name string) (string, error) {
	old := c[strings.ToLower(name)]
	if old == nil {
		c[strings.ToLower(name)] = &caseName{name: name}
		return name, nil
	}
	old.n++
	hacked := name + caseHackSuffix + strconv.Itoa(old.n)
	if other := c[strings.ToLower(hacked)]; other != nil {
		return "", badArchive("NAR contains file name '%s' that collides with case-hacked file name '%s'", name, other.name)
	}
	return hacked, nil
}
