package main

import (
	"bufio"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/seed192a40f6/glang/lang/ast"
	"github.com/seed192a40f6/glang/lang/diag"
	"github.com/seed192a40f6/glang/lang/eval"
	"github.com/seed192a40f6/glang/local"
	"github.com/seed192a40f6/glang/realise"
	"github.com/seed192a40f6/glang/store/storepath"
)

// sourceArgs are the flags that say what a command works on.
//
// What the positional arguments mean depends on them: with --file or --expr
// they are attribute paths in that expression. Otherwise an argument is a file
// with an expression (under glang's own name), or a store path or a link to
// one. "ARG^out,dev" and "ARG^*" choose outputs.
type sourceArgs struct {
	*evalArgs
	file, expr string
	haveExpr   bool
	attrs      []string // -A
	stdin      bool     // read arguments from standard input
	derivation bool     // operate on derivations, not outputs
	lock       *local.LockFlags
	flake      flakePaths // instead of those of packages
	// flakeFirst, if not nil, are looked for before those.
	flakeFirst func() flakePaths
}

// flakePaths are the attributes of a flake that a command looks for: those of
// a reference without a fragment, and what may stand before a fragment.
type flakePaths struct{ defaults, prefixes []string }

// flakePaths are a command's own, if it has any, and those of packages.
func (a *app) flakePaths(s *sourceArgs) flakePaths {
	if s.flake.defaults != nil {
		return s.flake
	}
	sys := a.settings.System()
	p := flakePaths{
		defaults: []string{"packages." + sys + ".default", "defaultPackage." + sys},
		prefixes: []string{"packages." + sys + ".", "legacyPackages." + sys + "."},
	}
	if s.flakeFirst != nil {
		first := s.flakeFirst()
		p.defaults = append(first.defaults, p.defaults...)
		p.prefixes = append(first.prefixes, p.prefixes...)
	}
	return p
}

// cacheable tells whether the arguments mean expressions alone, and none of
// standard input: then the evaluation finds out everything that counts.
func (s *sourceArgs) cacheable(words []string) bool {
	if s.stdin || s.file == "-" || s.evalArgs.readsStdin() {
		return false
	}
	if s.file != "" || s.haveExpr {
		return true
	}
	for _, w := range words {
		if name, _, err := splitOutputs(w); err != nil || name == "-" || !isFile(name) {
			return false
		}
	}
	return len(words) > 0
}

func (a *app) sourceFlags(f *flagSet) *sourceArgs {
	s := &sourceArgs{evalArgs: a.evalFlags(f)}
	f.text(&s.file, "file,f", "file", "the arguments are attribute paths in this file (- for standard input)")
	f.call("expr", "the arguments are attribute paths in this expression", []string{"expr"}, func(w []string) error {
		s.expr, s.haveExpr = w[0], true
		return nil
	})
	f.short['E'] = f.long["expr"]
	f.texts(&s.attrs, "attr,A", "path", "take this attribute of the expression")
	f.boolean(&a.debug, "debugger", "open a REPL where evaluation fails, or meets builtins.break")
	f.boolean(&s.derivation, "derivation", "work on the derivation itself")
	f.boolean(&s.stdin, "stdin", "read further arguments from standard input")
	s.lock = a.lockFlags(f)
	return s
}

// installable is one thing to work on.
type installable struct {
	what  string
	x     *evaluation // nil for a store path
	value *eval.Value
	attr  string
	path  storepath.Path
	// flakeAttr is where value was found in a flake's outputs.
	flakeAttr string
	outputs   []string // chosen with ^; nil: the default; ["*"]: all
}

// splitOutputs takes "^out,dev" off an argument.
func splitOutputs(word string) (string, []string, error) {
	i := strings.LastIndexByte(word, '^')
	if i < 0 {
		return word, nil, nil
	}
	spec := word[i+1:]
	if spec == "*" {
		return word[:i], []string{"*"}, nil
	}
	names := strings.Split(spec, ",")
	for _, n := range names {
		if n == "" || storepath.CheckName(n) != nil {
			return "", nil, usagef("'%s' is not a valid set of outputs in '%s'", spec, word)
		}
	}
	slices.Sort(names)
	return word[:i], slices.Compact(names), nil
}

