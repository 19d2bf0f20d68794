package derivation

import (
	"fmt"
	"strings"

	"github.com/seed192a40f6/glang/store/hash"
	"github.com/seed192a40f6/glang/store/storepath"
)

// FormatError is a mistake in the text of a derivation.
type FormatError struct {
	Text string
	// Offset is where the mistake was noticed, in bytes.
	Offset int
}

func (e *FormatError) Error() string { return e.Text }

// Parse reads the text of the derivation of the given name. It takes canonical
// texts alone: those that [Derivation.ATerm] prints, byte for byte.
func Parse(s storepath.Scheme, name string, text []byte) (d *Derivation, err error) {
	p := &parser{s: string(text), scheme: s}
	defer func() {
		if r := recover(); r != nil {
			e, ok := r.(*FormatError)
			if !ok {
				panic(r)
			}
			d, err = nil, e
		}
	}()
	return p.derivation(name), nil
}

// parser unwinds with a *FormatError by panic. Strings without escapes share
// the memory of the text.
type parser struct {
	s      string
	i      int
	scheme storepath.Scheme
	// versioned tells that the newer form is being read.
	versioned bool
}

func (p *parser) fail(format string, args ...any) {
	panic(&FormatError{fmt.Sprintf(format, args...), p.i})
}

func (p *parser) peek() byte {
	if p.i < len(p.s) {
		return p.s[p.i]
	}
	return 0
}

func (p *parser) expect(s string) {
	if !strings.HasPrefix(p.s[p.i:], s) {
		p.fail("expected string '%s'", s)
	}
	p.i += len(s)
}

// more is called before each element of a list, n counting from 0; it reads
// the comma before the element or the bracket that ends the list.
func (p *parser) more(n int) bool {
	if p.peek() == ']' {
		p.i++
		return false
	}
	if n > 0 {
		p.expect(",")
	}
	return true
}

// str reads a string. In canonical texts a backslash precedes only what must
// be escaped, and strings that are never escaped have nothing to escape.
func (p *parser) str() string {
	p.expect(`"`)
	start := p.i
	for i := p.i; i < len(p.s); i++ {
		switch p.s[i] {
		case '"':
			p.i = i + 1
			return p.s[start:i]
		case '\\', '\n', '\r', '\t':
			return p.escapedStr(start)
		}
	}
	p.fail("unterminated string in derivation")
	return ""
}

func (p *parser) escapedStr(start int) string {
	var b strings.Builder
	for i := start; i < len(p.s); i++ {
		c := p.s[i]
		switch c {
		case '"':
			p.i = i + 1
			return b.String()
		case '\n', '\r', '\t':
			p.i = i
			p.fail("control character in string in derivation is not escaped")
		case '\\':
			i++
			if i >= len(p.s) {
				p.fail("unterminated string in derivation")
			}
			switch c = p.s[i]; c {
			case 'n':
				c = '\n'
			case 'r':
				c = '\r'
			case 't':
				c = '\t'
			case '"', '\\':
			default:
				p.i = i
				p.fail("unknown escape sequence '\\%c' in derivation", c)
			}
		}
		b.WriteByte(c)
	}
	p.fail("unterminated string in derivation")
	return ""
}

// plain reads a string that the format does not escape.
func (p *parser) plain() string {
	p.expect(`"`)
	n := strings.IndexByte(p.s[p.i:], '"')
	if n < 0 {
		p.fail("unterminated string in derivation")
	}
	s := p.s[p.i : p.i+n]
	if strings.IndexByte(s, '\\') >= 0 {
		p.fail("escape sequence where derivations have none")
	}
	p.i += n + 1
	return s
}

func (p *parser) path() storepath.Path {
	s := p.plain()
	if s == "" || s[0] != '/' {
		p.fail("bad path '%s' in derivation", s)
	}
	path, err := p.scheme.Parse(s)
	if err != nil {
		p.fail("%s", err)
	}
	if len(s) != len(p.scheme.Dir)+1+len(path.String()) {
		p.fail("path '%s' in derivation is not canonical", s)
	}
	return path
}

// ordered checks that the elements of a list are sorted and come once each.
func (p *parser) ordered(n int, prev, this string) {
	if n > 0 && this <= prev {
		p.fail("'%s' is out of order in derivation", this)
	}
}

