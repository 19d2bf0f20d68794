package main

import (
	"fmt"
	"path/filepath"
	"strings"

	"github.com/seed192a40f6/glang/lang/ast"
	"github.com/seed192a40f6/glang/local"
	"github.com/seed192a40f6/glang/realise"
	"github.com/seed192a40f6/glang/store/storepath"
)

// nixBuild is nix-build.
func nixBuild(a *app, args []string) error {
	f := a.oldFlags()
	ea := a.evalFlags(f)
	var attrs, words []string
	link, noLink, dryRun, fromArgs, stdin := "result", false, false, false, false
	mode := realise.Normal
	ignore := func(name string, labels ...string) {
		f.call(name, "", labels, func([]string) error { return nil }).hidden = true
	}
	ignore("add-drv-link")
	ignore("indirect")
	ignore("drv-link", "path")
	f.boolean(&noLink, "no-out-link", "make no link")
	f.long["no-link"] = f.long["no-out-link"]
	f.texts(&attrs, "attr,A", "path", "the attribute to build")
	f.text(&link, "out-link,o", "path", "the name of the link, instead of result")
	f.boolean(&dryRun, "dry-run", "show what would be done")
	f.call("check", "build again and compare", nil, func([]string) error { mode = realise.Check; return nil })
	f.call("repair", "build again what is corrupt", nil, func([]string) error { mode = realise.Repair; return nil })
	f.boolean(&fromArgs, "expr,E", "the arguments are expressions")
	f.arg = func(w string) error {
		if w == "-" {
			stdin = true
		} else {
			words = append(words, w)
		}
		return nil
	}
	if done, err := a.parseOld(f, args); done || err != nil {
		return err
	}
	if !fromArgs && !stdin && len(words) == 0 {
		words = []string{"."}
	}
	x, err := a.evaluate(ea, false)
	if err != nil {
		return err
	}
	sess := a.session
	var wanted []drvOutput
	var nodes []ast.Node
	if stdin {
		node, err := x.parseStdin()
		if err != nil {
			return err
		}
		nodes = append(nodes, node)
		words = nil
	}
	for _, w := range words {
		var node ast.Node
		if fromArgs {
			node, err = x.parseString(w)
		} else if d, ok, derr := a.drvArgument(sess.Scheme, w); ok || derr != nil {
			if derr != nil {
				return derr
			}
			wanted = append(wanted, d)
			continue
		} else if w, err = x.lookupFile(w); err == nil {
			node, err = x.parseFile(w)
		}
		if err != nil {
			return err
		}
		nodes = append(nodes, node)
	}
	if len(attrs) == 0 {
		attrs = []string{""}
	}
	for _, node := range nodes {
		root, err := x.root(node)
		if err != nil {
			return err
		}
		for _, attr := range attrs {
			err := x.Do(func() {
				v, pos := x.SelectPath(root, attr, x.auto)
				x.Force(v, pos)
				for _, p := range local.Packages(x.Machine, v, "", x.auto, false) {
					d := drvOutput{p.DrvPath(), p.OutputName()}
					if d.output == "" {
						x.FailErr(ast.NoPos, fmt.Errorf("derivation '%s' lacks an 'outputName' attribute", sess.Scheme.Print(d.drv)))
					}
					wanted = append(wanted, d)
				}
			})
			if err != nil {
				return err
			}
		}
	}
	targets := make([]realise.Target, len(wanted))
	for i, w := range wanted {
		targets[i] = realise.Target{Drv: w.drv, Outputs: []string{w.output}}
	}
	results, err := a.realise(targets, mode, dryRun)
	if err != nil || dryRun {
		return err
	}
	link = a.absolute(link)
	number := map[storepath.Path]int{}
	for i, r := range results {
		w := wanted[i]
		if _, ok := number[w.drv]; !ok {
			number[w.drv] = len(number)
		}
		p := r.Outputs[w.output]
		if !noLink && sess.Store != nil {
			name := link
			if n := number[w.drv]; n > 0 {
				name += fmt.Sprintf("-%d", n+1)
			}
			if w.output != "out" {
				name += "-" + w.output
			}
			if err := sess.Store.AddPermRoot(p, name); err != nil {
				return err
			}
		}
	}
	for i, r := range results {
		a.println(sess.Scheme.Print(r.Outputs[wanted[i].output]))
	}
	return nil
}

// drvOutput is an output of a derivation.
type drvOutput struct {
	drv    storepath.Path
	output string
}

// drvArgument recognises an argument that is a derivation in the store, or a
// link to one, perhaps with !OUTPUT.
func (a *app) drvArgument(s storepath.Scheme, word string) (d drvOutput, ok bool, err error) {
	name, list, _ := strings.Cut(word, "!")
	if strings.HasPrefix(name, "<") {
		return d, false, nil
	}
	name = a.absolute(name)
	if real, err := filepath.EvalSymlinks(name); err == nil && !s.IsStorePath(name) {
		name = real
	} else if abs, err := a.followLinks(s, name); err == nil {
		name = abs
	}
	p, perr := s.Parse(name)
	if perr != nil || !p.IsDerivation() {
		return d, false, nil
	}
	st, err := a.session.LocalStore()
	if err != nil {
		return d, false, err
	}
	drv, err := st.ReadDerivation(p)
	if err != nil {
		return d, false, err
	}
	outputs := strings.FieldsFunc(list, func(r rune) bool { return r == ',' })
	if len(outputs) > 1 {
		return d, false, fmt.Errorf("building more than one derivation output is not supported, in '%s'", s.Print(p)+"!"+list)
	}
	d = drvOutput{p, "out"}
	if len(outputs) == 1 {
		d.output = outputs[0]
	} else if n := drv.Env["outputName"]; n != "" {
		d.output = n
	}
	if _, ok := drv.Outputs[d.output]; !ok {
		return d, false, fmt.Errorf("derivation '%s' does not have output '%s'", s.Print(p), d.output)
	}
	return d, true, nil
}
