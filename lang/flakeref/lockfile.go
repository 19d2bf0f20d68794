package flakeref

import (
	"bytes"
	"cmp"
	"encoding/json"
	"fmt"
	"maps"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"time"
)

// LockFile is a flake.lock: the graph of a flake's inputs, each with the
// reference that was asked for and the one that it was locked to. Two files
// are the same if their texts are ([LockFile.Text]).
type LockFile struct{ Root *LockNode }

// LockNode is a tree in the graph. All but Inputs is empty for the root.
type LockNode struct {
	Inputs           map[string]LockEdge
	Original, Locked Ref
	// IsFlake is false for a tree that is only data.
	IsFlake bool
	// Parent is where the node stands that a relative path is relative to;
	// nil for other references. The root is an empty path.
	Parent InputPath
}

// LockEdge leads to a node, or follows a path of names from the root.
type LockEdge struct {
	Node    *LockNode // nil: it follows
	Follows InputPath
}

// InputPath is the names of inputs that lead from the root to a node.
type InputPath []string

func (p InputPath) String() string { return strings.Join(p, "/") }

// Append returns the path to an input of the node at p.
func (p InputPath) Append(name string) InputPath { return append(slices.Clone(p), name) }

// ParseInputPath reads names separated by slashes.
func ParseInputPath(s string) (InputPath, error) {
	p := InputPath{}
	for name := range strings.SplitSeq(s, "/") {
		if name == "" {
			continue
		}
		if !inputName().MatchString(name) {
			return nil, fmt.Errorf("invalid flake input attribute path element '%s'", name)
		}
		p = append(p, name)
	}
	return p, nil
}

// NewLockFile is a lock file of a flake without inputs.
func NewLockFile() *LockFile { return &LockFile{&LockNode{Inputs: map[string]LockEdge{}}} }

// lockJSON is the form of a lock file.
type lockJSON struct {
	Nodes   map[string]*nodeJSON `json:"nodes"`
	Root    string               `json:"root"`
	Version int                  `json:"version"`
}

type nodeJSON struct {
	Flake    *bool          `json:"flake,omitempty"`
	Info     Attrs          `json:"info,omitempty"` // of version 5
	Inputs   map[string]any `json:"inputs,omitempty"`
	Locked   Attrs          `json:"locked,omitempty"`
	Original Attrs          `json:"original,omitempty"`
	Parent   *InputPath     `json:"parent,omitempty"`
}

// ParseLock reads a lock file; name is for messages. warn is told of inputs
// that nothing but a hash of their contents locks.
func ParseLock(text []byte, name string, warn func(string)) (*LockFile, error) {
	var f lockJSON
	d := json.NewDecoder(bytes.NewReader(text))
	d.UseNumber()
	if err := d.Decode(&f); err != nil {
		return nil, fmt.Errorf("while parsing the lock file '%s': %w", name, err)
	}
	if f.Version < 5 || f.Version > 7 {
		return nil, fmt.Errorf("lock file '%s' has unsupported version %d", name, f.Version)
	}
	l := NewLockFile()
	r := lockReader{nodes: f.Nodes, done: map[string]*LockNode{f.Root: l.Root}, warn: warn}
	if root := f.Nodes[f.Root]; root != nil {
		return l, r.inputs(l.Root, root)
	}
	return nil, fmt.Errorf("lock file '%s' has no node '%s'", name, f.Root)
}

type lockReader struct {
	nodes map[string]*nodeJSON
	done  map[string]*LockNode
	warn  func(string)
}

func (r *lockReader) inputs(n *LockNode, j *nodeJSON) error {
	for _, name := range slices.Sorted(maps.Keys(j.Inputs)) {
		switch spec := j.Inputs[name].(type) {
		case string:
			child, err := r.node(spec)
			if err != nil {
				return err
			}
			if child.Locked.Input == nil {
				return fmt.Errorf("lock file contains cycle to root node")
			}
			n.Inputs[name] = LockEdge{Node: child}
		case []any:
			path := InputPath{}
			for _, s := range spec {
				s, ok := s.(string)
				if !ok {
					return fmt.Errorf("input '%s' in the lock file follows what is no name", name)
				}
				path = append(path, s)
			}
			n.Inputs[name] = LockEdge{Follows: path}
		default:
			return fmt.Errorf("input '%s' in the lock file is neither a node nor a path of names", name)
		}
	}
	return nil
}

