package main

import (
	"bytes"
	"os"
	"os/exec"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// TestReplChild is not a test: the others run it in a process of its own.
func TestReplChild(t *testing.T) {
	args := os.Getenv("GLANG_TEST_REPL")
	if args == "" {
		t.Skip("for other tests")
	}
	os.Exit(run(strings.Fields(args)))
}

// replProcess prepares the program with the given arguments in an empty home.
func replProcess(t *testing.T, home, args string) *exec.Cmd {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	c := exec.Command(self, "-test.run=^TestReplChild$")
	c.Dir = t.TempDir()
	c.Env = []string{"GLANG_TEST_REPL=" + args, "HOME=" + home, "PATH=" + os.Getenv("PATH"), "TERM=xterm", "NO_COLOR=1", "_NIX_TEST_REPL_ECHO=1", "EDITOR=echo edited"}
	return c
}

// runRepl feeds a session with lines and returns what it prints.
func runRepl(t *testing.T, args, input string, files map[string]string) string {
	t.Helper()
	c := replProcess(t, t.TempDir(), args)
	for name, text := range files {
		if err := os.WriteFile(c.Dir+"/"+name, []byte(text), 0o666); err != nil {
			t.Fatal(err)
		}
	}
	var out bytes.Buffer
	c.Stdin, c.Stdout, c.Stderr = strings.NewReader(input), &out, &out
	if err := c.Run(); err != nil {
		t.Fatalf("%v\n%s", err, out.String())
	}
	return strings.ReplaceAll(out.String(), c.Dir, "/dir")
}

func TestRepl(t *testing.T) {
	tests := []struct{ name, input, want string }{
		{"values", "1 + 1\n{ a.b = 1; c = [ 1 ]; }\n:p { a.b = \"x\"; }\n:p \"a\\nb\"\n:t [ ]\n", `
nix-repl> 1 + 1
2

nix-repl> { a.b = 1; c = [ 1 ]; }
{
  a = { ... };
  c = [ ... ];
}

nix-repl> :p { a.b = "x"; }
{
  a = { b = "x"; };
}

nix-repl> :p "a\nb"
a
b

nix-repl> :t [ ]
a list

`},
		{"bindings", "x = 1\nx = x + 1; y.z = x\ninherit (y) z\n[ x z ]\n:env\n", `
nix-repl> x = 1

nix-repl> x = x + 1; y.z = x

nix-repl> inherit (y) z

nix-repl> [ x z ]
[
  2
  1
]

nix-repl> :env
x
y
z

`},
		{"lines", "[\n1\n]\ns = ''\n  text\n''\ns\n", `
nix-repl> [
        > 1
        > ]
[ 1 ]

nix-repl> s = ''
        >   text
        > ''

nix-repl> s
"text\n"

`},
		{"errors", "nope\n1 + )\n:nope\nthrow \"no\"\n", `
nix-repl> nope
error: undefined variable 'nope'
       at «string»:1:1:
            1| nope
             | ^

nix-repl> 1 + )
error: syntax error, unexpected ')'
       at «string»:1:5:
            1| 1 + )
             |     ^

nix-repl> :nope
error: unknown command ':nope'

nix-repl> throw "no"
error:
       … while calling the 'throw' builtin
         at «string»:1:1:
            1| throw "no"
             | ^

       error: no

`},
		{"files", ":l f.nix\na\n:ll\n:a { z = a; }\nz\n:doc f\n:doc a\n:e f\n:r\nz\n", `
nix-repl> :l f.nix
Added 2 variables.
a, f

nix-repl> a
1

nix-repl> :ll
a
f

nix-repl> :a { z = a; }
Added 1 variables.
z

nix-repl> z
1

nix-repl> :doc f
Function f
… defined at /dir/f.nix:4:7

Doubles.

nix-repl> :doc a
error: value does not have documentation

nix-repl> :e f
edited /dir/f.nix
Loading "f.nix"...
Added 2 variables.
a, f

nix-repl> :r
Loading "f.nix"...
Added 2 variables.
a, f

nix-repl> z
error: undefined variable 'z'
       at «string»:1:1:
            1| z
             | ^

`},
		{"quit", ":q\n1\n", "\nnix-repl> :q\n"},
	}
	files := map[string]string{"f.nix": "{ n ? 1 }: {\n  a = n;\n  /** Doubles. */\n  f = x: x + x;\n}\n"}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			got := runRepl(t, "nix repl --store dummy://", tt.input, files)
			want := "Nix " + nixVersion + "\nType :? for help." + tt.want
			if tt.name != "quit" {
				want += "\n" // for the end of the input
			}
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("-want +got:\n%s", diff)
			}
		})
	}
}

func TestReplCommandLine(t *testing.T) {
	got := runRepl(t, "nix repl --store dummy:// --file f.nix --argstr n 5", "a\n:r\na\n", map[string]string{"f.nix": "{ n }: { a = n; }"})
	if n := strings.Count(got, `"5"`); n != 2 || !strings.Contains(got, "Loading installable ''...\nAdded 1 variables.\na\n") {
		t.Errorf("output:\n%s", got)
	}
}

// Every command must be in the help, and help must list nothing else.
func TestReplHelp(t *testing.T) {
	got := runRepl(t, "glang repl --store dummy://", ":?\n", nil)
	for _, c := range replCommands() {
		if !strings.Contains(got, "  "+strings.Join(c.names, ", ")) {
			t.Errorf("%s is missing", c.names[0])
		}
	}
}

func TestStripIndentation(t *testing.T) {
	for in, want := range map[string]string{
		"":              "",
		"  a\n    b":    "a\n  b\n",
		"a\n  b\n":      "a\n  b\n",
		"  a\n\n  b\n ": "a\n\nb\n\n",
	} {
		if got := stripIndentation(in); got != want {
			t.Errorf("%q: %q, want %q", in, got, want)
		}
	}
}

func TestMarkdown(t *testing.T) {
	md := markdown{width: 20}
	for _, l := range strings.Split("# Title\nA *paragraph* with `code` that is long.\n\n- one\n- two **b**\n\n```\ncode  here\n```\nend\\\nbreak", "\n") {
		md.line(l)
	}
	md.flush()
	want := "Title\nA paragraph with\ncode that is long.\n\n  - one\n  - two b\n\n  │ code  here\n\nend\nbreak"
	if got := strings.Join(md.out, "\n"); got != want {
		t.Errorf("got\n%s", got)
	}
}

// TestPasteFilter cuts the input at each byte.
func TestPasteFilter(t *testing.T) {
	const in = "a\x1b[Ab\x1b[200~let\r\n\tx = 1;\nin x\n\x1b[201~c\x1b[200~\x1b[201~d"
	const want = "a\x1b[Ablet⏎⇥x = 1;⏎in xcd"
	for i := range len(in) + 1 {
		if i > 0 && strings.HasPrefix(in[i-1:], pasteBegin) {
			continue // Escape goes on at once
		}
		var f pasteFilter
		got := string(f.feed([]byte(in[:i]))) + string(f.feed([]byte(in[i:])))
		if got != want {
			t.Errorf("cut at %d: %q", i, got)
		}
	}
	if got := unpaste.Replace("let⏎⇥x"); got != "let\n\tx" {
		t.Errorf("%q", got)
	}
}
