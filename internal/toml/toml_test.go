package toml

import (
	"math"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// plain is a value as maps, slices and numbers.
func plain(v *Value) any {
	switch v.Kind {
	case Table:
		out := map[string]any{}
		for k, e := range v.Table {
			out[k] = plain(e)
		}
		return out
	case Array:
		out := []any{}
		for _, e := range v.List {
			out = append(out, plain(e))
		}
		return out
	case Integer:
		return v.Int
	case Float:
		return v.Float
	case Boolean:
		return v.Bool
	}
	return v.Str
}

func TestParse(t *testing.T) {
	type table = map[string]any
	tests := map[string]any{
		"":                                      table{},
		"# nothing":                             table{},
		"a.b.c = 1":                             table{"a": table{"b": table{"c": int64(1)}}},
		"[a.b]\n[a]\nc=1":                       table{"a": table{"b": table{}, "c": int64(1)}},
		"[[a]]\nx = 1\n[a.s]\n[[a]]\n":          table{"a": []any{table{"x": int64(1), "s": table{}}, table{}}},
		"a = [1, [\"x\", 'y'], {b = true}]":     table{"a": []any{int64(1), []any{"x", "y"}, table{"b": true}}},
		"a = [ # one\n 1\n , # two\n 2, ]":      table{"a": []any{int64(1), int64(2)}},
		"a = 0xff\nb = 0o17\nc = -0b1\nd = 1_0": nil,
		"a = -inf\nb = 1.5e3\nc = +1_0.0_1":     table{"a": math.Inf(-1), "b": 1500.0, "c": 10.01},
		"a = \"\"\"\nx\\\n   y\\tz\"\"\"\"\n":   table{"a": "xy\tz\""},
		"a = '''\r\nx''y'''":                    table{"a": "x''y"},
		"a = 2001-02-03 04:05:06.7-08:30":       table{"a": "2001-02-03T04:05:06.700-08:30"},
		"a = 04:05:06.1234":                     table{"a": "04:05:06.123400"},
		"a = 2000-02-29\nb = 1900-02-29":        nil,
		"\ufeffa = 1":                           table{"a": int64(1)},
	}
	for text, want := range tests {
		v, err := Parse(text, func() {})
		switch {
		case err != nil && want != nil:
			t.Errorf("%q: %v", text, err)
		case err == nil && want == nil:
			t.Errorf("%q: %v, want an error", text, plain(v))
		case err == nil:
			if diff := cmp.Diff(want, plain(v)); diff != "" {
				t.Errorf("%q (-want +got):\n%s", text, diff)
			}
		}
	}
}

// TestDeep: what nests without end is refused, not run into.
func TestDeep(t *testing.T) {
	const n = 200_000
	for _, text := range []string{
		"a = " + strings.Repeat("[", n),
		"a = " + strings.Repeat("{a=", n),
		"a = " + strings.Repeat("[{a=", n),
		strings.Repeat("a.", n) + "a = 1",
		"[" + strings.Repeat("a.", n) + "a]",
	} {
		if _, err := Parse(text, func() {}); err == nil || !strings.Contains(err.Error(), "[error]") {
			t.Errorf("%.10s…: %v", text, err)
		}
	}
}

// FuzzParse: no text makes the parser panic or run on.
func FuzzParse(f *testing.F) {
	for _, s := range []string{"a.b = [1, {c = 'x'}]\n[[t]]\n", "a = [ [x = 1\n", "k = \"\"\"a\\\n b\"\"\"\r\n# c", "a = 1979-05-27T07:32:00Z\n[a.b]\n\n[x]", "# \x01\n# x\na = {b = 1, b = 2}"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		if len(s) > 1<<12 {
			return
		}
		calls := 0
		v, err := Parse(s, func() {
			if calls++; calls > 1000 {
				t.Fatalf("%q takes too long", s)
			}
		})
		if err != nil && !strings.HasPrefix(err.Error(), "[error] ") || err == nil && v.Kind != Table {
			t.Errorf("%q: %v, %v", s, v, err)
		}
	})
}
