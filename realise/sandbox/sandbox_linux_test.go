package sandbox_test

import (
	"bytes"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/seed192a40f6/glang/realise/sandbox"
)

// The test binary is its own builder: inside, as /bin/sh, it does what its
// first argument says.
func TestMain(m *testing.M) {
	if os.Args[0] == "builder" {
		os.Exit(builder(os.Args[1]))
	}
	os.Exit(m.Run())
}

func builder(what string) int {
	fail := func(err error) int { fmt.Println(err); return 1 }
	switch what {
	case "look":
		names := func(dir string) string {
			entries, err := os.ReadDir(dir)
			if err != nil {
				return err.Error()
			}
			var l []string
			for _, e := range entries {
				l = append(l, e.Name())
			}
			return strings.Join(l, " ")
		}
		cwd, _ := os.Getwd()
		host, _ := os.Hostname()
		fmt.Println("uid", os.Getuid(), os.Getgid(), "pid", os.Getpid(), "cwd", cwd, "host", host)
		for _, d := range []string{"/", "/store", "/dev", "/etc", "/build", "/proc/self/fd"} {
			fmt.Println(d+":", names(d))
		}
		status, _ := os.ReadFile("/proc/self/status")
		for _, line := range strings.Split(string(status), "\n") {
			if strings.HasPrefix(line, "Cap") || strings.HasPrefix(line, "NoNewPrivs") || strings.HasPrefix(line, "Seccomp:") || strings.HasPrefix(line, "Groups") || strings.HasPrefix(line, "SigBlk") {
				fmt.Println(strings.Join(strings.Fields(line), " "))
			}
		}
	case "write":
		if err := os.WriteFile("/store/out", []byte("made"), 0o755); err != nil {
			return fail(err)
		}
		for _, p := range []string{"/x", "/etc/x", "/store/input/x", "/bin/x", "/dev/x", "/proc/sys/kernel/core_pattern"} {
			if err := os.WriteFile(p, nil, 0o644); err == nil {
				fmt.Println("could write", p)
			}
		}
		if err := os.Chmod("/store/input", 0o777); err == nil {
			fmt.Println("could chmod an input")
		}
		for _, p := range []string{"/tmp/x", "/build/x", "/dev/shm/x", "/dev/null"} {
			if err := os.WriteFile(p, nil, 0o644); err != nil {
				return fail(err)
			}
		}
		fmt.Println("setuid:", syscall.Chmod("/build/x", 0o4755), "xattr:", syscall.Setxattr("/build/x", "user.a", []byte("b"), 0))
	case "eat":
		var all [][]byte
		for range 512 {
			all = append(all, bytes.Repeat([]byte{1}, 1<<20))
		}
		fmt.Println("ate", len(all))
	case "spawn":
		for range 40 {
			if err := exec.Command("/proc/self/exe").Start(); err != nil {
				return fail(err)
			}
		}
		fmt.Println("spawned")
	case "net":
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			return fail(err)
		}
		l.Close()
		_, err = net.Dial("tcp", "192.0.2.1:80")
		fmt.Println(err)
	case "orphan":
		p, err := os.StartProcess("/bin/sh", []string{"builder", "sleep"}, &os.ProcAttr{Files: []*os.File{os.Stdin, os.Stdout, os.Stderr}})
		if err != nil {
			return fail(err)
		}
		fmt.Println("started", p.Pid > 1)
	case "sleep":
		time.Sleep(time.Hour)
	case "killself":
		syscall.Kill(1, syscall.SIGTERM)
		return 7
	}
	return 0
}

// A way is one of those in which a build can be started.
type way struct{ fork bool }

// eachWay runs a test in all of them.
func eachWay(t *testing.T, test func(*testing.T, way)) {
	t.Run("best", func(t *testing.T) { test(t, way{}) })
	t.Run("fork", func(t *testing.T) { test(t, way{fork: true}) })
}

