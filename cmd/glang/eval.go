package main

import (
	"fmt"
	"os"
	"path/filepath"

	"github.com/spf13/cobra"

	"github.com/seed192a40f6/glang/lang/ast"
	"github.com/seed192a40f6/glang/lang/diag"
	"github.com/seed192a40f6/glang/lang/eval"
)

func (a *app) evalCommand() *cobra.Command {
	return a.command(groupMain, "eval [FILE] [-A ATTR]", "evaluate an expression",
		`Evaluates the expression in FILE, given with --expr, or with - read from
standard input, and prints its value.`, func(f *flagSet) func() error {
			src := a.sourceFlags(f)
			raw, asJSON, pretty, strict := false, false, a.prettyDefault(), false
			var apply, writeTo string
			f.boolean(&raw, "raw", "print a string as it is")
			f.boolean(&asJSON, "json", "print JSON")
			a.prettyFlags(f, &pretty)
			f.boolean(&strict, "strict", "evaluate the whole value (which is the default)")
			f.boolean(&a.readOnly, "read-only", "write nothing to the store")
			f.call("profile", "write a profile of the evaluation to FILE, for pprof", []string{"file"}, func(w []string) error {
				src.profile, a.observed = w[0], true
				return nil
			}).hidden = a.asNix
			f.text(&apply, "apply", "expr", "print what this function makes of the value")
			f.text(&writeTo, "write-to", "path", "write strings to files below PATH")
			return func() error {
				if raw && asJSON {
					return usagef("--raw and --json are mutually exclusive")
				}
				if len(f.args) > 1 {
					return usagef("unexpected argument '%s'", f.args[1])
				}
				show := func() error {
					list, err := a.installables(src, f.args)
					if err != nil {
						return err
					}
					for _, i := range list {
						if err := a.evalOne(i, raw, asJSON, pretty, apply, writeTo); err != nil {
							return err
						}
					}
					return nil
				}
				if writeTo != "" || !src.cacheable(f.args) {
					return show()
				}
				return a.cachedOutput(show, nil)
			}
		})
}

// evalOne prints the value of an installable.
func (a *app) evalOne(i *installable, raw, asJSON, pretty bool, apply, writeTo string) error {
	if i.x == nil {
		return fmt.Errorf("installable '%s' does not correspond to a Nix language value", i.what)
	}
	x := i.x
	var fn ast.Node
	if apply != "" {
		var err error
		if fn, err = x.parseString(apply); err != nil {
			return err
		}
	}
	return x.Do(func() {
		v, pos := i.selected()
		if !a.asNix && x.auto.Len() > 0 {
			// As nix-instantiate: arguments are for the value itself too.
			v = x.AutoCall(v, x.auto)
			x.Force(v, pos)
		}
		if fn != nil {
			f := x.NewValue(x.Eval(fn))
			v = x.NewValue(x.Call(f, ast.NoPos, v))
			x.Force(v, ast.NoPos)
		}
		switch {
		case writeTo != "":
			if _, err := os.Lstat(writeTo); err == nil {
				x.FailErr(ast.NoPos, fmt.Errorf("path '%s' already exists", writeTo))
			}
			x.writeTo(v, pos, writeTo)
		case raw:
			s, _ := x.CoerceToString(v, ast.NoPos, "while generating the eval command output", eval.CoerceOpts{CopyToStore: true})
			a.print(s)
		case asJSON:
			s, _ := x.ToJSON(v, pos, true, false)
			if err := a.printRawJSON(s, pretty); err != nil {
				x.FailErr(ast.NoPos, err)
			}
		default:
			x.ForceDeep(v)
			a.println(x.PrintValue(v, eval.PrintOptions{Force: true, DerivationPaths: true, Color: a.colorOut()}))
		}
	})
}

// writeTo writes a string to a file, a set of them to a folder; within Do.
func (x *evaluation) writeTo(v *eval.Value, pos ast.Pos, path string) {
	x.Force(v, pos)
	switch v.Kind() {
	case eval.KindString:
		if err := os.WriteFile(path, []byte(v.Str()), 0o666); err != nil {
			x.FailErr(pos, err)
		}
	case eval.KindAttrs:
		if err := os.Mkdir(path, 0o777); err != nil {
			x.FailErr(pos, err)
		}
		for attr := range v.Attrs().Sorted(x.Machine) {
			name := x.E.Symbols.Name(attr.Name)
			x.TraceSymbol(attr.Pos, "while evaluating the attribute '%s'", attr.Name)
			if name == "." || name == ".." || name == "" || filepath.Base(name) != name {
				x.FailErr(ast.NoPos, fmt.Errorf("invalid file name '%s'", name))
			}
			x.writeTo(attr.Value, attr.Pos, filepath.Join(path, name))
			x.Pop()
		}
	default:
		x.Fail(diag.Type, ast.NoPos, "value at '%s' is not a string or an attribute set", diag.ShowPos(x.E.Sources, pos))
	}
}
