package store

import (
	"bytes"
	"io"
	"io/fs"
	"path"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/seed192a40f6/glang/store/nar"
	"github.com/seed192a40f6/glang/store/storepath"
)

// Tree gives the contents of the store: names begin with the base name of a
// store path.
func (d *Dummy) Tree() nar.Tree {
	return &dummyTree{d: d, nodes: map[storepath.Path]map[string]*memNode{}}
}

// dummyTree unpacks the archives of objects when they are first looked into.
type dummyTree struct {
	d     *Dummy
	mu    sync.Mutex
	nodes map[storepath.Path]map[string]*memNode // by path within the object
}

// memNode is a file in memory.
type memNode struct {
	name     string
	mode     fs.FileMode
	data     []byte
	target   string
	children []*memNode
}

func (t *dummyTree) node(op, name string) (*memNode, error) {
	missing := &fs.PathError{Op: op, Path: name, Err: fs.ErrNotExist}
	base, rest, _ := strings.Cut(strings.TrimPrefix(path.Clean("/"+name), "/"), "/")
	p, err := storepath.ParseBase(base)
	if err != nil {
		return nil, missing
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	nodes := t.nodes[p]
	if nodes == nil {
		o := t.d.get(p)
		if o == nil {
			return nil, missing
		}
		if nodes, err = unpackNodes(o.archive, base); err != nil {
			return nil, err
		}
		t.nodes[p] = nodes
	}
	if n := nodes[rest]; n != nil {
		return n, nil
	}
	return nil, missing
}

func unpackNodes(archive []byte, base string) (map[string]*memNode, error) {
	nodes := map[string]*memNode{}
	r := nar.NewReader(bytes.NewReader(archive))
	for {
		h, err := r.Next()
		if err == io.EOF {
			return nodes, nil
		}
		if err != nil {
			return nil, err
		}
		n := &memNode{name: base, target: h.Target}
		switch h.Type {
		case nar.Directory:
			n.mode = fs.ModeDir | 0o555
		case nar.Symlink:
			n.mode = fs.ModeSymlink | 0o777
		default:
			n.mode = 0o444
			if h.Executable {
				n.mode = 0o555
			}
			if n.data, err = io.ReadAll(r); err != nil {
				return nil, err
			}
		}
		nodes[h.Path] = n
		if h.Path != "" {
			n.name = path.Base(h.Path)
			dir := strings.TrimSuffix(h.Path[:len(h.Path)-len(n.name)], "/")
			nodes[dir].children = append(nodes[dir].children, n)
		}
	}
}

func (t *dummyTree) Lstat(name string) (fs.FileInfo, error) { return infoOf(t.node("lstat", name)) }

func infoOf(n *memNode, err error) (fs.FileInfo, error) {
	if err != nil {
		return nil, err
	}
	return n, nil
}

func (t *dummyTree) Open(name string) (fs.File, error) {
	n, err := t.node("open", name)
	if err != nil {
		return nil, err
	}
	if !n.mode.IsRegular() {
		return nil, &fs.PathError{Op: "open", Path: name, Err: fs.ErrInvalid}
	}
	return &memFile{bytes.NewReader(n.data), n}, nil
}

func (t *dummyTree) ReadDir(name string) ([]fs.DirEntry, error) {
	n, err := t.node("readdir", name)
	if err != nil {
		return nil, err
	}
	if !n.IsDir() {
		return nil, &fs.PathError{Op: "readdir", Path: name, Err: fs.ErrInvalid}
	}
	var out []fs.DirEntry
	for _, c := range n.children {
		out = append(out, fs.FileInfoToDirEntry(c))
	}
	return slices.Clip(out), nil
}

func (t *dummyTree) Readlink(name string) (string, error) {
	n, err := t.node("readlink", name)
	if err != nil {
		return "", err
	}
	if n.mode&fs.ModeSymlink == 0 {
		return "", &fs.PathError{Op: "readlink", Path: name, Err: fs.ErrInvalid}
	}
	return n.target, nil
}

type memFile struct {
	*bytes.Reader
	n *memNode
}

func (f *memFile) Stat() (fs.FileInfo, error) { return f.n, nil }
func (f *memFile) Close() error               { return nil }

// memNode is its own fs.FileInfo.

func (n *memNode) Name() string       { return n.name }
func (n *memNode) Size() int64        { return int64(len(n.data)) }
func (n *memNode) Mode() fs.FileMode  { return n.mode }
func (n *memNode) ModTime() time.Time { return time.Unix(storeMtime, 0) }
func (n *memNode) IsDir() bool        { return n.mode.IsDir() }
func (n *memNode) Sys() any           { return nil }
