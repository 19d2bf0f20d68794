package parser

import (
	"slices"
	"sync"
)

// automaton is the LALR(1) automaton of the grammar with the default
// reductions that the reference's generator chooses. On these depends in
// which state an error is noticed, and so what the message says.
type automaton struct {
	g      *grammar
	states []*state
}

type state struct {
	kernel []item
	// next is where each symbol leads.
	next map[int]int
	// lookaheads of the completed items: rule to the tokens that may follow.
	lookaheads map[int]tokenSet
	// actions are those that a token calls for explicitly: above 0 shift to
	// state n-1, below 0 reduce by rule -n.
	actions map[int]int
	// fallback is the rule for all other tokens; -1 if they are errors.
	fallback int
}

// item is a rule with a dot in it.
type item struct{ rule, dot int }

// tokenSet has a bit for each token, of which there are at most 64.
type tokenSet uint64

func (s tokenSet) has(t int) bool { return s>>uint(t)&1 != 0 }

// lalr builds the automaton once; it is never changed after.
var lalr = sync.OnceValue(func() *automaton {
	a := &automaton{g: readGrammar()}
	a.build()
	nullable, first := a.g.firsts()
	a.propagate(nullable, first)
	for _, s := range a.states {
		a.decide(s)
	}
	return a
})

// closure adds the items that a kernel implies.
func (a *automaton) closure(kernel []item) []item {
	items := slices.Clone(kernel)
	seen := map[int]bool{}
	for i := 0; i < len(items); i++ {
		r := a.g.rules[items[i].rule]
		if items[i].dot == len(r.right) {
			continue
		}
		s := r.right[items[i].dot]
		if seen[s] {
			continue
		}
		seen[s] = true
		for _, k := range a.g.byLeft[s] {
			items = append(items, item{k, 0})
		}
	}
	return items
}

func compareItems(a, b item) int {
	if a.rule != b.rule {
		return a.rule - b.rule
	}
	return a.dot - b.dot
}

// build makes the LR(0) states.
func (a *automaton) build() {
	find := func(kernel []item) int {
		for i, s := range a.states {
			if slices.Equal(s.kernel, kernel) {
				return i
			}
		}
		a.states = append(a.states, &state{kernel: kernel, next: map[int]int{}, lookaheads: map[int]tokenSet{}})
		return len(a.states) - 1
	}
	find([]item{{0, 0}})
	for i := 0; i < len(a.states); i++ {
		kernels := map[int][]item{}
		for _, it := range a.closure(a.states[i].kernel) {
			if r := a.g.rules[it.rule]; it.dot < len(r.right) {
				s := r.right[it.dot]
				kernels[s] = append(kernels[s], item{it.rule, it.dot + 1})
			}
		}
		for s := 0; s < a.g.symbols; s++ {
			if k := kernels[s]; k != nil {
				slices.SortFunc(k, compareItems)
				a.states[i].next[s] = find(k)
			}
		}
	}
}

// firsts finds which symbols may be empty and which tokens they may begin with.
func (g *grammar) firsts() (nullable []bool, first []tokenSet) {
	nullable, first = make([]bool, g.symbols), make([]tokenSet, g.symbols)
	for t := 0; t < g.tokens; t++ {
		first[t] = 1 << uint(t)
	}
	for changed := true; changed; {
		changed = false
		for _, r := range g.rules {
			set, empty := first[r.left], true
			for _, s := range r.right {
				set |= first[s]
				if !nullable[s] {
					empty = false
					break
				}
			}
			if set != first[r.left] || empty && !nullable[r.left] {
				first[r.left], nullable[r.left], changed = set, nullable[r.left] || empty, true
			}
		}
	}
	return nullable, first
}

// propagate finds the lookaheads: for each kernel item the tokens that may
// follow it, carried from state to state until nothing changes.
func (a *automaton) propagate(nullable []bool, first []tokenSet) {
	follow := make([]map[item]tokenSet, len(a.states))
	for i := range follow {
		follow[i] = map[item]tokenSet{}
	}
	follow[0][item{0, 0}] = 0
	for changed := true; changed; {
		changed = false
		for i, s := range a.states {
			sets := a.spread(s, follow[i], nullable, first)
			for it, set := range sets {
				r := a.g.rules[it.rule]
				if it.dot == len(r.right) {
					s.lookaheads[it.rule] |= set
					continue
				}
				to, moved := s.next[r.right[it.dot]], item{it.rule, it.dot + 1}
				if old, ok := follow[to][moved]; !ok || old|set != old {
					follow[to][moved] = old | set
					changed = true
				}
			}
		}
	}
}

