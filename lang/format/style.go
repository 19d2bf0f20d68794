package format

// This file holds the rules of the style for everything but applications and
// operators, which are in styleapp.go. "Absorb" means that something that
// opens with a bracket starts on the line it belongs to and closes with its
// indentation: name = { … };

type styler struct{ builder }

func (p *styler) tok(t *tok) {
	p.trivia(t.pre)
	p.value(t)
	p.trail(t.trail)
}

// tokNoTrail is tok without the comment behind the token.
func (p *styler) tokNoTrail(t *tok) {
	p.trivia(t.pre)
	p.value(t)
}

// tokBare is the token alone.
func (p *styler) tokNoPre(t *tok) {
	p.value(t)
	p.trail(t.trail)
}

func (p *styler) value(t *tok) {
	switch t.kind {
	case tokString:
		p.simpleString(t.lines)
	case tokIndString:
		p.indString(t)
	case tokPath, tokInterp:
		for _, x := range t.lines[0] {
			p.part(x)
		}
	default:
		p.text(t.text)
	}
}

// commentUp is the token with the comment behind it moved in front of it.
func commentUp(t *tok) *tok {
	if t.trail == nil {
		return t
	}
	c := *t
	moveCommentUp(&c)
	return &c
}

func moveCommentUp(t *tok) {
	if t.trail != nil {
		t.pre = append(t.pre[:len(t.pre):len(t.pre)], asLine(*t.trail))
		t.trail = nil
	}
}

func asLine(trail string) trivium { return trivium{kind: lineComment, text: " " + trail} }

func prepend(ts []trivium) func(*tok) {
	return func(t *tok) {
		if len(ts) > 0 {
			t.pre = append(ts[:len(ts):len(ts)], t.pre...)
		}
	}
}

func onlyComments(items []item) bool {
	for _, i := range items {
		if i.x != nil {
			return false
		}
	}
	return len(items) > 0
}

// items renders what stands in a list, a set or a let.
func (p *styler) items(sep spacing, items []item) {
	for i := 0; i < len(items); i++ {
		it := items[i]
		if n := len(it.comments); n > 0 && it.comments[n-1].kind == langComment && i+1 < len(items) && items[i+1].x != nil {
			p.trivia(it.comments[:n-1])
			p.trivium(&it.comments[n-1])
			p.space(spHardspace)
			i++
			it = items[i]
		}
		p.item(it)
		if i+1 < len(items) {
			p.space(sep)
		}
	}
}

func (p *styler) item(it item) {
	switch x := it.x.(type) {
	case nil:
		p.trivia(it.comments)
	case *inherit:
		p.group(groupRegular, func() { p.inherit(x) })
	case *assignment:
		p.group(groupRegular, func() { p.assignment(x) })
	default:
		p.group(groupRegular, func() { p.expr(x) })
	}
}

// list renders a list, its elements separated by sep.
func (p *styler) list(sep spacing, l *list) {
	around := spSpace
	switch {
	case l.open.line != l.close.line:
		around = spHardline // brackets on different lines stay so
	case onlyComments(l.items):
		around = spHardline
	case !l.open.bare() && len(l.items) == 0:
		around = spHardline
	case len(l.items) == 0:
		around = spHardspace
	}
	p.tokNoTrail(l.open)
	p.space(around)
	p.nest(func() {
		p.trail(l.open.trail)
		p.items(sep, l.items)
	})
	p.space(around)
	p.tok(l.close)
}

// set renders a set; a wide one always breaks if it is not empty.
func (p *styler) set(wide bool, s *set) {
	if s.rec != nil {
		p.tok(s.rec)
		p.space(spHardspace)
	}
	apart := s.open.line != s.close.line
	if s.open.bare() && len(s.items) == 0 && len(s.close.pre) == 0 {
		p.tok(s.open)
		if apart {
			p.space(spHardline)
		} else {
			p.space(spHardspace)
		}
		p.tok(s.close)
		return
	}
	around := spSpace
	if wide && len(s.items) > 0 || apart {
		around = spHardline
	}
	p.tokNoTrail(s.open)
	p.space(around)
	p.nest(func() {
		p.trail(s.open.trail)
		p.items(spHardline, s.items)
	})
	p.space(around)
	p.tok(s.close)
}

