package builtins

import (
	"maps"
	"slices"
	"strings"

	"github.com/seed192a40f6/glang/lang/ast"
	"github.com/seed192a40f6/glang/lang/diag"
	"github.com/seed192a40f6/glang/lang/eval"
	"github.com/seed192a40f6/glang/lang/flakeref"
)

// lock gives the node at a path its inputs. old is the node in an old lock
// file that locks are taken from, nil if there is none; what follows there is
// relative to followsAt. from is the folder of the flake that names the inputs. trusted says that
// these come from the lock file themselves, so what follows there still does.
func (l *flakeLocker) lock(inputs map[string]flakeInput, node *flakeref.LockNode, at flakeref.InputPath,
	old *flakeref.LockNode, followsAt flakeref.InputPath, from flakeTree, trusted bool,
) {
	l.m.EnterCall(ast.NoPos)
	for name, in := range inputs {
		l.noteOverrides(in.overrides, at.Append(name), at, from)
	}
	for _, key := range slices.Sorted(maps.Keys(l.overrides)) {
		p := l.overrides[key].path
		parent, name := p[:len(p)-1], p[len(p)-1]
		if _, ok := inputs[name]; !ok && slices.Equal(parent, at) {
			warnf(l.m, "input '%s' has an override for a non-existent input '%s'", at.String(), name)
		}
	}
	for _, name := range slices.Sorted(maps.Keys(inputs)) {
		l.m.Trace(ast.NoPos, eval.Messagef("while updating the flake input '%s'", at.Append(name).String()))
		l.lockInput(name, inputs[name], node, at, old, followsAt, from, trusted)
		l.m.Pop()
	}
	l.m.LeaveCall()
}

// noteOverrides keeps what the flake at parent says about the inputs of its
// inputs. What was said nearer to the root counts.
func (l *flakeLocker) noteOverrides(overrides map[string]flakeInput, at, parent flakeref.InputPath, from flakeTree) {
	for name, in := range overrides {
		here := at.Append(name)
		if _, ok := l.overrides[here.String()]; !ok && (in.ref != nil || in.follows != nil) {
			l.overrides[here.String()] = &flakeOverride{in, from, parent, here}
		}
		l.noteOverrides(in.overrides, here, parent, from)
	}
}

// lockInput locks one input of a node; the parameters are those of lock.
func (l *flakeLocker) lockInput(name string, declared flakeInput, node *flakeref.LockNode, at flakeref.InputPath,
	old *flakeref.LockNode, followsAt flakeref.InputPath, from flakeTree, trusted bool,
) {
	here := at.Append(name)
	l.seen[here.String()] = true
	in, parent := declared, at
	o := l.overrides[here.String()]
	if o != nil {
		in, from, parent = o.flakeInput, o.from, o.parent
		in.isFlake = declared.isFlake
	}
	byCommand := o != nil && o.parent == nil
	if in.follows != nil {
		node.Inputs[name] = flakeref.LockEdge{Follows: in.follows}
		return
	}
	if in.ref == nil {
		in.ref = registryName(name)
	}
	child := &flakeref.LockNode{Inputs: map[string]flakeref.LockEdge{}, IsFlake: in.isFlake}
	if in.ref.Input.IsRelative() {
		child.Parent = parent
	}
	node.Inputs[name] = flakeref.LockEdge{Node: child}

	if lock := l.oldLock(old, name, here); lock != nil && !byCommand && lock.Original.Same(*in.ref) && sameParent(lock, child) {
		l.keep(child, lock, *in.ref, here, followsAt, from, trusted)
		return
	}
	if l.o.LockedOnly && !in.ref.Input.IsLocked() && !in.ref.Input.IsRelative() {
		l.m.Fail(diag.Eval, ast.NoPos, "cannot update unlocked flake input '%s' in pure mode", here.String())
	}
	// The override of a command is not what the flake asks for.
	child.Original = *in.ref
	if byCommand && declared.ref != nil {
		child.Original = *declared.ref
	}
	registries := eval.GlobalRegistry
	if byCommand {
		registries = eval.AllRegistries
	}
	l.lockAnew(child, *in.ref, here, from, registries)
}

// oldLock is the lock that an old lock file has for an input, unless that is
// to be updated.
func (l *flakeLocker) oldLock(old *flakeref.LockNode, name string, here flakeref.InputPath) *flakeref.LockNode {
	if _, ok := l.update[here.String()]; ok || old == nil {
		return nil
	}
	return old.Inputs[name].Node
}

func sameParent(a, b *flakeref.LockNode) bool {
	return (a.Parent == nil) == (b.Parent == nil) && slices.Equal(a.Parent, b.Parent)
}

// keep locks a node as an old lock file has it. Its flake is only fetched if
// inputs of it are to be updated, or may have come or gone.
func (l *flakeLocker) keep(child, lock *flakeref.LockNode, ref flakeref.Ref, here, followsAt flakeref.InputPath, from flakeTree, trusted bool) {
	child.Locked, child.Original, child.IsFlake = lock.Locked, lock.Original, lock.IsFlake
	refetch := false
	for _, p := range l.update {
		refetch = refetch || len(p) > len(here) && slices.Equal(p[:len(here)], here)
	}
	inputs := map[string]flakeInput{}
	for name, e := range lock.Inputs {
		if e.Node != nil {
			inputs[name] = flakeInput{ref: &e.Node.Original, isFlake: e.Node.IsFlake}
			continue
		}
		if !trusted {
			// Without the override that it came from, it may be an input of its own.
			if _, ok := l.overrides[here.Append(name).String()]; !ok {
				refetch = true
			}
		}
		inputs[name] = flakeInput{follows: append(slices.Clone(followsAt), e.Follows...)}
	}
	if !refetch {
		l.lock(inputs, child, here, lock, followsAt, from, true)
		return
	}
	var f *Flake
	if ref.Input.IsRelative() {
		f = l.within(from, ref, here)
	} else {
		f = l.get(lock.Locked, here, eval.GlobalRegistry)
	}
	l.trees[child] = f.tree
	l.lock(f.inputs, child, here, lock, followsAt, f.tree, false)
}

// lockAnew fetches an input and locks it to what it is now.
func (l *flakeLocker) lockAnew(child *flakeref.LockNode, ref flakeref.Ref, here flakeref.InputPath, from flakeTree, r eval.Registries) {
	if !child.IsFlake {
		if ref.Input.IsRelative() {
			child.Locked = ref
			l.trees[child] = l.relative(from, ref)
			return
		}
		t := l.fetchTree(ref.Input, r)
		child.Locked = flakeref.Ref{Input: t.Locked, Dir: ref.Dir}
		l.trees[child] = flakeTree{l.m.NewValue(treeValue(l.m, t.Path, t.Locked, false)), ref.Dir}
		return
	}
	var f *Flake
	if ref.Input.IsRelative() {
		f = l.within(from, ref, here)
	} else {
		f = l.get(ref, here, r)
	}
	child.Locked = f.Locked
	l.trees[child] = f.tree
	text, err := ref.Text()
	if err != nil {
		l.m.FailErr(ast.NoPos, err)
	}
	for _, p := range l.parents {
		if p.Same(ref) {
			l.m.Fail(diag.Eval, ast.NoPos, "found circular import of flake '%s'", text)
		}
	}
	l.parents = append(l.parents, ref)
	lockFile := l.readLock(strings.TrimSuffix(l.dirPath(f.tree), "/") + "/flake.lock")
	l.lock(f.inputs, child, here, lockFile.Root, here, f.tree, false)
	l.parents = l.parents[:len(l.parents)-1]
}
