package nar

import (
	"bytes"
	"encoding/json"
	"io"
	"io/fs"
	"path"
	"strings"
)

// Node is a node in a [List]ing, in the shape of the ".ls" files of binary
// caches.
type Node struct {
	Type       Type             `json:"-"`
	Entries    map[string]*Node `json:"-"` // of a directory
	Executable bool             `json:"-"` // and Size, Offset: of a regular file
	Size       int64            `json:"-"`
	// Offset is where the contents begin in the archive; 0 if unknown.
	Offset int64  `json:"-"`
	Target string `json:"-"` // of a symbolic link
}

// MarshalJSON writes the node, without empty members.
func (n *Node) MarshalJSON() ([]byte, error) {
	type common struct {
		Executable bool   `json:"executable,omitempty"`
		NarOffset  int64  `json:"narOffset,omitempty"`
		Size       int64  `json:"size"`
		Type       string `json:"type"`
	}
	switch n.Type {
	case Regular:
		return json.Marshal(common{n.Executable, n.Offset, n.Size, "regular"})
	case Directory:
		entries := n.Entries
		if entries == nil {
			entries = map[string]*Node{}
		}
		return marshalPlain(struct {
			Entries map[string]*Node `json:"entries"`
			Type    string           `json:"type"`
		}{entries, "directory"})
	}
	return marshalPlain(struct {
		Target string `json:"target"`
		Type   string `json:"type"`
	}{n.Target, "symlink"})
}

// UnmarshalJSON reads what MarshalJSON writes.
func (n *Node) UnmarshalJSON(b []byte) error {
	var v struct {
		Type       string
		Entries    map[string]*Node
		Executable bool
		Size       int64
		NarOffset  int64
		Target     string
	}
	if err := json.Unmarshal(b, &v); err != nil {
		return err
	}
	*n = Node{Entries: v.Entries, Executable: v.Executable, Size: v.Size, Offset: v.NarOffset, Target: v.Target}
	switch v.Type {
	case "regular":
		n.Type = Regular
	case "directory":
		n.Type = Directory
	case "symlink":
		n.Type = Symlink
	default:
		return badArchive("unknown file type '%s'", v.Type)
	}
	return nil
}

// marshalPlain is json.Marshal that leaves <, > and & as they are.
func marshalPlain(v any) ([]byte, error) {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	if err := e.Encode(v); err != nil {
		return nil, err
	}
	return bytes.TrimSuffix(b.Bytes(), []byte("\n")), nil
}

// Lookup finds the node at a path of names joined with slashes, "" being n
// itself; nil if there is none.
func (n *Node) Lookup(name string) *Node {
	for name = strings.Trim(path.Clean("/"+name), "/"); n != nil && name != ""; {
		var first string
		first, name, _ = strings.Cut(name, "/")
		n = n.Entries[first]
	}
	return n
}

// List reads an archive and lists what is in it.
func List(r io.Reader) (*Node, error) {
	nr := NewReader(r)
	var root *Node
	var dirs []*Node // the directories around the next node, root first
	for {
		h, err := nr.Next()
		if err == io.EOF {
			return root, nil
		}
		if err != nil {
			return nil, err
		}
		n := &Node{Type: h.Type, Executable: h.Executable, Size: h.Size, Offset: h.Offset, Target: h.Target}
		if h.Path == "" {
			root = n
		} else {
			dirs = dirs[:strings.Count(h.Path, "/")+1]
			dirs[len(dirs)-1].Entries[path.Base(h.Path)] = n
		}
		if n.Type == Directory {
			n.Entries = make(map[string]*Node)
			dirs = append(dirs, n)
		}
	}
}

// ListTree lists a tree of files without making an archive; the nodes have no
// offsets. With deep false, the entries of the root are listed and no more.
func ListTree(t Tree, name string, deep bool) (*Node, error) {
	return listTree(t, name, deep, 0)
}

func listTree(t Tree, name string, deep bool, depth int) (*Node, error) {
	fi, err := t.Lstat(name)
	if err != nil {
		return nil, err
	}
	switch fi.Mode().Type() {
	case 0:
		return &Node{Type: Regular, Executable: fi.Mode()&0o100 != 0, Size: fi.Size()}, nil
	case fs.ModeSymlink:
		target, err := t.Readlink(name)
		return &Node{Type: Symlink, Target: target}, err
	case fs.ModeDir:
	default:
		return nil, badArchive("file '%s' has an unsupported type", name)
	}
	if depth >= MaxDepth {
		return nil, badArchive("NAR directory nesting exceeds maximum depth of %d", MaxDepth)
	}
	n := &Node{Type: Directory, Entries: make(map[string]*Node)}
	if !deep && depth > 0 {
		return n, nil
	}
	entries, err := t.ReadDir(name)
	if err != nil {
		return nil, err
	}
	for _, e := range entries {
		if n.Entries[e.Name()], err = listTree(t, path.Join(name, e.Name()), deep, depth+1); err != nil {
			return nil, err
		}
	}
	return n, nil
}

// OS is the file system of the machine as a [Tree].
func OS() Tree { return osTree{} }