func (w way) run(t *testing.T, change func(*sandbox.Spec)) (string, sandbox.Status, string) {
	t.Helper()
	if err := sandbox.Available(); err != nil {
		if os.Getenv("GLANG_TEST_SANDBOX") != "" {
			t.Fatal(err)
		}
		t.Skip(err)
	}
	top := t.TempDir()
	dir, store := filepath.Join(top, "b"), filepath.Join(top, "s")
	room, err := sandbox.OpenRoom(dir, 1, os.RemoveAll)
	if err != nil {
		t.Fatal(err)
	}
	if w.fork {
		room.ForkOnly()
	}
	for _, d := range []string{store, store + "/input", store + "/hidden"} {
		if err := os.Mkdir(d, 0o755); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.WriteFile(store+"/file", []byte("f"), 0o444); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink("input", store+"/link"); err != nil {
		t.Fatal(err)
	}
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	spec := &sandbox.Spec{
		StoreDir: "/store", RealStore: store, Inputs: []string{"input", "file", "link"},
		Shell: self, Binds: sandbox.Libraries(self), Path: "/bin/sh", Env: []string{"A=b"}, Platform: "x86_64-linux",
	}
	change(spec)
	p, err := room.Start(spec)
	if err != nil {
		t.Fatal(err)
	}
	defer p.Output.Close()
	out, _ := io.ReadAll(p.Output) // ends with EIO when the builder is gone
	st, err := p.Wait()
	if err != nil {
		out = append(out, err.Error()...)
	}
	if err := room.Strip(); err != nil {
		t.Fatal(err)
	}
	return string(out), st, dir
}

func do(what string) func(*sandbox.Spec) {
	return func(s *sandbox.Spec) { s.Args = []string{"builder", what} }
}

func TestView(t *testing.T) { eachWay(t, testView) }

func testView(t *testing.T, w way) {
	got, st, _ := w.run(t, do("look"))
	want := `uid 1000 100 pid 1 cwd /build host localhost
/: bin build dev etc proc store tmp
/store: file input link
/dev: fd full null ptmx pts random shm stderr stdin stdout tty urandom zero
/etc: group hosts passwd
/build: 
/proc/self/fd: 0 1 2 3
Groups:
SigBlk: 0000000000000000
CapInh: 0000000000000000
CapPrm: 0000000000000000
CapEff: 0000000000000000
CapBnd: 0000000000000000
CapAmb: 0000000000000000
NoNewPrivs: 1
Seccomp: 2
`
	// 3 is what the listing itself holds open.
	got = strings.Replace(got, " lib lib64 ", " ", 1) // of a test binary that cgo made
	if i := strings.Index(got, "Groups: "); i >= 0 && os.Geteuid() != 0 {
		got = got[:i] + "Groups:" + got[i+strings.IndexByte(got[i:], '\n'):] // an ordinary user cannot drop groups
	}
	if d := cmp.Diff(want, got); d != "" || !st.OK() {
		t.Errorf("status %v (-want +got):\n%s", st, d)
	}
}

func TestWrites(t *testing.T) { eachWay(t, testWrites) }

func testWrites(t *testing.T, w way) {
	got, st, dir := w.run(t, do("write"))
	want := "setuid: operation not permitted xattr: operation not supported\n"
	if d := cmp.Diff(want, got); d != "" || !st.OK() {
		t.Errorf("status %v (-want +got):\n%s", st, d)
	}
	b, err := os.ReadFile(filepath.Join(dir, "store", "out"))
	if err != nil || string(b) != "made" {
		t.Errorf("output: %q, %v", b, err)
	}
}

func TestNetwork(t *testing.T) { eachWay(t, testNetwork) }

func testNetwork(t *testing.T, w way) {
	got, _, _ := w.run(t, do("net"))
	if !strings.Contains(got, "network is unreachable") {
		t.Errorf("dialling out: %s", got)
	}
}

func TestLeavesNoProcess(t *testing.T) { eachWay(t, testLeavesNoProcess) }

func testLeavesNoProcess(t *testing.T, w way) {
	got, st, _ := w.run(t, do("orphan"))
	if got != "started true\n" || !st.OK() {
		t.Errorf("%q, %v", got, st)
	}
}

func TestMissingBuilder(t *testing.T) { eachWay(t, testMissingBuilder) }

func testMissingBuilder(t *testing.T, w way) {
	got, st, _ := w.run(t, func(s *sandbox.Spec) { s.Path, s.Args = "/none", []string{"none"} })
	if got != "executing '/none': No such file or directory" {
		t.Errorf("%q, %v", got, st)
	}
}

// TestLimits builds what passes its limits, whatever bounds it here.
func TestLimits(t *testing.T) {
	for what, limits := range map[string]sandbox.Limits{"eat": {MemoryBytes: 200 << 20}, "spawn": {Processes: 20}} {
		got, st, _ := way{}.run(t, func(s *sandbox.Spec) { s.Args, s.Limits = []string{"builder", what}, limits })
		if st.OK() || strings.HasPrefix(got, "ate") || strings.HasPrefix(got, "spawned") {
			t.Errorf("%s: went on past its limit: %q, %v", what, got, st)
		}
	}
	generous := sandbox.Limits{MemoryBytes: 2 << 30, Processes: 1000}
	got, st, _ := way{}.run(t, func(s *sandbox.Spec) { s.Args, s.Limits = []string{"builder", "eat"}, generous })
	if got != "ate 512\n" || !st.OK() || st.OverMemory || st.OverProcesses {
		t.Errorf("within its limits: %q, %v", got, st)
	}
}

// TestBusyParent starts builds from a program that makes garbage and is sent
// signals: none of its code may run in the children, whose memory it shares.
func TestBusyParent(t *testing.T) { eachWay(t, testBusyParent) }

func testBusyParent(t *testing.T, w way) {
	stop := make(chan bool)
	var busy sync.WaitGroup
	busy.Go(func() {
		for {
			select {
			case <-stop:
				return
			default:
				_ = make([]byte, 1<<16)
				runtime.GC()
				_ = syscall.Kill(os.Getpid(), syscall.SIGURG)
			}
		}
	})
	var builds sync.WaitGroup
	for range 4 {
		builds.Go(func() {
			for range 8 {
				if got, st, _ := w.run(t, do("nothing")); got != "" || !st.OK() {
					t.Errorf("%q, %v", got, st)
				}
			}
		})
	}
	builds.Wait()
	close(stop)
	busy.Wait()
}

func BenchmarkTrivial(b *testing.B) {
	b.Run("best", func(b *testing.B) { benchmark(b, way{}) })
	b.Run("fork", func(b *testing.B) { benchmark(b, way{fork: true}) })
}

func benchmark(b *testing.B, w way) {
	if err := sandbox.Available(); err != nil {
		b.Skip(err)
	}
	self, _ := os.Executable()
	store := b.TempDir()
	room, err := sandbox.OpenRoom(filepath.Join(store, "room"), 1, os.RemoveAll)
	if err != nil {
		b.Fatal(err)
	}
	if w.fork {
		room.ForkOnly()
	}
	for b.Loop() {
		p, err := room.Start(&sandbox.Spec{StoreDir: "/store", RealStore: store, Shell: self, Path: "/bin/sh", Args: []string{"builder", "nothing"}})
		if err != nil {
			b.Fatal(err)
		}
		_, _ = io.Copy(io.Discard, p.Output)
		if st, err := p.Wait(); err != nil || !st.OK() {
			b.Fatal(st, err)
		}
		p.Output.Close()
	}
}