// installables finds what the arguments mean.
func (a *app) installables(s *sourceArgs, words []string) ([]*installable, error) {
	if s.stdin && !isTerminal(a) {
		sc := bufio.NewScanner(a.stdin)
		sc.Split(bufio.ScanWords)
		for sc.Scan() {
			words = append(words, sc.Text())
		}
	} else if len(words) == 0 && !s.stdin && (s.file != "" || s.haveExpr || len(s.attrs) > 0) {
		words = []string{"."}
		if s.file == "" && !s.haveExpr {
			s.file = "."
		}
	} else if len(words) == 0 && !s.stdin {
		if a.asNix {
			words = []string{"."}
		} else if words = []string{"./default.expr"}; !fileExists("default.expr") {
			switch {
			case fileExists("default.nix"):
				words = []string{"./default.nix"}
			case fileExists("flake.nix"):
				words = []string{".#"}
			default:
				return nil, usagef("name a file with an expression, or a store path")
			}
		}
	}
	if s.file != "" || s.haveExpr {
		return a.installablesIn(s, words)
	}
	sess, err := a.open()
	if err != nil {
		return nil, err
	}
	var out []*installable
	for _, w := range words {
		name, outputs, err := splitOutputs(w)
		if err != nil {
			return nil, err
		}
		if !a.asNix && isFile(name) && !sess.Scheme.IsStorePath(name) {
			more, err := a.fileInstallables(s, name, outputs)
			if err != nil {
				return nil, err
			}
			out = append(out, more...)
			continue
		}
		if strings.Contains(name, "/") && !isFlakeRef(name) {
			abs, err := a.followLinks(sess.Scheme, name)
			if err == nil {
				p, _, err := sess.Scheme.ToStorePath(abs)
				if err != nil {
					return nil, err
				}
				out = append(out, &installable{what: w, path: p, outputs: outputs})
				continue
			}
			if !a.asNix {
				if fileExists(name) {
					more, err := a.fileInstallables(s, name, outputs)
					if err != nil {
						return nil, err
					}
					out = append(out, more...)
					continue
				}
				return nil, err
			}
		}
		i, err := a.flakeInstallable(s, name, outputs)
		if err != nil {
			return nil, err
		}
		i.what = w
		out = append(out, i)
	}
	return out, nil
}

// flakeInstallable is an attribute of a flake's outputs: REF#ATTR.
func (a *app) flakeInstallable(s *sourceArgs, word string, outputs []string) (*installable, error) {
	if a.asNix && !a.settings.FeatureEnabled("flakes") {
		return nil, local.MissingFeature("flakes")
	}
	ref, fragment, err := a.env.ParseFlakeRef(word, func(text string) { a.logf(levelNotice, "%s", text) })
	if err != nil {
		return nil, err
	}
	x, err := a.evaluateOnce(s.evalArgs, true)
	if err != nil {
		return nil, err
	}
	p := a.flakePaths(s)
	candidates := slices.Clone(p.defaults)
	if rest, ok := strings.CutPrefix(fragment, "."); ok {
		candidates = []string{rest}
	} else if fragment != "" {
		candidates = nil
		for _, prefix := range p.prefixes {
			candidates = append(candidates, prefix+fragment)
		}
		candidates = append(candidates, fragment)
	}
	text, err := ref.Text()
	if err != nil {
		return nil, err
	}
	i := &installable{what: word, x: x, outputs: outputs}
	err = x.Do(func() {
		flake := a.lockFlake(x, ref, s.lock).Outputs(x.Machine, ast.NoPos)
		i.flakeAttr, i.value = local.FlakeAttr(x.Machine, x.NewValue(flake), text, candidates)
	})
	return i, err
}

