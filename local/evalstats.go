package local

import (
	"encoding/json"
	"io"
	"runtime"
	"sort"

	"github.com/seed192a40f6/glang/lang/ast"
	"github.com/seed192a40f6/glang/lang/eval"
)

// Stats counts what an evaluation does, under the names that NIX_SHOW_STATS
// has in the reference. It is a hook on calls; give it to the evaluator by
// [EvalConfig].
type Stats struct {
	// CountCalls also counts the calls of each function, as NIX_COUNT_CALLS.
	CountCalls bool

	counts    eval.Counts
	primops   map[string]int64
	functions map[calledFunction]int64
	primCalls int64
	funCalls  int64
}

type calledFunction struct {
	name ast.Symbol
	pos  ast.Pos
}

// NewStats begins to count.
func NewStats(countCalls bool) *Stats {
	return &Stats{CountCalls: countCalls, primops: map[string]int64{}, functions: map[calledFunction]int64{}}
}

// EnterCall is that of [eval.CallHook].
func (s *Stats) EnterCall(m *eval.Machine, fn *eval.Value, args []*eval.Value, _ ast.Pos) {
	switch fn.Kind() {
	case eval.KindLambda:
		s.funCalls++
		s.counts.CallFrame(m, fn)
		if s.CountCalls {
			f := m.Function(fn)
			s.functions[calledFunction{f.Name, f.Pos}]++
		}
	case eval.KindBuiltin, eval.KindPartial:
		have := len(args)
		if fn.Kind() == eval.KindPartial {
			have += len(fn.PartialArgs())
		}
		if have < len(fn.Builtin().Args) {
			return // not called yet
		}
		s.primCalls++
		if s.CountCalls {
			s.primops[fn.Builtin().Name]++
		}
	}
}

// LeaveCall is that of [eval.CallHook].
func (s *Stats) LeaveCall(*eval.Machine, ast.Pos) {}

// Write prints what was counted as JSON.
func (s *Stats) Write(w io.Writer, e *eval.Evaluator) error {
	var mem runtime.MemStats
	runtime.ReadMemStats(&mem)
	c := &s.counts
	cpu, gc := cpuTime().Seconds(), float64(mem.PauseTotalNs)/1e9
	object := func(kv ...any) map[string]any {
		m := map[string]any{}
		for i := 0; i < len(kv); i += 2 {
			m[kv[i].(string)] = kv[i+1]
		}
		return m
	}
	out := object(
		"cpuTime", cpu,
		"time", object("cpu", cpu, "gc", gc, "gcFraction", gc/max(cpu, 1e-9)),
		"envs", object("number", c.Frames, "elements", c.FrameSlots, "bytes", (c.Frames+c.FrameSlots)*eval.FrameSize),
		"values", object("number", c.Values, "bytes", c.Values*eval.ValueSize),
		"list", object("elements", c.ListElements, "bytes", c.ListElements*eval.FrameSize, "concats", c.Concats),
		"sets", object("number", c.Sets, "elements", c.SetElements, "bytes", c.Sets*eval.AttrsSize+c.SetElements*eval.AttrSize),
		"symbols", object("number", e.Symbols.Len(), "bytes", e.Symbols.Bytes()),
		"sizes", object("Env", eval.FrameSize, "Value", eval.ValueSize, "Bindings", eval.AttrsSize, "Attr", eval.AttrSize),
		"nrExprs", c.Exprs, "nrThunks", c.Thunks, "nrAvoided", c.Avoided, "nrLookups", c.Lookups,
		"nrOpUpdates", c.Updates, "nrOpUpdateValuesCopied", c.Updated,
		"nrPrimOpCalls", s.primCalls, "nrFunctionCalls", s.funCalls,
		"gc", object("heapSize", mem.HeapSys, "totalBytes", mem.TotalAlloc, "cycles", mem.NumGC),
	)
	if s.CountCalls {
		out["primops"] = s.primops
		out["functions"] = s.called(e)
	}
	enc := json.NewEncoder(w)
	enc.SetIndent("", "  ")
	return enc.Encode(out)
}

// called lists the functions that were called, the most often called first.
func (s *Stats) called(e *eval.Evaluator) []map[string]any {
	list := make([]map[string]any, 0, len(s.functions))
	for f, n := range s.functions {
		o := map[string]any{"name": nil, "count": n}
		if f.name != ast.NoSymbol {
			o["name"] = e.Symbols.Name(f.name)
		}
		if loc, ok := e.Sources.Locate(f.pos); ok {
			o["line"], o["column"] = loc.Line, loc.Column
			if loc.Source.Origin == ast.FromFile {
				o["file"] = loc.Source.Path
			}
		}
		list = append(list, o)
	}
	sort.Slice(list, func(i, j int) bool { return list[i]["count"].(int64) > list[j]["count"].(int64) })
	return list
}