func (p *styler) inherit(in *inherit) {
	// On one line only if it is on one line and short.
	sep, end := spHardline, spHardline
	if in.kw.line == in.semi.line && len(in.names) < 4 {
		sep, end = spSpace, spBreak
	}
	names := func() {
		for i, n := range in.names {
			if i > 0 {
				p.space(sep)
			}
			p.tok(n)
		}
		p.space(end)
		p.tok(in.semi)
	}
	p.tok(in.kw)
	if in.from == nil {
		p.space(sep)
		p.nest(names)
		return
	}
	p.nest(func() {
		p.group(groupRegular, func() {
			p.space(spSpace)
			p.expr(in.from)
		})
		p.space(sep)
		names()
	})
}

func simpleSelectors(path []selector) bool {
	for _, s := range path {
		if s.name.kind != tokIdent {
			return false
		}
	}
	return true
}

func (p *styler) path(path []selector) {
	for _, s := range path {
		if s.dot != nil {
			p.tok(s.dot)
		}
		p.tok(s.name)
	}
}

func (p *styler) assignment(a *assignment) {
	p.path(a.path)
	p.nest(func() {
		p.space(spHardspace)
		p.tok(a.eq)
		// A break behind = is worth it only where the left side is long.
		if len(a.path) <= 4 && simpleSelectors(a.path) {
			p.absorbRHS(a.value)
			return
		}
		p.space(spBreak)
		p.group(groupPriority, func() { p.absorbRHS(a.value) })
	})
	p.tok(a.semi)
}

// term renders a term without a group around it.
func (p *styler) term(e expr) {
	switch e := e.(type) {
	case leaf:
		p.tok(e.tok)
	case *selection:
		p.expr(e.of)
		switch of := e.of.(type) {
		case leaf:
			switch of.kind {
			case tokInt, tokFloat:
				p.space(spHardspace) // 1.a would be read as a float
			case tokIdent, tokSearchPath:
			default:
				p.space(spBreak)
			}
		case *paren:
			p.space(spSoftbreak)
		default:
			p.space(spBreak)
		}
		p.path(e.path)
		if e.or != nil {
			p.space(spSoftspace)
			p.nest(func() {
				p.tok(e.or)
				p.space(spHardspace)
				p.expr(e.deflt)
			})
		}
	case *list:
		if e.open.trail == nil && len(e.items) == 0 && len(e.close.pre) == 0 {
			p.tok(e.open)
			if e.open.line != e.close.line {
				p.space(spHardline)
			} else {
				p.space(spHardspace)
			}
			p.tok(e.close)
			return
		}
		p.list(spHardline, e)
	case *set:
		p.set(false, e)
	case *paren:
		p.group(groupRegular, func() {
			p.tok(commentUp(e.open))
			p.nest(func() {
				p.bracketed(e.x)
				p.trivia(e.close.pre)
			})
			p.tokNoPre(e.close)
		})
	}
}

func (p *styler) termWide(e expr) {
	if s, ok := e.(*set); ok {
		p.set(true, s)
		return
	}
	p.term(e)
}

// bracketed renders what stands in parentheses, or in ${} on a line of its own.
func (p *styler) bracketed(e expr) {
	if absorbableExpr(e) {
		p.group(groupRegular, func() { p.absorbExpr(false, e) })
		return
	}
	switch x := e.(type) {
	case *apply:
		p.apply(appStyle{indentFn: true, post: true}, x.fn, x.arg)
		return
	case *selection:
		if !absorbable(x.of) {
			p.group(groupRegular, func() { p.expr(e) })
			p.space(spBreak)
			return
		}
	}
	p.space(spBreak)
	p.group(groupRegular, func() { p.expr(e) })
	p.space(spBreak)
}

func hasDisabled(ts []trivium) bool {
	for _, t := range ts {
		switch t.kind {
		case disabled, disabledText, disabledToEnd, loneEnable:
			return true
		}
	}
	return false
}

