package builtins

import (
	"fmt"
	"math"
	"strconv"
	"strings"
	"unicode/utf8"
)

// jsonSink receives what a JSON text holds, in order. A set's key precedes its value.
type jsonSink interface {
	null()
	boolean(bool)
	integer(int64)
	float(float64)
	str(string)
	key(string)
	begin(object bool)
	end(object bool)
}

// jsonError is a fault of a JSON text. A plain one is a value that the
// language cannot hold; it gets no "while decoding" frame.
type jsonError struct {
	msg   string
	plain bool
}

func (e *jsonError) Error() string { return e.msg }

// jsonDecoder reads JSON without recursion. Errors are worded as by the
// library of the reference, whose notion of what was "last read" reaches back
// to the beginning of the last string or number.
type jsonDecoder struct {
	s     string
	i     int // bytes read
	eof   bool
	token int // beginning of what was last read
	sink  jsonSink
	stack []bool // whether the open containers are objects
}

// decodeJSON reads one JSON value into sink; the error is a *jsonError. Strings
// without escapes share the text's memory.
func decodeJSON(text string, sink jsonSink) (err error) {
	d := &jsonDecoder{s: text, sink: sink}
	defer func() {
		if e := recover(); e != nil {
			je, ok := e.(*jsonError)
			if !ok {
				panic(e)
			}
			err = je
		}
	}()
	d.bom()
	d.document()
	return nil
}

const (
	jsonAnyValue = "'[', '{', or a literal"
	jsonEnd      = "end of input"
)

func (d *jsonDecoder) bom() {
	if !strings.HasPrefix(d.s, "\xef") {
		return
	}
	for d.i = 1; d.i < 3; d.i++ {
		if d.i >= len(d.s) || d.s[d.i] != "\xef\xbb\xbf"[d.i] {
			d.advance()
			d.lexFail("value", "invalid BOM; must be 0xEF 0xBB 0xBF if given")
		}
	}
}

// advance counts one more byte as read, or the end.
func (d *jsonDecoder) advance() {
	if d.i < len(d.s) {
		d.i++
	} else {
		d.eof = true
	}
}

func (d *jsonDecoder) skip() {
	for d.i < len(d.s) {
		switch d.s[d.i] {
		case ' ', '\t', '\n', '\r':
			d.i++
		default:
			return
		}
	}
}

func (d *jsonDecoder) document() {
	for {
		if d.value() {
			continue // a container was opened and has a first element
		}
		for {
			if len(d.stack) == 0 {
				d.skip()
				if d.i < len(d.s) {
					d.unexpected("value", jsonEnd)
				}
				return
			}
			if d.more() {
				break
			}
		}
	}
}

// value reads a value; it returns true if that was the opening of a
// container, its first key included, and a value must follow.
func (d *jsonDecoder) value() bool {
	d.skip()
	if d.i >= len(d.s) {
		if d.i == 0 {
			d.eof = true
			d.fail("attempting to parse an empty input; check that your input string or stream contains the expected JSON")
		}
		d.unexpected("value", jsonAnyValue)
	}
	switch c := d.s[d.i]; c {
	case '{':
		d.i++
		d.sink.begin(true)
		d.stack = append(d.stack, true)
		d.skip()
		if d.i < len(d.s) && d.s[d.i] == '}' {
			d.i++
			d.pop()
			return false
		}
		d.objectKey()
		return true
	case '[':
		d.i++
		d.sink.begin(false)
		d.stack = append(d.stack, false)
		d.skip()
		if d.i < len(d.s) && d.s[d.i] == ']' {
			d.i++
			d.pop()
			return false
		}
		return true
	case '"':
		d.sink.str(noNullByte(d.string("value")))
	case 't':
		d.literal("value", "true")
		d.sink.boolean(true)
	case 'f':
		d.literal("value", "false")
		d.sink.boolean(false)
	case 'n':
		d.literal("value", "null")
		d.sink.null()
	case '-', '0', '1', '2', '3', '4', '5', '6', '7', '8', '9':
		d.number()
	default:
		d.unexpected("value", jsonAnyValue)
	}
	return false
}

