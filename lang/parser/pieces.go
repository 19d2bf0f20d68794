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

// beginRun begins a run of values of the set t if there is none, or the one that
// there is has become long enough. Each value of a run is entered as an attribute
// of the set; before anything else is read into that the run ends.
func (p *Parser) beginRun(t *target, run *pieceRun) {
	if p.packer == nil || len(p.attrs)-t.base < largeSet {
		return
	}
	if run.first >= 0 && len(p.attrs)-run.first < pieceSize {
		return
	}
	p.packRun(run, len(p.attrs))
	run.first, run.marks = len(p.attrs), p.arena.Mark(run.marks[:0])
}

// packRun packs the values of a run, up to the attribute end, and takes their nodes
// back, unless there are no marks: then something may refer to them.
func (p *Parser) packRun(run *pieceRun, end int) {
	if run.first < 0 {
		return
	}
	for i := run.first; i < end; i++ {
		a := &p.attrs[i]
		if _, ok := a.Value.(*packed.Node); !ok {
			a.Value = p.packed.Put(p.packer.Add(a.Value))
		}
	}
	if len(run.marks) > 0 {
		p.arena.Release(run.marks)
	}
	run.first = -1
}

// attrSet is the value of an attribute if that is a set.
func (p *Parser) attrSet(a *ast.Attr) (*ast.Attrs, bool) {
	if n, ok := a.Value.(*packed.Node); ok {
		p.packer.Seal(nil)
		if n.Peek() == packed.Set {
			set := packed.Unpack(n).(*ast.Attrs)
			unnumber(set)
			a.Value = set
		}
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
