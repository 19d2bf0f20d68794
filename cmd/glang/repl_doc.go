package main

import (
	"fmt"
	"slices"
	"strings"

	"github.com/seed192a40f6/glang/lang/ast"
	"github.com/seed192a40f6/glang/lang/builtins"
	"github.com/seed192a40f6/glang/lang/diag"
	"github.com/seed192a40f6/glang/lang/eval"
	"github.com/seed192a40f6/glang/lang/parser"
)

// doc shows the documentation of a value, or else of the attribute that the
// expression selects.
func (r *repl) doc(arg string) error {
	node, err := r.parse(arg)
	if err != nil {
		return err
	}
	var attr ast.Symbol
	var attrPos ast.Pos
	if sel, ok := node.(*ast.Select); ok {
		if attr, attrPos, err = r.selectedAttr(sel); err != nil {
			return err
		}
	}
	v, err := r.eval(arg)
	if err != nil {
		return err
	}
	var text string
	var found bool
	if err := r.x.Do(func() { text, found = r.docOf(v) }); err != nil {
		return err
	}
	switch {
	case found:
	case attrPos != ast.NoPos:
		text = "Attribute `" + r.x.E.Symbols.Name(attr) + "`\n\n  … defined at " + diag.ShowPos(r.x.E.Sources, attrPos) + "\n\n"
		if doc, ok := r.attrDoc(attrPos); ok {
			text += doc
		} else {
			text += "No documentation found.\n\n"
		}
	default:
		return fmt.Errorf("value does not have documentation")
	}
	r.a.println(strings.Trim(r.a.renderMarkdown(text), " \n\r\t"))
	return nil
}

// selectedAttr evaluates a selection up to its last name and tells which
// attribute that is and where it was defined.
func (r *repl) selectedAttr(sel *ast.Select) (name ast.Symbol, pos ast.Pos, err error) {
	last := len(sel.Path) - 1
	base := sel.Expr
	if last > 0 {
		base = &ast.Select{At: sel.At, Expr: sel.Expr, Path: sel.Path[:last]}
	}
	err = r.x.Do(func() {
		v := r.x.NewValue(r.x.EvalIn(r.scopeNow(), base))
		set := r.x.ForceAttrs(v, ast.NoPos, "while evaluating an attribute set to look for documentation")
		if name = sel.Path[last].Sym; sel.Path[last].Expr == nil {
			_, pos, _ = set.Find(name)
		}
	})
	return name, pos, err
}

// manualEntry is what the manual says about a builtin, be it in there or not.
func manualEntry(b *eval.BuiltinDef) builtins.Entry {
	entries := builtins.Manual()
	if i := slices.IndexFunc(entries, func(e builtins.Entry) bool { return e.Name == b.Name }); i >= 0 {
		return entries[i]
	}
	return builtins.Entry{BuiltinDef: *b}
}

// docOf describes a function; within Do.
func (r *repl) docOf(v *eval.Value) (text string, found bool) {
	switch {
	case v.Kind() == eval.KindBuiltin:
		b := v.Builtin()
		if b.Doc == "" {
			return "", false
		}
		if len(b.Args) > 0 {
			text = "**Synopsis:** `builtins." + b.Name + "` *" + strings.Join(b.Args, "* *") + "*\n\n"
		}
		text += stripIndentation(b.Doc)
		e := manualEntry(b.BuiltinDef)
		if e.Errors != "" && !r.a.asNix {
			text += "\n*Fails on* " + e.Errors + ", as `" + e.Fails + "` does.\n"
		}
		if e.Cost != "" && !r.a.asNix {
			text += "\n*Cost*: " + e.Cost + ".\n"
		}
		if e.Example != "" {
			text += "\nFor example:\n\n```nix\n" + e.Example + "\n```\n"
		}
		return text, true
	case v.Kind() == eval.KindLambda:
		return r.lambdaDoc(r.x.Function(v)), true
	case r.x.IsFunctor(v):
		// What the set's own argument is given to is not interesting: the
		// function that this makes is.
		r.x.Trace(ast.NoPos, "while partially calling '__functor' to retrieve documentation")
		functor, _ := v.Attrs().Get(r.x.E.Sym.Functor)
		applied := r.x.NewValue(r.x.Call(functor, ast.NoPos, v))
		r.x.EnterCall(ast.NoPos)
		text, found = r.docOf(applied)
		r.x.LeaveCall()
		r.x.Pop()
		return text, found
	}
	return "", false
}

func (r *repl) lambdaDoc(f eval.Function) string {
	where := diag.ShowPos(r.x.E.Sources, f.Pos)
	text := "Function "
	if f.Name != ast.NoSymbol {
		text = "Function `" + r.x.E.Symbols.Name(f.Name) + "`\\\n"
		if where != "" {
			text += "  … "
		}
	}
	if where != "" {
		text += "defined at " + where
	}
	if f.Doc == ast.NoPos {
		return stripIndentation(text)
	}
	src, offset, ok := r.sourceAt(f.Doc)
	if !ok {
		return stripIndentation(text)
	}
	return stripIndentation(text + "\n\n" + innerText(src[offset:parser.CommentEnd(src, offset)]))
}

// sourceAt is the text that a position lies in, and the offset there.
func (r *repl) sourceAt(pos ast.Pos) (text string, offset int, ok bool) {
	loc, ok := r.x.E.Sources.Locate(pos)
	if !ok || loc.Source.Text == nil {
		return "", 0, false
	}
	b, err := loc.Source.Text()
	if err != nil || loc.Offset > len(b) {
		return "", 0, false
	}
	return string(b), loc.Offset, true
}

// attrDoc is the documentation comment before an attribute.
func (r *repl) attrDoc(pos ast.Pos) (string, bool) {
	text, offset, ok := r.sourceAt(pos)
	if !ok {
		return "", false
	}
	start, end, ok := parser.DocBefore(text, offset)
	if !ok {
		return "", false
	}
	return innerText(text[start:end]), true
}

// innerText is what a documentation comment says, without its delimiters and indentation.
func innerText(comment string) string {
	s := strings.TrimSuffix(strings.TrimPrefix(comment, "/**"), "*/")
	if s == "" {
		return ""
	}
	s = strings.NewReplacer("\r\n", "\n", "\r", "\n").Replace(s)
	return stripIndentation("   " + s)
}

// stripIndentation takes away as many spaces as each line has. As in the
// reference a line of nothing but spaces can make that more, never less.
func stripIndentation(s string) string {
	width, cur, lineStart := 10000, 0, true
	for i := 0; i < len(s); i++ {
		switch c := s[i]; {
		case lineStart && c == ' ':
			cur++
		case c == '\n':
			if lineStart {
				width = max(width, cur)
			}
			cur, lineStart = 0, true
		case lineStart:
			width, lineStart = min(width, cur), false
		}
	}
	var b strings.Builder
	for s != "" {
		line, rest, _ := strings.Cut(s, "\n")
		if len(line) > width {
			b.WriteString(line[width:])
		}
		b.WriteByte('\n')
		s = rest
	}
	return b.String()
}
