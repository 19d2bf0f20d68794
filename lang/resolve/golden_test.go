package resolve_test

import (
	"bytes"
	"os"
	"os/exec"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/seed192a40f6/glang/internal/golden"
	"github.com/seed192a40f6/glang/lang/ast"
	"github.com/seed192a40f6/glang/lang/diag"
	"github.com/seed192a40f6/glang/lang/parser"
	"github.com/seed192a40f6/glang/lang/resolve"
)

const goldenDir = "../../tests/golden/"

const home = "/home/someone"

// pipes says whether an input wants the experimental feature.
func pipes(text []byte) bool { return bytes.HasPrefix(text, []byte("# pipe-operators")) }

// parse does what --parse does with standard input, in the root folder.
func parse(text []byte) (stdout, stderr string) {
	symbols, sources := new(ast.Symbols), new(ast.Sources)
	globals := map[ast.Symbol]*ast.Builtin{}
	for i, name := range strings.Fields("true false null builtins map toString __findFile __nixPath __sub __mul __div __lessThan") {
		sym := symbols.Intern(name)
		globals[sym] = &ast.Builtin{Name: sym, Index: i}
	}
	var errs strings.Builder
	p := parser.New(symbols, sources, parser.Options{PipeOperators: pipes(text), Warn: func(e *diag.Error) {
		diag.Print(&errs, e, sources, diag.PrintOptions{Level: diag.LevelWarn})
	}})
	src := &ast.Source{Origin: ast.FromStdin, Text: func() ([]byte, error) { return text, nil }}
	node, err := p.Parse(src, text, parser.BasePaths{Dir: "/", Home: home})
	if err == nil {
		err = resolve.Resolve(node, resolve.Scope{Globals: globals}, symbols)
	}
	if err != nil {
		diag.Print(&errs, err, sources, diag.PrintOptions{})
		return "", errs.String()
	}
	return parser.Print(node, symbols) + "\n", errs.String()
}

func TestParseGolden(t *testing.T) {
	for name, file := range golden.Inputs(t, goldenDir+"parse-*.expr") {
		t.Run(name, func(t *testing.T) {
			text, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			stdout, stderr := parse(text)
			if ok := strings.HasPrefix(name, "parse-okay-"); ok != (stdout != "") {
				t.Errorf("parsed: %v; standard error: %s", stdout != "", stderr)
			}
			golden.Check(t, goldenDir+name+".exp", []byte(stdout))
			golden.Check(t, goldenDir+name+".err.exp", []byte(stderr))
		})
	}
}

func TestParseReference(t *testing.T) {
	tool := golden.Reference(t, "nix-instantiate")
	for name, file := range golden.Inputs(t, goldenDir+"parse-*.expr") {
		t.Run(name, func(t *testing.T) {
			text, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			cmd := exec.Command(tool, "--parse", "-")
			if pipes(text) {
				cmd.Args = append(cmd.Args, "--extra-experimental-features", "pipe-operators")
			}
			var stdout, stderr bytes.Buffer
			cmd.Dir, cmd.Stdin, cmd.Stdout, cmd.Stderr = "/", bytes.NewReader(text), &stdout, &stderr
			cmd.Env = append(os.Environ(), "HOME="+home, "NIX_REMOTE=dummy://")
			_ = cmd.Run() // failing is what half of the inputs are for
			ourOut, ourErr := parse(text)
			if diff := cmp.Diff(stdout.String()+stderr.String(), ourOut+ourErr); diff != "" {
				t.Errorf("the reference differs (-reference +ours):\n%s", diff)
			}
		})
	}
}
