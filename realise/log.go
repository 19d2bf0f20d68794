//go:build unix

package realise

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"

	"github.com/seed192a40f6/glang/store/storepath"
)

// A buildLog takes what a builder prints: all of it goes to a file, complete
// lines to the observer, and the last ones are kept for error messages.
type buildLog struct {
	r     *Realiser
	drv   storepath.Path
	file  io.WriteCloser // nil where it could not be made
	line  []byte
	col   int // where the next byte goes; a carriage return sets it back
	tail  []string
	total int64
}

// LogFile is the name of the file with the log of a derivation's last build.
func (r *Realiser) LogFile(drv storepath.Path) string {
	base := drv.String()
	return filepath.Join(r.store.LogDir(), "drvs", base[:2], base[2:])
}

func (r *Realiser) openLog(drv storepath.Path) (*buildLog, error) {
	name := r.LogFile(drv)
	f, err := os.Create(name)
	if os.IsNotExist(err) {
		if err := os.MkdirAll(filepath.Dir(name), 0o755); err != nil {
			return nil, fmt.Errorf("creating log file \"%s\": %w", name, err)
		}
		f, err = os.Create(name)
	}
	if err != nil {
		return nil, fmt.Errorf("creating log file \"%s\": %w", name, err)
	}
	return &buildLog{r: r, drv: drv, file: f}, nil
}

// Write never fails for the builder's sake: a full disk shows in its outputs.
func (l *buildLog) Write(p []byte) (int, error) {
	l.total += int64(len(p))
	if _, err := l.file.Write(p); err != nil {
		return 0, err
	}
	for _, c := range p {
		switch c {
		case '\r':
			l.col = 0
		case '\n':
			l.flush()
		default:
			if l.col < len(l.line) {
				l.line[l.col] = c
			} else {
				l.line = append(l.line, c)
			}
			l.col++
		}
	}
	return len(p), nil
}

func (l *buildLog) flush() {
	line := string(l.line[:l.col])
	l.line, l.col = l.line[:0], 0
	if l.structured(line) {
		return
	}
	l.r.event(Event{Kind: BuildLine, Drv: l.drv, Text: line})
	if len(l.tail) >= l.r.opts.LogLines {
		l.tail = l.tail[1:]
	}
	l.tail = append(l.tail, line)
}

// endLine takes what stands in the last line as a line.
func (l *buildLog) endLine() {
	if len(l.line) > 0 {
		l.flush()
	}
}

func (l *buildLog) close() error {
	l.endLine()
	return l.file.Close()
}

// structured handles a message that a builder sends among its output.
func (l *buildLog) structured(line string) bool {
	text, ok := strings.CutPrefix(line, "@nix ")
	if !ok {
		return false
	}
	var m message
	if err := json.Unmarshal([]byte(text), &m); err != nil {
		var syntax *json.SyntaxError
		if errors.As(err, &syntax) {
			l.r.event(Event{Kind: Message, Drv: l.drv, Text: "bad JSON log message from the derivation builder: " + err.Error()})
			return false
		}
		return l.cannot(err)
	}
	switch {
	case m.Action == nil:
		return l.cannot(errors.New("type must be string, but is null"))
	case *m.Action == "setPhase" && m.Phase == nil, *m.Action == "msg" && m.Msg == nil:
		return l.cannot(errors.New("type must be string, but is null"))
	case *m.Action == "setPhase":
		l.r.event(Event{Kind: BuildPhase, Drv: l.drv, Text: *m.Phase})
	case *m.Action == "msg" && m.Level <= levelInfo:
		l.r.event(Event{Kind: Message, Drv: l.drv, Text: *m.Msg})
	}
	return true
}

// levelInfo is the last level of messages that the reference prints by default.
const levelInfo = 3

// A message is what a builder says in JSON.
type message struct {
	Action, Phase, Msg *string
	Level              int
}

// cannot reports a message that makes no sense; its line counts as any other.
func (l *buildLog) cannot(err error) bool {
	l.r.event(Event{Kind: Warning, Drv: l.drv, Text: "Unable to handle a JSON message from the derivation builder: " + err.Error()})
	return false
}
