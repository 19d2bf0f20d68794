package shell

import (
	"strings"

	"mvdan.cc/sh/v3/syntax"
)

// rewrite changes a script, before it runs, where the interpreter would not
// do with it what a shell does. It tells whether there was anything to change.
func (sh *shell) rewrite(file *syntax.File) bool {
	changed := rewriteArithmetic(file)
	if usesFds(file) {
		if sh.fds == nil {
			sh.fds = newFdTable()
		}
		rewriteFds(file)
		changed = true
	}
	return rewriteUmask(file) || changed
}

// rewriteText rewrites a script in a string: the argument of eval, the action
// of a trap. A wrong one is left for the interpreter to complain of.
func (sh *shell) rewriteText(text string) string {
	if !strings.ContainsAny(text, "<>") && !strings.Contains(text, "$((") && !strings.Contains(text, "umask") {
		return text
	}
	file, err := syntax.NewParser(syntax.Variant(syntax.LangBash)).Parse(strings.NewReader(text), "")
	if err != nil || !sh.rewrite(file) {
		return text
	}
	var b strings.Builder
	if err := syntax.NewPrinter().Print(&b, file); err != nil {
		return text
	}
	return b.String()
}

// rewriteArithmetic makes "$(( $* ))" into a command that has the parameters
// in its text. The interpreter takes a variable in an expression for a number;
// in a shell it is text, in which there may be operators. Scripts by autoconf
// count on that with "$*".
func rewriteArithmetic(file *syntax.File) bool {
	changed := false
	parts := func(parts []syntax.WordPart) {
		for i, part := range parts {
			if arithm, ok := part.(*syntax.ArithmExp); ok && isParams(arithm.X) {
				parts[i] = evaluated(arithm)
				changed = true
			}
		}
	}
	syntax.Walk(file, func(node syntax.Node) bool {
		switch n := node.(type) {
		case *syntax.Word:
			parts(n.Parts)
		case *syntax.DblQuoted:
			parts(n.Parts)
		}
		return true
	})
	return changed
}

// isParams tells whether an expression is "$*" or "$@" and nothing else.
func isParams(x syntax.ArithmExpr) bool {
	word, ok := x.(*syntax.Word)
	if !ok || len(word.Parts) != 1 {
		return false
	}
	param, ok := word.Parts[0].(*syntax.ParamExp)
	return ok && param.Exp == nil && (param.Param.Value == "*" || param.Param.Value == "@")
}

// evaluated is $(eval "echo \$(($*))").
func evaluated(arithm *syntax.ArithmExp) syntax.WordPart {
	text := &syntax.DblQuoted{Parts: []syntax.WordPart{
		&syntax.Lit{Value: `echo \$((`},
		&syntax.ParamExp{Short: true, Param: &syntax.Lit{Value: "*"}},
		&syntax.Lit{Value: `))`},
	}}
	call := &syntax.CallExpr{Args: []*syntax.Word{
		{Parts: []syntax.WordPart{&syntax.Lit{Value: "eval"}}},
		{Parts: []syntax.WordPart{text}},
	}}
	return &syntax.CmdSubst{Left: arithm.Left, Right: arithm.Right, Stmts: []*syntax.Stmt{{Cmd: call, Position: arithm.Left}}}
}
