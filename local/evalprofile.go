package local

import (
	"encoding/binary"
	"fmt"
	"io"
	"path"
	"path/filepath"
	"sync"
	"sync/atomic"
	"time"

	"github.com/google/pprof/profile"

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
	samples   map[string]*profile.Sample
	locations map[eval.Site]*profile.Location
	out       *profile.Profile
	key       []byte
}

// The values of a sample, in the order of sampleTypes.
const (
	sampleCount = iota
	sampleTime
	sampleBytes
)

var sampleTypes = []*profile.ValueType{{Type: "samples", Unit: "count"}, {Type: "cpu", Unit: "nanoseconds"}, {Type: "alloc_space", Unit: "bytes"}}

// NewProfile begins a profile; until Write a clock runs.
func NewProfile() *Profile {
	p := &Profile{stop: make(chan struct{}), begun: time.Now(), last: cpuTime(),
		samples: map[string]*profile.Sample{}, locations: map[eval.Site]*profile.Location{}}
	p.out = &profile.Profile{SampleType: sampleTypes, DefaultSampleType: "cpu", TimeNanos: p.begun.UnixNano(),
		PeriodType: &profile.ValueType{Type: "cpu", Unit: "nanoseconds"}, Period: int64(profilePeriod)}
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
	s.Value[sampleCount]++
	s.Value[sampleTime] += int64(now - p.last)
	p.last = now
}

// Alloc is that of [eval.Profiler].
func (p *Profile) Alloc(stack []eval.Site, bytes int64) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.sample(stack).Value[sampleBytes] += bytes
}

// sample is the entry of a stack.
func (p *Profile) sample(stack []eval.Site) *profile.Sample {
	p.key = p.key[:0]
	for _, s := range stack {
		p.key = binary.AppendUvarint(p.key, p.location(s).ID)
	}
	s := p.samples[string(p.key)]
	if s == nil {
		s = &profile.Sample{Value: make([]int64, len(sampleTypes))}
		for _, site := range stack {
			s.Location = append(s.Location, p.location(site))
		}
		if len(stack) == 0 {
			s.Location = append(s.Location, p.location(eval.Site{Kind: eval.SiteFile, Name: "(outside of any file)"}))
		}
		p.samples[string(p.key)] = s
		p.out.Sample = append(p.out.Sample, s)
	}
	return s
}

func (p *Profile) location(s eval.Site) *profile.Location {
	l := p.locations[s]
	if l != nil {
		return l
	}
	id := uint64(len(p.out.Location) + 1)
	f := &profile.Function{ID: id}
	line := 0
	if loc, ok := p.sources.Locate(s.Pos); ok {
		line, f.Filename = loc.Line, diag.ShowSource(loc.Source)
	} else if s.Kind == eval.SiteFile {
		f.Filename = s.Name
	}
	f.StartLine = int64(line)
	f.Name = siteName(s, f.Filename, line)
	f.SystemName = f.Name
	l = &profile.Location{ID: id, Line: []profile.Line{{Function: f, Line: int64(line)}}}
	p.out.Function = append(p.out.Function, f)
	p.out.Location = append(p.out.Location, l)
	p.locations[s] = l
	return l
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
	p.out.DurationNanos = int64(time.Since(p.begun))
	return p.out.Write(w)
}