func (p *parser) derivation(name string) *Derivation {
	d := &Derivation{Name: name}
	switch {
	case strings.HasPrefix(p.s, "De"):
		p.expect("Derive(")
	case strings.HasPrefix(p.s, "Dr"):
		p.expect("DrvWithVersion(")
		if v := p.str(); v != "xp-dyn-drv" {
			p.fail("Unknown derivation ATerm format version '%s'", v)
		}
		p.expect(",")
		p.versioned = true
	case !strings.HasPrefix(p.s, "D"):
		p.expect("D")
	default:
		p.fail("derivation does not start with 'Derive' or 'DrvWithVersion'")
	}
	p.outputs(d)
	p.expect(",[")
	p.inputDrvs(d)
	if p.versioned != d.HasDynamicInputs() {
		p.fail("derivation has the wrong ATerm format version for its inputs")
	}
	p.expect(",[")
	for n := 0; p.more(n); n++ {
		src := p.path()
		if n > 0 {
			p.ordered(n, d.InputSrcs[n-1].String(), src.String())
		}
		d.InputSrcs = append(d.InputSrcs, src)
	}
	p.expect(",")
	d.Platform = p.plain()
	p.expect(",")
	d.Builder = p.str()
	p.expect(",[")
	for n := 0; p.more(n); n++ {
		d.Args = append(d.Args, p.str())
	}
	p.expect(",[")
	d.Env = make(map[string]string)
	for n, prev := 0, ""; p.more(n); n++ {
		p.expect("(")
		key := p.str()
		p.ordered(n, prev, key)
		p.expect(",")
		d.Env[key] = p.str()
		p.expect(")")
		prev = key
	}
	p.expect(")")
	if p.i != len(p.s) {
		p.fail("garbage at the end of derivation")
	}
	return d
}

func (p *parser) outputs(d *Derivation) {
	d.Outputs = make(map[string]Output)
	p.expect("[")
	for n, prev := 0, ""; p.more(n); n++ {
		p.expect("(")
		name := p.plain()
		p.ordered(n, prev, name)
		p.expect(",")
		o := p.output()
		if o.Kind == Fixed {
			p.checkFixed(d.Name, name, o)
		}
		d.Outputs[name] = o
		p.expect(")")
		prev = name
	}
}

// checkFixed checks the path of a fixed output, which follows from its hash.
func (p *parser) checkFixed(drvName, name string, o Output) {
	want, err := p.scheme.FromContentAddress(storepath.OutputName(drvName, name), o.ContentAddress())
	if err != nil {
		p.fail("%s", err)
	}
	if want != o.Path {
		p.fail("derivation has incorrect output '%s', should be '%s'", p.scheme.Print(o.Path), p.scheme.Print(want))
	}
}

// output reads path, method and algorithm, and hash.
func (p *parser) output() Output {
	var o Output
	pathAt := p.i
	path := p.plain()
	p.expect(",")
	methodAlgo := p.plain()
	p.expect(",")
	digest := p.plain()
	end := p.i
	if path != "" {
		p.i = pathAt
		o.Path = p.path()
		p.i = end
	}
	if methodAlgo == "" {
		if digest != "" {
			p.fail("derivation output has a hash but no hash algorithm")
		}
		if path != "" {
			o.Kind = InputAddressed
		}
		return o
	}
	method, name := storepath.ParseMethodPrefix(methodAlgo)
	algo, err := hash.ParseAlgo(name)
	if err != nil {
		p.fail("%s", err)
	}
	o.Method, o.Algo = method, algo
	switch {
	case digest == "impure":
		if path != "" {
			p.fail("impure derivation output should not specify output path")
		}
		o.Kind = Impure
	case digest != "":
		if path == "" {
			p.fail("bad path '%s' in derivation", path)
		}
		o.Kind = Fixed
		if o.Hash, err = hash.ParseDigest(digest, algo); err != nil {
			p.fail("%s", err)
		}
		if o.Hash.Base16() != digest {
			p.fail("hash '%s' in derivation is not in canonical base 16", digest)
		}
	default:
		if path != "" {
			p.fail("content-addressing derivation output should not specify output path")
		}
		o.Kind = Floating
	}
	return o
}

func (p *parser) inputDrvs(d *Derivation) {
	d.InputDrvs = make(map[storepath.Path]InputOutputs)
	for n, prev := 0, ""; p.more(n); n++ {
		p.expect("(")
		drv := p.path()
		p.ordered(n, prev, drv.String())
		p.expect(",")
		d.InputDrvs[drv] = p.inputOutputs(0)
		p.expect(")")
		prev = drv.String()
	}
}

// maxDynamic bounds how deeply outputs of outputs may be nested.
const maxDynamic = 64

func (p *parser) inputOutputs(depth int) InputOutputs {
	var in InputOutputs
	if p.peek() != '(' || !p.versioned {
		in.Names = p.names()
		return in
	}
	if depth >= maxDynamic {
		p.fail("dynamic outputs in derivation are nested too deeply")
	}
	p.expect("(")
	in.Names = p.names()
	p.expect(",[")
	in.Dynamic = make(map[string]InputOutputs)
	for n, prev := 0, ""; p.more(n); n++ {
		p.expect("(")
		name := p.plain()
		p.ordered(n, prev, name)
		p.expect(",")
		in.Dynamic[name] = p.inputOutputs(depth + 1)
		p.expect(")")
		prev = name
	}
	if len(in.Dynamic) == 0 {
		p.fail("invalid inputDrvs entry in derivation")
	}
	p.expect(")")
	return in
}

// names reads a list of output names.
func (p *parser) names() []string {
	p.expect("[")
	var names []string
	for n := 0; p.more(n); n++ {
		name := p.plain()
		if n > 0 {
			p.ordered(n, names[n-1], name)
		}
		names = append(names, name)
	}
	return names
}
