package main

import (
	"fmt"
	"os"
	"slices"
	"strings"
	"sync"
	"time"

	"golang.org/x/term"

	"github.com/seed192a40f6/glang/realise"
	"github.com/seed192a40f6/glang/store/storepath"
)

// progress owns standard error while work goes on. On a terminal it keeps a
// status line and the tree of what is running at the bottom and prints
// messages above it; elsewhere it prints plain lines.
type progress struct {
	mu     sync.Mutex
	bar    bool // draw at all
	color  bool
	logs   bool // print lines of build logs
	prefix bool // … with the name of the build before each
	say    bool // print what starts

	detail bool // print what is of interest to few

	stderr, also *jsonLog // what is printed as JSON, in the place of text and besides

	running   map[storepath.Path]*job
	downloads map[string]*job
	counts    realise.Event
	lines     int // drawn below the cursor's home
	ticker    *time.Ticker
	done      chan struct{}
	bare      bool // the user of a tool knows that there is no sandbox
	warnf     func(string)
	fail      func(error)
}

// job is something that runs.
type job struct {
	name, phase, last string
	since             time.Time
	done, total       int64
}

const (
	barInterval = 100 * time.Millisecond
	maxBarLines = 10
)

// print writes a line, above the bar if there is one.
func (p *progress) print(line string) { p.printAt(levelInfo, line) }

// printAt is print for a message of some level.
func (p *progress) printAt(level int, line string) {
	if p.logged(level, line) {
		p.text(line)
	}
}

// text is print for what logs have in a form of their own.
func (p *progress) text(line string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.erase()
	fmt.Fprintln(os.Stderr, line)
	p.draw()
}

// start begins to draw, on a terminal.
func (p *progress) start() {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.running == nil {
		p.running, p.downloads = map[storepath.Path]*job{}, map[string]*job{}
	}
	if !p.bar || p.ticker != nil {
		return
	}
	p.ticker = time.NewTicker(barInterval)
	p.done = make(chan struct{})
	go func(t *time.Ticker, done chan struct{}) {
		for {
			select {
			case <-t.C:
				p.mu.Lock()
				p.erase()
				p.draw()
				p.mu.Unlock()
			case <-done:
				return
			}
		}
	}(p.ticker, p.done)
}

// stop removes the bar; printing goes on as plain lines.
func (p *progress) stop() {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.ticker == nil {
		return
	}
	p.ticker.Stop()
	close(p.done)
	p.ticker = nil
	p.erase()
}

// erase takes the bar off the screen. The lock is held.
func (p *progress) erase() {
	if p.lines > 0 {
		if p.lines > 1 {
			fmt.Fprintf(os.Stderr, "\x1b[%dA", p.lines-1)
		}
		fmt.Fprint(os.Stderr, "\r\x1b[J")
		p.lines = 0
	}
}

// draw puts the bar on the screen. The lock is held.
func (p *progress) draw() {
	if p.ticker == nil {
		return
	}
	lines := p.view(time.Now())
	if len(lines) == 0 {
		return
	}
	width, height, err := term.GetSize(2)
	if err != nil || width < 20 {
		width, height = 80, 24
	}
	if limit := min(maxBarLines, max(height-2, 1)); len(lines) > limit {
		more := len(lines) - limit + 1
		lines = append(lines[:limit-1], fmt.Sprintf("   … and %d more", more))
	}
	for i, l := range lines {
		lines[i] = clip(l, width-1)
	}
	fmt.Fprint(os.Stderr, strings.Join(lines, "\r\n"))
	p.lines = len(lines)
}

// clip shortens a line to so many characters; escape sequences take none.
func clip(s string, width int) string {
	n, escape := 0, false
	for i, r := range s {
		switch {
		case r == '\x1b':
			escape = true
		case escape:
			escape = r != 'm'
		default:
			if n++; n > width {
				return s[:i] + "\x1b[0m"
			}
		}
	}
	return s
}

