package builtins

import (
	"encoding/json"
	"errors"
	"io/fs"
	"maps"
	"path"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/seed192a40f6/glang/lang/ast"
	"github.com/seed192a40f6/glang/lang/diag"
	"github.com/seed192a40f6/glang/lang/eval"
	"github.com/seed192a40f6/glang/lang/flakeref"
	"github.com/seed192a40f6/glang/store/hash"
	"github.com/seed192a40f6/glang/store/storepath"
)

// getFlake is the outputs of a flake. Its inputs are those of its lock file;
// an input that is not locked there is fetched as it is now, and looked into
// for inputs of its own. No lock file is written.
func (t *table) getFlake(m *machine, pos ast.Pos, args []*value) value {
	s := m.ForceStringNoCtx(args[0], pos, "while evaluating the argument passed to builtins.getFlake")
	ref, fragment, err := flakeref.Parse(s, true)
	if err != nil {
		m.FailErr(ast.NoPos, err)
	}
	if fragment != "" {
		m.Fail(diag.Eval, ast.NoPos, "unexpected fragment '%s' in flake reference '%s'", fragment, s)
	}
	if m.E.Options().Pure && !isLocked(ref.Input) {
		m.Fail(diag.Eval, ast.NoPos, "cannot call 'getFlake' on unlocked flake reference '%s', at %s (use --impure to override)", s, m.E.PosText(pos))
	}
	return callFlake(m, pos, ref, m.E.Options().Pure)
}

// Flake is the outputs of a flake that a command names: what getFlake gives,
// but inputs that are not locked are fetched in pure mode too, for it is the
// user who asks for them. It runs within Do.
func Flake(m *eval.Machine, ref flakeref.Ref) eval.Value { return callFlake(m, ast.NoPos, ref, false) }

func callFlake(m *machine, pos ast.Pos, ref flakeref.Ref, lockedOnly bool) value {
	l := &flakeLocker{m: m, pos: pos, overrides: map[string]flakeInput{}, lockedOnly: lockedOnly}
	p, info := l.fetchTree(m, ref.Input)
	root := l.node(m.NewValue(treeValue(m, p, info, false)), flakeDir(ref, info))
	root.isFlake = true
	l.lockFlake(root, nil)
	if l.unlocked {
		// With a lock file as it ought to be, the tree would be none that
		// was committed.
		delete(info, "rev")
		delete(info, "revCount")
		root.tree = m.NewValue(treeValue(m, p, info, false))
	}
	f := m.NewValue(m.ImportPath(internalDir + "/call-flake.nix"))
	return m.Call(f, pos, l.graph(root), m.NewValue(eval.String(root.key, 0)))
}

// flakeInput is an input as a flake.nix describes it, or a lock file.
type flakeInput struct {
	ref       *flakeref.Ref // nil: the registry's entry of that name
	follows   []string      // from the root; nil: none
	isFlake   bool
	overrides map[string]flakeInput
	locked    *lockedNode // what a lock file has for it
}

// flakeNode is a tree in the graph of inputs.
type flakeNode struct {
	key     string
	tree    *value // a set with outPath; may have to be fetched still
	dir     string
	isFlake bool
	inputs  map[string]flakeEdge
}

// flakeEdge leads to a node, or along a path of names from the root.
type flakeEdge struct {
	node    *flakeNode
	follows []string
}

// lockFile is a flake.lock.
type lockFile struct {
	Version int                    `json:"version"`
	Root    string                 `json:"root"`
	Nodes   map[string]*lockedNode `json:"nodes"`
}

// lockedNode is a node of a lock file. An input is the name of a node or a
// list of names to follow from the root.
type lockedNode struct {
	Inputs   map[string]any `json:"inputs"`
	Locked   flakeref.Attrs `json:"locked"`
	Original flakeref.Attrs `json:"original"`
	Flake    *bool          `json:"flake"`
}

