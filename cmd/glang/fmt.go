package main

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"strings"

	"github.com/spf13/cobra"
	"golang.org/x/sync/errgroup"

	"github.com/seed192a40f6/glang/lang/ast"
	"github.com/seed192a40f6/glang/lang/diag"
	"github.com/seed192a40f6/glang/lang/format"
	"github.com/seed192a40f6/glang/lang/parser"
)

func (a *app) fmtCommand() *cobra.Command {
	return a.command(groupMain, "fmt [flags] [PATH...]", "format expressions in the style of RFC 166",
		`Formats files, and the .expr and .nix files below folders, in place. Without a
PATH, or with '-', it formats standard input to standard output. A file with a
syntax error stays as it is.`,
		func(f *flagSet) func() error {
			var o formatter
			f.boolean(&o.check, "check", "write nothing; list the files that are not formatted and fail if there are any")
			f.call("width", "columns that a line should keep to (100)", []string{"n"}, func(w []string) error {
				if _, err := fmt.Sscanf(w[0], "%d", &o.Width); err != nil || o.Width < 1 {
					return usagef("'%s' is not a number of columns", w[0])
				}
				return nil
			})
			return func() error {
				o.app = a
				if len(f.args) == 0 {
					f.args = []string{"-"}
				}
				return o.run(f.args)
			}
		})
}

// formatter formats files on all cores.
type formatter struct {
	format.Options
	app   *app
	check bool
}

// outcome is what became of one file.
type outcome struct {
	path    string
	changed bool
	err     error
	sources *ast.Sources
}

func (o *formatter) run(paths []string) error {
	// What a file needs is garbage right after it: collecting that costs less
	// than the page faults of a heap that only grows.
	collectAt(1000)
	files := make(chan string)
	outcomes := make(chan outcome)
	g, ctx := errgroup.WithContext(o.app.context())
	g.Go(func() error {
		defer close(files)
		for _, p := range paths {
			if err := o.find(ctx.Done(), p, files); err != nil {
				return err
			}
		}
		return nil
	})
	var workers errgroup.Group
	for range runtime.GOMAXPROCS(0) {
		workers.Go(func() error {
			// The parser's memory serves all files of a worker.
			w := formatWorker{formatter: o, sources: new(ast.Sources)}
			w.parser = parser.New(new(ast.Symbols), w.sources, parser.Options{PipeOperators: true})
			for p := range files {
				outcomes <- w.one(p)
			}
			return nil
		})
	}
	go func() {
		workers.Wait()
		close(outcomes)
	}()
	failed, changed := 0, 0
	for r := range outcomes {
		switch {
		case r.err != nil:
			failed++
			o.app.sources = r.sources
			o.app.printError(r.err)
		case r.changed:
			changed++
			if o.check {
				o.app.println(r.path)
			}
		}
	}
	if err := g.Wait(); err != nil {
		return err
	}
	switch {
	case failed > 0 || o.check && changed > 0:
		return exit(1)
	}
	return nil
}

// find sends the files that a path means.
func (o *formatter) find(done <-chan struct{}, path string, files chan<- string) error {
	send := func(p string) error {
		select {
		case files <- p:
			return nil
		case <-done:
			return errors.New("interrupted by the user")
		}
	}
	if path == "-" {
		return send(path)
	}
	st, err := os.Stat(path)
	if err != nil {
		return err
	}
	if !st.IsDir() {
		return send(path)
	}
	return filepath.WalkDir(path, func(p string, d fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case d.IsDir() && d.Name() == ".git":
			return filepath.SkipDir
		case d.Type().IsRegular() && (strings.HasSuffix(p, ".nix") || strings.HasSuffix(p, ".expr")):
			return send(p)
		}
		return nil
	})
}

// formatWorker formats one file after the other.
type formatWorker struct {
	*formatter
	parser  *parser.Parser
	sources *ast.Sources
}

// one formats a file, or standard input to standard output.
func (o *formatWorker) one(path string) outcome {
	r := outcome{path: path, sources: o.sources}
	text, src, err := o.read(path)
	if err != nil {
		r.err = err
		return r
	}
	src.Text = func() ([]byte, error) { return text, nil }
	if _, r.err = o.parser.Parse(src, text, parser.BasePaths{Dir: "/", Home: "/"}); r.err != nil {
		return r
	}
	out, err := format.Text(string(text), o.Options)
	if err != nil {
		r.err = &diag.Error{Kind: diag.Syntax, Message: fmt.Sprintf("formatting '%s': %v", path, err), Cause: err}
		return r
	}
	r.changed = out != string(text)
	switch {
	case path == "-" && !o.check:
		_, r.err = io.WriteString(o.app.stdout, out)
	case r.changed && !o.check:
		r.err = replace(path, out)
	}
	return r
}

func (o *formatter) read(path string) ([]byte, *ast.Source, error) {
	if path == "-" {
		b, err := io.ReadAll(o.app.stdin)
		return b, &ast.Source{Origin: ast.FromStdin}, err
	}
	abs, err := filepath.Abs(path)
	if err != nil {
		return nil, nil, err
	}
	b, err := os.ReadFile(path)
	return b, &ast.Source{Path: abs}, err
}

// replace writes a file anew beside the old one and renames it, so that the
// file is whole at any moment. Links are followed, modes kept.
func replace(path, text string) (err error) {
	if path, err = filepath.EvalSymlinks(path); err != nil {
		return err
	}
	st, err := os.Stat(path)
	if err != nil {
		return err
	}
	f, err := os.CreateTemp(filepath.Dir(path), ".glang-fmt-")
	if err != nil {
		return err
	}
	defer func() {
		if err != nil {
			os.Remove(f.Name())
		}
	}()
	if _, err = f.WriteString(text); err == nil {
		err = f.Chmod(st.Mode().Perm())
	}
	if cerr := f.Close(); err == nil {
		err = cerr
	}
	if err != nil {
		return err
	}
	return os.Rename(f.Name(), path)
}
