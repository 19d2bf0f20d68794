package builtins_test

import (
	"context"
	"errors"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/seed192a40f6/glang/lang/ast"
	"github.com/seed192a40f6/glang/lang/builtins"
	"github.com/seed192a40f6/glang/lang/eval"
	"github.com/seed192a40f6/glang/store/hash"
	"github.com/seed192a40f6/glang/store/nar"
	"github.com/seed192a40f6/glang/store/storepath"
)

// treeFetcher "fetches" folders below root, named by the attribute path, into
// a store directory, and counts how often.
type treeFetcher struct {
	eval.Fetcher
	root    string
	scheme  storepath.Scheme
	fetched map[string]int
}

func (f *treeFetcher) FetchTree(_ context.Context, attrs map[string]any, _ eval.Registries) (t eval.FetchedTree, err error) {
	name, _ := attrs["path"].(string)
	if attrs["type"] != "path" {
		return t, errors.New("only paths")
	}
	f.fetched[name]++
	dir := filepath.Join(f.root, name)
	h, _, err := nar.HashTree(hash.SHA256, nar.OS(), dir, nil)
	if err != nil {
		return t, err
	}
	if t.Path, err = f.scheme.SourcePath("source", h, nil, false); err != nil {
		return t, err
	}
	if dest := f.scheme.Print(t.Path); !exists(dest) {
		err = os.CopyFS(dest, os.DirFS(dir))
	}
	t.Resolved, t.Locked = attrs, maps.Clone(attrs)
	t.Locked["narHash"], t.Locked["lastModified"], t.Locked["rev"] = h.SRI(), int64(1), strings.Repeat("1", 40)
	return t, err
}

// dirStore says what lies in the store directory; more is not asked of it.
type dirStore struct {
	eval.PathAdder
	scheme storepath.Scheme
}

func (s dirStore) IsValid(_ context.Context, p storepath.Path) (bool, error) {
	return exists(s.scheme.Print(p)), nil
}

func (s dirStore) EnsurePath(_ context.Context, p storepath.Path) error {
	if !exists(s.scheme.Print(p)) {
		return errors.New("not there")
	}
	return nil
}

func (s dirStore) References(context.Context, storepath.Path) ([]storepath.Path, error) {
	return nil, nil
}

func exists(name string) bool {
	_, err := os.Lstat(name)
	return !errors.Is(err, fs.ErrNotExist)
}

