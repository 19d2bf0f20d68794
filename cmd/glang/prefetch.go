package main

import (
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"github.com/seed192a40f6/glang/fetch"
	"github.com/seed192a40f6/glang/lang/ast"
	"github.com/seed192a40f6/glang/store/hash"
	"github.com/seed192a40f6/glang/store/storepath"
)

func (a *app) storePrefetch() *cobra.Command {
	return a.command("", "prefetch-file URL", "download a file into the store, and show its hash", "", func(f *flagSet) func() error {
		a.storeFlag(f)
		p := fetch.Prefetch{Algo: hash.SHA256}
		asJSON, pretty, expected := false, a.prettyDefault(), ""
		f.boolean(&asJSON, "json", "print JSON")
		a.prettyFlags(f, &pretty)
		f.text(&p.Name, "name", "name", "the name of the store object")
		f.text(&expected, "expected-hash", "hash", "the hash that the file must have")
		f.algo(&p.Algo, "hash-type", "hash algorithm")
		f.long["hash-algo"] = f.long["hash-type"]
		f.boolean(&p.Executable, "executable", "make a program of the file")
		f.boolean(&p.Unpack, "unpack", "unpack the archive that it is")
		return func() error {
			if len(f.args) != 1 {
				return usagef("give the address of a file")
			}
			p.URL = f.args[0]
			if expected != "" {
				var err error
				if p.Expected, err = hash.ParseAny(expected, p.Algo); err != nil {
					return err
				}
			}
			path, h, err := a.prefetch(p)
			if err != nil {
				return err
			}
			if asJSON {
				return a.printJSON(map[string]string{"storePath": a.session.Scheme.Print(path), "hash": h.SRI()}, pretty)
			}
			a.logf(levelNotice, "Downloaded '%s' to '%s' (hash '%s').", p.URL, a.session.Scheme.Print(path), h.SRI())
			return nil
		}
	})
}

// prefetch opens the store and downloads into it.
func (a *app) prefetch(p fetch.Prefetch) (storepath.Path, hash.Hash, error) {
	fetcher, err := a.openFetcher()
	if err != nil {
		return storepath.Path{}, hash.Hash{}, err
	}
	return fetcher.Prefetch(a.context(), p)
}

// nixPrefetchURL is nix-prefetch-url.
func nixPrefetchURL(a *app, args []string) error {
	f := a.oldFlags()
	ea := a.evalFlags(f)
	p := fetch.Prefetch{Algo: hash.SHA256}
	printPath, attr, fromExpr := a.env.Get("PRINT_PATH") == "1", "", false
	f.algo(&p.Algo, "type", "hash algorithm")
	f.boolean(&printPath, "print-path", "print the store path too")
	f.call("attr", "the argument is a file: take the address from this attribute", []string{"path"}, func(w []string) error {
		attr, fromExpr = w[0], true
		return nil
	})
	f.short['A'] = f.long["attr"]
	f.boolean(&p.Unpack, "unpack", "unpack the archive")
	f.boolean(&p.Executable, "executable", "make a program of the file")
	f.text(&p.Name, "name", "name", "the name of the store object")
	if done, err := a.parseOld(f, args); done || err != nil {
		return err
	}
	switch {
	case len(f.args) > 2:
		return usagef("too many arguments")
	case len(f.args) == 0 && !fromExpr:
		return usagef("you must specify a URL")
	case len(f.args) == 2:
		var err error
		if p.Expected, err = hash.ParseAny(f.args[1], p.Algo); err != nil {
			return err
		}
	}
	word := "."
	if len(f.args) > 0 {
		word = f.args[0]
	}
	p.URL = word
	if fromExpr || strings.HasPrefix(word, "mirror://") {
		x, err := a.evaluate(ea, false)
		if err != nil {
			return err
		}
		if fromExpr {
			err = a.prefetchSource(x, word, attr, &p)
		}
		if err == nil {
			p.URL, err = x.mirrorURL(p.URL)
		}
		if err != nil {
			return err
		}
	}
	path, h, err := a.prefetch(p)
	if err != nil {
		return err
	}
	if !printPath {
		a.logf(levelInfo, "path is '%s'", a.session.Scheme.Print(path))
	}
	if h.Algo() == hash.MD5 {
		a.println(h.Base16())
	} else {
		a.println(h.Nix32())
	}
	if printPath {
		a.println(a.session.Scheme.Print(path))
	}
	return nil
}

// prefetchSource takes what to fetch from a source in a file.
func (a *app) prefetchSource(x *evaluation, file, attr string, p *fetch.Prefetch) error {
	name, err := x.lookupFile(file)
	if err != nil {
		return err
	}
	return x.Do(func() {
		root := x.NewValue(x.ImportPath(name))
		v, _ := x.SelectPath(root, attr, x.auto)
		set := x.ForceAttrs(v, ast.NoPos, "while evaluating the source attribute to prefetch")
		urls, pos := x.GetAttr(set, x.E.Symbols.Intern("urls"), "")
		list := x.ForceList(urls, pos, "while evaluating the urls to prefetch")
		if len(list) == 0 {
			x.FailErr(ast.NoPos, fmt.Errorf("'urls' list is empty"))
		}
		p.URL, _ = x.ForceString(list[0], pos, "while evaluating the first url from the urls list")
		if mode, pos, ok := set.Find(x.E.Symbols.Intern("outputHashMode")); ok {
			text, _ := x.ForceString(mode, pos, "while evaluating the outputHashMode of the source to prefetch")
			p.Unpack = text == "recursive"
		} else {
			a.logf(levelInfo, "warning: this does not look like a fetchurl call")
		}
		if n, pos, ok := set.Find(x.E.Symbols.Intern("name")); ok && p.Name == "" {
			p.Name, _ = x.ForceString(n, pos, "while evaluating the name of the source to prefetch")
		}
	})
}

// mirrorURL finds what a mirror:// address stands for, in the list of mirrors of <nixpkgs>.
func (x *evaluation) mirrorURL(url string) (string, error) {
	rest, ok := strings.CutPrefix(url, "mirror://")
	if !ok {
		return url, nil
	}
	mirror, rest, ok := strings.Cut(rest, "/")
	if !ok {
		return "", fmt.Errorf("invalid mirror URL '%s'", url)
	}
	err := x.Do(func() {
		node, err := x.parseString("import <nixpkgs/pkgs/build-support/fetchurl/mirrors.nix>")
		if err != nil {
			x.FailErr(ast.NoPos, err)
		}
		set := x.ForceAttrs(x.NewValue(x.Eval(node)), ast.NoPos, "while evaluating the set of all mirrors")
		v, pos, ok := set.Find(x.E.Symbols.Intern(mirror))
		if !ok {
			x.FailErr(ast.NoPos, fmt.Errorf("unknown mirror name '%s'", mirror))
		}
		list := x.ForceList(v, pos, "while evaluating one mirror configuration")
		if len(list) == 0 {
			x.FailErr(ast.NoPos, fmt.Errorf("mirror URL '%s' did not expand to anything", url))
		}
		first, _ := x.ForceString(list[0], pos, "while evaluating the first available mirror")
		url = strings.TrimSuffix(first, "/") + "/" + rest
	})
	return url, err
}
