package builtins

import (
	"fmt"
	"slices"
	"strings"

	"github.com/seed192a40f6/glang/derivation"
	"github.com/seed192a40f6/glang/lang/ast"
	"github.com/seed192a40f6/glang/lang/diag"
	"github.com/seed192a40f6/glang/lang/eval"
	"github.com/seed192a40f6/glang/store/hash"
	"github.com/seed192a40f6/glang/store/storepath"
)

// derivationStrict makes a store derivation of a set and gives its path and
// those of its outputs. The lazy set that programs see is made around it by
// the function derivation, see derivation-internal.nix.
func derivationStrict(m *machine, pos ast.Pos, args []*value) value {
	t := tableOf(m)
	t.prepare(m)
	set := m.ForceAttrs(args[0], pos, "while evaluating the argument passed to builtins.derivationStrict")
	nameV, namePos := m.GetAttr(set, m.E.Sym.Name, "in the attrset passed as argument to builtins.derivationStrict")
	m.Trace(namePos, "while evaluating the derivation attribute 'name'")
	name := m.ForceStringNoCtx(nameV, pos, "while evaluating the `name` attribute passed to builtins.derivationStrict")
	m.Pop()

	var result value
	if f := m.Catch(func() {
		b := t.builder(m, name)
		result = b.build(set)
		t.release(b)
	}); f != nil {
		m.Trace(ast.NoPos, eval.Messagef("while evaluating derivation '%s'\n  whose name attribute is located at %s", name, m.E.PosText(namePos)))
		f.Throw()
	}
	return result
}

// noMethod is the hash mode of a derivation that gives none.
const noMethod = storepath.Method(0xff)

// drvBuilder gathers a derivation from the attributes of a set.
type drvBuilder struct {
	t *table
	m *machine
	d *derivation.Derivation

	json        *strings.Builder // structured attributes so far; nil: none
	ignoreNulls bool
	floating    bool // __contentAddressed
	impure      bool
	hash        *string
	hashAlgo    hash.Algo
	hashMode    storepath.Method
	outputs     []string
	contexts    []eval.Context
	elems       []eval.ContextElem // memory of inputs
	srcs        map[storepath.Path]struct{}
}

// builder makes a drvBuilder, most often in the memory of one that is done:
// the maps of a derivation take more than all else that it is made of.
func (t *table) builder(m *machine, name string) *drvBuilder {
	b, ok := t.builders.Get().(*drvBuilder)
	if !ok {
		b = &drvBuilder{srcs: map[storepath.Path]struct{}{}}
	}
	if b.d == nil {
		b.d = &derivation.Derivation{
			Env: map[string]string{}, Outputs: map[string]derivation.Output{},
			InputDrvs: map[storepath.Path]derivation.InputOutputs{},
		}
	}
	d := b.d
	d.Name = name
	*b = drvBuilder{t: t, m: m, d: d, hashMode: noMethod, outputs: onlyOut,
		contexts: b.contexts[:0], elems: b.elems, srcs: b.srcs}
	return b
}

// maxKept bounds the size of a derivation whose memory is kept.
const maxKept = 500

// onlyOut is what most derivations have, and use of others. It has no room for
// more, so that whoever appends makes a copy.
var onlyOut = []string{"out"}

// release takes back a builder that is done.
func (t *table) release(b *drvBuilder) {
	if len(b.srcs) > maxKept {
		return
	}
	clear(b.srcs)
	if d := b.d; d != nil {
		if max(len(d.Env), len(d.InputDrvs)) > maxKept {
			return
		}
		clear(d.Env)
		clear(d.Outputs)
		clear(d.InputDrvs)
		clear(d.InputSrcs)
		clear(d.Args)
		*d = derivation.Derivation{Env: d.Env, Outputs: d.Outputs, InputDrvs: d.InputDrvs,
			InputSrcs: d.InputSrcs[:0], Args: d.Args[:0]}
	}
	t.builders.Put(b)
}