// spread gives every item of a state's closure its lookaheads.
func (a *automaton) spread(s *state, kernel map[item]tokenSet, nullable []bool, first []tokenSet) map[item]tokenSet {
	sets := map[item]tokenSet{}
	var work []item
	for it, set := range kernel {
		sets[it] = set
		work = append(work, it)
	}
	for len(work) > 0 {
		it := work[len(work)-1]
		work = work[:len(work)-1]
		r := a.g.rules[it.rule]
		if it.dot == len(r.right) || r.right[it.dot] < a.g.tokens {
			continue
		}
		after, empty := tokenSet(0), true
		for _, s := range r.right[it.dot+1:] {
			after |= first[s]
			if !nullable[s] {
				empty = false
				break
			}
		}
		if empty {
			after |= sets[it]
		}
		for _, k := range a.g.byLeft[r.right[it.dot]] {
			implied := item{k, 0}
			if old, ok := sets[implied]; !ok || old|after != old {
				sets[implied] = old | after
				work = append(work, implied)
			}
		}
	}
	return sets
}

// decide resolves a state's conflicts by precedence and picks its default
// reduction: the only one if nothing can be shifted, else the one that most
// tokens call for.
func (a *automaton) decide(s *state) {
	g := a.g
	var shifts tokenSet
	for sym := range s.next {
		if sym < g.tokens {
			shifts |= 1 << uint(sym)
		}
	}
	var reductions []int
	for rule := range s.lookaheads {
		reductions = append(reductions, rule)
	}
	slices.Sort(reductions)
	s.actions, s.fallback = map[int]int{}, -1
	if len(reductions) == 1 && shifts == 0 {
		s.fallback = reductions[0]
		return
	}
	var errors tokenSet
	for _, rule := range reductions {
		prec := g.rules[rule].prec
		if prec == 0 {
			continue
		}
		for t := 0; t < g.tokens; t++ {
			bit := tokenSet(1) << uint(t)
			if s.lookaheads[rule]&shifts&bit == 0 || g.prec[t] == 0 {
				continue
			}
			switch p := g.prec[t]; {
			case p < prec || p == prec && g.assoc[t] == left:
				shifts &^= bit
			case p > prec || p == prec && g.assoc[t] == right:
				s.lookaheads[rule] &^= bit
			default:
				shifts &^= bit
				s.lookaheads[rule] &^= bit
				errors |= bit
			}
		}
	}
	for i := len(reductions) - 1; i >= 0; i-- {
		for t := 0; t < g.tokens; t++ {
			if s.lookaheads[reductions[i]].has(t) {
				s.actions[t] = -reductions[i]
			}
		}
	}
	for t := 0; t < g.tokens; t++ {
		if shifts.has(t) {
			s.actions[t] = s.next[t] + 1
		}
	}
	most := 0
	for _, rule := range reductions {
		count := 0
		for _, action := range s.actions {
			if action == -rule {
				count++
			}
		}
		if count > most {
			most, s.fallback = count, rule
		}
	}
	for t, action := range s.actions {
		if s.fallback >= 0 && action == -s.fallback {
			delete(s.actions, t)
		}
	}
	if s.fallback >= 0 {
		for t := 0; t < g.tokens; t++ {
			if errors.has(t) {
				s.actions[t] = actionError
			}
		}
	}
}

// actionError marks tokens that a non-associative operator forbids.
const actionError = -1 << 30

// recogniser runs the automaton over tokens.
type recogniser struct {
	a     *automaton
	stack []uint16
	// starts are where what each state of the stack stands for begins, at is
	// where the token does that is being taken.
	starts []int
	at     int
}

func (a *automaton) start() *recogniser {
	return &recogniser{a: a, stack: []uint16{0}, starts: []int{0}}
}

// cut is a copy whose stack ends before the k-th state.
func (r *recogniser) cut(k int) recogniser {
	return recogniser{a: r.a, stack: slices.Clone(r.stack[:k]), starts: slices.Clone(r.starts[:k]), at: r.at}
}

func (r *recogniser) push(state uint16, start int) {
	r.stack, r.starts = append(r.stack, state), append(r.starts, start)
}

func (r *recogniser) state() *state { return r.a.states[r.stack[len(r.stack)-1]] }

func (r *recogniser) reduce(rule int) {
	rl := r.a.g.rules[rule]
	k, start := len(r.stack)-len(rl.right), r.at
	if len(rl.right) > 0 {
		start = r.starts[k]
	}
	r.stack, r.starts = r.stack[:k], r.starts[:k]
	r.push(uint16(r.state().next[rl.left]), start)
}

// token takes a token; it reports whether the text can go on like this, and
// done once the whole text has been accepted.
func (r *recogniser) token(t int) (ok, done bool) {
	for {
		s := r.state()
		action := s.actions[t]
		switch {
		case action > 0:
			r.push(uint16(action-1), r.at)
			return true, t == 0
		case action == actionError:
			return false, false
		case action < 0:
			r.reduce(-action)
		case s.fallback >= 0:
			r.reduce(s.fallback)
		default:
			return false, false
		}
	}
}

// expected lists the tokens that the current state has actions for, nil if
// there are more than four.
func (r *recogniser) expected() []int {
	var list []int
	s := r.state()
	for t := 0; t < r.a.g.tokens; t++ {
		if action := s.actions[t]; action != 0 && action != actionError && t != int(tError) {
			if len(list) == 4 {
				return nil
			}
			list = append(list, t)
		}
	}
	return list
}