func (r *lockReader) node(key string) (*LockNode, error) {
	if n := r.done[key]; n != nil {
		return n, nil
	}
	j := r.nodes[key]
	if j == nil {
		return nil, fmt.Errorf("lock file references missing node '%s'", key)
	}
	n := &LockNode{Inputs: map[string]LockEdge{}, IsFlake: j.Flake == nil || *j.Flake}
	r.done[key] = n
	if j.Parent != nil {
		n.Parent = append(InputPath{}, *j.Parent...)
	}
	for _, part := range []struct {
		attr string
		from Attrs
		to   *Ref
	}{{"locked", j.Locked, &n.Locked}, {"original", j.Original, &n.Original}} {
		if part.from == nil {
			return nil, fmt.Errorf("attribute '%s' missing in lock file", part.attr)
		}
		attrs := maps.Clone(part.from)
		if part.attr == "locked" {
			maps.Copy(attrs, j.Info)
		}
		attrs.FixNumbers()
		var err error
		if *part.to, err = FromAttrs(attrs); err != nil {
			return nil, err
		}
	}
	if in := n.Locked.Input; !in.IsLocked() && !in.IsRelative() {
		if in["narHash"] == nil {
			return nil, fmt.Errorf("Lock file contains unlocked input '%s'. Use '--allow-dirty-locks' to accept this lock file.", in)
		}
		text, err := n.Locked.Text()
		if err != nil {
			return nil, err
		}
		r.warn(fmt.Sprintf("Lock file entry '%s' is unlocked (e.g. lacks a Git revision) but is checked by NAR hash. "+
			"This is not reproducible and will break after garbage collection or when shared.", text))
	}
	return n, r.inputs(n, j)
}

// FixNumbers makes the numbers of a JSON text those of references.
func (a Attrs) FixNumbers() {
	for k, v := range a {
		if n, ok := v.(json.Number); ok {
			i, _ := n.Int64() // all are times and counts
			a[k] = i
		}
	}
}

// IsLocked tells whether an input always is the same tree.
func (a Attrs) IsLocked() bool {
	switch a["type"] {
	case "git", "hg", "github", "gitlab", "sourcehut":
		rev, ok := a["rev"].(string)
		return ok && strings.Trim(rev, "0") != ""
	}
	return a["narHash"] != nil
}

// IsRelative tells whether an input is a path within the tree that names it.
func (a Attrs) IsRelative() bool {
	p, _ := a["path"].(string)
	return a["type"] == "path" && !strings.HasPrefix(p, "/")
}

// Same tells whether two references are the same. An old lock file may have
// the folder in the address too.
func (r Ref) Same(o Ref) bool {
	return reflect.DeepEqual(r.withoutDir().Attrs(), o.withoutDir().Attrs())
}

func (r Ref) withoutDir() Ref {
	s, ok := r.Input["url"].(string)
	if !ok || r.Dir == "" {
		return r
	}
	u, err := ParseURL(s)
	if err != nil || u.Query["dir"] != r.Dir {
		return r
	}
	delete(u.Query, "dir")
	r.Input = maps.Clone(r.Input)
	r.Input["url"] = u.String()
	return r
}

// json is the lock file's form, with the name that each node has there.
func (l *LockFile) json() (*lockJSON, map[*LockNode]string) {
	f := &lockJSON{Nodes: map[string]*nodeJSON{}, Version: 7}
	keys := map[*LockNode]string{}
	used := map[string]bool{}
	var dump func(key string, n *LockNode) string
	dump = func(key string, n *LockNode) string {
		if k, ok := keys[n]; ok {
			return k
		}
		for base, i := key, 2; used[key]; i++ {
			key = base + "_" + strconv.Itoa(i)
		}
		used[key], keys[n] = true, key
		j := &nodeJSON{}
		if len(n.Inputs) > 0 {
			j.Inputs = map[string]any{}
		}
		for _, name := range slices.Sorted(maps.Keys(n.Inputs)) {
			if e := n.Inputs[name]; e.Node != nil {
				j.Inputs[name] = dump(name, e.Node)
			} else {
				j.Inputs[name] = e.Follows
			}
		}
		if n != l.Root {
			j.Original, j.Locked = n.Original.Attrs(), n.Locked.Attrs()
			if !n.IsFlake {
				j.Flake = new(bool)
			}
			if n.Parent != nil {
				j.Parent = &n.Parent
			}
		}
		f.Nodes[key] = j
		return key
	}
	f.Root = dump("root", l.Root)
	return f, keys
}

// JSON is the lock file as a value for encoding/json.
func (l *LockFile) JSON() any {
	f, _ := l.json()
	return f
}

// Names gives each node the name that it has in the file.
func (l *LockFile) Names() map[*LockNode]string {
	_, keys := l.json()
	return keys
}

// Text is the file's contents.
func (l *LockFile) Text() string {
	f, _ := l.json()
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	e.SetIndent("", "  ")
	if err := e.Encode(f); err != nil {
		panic(err) // strings, numbers and booleans can be encoded
	}
	return b.String()
}

// Find returns the node at a path; nil if there is none. It fails on a cycle
// of inputs that follow each other.
func (l *LockFile) Find(path InputPath) (*LockNode, error) { return l.find(path, nil) }