func (b *drvBuilder) build(set *eval.Attrs) value {
	m, d := b.m, b.d
	if err := storepath.CheckName(d.Name); err != nil {
		m.Fail(diag.Eval, ast.NoPos, "invalid derivation name: %s. Please pass a different '%s'.", eval.Plain(err.Error()), "name")
	}
	sym := &b.t.syms
	if v, ok := set.Get(sym.structuredAttrs); ok && m.ForceBool(v, ast.NoPos, "while evaluating the `__structuredAttrs` attribute passed to builtins.derivationStrict") {
		b.json = new(strings.Builder)
	}
	if v, ok := set.Get(sym.ignoreNulls); ok {
		b.ignoreNulls = m.ForceBool(v, ast.NoPos, "while evaluating the `__ignoreNulls` attribute passed to builtins.derivationStrict")
	}
	frame := ""
	fan := b.fanOut(set)
	if fan != nil {
		defer fan.End()
	}
	at := -1
	for a := range set.Sorted(m) {
		at++
		fan.Reach(at)
		if a.Name == sym.ignoreNulls {
			continue
		}
		if frame == "" {
			frame = "while evaluating attribute '%s' of derivation '" + eval.Messagef("%s", d.Name) + "'"
		}
		m.TraceSymbol(a.Pos, frame, a.Name)
		b.attribute(a)
		m.Pop()
	}
	if b.json != nil {
		b.json.WriteByte('}')
		d.Env[derivation.StructuredAttrsKey] = b.json.String()
	}
	b.inputs()
	b.check()
	b.setOutputs()
	return b.finish()
}

// fanOut has helpers evaluate the attributes that attribute will take.
func (b *drvBuilder) fanOut(set *eval.Attrs) *eval.Fan {
	if !b.m.WantsFan(set.Len()) {
		return nil
	}
	sym, structured, ignoreNulls := &b.t.syms, b.json != nil, b.ignoreNulls
	return b.m.FanOutSet(set, func(h *machine, a eval.Attr) {
		v := a.Value
		if h.Force(v, ast.NoPos); ignoreNulls && v.Kind() == eval.KindNull {
			return
		}
		switch a.Name {
		case sym.contentAddressed, sym.impure, sym.structuredAttrs, sym.ignoreNulls:
		case sym.args:
			for _, e := range h.ForceList(v, ast.NoPos, "") {
				h.CoerceToString(e, ast.NoPos, "", coerceEnv)
			}
		default:
			if structured {
				h.ToJSON(v, ast.NoPos, true, true)
			} else {
				h.CoerceToString(v, ast.NoPos, "", coerceEnv)
			}
		}
	})
}

// attribute takes one attribute into the derivation.
func (b *drvBuilder) attribute(a eval.Attr) {
	m, d, sym := b.m, b.d, &b.t.syms
	v := a.Value
	if b.ignoreNulls {
		m.Force(v, ast.NoPos)
		if v.Kind() == eval.KindNull {
			return
		}
	}
	switch a.Name {
	case sym.contentAddressed:
		if m.ForceBool(v, ast.NoPos, "") {
			b.floating = true
			requireFeature(m, "ca-derivations", "")
		}
		return
	case sym.impure:
		if m.ForceBool(v, ast.NoPos, "") {
			b.impure = true
			requireFeature(m, "impure-derivations", "")
		}
		return
	case sym.args:
		list := m.ForceList(v, ast.NoPos, "")
		for _, e := range list {
			d.Args = append(d.Args, b.coerce(e, "while evaluating an element of the argument list"))
		}
		return
	}
	if b.json != nil {
		b.structured(a)
		return
	}
	s := b.coerce(v, "")
	if a.Name == sym.json {
		warnf(m, "In derivation '%s': setting structured attributes via '__json' is deprecated, and may be disallowed in future versions of Nix. Set '__structuredAttrs = true' instead.", d.Name)
		if err := decodeJSON(s, discardJSON{}); err != nil {
			m.Fail(diag.Eval, ast.NoPos, "cannot process __json attribute: %s", eval.Plain(err.Error()))
		}
		text, err := derivation.AppendCanonicalJSON(nil, []byte(s))
		if err != nil {
			m.FailErr(ast.NoPos, err)
		}
		d.Env[derivation.StructuredAttrsKey] = string(text)
		return
	}
	d.Env[m.E.Symbols.Name(a.Name)] = s
	switch a.Name {
	case sym.builder:
		d.Builder = s
	case sym.system:
		d.Platform = s
	case sym.outputHash:
		text := s // s itself would be on the heap for every attribute
		b.hash = &text
	case sym.outputHashAlgo:
		b.setHashAlgo(s)
	case sym.outputHashMode:
		b.setHashMode(s)
	case sym.outputs:
		b.setOutputNames(strings.FieldsFunc(s, func(r rune) bool { return r == ' ' || r == '\t' || r == '\n' || r == '\r' }))
	}
}

