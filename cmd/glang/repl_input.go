package main

import (
	"bufio"
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"unicode/utf8"

	"github.com/peterh/liner"
	"golang.org/x/term"
)

// lineReader gets lines from the user. Prompt returns errAborted for Ctrl-C
// and io.EOF at the end. Suspend gives the terminal back to other programs
// until the function it returns is called.
type lineReader interface {
	Prompt(prompt string) (string, error)
	Suspend() (resume func())
	// Serve says whose lines these are from now on, and whose they were.
	Serve(*repl) *repl
	Close()
}

var errAborted = errors.New("aborted")

// newLineReader makes an editor on a terminal, a plain reader elsewhere.
func newLineReader(r *repl) lineReader {
	if term.IsTerminal(0) && term.IsTerminal(1) && liner.TerminalSupported() {
		l := &editor{r: r}
		l.readHistory()
		l.open()
		return l
	}
	_, echo := r.a.env.Lookup("_NIX_TEST_REPL_ECHO")
	return &plainLines{r: r, in: bufio.NewReader(r.a.stdin), echo: echo}
}

// plainLines reads lines from a file or pipe, without a prompt.
type plainLines struct {
	r    *repl
	in   *bufio.Reader
	echo bool // print prompt and line, as tests want to see them
}

func (p *plainLines) Prompt(prompt string) (string, error) {
	line, err := p.in.ReadString('\n')
	if err != nil && (err != io.EOF || line == "") {
		return "", err
	}
	line = strings.TrimSuffix(line, "\n")
	if p.echo {
		p.r.a.println(prompt + line)
		if err := p.r.a.stdout.Flush(); err != nil {
			return "", err
		}
	}
	return line, nil
}

func (p *plainLines) Serve(r *repl) *repl {
	old := p.r
	p.r = r
	return old
}

func (p *plainLines) Suspend() func() { return func() {} }
func (p *plainLines) Close()          {}

// editor edits lines on a terminal. Liner keeps the terminal raw from its
// creation on, save that Ctrl-C is a signal outside of its prompt.
type editor struct {
	r       *repl
	l       *liner.State
	paste   *pasteReader // nil: none could be made
	history []string
}

func (e *editor) open() {
	if e.paste == nil {
		e.paste, _ = newPasteReader() // without one, pasting is as typing
	}
	if stdin := os.Stdin; e.paste != nil {
		os.Stdin = e.paste.r // liner takes this one
		e.l = liner.NewLiner()
		os.Stdin = stdin
	} else {
		e.l = liner.NewLiner()
	}
	e.l.SetCtrlCAborts(true)
	e.l.SetTabCompletionStyle(liner.TabPrints)
	e.l.SetWordCompleter(func(line string, pos int) (string, []string, string) { return e.r.completeWord(line, pos) })
	e.l.SetMultiLineMode(true)
	for _, h := range e.history {
		e.l.AppendHistory(h)
	}
}

func (e *editor) Prompt(prompt string) (string, error) {
	if e.paste != nil {
		e.paste.start()
	}
	line, err := e.l.Prompt(prompt)
	if e.paste != nil {
		e.paste.stop()
	}
	switch {
	case errors.Is(err, liner.ErrPromptAborted):
		return "", errAborted
	case err != nil:
		return "", err
	}
	if strings.TrimSpace(line) != "" {
		e.l.AppendHistory(line)
		if n := len(e.history); n == 0 || e.history[n-1] != line {
			e.history = append(e.history, line)
		}
	}
	return unpaste.Replace(line), nil
}

func (e *editor) Serve(r *repl) *repl {
	old := e.r
	e.r = r
	return old
}

func (e *editor) Suspend() func() {
	e.l.Close()
	return e.open
}

func (e *editor) Close() {
	e.l.Close()
	if e.paste != nil {
		e.paste.close()
	}
	e.writeHistory()
}

func (e *editor) readHistory() {
	text, err := os.ReadFile(e.r.historyFile())
	if err != nil {
		return // there is none yet
	}
	for _, line := range strings.Split(string(text), "\n") {
		if line != "" && utf8.ValidString(line) {
			e.history = append(e.history, line)
		}
	}
}

// writeHistory replaces the file, so that a crash leaves the old one.
func (e *editor) writeHistory() {
	if n := len(e.history) - liner.HistoryLimit; n > 0 {
		e.history = e.history[n:]
	}
	if len(e.history) == 0 {
		return
	}
	name := e.r.historyFile()
	if err := os.MkdirAll(filepath.Dir(name), 0o777); err != nil {
		e.r.a.warnf("the history cannot be saved: %v", err)
		return
	}
	tmp := name + ".new"
	err := os.WriteFile(tmp, []byte(strings.Join(e.history, "\n")+"\n"), 0o600)
	if err == nil {
		err = os.Rename(tmp, name)
	}
	if err != nil {
		e.r.a.warnf("the history cannot be saved: %v", err)
	}
}
