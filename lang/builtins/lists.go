package builtins

import (
	"slices"

	"github.com/seed192a40f6/glang/lang/ast"
	"github.com/seed192a40f6/glang/lang/diag"
	"github.com/seed192a40f6/glang/lang/eval"
)

func elemAt(m *machine, pos ast.Pos, args []*value) value {
	n := m.ForceInt(args[1], pos, "while evaluating the second argument passed to 'builtins.elemAt'")
	list := m.ForceList(args[0], pos, "while evaluating the first argument passed to 'builtins.elemAt'")
	if n < 0 || n >= int64(len(list)) {
		m.Fail(diag.Eval, pos, "'builtins.elemAt' called with index %d on a list of size %d", n, len(list))
	}
	m.Force(list[n], pos)
	return list[n].Copy()
}

func head(m *machine, pos ast.Pos, args []*value) value {
	list := m.ForceList(args[0], pos, "while evaluating the first argument passed to 'builtins.head'")
	if len(list) == 0 {
		m.Fail(diag.Eval, pos, "'builtins.head' called on an empty list")
	}
	m.Force(list[0], pos)
	return list[0].Copy()
}

// tail shares the elements, so that walking down a list takes linear time.
func tail(m *machine, pos ast.Pos, args []*value) value {
	list := m.ForceList(args[0], pos, "while evaluating the first argument passed to 'builtins.tail'")
	if len(list) == 0 {
		m.Fail(diag.Eval, pos, "'builtins.tail' called on an empty list")
	}
	return eval.List(list[1:])
}

func length(m *machine, pos ast.Pos, args []*value) value {
	return eval.Int(int64(len(m.ForceList(args[0], pos, "while evaluating the first argument passed to builtins.length"))))
}

func mapList(m *machine, pos ast.Pos, args []*value) value {
	list := m.ForceList(args[1], pos, "while evaluating the second argument passed to builtins.map")
	if len(list) == 0 {
		return args[1].Copy()
	}
	m.ForceFunction(args[0], pos, "while evaluating the first argument passed to builtins.map")
	return eval.List(m.LazyMap(args[0], list))
}

func filter(m *machine, pos ast.Pos, args []*value) value {
	list := m.ForceList(args[1], pos, "while evaluating the second argument passed to builtins.filter")
	if len(list) == 0 {
		return args[1].Copy()
	}
	m.ForceFunction(args[0], pos, "while evaluating the first argument passed to builtins.filter")
	f := args[0]
	var out []*value
	same := true
	calls := m.FanOutCalls(f, list, ast.NoPos)
	defer calls.End()
	for i, e := range list {
		r := calls.Call(i)
		keep := resultBool(m, r, pos, "while evaluating the return value of the filtering function passed to builtins.filter")
		switch {
		case keep && !same:
			out = append(out, e)
		case !keep && same:
			same = false
			m.Charge(int64(len(list)) * 8)
			out = append(make([]*value, 0, len(list)-1), list[:i]...)
		}
	}
	if same {
		return args[1].Copy()
	}
	return eval.List(out)
}

// resultBool is m.ForceBool for what a call has returned, which need not be on the
// heap unless it is wrong.
func resultBool(m *machine, r value, pos ast.Pos, context string) bool {
	if r.Kind() == eval.KindBool {
		return r.Bool()
	}
	return m.ForceBool(m.NewValue(r), pos, context)
}

func elem(m *machine, pos ast.Pos, args []*value) value {
	for _, e := range m.ForceList(args[1], pos, "while evaluating the second argument passed to builtins.elem") {
		if m.Equal(args[0], e, pos, "while searching for the presence of the given element in the list") {
			return eval.Bool(true)
		}
	}
	return eval.Bool(false)
}

// fanOutForce has helpers evaluate elements.
func fanOutForce(m *machine, list []*value, pos ast.Pos) *eval.Fan {
	if !m.WantsFan(len(list)) {
		return nil
	}
	return m.FanOut(list, func(h *machine, i int) { h.Force(list[i], pos) })
}

