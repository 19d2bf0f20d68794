package format

// This file holds the rules for applications and operators.

// simple tells whether an expression is so plain that it stays on one line.
func simple(e expr) bool {
	switch e := e.(type) {
	case leaf:
		return e.bare()
	case *selection:
		return simple(e.of) && simpleSelectors(e.path) && e.or == nil
	case *paren:
		return e.open.bare() && e.close.bare() && simple(e.x)
	case *apply:
		if f, ok := e.fn.(*apply); ok {
			if _, ok := f.fn.(*apply); ok {
				return false // more than two arguments
			}
		}
		return simple(e.fn) && simple(e.arg)
	}
	return false
}

// underApp puts fn in front of an application: fn, f a b become fn f a b.
func underApp(fn, e expr) (expr, expr) {
	if a, ok := e.(*apply); ok {
		f, x := underApp(fn, a.fn)
		return &apply{f, x}, a.arg
	}
	return fn, e
}

// appStyle is how the place of an application wants it.
type appStyle struct {
	indentFn bool
	pre      spacing // before it, within its group; the zero value spSoftbreak means none
	post     bool    // a break behind it, within its group
}

// apply renders an application. Each argument is a priority group: the last
// one is expanded first, so f a { … } stays compact to the left of the brace;
// if that does not do, another one; else each goes on a line of its own.
func (p *styler) apply(st appStyle, fn, arg expr) {
	// Comments before the function go out, lest they expand the group.
	plain := simple(&apply{fn, arg})
	var comments []trivium
	fn = mapFirst(fn, func(t *tok) {
		moveCommentUp(t)
		var keep []trivium
		for _, c := range t.pre {
			if c.kind == langComment {
				keep = append(keep, c)
			} else {
				comments = append(comments, c)
			}
		}
		t.pre = keep
	})
	p.trivia(comments)
	pre := func() {
		if st.pre != spSoftbreak {
			p.space(st.pre)
		}
	}
	post := func() {
		if st.post {
			p.space(spBreak)
		}
	}
	args := func(f expr) { p.appArgs(st.indentFn && len(comments) == 0, f) }

	if l1, l2, f, ok := twoLists(fn, arg); ok {
		p.group(groupRegular, func() {
			pre()
			p.group(groupTransparent, func() { args(f) })
			p.space(spSpace)
			p.nest(func() { p.group(groupRegular, func() { p.appInner(l1) }) })
			p.space(spSpace)
			p.nest(func() { p.group(groupRegular, func() { p.appInner(l2) }) })
			post()
		})
	} else {
		p.group(groupRegular, func() {
			head := p.capture(func() {
				pre()
				p.group(groupTransparent, func() { args(fn) })
			})
			if flat, ok := compactAll(head, -1); ok && plain {
				p.out = append(p.out, flat...)
				p.space(spHardspace)
				p.appLast(arg)
				return
			}
			p.out = append(p.out, head...)
			p.space(spSpace)
			p.appLast(arg)
			post()
		})
	}
	if st.post && len(comments) > 0 {
		p.space(spHardline)
	}
}

// twoLists takes the last two arguments of an application apart if both are lists.
func twoLists(fn, arg expr) (l1, l2 *list, f expr, ok bool) {
	a, ok := fn.(*apply)
	if !ok {
		return nil, nil, nil, false
	}
	l1, ok1 := a.arg.(*list)
	l2, ok2 := arg.(*list)
	return l1, l2, a.fn, ok1 && ok2
}