// more reads what follows a value within a container: true if another value
// comes, false if the container was closed.
func (d *jsonDecoder) more() bool {
	object := d.stack[len(d.stack)-1]
	d.skip()
	if d.i < len(d.s) {
		switch c := d.s[d.i]; {
		case c == ',':
			d.i++
			if object {
				d.skip()
				d.objectKey()
			}
			return true
		case object && c == '}', !object && c == ']':
			d.i++
			d.pop()
			return false
		}
	}
	if object {
		d.unexpected("object", "'}'")
	}
	d.unexpected("array", "']'")
	return false
}

func (d *jsonDecoder) pop() {
	n := len(d.stack) - 1
	d.sink.end(d.stack[n])
	d.stack = d.stack[:n]
}

func (d *jsonDecoder) objectKey() {
	if d.i >= len(d.s) || d.s[d.i] != '"' {
		d.unexpected("object key", "string literal")
	}
	d.sink.key(noNullByte(d.string("object key")))
	d.skip()
	if d.i >= len(d.s) || d.s[d.i] != ':' {
		d.unexpected("object separator", "':'")
	}
	d.i++
}

func noNullByte(s string) string {
	if strings.IndexByte(s, 0) >= 0 {
		panic(&jsonError{msg: nullByteMessage(s), plain: true})
	}
	return s
}

func nullByteMessage(s string) string {
	return "input string '" + strings.ReplaceAll(s, "\x00", "␀") + "' cannot be represented as Nix string because it contains null bytes"
}

func (d *jsonDecoder) literal(context, word string) {
	for i := range len(word) {
		if d.i >= len(d.s) || d.s[d.i] != word[i] {
			d.advance()
			d.lexFailExpecting(context, "invalid literal", jsonExpectedAfter(context))
		}
		d.i++
	}
}

// number reads an integer, or a float if it has a fraction or an exponent or
// does not fit.
func (d *jsonDecoder) number() {
	start, i, s := d.i, d.i, d.s
	d.token = start
	digits := func(what string) {
		if i >= len(s) || !isDigit(s[i]) {
			d.i = i
			d.advance()
			d.lexFail("value", "invalid number; expected "+what)
		}
		for i < len(s) && isDigit(s[i]) {
			i++
		}
	}
	if s[i] == '-' {
		i++
	}
	if i < len(s) && s[i] == '0' {
		i++
	} else {
		digits("digit after '-'")
	}
	integer := true
	if i < len(s) && s[i] == '.' {
		integer = false
		i++
		digits("digit after '.'")
	}
	if i < len(s) && (s[i] == 'e' || s[i] == 'E') {
		integer = false
		i++
		if i < len(s) && (s[i] == '+' || s[i] == '-') {
			i++
			digits("digit after exponent sign")
		} else {
			digits("'+', '-', or digit after exponent")
		}
	}
	d.i = i
	text := s[start:i]
	if integer {
		if n, err := strconv.ParseInt(text, 10, 64); err == nil {
			d.sink.integer(n)
			return
		}
		if n, err := strconv.ParseUint(text, 10, 64); err == nil {
			panic(&jsonError{msg: fmt.Sprintf("unsigned json number %d outside of Nix integer range", n), plain: true})
		}
	}
	f, _ := strconv.ParseFloat(text, 64)
	if math.IsInf(f, 0) {
		panic(&jsonError{msg: "[json.exception.out_of_range.406] number overflow parsing '" + text + "'"})
	}
	d.sink.float(f)
}

func (d *jsonDecoder) string(context string) string {
	s := d.s
	d.token = d.i
	for i := d.i + 1; i < len(s); i++ {
		switch c := s[i]; {
		case c == '"':
			r := s[d.i+1 : i]
			d.i = i + 1
			return r
		case c == '\\' || c < ' ' || c >= utf8.RuneSelf:
			return d.stringSlow(context, i)
		}
	}
	return d.stringSlow(context, len(s))
}

