package builtins

import (
	"maps"
	"slices"

	"github.com/seed192a40f6/glang/lang/ast"
	"github.com/seed192a40f6/glang/lang/eval"
)

func genericClosure(m *machine, pos ast.Pos, args []*value) value {
	set := m.ForceAttrs(args[0], ast.NoPos, "while evaluating the first argument passed to builtins.genericClosure")
	in := m.E.Symbols.Intern
	const inSet = "in the attrset passed as argument to builtins.genericClosure"
	start := requireAttr(m, set, in("startSet"), inSet)
	starts := m.ForceList(start, ast.NoPos, "while evaluating the 'startSet' attribute passed as argument to builtins.genericClosure")
	work := append(eval.Grow[*value](m, nil, len(starts)), starts...)
	if len(work) == 0 {
		return start.Copy()
	}
	op := requireAttr(m, set, in("operator"), inSet)
	m.ForceFunction(op, ast.NoPos, "while evaluating the 'operator' attribute passed as argument to builtins.genericClosure")

	keySym := in("key")
	var keys keySet
	var result []*value
	for i := 0; i < len(work); i++ {
		m.Check()
		e := work[i]
		key := closureKey(m, e, keySym)
		if !keys.insert(m, key, e) {
			continue
		}
		result = append(eval.Grow(m, result, 1), e)
		if f := m.Catch(func() {
			r := m.Call(op, ast.NoPos, e)
			more := m.ForceList(&r, ast.NoPos, "while evaluating the return value of the `operator` passed to builtins.genericClosure")
			for _, x := range more {
				m.Force(x, ast.NoPos)
			}
			work = append(eval.Grow(m, work, len(more)), more...)
		}); f != nil {
			m.Trace(ast.NoPos, eval.Messagef("while calling %s on genericClosure element %s", "operator", m.ErrorValue(e)))
			f.Throw()
		}
	}
	return eval.List(result)
}

// closureKey is the key of an element, evaluated.
func closureKey(m *machine, e *value, keySym ast.Symbol) *value {
	var key *value
	get := func() { key = requireAttr(m, m.ForceAttrs(e, ast.NoPos, ""), keySym, "") }
	if e.Kind() == eval.KindAttrs {
		key, _ = e.Attrs().Get(keySym)
	}
	if key == nil {
		if f := m.Catch(get); f != nil {
			m.Trace(ast.NoPos, eval.Messagef("in genericClosure element %s", m.ErrorValue(e)))
			f.Throw()
		}
	}
	m.Force(key, ast.NoPos)
	return key
}

// keySet is the set of keys that were met. As long as all are strings, or all
// integers, it is a hash table; for others it is sorted.
type keySet struct {
	strings map[string]struct{}
	ints    map[int64]struct{}
	root    *value // the first key and its element
	elem    *value
	sorted  [][]keyEntry // in use once both tables are nil; pieces, none of them empty
}

// pieceSize is how long a piece of the sorted keys may grow: so that inserting
// moves few of them.
const pieceSize = 512

// keySize is about what the tables take for each key.
const keySize = 64

type keyEntry struct{ key, elem *value }

// insert returns false if the key is there already.
func (s *keySet) insert(m *machine, key, elem *value) bool {
	if s.root == nil {
		s.root, s.elem = key, elem
		switch key.Kind() {
		case eval.KindString:
			s.strings = map[string]struct{}{key.Str(): {}}
		case eval.KindInt:
			s.ints = map[int64]struct{}{key.Int(): {}}
		default:
			s.sorted = [][]keyEntry{{{key, elem}}}
		}
		return true
	}
	switch {
	case s.strings != nil && key.Kind() == eval.KindString:
		if _, ok := s.strings[key.Str()]; ok {
			return false
		}
		m.Charge(keySize)
		s.strings[key.Str()] = struct{}{}
		return true
	case s.ints != nil && key.Kind() == eval.KindInt:
		if _, ok := s.ints[key.Int()]; ok {
			return false
		}
		m.Charge(keySize)
		s.ints[key.Int()] = struct{}{}
		return true
	case s.ints != nil && key.Kind() == eval.KindFloat:
		m.Reserve(int64(len(s.ints)) * keySize)
		for piece := range slices.Chunk(slices.Sorted(maps.Keys(s.ints)), pieceSize/2) {
			entries := make([]keyEntry, len(piece))
			for i, n := range piece {
				entries[i] = keyEntry{m.NewValue(eval.Int(n)), s.elem}
			}
			s.sorted = append(s.sorted, entries)
		}
		s.ints = nil
	case s.sorted == nil:
		// Kinds that do not compare: this fails, as comparing with any key would.
		s.less(m, key, s.root, elem, s.elem)
		return true
	}
	return s.insertSorted(m, key, elem)
}

func (s *keySet) insertSorted(m *machine, key, elem *value) bool {
	greater := func(e keyEntry) bool { return s.less(m, key, e.key, elem, e.elem) }
	i := max(0, firstWhere(s.sorted, func(piece []keyEntry) bool { return greater(piece[0]) })-1)
	piece := s.sorted[i]
	at := firstWhere(piece, greater)
	// Everything from there on is greater; what is before it is not.
	if at > 0 {
		if e := piece[at-1]; !s.less(m, e.key, key, elem, e.elem) {
			return false
		}
	}
	m.Charge(keySize)
	piece = slices.Insert(piece, at, keyEntry{key, elem})
	s.sorted[i] = piece
	if len(piece) > pieceSize {
		s.sorted = slices.Insert(s.sorted, i+1, slices.Clone(piece[len(piece)/2:]))
		s.sorted[i] = slices.Clip(piece[:len(piece)/2])
	}
	return true
}

// firstWhere is the index of the first element for which is holds, as it does
// for all behind it; the length if there is none.
func firstWhere[T any](list []T, is func(T) bool) int {
	lo, hi := 0, len(list)
	for lo < hi {
		if mid := (lo + hi) / 2; is(list[mid]) {
			hi = mid
		} else {
			lo = mid + 1
		}
	}
	return lo
}

// less compares keys; an error tells which elements they belong to.
func (s *keySet) less(m *machine, a, b, elem, other *value) (less bool) {
	if f := m.Catch(func() { less = m.Less(a, b, ast.NoPos, "") }); f != nil {
		m.Trace(ast.NoPos, eval.Messagef("while comparing element %s", m.ErrorValue(elem)))
		m.Trace(ast.NoPos, eval.Messagef("with element %s", m.ErrorValue(other)))
		f.Throw()
	}
	return less
}
