package builtins

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/pelletier/go-toml/v2"
	"github.com/pelletier/go-toml/v2/unstable"

	"github.com/seed192a40f6/glang/lang/ast"
	"github.com/seed192a40f6/glang/lang/diag"
	"github.com/seed192a40f6/glang/lang/eval"
)

func fromTOML(m *machine, pos ast.Pos, args []*value) value {
	s := m.ForceStringNoCtx(args[0], pos, "while evaluating the argument passed to builtins.fromTOML")
	m.Charge(int64(len(s)) * 4)
	m.Reserve(int64(len(s)) * 16) // what the library takes at worst
	var doc map[string]any
	err := toml.Unmarshal([]byte(s), &doc)
	if err != nil {
		err = tomlError(s, err)
	}
	var v value
	if err == nil {
		v, err = tomlValue(m, doc)
	}
	if err != nil {
		m.Fail(diag.Eval, pos, "while parsing TOML: %s", err.Error())
	}
	return v
}

// tomlValue makes a value of what the library decoded.
func tomlValue(m *machine, x any) (v value, err error) {
	switch x := x.(type) {
	case map[string]any:
		b := m.NewAttrs(len(x))
		for _, k := range slices.Sorted(maps.Keys(x)) {
			if strings.IndexByte(k, 0) >= 0 {
				return v, errors.New("error: " + nullByteMessage(k))
			}
			e, err := tomlValue(m, x[k])
			if err != nil {
				return v, err
			}
			b.PutName(k, e)
		}
		return eval.AttrsValue(b.Build()), nil
	case []any:
		out := m.NewList(len(x))
		for i, e := range x {
			e, err := tomlValue(m, e)
			if err != nil {
				return v, err
			}
			out[i] = m.NewValue(e)
		}
		return eval.List(out), nil
	case string:
		if strings.IndexByte(x, 0) >= 0 {
			return v, errors.New("error: " + nullByteMessage(x))
		}
		return eval.String(x, 0), nil
	case int64:
		return eval.Int(x), nil
	case float64:
		return eval.Float(x), nil
	case bool:
		return eval.Bool(x), nil
	}
	if !m.E.Options().ExperimentalFeatures["parse-toml-timestamps"] {
		return v, errors.New("Dates and times are not supported")
	}
	b := m.NewAttrs(2)
	b.PutName("_type", eval.String("timestamp", 0))
	b.PutName("value", eval.String(tomlTime(x), 0))
	return eval.AttrsValue(b.Build()), nil
}

// tomlTime writes a date or time as the reference's library does: fractions
// of seconds in three, six or nine digits, as many as are needed.
func tomlTime(x any) string {
	switch x := x.(type) {
	case time.Time:
		s := x.Format("2006-01-02T15:04:05") + tomlFraction(x.Nanosecond())
		if _, offset := x.Zone(); offset == 0 {
			return s + "Z"
		}
		return s + x.Format("-07:00")
	case toml.LocalDateTime:
		return x.LocalDate.String() + "T" + tomlTime(x.LocalTime)
	case toml.LocalTime:
		return fmt.Sprintf("%02d:%02d:%02d", x.Hour, x.Minute, x.Second) + tomlFraction(x.Nanosecond)
	case toml.LocalDate:
		return x.String()
	}
	return fmt.Sprint(x)
}

func tomlFraction(ns int) string {
	switch {
	case ns == 0:
		return ""
	case ns%1e6 == 0:
		return fmt.Sprintf(".%03d", ns/1e6)
	case ns%1e3 == 0:
		return fmt.Sprintf(".%06d", ns/1e3)
	}
	return fmt.Sprintf(".%09d", ns)
}

