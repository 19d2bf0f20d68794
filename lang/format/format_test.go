package format

import (
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestText(t *testing.T) {
	for _, c := range []struct{ name, in, want string }{
		{"set", "{a=1;}", "{ a = 1; }\n"},
		{"sets of more than one binding break", "{a=1;b=2;}", "{\n  a = 1;\n  b = 2;\n}\n"},
		{"brackets on two lines stay apart", "{\n}", "{\n}\n"},
		{"let", "let a=1; in a", "let\n  a = 1;\nin\na\n"},
		{"if", "if a then b else c", "if a then b else c\n"},
		{"chain of ifs", "if a then b else if c then d else e", "if a then\n  b\nelse if c then\n  d\nelse\n  e\n"},
		{"formals get a trailing comma", "{a,b?1,...}:a", "{\n  a,\n  b ? 1,\n  ...\n}:\na\n"},
		{"short formals stay", "{a,b,...}: a", "{ a, b, ... }: a\n"},
		{"leading commas move", "{ a\n, b # of b\n}: a", "{\n  a,\n  b, # of b\n}:\na\n"},
		{"comments stay", "# top\n{ /* one */ a = 1; # behind\n  /* two\n     lines */ b=2;}", "# top\n{\n  # one\n  a = 1; # behind\n  /*\n    two\n    lines\n  */\n  b = 2;\n}\n"},
		{"blank lines shrink to one", "[ a\n\n\n\n b ]", "[\n  a\n\n  b\n]\n"},
		{"indented string of one line", "''abc''", "\"abc\"\n"},
		{"but not with quotes", `''a"c''`, "''a\"c''\n"},
		{"indented string", "{ a = ''\n        one\n          two\n     ''; }", "{\n  a = ''\n    one\n      two\n  '';\n}\n"},
		{"dollars", "\"$${a} ${b}\"", "\"$${a} ${b}\"\n"},
		{"paths", "[ ./a/b ../c ~/d <e/f> a/b x.y/z ./${a}/b ]", "[\n  ./a/b\n  ../c\n  ~/d\n  <e/f>\n  a/b\n  x.y/z\n  ./${a}/b\n]\n"},
		{"numbers", "[ 1 1.5 .5 1e3 0.1e-2 ]", "[\n  1\n  1.5\n  .5\n  1\n  e3\n  0.1e-2\n]\n"},
		{"uri", "http://example.org/a?b=c", "\"http://example.org/a?b=c\"\n"},
		{"application", "f { a = 1; } [ b ]", "f { a = 1; } [ b ]\n"},
		{"operators", "a+b*c//d++e", "a + b * c // d ++ e\n"},
		{"pipe", "a|>b", "a |> b\n"},
		{"has", "a?b.c", "a ? b.c\n"},
		{"or", "a.b or c", "a.b or c\n"},
		{"ancient let", "let { body = 1; }", "let { body = 1; }\n"},
		{"annotation", "{ a = /* sh */ ''\n    echo\n  ''; }", "{\n  a = /* sh */ ''\n    echo\n  '';\n}\n"},
		{"disabled region", "{\n  a  =  1;\n  /*nixfmt:disable*/\n  b   =   2;\n  /*nixfmt:enable*/\n  c  = 3;\n}", "{\n  a = 1;\n  /*nixfmt:disable*/\n  b   =   2;\n  /*nixfmt:enable*/\n  c = 3;\n}\n"},
		{"last argument opens", "mkDerivation { name = \"a\"; builder = ./b; }", "mkDerivation {\n  name = \"a\";\n  builder = ./b;\n}\n"},
		{"long list", "[ " + strings.Repeat("x ", 3) + "]", "[\n  x\n  x\n  x\n]\n"},
		{"crlf", "{\r\n  a = 1;\r\n}\r\n", "{\n  a = 1;\n}\n"},
	} {
		t.Run(c.name, func(t *testing.T) {
			got, err := Text(c.in, Options{})
			if err != nil {
				t.Fatal(err)
			}
			if d := cmp.Diff(c.want, got); d != "" {
				t.Error(d)
			}
			if again, err := Text(got, Options{}); err != nil || again != got {
				t.Errorf("not idempotent: %v\n%s", err, cmp.Diff(got, again))
			}
		})
	}
}

// TestTree formats a tree that its authors keep in this style: almost all of
// its files must stay as they are. GLANG_FORMAT_TREE names it.
func TestTree(t *testing.T) {
	root := os.Getenv("GLANG_FORMAT_TREE")
	if root == "" {
		t.Skip("GLANG_FORMAT_TREE is not set")
	}
	files, same := 0, 0
	err := filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || !strings.HasSuffix(path, ".nix") {
			return err
		}
		b, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		files++
		got, err := Text(string(b), Options{})
		switch {
		case err != nil:
			t.Errorf("%s: %v", path, err)
		case got == string(b):
			same++
		default:
			t.Logf("%s changes", path)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Logf("%d of %d files stay as they are", same, files)
	if same*100 < files*99 {
		t.Errorf("only %d of %d files stay as they are", same, files)
	}
}

func FuzzText(f *testing.F) {
	f.Add("{ a, b ? 1, ... }@c: let x = ''\n  ${a}\n''; in [ x ./y \"z${b}\" ] # end")
	f.Fuzz(func(t *testing.T, src string) {
		out, err := Text(src, Options{})
		if err == nil && out == "" {
			t.Error("nothing came out")
		}
	})
}
