package main

import (
	"bytes"
	"os"
	"strings"

	"golang.org/x/sys/unix"
)

// A terminal that is asked to brackets what is pasted, so that it can be told
// from what is typed. Liner knows nothing of that, and its line has no line
// ends: so it reads from a pipe, into which what is pasted goes with signs for
// line ends and tabs, and they become what they stand for when the line is
// done. A paste is thus one input, that can be edited, and comes back whole
// from the history.

const (
	pasteOn    = "\x1b[?2004h"
	pasteOff   = "\x1b[?2004l"
	pasteBegin = "\x1b[200~"
	pasteEnd   = "\x1b[201~"
	lineSign   = "⏎"
	tabSign    = "⇥"
)

var (
	pasteSigns = strings.NewReplacer("\r\n", lineSign, "\r", lineSign, "\n", lineSign, "\t", tabSign)
	unpaste    = strings.NewReplacer(lineSign, "\n", tabSign, "\t")
)

// pasteFilter marks what is pasted in the bytes that come from a terminal.
type pasteFilter struct {
	pasting bool
	held    []byte // the beginning of a bracket, or what was pasted so far
}

// feed takes bytes and returns those to go on.
func (f *pasteFilter) feed(b []byte) []byte {
	b = append(f.held, b...)
	f.held = nil
	var out []byte
	for {
		bracket := pasteBegin
		if f.pasting {
			bracket = pasteEnd
		}
		i := bytes.Index(b, []byte(bracket))
		if i < 0 {
			break
		}
		if f.pasting {
			out = append(out, pasteSigns.Replace(strings.TrimRight(string(b[:i]), "\r\n"))...)
		} else {
			out = append(out, b[:i]...)
		}
		f.pasting = !f.pasting
		b = b[i+len(bracket):]
	}
	if f.pasting {
		f.held = bytes.Clone(b) // until the end is there
		return out
	}
	// A bracket may be cut in two. Escape alone is a key, which must not wait.
	for n := min(len(b), len(pasteBegin)-1); n > 1; n-- {
		if strings.HasPrefix(pasteBegin, string(b[len(b)-n:])) {
			f.held = bytes.Clone(b[len(b)-n:])
			b = b[:len(b)-n]
			break
		}
	}
	return append(out, b...)
}

// pasteReader hands the terminal's input on while a line is being edited.
// What is typed at other times stays with the terminal, for others to read.
type pasteReader struct {
	r, w  *os.File // the pipe that liner reads
	wakeR *os.File
	wakeW *os.File
	f     pasteFilter
	done  chan struct{}
}

func newPasteReader() (*pasteReader, error) {
	p := &pasteReader{}
	var err error
	if p.r, p.w, err = os.Pipe(); err != nil {
		return nil, err
	}
	p.wakeR, p.wakeW, err = os.Pipe()
	return p, err
}

func (p *pasteReader) start() {
	_, _ = os.Stdout.WriteString(pasteOn)
	p.done = make(chan struct{})
	go p.pump()
}

func (p *pasteReader) stop() {
	_, _ = p.wakeW.Write([]byte{0})
	<-p.done
	var b [1]byte
	_, _ = p.wakeR.Read(b[:])
	_, _ = os.Stdout.WriteString(pasteOff)
}

func (p *pasteReader) close() {
	for _, f := range []*os.File{p.w, p.r, p.wakeR, p.wakeW} {
		f.Close()
	}
}

func (p *pasteReader) pump() {
	defer close(p.done)
	buf := make([]byte, 4096)
	fds := []unix.PollFd{{Fd: 0, Events: unix.POLLIN}, {Fd: int32(p.wakeR.Fd()), Events: unix.POLLIN}}
	for {
		if _, err := unix.Poll(fds, -1); err != nil {
			if err == unix.EINTR {
				continue
			}
			return
		}
		if fds[1].Revents != 0 {
			return
		}
		n, err := unix.Read(0, buf)
		if err == unix.EINTR || err == unix.EAGAIN {
			continue
		}
		if n <= 0 || err != nil {
			p.w.Close() // the end of the input, for liner too
			return
		}
		if _, err := p.w.Write(p.f.feed(buf[:n])); err != nil {
			return
		}
	}
}