// stringSlow goes on at i with a string that holds more than plain ASCII.
func (d *jsonDecoder) stringSlow(context string, i int) string {
	s := d.s
	buf := []byte(s[d.i+1 : i])
	d.i = i
	for {
		if d.i >= len(s) {
			d.advance()
			d.lexFailExpecting(context, "invalid string: missing closing quote", jsonExpectedAfter(context))
		}
		c := s[d.i]
		d.i++
		switch {
		case c == '"':
			return string(buf)
		case c == '\\':
			buf = d.escape(context, buf)
		case c < ' ':
			d.lexFailExpecting(context, controlMessage(c), jsonExpectedAfter(context))
		case c < utf8.RuneSelf:
			buf = append(buf, c)
		default:
			r, n := utf8.DecodeRuneInString(s[d.i-1:])
			if r == utf8.RuneError && n == 1 {
				d.illFormed()
				d.lexFailExpecting(context, "invalid string: ill-formed UTF-8 byte", jsonExpectedAfter(context))
			}
			buf = append(buf, s[d.i-1:d.i-1+n]...)
			d.i += n - 1
		}
	}
}

// illFormed moves behind the first byte that cannot continue the UTF-8
// sequence whose first byte was just read.
func (d *jsonDecoder) illFormed() {
	c := d.s[d.i-1]
	if c < 0xc2 || c > 0xf4 {
		return
	}
	n := 1
	if c >= 0xe0 {
		n++
	}
	if c >= 0xf0 {
		n++
	}
	lo, hi := byte(0x80), byte(0xbf)
	switch c {
	case 0xe0:
		lo = 0xa0
	case 0xed:
		hi = 0x9f
	case 0xf0:
		lo = 0x90
	case 0xf4:
		hi = 0x8f
	}
	for ; n > 0; n-- {
		ok := d.i < len(d.s) && lo <= d.s[d.i] && d.s[d.i] <= hi
		d.advance()
		if !ok {
			return
		}
		lo, hi = 0x80, 0xbf
	}
}

func (d *jsonDecoder) escape(context string, buf []byte) []byte {
	fail := func(msg string) { d.lexFailExpecting(context, "invalid string: "+msg, jsonExpectedAfter(context)) }
	c := byte(0)
	if d.i < len(d.s) {
		c = d.s[d.i]
	}
	d.advance()
	switch c {
	case '"', '\\', '/':
		return append(buf, c)
	case 'b':
		return append(buf, '\b')
	case 'f':
		return append(buf, '\f')
	case 'n':
		return append(buf, '\n')
	case 'r':
		return append(buf, '\r')
	case 't':
		return append(buf, '\t')
	case 'u':
	default:
		fail("forbidden character after backslash")
	}
	const (
		hexDigits = "'\\u' must be followed by 4 hex digits"
		highAlone = "surrogate U+D800..U+DBFF must be followed by U+DC00..U+DFFF"
		lowAlone  = "surrogate U+DC00..U+DFFF must follow U+D800..U+DBFF"
	)
	hex := func() rune {
		var r rune
		for range 4 {
			v := -1
			if d.i < len(d.s) {
				v = hexValue(d.s[d.i])
			}
			d.advance()
			if v < 0 {
				fail(hexDigits)
			}
			r = r<<4 | rune(v)
		}
		return r
	}
	r := hex()
	switch {
	case 0xd800 <= r && r <= 0xdbff:
		for _, want := range []byte(`\u`) {
			ok := d.i < len(d.s) && d.s[d.i] == want
			d.advance()
			if !ok {
				fail(highAlone)
			}
		}
		low := hex()
		if low < 0xdc00 || low > 0xdfff {
			fail(highAlone)
		}
		r = 0x10000 + (r-0xd800)<<10 + (low - 0xdc00)
	case 0xdc00 <= r && r <= 0xdfff:
		fail(lowAlone)
	}
	return utf8.AppendRune(buf, r)
}

func hexValue(c byte) int {
	switch {
	case isDigit(c):
		return int(c - '0')
	case 'a' <= c && c <= 'f':
		return int(c-'a') + 10
	case 'A' <= c && c <= 'F':
		return int(c-'A') + 10
	}
	return -1
}

// controlNames are the names of the characters below the space.
const controlNames = "NUL SOH STX ETX EOT ENQ ACK BEL BS HT LF VT FF CR SO SI DLE DC1 DC2 DC3 DC4 NAK SYN ETB CAN EM SUB ESC FS GS RS US"

func controlMessage(c byte) string {
	msg := fmt.Sprintf("invalid string: control character U+%04X (%s) must be escaped to \\u%04X", c, strings.Fields(controlNames)[c], c)
	switch c {
	case '\b':
		msg += ` or \b`
	case '\t':
		msg += ` or \t`
	case '\n':
		msg += ` or \n`
	case '\f':
		msg += ` or \f`
	case '\r':
		msg += ` or \r`
	}
	return msg
}

