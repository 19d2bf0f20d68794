package shell

import (
	"bytes"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/rogpeppe/go-internal/txtar"
)

var update = flag.Bool("update", false, "have bash and the tools of the machine write the expected output")

// clean is the environment of the scripts; without tools in PATH, those of
// this package are used.
func clean(path, dir string) []string {
	return []string{"PATH=" + path, "HOME=/homeless-shelter", "TZ=UTC", "LC_ALL=C", "TMPDIR=" + dir, "TMP=" + dir}
}

func runScript(t *testing.T, script, dir string) string {
	t.Helper()
	// A file, as several commands of a script may write at once.
	out, err := os.Create(filepath.Join(t.TempDir(), "out"))
	if err != nil {
		t.Fatal(err)
	}
	defer out.Close()
	status := Main([]string{"sh", "-c", script, "script", "one", "two three"}, IO{
		Env: clean("/path-not-set", dir), Dir: dir, Stdin: strings.NewReader("in1\nin2\n"), Stdout: out, Stderr: out,
	})
	text, err := os.ReadFile(out.Name())
	if err != nil {
		t.Fatal(err)
	}
	return fmt.Sprintf("%sstatus %d\n", text, status)
}

func runBash(t *testing.T, script, dir string) string {
	t.Helper()
	cmd := exec.Command("bash", "-c", script, "script", "one", "two three")
	cmd.Env, cmd.Dir, cmd.Stdin = clean(os.Getenv("PATH"), dir), dir, strings.NewReader("in1\nin2\n")
	out, err := cmd.CombinedOutput()
	if _, ok := err.(*exec.ExitError); err != nil && !ok {
		t.Fatal(err)
	}
	return fmt.Sprintf("%sstatus %d\n", out, cmd.ProcessState.ExitCode())
}

// The scripts do what bash and the GNU tools do with them.
func TestScripts(t *testing.T) {
	const file = "testdata/scripts.txtar"
	ar, err := txtar.ParseFile(file)
	if err != nil {
		t.Fatal(err)
	}
	want := make(map[string]string)
	for _, f := range ar.Files {
		want[f.Name] = string(f.Data)
	}
	var files []txtar.File
	for _, f := range ar.Files {
		name, ok := strings.CutSuffix(f.Name, ".sh")
		if !ok {
			continue
		}
		if *update {
			files = append(files, f, txtar.File{Name: name + ".out", Data: []byte(runBash(t, string(f.Data), t.TempDir()))})
			continue
		}
		t.Run(name, func(t *testing.T) {
			if diff := cmp.Diff(want[name+".out"], runScript(t, string(f.Data), t.TempDir())); diff != "" {
				t.Errorf("(-want +got)\n%s", diff)
			}
		})
	}
	if *update {
		ar.Files = files
		if err := os.WriteFile(file, txtar.Format(ar), 0o666); err != nil {
			t.Fatal(err)
		}
	}
}