// flakeLocker builds the graph of a flake's inputs.
type flakeLocker struct {
	m         *machine
	pos       ast.Pos
	nodes     []*flakeNode
	overrides map[string]flakeInput // by path from the root
	unlocked  bool                  // an input was not in the lock file
	// lockedOnly refuses inputs that are in no lock file and not locked by themselves.
	lockedOnly bool
}

func (l *flakeLocker) node(tree *value, dir string) *flakeNode {
	n := &flakeNode{key: "node" + strconv.Itoa(len(l.nodes)), tree: tree, dir: dir, inputs: map[string]flakeEdge{}}
	l.nodes = append(l.nodes, n)
	return n
}

// fetch gets a tree now.
func (l *flakeLocker) fetch(ref flakeref.Ref) *flakeNode {
	p, info := l.fetchTree(l.m, ref.Input)
	return l.node(l.m.NewValue(treeValue(l.m, p, info, false)), flakeDir(ref, info))
}

// flakeDir is the folder of a flake: as the reference says, or the registry.
func flakeDir(ref flakeref.Ref, info map[string]any) string {
	if ref.Dir == "" {
		dir, _ := info["dir"].(string)
		return dir
	}
	return ref.Dir
}

func (l *flakeLocker) fetchTree(m *machine, attrs flakeref.Attrs) (p storepath.Path, info map[string]any) {
	text := inputText(m, attrs)
	checkURI(m, text)
	p, info = fetchInput(m, attrs, text)
	m.E.AllowStorePath(p)
	return p, info
}

// dirPath is the folder of a node's flake, which fetches its tree.
func (l *flakeLocker) dirPath(n *flakeNode) string {
	l.m.Force(n.tree, l.pos)
	s, _ := l.m.CoerceToString(n.tree, l.pos, "", coerceLoose)
	return path.Join(s, n.dir)
}

// lockFlake finds the inputs of a node that is a flake; at is the path to it.
func (l *flakeLocker) lockFlake(n *flakeNode, at []string) {
	dir := l.dirPath(n)
	inputs := l.readInputs(dir, at)
	var old *lockFile
	if text, err := l.m.E.Files().ReadFile(path.Join(dir, "flake.lock")); err == nil {
		old = l.parseLock(text, path.Join(dir, "flake.lock"))
	} else if !errors.Is(err, fs.ErrNotExist) {
		fileFail(l.m, path.Join(dir, "flake.lock"), err)
	}
	var root *lockedNode
	if old != nil {
		root = old.Nodes[old.Root]
	}
	l.lockInputs(n, inputs, at, at, old, root)
}

func (l *flakeLocker) parseLock(text []byte, name string) *lockFile {
	var f lockFile
	d := json.NewDecoder(strings.NewReader(string(text)))
	d.UseNumber()
	if err := d.Decode(&f); err != nil {
		l.m.Fail(diag.Eval, ast.NoPos, "while parsing the lock file '%s': %s", name, err.Error())
	}
	if f.Version < 5 || f.Version > 7 {
		l.m.Fail(diag.Eval, ast.NoPos, "lock file '%s' has unsupported version %d", name, f.Version)
	}
	for _, n := range f.Nodes {
		numbers(n.Locked)
		numbers(n.Original)
	}
	return &f
}

// numbers makes the numbers of a lock file those of references.
func numbers(a flakeref.Attrs) {
	for k, v := range a {
		if n, ok := v.(json.Number); ok {
			i, _ := n.Int64() // all are times and counts
			a[k] = i
		}
	}
}

