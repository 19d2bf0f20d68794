package main

import (
	"fmt"
	"strconv"
	"strings"

	"github.com/seed192a40f6/glang/lang/ast"
	"github.com/seed192a40f6/glang/lang/eval"
	"github.com/seed192a40f6/glang/lang/packed"
	"github.com/seed192a40f6/glang/lang/parser"
	"github.com/seed192a40f6/glang/local"
)

// instantiation is a run of nix-instantiate.
type instantiation struct {
	app   *app
	x     *evaluation
	attrs []string

	parseOnly, evalOnly, strict, location bool

	output string // "", raw, xml or json
	root   string // --add-root
	roots  int    // made so far
}

// nixInstantiate is nix-instantiate.
func nixInstantiate(a *app, args []string) error {
	f := a.oldFlags()
	ea := a.evalFlags(f)
	n := &instantiation{app: a, location: true}
	var files []string
	stdin, fromArgs, findFile, readWrite, noLocation := false, false, false, false, false
	f.boolean(&fromArgs, "expr,E", "the arguments are expressions")
	f.boolean(&n.evalOnly, "eval", "evaluate and print, do not instantiate").aliases = []string{"eval-only"}
	f.long["eval-only"] = f.long["eval"]
	f.boolean(&readWrite, "read-write-mode", "let --eval write to the store")
	f.call("parse", "print the expression as it was parsed", nil, func([]string) error {
		n.parseOnly, n.evalOnly = true, true
		return nil
	})
	f.long["parse-only"] = f.long["parse"]
	f.boolean(&findFile, "find-file", "look the arguments up in the search path")
	f.texts(&n.attrs, "attr,A", "path", "the attribute to take")
	f.text(&n.root, "add-root", "path", "make the result a root of the collector")
	f.call("indirect", "has no effect: all roots are indirect", nil, func([]string) error { return nil })
	for _, o := range []string{"raw", "xml", "json"} {
		f.call(o, "print the value as "+o, nil, func([]string) error { n.output = o; return nil })
	}
	f.boolean(&noLocation, "no-location", "leave positions out of --xml")
	f.boolean(&n.strict, "strict", "evaluate the whole value")
	f.boolean(&a.readOnly, "dry-run", "write nothing to the store")
	f.arg = func(w string) error {
		if w == "-" {
			stdin = true
		} else {
			files = append(files, w)
		}
		return nil
	}
	if done, err := a.parseOld(f, args); done || err != nil {
		return err
	}
	n.location = !noLocation
	if n.evalOnly && !readWrite {
		a.readOnly = true
	}
	if len(n.attrs) == 0 {
		n.attrs = []string{""}
	}
	work := func() error { return n.run(ea, files, stdin, fromArgs, findFile) }
	if n.parseOnly || findFile || stdin || n.root != "" || ea.readsStdin() {
		return work()
	}
	return a.cachedOutput(work, func(out []byte) {
		if !n.evalOnly && len(out) > 0 {
			a.warnNoRoot()
		}
	})
}

// run evaluates what the arguments name and prints what was asked for.
func (n *instantiation) run(ea *evalArgs, files []string, stdin, fromArgs, findFile bool) error {
	a := n.app
	x, err := a.evaluate(ea, false)
	if err != nil {
		return err
	}
	n.x = x
	if findFile {
		for _, w := range files {
			path, err := x.lookupFile("<" + w + ">")
			if err != nil {
				return err
			}
			a.println(path)
		}
		return nil
	}
	if stdin {
		node, err := x.parseStdin()
		if err == nil {
			err = n.process(node)
		}
		if err != nil {
			return err
		}
	} else if len(files) == 0 && !fromArgs {
		files = []string{"./default.nix"}
	}
	for _, w := range files {
		var node ast.Node
		if fromArgs {
			node, err = x.parseString(w)
		} else if w, err = x.lookupFile(w); err == nil {
			node, err = x.parseFile(w)
		}
		if err == nil {
			err = n.process(node)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// process does with one expression what was asked for.
func (n *instantiation) process(node ast.Node) error {
	a, x := n.app, n.x
	if n.parseOnly {
		a.println(parser.Print(packed.Unpack(node), x.E.Symbols))
		return nil
	}
	root, err := x.root(node)
	if err != nil {
		return err
	}
	for _, attr := range n.attrs {
		if n.evalOnly {
			err = n.show(attr, root)
		} else {
			err = n.instantiate(attr, root)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// show prints a value.
func (n *instantiation) show(attr string, root *eval.Value) error {
	x := n.x
	return x.Do(func() {
		v, _ := x.SelectPath(root, attr, x.auto)
		x.Force(v, x.PosOf(v, ast.NoPos))
		if x.auto.Len() > 0 {
			v = x.AutoCall(v, x.auto)
		}
		switch n.output {
		case "raw":
			s, _ := x.CoerceToString(v, ast.NoPos, "while generating the nix-instantiate output", eval.CoerceOpts{CopyToStore: true})
			n.app.print(s)
		case "xml":
			if err := x.WriteXML(n.app.stdout, v, ast.NoPos, n.strict, n.location); err != nil {
				x.FailErr(ast.NoPos, err)
			}
		case "json":
			s, _ := x.ToJSON(v, x.PosOf(v, ast.NoPos), n.strict, true)
			n.app.println(s)
		default:
			if n.strict {
				x.ForceDeep(v)
			}
			n.app.println(x.PrintAmbiguous(v, false))
		}
	})
}

// instantiate prints the derivations that a value holds.
func (n *instantiation) instantiate(attr string, root *eval.Value) error {
	a, x := n.app, n.x
	return x.Do(func() {
		v, _ := x.SelectPath(root, attr, x.auto)
		x.Force(v, x.PosOf(v, ast.NoPos))
		packages := local.Packages(x.Machine, v, "", x.auto, false)
		fan := local.ForceDrvPaths(x.Machine, packages)
		if fan != nil {
			defer fan.End()
		}
		for i, p := range packages {
			fan.Reach(i)
			drv := p.DrvPath()
			shown := a.session.Scheme.Print(drv)
			output := p.OutputName()
			if output == "" {
				x.FailErr(ast.NoPos, fmt.Errorf("derivation '%s' lacks an 'outputName' attribute", shown))
			}
			if n.root == "" {
				a.warnNoRoot()
			} else {
				n.roots++
				name := a.absolute(n.root)
				if n.roots > 1 {
					name += "-" + strconv.Itoa(n.roots)
				}
				if s := a.session.Store; s != nil {
					if err := s.AddPermRoot(drv, name); err != nil {
						x.FailErr(ast.NoPos, err)
					}
					shown = name
				}
			}
			if output != "out" {
				shown += "!" + output
			}
			a.println(shown)
		}
	})
}

// warnNoRoot says once that results may be collected.
func (a *app) warnNoRoot() {
	if a.noGCWarn || a.gcWarned {
		return
	}
	a.gcWarned = true
	a.warn(strings.TrimSpace("you did not specify '--add-root'; the result might be removed by the garbage collector"))
}