// appArgs renders a function and all its arguments but the last.
func (p *styler) appArgs(indentFn bool, e expr) {
	a, ok := e.(*apply)
	if !ok {
		if indentFn {
			p.nest(func() {
				p.group(groupRegular, func() {
					p.space(spBreak)
					p.expr(e)
				})
			})
		} else {
			p.expr(e)
		}
		return
	}
	// A selection that broke first would put .attr alone on a line.
	if _, ok := a.arg.(*selection); ok {
		p.group(groupTransparent, func() { p.appArgs(indentFn, a.fn) })
		p.space(spSpace)
		p.nest(func() { p.group(groupRegular, func() { p.appInner(a.arg) }) })
		return
	}
	// Two lists in a row break both or none.
	if l1, l2, f, ok := twoLists(a.fn, a.arg); ok {
		p.group(groupTransparent, func() {
			p.group(groupTransparent, func() { p.appArgs(indentFn, f) })
			p.nest(func() {
				p.group(groupRegular, func() {
					p.space(spSpace)
					p.group(groupRegular, func() { p.appInner(l1) })
					p.space(spSpace)
					p.group(groupRegular, func() { p.appInner(l2) })
				})
			})
		})
		return
	}
	p.group(groupTransparent, func() { p.appArgs(indentFn, a.fn) })
	p.space(spSpace)
	p.nest(func() { p.group(groupPriority, func() { p.appInner(a.arg) }) })
}

// appInner renders an argument; a short list of simple things may stay on one line.
func (p *styler) appInner(e expr) {
	if l, ok := e.(*list); ok && len(l.items) <= 6 {
		for _, i := range l.items {
			if i.x == nil {
				continue
			}
			if !simple(i.x) {
				p.expr(e)
				return
			}
		}
		p.list(spSpace, l)
		return
	}
	p.expr(e)
}

// appLast renders the last argument.
func (p *styler) appLast(e expr) {
	if isTerm(e) && absorbable(e) {
		p.group(groupPriority, func() { p.nest(func() { p.term(e) }) })
		return
	}
	pa, ok := e.(*paren)
	if !ok {
		p.group(groupRegular, func() { p.nest(func() { p.expr(e) }) })
		return
	}
	switch x := pa.x.(type) {
	case *lambda:
		name, ok := x.param.first.(*tok)
		if ok && x.param.at == nil && isTerm(x.body) && absorbable(x.body) && pa.open.bare() && name.bare() && x.colon.bare() {
			p.group(groupPriority, func() {
				p.nest(func() {
					p.tok(pa.open)
					p.tok(name)
					p.tok(x.colon)
					p.space(spHardspace)
					p.termWide(x.body)
					p.tok(pa.close)
				})
			})
			return
		}
	case *apply:
		fn, ok := x.fn.(leaf)
		if ok && fn.kind == tokIdent && isTerm(x.arg) && absorbable(x.arg) && pa.open.bare() && fn.bare() && pa.close.bare() {
			p.group(groupPriority, func() {
				p.nest(func() {
					p.tok(pa.open)
					p.tok(fn.tok)
					p.space(spHardspace)
					p.termWide(x.arg)
					p.tok(pa.close)
				})
			})
			return
		}
	}
	p.absorbParen(pa)
}

// operand is an operand with the operator before it.
type operand struct {
	op *tok // nil for the first
	x  expr
}

func flatten(out []operand, op *tok, e expr, sym string) []operand {
	if b, ok := e.(*binary); ok && b.op.text == sym {
		out = flatten(out, op, b.l, sym)
		return flatten(out, b.op, b.r, sym)
	}
	return append(out, operand{op, e})
}

// operation renders a chain of one operator, its operands on one level.
func (p *styler) operation(firstWide bool, e *binary) {
	xs := flatten(nil, nil, e, e.op.text)
	sep := spSpace
	if (e.op.text == "|>" || e.op.text == "<|") && len(xs) > 3 {
		sep = spHardline
	}
	p.group(groupRegular, func() {
		for _, x := range xs {
			if x.op == nil {
				if firstWide && isTerm(x.x) && absorbable(x.x) {
					p.termWide(x.x)
				} else {
					p.expr(x.x)
				}
				continue
			}
			p.space(sep)
			p.tok(commentUp(x.op))
			p.nest(func() { p.operand(x.x) })
		}
	})
}

func (p *styler) operand(e expr) {
	switch x := e.(type) {
	case *binary:
		p.group(groupRegular, func() {
			p.space(spSpace)
			p.expr(e)
		})
	case *apply:
		p.group(groupRegular, func() {
			p.space(spHardspace)
			p.apply(appStyle{pre: spSpace}, x.fn, x.arg)
		})
	default:
		p.space(spHardspace)
		p.expr(e)
	}
}