// coerce makes a string for the builder and notes its context.
func (b *drvBuilder) coerce(v *value, context string) string {
	s, ctx := b.m.CoerceToString(v, ast.NoPos, context, coerceEnv)
	b.note(ctx)
	return s
}

func (b *drvBuilder) note(ctx eval.Context) {
	if ctx != 0 && !slices.Contains(b.contexts, ctx) {
		b.contexts = append(b.contexts, ctx)
	}
}

// structured takes an attribute of a derivation with structured attributes.
func (b *drvBuilder) structured(a eval.Attr) {
	m, d, sym, v := b.m, b.d, &b.t.syms, a.Value
	if a.Name == sym.structuredAttrs {
		return
	}
	name := m.E.Symbols.Name(a.Name)
	text, ctx := m.ToJSON(v, ast.NoPos, true, true)
	b.note(ctx)
	if b.json.Len() == 0 {
		b.json.WriteByte('{')
	} else {
		b.json.WriteByte(',')
	}
	b.json.Write(derivation.AppendJSONString(nil, name))
	b.json.WriteByte(':')
	b.json.WriteString(text)

	switch a.Name {
	case sym.builder:
		s, ctx := m.ForceString(v, ast.NoPos, "")
		b.note(ctx)
		d.Builder = s
	case sym.system:
		d.Platform = m.ForceStringNoCtx(v, ast.NoPos, "")
	case sym.outputHash:
		s := m.ForceStringNoCtx(v, ast.NoPos, "")
		b.hash = &s
	case sym.outputHashAlgo:
		b.setHashAlgo(m.ForceStringNoCtx(v, ast.NoPos, ""))
	case sym.outputHashMode:
		b.setHashMode(m.ForceStringNoCtx(v, ast.NoPos, ""))
	case sym.outputs:
		list := m.ForceList(v, ast.NoPos, "")
		names := make([]string, len(list))
		for i, e := range list {
			names[i] = m.ForceStringNoCtx(e, ast.NoPos, "")
		}
		b.setOutputNames(names)
	}
	switch name {
	case "allowedReferences", "allowedRequisites", "disallowedReferences", "disallowedRequisites", "maxSize", "maxClosureSize":
		warnf(m, "In a derivation named '%s', 'structuredAttrs' disables the effect of the derivation attribute '%s'; use 'outputChecks.<output>.%s' instead", d.Name, eval.Plain(name), eval.Plain(name))
	}
}

func (b *drvBuilder) setHashAlgo(s string) {
	// An unknown algorithm counts as none; the hash may say it.
	b.hashAlgo, _ = hash.ParseAlgo(s)
	requireAlgo(b.m, b.hashAlgo)
}

func (b *drvBuilder) setHashMode(s string) {
	m := b.m
	if s == "recursive" {
		b.hashMode = storepath.NAR
		return
	}
	mode, err := storepath.ParseMethod(s)
	if err != nil {
		m.Fail(diag.Eval, ast.NoPos, "invalid value '%s' for 'outputHashMode' attribute", s)
	}
	b.hashMode = mode
	switch mode {
	case storepath.Text:
		requireFeature(m, "dynamic-derivations", fmt.Sprintf("text-hashed derivation '%s', outputHashMode = \"text\"", b.d.Name))
	case storepath.Git:
		requireFeature(m, "git-hashing", "")
	}
}

func (b *drvBuilder) setOutputNames(names []string) {
	m := b.m
	b.outputs = nil
	for _, n := range names {
		if slices.Contains(b.outputs, n) {
			m.Fail(diag.Eval, ast.NoPos, "duplicate derivation output '%s'", n)
		}
		if n == "drvPath" {
			m.Fail(diag.Eval, ast.NoPos, "invalid derivation output name 'drvPath'")
		}
		b.outputs = append(b.outputs, n)
	}
	if len(b.outputs) == 0 {
		m.Fail(diag.Eval, ast.NoPos, "derivation cannot have an empty set of outputs")
	}
}