// isFlakeRef tells whether a word can mean nothing but a flake.
func isFlakeRef(word string) bool {
	name, _, fragment := strings.Cut(word, "#")
	if fragment && !fileExists(word) {
		return true
	}
	scheme, _, ok := strings.Cut(name, ":")
	return ok && scheme != "" && !strings.ContainsAny(scheme, "/.") && !fileExists(name)
}

// fileInstallables are those of a file: one an attribute given with -A.
func (a *app) fileInstallables(s *sourceArgs, name string, outputs []string) ([]*installable, error) {
	own := *s
	own.file = name
	x, v, err := a.sourceValue(&own)
	if err != nil {
		return nil, err
	}
	attrs := s.attrs
	if len(attrs) == 0 {
		attrs = []string{""}
	}
	var out []*installable
	for _, attr := range attrs {
		what := name
		if attr != "" {
			what += " -A " + attr
		}
		out = append(out, &installable{what: what, x: x, value: v, attr: attr, outputs: outputs})
	}
	return out, nil
}

// installablesIn are attribute paths in --file or --expr.
func (a *app) installablesIn(s *sourceArgs, words []string) ([]*installable, error) {
	x, v, err := a.sourceValue(s)
	if err != nil {
		return nil, err
	}
	if len(s.attrs) > 0 {
		if len(words) == 1 && words[0] == "." {
			words = nil
		}
		words = append(words, s.attrs...)
	}
	var out []*installable
	for _, w := range words {
		name, outputs, err := splitOutputs(w)
		if err != nil {
			return nil, err
		}
		attr := name
		if attr == "." {
			attr = ""
		}
		out = append(out, &installable{what: w, x: x, value: v, attr: attr, outputs: outputs})
	}
	return out, nil
}

// sourceValue evaluates --file or --expr.
func (a *app) sourceValue(s *sourceArgs) (*evaluation, *eval.Value, error) {
	pure := a.asNix
	if s.file != "" {
		if s.haveExpr {
			return nil, nil, usagef("'--file' and '--expr' are exclusive")
		}
		if a.settings.Overridden("pure-eval") && a.settings.Bool("pure-eval") {
			return nil, nil, usagef("'--file' is not compatible with '--pure-eval'")
		}
		pure = false
	}
	x, err := a.evaluateOnce(s.evalArgs, pure)
	if err != nil {
		return nil, nil, err
	}
	var node ast.Node
	switch {
	case s.haveExpr:
		node, err = x.parseString(s.expr)
	case s.file == "-":
		node, err = x.parseStdin()
	default:
		var path string
		if path, err = x.lookupFile(s.file); err == nil {
			var v *eval.Value
			err = x.Do(func() { v = x.ImportLater(path); x.Force(v, ast.NoPos) })
			return x, v, err
		}
	}
	if err != nil {
		return nil, nil, err
	}
	v, err := x.root(node)
	return x, v, err
}

// evaluateOnce gives all arguments of a command one evaluator.
func (a *app) evaluateOnce(e *evalArgs, pure bool) (*evaluation, error) {
	if a.evaluation != nil {
		return a.evaluation, nil
	}
	x, err := a.evaluate(e, pure)
	a.evaluation = x
	return x, err
}

// selected is the value that an installable means; within Do.
func (i *installable) selected() (*eval.Value, ast.Pos) {
	v, pos := i.x.SelectPath(i.value, i.attr, i.x.auto)
	i.x.Force(v, pos)
	return v, pos
}

