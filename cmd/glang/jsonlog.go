package main

import (
	"encoding/json"
	"fmt"
	"io"
	"net"
	"os"
	"strings"
	"sync"

	"github.com/seed192a40f6/glang/lang/diag"
	"github.com/seed192a40f6/glang/realise"
)

// jsonLog writes what happens as JSON, an object a line, in the reference's
// form: for programs that show progress in their own way (--log-format
// internal-json), or read it later (json-log-path).
type jsonLog struct {
	mu     sync.Mutex
	w      io.Writer
	prefix string
	show   func(realise.Event) string // the path that an event is about
	next   uint64
	ids    map[string]uint64 // of what is under way
}

// Kinds of activities and results, as the reference numbers them.
const (
	actFileTransfer = 101
	actBuild        = 105
	actSubstitute   = 108
	resLogLine      = 101
	resSetPhase     = 104
	resProgress     = 105
)

func newJSONLog(w io.Writer, prefix string, show func(realise.Event) string) *jsonLog {
	// Those of other processes that write to the same place are apart.
	return &jsonLog{w: w, prefix: prefix, show: show, next: uint64(os.Getpid()) << 32, ids: map[string]uint64{}}
}

func (l *jsonLog) write(v map[string]any) {
	var b strings.Builder
	b.WriteString(l.prefix)
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	if e.Encode(v) == nil {
		_, _ = io.WriteString(l.w, b.String()) // nobody is left to be told
	}
}

// message writes a message of some level.
func (l *jsonLog) message(level int, text string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.write(map[string]any{"action": "msg", "level": level, "msg": text})
}

// begin starts an activity, end ends it, result tells something of it.
func (l *jsonLog) begin(key string, kind, level int, text string, fields ...any) {
	l.next++
	l.ids[key] = l.next
	l.write(map[string]any{"action": "start", "id": l.next, "level": level, "parent": 0, "text": text, "type": kind, "fields": fields})
}

func (l *jsonLog) end(key string) {
	if id, ok := l.ids[key]; ok {
		l.write(map[string]any{"action": "stop", "id": id})
		delete(l.ids, key)
	}
}

func (l *jsonLog) result(key string, kind int, fields ...any) {
	if id, ok := l.ids[key]; ok {
		l.write(map[string]any{"action": "result", "id": id, "type": kind, "fields": fields})
	}
}

// event writes what a realiser does.
func (l *jsonLog) event(e realise.Event) {
	path := l.show(e)
	l.mu.Lock()
	defer l.mu.Unlock()
	switch e.Kind {
	case realise.BuildStarted:
		l.begin(path, actBuild, levelInfo, e.Text, path, "", 1, 1)
	case realise.BuildLine:
		l.result(path, resLogLine, e.Text)
	case realise.BuildPhase:
		l.result(path, resSetPhase, e.Text)
	case realise.SubstituteStarted:
		from := ""
		if i := strings.LastIndex(e.Text, " from '"); i >= 0 {
			from = strings.TrimSuffix(e.Text[i+len(" from '"):], "'")
		}
		l.begin(path, actSubstitute, levelInfo, e.Text, path, from)
	case realise.SubstituteBytes:
		l.result(path, resProgress, e.Done, e.Total, 0, 0)
	case realise.DownloadStarted:
		l.begin(e.Text, actFileTransfer, levelTalkative, fmt.Sprintf("downloading '%s'", e.Text), e.Text)
	case realise.DownloadBytes:
		l.result(e.Text, resProgress, e.Done, e.Total, 0, 0)
	case realise.BuildDone, realise.SubstituteDone:
		l.end(path)
	case realise.DownloadDone:
		l.end(e.Text)
	}
}

// openJSONLogs begins the logs that flags and settings ask for.
func (a *app) openJSONLogs() error {
	show := func(e realise.Event) string {
		p := e.Drv
		if p.IsZero() {
			p = e.Path
		}
		if p.IsZero() || a.session == nil {
			return ""
		}
		return a.session.Scheme.Print(p)
	}
	if a.logFormat == "internal-json" {
		a.progress.stderr = newJSONLog(os.Stderr, "@nix ", show)
	}
	name := a.settings.Get("json-log-path")
	if name == "" {
		return nil
	}
	w, err := openLog(name)
	if err != nil {
		return fmt.Errorf("opening log file '%s': %w", name, err)
	}
	a.progress.also = newJSONLog(w, "", show)
	a.onClose(func() { w.Close() })
	return nil
}

// logged hands what is printed to the logs as well; false: it is not to
// be printed as text.
func (p *progress) logged(level int, line string) (text bool) {
	if p.also != nil {
		p.also.message(level, diag.FilterANSI(line))
	}
	if p.stderr != nil {
		p.stderr.message(level, line)
	}
	return p.stderr == nil
}

// openLog opens a file to append to, or connects to a socket.
func openLog(name string) (io.WriteCloser, error) {
	if fi, err := os.Stat(name); err == nil && fi.Mode()&os.ModeSocket != 0 {
		return net.Dial("unix", name)
	}
	return os.OpenFile(name, os.O_WRONLY|os.O_CREATE|os.O_APPEND, 0o600)
}
