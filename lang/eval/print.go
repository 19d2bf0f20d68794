package eval

import (
	"math"
	"sort"
	"strconv"
	"strings"
	"unsafe"

	"github.com/seed192a40f6/glang/lang/ast"
	"github.com/seed192a40f6/glang/lang/diag"
)

// ErrorPrinting says what printing does about a value that fails.
type ErrorPrinting uint8

// Show it as «error: …», or fail, or fail only if it is the whole value.
const (
	ShowErrors ErrorPrinting = iota
	ThrowErrors
	ThrowTopLevel
)

// PrintOptions are how [Machine.PrintValue] prints. Zero limits mean none.
type PrintOptions struct {
	Color bool
	// Force evaluates what is not evaluated yet.
	Force bool
	// DerivationPaths prints derivations as «derivation PATH», with Force.
	DerivationPaths bool
	// Repeats prints a value again that was printed before.
	Repeats bool
	// MaxDepth, MaxAttrs, MaxItems and MaxString bound what is printed;
	// attributes and items are counted over the whole value.
	MaxDepth, MaxAttrs, MaxItems, MaxString int
	// Indent, if not 0, prints over several lines.
	Indent int
	Errors ErrorPrinting
	// Begun receives what has been printed so far before the evaluation of the
	// rest does more than compute, such as print a trace; Broken receives it
	// where an error ends it.
	Begun, Broken func(text string)
}

// errorOptions is how values are printed in error messages.
var errorOptions = PrintOptions{Color: true, MaxDepth: 10, MaxAttrs: 10, MaxItems: 10, MaxString: 1024}

func (m *Machine) errorValue(v *Value) string { return m.PrintValue(v, errorOptions) }

// ErrorValue is a value as error messages show it, highlighted.
func (m *Machine) ErrorValue(v *Value) Plain { return Plain(m.errorValue(v)) }

// PrintValue prints a value as the reference's command line and error messages do.
func (m *Machine) PrintValue(v *Value, opts PrintOptions) string {
	p := printer{m: m, o: opts}
	for _, n := range []*int{&p.o.MaxDepth, &p.o.MaxAttrs, &p.o.MaxItems, &p.o.MaxString} {
		if *n == 0 {
			*n = math.MaxInt
		}
	}
	if !opts.Repeats {
		p.seen = map[unsafe.Pointer]bool{}
	}
	if opts.Begun != nil {
		outer := m.beforeEffect
		m.beforeEffect = func() {
			opts.Begun(p.b.String())
			p.b.Reset()
		}
		defer func() { m.beforeEffect = outer }()
	}
	whole := false
	if opts.Broken != nil {
		defer func() {
			if !whole {
				opts.Broken(p.b.String())
			}
		}()
	}
	p.print(v, 0)
	whole = true
	return p.b.String()
}

type printer struct {
	m            *Machine
	o            PrintOptions
	b            strings.Builder
	seen         map[unsafe.Pointer]bool
	attrs, items int // printed so far
	indent       int
}

const (
	ansiFaint = "\x1b[2m"
	ansiRed   = "\x1b[31;1m"
	ansiGreen = "\x1b[32;1m"
	ansiBlue  = "\x1b[34;1m"
	ansiCyan  = "\x1b[36;1m"
)

// grow makes room for n bytes more, and charges for it.
func (p *printer) grow(n int) {
	if p.b.Cap()-p.b.Len() < n {
		n = max(n, p.b.Len()/2)
		p.m.Charge(int64(p.b.Len() + n))
		p.b.Grow(n)
	}
}

func (p *printer) color(c, text string) {
	if p.o.Color {
		p.b.WriteString(c)
		p.b.WriteString(text)
		p.b.WriteString(ansiNormal)
		return
	}
	p.b.WriteString(text)
}

