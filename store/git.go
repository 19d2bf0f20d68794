package store

import (
	"fmt"
	"io"
	"io/fs"
	"slices"
	"strings"

	"github.com/seed192a40f6/glang/store/hash"
	"github.com/seed192a40f6/glang/store/nar"
)

// gitHash hashes a tree as git hashes blobs and trees.
func gitHash(algo hash.Algo, t nar.Tree, path string, filter nar.Filter) (hash.Hash, error) {
	fi, err := t.Lstat(path)
	if err != nil {
		return hash.Hash{}, err
	}
	if !fi.IsDir() && (!fi.Mode().IsRegular() || fi.Mode()&0o100 != 0) {
		return hash.Hash{}, fmt.Errorf("file '%s' is not a plain file or directory, which alone have a git hash without a name", path)
	}
	h, _, err := gitNode(algo, t, path, fi, filter, 0)
	return h, err
}

// gitNode returns the hash of a node and its mode in a tree object.
func gitNode(algo hash.Algo, t nar.Tree, path string, fi fs.FileInfo, filter nar.Filter, depth int) (hash.Hash, string, error) {
	switch {
	case depth > nar.MaxDepth:
		return hash.Hash{}, "", fmt.Errorf("directories in '%s' are nested too deeply", path)
	case fi.IsDir():
		h, err := gitTree(algo, t, path, filter, depth)
		return h, "40000", err
	case fi.Mode()&fs.ModeSymlink != 0:
		target, err := t.Readlink(path)
		return gitObject(algo, "blob", []byte(target)), "120000", err
	case fi.Mode().IsRegular():
		mode := "100644"
		if fi.Mode()&0o100 != 0 {
			mode = "100755"
		}
		h, err := gitBlob(algo, t, path, fi.Size())
		return h, mode, err
	}
	return hash.Hash{}, "", fmt.Errorf("file '%s' has an unsupported type", path)
}

func gitObject(algo hash.Algo, kind string, body []byte) hash.Hash {
	return hash.Sum(algo, append(fmt.Appendf(nil, "%s %d\x00", kind, len(body)), body...))
}

func gitBlob(algo hash.Algo, t nar.Tree, path string, size int64) (hash.Hash, error) {
	f, err := t.Open(path)
	if err != nil {
		return hash.Hash{}, err
	}
	defer f.Close()
	h := hash.New(algo)
	fmt.Fprintf(h, "blob %d\x00", size)
	n, err := io.Copy(h, f)
	if err == nil && n != size {
		err = fmt.Errorf("file '%s' changed while it was read", path)
	}
	return h.Sum(), err
}

func gitTree(algo hash.Algo, t nar.Tree, path string, filter nar.Filter, depth int) (hash.Hash, error) {
	entries, err := t.ReadDir(path)
	if err != nil {
		return hash.Hash{}, err
	}
	// git sorts directories as if their names ended in a slash
	key := func(e fs.DirEntry) string {
		if e.IsDir() {
			return e.Name() + "/"
		}
		return e.Name()
	}
	slices.SortFunc(entries, func(a, b fs.DirEntry) int { return strings.Compare(key(a), key(b)) })
	var body []byte
	for _, e := range entries {
		name := path + "/" + e.Name()
		fi, err := t.Lstat(name)
		if err != nil {
			return hash.Hash{}, err
		}
		if filter != nil && !filter(name, fi) {
			continue
		}
		h, mode, err := gitNode(algo, t, name, fi, filter, depth+1)
		if err != nil {
			return hash.Hash{}, err
		}
		body = append(fmt.Appendf(body, "%s %s\x00", mode, e.Name()), h.Bytes()...)
	}
	return gitObject(algo, "tree", body), nil
}
