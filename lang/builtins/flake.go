package builtins

import (
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"path"
	"path/filepath"
	"slices"
	"strings"

	"github.com/seed192a40f6/glang/lang/ast"
	"github.com/seed192a40f6/glang/lang/diag"
	"github.com/seed192a40f6/glang/lang/eval"
	"github.com/seed192a40f6/glang/lang/flakeref"
	"github.com/seed192a40f6/glang/store/hash"
	"github.com/seed192a40f6/glang/store/storepath"
)

// getFlake is the outputs of a flake. Its inputs are those of its lock file;
// what that lacks is locked now, but no lock file is written.
func getFlake(m *machine, pos ast.Pos, args []*value) value {
	s := m.ForceStringNoCtx(args[0], pos, "while evaluating the argument passed to builtins.getFlake")
	ref, fragment, err := flakeref.Parse(s, true)
	if err != nil {
		m.FailErr(ast.NoPos, err)
	}
	requireFlakes(m, ref.Input)
	if fragment != "" {
		m.Fail(diag.Eval, ast.NoPos, "unexpected fragment '%s' in flake reference '%s'", fragment, s)
	}
	requireFeature(m, "flakes", "")
	if m.E.Options().Pure && !ref.Input.IsLocked() {
		m.Fail(diag.Eval, ast.NoPos, "cannot call 'getFlake' on unlocked flake reference '%s', at %s (use --impure to override)", s, m.E.PosText(pos))
	}
	f := LockFlake(m, ref, LockOptions{LockedOnly: m.E.Options().Pure})
	if f.Changed() {
		f.LeaveUnwritten()
	}
	return f.Outputs(m, pos)
}

// LockOptions say how the inputs of a flake are locked.
type LockOptions struct {
	// LockedOnly refuses inputs that are neither in a lock file nor locked by
	// themselves.
	LockedOnly bool
	// Old is a lock file to take locks from, in place of the flake's own; nil: none.
	Old *flakeref.LockFile
	// Recreate takes no locks from it, Update none for these inputs.
	Recreate bool
	Update   []flakeref.InputPath
	// Override has references for inputs in place of those that flakes give.
	Override []LockOverride
}

// LockOverride is a reference for the input at a path.
type LockOverride struct {
	Path flakeref.InputPath
	Ref  flakeref.Ref
}

// LockedFlake is a flake with the locks of its inputs.
type LockedFlake struct {
	*Flake
	// Old is the lock file that was there, Lock what it ought to be.
	Old, Lock *flakeref.LockFile

	trees     map[*flakeref.LockNode]flakeTree // of nodes that had to be fetched
	unwritten bool
}

// Flake is a flake.nix and the tree that it is in.
type Flake struct {
	// Original is the reference it was asked for by, Resolved what that stands
	// for, and Locked the one that always means this tree, as far as there is one.
	Original, Resolved, Locked flakeref.Ref
	// Path is the tree in the store.
	Path storepath.Path
	// Description is empty if the flake has none.
	Description string
	// Config are settings that the flake asks for, by name.
	Config map[string]string

	inputs map[string]flakeInput
	self   flakeref.Attrs // how it is to be fetched
	tree   flakeTree
}

// flakeTree is the folder of a flake in a tree.
type flakeTree struct {
	value *value // a set with outPath; it may have to be fetched still
	dir   string
}

// flakeInput is an input as a flake.nix describes it, or a lock file.
type flakeInput struct {
	ref       *flakeref.Ref      // nil: the registry's entry of that name
	follows   flakeref.InputPath // from the root; nil: none
	isFlake   bool
	overrides map[string]flakeInput
}

// flakeOverride is what a flake says of an input of one of its inputs.
type flakeOverride struct {
	flakeInput
	from   flakeTree          // that a relative reference is relative to
	parent flakeref.InputPath // where that stands; nil: a command says so
	path   flakeref.InputPath
}

// flakeLocker finds the locks of a flake's inputs.
type flakeLocker struct {
	m         *machine
	o         LockOptions
	overrides map[string]*flakeOverride // by path from the root
	trees     map[*flakeref.LockNode]flakeTree
	parents   []flakeref.Ref
	seen      map[string]bool               // paths of inputs met
	fetched   map[string]eval.FetchedTree   // by reference
	update    map[string]flakeref.InputPath // inputs whose lock is not kept
}

