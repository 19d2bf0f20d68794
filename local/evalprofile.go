package local

import (
	"compress/gzip"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"path"
	"path/filepath"
	"sync"
	"sync/atomic"
	"time"

	"github.com/seed192a40f6/glang/lang/ast"
	"github.com/seed192a40f6/glang/lang/diag"
	"github.com/seed192a40f6/glang/lang/eval"
)

// profilePeriod is how often the time is sampled.
const profilePeriod = time.Millisecond

// Profile collects samples of an evaluation for pprof: processor time and
// allocated bytes by function, builtin, attribute and file, and their place.
// Begin with [NewProfile], give it to the evaluator by [EvalConfig], end with
// Write.
type Profile struct {
	due   atomic.Bool
	stop  chan struct{}
	begun time.Time

	mu        sync.Mutex
	sources   *ast.Sources
	last      time.Duration // of processor time, at the last sample
	samples   map[string]*profileSample
	order     []*profileSample // by when each was first met
	locations map[eval.Site]uint64
	out       profileWriter
	key       []byte
}

// The values of a sample, in the order in which Write names them.
const (
	sampleCount = iota
	sampleTime
	sampleBytes
	sampleTypes
)

// profileSample are the values of a stack, the innermost location first.
type profileSample struct {
	locations []uint64
	values    [sampleTypes]int64
}

// NewProfile begins a profile; until Write a clock runs.
func NewProfile() *Profile {
	p := &Profile{stop: make(chan struct{}), begun: time.Now(), last: cpuTime(),
		samples: map[string]*profileSample{}, locations: map[eval.Site]uint64{}}
	go func() {
		t := time.NewTicker(profilePeriod)
		defer t.Stop()
		for {
			select {
			case <-t.C:
				p.due.Store(true)
			case <-p.stop:
				return
			}
		}
	}()
	return p
}

// Due is that of [eval.Profiler].
func (p *Profile) Due() bool { return p.due.Load() && p.due.CompareAndSwap(true, false) }

// Time is that of [eval.Profiler]. A sample counts for all the processor time
// since the one before: the timer may come late, and does while a builtin runs.
func (p *Profile) Time(stack []eval.Site) {
	p.mu.Lock()
	defer p.mu.Unlock()
	now := cpuTime()
	s := p.sample(stack)
	s.values[sampleCount]++
	s.values[sampleTime] += int64(now - p.last)
	p.last = now
}

// Alloc is that of [eval.Profiler].
func (p *Profile) Alloc(stack []eval.Site, bytes int64) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.sample(stack).values[sampleBytes] += bytes
}

// sample is the entry of a stack.
func (p *Profile) sample(stack []eval.Site) *profileSample {
	p.key = p.key[:0]
	for _, s := range stack {
		p.key = binary.AppendUvarint(p.key, p.location(s))
	}
	s := p.samples[string(p.key)]
	if s == nil {
		s = &profileSample{}
		for _, site := range stack {
			s.locations = append(s.locations, p.location(site))
		}
		if len(stack) == 0 {
			s.locations = append(s.locations, p.location(eval.Site{Kind: eval.SiteFile, Name: "(outside of any file)"}))
		}
		p.samples[string(p.key)] = s
		p.order = append(p.order, s)
	}
	return s
}

// location is the number of a site in the profile.
func (p *Profile) location(s eval.Site) uint64 {
	if id, ok := p.locations[s]; ok {
		return id
	}
	file, line := "", 0
	if loc, ok := p.sources.Locate(s.Pos); ok {
		line, file = loc.Line, diag.ShowSource(loc.Source)
	} else if s.Kind == eval.SiteFile {
		file = s.Name
	}
	id := uint64(len(p.locations) + 1)
	p.out.location(id, siteName(s, file, line), file, line)
	p.locations[s] = id
	return id
}

// siteName is how tools show a site. They tell functions apart by name alone,
// so it has the place in it, by the end of the path.
func siteName(s eval.Site, file string, line int) string {
	at := ""
	if line > 0 {
		dir, base := path.Split(filepath.ToSlash(file))
		at = fmt.Sprintf(" %s:%d", path.Join(path.Base(dir), base), line)
	}
	switch s.Kind {
	case eval.SiteBuiltin:
		return "builtins." + s.Name
	case eval.SiteAttribute:
		return "attribute " + s.Name + at
	case eval.SiteFile:
		return "file " + s.Name
	}
	if s.Name == "" {
		return "function" + at
	}
	return s.Name + at
}

// Write ends the profile and writes it, compressed, as `go tool pprof` reads it.
func (p *Profile) Write(w io.Writer) error {
	close(p.stop)
	p.mu.Lock()
	defer p.mu.Unlock()
	p.out.valueType(profileSampleType, "samples", "count")
	p.out.valueType(profileSampleType, "cpu", "nanoseconds")
	p.out.valueType(profileSampleType, "alloc_space", "bytes")
	for _, s := range p.order {
		p.out.sample(s.locations, s.values[:])
	}
	p.out.integer(profileTime, p.begun.UnixNano())
	p.out.integer(profileDuration, int64(time.Since(p.begun)))
	p.out.valueType(profilePeriodType, "cpu", "nanoseconds")
	p.out.integer(profilePeriodField, int64(profilePeriod))
	p.out.integer(profileDefaultType, p.out.text("cpu"))
	z := gzip.NewWriter(w)
	_, err := z.Write(p.out.finish())
	return errors.Join(err, z.Close())
}