func (l *LockFile) find(path InputPath, visited []InputPath) (*LockNode, error) {
	if i := slices.IndexFunc(visited, func(p InputPath) bool { return slices.Equal(p, path) }); i >= 0 {
		var cycle []string
		for _, p := range append(visited[i:], path) {
			cycle = append(cycle, p.String())
		}
		return nil, fmt.Errorf("follow cycle detected: [%s]", strings.Join(cycle, " -> "))
	}
	visited = append(slices.Clone(visited), path)
	n := l.Root
	for _, name := range path {
		e, ok := n.Inputs[name]
		if !ok {
			return nil, nil
		}
		if n = e.Node; n == nil {
			var err error
			if n, err = l.find(e.Follows, visited); n == nil {
				return nil, err
			}
		}
	}
	return n, nil
}

// Input is an input with its path from the root.
type Input struct {
	Path InputPath
	Edge LockEdge
}

// Inputs lists all inputs, in the order of their paths. Of a node that several
// inputs share, the inputs are listed once.
func (l *LockFile) Inputs() []Input {
	var out []Input
	done := map[*LockNode]bool{}
	var visit func(prefix InputPath, n *LockNode)
	visit = func(prefix InputPath, n *LockNode) {
		if done[n] {
			return
		}
		done[n] = true
		for _, name := range slices.Sorted(maps.Keys(n.Inputs)) {
			in := Input{prefix.Append(name), n.Inputs[name]}
			out = append(out, in)
			if in.Edge.Node != nil {
				visit(in.Path, in.Edge.Node)
			}
		}
	}
	visit(InputPath{}, l.Root)
	slices.SortStableFunc(out, func(a, b Input) int { return slices.Compare(a.Path, b.Path) })
	return out
}

// Check fails if an input follows one that does not exist.
func (l *LockFile) Check() error {
	for _, in := range l.Inputs() {
		if in.Edge.Node != nil || len(in.Edge.Follows) == 0 {
			continue
		}
		n, err := l.Find(in.Edge.Follows)
		if err != nil {
			return err
		}
		if n == nil {
			return fmt.Errorf("input '%s' follows a non-existent input '%s'", in.Path, in.Edge.Follows)
		}
	}
	return nil
}

// Unlocked finds an input that is not locked; with dirty a hash of its
// contents is enough.
func (l *LockFile) Unlocked(dirty bool) (Ref, bool) {
	for _, in := range l.Inputs() {
		n := in.Edge.Node
		if n == nil || n.Locked.Input.IsRelative() || n.Locked.Input.IsLocked() || dirty && n.Locked.Input["narHash"] != nil {
			continue
		}
		return n.Locked, true
	}
	return Ref{}, false
}

// Diff says in words how l differs from an old lock file; colour marks what
// was done with each input.
func (l *LockFile) Diff(old *LockFile, colour bool) string {
	mark := func(code, text string) string {
		if colour {
			return "\x1b[" + code + "m" + text + "\x1b[0m"
		}
		return text
	}
	var b strings.Builder
	before, after := old.Inputs(), l.Inputs()
	for len(before)+len(after) > 0 {
		c := 0
		switch {
		case len(before) == 0:
			c = 1
		case len(after) == 0:
			c = -1
		default:
			c = slices.Compare(before[0].Path, after[0].Path)
		}
		switch {
		case c > 0:
			fmt.Fprintf(&b, "• %s\n    %s\n", mark("32;1", "Added input '"+after[0].Path.String()+"':"), after[0].Edge)
			after = after[1:]
		case c < 0:
			fmt.Fprintf(&b, "• %s\n", mark("31;1", "Removed input '"+before[0].Path.String()+"'"))
			before = before[1:]
		default:
			if !before[0].Edge.same(after[0].Edge) {
				fmt.Fprintf(&b, "• %s\n    %s\n  → %s\n", mark("1", "Updated input '"+after[0].Path.String()+"':"), before[0].Edge, after[0].Edge)
			}
			before, after = before[1:], after[1:]
		}
	}
	return b.String()
}

func (e LockEdge) same(o LockEdge) bool {
	if e.Node != nil && o.Node != nil {
		return reflect.DeepEqual(e.Node.Locked.Attrs(), o.Node.Locked.Attrs())
	}
	return e.Node == nil && o.Node == nil && slices.Equal(e.Follows, o.Follows)
}

// String describes what an input is locked to.
func (e LockEdge) String() string {
	if e.Node == nil {
		return "follows '" + e.Follows.String() + "'"
	}
	text, err := e.Node.Locked.Text()
	s := "'" + cmp.Or(text, fmt.Sprint(err)) + "'"
	if t, ok := e.Node.Locked.Input["lastModified"].(int64); ok {
		s += time.Unix(t, 0).UTC().Format(" (2006-01-02)")
	}
	return s
}