func TestGetFlake(t *testing.T) {
	root := t.TempDir()
	for name, text := range map[string]string{
		"a/flake.nix": `{
			inputs.b.url = "path:/b";
			inputs.b.inputs.c.follows = "c";
			inputs.c.url = "path:/c";
			inputs.data = { url = "path:/data"; flake = false; };
			inputs.sub.url = "./sub";
			outputs = { self, b, c, data, sub }: {
				b = b.v; sub = sub.v; data = builtins.readFile (data + "/file");
				names = builtins.attrNames self.inputs; same = b.c == c.outPath; revision = self.rev or "none";
			};
		}`,
		"a/sub/flake.nix":    `{ outputs = { self }: { v = "sub"; }; }`,
		"b/flake.nix":        `{ inputs.c.url = "path:/missing"; outputs = { self, c }: { v = "b" + c.v; c = c.outPath; }; }`,
		"c/flake.nix":        `{ outputs = { self, ... }: { v = "c"; }; }`,
		"data/file":          "text",
		"locked/flake.nix":   `{ inputs.c.url = "path:/c"; outputs = { self, c }: { v = c.v; rev = self.rev; other = 1; }; }`,
		"locked/flake.lock":  `{"version":7,"root":"root","nodes":{"root":{"inputs":{"c":"x"}},"x":{"locked":{"type":"path","path":"/old","narHash":"sha256-AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA="},"original":{"type":"path","path":"/c"}}}}`,
		"old/flake.nix":      `{ outputs = { self }: { v = "old c"; }; }`,
		"cycle/flake.nix":    `{ inputs.x.follows = "y"; inputs.y.follows = "x"; outputs = { self, x, y }: { v = x; }; }`,
		"nothing/flake.nix":  `{ description = "no outputs"; }`,
		"unknown/flake.nix":  `{ outpust = 1; outputs = { self }: { }; }`,
		"both/flake.nix":     `{ inputs.x = { url = "path:/c"; follows = "y"; }; outputs = { self, x }: { }; }`,
		"function/flake.nix": `{ outputs = 1; }`,
	} {
		file := filepath.Join(root, name)
		if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(file, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	for _, c := range []struct{ expr, want, wantErr string }{
		{`(f "/a").outputs`, `{ b = "bc"; data = "text"; names = [ "b" "c" "data" "sub" ]; revision = "none"; same = true; sub = "sub"; }`, ""},
		{`(f "/locked").v + (f "/locked").rev`, `"old c` + strings.Repeat("1", 40) + `"`, ""},
		{`(f "/locked").other`, `1`, ""},
		{`f "/cycle"`, "", "follow cycle detected"},
		{`f "/nothing"`, "", "lacks attribute 'outputs'"},
		{`f "/unknown"`, "", "has an unsupported attribute 'outpust'"},
		{`f "/both"`, "", "flake input has both a flake reference and a follows attribute"},
		{`(f "/function").x`, "", "expected a function but got an integer"},
		{`builtins.getFlake "a"`, "", "only paths"},
		{`builtins.getFlake "path:/a#x"`, "", "unexpected fragment 'x'"},
	} {
		scheme := storepath.Nix(filepath.Join(t.TempDir(), "store"))
		fetcher := &treeFetcher{root: root, scheme: scheme, fetched: map[string]int{}}
		e, err := eval.New(eval.Options{
			Builtins: builtins.All(), Overlays: builtins.Overlays(), ReadOnly: true, Scheme: scheme,
			Fetcher: fetcher, Paths: dirStore{scheme: scheme}, ExperimentalFeatures: features,
		})
		if err != nil {
			t.Fatal(err)
		}
		m := e.Machine(context.Background())
		text := []byte("let f = path: builtins.getFlake \"path:${path}\"; in " + c.expr)
		src := &ast.Source{Origin: ast.FromString, Size: len(text), Text: func() ([]byte, error) { return text, nil }}
		got := ""
		err = m.Do(func() {
			node, err := m.Parse(src, text, "/")
			if err != nil {
				m.FailErr(ast.NoPos, err)
			}
			v := m.NewValue(m.Eval(node))
			m.ForceDeep(v)
			got = m.PrintAmbiguous(v, false)
		})
		if c.wantErr == "" && (err != nil || got != c.want) || c.wantErr != "" && (err == nil || !strings.Contains(err.Error(), c.wantErr)) {
			t.Errorf("%s gives %s, %v; want %s%s", c.expr, got, err, c.want, c.wantErr)
		}
		if strings.HasSuffix(c.expr, "other") && (fetcher.fetched["/old"] != 0 || fetcher.fetched["/c"] != 0) {
			t.Errorf("inputs were fetched that nothing needs: %v", fetcher.fetched)
		}
		m.Close()
	}
}

// Without the experimental feature flakes, references of the kinds that came
// with flakes are refused where their kind is known, and not before.
func TestReferencesWithoutFlakes(t *testing.T) {
	const disabled = "experimental Nix feature 'flakes' is disabled"
	e, err := eval.New(eval.Options{Builtins: builtins.All(), ReadOnly: true})
	if err != nil {
		t.Fatal(err)
	}
	m := e.Machine(context.Background())
	defer m.Close()
	for _, c := range [][2]string{
		{`builtins.parseFlakeRef "git+https://x/y"`, ""},
		{`builtins.parseFlakeRef "path:/x#y"`, disabled},
		{`builtins.parseFlakeRef "nonesuch:x"`, "input 'nonesuch:x' is unsupported"},
		{`builtins.parseFlakeRef 1`, "expected a string"},
		{`builtins.flakeRefToString { type = "git"; url = "https://x/y"; }`, ""},
		{`builtins.flakeRefToString { type = "github"; }`, disabled},
		{`builtins.flakeRefToString { }`, "'type' attribute to specify input scheme is required"},
		{`builtins.getFlake "git+file:///x"`, disabled},
	} {
		text := []byte(c[0])
		src := &ast.Source{Origin: ast.FromString, Size: len(text), Text: func() ([]byte, error) { return text, nil }}
		err := m.Do(func() {
			node, err := m.Parse(src, text, "/")
			if err != nil {
				m.FailErr(ast.NoPos, err)
			}
			m.Eval(node)
		})
		if c[1] == "" && err != nil || c[1] != "" && (err == nil || !strings.Contains(err.Error(), c[1])) {
			t.Errorf("%s: got %v, want %q", c[0], err, c[1])
		}
	}
}