// trailingCommas gives formals as the style has them: the comma behind the
// name, comments that stood before a leading comma with the name they are for.
func trailingCommas(in []formal) []formal {
	fs := append([]formal(nil), in...)
	for i := range fs {
		f := &fs[i]
		if f.ellipsis {
			continue
		}
		if i+1 < len(fs) && f.comma != nil && f.comma.trail == nil && !hasDisabled(f.comma.pre) {
			next := *fs[i+1].name
			prepend(f.comma.pre)(&next)
			fs[i+1].name = &next
			comma := *f.comma
			comma.pre = nil
			f.comma = &comma
		}
		if i+1 == len(fs) && f.comma == nil {
			f.comma = bareText(f.name.line, ",")
		}
	}
	for i := range fs {
		f := &fs[i]
		if f.ellipsis || f.comma == nil || !f.comma.bare() {
			continue
		}
		var trail *string
		take := func(t *tok) { trail, t.trail = t.trail, nil }
		if f.q != nil {
			f.deflt = mapLast(f.deflt, take)
		} else {
			name := *f.name
			take(&name)
			f.name = &name
		}
		if trail != nil {
			comma := *f.comma
			comma.trail = trail
			f.comma = &comma
		}
	}
	return fs
}

func (p *styler) formal(f formal, comma bool) {
	if f.q == nil {
		p.tok(f.name)
		if comma && f.comma != nil {
			p.tok(f.comma)
		}
		return
	}
	p.group(groupRegular, func() {
		p.tok(f.name)
		p.space(spHardspace)
		p.nest(func() {
			p.tok(f.q)
			p.absorbRHS(f.deflt)
		})
		if comma && f.comma != nil {
			p.tok(f.comma)
		}
	})
}

func (p *styler) formals(fs *formals) {
	p.group(groupRegular, func() {
		p.tok(commentUp(fs.open))
		if len(fs.list) == 0 {
			if fs.open.line != fs.close.line {
				p.space(spHardline)
			} else {
				p.space(spHardspace)
			}
			p.tok(fs.close)
			return
		}
		sep := spHardline
		if flattens(fs) {
			sep = spSpace
		}
		list := trailingCommas(fs.list)
		p.space(sep)
		p.nest(func() {
			for i, f := range list {
				if i > 0 {
					p.space(sep)
				}
				// The last comma is there only if the formals are on lines of their own.
				if last := i == len(list)-1; last && !f.ellipsis && f.comma != nil && f.comma.bare() {
					p.formal(f, false)
					p.add(textTrailing, ",")
				} else {
					p.formal(f, true)
				}
			}
		})
		p.space(sep)
		p.nest(func() { p.trivia(fs.close.pre) })
		p.tokNoPre(fs.close)
	})
}

func (p *styler) param(x interface{}) {
	switch x := x.(type) {
	case *tok:
		p.tok(x)
	case *formals:
		p.formals(x)
	}
}

func (p *styler) params(pm param) {
	p.param(pm.first)
	if pm.at != nil {
		p.tok(pm.at)
		p.param(pm.second)
	}
}

// flattens tells whether formals may be on one line: they are on one, are at
// most two and an ellipsis, and have neither defaults nor comments.
func flattens(fs *formals) bool {
	if fs.open.line != fs.close.line || !fs.close.bare() {
		return false
	}
	names := 0
	for _, f := range fs.list {
		if !f.name.bare() || f.comma != nil && !f.comma.bare() || f.q != nil {
			return false
		}
		if !f.ellipsis {
			names++
		}
	}
	return names <= 2
}

// absorbableExpr tells whether an expression may start on the line it belongs to.
func absorbableExpr(e expr) bool {
	switch e := e.(type) {
	case *with:
		return isTerm(e.body) && absorbable(e.body)
	case *lambda:
		if e.param.at != nil {
			return false
		}
		switch first := e.param.first.(type) {
		case *tok:
			if _, ok := e.body.(*lambda); ok {
				return absorbableExpr(e.body)
			}
			return isTerm(e.body) && absorbable(e.body)
		case *formals:
			return flattens(first) && len(first.open.pre) == 0 && first.open.trail == nil &&
				e.colon.line == firstTok(e.body).line && absorbableExpr(e.body)
		}
		return false
	}
	return isTerm(e) && absorbable(e)
}

