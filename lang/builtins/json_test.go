package builtins

import (
	"encoding/json"
	"fmt"
	"strconv"
	"strings"
	"testing"
	"unicode/utf8"
)

// textSink writes what it receives as JSON again.
type textSink struct {
	b     strings.Builder
	comma bool
}

func (s *textSink) sep() {
	if s.comma {
		s.b.WriteByte(',')
	}
	s.comma = true
}

func (s *textSink) null()           { s.sep(); s.b.WriteString("null") }
func (s *textSink) boolean(x bool)  { s.sep(); fmt.Fprint(&s.b, x) }
func (s *textSink) integer(n int64) { s.sep(); fmt.Fprint(&s.b, n) }
func (s *textSink) float(f float64) { s.sep(); s.b.WriteString(strconv.FormatFloat(f, 'e', -1, 64)) }
func (s *textSink) str(x string)    { s.sep(); s.quote(x) }
func (s *textSink) key(x string)    { s.sep(); s.quote(x); s.b.WriteByte(':'); s.comma = false }
func (s *textSink) begin(object bool) {
	s.sep()
	s.b.WriteByte(map[bool]byte{true: '{', false: '['}[object])
	s.comma = false
}

func (s *textSink) end(object bool) {
	s.b.WriteByte(map[bool]byte{true: '}', false: ']'}[object])
	s.comma = true
}

func (s *textSink) quote(x string) {
	b, err := json.Marshal(x)
	if err != nil {
		panic(err)
	}
	s.b.Write(b)
}

func TestDecodeJSON(t *testing.T) {
	for text, want := range map[string]string{
		` [ 1 , -2 , 1.5e1 , true , null , "a\n\u00e9\ud83d\ude00" , { "x" : { } , "y" : [ ] } ] `: `[1,-2,1.5e+01,true,null,"a\né😀",{"x":{},"y":[]}]`,
		"\xef\xbb\xbf1":        "1",
		"18446744073709551616": "1.8446744073709552e+19",
		"-0":                   "0",
	} {
		s := new(textSink)
		if err := decodeJSON(text, s); err != nil || s.b.String() != want {
			t.Errorf("%s: got %s, %v; want %s", text, s.b.String(), err, want)
		}
	}
	deep := strings.Repeat("[", 1e6) + strings.Repeat("]", 1e6)
	if err := decodeJSON(deep, discardJSON{}); err != nil {
		t.Error(err)
	}
}

// FuzzDecodeJSON compares with encoding/json: both take the same texts, save
// for what the language cannot hold, and read the same from them.
func FuzzDecodeJSON(f *testing.F) {
	for _, s := range []string{`{"a":[1,2.5,"x\u0041"]}`, `[`, `"\ud800"`, `1e999`, "\"\xff\"", `{"a":1,}`, "\xef\xbb\xbf1", `[1]x`, `-`, `"\u0000"`} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, text string) {
		s := new(textSink)
		err := decodeJSON(text, s)
		if err != nil {
			if err.Error() == "" {
				t.Error("an error without words")
			}
			if je := err.(*jsonError); je.plain || strings.Contains(je.msg, "out_of_range") {
				return
			}
		}
		plain := strings.TrimPrefix(text, "\xef\xbb\xbf")
		// What follows a NUL byte, encoding/json calls an error too; it lets
		// pass bad UTF-8 and surrogates.
		lenient := !utf8.ValidString(plain) || strings.Contains(strings.ToLower(plain), `\ud`)
		if valid := json.Valid([]byte(plain)); valid != (err == nil) && !(valid && lenient) {
			t.Fatalf("%q: valid %v, error %v", text, valid, err)
		}
		if err == nil {
			again := new(textSink)
			if err := decodeJSON(s.b.String(), again); err != nil || again.b.String() != s.b.String() {
				t.Fatalf("%q became %s, which reads as %s, %v", text, s.b.String(), again.b.String(), err)
			}
		}
	})
}
