package toml

// The grammar of TOML 1.0.
var (
	digit  = named{span{'0', '9'}, "digit [0-9]"}
	alpha  = named{either{span{'a', 'z'}, span{'A', 'Z'}}, "alpha [a-zA-Z]"}
	hexdig = named{either{digit, span{'a', 'f'}, span{'A', 'F'}}, "hex [0-9a-fA-F]"}

	continued = span{0x80, 0xbf}
	nonASCII  = named{either{
		sequence{span{0xc2, 0xdf}, continued},
		sequence{either{
			sequence{char(0xe0), span{0xa0, 0xbf}},
			sequence{span{0xe1, 0xec}, continued},
			sequence{char(0xed), span{0x80, 0x9f}},
			sequence{span{0xee, 0xef}, continued},
		}, continued},
		sequence{either{
			sequence{char(0xf0), span{0x90, 0xbf}},
			sequence{span{0xf1, 0xf3}, continued},
			sequence{char(0xf4), span{0x80, 0x8f}},
		}, continued, continued},
	}, "non-ascii utf-8 bytes"}

	ws      = runOf("  \t\t", nothing{})
	newline = either{char('\n'), literal("\r\n")}
	comment = sequence{char('#'), runOf("\t\t ~", nonASCII)}

	boolean = either{literal("true"), literal("false")}

	sign   = maybe{oneOf("+-")}
	decInt = sequence{sign, either{sequence{span{'1', '9'}, atLeast(1, spaced(digit))}, digit}}
	hexInt = sequence{literal("0x"), hexdig, atLeast(0, spaced(hexdig))}
	octInt = sequence{literal("0o"), span{'0', '7'}, atLeast(0, spaced(span{'0', '7'}))}
	binInt = sequence{literal("0b"), oneOf("01"), atLeast(0, spaced(oneOf("01")))}
	// integer is any of them.
	integer = either{hexInt, octInt, binInt, decInt}

	zeroPrefixable = sequence{digit, atLeast(0, spaced(digit))}
	exponent       = sequence{oneOf("eE"), sign, zeroPrefixable}
	floating       = either{
		sequence{decInt, either{exponent, sequence{sequence{char('.'), zeroPrefixable}, maybe{exponent}}}},
		sequence{sign, either{literal("inf"), literal("nan")}},
	}

	localDate      = sequence{times(4, digit), char('-'), times(2, digit), char('-'), times(2, digit)}
	localTime      = sequence{times(2, digit), char(':'), times(2, digit), char(':'), times(2, digit), maybe{sequence{char('.'), atLeast(1, digit)}}}
	timeOffset     = either{oneOf("zZ"), sequence{oneOf("+-"), times(2, digit), char(':'), times(2, digit)}}
	timeDelimiter  = oneOf("Tt ")
	localDatetime  = sequence{localDate, timeDelimiter, localTime}
	offsetDatetime = sequence{localDate, timeDelimiter, sequence{localTime, timeOffset}}

	escapedU4 = sequence{char('u'), times(4, hexdig)}
	escapedU8 = sequence{char('U'), times(8, hexdig)}
	escaped   = sequence{char('\\'), either{oneOf(`"\bfnrt`), escapedU4, escapedU8}}

	basicString = sequence{char('"'), runOf("\t\t !#[]~", either{nonASCII, escaped}), char('"')}
	// An escaped line end, with the white space around it.
	escapedNewline = sequence{char('\\'), ws, newline, runOf("  \t\t\n\n", literal("\r\n"))}
	mlBasicString  = multiline(`"""`, runOf("\t\t\n\n !#[]~", either{nonASCII, escaped, literal("\r\n"), escapedNewline}))

	literalString   = sequence{char('\''), runOf("\t\t &(~", nonASCII), char('\'')}
	mlLiteralString = multiline("'''", runOf("\t\t\n\n &(~", either{nonASCII, literal("\r\n")}))

	unquotedKey = atLeast(1, either{alpha, digit, char('-'), char('_')})
	simpleKey   = either{unquotedKey, either{basicString, literalString}}
	dotSep      = sequence{ws, char('.'), ws}
	key         = named{sequence{simpleKey, atLeast(0, sequence{dotSep, simpleKey})}, `basic key([a-zA-Z0-9_-]) or quoted key(" or ')`}
	keyvalSep   = sequence{ws, char('='), ws}

	stdTable   = sequence{char('['), ws, key, ws, char(']')}
	arrayTable = sequence{literal("[["), ws, key, ws, literal("]]")}
)

// spaced is a digit, or one after an underscore.
func spaced(x scanner) scanner { return either{x, sequence{char('_'), x}} }

// multiline is a string between triple quotes; one or two of them may stand in
// it, and at its end.
func multiline(quotes string, content run) scanner {
	some := either{literal(quotes[:2]), char(quotes[0])}
	return sequence{literal(quotes), maybe{newline}, content,
		atLeast(0, sequence{some, nonEmpty{content}}), literal(quotes), maybe{some}}
}

// nonEmpty is a run that has at least one byte.
type nonEmpty struct{ run }

func (n nonEmpty) scan(s string, i int) int {
	if end := n.run.scan(s, i); end > i {
		return end
	}
	return -1
}