// LockFlake reads a flake and locks its inputs. Locks are those of its lock
// file as far as they are still for what flake.nix asks for; other inputs are
// fetched. Nothing is written. It runs within Do.
func LockFlake(m *eval.Machine, ref flakeref.Ref, o LockOptions) *LockedFlake {
	l := &flakeLocker{
		m: m, o: o, overrides: map[string]*flakeOverride{}, trees: map[*flakeref.LockNode]flakeTree{},
		seen: map[string]bool{}, fetched: map[string]eval.FetchedTree{}, update: map[string]flakeref.InputPath{},
	}
	f := &LockedFlake{Flake: l.get(ref, flakeref.InputPath{}, eval.AllRegistries), trees: l.trees, Lock: flakeref.NewLockFile()}
	text, err := f.Locked.Text()
	if err != nil {
		m.FailErr(ast.NoPos, err)
	}
	m.Trace(ast.NoPos, eval.Messagef("while updating the lock file of flake '%s'", text))
	if f.Old = o.Old; f.Old == nil {
		f.Old = l.readLock(path.Join(l.dirPath(f.tree), "flake.lock"))
	}
	for _, x := range o.Override {
		l.overrides[x.Path.String()] = &flakeOverride{flakeInput: flakeInput{ref: &x.Ref}, from: f.tree, path: x.Path}
	}
	for _, p := range o.Update {
		l.update[p.String()] = p
	}
	old := f.Old.Root
	if o.Recreate {
		old = nil
	}
	l.trees[f.Lock.Root] = f.tree
	l.lock(f.inputs, f.Lock.Root, flakeref.InputPath{}, old, flakeref.InputPath{}, f.tree, false)
	for _, x := range o.Override {
		if key := x.Path.String(); !l.seen[key] {
			text, err := x.Ref.Text()
			if err != nil {
				m.FailErr(ast.NoPos, err)
			}
			warnf(m, "the flag '--override-input %s %s' does not match any input", key, text)
		}
	}
	for _, p := range o.Update {
		if !l.seen[p.String()] {
			warnf(m, "'%s' does not match any input of this flake", p.String())
		}
	}
	if err := f.Lock.Check(); err != nil {
		m.FailErr(ast.NoPos, err)
	}
	m.Pop()
	return f
}

// Fingerprint is a hash of all that the outputs follow from; false if they may
// be others next time.
func (f *LockedFlake) Fingerprint() (hash.Hash, bool) {
	in := f.Locked.Input
	rev, _ := in["rev"].(string)
	nar, _ := in["narHash"].(string)
	text := rev
	switch flag := func(name string) bool { b, _ := in[name].(bool); return b }; {
	case in["type"] == "git":
		for _, x := range []struct{ attr, mark string }{{"submodules", ";s"}, {"exportIgnore", ";e"}, {"lfs", ";l"}} {
			if flag(x.attr) {
				text += x.mark
			}
		}
		if rev == "" {
			text = "dirty:" + nar
		}
	case in["type"] == "path":
		text = "path:" + nar
	case in["type"] == "tarball" || in["type"] == "file":
		text = nar
	}
	if _, unlocked := f.Lock.Unlocked(false); unlocked || text == "" {
		return hash.Hash{}, false
	}
	text += ";" + f.Locked.Dir + ";" + strings.TrimSuffix(f.Lock.Text(), "\n")
	for _, name := range []string{"revCount", "lastModified"} {
		if n, ok := in[name].(int64); ok {
			text += fmt.Sprintf(";%s=%d", name, n)
		}
	}
	return hash.SumString(hash.SHA256, text), true
}

// Changed tells whether the lock file is not what it ought to be.
func (f *LockedFlake) Changed() bool { return f.Old.Text() != f.Lock.Text() }

// LeaveUnwritten says that the lock file stays as it was. The tree is then
// none that was committed, so its revision is not shown.
func (f *LockedFlake) LeaveUnwritten() { f.unwritten = true }

// Reread fetches the flake itself again, after its lock file was written.
func (f *LockedFlake) Reread(m *eval.Machine) {
	l := &flakeLocker{m: m, fetched: map[string]eval.FetchedTree{}}
	f.Flake = l.get(f.Original, flakeref.InputPath{}, eval.AllRegistries)
	f.trees[f.Lock.Root] = f.tree
}

