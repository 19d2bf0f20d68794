package eval

import (
	"context"
	"sync/atomic"
	"unsafe"

	"github.com/seed192a40f6/glang/lang/ast"
	"github.com/seed192a40f6/glang/lang/diag"
)

// Machine evaluates on one goroutine. It holds what need not be shared: slabs
// that memory is cut from, the stack of what is being evaluated, counters of
// depth and fuel. Methods that evaluate panic with a *[Failure]; whoever is
// outside of evaluation wraps them in [Machine.Do].
type Machine struct {
	E *Evaluator

	valueSlab *[valueSlab]Value
	valueNext int
	wordSlab  *[wordSlab]unsafe.Pointer
	wordNext  int
	texts     []byte           // what is left of a slab of texts
	slabs     *atomic.Int64    // bytes of slabs so far, those of helpers included
	slabbed   int64            // slabs, when the last slab was made
	freed     [maxFreed]*frame // by number of slots, linked through up

	workspace
	sp       int              // of stack
	argTop   int              // of args
	lentTo   *[lentSlab]Value // see lend.go
	lentNext int

	// captures counts what was made in the innermost running function that may
	// refer to its frame: thunks and functions. Each function and each thunk
	// being evaluated has a count of its own.
	captures int
	// handed counts these, and variables whose value was handed on as it is; see
	// reuse.go. It is never set back.
	handed   int
	spareArg *Value // an argument to be used again

	hole  uint32 // kind word of a value that this machine is evaluating
	id    uint32
	calls int // nested calls
	depth int // nested evaluation of any kind
	deep  int // depth from which on to call deepen

	ticks   int // steps between two looks at ctx, fuel and the profiler
	looks   int // how often that was
	tick    int // steps left until the next look at ctx and fuel
	fuel    int64
	charged int64 // bytes not yet told to the Evaluator
	unasked int64 // bytes taken since Options.Room was last asked
	ctx     context.Context
	stop    atomic.Bool // ctx is done
	stopped func() bool

	points    []DebugPoint // if there is a debugger
	stepping  bool         // stop at the next point
	debugging bool         // the debugger is looking around
	trying    int          // nested tryEval

	// beforeEffect, if not nil, is called by Effect.
	beforeEffect func()

	helper    bool // see parallel.go
	team      *team
	helps     *Fan                // what a helper is at; team.mu is held
	spare     [][]Attr            // memory of AttrsBuilders that are done
	keys      []uint64            // memory of uniqueAttrs
	seen      map[*Value]struct{} // memory of ForceDeep
	siteBuf   []Site              // memory for samples
	pathNames map[*selectCode]string
}

// workspace is what the next machine can use of one that was closed: making it
// costs more than evaluating a small expression does.
type workspace struct {
	stack   []shadow // what is being evaluated, outermost first
	args    []*Value // arguments of builtins being called
	buf     []byte   // memory of writers that are done
	joins   *joinCache
	names   *nameCache
	planned plannedShape
}

const (
	maxWorkspaces = 4       // of an evaluator
	maxKeptStack  = 1 << 10 // longer stacks are not kept
	maxKeptBuf    = 1 << 16
)

// vacate makes a workspace refer to no value any more, but to those of names.
func (w *workspace) vacate() {
	if len(w.stack) > maxKeptStack || len(w.args) > maxKeptStack {
		w.stack, w.args = nil, nil
	}
	clear(w.stack)
	clear(w.args)
	if cap(w.buf) > maxKeptBuf {
		w.buf = nil
	}
}

// tickSteps is how many calls and forced values go between two looks at the
// context: well below a millisecond.
const tickSteps = 1024

// Machine makes a machine whose evaluations end when ctx does.
func (e *Evaluator) Machine(ctx context.Context) *Machine {
	if ctx == nil {
		ctx = context.Background()
	}
	m := &Machine{E: e, ctx: ctx, valueNext: valueSlab, wordNext: wordSlab, slabs: new(atomic.Int64)}
	m.id = e.machines.Add(1) & ownerMask
	m.hole = kindBlackhole | m.id<<ownerShift
	m.fuel = e.opts.Fuel
	m.deep = min(firstDeep, e.opts.MaxForceDepth)
	m.ticks = tickSteps
	if e.opts.Profile != nil {
		m.ticks = profileSteps
	}
	m.tick = m.ticks
	if m.fuel > 0 && m.fuel < int64(m.ticks) {
		m.tick = int(m.fuel)
	}
	if ctx.Done() != nil {
		m.stopped = context.AfterFunc(ctx, func() { m.stop.Store(true); e.wake() })
	}
	e.track(m)
	if m.stack == nil {
		m.stack = make([]shadow, 256)
		m.args = make([]*Value, 256)
	}
	return m
}

// Close lets go of the context. A machine that is not closed costs a little
// memory until its context ends.
func (m *Machine) Close() {
	m.dismiss()
	if m.stopped != nil {
		m.stopped()
	}
	m.vacate()
	m.E.untrack(m)
	if c := m.E.opts.Counts; c != nil {
		c.Values -= int64(valueSlab - m.valueNext)
		m.valueNext = valueSlab
	}
}

// Context is the context that the machine was made with.
func (m *Machine) Context() context.Context { return m.ctx }

// step counts a call or a forced value.
func (m *Machine) step() {
	m.tick--
	if m.tick < 0 {
		m.checkpoint()
	}
}

// steps is how many there have been.
func (m *Machine) steps() int { return m.looks*m.ticks + m.ticks - m.tick }