func (p *printer) print(v *Value, depth int) {
	m := p.m
	m.Check()
	p.grow(64)
	if depth > m.E.opts.MaxCallDepth {
		m.overflow(m.determinePos(v, ast.NoPos))
	}
	if p.o.Errors == ThrowErrors || p.o.Errors == ThrowTopLevel && depth == 0 && (!p.o.Force || v.Forced()) || !p.o.Force && v.Forced() {
		p.value(v, depth)
		return
	}
	mark := p.b.Len()
	indent := p.indent
	fl := m.catch(func() { p.value(v, depth) })
	if fl == nil {
		return
	}
	switch fl.e.Kind {
	case diag.StackOverflow, diag.Interrupted, diag.Limit:
		panic(fl)
	}
	if p.o.Errors == ThrowTopLevel && depth == 0 {
		panic(fl)
	}
	_ = mark // what was printed of the value so far stays, as in the reference
	p.indent = indent
	p.color(ansiRed, "«error: "+diag.FilterANSI(fl.e.Message)+"»")
}

func (p *printer) value(v *Value, depth int) {
	m := p.m
	if p.o.Force {
		m.ForceOwn(v)
	}
	m.enter(ast.NoPos)
	switch v.Kind() {
	case KindInt:
		p.color(ansiCyan, strconv.FormatInt(v.Int(), 10))
	case KindFloat:
		p.color(ansiCyan, FormatFloat(v.Float()))
	case KindBool:
		p.color(ansiCyan, strconv.FormatBool(v.Bool()))
	case KindString:
		p.string(v.Str())
	case KindPath:
		p.color(ansiGreen, m.E.DisplayPath(v.Path()))
	case KindNull:
		p.color(ansiCyan, "null")
	case KindAttrs:
		p.set(v, depth)
	case KindList:
		p.list(v, depth)
	case KindLambda, KindBuiltin, KindPartial:
		p.function(v)
	case KindExternal:
		p.b.WriteString("«external value»")
	default:
		if v.blackhole() {
			p.color(ansiRed, "«potential infinite recursion»")
		} else {
			p.color(ansiMagenta, "«thunk»")
		}
	}
	m.depth--
}

func (p *printer) function(v *Value) {
	m := p.m
	text := ""
	switch v.Kind() {
	case KindLambda:
		l := m.E.codes.lambda(v.aux)
		text = "lambda"
		if s := l.symbol(); s != ast.NoSymbol {
			text += " " + ast.ShowIdentifier(m.E.Symbols.Name(s))
		}
		text += " @ " + m.E.PosText(l.pos)
	case KindBuiltin:
		text = "primop " + v.Builtin().Name
	default:
		text = "partially applied primop " + v.Builtin().Name
	}
	p.color(ansiBlue, "«"+text+"»")
}

func (p *printer) elided(n int, one, many string) {
	if n != 1 {
		one = many
	}
	p.color(ansiFaint, "«"+strconv.Itoa(n)+" "+one+" elided»")
}

func (p *printer) string(s string) {
	if p.o.Color {
		p.b.WriteString(ansiMagenta)
	}
	if len(s) > p.o.MaxString {
		rest := len(s) - p.o.MaxString
		quoted := QuoteString(s[:p.o.MaxString])
		if s[p.o.MaxString-1] == '$' && s[p.o.MaxString] == '{' {
			quoted = quoted[:len(quoted)-2] + `\$"`
		}
		p.b.WriteString(quoted + " ")
		p.elided(rest, "byte", "bytes")
		return
	}
	p.m.Charge(2 * int64(len(s)))
	quoted := QuoteString(s)
	p.grow(len(quoted))
	p.b.WriteString(quoted)
	if p.o.Color {
		p.b.WriteString(ansiNormal)
	}
}

func (p *printer) space(pretty bool) {
	if pretty {
		p.b.WriteString("\n" + strings.Repeat(" ", p.indent))
	} else {
		p.b.WriteByte(' ')
	}
}

// nested tells whether a single element makes its container take several lines.
func (p *printer) nested(v *Value) bool {
	p.m.ForceOwn(v)
	return v.Kind() == KindList || v.Kind() == KindAttrs
}

func (p *printer) repeated(id unsafe.Pointer) bool {
	if p.seen == nil {
		return false
	}
	if p.seen[id] {
		p.color(ansiMagenta, "«repeated»")
		return true
	}
	p.m.Charge(seenSize)
	p.seen[id] = true
	return false
}