// Outputs calls the flake. It runs within Do.
func (f *LockedFlake) Outputs(m *eval.Machine, pos ast.Pos) eval.Value {
	if f.unwritten {
		attrs := maps.Clone(f.Locked.Input)
		delete(attrs, "rev")
		delete(attrs, "revCount")
		f.trees[f.Lock.Root] = flakeTree{m.NewValue(treeValue(m, f.Path, attrs, false)), f.tree.dir}
	}
	names := f.Lock.Names()
	set := m.NewAttrs(len(names))
	for n, name := range names {
		inputs := m.NewAttrs(len(n.Inputs))
		for _, in := range slices.Sorted(maps.Keys(n.Inputs)) {
			e := n.Inputs[in]
			if e.Node == nil {
				var err error
				if e.Node, err = f.Lock.Find(e.Follows); err != nil {
					m.FailErr(ast.NoPos, err)
				}
			}
			inputs.PutName(in, eval.String(names[e.Node], 0))
		}
		tree := f.treeOf(m, n)
		b := m.NewAttrs(4)
		b.Put(m.E.Symbols.Intern("tree"), tree.value, ast.NoPos)
		b.PutName("dir", eval.String(tree.dir, 0)).PutName("flake", eval.Bool(n.IsFlake || n == f.Lock.Root))
		b.PutName("inputs", eval.AttrsValue(inputs.Build()))
		set.PutName(name, eval.AttrsValue(b.Build()))
	}
	call := m.NewValue(m.ImportPath(internalDir + "/call-flake.nix"))
	return m.Call(call, pos, m.NewValue(eval.AttrsValue(set.Build())), m.NewValue(eval.String(names[f.Lock.Root], 0)))
}

// treeOf is the tree of a node. One that was not needed yet is fetched when
// it is.
func (f *LockedFlake) treeOf(m *machine, n *flakeref.LockNode) flakeTree {
	if t, ok := f.trees[n]; ok {
		return t
	}
	if in := n.Locked.Input; in.IsRelative() {
		parent := f.Lock.Root
		if n.Parent != nil {
			var err error
			if parent, err = f.Lock.Find(n.Parent); err != nil {
				m.FailErr(ast.NoPos, err)
			}
			if parent == nil {
				m.Fail(diag.Eval, ast.NoPos, "lock file references missing node '%s'", n.Parent.String())
			}
		}
		// As the reference has it: the whole parent, and a path that is not made canonical.
		t := f.treeOf(m, parent)
		dir, _ := in["path"].(string)
		if t.dir != "" {
			dir = t.dir + "/" + dir
		}
		f.trees[n] = flakeTree{t.value, dir}
		return f.trees[n]
	}
	t := flakeTree{m.LazyGo(func(m *machine) value {
		if p, ok := storedTree(m, n.Locked.Input); ok {
			return treeValue(m, p, n.Locked.Input, false)
		}
		l := flakeLocker{m: m}
		t := l.fetchTree(n.Locked.Input, eval.GlobalRegistry)
		return treeValue(m, t.Path, t.Locked, false)
	}), n.Locked.Dir}
	f.trees[n] = t
	return t
}

// TreePath is the store path of a node's tree, which is fetched if that is
// asked for. It runs within Do.
func (f *LockedFlake) TreePath(m *eval.Machine, n *flakeref.LockNode, fetch bool) (storepath.Path, error) {
	if fetch {
		m.Force(f.treeOf(m, n).value, ast.NoPos)
	}
	nar, _ := n.Locked.Input["narHash"].(string)
	h, err := hash.ParseAny(nar, 0)
	if err != nil {
		return storepath.Path{}, err
	}
	return m.E.Options().Scheme.FixedOutputPath("source", storepath.NAR, h, nil, false)
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
	m.E.AllowStorePath(p)
	return p, true
}

func (l *flakeLocker) fetchTree(attrs flakeref.Attrs, r eval.Registries) eval.FetchedTree {
	key := attrs.String() // an address may mean a file or an archive
	if t, ok := l.fetched[key]; ok {
		return t
	}
	text := inputText(l.m, attrs)
	checkURI(l.m, text)
	t := fetchInput(l.m, attrs, text, r)
	l.m.E.AllowStorePath(t.Path)
	if l.fetched != nil {
		l.fetched[key] = t
	}
	return t
}