// inputs makes everything in the contexts an input.
func (b *drvBuilder) inputs() {
	d := b.d
	for _, ctx := range b.contexts {
		b.elems = b.m.E.Contexts.AppendElems(b.elems[:0], ctx)
		if slices.ContainsFunc(b.elems, func(e eval.ContextElem) bool { return e.Kind == eval.ContextAll }) {
			b.elems = b.m.E.Contexts.Elems(ctx) // which graph is not there shall not depend on chance
		}
		for _, e := range b.elems {
			switch e.Kind {
			case eval.ContextPath:
				b.srcs[e.Path] = struct{}{}
			case eval.ContextOutput:
				in := d.InputDrvs[e.Path]
				if in.Names == nil && e.Output == onlyOut[0] {
					in.Names = onlyOut // most of them, without an allocation
				} else {
					in.Add(e.Output)
				}
				d.InputDrvs[e.Path] = in
			case eval.ContextAll:
				b.closure(e.Path)
			}
		}
	}
	for p := range b.srcs {
		d.InputSrcs = append(d.InputSrcs, p)
	}
	slices.SortFunc(d.InputSrcs, storepath.Compare)
}

// closure makes a derivation an input with all that it refers to: the builder
// sees the whole graph, so all outputs of all derivations in it must be there.
func (b *drvBuilder) closure(drv storepath.Path) {
	m, o := b.m, b.m.E.Options()
	if o.Paths == nil {
		m.Fail(diag.Eval, ast.NoPos, "path '%s' is not valid", o.Scheme.Print(drv))
	}
	seen := map[storepath.Path]bool{drv: true}
	todo := []storepath.Path{drv}
	for len(todo) > 0 {
		p := todo[len(todo)-1]
		todo = todo[:len(todo)-1]
		refs, err := o.Paths.References(m.Context(), p)
		if err != nil {
			m.FailErr(ast.NoPos, err)
		}
		for _, r := range refs {
			if !seen[r] {
				seen[r] = true
				todo = append(todo, r)
			}
		}
		b.srcs[p] = struct{}{}
		if p.IsDerivation() {
			d, err := o.Paths.ReadDerivation(m.Context(), p)
			if err != nil {
				m.FailErr(ast.NoPos, err)
			}
			b.d.InputDrvs[p] = derivation.InputOutputs{Names: d.OutputNames()}
		}
	}
}

func (b *drvBuilder) check() {
	m, d := b.m, b.d
	if d.Builder == "" {
		m.Fail(diag.Eval, ast.NoPos, "required attribute 'builder' missing")
	}
	if d.Platform == "" {
		m.Fail(diag.Eval, ast.NoPos, "required attribute 'system' missing")
	}
	if strings.HasSuffix(d.Name, storepath.DrvExtension) && !(b.hashMode == storepath.Text && b.onlyOut()) {
		m.Fail(diag.Eval, ast.NoPos, "derivation names are allowed to end in '%s' only if they produce a single derivation file", storepath.DrvExtension)
	}
}

func (b *drvBuilder) onlyOut() bool { return len(b.outputs) == 1 && b.outputs[0] == "out" }

// setOutputs says how each output is addressed. Variables named after outputs
// are left empty where their paths have still to be computed.
func (b *drvBuilder) setOutputs() {
	m, d := b.m, b.d
	method := b.hashMode
	switch {
	case b.hash != nil:
		if !b.onlyOut() {
			m.Fail(diag.Eval, ast.NoPos, "multiple outputs are not supported in fixed-output derivations")
		}
		if method == noMethod {
			method = storepath.Flat
		}
		h := hashAllowEmpty(m, *b.hash, b.hashAlgo)
		requireAlgo(m, h.Algo())
		d.Outputs["out"] = derivation.FixedOutput(method, h)
		d.Env["out"] = ""
	case b.floating || b.impure:
		if b.floating && b.impure {
			m.Fail(diag.Eval, ast.NoPos, "derivation cannot be both content-addressed and impure")
		}
		out := derivation.Output{Kind: derivation.Floating, Method: method, Algo: b.hashAlgo}
		if b.impure {
			out.Kind = derivation.Impure
		}
		if out.Algo == 0 {
			out.Algo = m.E.Options().Scheme.Hash
		}
		if method == noMethod {
			out.Method = storepath.NAR
		}
		for _, name := range b.outputs {
			d.Env[name] = m.E.Options().Scheme.Placeholder(name)
			d.Outputs[name] = out
		}
	default:
		for _, name := range b.outputs {
			d.Env[name] = ""
			d.Outputs[name] = derivation.Output{Kind: derivation.Deferred}
		}
	}
}