func (p *printer) set(v *Value, depth int) {
	m := p.m
	id := v.p
	if v.Attrs().alike() {
		id = unsafe.Pointer(emptyAttrs)
	}
	if p.repeated(id) {
		return
	}
	if p.o.Force && p.o.DerivationPaths && m.IsDerivation(v) {
		p.derivation(v)
		return
	}
	if depth >= p.o.MaxDepth {
		p.b.WriteString("{ ... }")
		return
	}
	sorted := Grow[Attr](m, nil, v.Attrs().Len())
	for a := range v.Attrs().Sorted(m) {
		sorted = append(sorted, a)
	}
	if p.o.MaxAttrs != math.MaxInt {
		first := func(a Attr) bool {
			n := m.E.Symbols.Name(a.Name)
			return n == "type" || n == "_type"
		}
		sort.SliceStable(sorted, func(i, j int) bool { return first(sorted[i]) && !first(sorted[j]) })
	}
	p.indent += p.o.Indent
	p.b.WriteByte('{')
	pretty := p.o.Indent > 0 && len(sorted) > 0 && (len(sorted) > 1 || p.nested(sorted[0].Value))
	for i, a := range sorted {
		p.space(pretty)
		if p.attrs >= p.o.MaxAttrs {
			p.elided(len(sorted)-i, "attribute", "attributes")
			break
		}
		p.b.WriteString(QuoteName(m.E.Symbols.Name(a.Name)) + " = ")
		p.print(a.Value, depth+1)
		p.b.WriteByte(';')
		p.attrs++
	}
	p.indent -= p.o.Indent
	p.space(pretty)
	p.b.WriteByte('}')
}

func (p *printer) derivation(v *Value) {
	m := p.m
	text := "«derivation"
	if d, pos, ok := v.Attrs().Find(m.E.Sym.DrvPath); ok {
		s, _ := m.CoerceToStorePath(d, pos, "while evaluating the drvPath of a derivation")
		text += " " + m.E.opts.Scheme.Print(s)
	}
	p.color(ansiGreen, text+"»")
}

func (p *printer) list(v *Value, depth int) {
	l := v.List()
	if len(l) > 0 && p.repeated(unsafe.Pointer(v)) {
		return
	}
	if depth >= p.o.MaxDepth {
		p.b.WriteString("[ ... ]")
		return
	}
	p.indent += p.o.Indent
	p.b.WriteByte('[')
	pretty := p.o.Indent > 0 && len(l) > 0 && (len(l) > 1 || p.nested(l[0]))
	for i, x := range l {
		p.space(pretty)
		if p.items >= p.o.MaxItems {
			p.elided(len(l)-i, "item", "items")
			break
		}
		p.print(x, depth+1)
		p.items++
	}
	p.indent -= p.o.Indent
	p.space(pretty)
	p.b.WriteByte(']')
}

// PrintAmbiguous prints a value in the older form of nix-instantiate, which
// does not evaluate and shows what is not evaluated as <CODE>. With repeats,
// values that occur again are printed again.
func (m *Machine) PrintAmbiguous(v *Value, repeats bool) string {
	a := ambiguous{m: m}
	if !repeats {
		a.seen = map[unsafe.Pointer]bool{}
	}
	a.print(v, 0)
	return unsafe.String(unsafe.SliceData(a.b), len(a.b))
}

// seenSize is about what a map takes to remember a value.
const seenSize = 48

type ambiguous struct {
	m    *Machine
	b    []byte
	seen map[unsafe.Pointer]bool
}

func (a *ambiguous) str(s string) { a.b = append(Grow(a.m, a.b, len(s)), s...) }

func (a *ambiguous) repeated(id unsafe.Pointer) bool {
	if a.seen == nil {
		return false
	}
	if a.seen[id] {
		a.str("«repeated»")
		return true
	}
	a.m.Charge(seenSize)
	a.seen[id] = true
	return false
}