func concatLists(m *machine, pos ast.Pos, args []*value) value {
	lists := m.ForceList(args[0], pos, "while evaluating the first argument passed to builtins.concatLists")
	var only *value
	n, nonEmpty := 0, 0
	fan := fanOutForce(m, lists, pos)
	if fan != nil {
		defer fan.End()
	}
	for i, l := range lists {
		fan.Reach(i)
		elems := m.ForceList(l, pos, "while evaluating a value of the list passed to builtins.concatLists")
		if len(elems) > 0 {
			n += len(elems)
			nonEmpty++
			only = l
		}
	}
	if nonEmpty == 1 {
		return only.Copy()
	}
	out := m.NewList(n)
	i := 0
	for _, l := range lists {
		i += m.CopyList(out[i:], l.List())
	}
	return eval.List(out)
}

// foldl is foldl'. The accumulator of each step is evaluated, nul is not.
func foldl(m *machine, pos ast.Pos, args []*value) value {
	m.ForceFunction(args[0], pos, "while evaluating the first argument passed to builtins.foldlStrict")
	list := m.ForceList(args[2], pos, "while evaluating the third argument passed to builtins.foldlStrict")
	if len(list) == 0 {
		m.Force(args[1], pos)
		return args[1].Copy()
	}
	return m.Fold(args[0], args[1], list, pos)
}

func anyOf(m *machine, pos ast.Pos, args []*value) value {
	m.ForceFunction(args[0], pos, "while evaluating the first argument passed to builtins.any")
	f := args[0]
	for _, e := range m.ForceList(args[1], pos, "while evaluating the second argument passed to builtins.any") {
		r := m.Call(f, pos, e)
		if resultBool(m, r, pos, "while evaluating the return value of the function passed to builtins.any") {
			return eval.Bool(true)
		}
	}
	return eval.Bool(false)
}

func allOf(m *machine, pos ast.Pos, args []*value) value {
	m.ForceFunction(args[0], pos, "while evaluating the first argument passed to builtins.all")
	f := args[0]
	for _, e := range m.ForceList(args[1], pos, "while evaluating the second argument passed to builtins.all") {
		r := m.Call(f, pos, e)
		if !resultBool(m, r, pos, "while evaluating the return value of the function passed to builtins.all") {
			return eval.Bool(false)
		}
	}
	return eval.Bool(true)
}

func genList(m *machine, pos ast.Pos, args []*value) value {
	n := m.ForceInt(args[1], pos, "while evaluating the second argument passed to builtins.genList")
	if n < 0 || n > 1<<40 {
		m.Fail(diag.Eval, pos, "cannot create list of size %d", n)
	}
	m.ForceFunction(args[0], ast.NoPos, "while evaluating the first argument passed to builtins.genList")
	f := args[0]
	m.Reserve(n * 32) // a value each, besides the list
	out := m.NewList(int(n))
	for i := range out {
		out[i] = m.LazyNth(f, int64(i))
	}
	return eval.List(out)
}

func sort(m *machine, pos ast.Pos, args []*value) value {
	list := m.ForceList(args[1], pos, "while evaluating the second argument passed to builtins.sort")
	if len(list) == 0 {
		return args[1].Copy()
	}
	m.ForceFunction(args[0], pos, "while evaluating the first argument passed to builtins.sort")
	f := args[0]
	out := m.NewList(len(list))
	fan := fanOutForce(m, list, pos)
	defer fan.End()
	for i, e := range list {
		fan.Reach(i)
		m.Force(e, pos)
		out[i] = e
	}
	s := sorting{f, pos}
	peeksort(out, s.less(m), s.fork(m))
	return eval.List(out)
}

// sorting is a call of sort.
type sorting struct {
	f   *value
	pos ast.Pos
}

func (s sorting) less(m *machine) func(a, b *value) bool {
	if s.f.Kind() == eval.KindBuiltin && s.f.Builtin().Name == "lessThan" {
		return func(a, b *value) bool {
			return m.Less(a, b, ast.NoPos, "while evaluating the ordering function passed to builtins.sort")
		}
	}
	return func(a, b *value) bool {
		r := m.Call(s.f, ast.NoPos, a, b)
		return resultBool(m, r, s.pos, "while evaluating the return value of the sorting function passed to builtins.sort")
	}
}