// view is the bar's text: a line of counts, then what is running.
func (p *progress) view(now time.Time) []string {
	paint := func(code, s string) string {
		if !p.color {
			return s
		}
		return "\x1b[" + code + "m" + s + "\x1b[0m"
	}
	count := func(c realise.Count, what string) string {
		if c.Total == 0 && c.Running == 0 && c.Done == 0 {
			return ""
		}
		s := fmt.Sprintf("%s/%d %s", paint("32;1", fmt.Sprint(c.Done)), c.Total, what)
		if c.Failed > 0 {
			s += paint("31;1", fmt.Sprintf(" (%d failed)", c.Failed))
		}
		return s
	}
	var head []string
	for _, s := range []string{count(p.counts.Builds, "built"), count(p.counts.Substitutions, "copied")} {
		if s != "" {
			head = append(head, s)
		}
	}
	var jobs []*job
	for _, j := range p.running {
		jobs = append(jobs, j)
	}
	for _, j := range p.downloads {
		jobs = append(jobs, j)
	}
	if len(head) == 0 && len(jobs) == 0 {
		return nil
	}
	slices.SortFunc(jobs, func(a, b *job) int {
		if c := a.since.Compare(b.since); c != 0 {
			return c
		}
		return strings.Compare(a.name, b.name)
	})
	out := []string{"[" + strings.Join(head, ", ") + "]"}
	if len(head) == 0 {
		out = nil
	}
	for i, j := range jobs {
		branch := "├─ "
		if i == len(jobs)-1 {
			branch = "└─ "
		}
		s := branch + paint("1", j.name)
		if j.phase != "" {
			s += " (" + j.phase + ")"
		}
		if t := now.Sub(j.since); t >= time.Second {
			s += fmt.Sprintf(" %ds", int(t.Seconds()))
		}
		if j.total > 0 {
			s += fmt.Sprintf(" %s/%s", renderSize(j.done), renderSize(j.total))
		} else if j.done > 0 {
			s += " " + renderSize(j.done)
		}
		if j.last != "" {
			s += ": " + j.last
		}
		out = append(out, s)
	}
	return out
}

// event takes note of what a realiser does.
func (p *progress) event(e realise.Event) {
	for _, l := range []*jsonLog{p.also, p.stderr} {
		if l != nil {
			l.event(e)
		}
	}
	p.mu.Lock()
	if p.running == nil {
		p.running, p.downloads = map[storepath.Path]*job{}, map[string]*job{}
	}
	key := e.Drv
	if key.IsZero() {
		key = e.Path
	}
	line := ""
	var failure error
	switch e.Kind {
	case realise.BuildStarted:
		p.running[key] = &job{name: key.DrvName(), since: time.Now()}
		if p.say {
			line = e.Text + "..."
			line = strings.ReplaceAll(line, "......", "...")
		}
	case realise.BuildLine:
		if j := p.running[key]; j != nil {
			j.last = printable(e.Text)
		}
		if p.logs {
			if p.prefix {
				name := key.DrvName()
				if p.color {
					name = "\x1b[34;1m" + name + "\x1b[0m"
				}
				line = name + "> " + e.Text
			} else {
				line = e.Text
			}
		}
	case realise.BuildPhase:
		if j := p.running[key]; j != nil {
			j.phase, j.last = e.Text, ""
		}
		if p.logs && p.prefix {
			line = key.DrvName() + "> Running phase: " + e.Text
		}
	case realise.BuildDone, realise.SubstituteDone:
		delete(p.running, key)
	case realise.BuildExec:
		if p.detail {
			p.mu.Unlock()
			p.printAt(levelChatty, e.Text)
			return
		}
	case realise.BuildWaiting:
		if p.say {
			line = e.Text
		}
	case realise.SubstituteStarted:
		p.running[key] = &job{name: key.Name(), phase: "copying", since: time.Now()}
		if p.say {
			line = e.Text
			if !strings.HasSuffix(line, "...") {
				line += "..."
			}
		}
	case realise.SubstituteBytes:
		if j := p.running[key]; j != nil {
			j.done, j.total = e.Done, e.Total
		}
	case realise.DownloadStarted:
		p.downloads[e.Text] = &job{name: e.Text, phase: "downloading", since: time.Now()}
	case realise.DownloadBytes:
		if j := p.downloads[e.Text]; j != nil {
			j.done, j.total = e.Done, e.Total
		}
	case realise.DownloadDone:
		delete(p.downloads, e.Text)
	case realise.Message:
		line = e.Text
	case realise.Failure:
		failure = e.Err
	case realise.Counts:
		p.counts = e
	}
	p.mu.Unlock()
	switch {
	case e.Kind == realise.Warning:
		// The reference says nothing when sandbox = false was asked for.
		if p.warnf != nil && !(p.bare && strings.HasSuffix(e.Text, "without a sandbox")) {
			p.warnf(e.Text)
		}
	case failure != nil:
		if p.fail != nil {
			p.fail(failure)
		}
	case e.Kind == realise.Message || e.Kind == realise.BuildWaiting:
		if line != "" {
			p.print(line)
		}
	case (line != "" || e.Kind == realise.BuildLine && p.logs) && p.stderr == nil:
		p.text(line)
	}
}

// printable keeps what a status line can show of a line of a log.
func printable(s string) string {
	if i := strings.LastIndexByte(s, '\r'); i >= 0 && i < len(s)-1 {
		s = s[i+1:]
	}
	return strings.Map(func(r rune) rune {
		if r == '\t' {
			return ' '
		}
		if r < ' ' || r == 0x7f {
			return -1
		}
		return r
	}, s)
}

// renderSize writes a number of bytes as the reference does.
func renderSize(n int64) string {
	const units = "KMGTPE"
	x := float64(n) / 1024
	i := 0
	for x >= 1000 && i < len(units)-1 {
		x /= 1024
		i++
	}
	return fmt.Sprintf("%.1f %ciB", x, units[i])
}
