package eval

import (
	"slices"
	"sync"
)

// While one core evaluates, others parse the files that those evaluated so far
// seem to import: what is named in calls (import ./x.nix, callPackage ./x) and
// in lists (of modules). Whoever comes first, the
// evaluation or a worker, parses a file; the other takes what it finds or
// waits. A file that nobody imports in the end costs nothing but the work:
// its errors and warnings appear only when it is imported.
//
// Names are then entered into the table of symbols in an order that varies
// from run to run; but they are met in order, when the evaluation takes the
// file. A file with an error it parses itself, since which one of several
// errors comes first depends on that order.

// parseAhead is what is to be parsed, last first: what was found last will
// be needed first, and the evaluation comes the other way in a long list.
type parseAhead struct {
	mu      sync.Mutex
	asked   map[string]bool // paths that were queued before
	files   map[string]*aheadFile
	queue   []aheadTask
	first   []aheadTask // goes before queue: what is imported and applied
	workers int
}

// aheadTask is a path to be parsed.
type aheadTask struct {
	path    string
	applied bool // imported and applied to arguments in one go
	// small drops the file if it is big: it may well not be needed.
	small bool
}

// aheadFile is a file that a worker or an evaluation has begun to parse.
type aheadFile struct {
	done       chan struct{} // nil if an evaluation parses it
	parsedFile               // its node is nil if there is an error in it
}

// parsePaths bounds the path literals that are arguments in a file: one with
// more is a list of packages, of which most are never looked at.
const parsePaths = 64

// smallFile is the size up to which a file is parsed although nothing but its
// name in a file that was evaluated speaks for it. What is imported and applied
// to arguments in one go, or is about to be evaluated, is parsed at any size.
const smallFile = 64 << 10

// aheadOf queues tasks if there is a core to spare. A debugger is told of names in
// the order of evaluation.
func (e *Evaluator) aheadOf(tasks ...aheadTask) {
	if e.opts.Cores < 2 || len(tasks) == 0 || e.opts.Debugger != nil {
		return
	}
	a := &e.parsing
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.files == nil {
		a.asked, a.files = map[string]bool{}, map[string]*aheadFile{}
	}
	for _, t := range tasks {
		if !a.asked[t.path] {
			a.asked[t.path] = true
			if t.applied {
				a.first = append(a.first, t)
			} else {
				a.queue = append(a.queue, t)
			}
		}
	}
	if len(a.queue)+len(a.first) > 0 && a.workers < e.opts.Cores-1 {
		a.workers++
		go e.aheadWorker()
	}
}

// aheadWorker works until the queue is empty.
func (e *Evaluator) aheadWorker() {
	a := &e.parsing
	for {
		a.mu.Lock()
		from := &a.queue
		if len(a.first) > 0 {
			from = &a.first
		}
		if len(*from) == 0 {
			a.workers--
			a.mu.Unlock()
			return
		}
		last := len(*from) - 1
		t := (*from)[last]
		(*from)[last] = aheadTask{}
		*from = (*from)[:last]
		a.mu.Unlock()
		e.parseAhead(t)
	}
}

// parse parses a file unless that has been begun.
func (e *Evaluator) parseAhead(t aheadTask) {
	a := &e.parsing
	file, err := e.ResolveExprPath(t.path)
	if err != nil {
		return // the evaluation will see for itself
	}
	a.mu.Lock()
	_, begun := a.files[file]
	a.mu.Unlock()
	if begun {
		return
	}
	r := e.takeReader()
	defer e.giveReader(r)
	src, err := r.read(file)
	if err != nil {
		return
	}
	f := &aheadFile{done: make(chan struct{})}
	a.mu.Lock()
	if _, begun = a.files[file]; !begun {
		if t.small && src.Size > smallFile {
			delete(a.asked, t.path)
			begun = true
		} else {
			a.files[file] = f
		}
	}
	a.mu.Unlock()
	if begun {
		return
	}
	defer close(f.done)
	if parsed, err := r.file(file, src, nil, true); err == nil {
		f.parsedFile = parsed
		// What is imported and applied will be needed as soon as the file is.
		e.aheadOf(slices.DeleteFunc(slices.Clone(parsed.imports), func(t aheadTask) bool { return !t.applied })...)
	}
}

// parsedAhead is the tree of a file if a worker has parsed it or is at it.
// Otherwise, or if it has an error, the caller parses it.
func (m *Machine) parsedAhead(file string) (f parsedFile, ok bool) {
	a := &m.E.parsing
	if m.E.opts.Cores < 2 {
		return f, false
	}
	a.mu.Lock()
	if a.files == nil {
		a.asked, a.files = map[string]bool{}, map[string]*aheadFile{}
	}
	w := a.files[file]
	if w == nil {
		a.files[file] = &aheadFile{}
	}
	a.mu.Unlock()
	if w == nil || w.done == nil {
		return f, false
	}
	<-w.done
	if len(w.warnings) > 0 {
		m.Effect()
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	f = w.parsedFile
	w.parsedFile = parsedFile{} // taken: a tree is evaluated once
	return f, f.node != nil
}
