package main

import (
	"errors"
	"io"
	"os"

	"github.com/spf13/cobra"

	"github.com/seed192a40f6/glang/lang/builtins"
	"github.com/seed192a40f6/glang/lang/lsp"
	"github.com/seed192a40f6/glang/local"
)

func (a *app) lspCommand() *cobra.Command {
	return a.command(groupUtility, "lsp [flags]", "serve editors through the Language Server Protocol",
		`Speaks the Language Server Protocol on standard input and output: diagnostics,
hover, definition, references, rename, completion, symbols and formatting. An
editor starts it; nothing is evaluated.`,
		func(f *flagSet) func() error {
			var include []string
			f.texts(&include, "include,I", "path", "add a path to where <name> is looked up")
			return func() error {
				if len(f.args) > 0 {
					return usagef("unexpected argument '%s'", f.args[0])
				}
				collectAt(75) // it lives long: memory before speed
				cfg := lsp.Config{Log: os.Stderr, Builtins: builtinDocs()}
				session := &local.Session{Settings: a.settings, Dirs: a.dirs, Env: a.env} // no store is opened
				for _, e := range session.SearchPath(include, false) {
					cfg.SearchPath = append(cfg.SearchPath, lsp.SearchEntry{Prefix: e.Prefix, Path: e.Path})
				}
				err := lsp.New(cfg).Serve(a.context(), stdio{a.stdin, os.Stdout})
				if errors.Is(err, io.EOF) {
					return nil
				}
				return err
			}
		})
}

// builtinDocs is what the server tells about builtins, from their table.
func builtinDocs() []lsp.Builtin {
	docs := []lsp.Builtin{{Name: "builtins", Global: true, Doc: "The set of all builtins."}}
	for _, b := range builtins.Manual() {
		if b.Internal {
			continue
		}
		doc := b.Doc
		if b.Example != "" {
			doc += "\n\n```nix\n" + b.Example + "\n```"
		}
		docs = append(docs, lsp.Builtin{Name: b.Name, Global: b.Global, Args: b.Args, Doc: doc})
		if !b.Global {
			docs = append(docs, lsp.Builtin{Name: "__" + b.Name, Global: true, Args: b.Args, Doc: doc})
		}
	}
	return docs
}

// stdio is standard input and output as one stream.
type stdio struct {
	io.Reader
	io.Writer
}

func (stdio) Close() error { return os.Stdin.Close() }
