package local

import (
	"bufio"
	"fmt"
	"io"
	"os"
	"strings"
	"time"

	"github.com/seed192a40f6/glang/lang/ast"
	"github.com/seed192a40f6/glang/lang/eval"
)

// callTrace prints each call as it begins and ends (trace-function-calls), in
// the form that flame graph tools know.
type callTrace struct{ print func(line string) }

func (t callTrace) line(m *eval.Machine, what string, pos ast.Pos) {
	t.print(fmt.Sprintf("function-trace %s %s at %d", what, m.E.PosText(pos), time.Now().UnixNano()))
}

// The methods of [eval.CallHook].
func (t callTrace) EnterCall(m *eval.Machine, _ *eval.Value, _ []*eval.Value, pos ast.Pos) {
	t.line(m, "entered", pos)
}

func (t callTrace) LeaveCall(m *eval.Machine, pos ast.Pos) { t.line(m, "exited", pos) }

// flameGraph counts stacks of calls (eval-profiler = flamegraph): whenever a
// call begins and the interval has passed, the stack of calls under way counts
// once. Its text, one line a stack, is what flamegraph.pl and its kin read.
type flameGraph struct {
	interval time.Duration
	last     time.Time
	stack    []string
	counts   map[string]int
	order    []string // stacks as they were first met
	// functors have been called before. The reference finds a functor
	// unevaluated the first time and shows its place alone.
	functors map[*eval.Value]bool
}

func newFlameGraph(frequency uint64) *flameGraph {
	g := &flameGraph{counts: map[string]int{}, functors: map[*eval.Value]bool{}}
	if frequency > 0 {
		g.interval = time.Second / time.Duration(frequency)
	}
	return g
}

// EnterCall is that of [eval.CallHook].
func (g *flameGraph) EnterCall(m *eval.Machine, fn *eval.Value, args []*eval.Value, pos ast.Pos) {
	label := callLabel(m, fn, args, pos)
	if n := len(g.stack); n > 0 && strings.HasSuffix(g.stack[n-1], functorSuffix) && !g.functors[fn] {
		g.functors[fn] = true
		label = m.E.PosText(pos)
	}
	g.stack = append(g.stack, label)
	if now := time.Now(); g.interval == 0 || now.Sub(g.last) > g.interval {
		g.last = now
		s := strings.Join(g.stack, ";")
		if g.counts[s] == 0 {
			g.order = append(g.order, s)
		}
		g.counts[s]++
	}
}

// LeaveCall is that of [eval.CallHook].
func (g *flameGraph) LeaveCall(*eval.Machine, ast.Pos) { g.stack = g.stack[:len(g.stack)-1] }

// write prints the profile.
func (g *flameGraph) write(w io.Writer) error {
	b := bufio.NewWriter(w)
	for _, s := range g.order {
		fmt.Fprintf(b, "%s %d\n", s, g.counts[s])
	}
	return b.Flush()
}

const functorSuffix = ":functor"

// callLabel names a call: where it is, or, where that is not known, what is
// called, and its name.
func callLabel(m *eval.Machine, fn *eval.Value, args []*eval.Value, pos ast.Pos) string {
	at := ""
	if pos != ast.NoPos {
		at = m.E.PosText(pos)
	}
	switch fn.Kind() {
	case eval.KindLambda:
		f := m.Function(fn)
		if at == "" {
			at = m.E.PosText(f.Pos)
		}
		if f.Name != ast.NoSymbol {
			at += ":" + m.E.Symbols.Name(f.Name)
		}
		return at
	case eval.KindBuiltin, eval.KindPartial:
		label := "primop " + fn.Builtin().Name
		if fn.Kind() == eval.KindBuiltin && fn.Builtin().Name == "derivationStrict" {
			if name := derivationName(m, args[0]); name != "" {
				label += ":" + name
			}
		}
		if at != "" {
			label = at + ":" + label
		}
		return label
	case eval.KindAttrs:
		if _, where, ok := fn.Attrs().Find(m.E.Sym.Functor); ok {
			if at == "" {
				at = m.E.PosText(where)
			}
			return at + functorSuffix
		}
	}
	return at
}

// derivationName evaluates the name of a derivation about to be made; "" if
// that fails, which its making will report.
func derivationName(m *eval.Machine, v *eval.Value) (name string) {
	m.Catch(func() {
		set := m.ForceAttrs(v, ast.NoPos, "")
		if n, ok := set.Get(m.E.Sym.Name); ok {
			name = m.ForceStringNoCtx(n, ast.NoPos, "")
		}
	})
	return name
}

// hooks are several hooks in one.
type hooks []eval.CallHook

func (h hooks) EnterCall(m *eval.Machine, fn *eval.Value, args []*eval.Value, pos ast.Pos) {
	for _, x := range h {
		x.EnterCall(m, fn, args, pos)
	}
}

func (h hooks) LeaveCall(m *eval.Machine, pos ast.Pos) {
	for _, x := range h {
		x.LeaveCall(m, pos)
	}
}

// ObservesCalls tells whether the settings ask for hooks on calls: then
// evaluation must not be skipped.
func (s *Settings) ObservesCalls() bool {
	return s.Bool("trace-function-calls") || s.Get("eval-profiler") != "disabled"
}

// CallHooks makes the hook on calls that the settings ask for, nil if they do
// not. Lines of a trace go to print; finish, to be called when evaluation is
// over, writes a profile.
func (s *Session) CallHooks(print func(line string)) (hook eval.CallHook, finish func() error, err error) {
	var h hooks
	finish = func() error { return nil }
	if s.Settings.Bool("trace-function-calls") {
		h = append(h, callTrace{print})
	}
	switch kind := s.Settings.Get("eval-profiler"); kind {
	case "disabled":
	case "flamegraph":
		name := s.Settings.Get("eval-profile-file")
		f, err := os.Create(name)
		if err != nil {
			return nil, nil, fmt.Errorf("opening file '%s': %w", name, err)
		}
		g := newFlameGraph(s.Settings.Int("eval-profiler-frequency"))
		finish = func() error {
			err := g.write(f)
			if cerr := f.Close(); err == nil {
				err = cerr
			}
			if err != nil {
				return fmt.Errorf("writing the evaluation profile '%s': %w", name, err)
			}
			return nil
		}
		h = append(h, g)
	default:
		return nil, nil, usagef("option 'eval-profiler' has invalid value '%s'", kind)
	}
	if len(h) == 0 {
		return nil, finish, nil
	}
	return h, finish, nil
}
