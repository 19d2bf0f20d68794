package parser

import (
	"github.com/seed192a40f6/glang/lang/ast"
	"github.com/seed192a40f6/glang/lang/packed"
)

// The nodes of a file with ten thousand packages would take many times what any
// other file takes, and a [Parser.ParseBrief] keeps memory for the largest file. So
// the values of a large set are packed while it is read, some at a time, and
// their nodes serve the next ones.

const (
	largeSet  = 64 // attributes from which on values are packed
	pieceSize = 16 // how many at a time
)

// pieceRun are values of the set at hand that will be packed: those of the
// attributes from first on. What the arena had handed out before is in marks.
type pieceRun struct {
	first int // index in Parser.attrs; -1: none
	marks []ast.Mark
}

// packValues packs the values of a run if they are many enough, and begins one.
// Each of them was entered as an attribute of the set t, which is open; whatever
// else is read into the set, and might refer to their nodes, ends the run.
func (p *Parser) packValues(t *target, run *pieceRun) {
	if p.packer == nil || len(p.attrs)-t.base < largeSet {
		return
	}
	switch {
	case run.first < 0:
		run.first = len(p.attrs)
		run.marks = p.arena.Mark(run.marks[:0])
	case len(p.attrs)-run.first >= pieceSize:
		for i := run.first; i < len(p.attrs); i++ {
			a := &p.attrs[i]
			a.Value = p.packed.Put(p.packer.Add(a.Value))
		}
		p.arena.Release(run.marks)
		run.first = len(p.attrs)
	}
}

// attrSet is the value of an attribute if that is a set.
func (p *Parser) attrSet(a *ast.Attr) (*ast.Attrs, bool) {
	if n, ok := a.Value.(*packed.Node); ok && n.Peek() == packed.Set {
		p.packer.Seal(nil)
		set := packed.Unpack(n).(*ast.Attrs)
		unnumber(set)
		a.Value = set
	}
	set, ok := unparen(a.Value).(*ast.Attrs)
	return set, ok
}

// unnumber makes sets small ones for [finished]: what they were is lost.
func unnumber(set *ast.Attrs) {
	set.Set.FirstFrom = 0
	for i := range set.Set.Attrs {
		if in, ok := set.Set.Attrs[i].Value.(*ast.Attrs); ok {
			unnumber(in)
		}
	}
}