// absorbable tells the same of a term.
func absorbable(e expr) bool {
	switch e := e.(type) {
	case leaf:
		return e.kind == tokIndString && len(e.lines) > 1
	case *set:
		return len(e.items) > 0 || e.open.line != e.close.line || !e.open.bare()
	case *list:
		return len(e.items) > 0 || e.open.line != e.close.line || !e.open.bare()
	case *paren:
		if !e.open.bare() || !isTerm(e.x) {
			return false
		}
		for _, t := range firstTok(e.x).pre {
			if t.kind != langComment {
				return false
			}
		}
		return absorbable(e.x)
	}
	return false
}

func (p *styler) absorbParen(e *paren) {
	p.group(groupPriority, func() {
		p.nest(func() {
			p.tokNoTrail(e.open)
			p.space(spBreak)
			p.group(groupRegular, func() {
				p.nest(func() {
					x := e.x
					if e.open.trail != nil {
						x = mapFirst(x, prepend([]trivium{asLine(*e.open.trail)}))
					}
					p.expr(x)
					p.trivia(e.close.pre)
				})
			})
			p.space(spBreak)
			p.tokNoPre(e.close)
		})
	})
}

func (p *styler) absorbExpr(wide bool, e expr) {
	if isTerm(e) && absorbable(e) {
		if wide {
			p.termWide(e)
		} else {
			p.term(e)
		}
		return
	}
	if w, ok := e.(*with); ok && isTerm(w.body) && absorbable(w.body) {
		p.with(true, w)
		return
	}
	p.expr(e)
}

// absorbRHS renders what stands behind = or ?.
func (p *styler) absorbRHS(e expr) {
	attached := func(f func()) {
		p.nest(func() {
			p.space(spHardspace)
			p.group(groupRegular, f)
		})
	}
	below := func(sp spacing) {
		p.nest(func() {
			p.group(groupRegular, func() {
				p.space(sp)
				p.expr(e)
			})
		})
	}
	if s, ok := e.(*set); ok && len(s.items) == 1 {
		if _, ok := s.items[0].x.(*inherit); ok {
			attached(func() { p.absorbExpr(false, e) })
			return
		}
	}
	if absorbableExpr(e) {
		attached(func() { p.absorbExpr(true, e) })
		return
	}
	switch x := e.(type) {
	case *paren:
		p.nest(func() {
			p.space(spHardspace)
			p.absorbParen(x)
		})
		return
	case leaf:
		// Starting strings and paths on a new line gains nothing.
		if x.kind == tokString || x.kind == tokIndString || x.kind == tokPath {
			attached(func() { p.expr(e) })
			return
		}
		below(spSpace)
		return
	case *list, *set, *selection, *with:
		below(spSpace)
		return
	case *apply:
		p.nest(func() { p.apply(appStyle{pre: spSpace}, x.fn, x.arg) })
		return
	case *binary:
		joins := x.op.text == "//" || x.op.text == "++" || x.op.text == "+"
		if isTerm(x.l) && absorbable(x.l) && len(firstTok(x.l).pre) == 0 && joins {
			p.space(spHardspace)
			p.operation(true, x)
			return
		}
		if x.op.bare() && isTerm(x.r) && absorbable(x.r) && joins {
			p.nest(func() {
				p.group(groupRegular, func() {
					p.space(spSpace)
					p.expr(x.l)
					p.space(spSpace)
					p.group(groupTransparent, func() {
						p.tok(x.op)
						p.space(spHardspace)
						p.group(groupPriority, func() { p.termWide(x.r) })
					})
				})
			})
			return
		}
	}
	p.nest(func() {
		p.space(spSpace)
		p.group(groupRegular, func() { p.expr(e) })
	})
}

func (p *styler) expr(e expr) {
	switch e := e.(type) {
	case *list:
		p.group(groupRegular, func() { p.term(e) })
	case leaf, *set, *selection, *paren:
		p.term(e)
	case *with:
		p.with(false, e)
	case *let:
		p.let(e)
	case *assert:
		p.group(groupRegular, func() {
			// As if assert were a function.
			fn, arg := underApp(leaf{e.kw}, e.cond)
			p.apply(appStyle{}, fn, arg)
			p.tok(e.semi)
			p.space(spHardline)
			p.expr(e.body)
		})
	case *ifThenElse:
		p.group(groupRegular, func() {
			p.ifThenElse(spSpace, mapFirst(e, moveCommentUp))
		})
	case *lambda:
		p.lambda(e)
	case *apply:
		p.apply(appStyle{}, e.fn, e.arg)
	case *binary:
		switch e.op.text {
		case "<", ">", "<=", ">=", "==", "!=":
			p.expr(e.l)
			p.space(spSoftspace)
			p.tok(e.op)
			p.space(spHardspace)
			p.expr(e.r)
		default:
			p.operation(false, e)
		}
	case *hasAttr:
		p.expr(e.of)
		p.space(spSoftspace)
		p.tok(e.q)
		p.space(spHardspace)
		p.path(e.path)
	case *unary:
		p.tok(e.op)
		p.expr(e.x)
	}
}