func TestInvocation(t *testing.T) {
	dir := t.TempDir()
	script := filepath.Join(dir, "s.sh")
	if err := os.WriteFile(script, []byte("echo $0 $# $1\nexit 3\n\x00garbage )"), 0o666); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		args  []string
		stdin string
		want  string
	}{
		{[]string{"sh", "-c", "echo $0 $1", "zero", "one"}, "", "zero one\nstatus 0\n"},
		{[]string{"-sh", "-c", "echo $0"}, "", "sh\nstatus 0\n"},
		{[]string{"sh", "-ec", "false; echo no"}, "", "status 1\n"},
		{[]string{"sh", "-e", "-u", "-c", "echo $nope; echo no"}, "", "script: nope: unbound variable\nstatus 1\n"},
		{[]string{"bash", "-x", "-c", "echo a"}, "", "+ echo a\na\nstatus 0\n"},
		{[]string{"sh", script, "a", "b"}, "", script + " 2 a\nstatus 3\n"},
		{[]string{"sh"}, "echo $0 from stdin\nexit 4\n", "sh from stdin\nstatus 4\n"},
		{[]string{"sh", "-s", "x"}, "echo $1", "x\nstatus 0\n"},
		{[]string{"sh", "none.sh"}, "", "sh: none.sh: No such file or directory\nstatus 127\n"},
		{[]string{"sh", "-Z"}, "", "sh: -Z: invalid option\nstatus 2\n"},
		{[]string{"sh", "-c", "echo a\necho b; )"}, "", "a\nsh: 2:9: `)` can only be used to close a subshell\nstatus 2\n"},
		{[]string{"/bin/basename", "/a/b.c", ".c"}, "", "b\nstatus 0\n"},
		{[]string{"/bin/cat"}, "text", "textstatus 0\n"},
		{[]string{"test", "a", "=", "b"}, "", "status 1\n"},
		{[]string{"printf", "%s-%d\\n", "a", "7"}, "", "a-7\nstatus 0\n"},
		{[]string{"sh", "-c", "nosuch"}, "", "nosuch: command not found\nstatus 127\n"},
		{[]string{"sh", "-c", "/no/such"}, "", "/no/such: No such file or directory\nstatus 127\n"},
	} {
		var out bytes.Buffer
		status := Main(c.args, IO{Env: clean("/path-not-set", dir), Dir: dir, Stdin: strings.NewReader(c.stdin), Stdout: &out, Stderr: &out})
		got := fmt.Sprintf("%sstatus %d\n", out.String(), status)
		if strings.Contains(c.want, "unbound") {
			// The interpreter words this in its own way.
			if !strings.Contains(got, "unbound variable") || !strings.HasSuffix(got, "status 1\n") {
				t.Errorf("%q: %s", c.args, got)
			}
			continue
		}
		if diff := cmp.Diff(c.want, got); diff != "" {
			t.Errorf("%q (-want +got)\n%s", c.args, diff)
		}
	}
}

// A file in PATH comes before the tool of its name, and gets the environment.
func TestPath(t *testing.T) {
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "basename"), []byte("echo \"mine $1 $x $y\"\nexit 5\n"), 0o777); err != nil {
		t.Fatal(err)
	}
	var out bytes.Buffer
	status := Main([]string{"sh", "-c", "export x=1; y=2; basename arg"}, IO{
		Env: clean(dir, dir), Dir: dir, Stdin: strings.NewReader(""), Stdout: &out, Stderr: &out,
	})
	if got, want := fmt.Sprintf("%s%d", out.String(), status), "mine arg 1 \n5"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}

// Every tool that is announced exists, and refuses an option it does not know.
func TestTools(t *testing.T) {
	for _, name := range Tools() {
		if !IsTool(name) {
			t.Errorf("there is no %s", name)
		}
	}
	if IsTool("nosuch") || IsTool("") {
		t.Error("there are tools that there are not")
	}
	for _, name := range []string{"cat", "cp", "grep", "ls", "rm", "tar", "sort"} {
		var out bytes.Buffer
		status := Main([]string{name, "--nonsense"}, IO{Dir: t.TempDir(), Stdin: strings.NewReader(""), Stdout: &out, Stderr: &out})
		if status == 0 || !strings.Contains(out.String(), "unrecognized option '--nonsense'") {
			t.Errorf("%s: %d %s", name, status, out.String())
		}
	}
}

// A member of an archive does not get out of the directory.
func TestTarKeepsIn(t *testing.T) {
	dir := t.TempDir()
	got := runScript(t, `
mkdir a b; echo x > b/f; ln -s ../b a/out
tar cf t.tar a; rm -r a
mkdir a; ln -s ../b a/d
mkdir w; (cd w; ln -s ../b d); echo evil > evil
tar cf e.tar evil --exclude=nothing
cd w; tar xf ../e.tar; cat evil; ls ../b`, dir)
	if want := "evil\nf\nstatus 0\n"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}

// A small script must not cost more than starting a process does.
func TestFast(t *testing.T) {
	dir := t.TempDir()
	start := time.Now()
	const n = 50
	for range n {
		runScript(t, "mkdir -p $TMP/d; echo hi > $TMP/d/f", dir)
	}
	if each := time.Since(start) / n; each > 20*time.Millisecond {
		t.Errorf("a trivial script takes %v", each)
	}
}