// jsonExpectedAfter is what the parser says it wanted when a token of that context is broken.
func jsonExpectedAfter(context string) string {
	switch context {
	case "object key":
		return "string literal"
	case "object separator":
		return "':'"
	case "object":
		return "'}'"
	case "array":
		return "']'"
	case jsonEnd:
		return jsonEnd
	}
	return ""
}

func (d *jsonDecoder) lexFail(context, msg string) { d.lexFailExpecting(context, msg, "") }

// lexFailExpecting reports a token that could not be read.
func (d *jsonDecoder) lexFailExpecting(context, msg, expected string) {
	var last strings.Builder
	for _, c := range []byte(d.s[d.token:d.i]) {
		if c < ' ' {
			fmt.Fprintf(&last, "<U+%04X>", c)
		} else {
			last.WriteByte(c)
		}
	}
	text := "syntax error while parsing " + context + " - " + msg + "; last read: '" + last.String() + "'"
	if expected != "" {
		text += "; expected " + expected
	}
	d.fail(text)
}

// unexpected reports the token at hand, which is none of those expected.
func (d *jsonDecoder) unexpected(context, expected string) {
	name := jsonEnd
	if d.i >= len(d.s) {
		d.eof = true
	} else {
		switch c := d.s[d.i]; c {
		case '{', '}', '[', ']', ':', ',':
			d.i++
			name = "'" + string(c) + "'"
		case 't', 'f', 'n':
			word := map[byte]string{'t': "true", 'f': "false", 'n': "null"}[c]
			d.unexpectedLiteral(context, expected, word)
			name = word + " literal"
		case '"':
			d.unexpectedToken(context, expected, func() { d.string("value") })
			name = "string literal"
		case '-', '0', '1', '2', '3', '4', '5', '6', '7', '8', '9':
			sink := d.sink
			d.sink = discardJSON{}
			d.unexpectedToken(context, expected, d.number)
			d.sink = sink
			name = "number literal"
		default:
			d.i++
			d.lexFailExpecting(context, "invalid literal", lexExpected(context, expected))
		}
	}
	d.fail("syntax error while parsing " + context + " - unexpected " + name + "; expected " + expected)
}

// lexExpected leaves out what a value could be: there the reference does not say.
func lexExpected(context, expected string) string {
	if context == "value" && expected == jsonAnyValue {
		return ""
	}
	return expected
}

func (d *jsonDecoder) unexpectedLiteral(context, expected, word string) {
	for i := range len(word) {
		if d.i >= len(d.s) || d.s[d.i] != word[i] {
			d.advance()
			d.lexFailExpecting(context, "invalid literal", lexExpected(context, expected))
		}
		d.i++
	}
}

// unexpectedToken reads a token; if it is broken itself, that is reported in
// this context.
func (d *jsonDecoder) unexpectedToken(context, expected string, read func()) {
	defer func() {
		if e := recover(); e != nil {
			je, ok := e.(*jsonError)
			if !ok {
				panic(e)
			}
			if je.plain || strings.Contains(je.msg, "out_of_range") {
				return
			}
			_, msg, _ := strings.Cut(je.msg, "syntax error while parsing value - ")
			msg, _, _ = strings.Cut(msg, "; last read: '")
			d.lexFailExpecting(context, msg, lexExpected(context, expected))
		}
	}()
	read()
}

func (d *jsonDecoder) fail(msg string) {
	read := d.s[:d.i]
	line := 1 + strings.Count(read, "\n")
	column := len(read) - (strings.LastIndexByte(read, '\n') + 1)
	if d.eof {
		column++
	}
	panic(&jsonError{msg: fmt.Sprintf("[json.exception.parse_error.101] parse error at line %d, column %d: %s", line, column, msg)})
}

// discardJSON drops everything.
type discardJSON struct{}

func (discardJSON) null()         {}
func (discardJSON) boolean(bool)  {}
func (discardJSON) integer(int64) {}
func (discardJSON) float(float64) {}
func (discardJSON) str(string)    {}
func (discardJSON) key(string)    {}
func (discardJSON) begin(bool)    {}
func (discardJSON) end(bool)      {}