func (p *styler) with(absorb bool, e *with) {
	head := func() {
		p.tok(e.kw)
		p.space(spHardspace)
		p.nest(func() { p.group(groupRegular, func() { p.expr(e.scope) }) })
		p.tok(e.semi)
	}
	if absorb {
		p.group(groupRegular, func() {
			p.space(spBreak)
			head()
			p.space(spHardspace)
			p.group(groupPriority, func() { p.termWide(e.body) })
		})
		return
	}
	p.group(groupRegular, head)
	p.space(spSpace)
	p.expr(e.body)
}

func (p *styler) let(e *let) {
	p.group(groupRegular, func() {
		p.tok(e.kw)
		p.space(spHardline)
		p.nest(func() { p.items(spHardline, e.items) })
	})
	p.space(spHardline)
	p.group(groupRegular, func() {
		p.value(e.in)
		p.space(spHardline)
		// Comments around in move to the body.
		pre := e.in.pre[:len(e.in.pre):len(e.in.pre)]
		if e.in.trail != nil {
			pre = append(pre, asLine(*e.in.trail))
		}
		p.expr(mapFirst(e.body, prepend(pre)))
	})
}

// ifThenElse renders if and the else ifs below it; sep stands around each branch.
func (p *styler) ifThenElse(sep spacing, x expr) {
	e, ok := x.(*ifThenElse)
	if !ok {
		p.space(spSpace)
		p.nest(func() { p.group(groupRegular, func() { p.expr(x) }) })
		return
	}
	p.group(groupRegular, func() {
		p.tok(e.kw)
		p.space(spSpace)
		p.nest(func() { p.expr(e.cond) })
		p.space(spSpace)
		p.tok(e.then)
	})
	p.space(sep)
	p.nest(func() { p.group(groupRegular, func() { p.expr(e.yes) }) })
	p.space(sep)
	p.tok(commentUp(e.els))
	p.space(spHardspace)
	p.ifThenElse(spHardline, e.no)
}

func (p *styler) lambda(e *lambda) {
	if _, ok := e.param.first.(*tok); ok && e.param.at == nil {
		p.group(groupRegular, func() {
			p.space(spBreak)
			depth := 1
			for {
				p.tok(e.param.first.(*tok))
				p.tok(e.colon)
				next, ok := e.body.(*lambda)
				if !ok || next.param.at != nil {
					break
				}
				if _, ok := next.param.first.(*tok); !ok {
					break
				}
				p.space(spHardspace)
				e = next
				depth++
			}
			switch {
			case absorbableExpr(e.body):
				p.space(spHardspace)
				p.group(groupPriority, func() { p.absorbExpr(false, e.body) })
			case depth <= 2:
				p.space(spSpace)
				p.expr(e.body)
			default:
				p.space(spHardline)
				p.expr(e.body)
			}
		})
		return
	}
	fs, plain := e.param.first.(*formals)
	plain = plain && e.param.at == nil
	p.params(e.param)
	p.tok(e.colon)
	sameLine := e.colon.line == firstTok(e.body).line
	switch {
	case plain && sameLine && flattens(fs) && absorbableExpr(e.body):
		p.space(spHardspace)
		p.group(groupPriority, func() { p.expr(e.body) })
	case plain && !sameLine:
		p.space(spHardline)
		p.expr(e.body)
	case isTerm(e.body) && absorbable(e.body):
		p.space(spSpace)
		p.group(groupRegular, func() { p.termWide(e.body) })
	default:
		p.space(spSpace)
		p.expr(e.body)
	}
}