// tomlError words a fault of the text like the reference's library: what is
// wrong, the line, and a mark below it.
func tomlError(text string, err error) error {
	if e := tomlOverflow(text); e != nil {
		return e
	}
	var d *toml.DecodeError
	if !errors.As(err, &d) {
		return err
	}
	row, column := d.Position()
	words := strings.TrimPrefix(d.Error(), "toml: ")
	for _, w := range tomlWords {
		if strings.HasPrefix(words, w.prefix) && strings.HasSuffix(words, w.suffix) {
			e := tomlExcerpt(text, "[error] "+w.message, row, column+w.shift, w.mark)
			if w.hint != "" {
				e = errors.New(e.Error() + w.hint + "\n")
			}
			return e
		}
	}
	return tomlExcerpt(text, "[error] "+words, row, column, "here")
}

// tomlWords are the words of the reference's library for faults that the two
// tell apart alike, and how much further to the right its mark is.
var tomlWords = []struct {
	prefix, suffix string
	message, mark  string
	shift          int
	hint           string
}{
	{"expected value, not end of input", "", "bad format: unknown value appeared", "here", 1, ""},
	{"unexpected character", "at start of value", "bad format: unknown value appeared", "here", 0, ""},
	{"expected '=' after key", "", "toml::parse_key_value_pair: invalid key value separator `=`", "expected =", 1, ""},
	{"expected newline but got", "", "toml::parse_table: newline (LF / CRLF) or EOF is expected", "here", 0, ""},
	{"expected ']' to close table name", "", "toml::parse_file: invalid table key", "expected ]", 1, ""},
	{"unterminated basic string", "", "toml::parse_basic_string: invalid string format", "expected \"", 1, ""},
	{"invalid escape character", "", "toml::parse_basic_string: invalid string format", "expected \"", 0, ""},
	{"expected keyword", "", "toml::parse_boolean: invalid boolean: boolean must be `true` or `false`, in lowercase. string must be surrounded by `\"`",
		"expected true or false", 0, ""},
	{"invalid character at start of key", "", tomlKey, tomlKeyMark, 0, tomlKeyHint},
	{"expected key but reached end of input", "", tomlKey, tomlKeyMark, 1, tomlKeyHint},
}

const (
	tomlKey     = `toml::parse_simple_key: invalid key: key must be "quoted", 'quoted-literal', or bare key.`
	tomlKeyMark = "expected alpha [a-zA-Z], digit [0-9], -, or _"
	tomlKeyHint = "Hint: non-ASCII scripts are allowed in toml v1.1.0, but not in v1.0.0."
)

// tomlOverflow finds a decimal integer that does not fit 64 bits.
func tomlOverflow(text string) error {
	var p unstable.Parser
	p.Reset([]byte(text))
	for p.NextExpression() {
		if e := tomlOverflowIn(text, &p, p.Expression()); e != nil {
			return e
		}
	}
	return nil
}

func tomlOverflowIn(text string, p *unstable.Parser, n *unstable.Node) error {
	if n.Kind == unstable.Integer {
		digits := strings.ReplaceAll(string(n.Data), "_", "")
		if _, err := strconv.ParseInt(digits, 10, 64); errors.Is(err, strconv.ErrRange) {
			end := p.Shape(p.Range(n.Data)).End
			return tomlExcerpt(text, "[error] toml::parse_dec_integer: too large integer: current max digits = 2^63", end.Line, end.Column, "must be < 2^63")
		}
	}
	for it := n.Children(); it.Next(); {
		if e := tomlOverflowIn(text, p, it.Node()); e != nil {
			return e
		}
	}
	return nil
}

func tomlExcerpt(text, msg string, row, column int, hint string) error {
	lines := strings.Split(text, "\n")
	line := ""
	if row-1 < len(lines) {
		line = lines[row-1]
	}
	number := strconv.Itoa(row)
	margin := strings.Repeat(" ", len(number)+2)
	return fmt.Errorf("%s\n%s--> fromTOML\n%s|\n %s | %s\n%s|%s^-- %s\n",
		msg, margin[:len(number)], margin, number, line, margin, strings.Repeat(" ", max(column, 1)), hint)
}