// lockInputs gives a node its inputs. lockRoot is where the flake stands
// whose lock file old is; have is the node of that file for this one.
func (l *flakeLocker) lockInputs(n *flakeNode, inputs map[string]flakeInput, at, lockRoot []string, old *lockFile, have *lockedNode) {
	m := l.m
	m.EnterCall(l.pos)
	for name, in := range inputs {
		l.noteOverrides(in.overrides, append(slices.Clone(at), name))
	}
	for _, name := range slices.Sorted(maps.Keys(inputs)) {
		in := inputs[name]
		here := append(slices.Clone(at), name)
		if o, ok := l.overrides[strings.Join(here, "/")]; ok {
			o.isFlake = in.isFlake
			if o.ref != nil || o.follows != nil {
				in = o
			}
		}
		if in.follows != nil {
			n.inputs[name] = flakeEdge{follows: in.follows}
			continue
		}
		ref := flakeref.Ref{Input: flakeref.Attrs{"type": "indirect", "id": name}}
		if in.ref != nil {
			ref = *in.ref
		}
		child := in.locked
		if child == nil && old != nil && have != nil {
			if key, ok := have.Inputs[name].(string); ok {
				if c := old.Nodes[key]; c != nil && reflect.DeepEqual(map[string]any(c.Original), map[string]any(ref.Attrs())) {
					child = c
				}
			}
		}
		if child != nil {
			n.inputs[name] = flakeEdge{node: l.lockedInput(n, child, in, here, lockRoot, old)}
		} else {
			n.inputs[name] = flakeEdge{node: l.newInput(n, ref, in, here)}
		}
	}
	m.LeaveCall()
}

// noteOverrides keeps what a flake says about the inputs of its inputs. What
// was said nearer to the root counts.
func (l *flakeLocker) noteOverrides(overrides map[string]flakeInput, at []string) {
	for name, in := range overrides {
		here := append(slices.Clone(at), name)
		key := strings.Join(here, "/")
		if _, ok := l.overrides[key]; !ok {
			l.overrides[key] = in
		}
		l.noteOverrides(in.overrides, here)
	}
}

// relative is the folder of an input that lies in the tree of its parent.
func relative(parent *flakeNode, attrs flakeref.Attrs) (dir string, ok bool) {
	p, _ := attrs["path"].(string)
	if attrs["type"] != "path" || strings.HasPrefix(p, "/") {
		return "", false
	}
	if dir = path.Join(parent.dir, p); dir == "." {
		dir = ""
	}
	return dir, true
}

// storedTree finds a tree in the store by the hash that a lock file has for it.
func storedTree(m *machine, attrs flakeref.Attrs) (storepath.Path, bool) {
	o := m.E.Options()
	nar, _ := attrs["narHash"].(string)
	if nar == "" || o.Paths == nil || attrs["type"] == "file" {
		return storepath.Path{}, false
	}
	h, err := hash.ParseAny(nar, 0)
	if err != nil {
		m.FailErr(ast.NoPos, err)
	}
	p, err := o.Scheme.FixedOutputPath("source", storepath.NAR, h, nil, false)
	if err != nil || o.Paths.EnsurePath(m.Context(), p) != nil {
		return storepath.Path{}, false
	}
	if n, ok := attrs["lastModified"].(int64); ok {
		attrs["lastModifiedDate"] = time.Unix(n, 0).UTC().Format("20060102150405")
	}
	m.E.AllowStorePath(p)
	return p, true
}

// sameTree is the tree of a node, of which only the path is known to an input
// that lies within.
func (l *flakeLocker) sameTree(n *flakeNode) *value {
	outPath := l.m.E.Sym.OutPath
	return l.m.LazyGo(func(m *machine) value {
		m.Force(n.tree, l.pos)
		v, _ := n.tree.Attrs().Get(outPath)
		return eval.AttrsValue(m.NewAttrs(1).Put(outPath, v, ast.NoPos).Build())
	})
}

