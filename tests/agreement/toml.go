package main

import (
	"strings"
)

// tomlLines are what documents are made of.
var tomlLines = []string{
	"a = 1", "b = \"x\"", "c.d = 2", "c.e.f = 'lit'", "\"q k\" = true", "'l k' = false", "[t]", "[t.u]", "[[arr]]", "[[arr.sub]]", "[c]", "[c.d]",
	"x = [1, 2, 3]", "y = [ 'a', \"b\", [1], { z = 1 } ]", "y = [\n  1,\n  2, # two\n]", "z = { a = 1, b.c = 2 }", "z = {}", "z = { a = { b = [] } }",
	"f = 1.5", "f = -0.0", "f = 6.02e+23", "f = inf", "f = -nan", "f = 1e400", "i = 0xDEAD_beef", "i = 0o17", "i = 0b1010", "i = 1_000", "i = -9223372036854775808",
	"i = 9223372036854775808", "i = 0xFFFFFFFFFFFFFFFF", "d = 1979-05-27T07:32:00Z", "d = 1979-05-27 07:32:00.5-07:00", "d = 1979-02-30", "d = 07:32:00", "d = 25:00:00",
	"d = 2001-01-01T00:00:00+25:00", "s = \"\"\"\nmore\\\n   lines\"\"\"", "s = '''raw ''quotes'' '''", "s = \"esc \\t \\u00e9 \\U0001F600\"", "s = \"\\ud800\"", "s = \"\\UFFFFFFFF\"",
	"s = \"\\x\"", "# comment", "", "k =", "k", "= 1", "[", "[[", "[]", "[t", "[[arr]", "k = [", "k = {", "k = [1 2]", "k = { a = 1,", "k = { a = 1, }", "k = [1, 2", "k = True", "k = 1 2",
	"k = \"abc", "k = 'abc", "k = \"\"\"abc", "k = .5", "k = 5.", "k = _1", "k = 1_", "k = 1__0", "k = 01", "k = 0_1", "k = +0x1", "k = 12:30", "k = 1979-05-27T7:00:00", "k = 1979-05-277", "é = 1",
	"k = é", "a.b.c = 1", "a.b = 1", "t.u = 3", "arr = 1", "\t ind = 1 \t", "k = [ # c\n 'x' # d\n , 'y' ]", "# \x01 control", "k = 1 # \x7f", "long = \"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa\"", "x.\"y\".'z' = 1",
}

const tomlBytes = "abtue10_-+.:,=[]{}\"'\\# \t\n\r\x00TZ\x7f\xc3"

// toml is a call of fromTOML with a document that may be wrong in places.
func (g *generator) toml() string {
	var b strings.Builder
	for range 1 + g.rand.IntN(6) {
		b.WriteString(g.one(tomlLines...))
		b.WriteString(g.one("\n", "\n", "\n", "\n", "\r\n", " ", ""))
	}
	doc := []byte(b.String())
	for range g.rand.IntN(4) {
		if len(doc) == 0 {
			break
		}
		i := g.rand.IntN(len(doc))
		c := tomlBytes[g.rand.IntN(len(tomlBytes))]
		switch g.rand.IntN(5) {
		case 0:
			doc[i] = c
		case 1:
			doc = append(doc[:i], doc[i+1:]...)
		case 2:
			doc = append(doc[:i], append([]byte{c}, doc[i:]...)...)
		case 3:
			doc = doc[:i]
		case 4: // nothing
		}
	}
	quote := strings.NewReplacer("\\", "\\\\", "\"", "\\\"", "\n", "\\n", "\r", "\\r", "\t", "\\t", "$", "\\$").Replace
	text := strings.ReplaceAll(string(doc), "\x00", "")
	if strings.ContainsAny(text, "\x01\x7f") { // a REPL takes them for keys; only JSON has escapes for them
		quoted := strings.NewReplacer("\x01", "\\u0001", "\x7f", "\\u007f").Replace(quote(text))
		return ":p builtins.fromTOML (builtins.fromJSON \"" + quote("\""+quoted+"\"") + "\")"
	}
	return ":p builtins.fromTOML \"" + quote(text) + "\""
}
