package parser

import "github.com/alecthomas/participle/v2/lexer"

// The kinds of tokens, numbered as the reference's parser generator numbers
// its symbols: "expecting A or B" lists tokens in this order. Number 0 would
// be the end of the text, which participle wants to be lexer.EOF.
const (
	tEOF   = lexer.EOF
	tError = lexer.TokenType(iota) // the scanner failed; the parser's scanErr says why
	tUndef                         // a character that begins no token
	tID
	tStr
	tIndStr
	tInt
	tFloat
	tPath
	tHPath
	tSPath
	tPathEnd
	tURI
	tIf
	tThen
	tElse
	tAssert
	tWith
	tLet
	tIn
	tRec
	tInherit
	tEq
	tNEq
	tLEq
	tGEq
	tUpdate
	tConcat
	tAnd
	tOr
	tImpl
	tOrKw
	tPipeFrom
	tPipeInto
	tDollarCurly
	tIndOpen
	tIndClose
	tEllipsis
	tReplBindings
	tLess
	tGreater
	tNot // a precedence, not a token
	tPlus
	tMinus
	tStar
	tSlash
	tQuestion
	tNegate // a precedence, not a token
	tColon
	tAt
	tSemicolon
	tBang
	tDot
	tQuote
	tLParen
	tRParen
	tLBrace
	tRBrace
	tLBracket
	tRBracket
	tAssign
	tComma
	tokenCount
)

// tokenNames are the names that syntax errors give to tokens.
var tokenNames = [tokenCount]string{
	"end of file", "error", "invalid token", "identifier", "string", "indented string",
	"integer", "floating-point literal", "path", "'~/…' path", "'<…>' path", "end of path",
	"URI", "'if'", "'then'", "'else'", "'assert'", "'with'", "'let'", "'in'", "'rec'",
	"'inherit'", "'=='", "'!='", "'<='", "'>='", "'//'", "'++'", "'&&'", "'||'", "'->'", "'or'",
	"'<|'", "'|>'", "'${'", "start of an indented string", "end of an indented string", "'...'",
	"start of REPL bindings", "'<'", "'>'", "NOT", "'+'", "'-'", "'*'", "'/'", "'?'", "NEGATE",
	"':'", "'@'", "';'", "'!'", "'.'", "'\"'", "'('", "')'", "'{'", "'}'", "'['", "']'", "'='", "','",
}

// Classes of bytes.
const (
	cID     = 1 << iota // continues an identifier
	cPath               // part of a path
	cURI                // part of a URI after its colon
	cScheme             // part of a URI before its colon
	cDigit
	cSpace
	cLetter // begins an identifier
	cKeyword
)

var class = func() (t [256]uint8) {
	mark := func(chars string, bits uint8) {
		for i := 0; i < len(chars); i++ {
			t[chars[i]] |= bits
		}
	}
	const letters = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
	mark(letters, cID|cPath|cURI|cScheme|cLetter)
	mark("_", cID|cPath|cURI|cLetter)
	mark("0123456789", cID|cPath|cURI|cScheme|cDigit)
	mark("'", cID|cURI)
	mark("-", cID|cPath|cURI|cScheme)
	mark(".+", cPath|cURI|cScheme)
	mark("%/?:@&=$,!~*", cURI)
	mark(" \t\r\n", cSpace)
	mark("iteawlro", cKeyword) // the first letters of keywords
	return t
}()

func keyword(s string) lexer.TokenType {
	switch s {
	case "if":
		return tIf
	case "in":
		return tIn
	case "or":
		return tOrKw
	case "let":
		return tLet
	case "rec":
		return tRec
	case "then":
		return tThen
	case "else":
		return tElse
	case "with":
		return tWith
	case "assert":
		return tAssert
	case "inherit":
		return tInherit
	}
	return tID
}