// lockedInput is an input as the lock file has it; it is fetched when needed.
func (l *flakeLocker) lockedInput(parent *flakeNode, locked *lockedNode, in flakeInput, at, lockRoot []string, old *lockFile) *flakeNode {
	attrs := maps.Clone(locked.Locked)
	dir, _ := attrs["dir"].(string)
	delete(attrs, "dir")
	var child *flakeNode
	if _, ok := relative(parent, attrs); ok {
		// As the reference has it: the whole parent, and a path that is not made canonical.
		p, _ := attrs["path"].(string)
		if parent.dir != "" {
			p = parent.dir + "/" + p
		}
		child = l.node(parent.tree, p)
	} else {
		child = l.node(l.m.LazyGo(func(m *machine) value {
			checked, err := flakeref.CheckInput(attrs)
			if err != nil {
				m.FailErr(ast.NoPos, err)
			}
			if p, ok := storedTree(m, checked); ok {
				return treeValue(m, p, checked, false)
			}
			p, info := l.fetchTree(m, checked)
			return treeValue(m, p, info, false)
		}), dir)
	}
	child.isFlake = locked.Flake == nil || *locked.Flake
	inputs := map[string]flakeInput{}
	for name, spec := range locked.Inputs {
		switch spec := spec.(type) {
		case string:
			c := old.Nodes[spec]
			if c == nil {
				l.m.Fail(diag.Eval, ast.NoPos, "lock file references missing node '%s'", spec)
			}
			ref, err := flakeref.FromAttrs(c.Original)
			if err != nil {
				l.m.FailErr(ast.NoPos, err)
			}
			inputs[name] = flakeInput{ref: &ref, isFlake: c.Flake == nil || *c.Flake, locked: c}
		case []any:
			follows := slices.Clone(lockRoot)
			if follows == nil {
				follows = []string{}
			}
			for _, s := range spec {
				s, _ := s.(string)
				follows = append(follows, s)
			}
			inputs[name] = flakeInput{follows: follows}
		}
	}
	l.lockInputs(child, inputs, at, lockRoot, old, locked)
	return child
}

// newInput is an input that no lock file has.
func (l *flakeLocker) newInput(parent *flakeNode, ref flakeref.Ref, in flakeInput, at []string) *flakeNode {
	l.unlocked = true
	var child *flakeNode
	if d, ok := relative(parent, ref.Input); ok {
		child = l.node(l.sameTree(parent), path.Join(d, ref.Dir))
	} else {
		if l.lockedOnly && !isLocked(ref.Input) {
			l.m.Fail(diag.Eval, ast.NoPos, "in pure evaluation mode, '%s' doesn't fetch unlocked input '%s'", "getFlake", inputText(l.m, ref.Input))
		}
		child = l.fetch(ref)
	}
	child.isFlake = in.isFlake
	if child.isFlake {
		l.lockFlake(child, at)
	}
	return child
}

// resolve follows a path of input names from the root.
func (l *flakeLocker) resolve(root *flakeNode, names []string, depth int) *flakeNode {
	if depth > 100 {
		l.m.Fail(diag.Eval, ast.NoPos, "follow cycle detected: [%s]", strings.Join(names, "/"))
	}
	n := root
	for i, name := range names {
		e, ok := n.inputs[name]
		if !ok {
			l.m.Fail(diag.Eval, ast.NoPos, "input '%s' follows a non-existent input '%s'", strings.Join(names, "/"), strings.Join(names[:i+1], "/"))
		}
		if n = e.node; n == nil {
			n = l.resolve(root, e.follows, depth+1)
		}
	}
	return n
}

// graph is the nodes as call-flake.nix wants them.
func (l *flakeLocker) graph(root *flakeNode) *value {
	m := l.m
	set := m.NewAttrs(len(l.nodes))
	for _, n := range l.nodes {
		inputs := m.NewAttrs(len(n.inputs))
		for _, name := range slices.Sorted(maps.Keys(n.inputs)) {
			e := n.inputs[name]
			if e.node == nil {
				e.node = l.resolve(root, e.follows, 0)
			}
			inputs.PutName(name, eval.String(e.node.key, 0))
		}
		b := m.NewAttrs(4)
		b.Put(m.E.Symbols.Intern("tree"), n.tree, ast.NoPos)
		b.PutName("dir", eval.String(n.dir, 0)).PutName("flake", eval.Bool(n.isFlake))
		b.PutName("inputs", eval.AttrsValue(inputs.Build()))
		set.PutName(n.key, eval.AttrsValue(b.Build()))
	}
	return m.NewValue(eval.AttrsValue(set.Build()))
}