func (a *ambiguous) print(v *Value, depth int) {
	m := a.m
	m.Check()
	if depth > m.E.opts.MaxCallDepth {
		m.overflow(m.determinePos(v, ast.NoPos))
	}
	switch v.Kind() {
	case KindInt:
		a.b = strconv.AppendInt(a.b, v.Int(), 10)
	case KindBool:
		a.b = strconv.AppendBool(a.b, v.Bool())
	case KindString:
		m.Charge(2 * int64(len(v.Str())))
		a.str(QuoteString(v.Str()))
	case KindPath:
		a.str(m.E.DisplayPath(v.Path()))
	case KindNull:
		a.str("null")
	case KindAttrs:
		if v.Attrs().Len() > 0 && a.repeated(v.p) {
			return
		}
		a.str("{ ")
		for x := range v.Attrs().Sorted(m) {
			a.str(QuoteIdentifier(m.E.Symbols.Name(x.Name)))
			a.str(" = ")
			a.print(x.Value, depth+1)
			a.str("; ")
		}
		a.str("}")
	case KindList:
		if len(v.List()) > 0 && a.repeated(unsafe.Pointer(v)) {
			return
		}
		a.str("[ ")
		for _, x := range v.List() {
			a.print(x, depth+1)
			a.str(" ")
		}
		a.str("]")
	case KindLambda:
		a.str("<LAMBDA>")
	case KindBuiltin:
		a.str("<PRIMOP>")
	case KindPartial:
		a.str("<PRIMOP-APP>")
	case KindExternal:
		a.str("«external value»")
	case KindFloat:
		a.str(FormatFloat(v.Float()))
	default:
		if v.blackhole() {
			a.str("«potential infinite recursion»")
		} else {
			a.str("<CODE>")
		}
	}
}

// FormatFloat is a float as the reference prints it: six significant digits.
func FormatFloat(f float64) string {
	switch {
	case math.IsInf(f, 1):
		return "inf"
	case math.IsInf(f, -1):
		return "-inf"
	case math.IsNaN(f):
		if math.Signbit(f) {
			return "-nan"
		}
		return "nan"
	}
	if f == 0 {
		if math.Signbit(f) {
			return "-0"
		}
		return "0"
	}
	// %g of C: exponent form below 1e-4 and from 1e6 on, at least two digits of exponent.
	s := strconv.FormatFloat(f, 'e', 5, 64)
	mant, exp, _ := strings.Cut(s, "e")
	n, _ := strconv.Atoi(exp)
	if n < -4 || n >= 6 {
		mant = strings.TrimRight(mant, "0")
		mant = strings.TrimSuffix(mant, ".")
		sign := "+"
		if n < 0 {
			sign, n = "-", -n
		}
		e := strconv.Itoa(n)
		if len(e) < 2 {
			e = "0" + e
		}
		return mant + "e" + sign + e
	}
	s = strconv.FormatFloat(f, 'f', 5-n, 64)
	if strings.Contains(s, ".") {
		s = strings.TrimSuffix(strings.TrimRight(s, "0"), ".")
	}
	return s
}

// QuoteString is a string as a literal of the language.
func QuoteString(s string) string {
	var b strings.Builder
	b.Grow(len(s) + 2)
	b.WriteByte('"')
	for i := 0; i < len(s); i++ {
		switch c := s[i]; c {
		case '"', '\\':
			b.WriteByte('\\')
			b.WriteByte(c)
		case '\n':
			b.WriteString(`\n`)
		case '\r':
			b.WriteString(`\r`)
		case '\t':
			b.WriteString(`\t`)
		case '$':
			if i+1 < len(s) && s[i+1] == '{' {
				b.WriteByte('\\')
			}
			b.WriteByte(c)
		default:
			b.WriteByte(c)
		}
	}
	b.WriteByte('"')
	return b.String()
}

// QuoteName is an attribute name as a set expression has it, quoted if need be.
func QuoteName(s string) string {
	switch s {
	case "", "if", "then", "else", "assert", "with", "let", "in", "rec", "inherit":
		return QuoteString(s)
	}
	if c := s[0]; c >= '0' && c <= '9' || c == '-' || c == '\'' {
		return QuoteString(s)
	}
	for i := 0; i < len(s); i++ {
		c := s[i]
		if !(c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' || c == '_' || c == '-' || c == '\'') {
			return QuoteString(s)
		}
	}
	return s
}

// QuoteIdentifier is QuoteName as the reference's older printers have it: a
// name must begin with a letter or underscore.
func QuoteIdentifier(s string) string {
	if s != "" {
		if c := s[0]; !(c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c == '_') {
			return QuoteString(s)
		}
	}
	return QuoteName(s)
}