func (m *Machine) checkpoint() {
	m.looks++
	if m.fuel > 0 {
		spent := int64(m.ticks)
		if m.fuel < spent {
			spent = m.fuel
		}
		m.fuel -= spent
		if m.fuel <= 0 {
			m.fuel = 1 // so that it fails again if evaluation is tried again
			m.tick = 0
			m.Fail(diag.Limit, ast.NoPos, "evaluation took more than %d steps", m.E.opts.Fuel)
		}
		m.tick = int(min(m.fuel, int64(m.ticks)))
	} else {
		m.tick = m.ticks
	}
	if m.E.opts.Profile != nil {
		m.sample()
	}
	m.Check()
}

// Check fails if the context has ended. Builtins that run long call it now and then.
func (m *Machine) Check() {
	if m.stop.Load() {
		m.FailErr(ast.NoPos, m.interrupted())
	}
}

func (m *Machine) interrupted() error {
	return &diag.Error{Kind: diag.Interrupted, Message: "interrupted by the user", Cause: context.Cause(m.ctx)}
}

// chargeUnit is how many bytes a machine gathers before it tells the Evaluator.
const chargeUnit = 1 << 16

// Charge counts memory about to be allocated against the budget.
func (m *Machine) Charge(bytes int64) {
	m.charged += bytes
	if m.charged >= chargeUnit {
		m.chargeSlow()
	}
}

func (m *Machine) chargeSlow() {
	e, n := m.E, m.charged
	m.charged = 0
	m.Reserve(n)
	if p := e.opts.Profile; p != nil {
		p.Alloc(m.sites(), n)
	}
	e.allocated.Add(n)
	m.Check()
}

// roomUnit is how many bytes a machine takes without asking for room.
const roomUnit = 1 << 22

// Reserve fails if there is no room for so many bytes more. What is taken is
// still to be charged: this is for a builtin that will take much in small
// pieces, or cannot charge in between.
func (m *Machine) Reserve(bytes int64) {
	e := m.E
	if e.opts.MemoryBudget > 0 {
		m.mustRoom(e.inBudget(m.charged + bytes))
	}
	if m.unasked += bytes; m.unasked < roomUnit || e.opts.Room == nil {
		return
	}
	n := m.unasked
	m.unasked = 0
	m.mustRoom(e.askRoom(n))
}

func (m *Machine) mustRoom(err error) {
	if err != nil {
		m.FailErr(ast.NoPos, err)
	}
}

// reserve is Reserve where no machine is at hand.
func (e *Evaluator) reserve(bytes int64) error {
	if err := e.inBudget(bytes); err != nil {
		return err
	}
	if bytes < roomUnit || e.opts.Room == nil {
		return nil
	}
	return e.askRoom(bytes)
}

func (e *Evaluator) inBudget(bytes int64) error {
	budget := e.opts.MemoryBudget
	if budget <= 0 || e.allocated.Load()+bytes+e.Symbols.Bytes()+e.Contexts.Bytes() <= budget {
		return nil
	}
	return &diag.Error{Kind: diag.Limit, Message: Messagef("evaluation needed more than %d bytes of memory", budget)}
}

// noRoom is what Options.Room had to say. The reference has no trace in this case.
type noRoom struct{ error }

func (e *Evaluator) askRoom(bytes int64) error {
	err := e.opts.Room(bytes)
	if err == nil {
		return nil
	}
	d := &diag.Error{Kind: diag.Limit, Message: "out of memory", Cause: noRoom{err}}
	if e.opts.Notes {
		d.Notes = []diag.Note{{Text: err.Error()}}
	}
	return d
}

// enter counts a level of nested evaluation that is not a call: printing,
// comparing and the like. The caller leaves with m.depth--, or by panic.
func (m *Machine) enter(pos ast.Pos) {
	m.depth++
	if m.depth > m.deep {
		m.deepen(pos)
	}
}

// EnterCall counts a level of calls for a builtin that recurses; leave with
// LeaveCall. Exceeding the limit is an error at pos.
func (m *Machine) EnterCall(pos ast.Pos) {
	if m.calls > m.E.opts.MaxCallDepth {
		m.overflow(pos)
	}
	m.calls++
	m.enter(pos)
}

// LeaveCall ends what EnterCall began.
func (m *Machine) LeaveCall() {
	m.calls--
	m.depth--
}

const (
	// firstDeep is the depth from which on the stack needs much memory.
	firstDeep = 1 << 14
	// stackLevel is more than what a level takes of Go's stack, which doubles
	// when it is spent.
	stackLevel = 4 << 10
)

// deepen is where depth has exceeded deep: too far, or far enough that the stack
// will soon need memory, which nobody charges for.
func (m *Machine) deepen(pos ast.Pos) {
	if m.depth > m.E.opts.MaxForceDepth {
		m.overflow(pos)
	}
	m.Reserve(int64(m.depth) * stackLevel)
	m.deep = min(2*m.depth, m.E.opts.MaxForceDepth)
}

func (m *Machine) overflow(pos ast.Pos) {
	m.Fail(diag.StackOverflow, pos, "stack overflow; max-call-depth exceeded")
}

// Intern is the symbol of a name that an expression computed.
func (m *Machine) Intern(name string) ast.Symbol {
	if len(name) > chargeUnit {
		m.Reserve(2 * int64(len(name))) // symbols are counted by themselves
	}
	return m.E.Symbols.Intern(name)
}

// Grow makes room in s for n elements more, and charges for it.
func Grow[T any](m *Machine, s []T, n int) []T {
	if cap(s)-len(s) >= n {
		return s
	}
	return growSlow(m, s, n)
}

func growSlow[T any](m *Machine, s []T, n int) []T {
	var x T
	n = len(s) + max(n, len(s)/2, 8)
	m.Charge(int64(n) * int64(unsafe.Sizeof(x)))
	return append(make([]T, 0, n), s...)
}