// fork has a helper sort a copy of a part.
func (s sorting) fork(m *machine) forker[*value] {
	return func(list []*value, left, right int) (join func() bool, end func()) {
		var sorted []*value
		s := sorting{m.NewValue(s.f.Copy()), s.pos} // what sort was given is its own no longer than it runs
		f := m.Fork(len(list), func(h *machine) {
			p := peeksorter[*value]{list: slices.Clone(list), less: s.less(h), fork: s.fork(h)}
			p.sort(0, len(list), left, right)
			sorted = p.list
		})
		return func() bool {
			if !f.Join() {
				return false
			}
			copy(list, sorted)
			return true
		}, f.End
	}
}

func partition(m *machine, pos ast.Pos, args []*value) value {
	m.ForceFunction(args[0], pos, "while evaluating the first argument passed to builtins.partition")
	list := m.ForceList(args[1], pos, "while evaluating the second argument passed to builtins.partition")
	f := args[0]
	// One list for both: right from its beginning, wrong from its end.
	both := m.NewList(len(list))
	from, to := 0, len(list)
	for _, e := range list {
		m.Force(e, pos)
		r := m.Call(f, pos, e)
		if resultBool(m, r, pos, "while evaluating the return value of the partition function passed to builtins.partition") {
			both[from] = e
			from++
		} else {
			to--
			both[to] = e
		}
	}
	right, wrong := both[:from:from], both[from:]
	slices.Reverse(wrong)
	b := m.NewAttrs(2)
	b.Put(m.E.Sym.Right, m.NewValue(eval.List(right)), ast.NoPos)
	b.Put(m.E.Sym.Wrong, m.NewValue(eval.List(wrong)), ast.NoPos)
	return eval.AttrsValue(b.Build())
}

// buckets gathers values by symbol, in the order in which symbols first come.
type buckets struct {
	m     *machine
	index map[ast.Symbol]int
	names []ast.Symbol
	lists [][]*value
}

func (b *buckets) add(name ast.Symbol, v *value) {
	if b.index == nil {
		b.index = make(map[ast.Symbol]int)
	}
	i, ok := b.index[name]
	if !ok {
		b.m.Charge(bucketSize)
		i = len(b.names)
		b.index[name] = i
		b.names = append(eval.Grow(b.m, b.names, 1), name)
		b.lists = append(eval.Grow(b.m, b.lists, 1), nil)
	}
	b.lists[i] = append(eval.Grow(b.m, b.lists[i], 1), v)
}

// bucketSize is about what the tables take for each symbol.
const bucketSize = 128

func groupBy(m *machine, pos ast.Pos, args []*value) value {
	m.ForceFunction(args[0], pos, "while evaluating the first argument passed to builtins.groupBy")
	list := m.ForceList(args[1], pos, "while evaluating the second argument passed to builtins.groupBy")
	f := args[0]
	groups := buckets{m: m}
	calls := m.FanOutCalls(f, list, pos)
	defer calls.End()
	for i, e := range list {
		r := calls.Call(i)
		name := m.ForceStringNoCtx(&r, pos, "while evaluating the return value of the grouping function passed to builtins.groupBy")
		groups.add(m.Intern(name), e)
	}
	b := m.NewAttrs(len(groups.names))
	for i, name := range groups.names {
		b.Put(name, m.NewValue(eval.List(groups.lists[i])), ast.NoPos)
	}
	return eval.AttrsValue(b.Build())
}

func concatMap(m *machine, pos ast.Pos, args []*value) value {
	m.ForceFunction(args[0], pos, "while evaluating the first argument passed to builtins.concatMap")
	list := m.ForceList(args[1], pos, "while evaluating the second argument passed to builtins.concatMap")
	f := args[0]
	lists := make([][]*value, 0, 16)
	n := 0
	calls := m.FanOutCalls(f, list, pos)
	defer calls.End()
	for i := range list {
		r := calls.Call(i)
		if r.Kind() != eval.KindList {
			v := m.NewValue(r)
			m.ForceList(v, m.PosOf(v, m.PosOf(f, pos)), "while evaluating the return value of the function passed to builtins.concatMap")
		}
		l := r.List()
		lists = append(eval.Grow(m, lists, 1), l)
		n += len(l)
	}
	if len(lists) == 1 {
		return eval.List(lists[0])
	}
	out := m.NewList(n)
	at := 0
	for _, l := range lists {
		at += m.CopyList(out[at:], l)
	}
	return eval.List(out)
}
