package main

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/seed192a40f6/glang/store"
	"github.com/seed192a40f6/glang/store/storepath"
)

// absolute is the path of a name that the user gave.
func (a *app) absolute(name string) string {
	if filepath.IsAbs(name) {
		return name
	}
	return filepath.Join(a.env.Cwd, name)
}

// maxLinks bounds how many symbolic links are followed.
const maxLinks = 1024

// followLinks resolves symbolic links until a name lies in the store.
func (a *app) followLinks(s storepath.Scheme, word string) (string, error) {
	path := filepath.Clean(a.absolute(word))
	for i := 0; !s.IsInStore(path); i++ {
		fi, err := os.Lstat(path)
		if err != nil || fi.Mode()&os.ModeSymlink == 0 {
			break
		}
		if i >= maxLinks {
			return "", fmt.Errorf("too many symbolic links encountered while resolving '%s'", word)
		}
		target, err := os.Readlink(path)
		if err != nil {
			return "", sysError("reading symbolic link", path, err)
		}
		if !filepath.IsAbs(target) {
			target = filepath.Join(filepath.Dir(path), target)
		}
		path = filepath.Clean(target)
	}
	if !s.IsInStore(path) {
		return "", fmt.Errorf("path \"%s\" is not in the Nix store", path)
	}
	return path, nil
}

// storePath is the store path that a word means, by name or through links.
func (a *app) storePath(s storepath.Scheme, word string) (storepath.Path, error) {
	abs, err := a.followLinks(s, word)
	if err != nil {
		return storepath.Path{}, err
	}
	p, _, err := s.ToStorePath(abs)
	return p, err
}

// storePaths is storePath for several words.
func (a *app) storePaths(s storepath.Scheme, words []string) ([]storepath.Path, error) {
	out := make([]storepath.Path, len(words))
	for i, w := range words {
		p, err := a.storePath(s, w)
		if err != nil {
			return nil, err
		}
		out[i] = p
	}
	return out, nil
}

// pathOutputs is PATH or PATH!out,dev.
func (a *app) pathOutputs(s storepath.Scheme, word string) (storepath.Path, []string, error) {
	name, list, ok := strings.Cut(word, "!")
	p, err := a.storePath(s, name)
	if err != nil {
		return p, nil, err
	}
	var outputs []string
	if ok {
		for o := range strings.SplitSeq(list, ",") {
			if o != "" {
				outputs = append(outputs, o)
			}
		}
		slices.Sort(outputs)
		outputs = slices.Compact(outputs)
	}
	return p, outputs, nil
}

// sorted returns paths sorted and without doubles.
func sorted(paths []storepath.Path) []storepath.Path {
	paths = slices.Clone(paths)
	slices.SortFunc(paths, storepath.Compare)
	return slices.Compact(paths)
}

// printTopo prints paths with dependencies before what depends on them.
func (a *app) printTopo(s *store.Store, paths []storepath.Path) error {
	order, err := s.TopoSort(sorted(paths))
	if err != nil {
		return err
	}
	for i := len(order) - 1; i >= 0; i-- {
		a.println(s.Scheme().Print(order[i]))
	}
	return nil
}