// get fetches a flake and reads its flake.nix; at is its path from the root.
// One that says that it is to be fetched otherwise is fetched again.
func (l *flakeLocker) get(ref flakeref.Ref, at flakeref.InputPath, r eval.Registries) *Flake {
	t := l.fetchTree(ref.Input, r)
	dir := ref.Dir
	if t.Dir != "" {
		dir = t.Dir
	}
	resolved := flakeref.Ref{Input: t.Resolved, Dir: dir}
	f := l.fetchedFlake(ref, resolved, t, at)
	again := maps.Clone(t.Locked)
	maps.Copy(again, f.self)
	if maps.Equal(again, t.Locked) {
		return f
	}
	delete(again, "narHash")
	if again["rev"] == nil { // a work tree, whose changes count
		again = maps.Clone(t.Resolved)
		maps.Copy(again, f.self)
	}
	return l.fetchedFlake(ref, resolved, l.fetchTree(again, r), at)
}

// fetchedFlake reads the flake of a tree.
func (l *flakeLocker) fetchedFlake(original, resolved flakeref.Ref, t eval.FetchedTree, at flakeref.InputPath) *Flake {
	f := &Flake{
		Original: original, Resolved: resolved, Locked: flakeref.Ref{Input: t.Locked, Dir: resolved.Dir}, Path: t.Path,
		tree: flakeTree{l.m.NewValue(treeValue(l.m, t.Path, t.Locked, false)), resolved.Dir},
	}
	l.read(f, at)
	return f
}

// within is the flake at a relative reference from another.
func (l *flakeLocker) within(from flakeTree, ref flakeref.Ref, at flakeref.InputPath) *Flake {
	f := &Flake{Original: ref, Resolved: ref, Locked: ref, tree: l.relative(from, ref)}
	l.read(f, at)
	return f
}

// relative is the folder that a relative reference means. Of the tree that it
// is in only the path is known there.
func (l *flakeLocker) relative(from flakeTree, ref flakeref.Ref) flakeTree {
	p, _ := ref.Input["path"].(string)
	if !filepath.IsLocal(path.Join(".", from.dir, p)) {
		l.m.FailErr(ast.NoPos, l.outside(from, p))
	}
	outPath := l.m.E.Sym.OutPath
	tree := l.m.LazyGo(func(m *machine) value {
		m.Force(from.value, ast.NoPos)
		v, _ := from.value.Attrs().Get(outPath)
		return eval.AttrsValue(m.NewAttrs(1).Put(outPath, v, ast.NoPos).Build())
	})
	return flakeTree{tree, strings.TrimPrefix(path.Join("/", from.dir, p, ref.Dir), "/")}
}

// outside is the error of a relative reference that leads out of its tree: what
// is beside that in the store cannot be read in pure mode, and is no tree otherwise.
func (l *flakeLocker) outside(from flakeTree, p string) error {
	name := path.Join(l.dirPath(from), p)
	if l.m.E.Options().Pure {
		return fmt.Errorf("access to absolute path '%s' is forbidden in pure evaluation mode (use '--impure' to override)", name)
	}
	_, err := storepath.ParseBase(path.Base(name))
	if err == nil {
		err = fmt.Errorf("path '%s' is not in the tree that refers to it", name)
	}
	return err
}

// dirPath is the folder of a flake, whose tree it fetches.
func (l *flakeLocker) dirPath(t flakeTree) string {
	l.m.Force(t.value, ast.NoPos)
	s, _ := l.m.CoerceToString(t.value, ast.NoPos, "", coerceLoose)
	return path.Join(s, t.dir)
}

// readLock reads a lock file; one that is not there is empty.
func (l *flakeLocker) readLock(name string) *flakeref.LockFile {
	text, err := l.m.E.Files().ReadFile(name)
	if errors.Is(err, fs.ErrNotExist) {
		return flakeref.NewLockFile()
	}
	if err != nil {
		fileFail(l.m, name, err)
	}
	f, err := flakeref.ParseLock(text, name, func(s string) { warnf(l.m, "%s", s) })
	if err != nil {
		l.m.FailErr(ast.NoPos, err)
	}
	return f
}
