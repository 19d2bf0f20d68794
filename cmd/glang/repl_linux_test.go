package main

import (
	"fmt"
	"os"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// openPTY makes a pseudo-terminal: what the test holds, and what the program gets.
func openPTY(t *testing.T) (master, slave *os.File) {
	t.Helper()
	fd, err := unix.Open("/dev/ptmx", unix.O_RDWR|unix.O_NOCTTY|unix.O_CLOEXEC|unix.O_NONBLOCK, 0)
	if err != nil {
		t.Skipf("no pseudo-terminals here: %v", err)
	}
	if err := unix.IoctlSetPointerInt(fd, unix.TIOCSPTLCK, 0); err != nil {
		t.Fatal(err)
	}
	n, err := unix.IoctlGetInt(fd, unix.TIOCGPTN)
	if err != nil {
		t.Fatal(err)
	}
	if err := unix.IoctlSetWinsize(fd, unix.TIOCSWINSZ, &unix.Winsize{Row: 30, Col: 100}); err != nil {
		t.Fatal(err)
	}
	master = os.NewFile(uintptr(fd), "ptmx")
	if slave, err = os.OpenFile(fmt.Sprintf("/dev/pts/%d", n), os.O_RDWR|syscall.O_NOCTTY, 0); err != nil {
		t.Skipf("no pseudo-terminals here: %v", err)
	}
	t.Cleanup(func() { master.Close(); slave.Close() })
	return master, slave
}

// session is a REPL on a terminal.
type session struct {
	t   *testing.T
	tty *os.File
	got string // what has not been expected yet
}

func (s *session) send(text string) {
	s.t.Helper()
	if _, err := s.tty.WriteString(text); err != nil {
		s.t.Fatal(err)
	}
}

// expect waits until the program has printed text.
func (s *session) expect(text string) {
	s.t.Helper()
	deadline := time.Now().Add(20 * time.Second)
	buf := make([]byte, 4096)
	for !strings.Contains(s.got, text) {
		if err := s.tty.SetReadDeadline(deadline); err != nil {
			s.t.Fatal(err)
		}
		n, err := s.tty.Read(buf)
		if err != nil {
			s.t.Fatalf("waiting for %q: %v; have %q", text, err, s.got)
		}
		s.got += string(buf[:n])
	}
	_, s.got, _ = strings.Cut(s.got, text)
}

// terminal runs a command with a terminal of its own until its prompt is there;
// end closes the input and waits.
func terminal(t *testing.T, home, command string) (s *session, end func()) {
	t.Helper()
	master, slave := openPTY(t)
	c := replProcess(t, home, command)
	c.Stdin, c.Stdout, c.Stderr = slave, slave, slave
	c.SysProcAttr = &syscall.SysProcAttr{Setsid: true, Setctty: true}
	if err := c.Start(); err != nil {
		t.Fatal(err)
	}
	slave.Close()
	t.Cleanup(func() { _ = c.Process.Kill() })
	s = &session{t: t, tty: master}
	s.expect("glang> ")
	return s, func() {
		t.Helper()
		s.send("\x04") // end of input
		if err := c.Wait(); err != nil {
			t.Error(err)
		}
	}
}

// TestDebuggerTerminal looks around where an evaluation stopped.
func TestDebuggerTerminal(t *testing.T) {
	s, end := terminal(t, t.TempDir(), "glang repl --store dummy:// --debugger")
	s.send("let inner = 20; f = x: builtins.break (x + inner); in f 22\r")
	s.expect("breakpoint reached")
	s.expect("glang> ")
	s.send("inn\t\r") // completes what is in scope here
	s.expect("inner")
	s.expect("20\r\n")
	s.expect("glang> ")
	s.send(":bt\r")
	s.expect("while calling")
	s.expect("glang> ")
	s.send(":c\r")
	s.expect("42\r\n")
	s.expect("glang> ")
	end()
}

func TestReplTerminal(t *testing.T) {
	home := t.TempDir()
	begin := func() (*session, func()) { return terminal(t, home, "glang repl --store dummy://") }
	s, end := begin()
	s.send("builtins.stringLen\t \"abc\"\r")
	s.expect("builtins.stringLength \"abc\"")
	s.expect("3\r\n")
	s.expect("glang> ")
	s.send("kept = 41\r")
	s.expect("glang> ")
	s.send(":tim\t")
	s.expect(":time")
	s.send("\x15") // Ctrl-U
	// Ctrl-C ends an evaluation, not the session.
	s.send("let f = n: if n == 0 then 0 else f (n - 1); in builtins.trace \"begun\" (builtins.foldl' (a: b: a + f 1000) 0 (builtins.genList (x: x) 10000000))\r")
	s.expect("trace: begun")
	s.send("\x03")
	s.expect("interrupted by the user")
	s.expect("glang> ")
	s.send("kept + 1\r")
	s.expect("42")
	s.expect("glang> ")
	// At the prompt it drops the line.
	s.send("abandoned")
	s.expect("abandoned")
	s.send("\x03")
	s.expect("glang> ")
	// A paste of several lines, with tabs, is an input as it stands.
	s.send("\x1b[200~let\r\tpasted = 1;\r\tmore = 2;\rin pasted\r\t+ more + 100\r\x1b[201~\r")
	s.expect("103\r\n")
	s.expect("glang> ")
	s.send("\x1b[A\x7f1\r") // it comes back whole, to be changed
	s.expect("104\r\n")
	s.expect("glang> ")
	s.send(":stats builtins.length [ 1 2 ]\r")
	s.expect("2\r\n")
	s.expect("allocated in")
	s.expect("glang> ")
	s.send(":p { a = [ { b = 1; } ]; }\r")
	s.expect("{ b = 1; }")
	s.expect("glang> ")
	s.send("[ kept\r")
	s.expect("     > ")
	s.send("]\r")
	s.expect("41")
	s.expect("glang> ")
	end()

	// The next session has the history of this one.
	s, end = begin()
	s.send(strings.Repeat("\x1b[A", 7) + "\r") // seven lines back: "kept + 1"
	s.expect("undefined variable 'kept'")
	s.expect("glang> ")
	end()
}
