package main

import (
	"fmt"
	"os"
	"slices"
	"strconv"
	"strings"

	"github.com/seed192a40f6/glang/lang/ast"
	"github.com/seed192a40f6/glang/lang/diag"
	"github.com/seed192a40f6/glang/lang/eval"
)

// debugger opens a REPL where evaluation stops (--debugger). It has the
// variables that are in scope there, evaluates with the machine that stopped,
// and goes on when it is told to.
type debugger struct {
	a  *app
	in lineReader // of the outermost session; made with the first
}

// debugState is what a REPL knows of the stop it was opened for.
type debugState struct {
	stop   eval.DebugStop
	points []eval.DebugPoint // innermost first
	index  int               // which one :env shows; counts the error as 0, if there is one
}

// Stop is that of [eval.Debugger].
func (d *debugger) Stop(m *eval.Machine, s eval.DebugStop) error {
	a := d.a
	if err := a.stdout.Flush(); err != nil {
		return err
	}
	a.progress.stop()
	if s.Err != nil {
		level := diag.LevelError
		if s.Break {
			level = diag.LevelInfo
		}
		fmt.Fprintln(os.Stderr, diag.Format(s.Err, m.E.Sources, diag.PrintOptions{Color: a.color, Level: level})+"\n")
		if s.InTry && !s.Break {
			fmt.Fprintln(os.Stderr, a.paint("This exception occurred in a 'tryEval' call. Use \x1b[32;1m--ignore-try\x1b[0m to skip these.\n"))
		}
	}
	x := &evaluation{Machine: m, app: a, auto: m.NewAttrs(0).Build()}
	if a.evaluation != nil {
		x.args, x.auto = a.evaluation.args, a.evaluation.auto
	}
	r := &repl{a: a, x: x, src: &sourceArgs{evalArgs: x.args}, showTrace: a.settings.Bool("show-trace"), in: d.in}
	r.debug = &debugState{stop: s, points: m.DebugPoints()}
	if d.in == nil {
		name := "glang " + version()
		if a.asNix {
			name = "Nix " + nixVersion
		}
		r.notice("%s debugger\nType :? for help.", name)
		r.in = newLineReader(r)
		d.in = r.in
		a.onClose(d.in.Close)
	}
	r.enterPoint()
	old := r.in.Serve(r)
	err := r.loop()
	r.in.Serve(old)
	switch {
	case err != nil:
		return err
	case !r.quit:
		return nil
	case s.Err == nil || s.Break:
		return exit(0)
	}
	return exit(1) // which the error that evaluation ends with overrules
}

// paint drops colours where there are none.
func (a *app) paint(s string) string {
	if a.color {
		return s
	}
	return diag.FilterANSI(s)
}

// point is the one chosen with :st; nil if there are none.
func (r *repl) point() *eval.DebugPoint {
	d := r.debug
	i := d.index
	if d.stop.Err != nil && i > 0 {
		i-- // the error itself is at the innermost point
	}
	if i >= len(d.points) {
		return nil
	}
	return &d.points[i]
}

// enterPoint puts the variables of the chosen point into scope.
func (r *repl) enterPoint() {
	r.reset()
	if p := r.point(); p != nil {
		for name, v := range p.Variables(r.x.Machine) {
			r.set(name, v)
		}
	}
}

// traces is how many :bt shows.
func (r *repl) traces() int {
	n := len(r.debug.points)
	if r.debug.stop.Err != nil {
		n++
	}
	return n
}

// showTraceAt prints one line of :bt and where it is.
func (r *repl) showTraceAt(i int) {
	d := r.debug
	text := r.a.paint(fmt.Sprintf("\n\x1b[34;1m%d\x1b[0m: ", i))
	pos := ast.NoPos
	if d.stop.Err != nil {
		if i == 0 {
			text += r.a.paint("\x1b[31;1merror:\x1b[0m ") + r.a.paint(d.stop.Err.Message)
			pos = d.stop.Err.Pos
			if pos == ast.NoPos && !d.stop.Break && len(d.points) > 0 {
				pos = d.points[0].Pos
			}
			r.a.println(text)
			r.a.print(diag.Excerpt(r.x.E.Sources, pos, r.a.color))
			return
		}
		i--
	}
	p := &d.points[i]
	r.a.println(text + r.a.paint(p.Hint))
	r.a.print(diag.Excerpt(r.x.E.Sources, p.Pos, r.a.color))
}

func (r *repl) backtrace(string) error {
	for i := range r.traces() {
		r.showTraceAt(i)
	}
	return nil
}

// chooseTrace is :st.
func (r *repl) chooseTrace(arg string) error {
	if n, err := strconv.Atoi(arg); err == nil {
		r.debug.index = n
	}
	if r.debug.index < 0 || r.debug.index >= r.traces() {
		return nil
	}
	r.showTraceAt(r.debug.index)
	r.a.println()
	r.enterPoint()
	return r.envStack("")
}

// envStack is :env of a debugger: what is in scope, level by level.
func (r *repl) envStack(string) error {
	p := r.point()
	if p == nil {
		return nil
	}
	names := func(list []string) string {
		text := ""
		for _, n := range list {
			text += n + " "
		}
		return r.a.paint("\x1b[35;1m") + text + r.a.paint("\x1b[0m")
	}
	levels := p.Levels(r.x.Machine)
	for i, l := range levels {
		r.a.printf("Env level %d\nstatic: %s\n", i, names(l.Names))
		if l.IsWith && l.With != nil {
			r.a.printf("with: %s\n", names(l.With))
		}
		r.a.println()
	}
	var base []string
	for sym := range r.x.E.Globals() {
		if n := r.x.E.Symbols.Name(sym); !strings.HasPrefix(n, "__") {
			base = append(base, n)
		}
	}
	slices.Sort(base)
	r.a.printf("Env level %d\n%s\n\n", len(levels), names(base))
	return nil
}

// goOn ends the REPL of a stop; with step, evaluation stops at the next point.
func goOn(step bool) func(*repl, string) (bool, error) {
	return func(r *repl, _ string) (bool, error) {
		r.x.Step(step)
		r.leave = true
		return false, nil
	}
}