// hashAllowEmpty reads a hash; an empty one stands for all zeros, with a
// warning that says so, for people who want to be told the right one.
func hashAllowEmpty(m *machine, s string, algo hash.Algo) hash.Hash {
	if s != "" {
		h, err := hash.ParseAny(s, algo)
		if err != nil {
			m.FailErr(ast.NoPos, err)
		}
		return h
	}
	if algo == 0 {
		m.Fail(diag.Eval, ast.NoPos, "empty hash requires explicit hash algorithm")
	}
	h, err := hash.FromBytes(algo, make([]byte, algo.Size()))
	if err != nil {
		m.FailErr(ast.NoPos, err)
	}
	warnf(m, "found empty hash, assuming '%s'", h.SRI())
	return h
}

// finish computes the paths, stores the derivation and makes the result.
func (b *drvBuilder) finish() value {
	m, d, o := b.m, b.d, b.m.E.Options()
	path, err := b.store()
	if err != nil {
		m.FailErr(ast.NoPos, err)
	}
	set := m.NewAttrs(1 + len(d.Outputs))
	all := m.E.Contexts.Of(eval.ContextElem{Kind: eval.ContextAll, Path: path})
	set.Put(m.E.Sym.DrvPath, m.NewValue(eval.String(o.Scheme.Print(path), all)), ast.NoPos)
	for name, out := range d.Outputs {
		set.Put(m.E.Symbols.Intern(name), m.NewValue(outputString(m, path, name, out)), ast.NoPos)
	}
	if !o.ReadOnly && o.Paths != nil {
		b.d = nil // it is the store's now
	}
	return eval.AttrsValue(set.Build())
}

// store computes the derivation's path and, unless nothing is to be written,
// hands the derivation over to the store.
func (b *drvBuilder) store() (storepath.Path, error) {
	m, d, o := b.m, b.d, b.m.E.Options()
	h := b.t.hasherFor(m)
	if o.ReadOnly || o.Paths == nil {
		return h.FinishPath(d)
	}
	path, text, err := h.Finish(d)
	if err != nil {
		return path, err
	}
	return path, o.Paths.AddDerivation(m.Context(), path, d, text)
}

// outputString is the path of an output, or what stands for it until it is
// known, with the output as context.
func outputString(m *machine, drv storepath.Path, name string, out derivation.Output) value {
	scheme := m.E.Options().Scheme
	ctx := m.E.Contexts.Of(eval.ContextElem{Kind: eval.ContextOutput, Path: drv, Output: name})
	if out.Path.IsZero() {
		return eval.String(scheme.DownstreamPlaceholder(drv, name), ctx)
	}
	return eval.String(scheme.Print(out.Path), ctx)
}

func placeholder(m *machine, pos ast.Pos, args []*value) value {
	out := m.ForceStringNoCtx(args[0], pos, "while evaluating the first argument passed to builtins.placeholder")
	return eval.String(m.E.Options().Scheme.Placeholder(out), 0)
}

// outputOf refers to an output of a derivation that another one makes.
func outputOf(m *machine, pos ast.Pos, args []*value) value {
	const what = "while evaluating the first argument to builtins.outputOf"
	s, ctx := m.CoerceToString(args[0], pos, what, coerceStrict)
	elems := m.E.Contexts.Elems(ctx)
	if len(elems) != 1 {
		m.Errorf(diag.Eval, pos, "string '%s' has %d entries in its context. It should only have exactly one entry", s, len(elems)).WithTrace(pos, what).Throw()
	}
	e := elems[0]
	output := m.ForceStringNoCtx(args[1], pos, "while evaluating the second argument to builtins.outputOf")
	scheme := m.E.Options().Scheme
	switch e.Kind {
	case eval.ContextAll:
		m.Fail(diag.Eval, pos, "string '%s' has a context which refers to a complete source and binary closure. This is not supported at this time", s)
	case eval.ContextOutput:
		// The store and the realiser know derivations by their paths alone.
		m.Fail(diag.Eval, pos, "an output of '%s' is only known once that is built: builtins.outputOf cannot refer to it", e.Display(scheme))
	}
	return eval.String(scheme.DownstreamPlaceholder(e.Path, output),
		m.E.Contexts.Of(eval.ContextElem{Kind: eval.ContextOutput, Path: e.Path, Output: output}))
}
