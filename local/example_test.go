package local_test

import (
	"context"
	"fmt"
	"os"
	"path/filepath"

	"github.com/seed192a40f6/glang/lang/ast"
	"github.com/seed192a40f6/glang/local"
	"github.com/seed192a40f6/glang/realise"
)

// A program that evaluates an expression on a store of its own and has the
// derivation built. (This one fetches a local file, which needs no sandbox. A
// program whose builds do must call realise.Init first thing in main.)
func Example() {
	dir, err := os.MkdirTemp("", "example")
	if err != nil {
		fmt.Println(err)
		return
	}
	defer removeAll(dir)
	if err := os.WriteFile(filepath.Join(dir, "hello.txt"), []byte("Hello, store!\n"), 0o644); err != nil {
		fmt.Println(err)
		return
	}
	if err := build(context.Background(), dir); err != nil {
		fmt.Println(err)
	}
	// Output: Hello, store!
}

func build(ctx context.Context, dir string) error {
	// The store, as settings and environment choose it; here nothing but a variable.
	vars := map[string]string{"HOME": dir, "GLANG_STORE_DIR": filepath.Join(dir, "store")}
	env := local.Env{UID: os.Geteuid(), Cwd: dir, Lookup: func(name string) (string, bool) { v, ok := vars[name]; return v, ok }}
	settings, dirs := local.NewSettings(), local.FindDirs(env, false)
	s, err := local.Open(settings, dirs, env, "", nil)
	if err != nil {
		return err
	}
	defer s.Close()

	// The derivation.
	e, err := s.Evaluator(local.EvalConfig{})
	if err != nil {
		return err
	}
	m := e.Machine(ctx)
	defer m.Close()
	var target realise.Target
	err = m.Do(func() {
		src := &ast.Source{Origin: ast.FromString}
		node, err := m.Parse(src, []byte(`import <nix/fetchurl.nix> {
			url = "file://" + toString ./hello.txt;
			hash = "sha256-jIwEFOW0TUR1wDDk6XHzFExjl5ngQw2LM+MXL4+nOrk=";
		}`), dir)
		if err != nil {
			m.FailErr(ast.NoPos, err)
		}
		v := m.NewValue(m.Eval(node))
		p := local.PackageOf(m, v, false)
		target = realise.Target{Drv: p.DrvPath(), Outputs: []string{"out"}}
	})
	if err != nil {
		return err
	}

	// The build.
	r, err := s.Realiser(local.RealiseConfig{})
	if err != nil {
		return err
	}
	results, err := r.Realise(ctx, []realise.Target{target}, realise.Normal)
	if err != nil {
		return err
	}
	text, err := os.ReadFile(s.Scheme.Print(results[0].Outputs["out"]))
	fmt.Print(string(text))
	return err
}

// removeAll deletes a store too, whose folders are read-only.
func removeAll(dir string) {
	_ = filepath.WalkDir(dir, func(p string, d os.DirEntry, err error) error {
		if err == nil && d.IsDir() {
			return os.Chmod(p, 0o755)
		}
		return nil
	})
	_ = os.RemoveAll(dir)
}
