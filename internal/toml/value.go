package toml

import (
	"math"
	"strconv"
	"strings"
)

// value reads a value.
func (p *parser) value() (*Value, *fault) {
	kind, parse, f := p.guess()
	if f != nil {
		return nil, f
	}
	if kind == Array || kind == Table {
		if p.depth++; p.depth > MaxDepth {
			p.depth--
			return nil, p.wrong("toml::parse_value: nested too deeply", "here")
		}
		defer func() { p.depth-- }()
	}
	first := p.i
	v := &Value{Kind: kind}
	if f := parse(p, v); f != nil {
		return nil, f
	}
	v.at = p.between(first, p.i)
	return v, nil
}

// parseFunc reads a value of a kind that has been guessed.
type parseFunc func(p *parser, v *Value) *fault

// guess tells by how a value begins what it is meant to be.
func (p *parser) guess() (Kind, parseFunc, *fault) {
	lowercase := func(word string, x scanner) (Kind, parseFunc, *fault) {
		return 0, nil, p.unexpected("toml::parse_value: `"+word+"` must be in lowercase. A string must be surrounded by quotes.", x)
	}
	switch c := p.byte(); c {
	case '"', '\'':
		return String, (*parser).stringValue, nil
	case '[':
		return Array, (*parser).array, nil
	case '{':
		return Table, (*parser).inlineTable, nil
	case 't', 'f':
		return Boolean, (*parser).boolean, nil
	case 'T':
		return lowercase("true", boolean)
	case 'F':
		return lowercase("false", boolean)
	case 'i', 'n':
		word := map[byte]string{'i': "inf", 'n': "nan"}[c]
		if strings.HasPrefix(p.text[p.i:], word) {
			return Float, (*parser).float, nil
		}
		return lowercase(word, floating)
	case 'I':
		return lowercase("inf", floating)
	case 'N':
		return lowercase("nan", floating)
	}
	return p.guessNumber()
}

func (p *parser) stringValue(v *Value) (f *fault) {
	v.Str, f = p.str()
	return f
}

func (p *parser) boolean(v *Value) *fault {
	v.Bool = p.byte() == 't'
	if !p.take(boolean) {
		return p.unexpected("toml::parse_boolean: invalid boolean: boolean must be `true` or `false`, in lowercase. "+
			"string must be surrounded by `\"`", boolean)
	}
	return nil
}

func (p *parser) float(v *Value) *fault {
	first := p.i
	if !p.take(floating) {
		return p.unexpected("toml::parse_floating: invalid floating: float must be like: -3.14159_26535, 6.022e+23, "+
			"inf, or nan (lowercase).", floating)
	}
	text := strings.ReplaceAll(p.text[first:p.i], "_", "")
	x, ok := special(text)
	if !ok {
		x, _ = strconv.ParseFloat(text, 64) // its syntax is right
		if math.IsInf(x, 0) {
			return p.wrong("toml::parse_floating: failed to read floating point value from stream", "here")
		}
	}
	v.Float = x
	return nil
}

// integer reads an integer in any base.
func (p *parser) integer(v *Value) *fault {
	first := p.i
	text := p.text[first:]
	if c := p.byte(); c == '+' || c == '-' {
		text = text[1:]
	}
	switch {
	case len(text) > 1 && text[0] == '0' && '0' <= text[1] && text[1] <= '9':
		return p.wrong("toml::parse_integer: leading zero in an decimal integer is not allowed", "leading zero")
	case strings.HasPrefix(text, "0b"):
		return p.based(v, binInt, 2, "bin", "0b0101, 0b1111_0000")
	case strings.HasPrefix(text, "0o"):
		return p.based(v, octInt, 8, "oct", "0o775, 0o04_44")
	case strings.HasPrefix(text, "0x"):
		return p.based(v, hexInt, 16, "hex", "0xC0FFEE, 0xdead_beef")
	}
	return p.based(v, decInt, 10, "dec", "42, 123_456_789")
}

func (p *parser) based(v *Value, x scanner, base int, name, example string) *fault {
	first := p.i
	if !p.take(x) {
		return p.unexpected("toml::parse_"+name+"_integer: invalid integer: "+name+"_int must be like: "+example, x)
	}
	digits := strings.ReplaceAll(p.text[first:p.i], "_", "")
	if base != 10 {
		digits = digits[2:]
	}
	n, err := strconv.ParseInt(digits, base, 64)
	if err != nil {
		limit := "value"
		if base == 10 {
			limit = "digits"
		}
		f := p.wrong("toml::parse_"+name+"_integer: too large integer: current max "+limit+" = 2^63", "must be < 2^63")
		p.i = first
		return f
	}
	v.Int = n
	return nil
}

// array reads [ … ].
func (p *parser) array(v *Value) *fault {
	before := len(p.faults)
	p.i++
	p.spacer()
	comma := true
	for !p.eof() && p.byte() != ']' {
		if !comma {
			return p.wrong("toml::parse_array: expected value-separator `,` or closing `]`", "here")
		}
		e, f := p.value()
		if f != nil {
			// If it looks like some value, it is skipped; else it may be a new
			// key or table, and the fault is a missing bracket.
			p.report(f)
			start := p.i
			if p.skipValue(); p.i == start {
				break
			}
			continue
		}
		v.List = append(v.List, e)
		p.spacer()
		comma = p.take(char(','))
		if _, f := p.commentLine(); f != nil {
			p.report(f)
		}
		if comma {
			p.spacer()
		}
	}
	if p.byte() != ']' {
		return p.wrong("toml::parse_array: missing closing bracket `]`", "expected `]`, reached EOF")
	}
	p.i++
	if n := len(p.faults); n != before {
		return p.faults[n-1] // it will be reported twice
	}
	return nil
}

// inlineTable reads { … }.
func (p *parser) inlineTable(v *Value) *fault {
	before := len(p.faults)
	v.Table = map[string]*Value{}
	p.i++
	p.take(ws)
	empty, comma := true, false
	for !p.eof() {
		if p.byte() == '}' {
			if comma {
				return p.wrong("toml::parse_inline_table: trailing comma is not allowed in TOML-v1.0.0)", "here")
			}
			break
		}
		if !comma && !empty {
			return p.wrong("toml::parse_inline_table: expected value-separator `,` or closing `}`", "here")
		}
		empty = false
		keys, at, e, f := p.pair()
		if f != nil {
			p.report(f)
			p.skipTo("}\n")
			break
		}
		if _, f := p.insert(dotted, v, keys, at, e); f != nil {
			p.report(f)
			p.skipTo(",\n}")
			if !p.eof() {
				comma = p.byte() == ','
			}
			continue
		}
		p.take(ws)
		comma = p.take(char(','))
		p.take(ws)
	}
	if p.byte() != '}' {
		return p.wrong("toml::parse_inline_table: missing closing bracket `}`", "expected `}`, reached line end")
	}
	p.i++
	return p.popFault(before)
}