// targets are the derivations and paths that an installable stands for.
func (i *installable) targets() (out []realise.Target, err error) {
	if i.x == nil {
		return []realise.Target{i.pathTarget()}, nil
	}
	err = i.x.Do(func() {
		x := i.x
		v, pos := i.selected()
		switch v.Kind() {
		case eval.KindPath, eval.KindString:
			t, err := i.stringTarget(v, pos)
			if err != nil {
				x.FailErr(ast.NoPos, err)
			}
			out = append(out, t)
			return
		case eval.KindLambda:
			v = x.AutoCall(v, x.auto)
		}
		by := map[storepath.Path][]string{}
		all := map[storepath.Path]bool{}
		for _, p := range local.Packages(x.Machine, v, "", x.auto, false) {
			if !p.HasDrvPath() {
				x.FailErr(ast.NoPos, fmt.Errorf("'%s' is not a derivation", i.what))
			}
			drv := p.DrvPath()
			names := i.outputs
			if names == nil {
				for _, o := range p.Outputs(false, true) {
					names = append(names, o.Name)
				}
				if len(names) == 0 {
					names = []string{"out"}
				}
			}
			if len(names) == 1 && names[0] == "*" {
				all[drv], names = true, nil
			}
			by[drv] = append(by[drv], names...)
		}
		for _, drv := range slices.SortedFunc(maps.Keys(by), storepath.Compare) {
			t := realise.Target{Drv: drv}
			if !all[drv] {
				slices.Sort(by[drv])
				t.Outputs = slices.Compact(by[drv])
			}
			out = append(out, t)
		}
	})
	return out, err
}

// pathTarget is the target of a store path: with ^ its outputs, else itself.
func (i *installable) pathTarget() realise.Target {
	if i.outputs == nil {
		return realise.Target{Path: i.path}
	}
	t := realise.Target{Drv: i.path}
	if !(len(i.outputs) == 1 && i.outputs[0] == "*") {
		t.Outputs = i.outputs
	}
	return t
}

// stringTarget is what a path, or a string with one context, means.
func (i *installable) stringTarget(v *eval.Value, pos ast.Pos) (realise.Target, error) {
	x := i.x
	if v.Kind() == eval.KindPath {
		_, ctx := x.CoerceToString(v, pos, "", eval.CoerceOpts{CopyToStore: true})
		for _, e := range x.E.Contexts.Elems(ctx) {
			return realise.Target{Path: e.Path}, nil
		}
		return realise.Target{}, errors.New("the path was not copied to the store")
	}
	s, ctx := x.CoerceToString(v, pos, "while evaluating the attribute '"+i.attr+"'", eval.CoerceOpts{})
	elems := x.E.Contexts.Elems(ctx)
	if len(elems) != 1 {
		return realise.Target{}, &diag.Error{Kind: diag.Eval, Pos: pos,
			Message: eval.Messagef("string '%s' has %d entries in its context. It should only have exactly one entry", s, len(elems))}
	}
	e := elems[0]
	switch e.Kind {
	case eval.ContextOutput:
		return realise.Target{Drv: e.Path, Outputs: []string{e.Output}}, nil
	case eval.ContextPath:
		return realise.Target{Path: e.Path}, nil
	}
	return realise.Target{}, &diag.Error{Kind: diag.Eval, Pos: pos,
		Message: eval.Messagef("string '%s' has a context which refers to a complete source and binary closure. This is not supported at this time", s)}
}

// allTargets are the targets of several installables, in order.
func allTargets(list []*installable) ([]realise.Target, error) {
	var out []realise.Target
	for _, i := range list {
		t, err := i.targets()
		if err != nil {
			return nil, err
		}
		out = append(out, t...)
	}
	return out, nil
}

// withDerivations are the flags' --derivation: each target's derivation itself.
func (a *app) derivations(list []*installable) ([]storepath.Path, error) {
	targets, err := allTargets(list)
	if err != nil {
		return nil, err
	}
	var out []storepath.Path
	for n, t := range targets {
		switch {
		case !t.Drv.IsZero():
			out = append(out, t.Drv)
		case t.Path.IsDerivation():
			out = append(out, t.Path)
		default:
			ds, err := a.session.API.ValidDerivers(t.Path)
			if err != nil {
				return nil, err
			}
			if len(ds) == 0 {
				return nil, fmt.Errorf("'%s' does not have a known deriver", list[min(n, len(list)-1)].what)
			}
			out = append(out, ds[0])
		}
	}
	return out, nil
}
