package parser

import "strings"

// The grammar of the language as the reference writes it down for its parser
// generator. What a syntax error says it expected depends on the exact
// productions, so it is kept beside the hand-written parser, which accepts the
// same texts; a test compares the two.
//
// Each line is a production: a nonterminal, a colon, and symbols. Tokens are
// spelled as in grammarTokens; %NAME at the end gives a production the
// precedence of a token.
const grammarText = `
start: expr
start: repl binds1
expr: expr_function
expr_function: id : expr_function
expr_function: formal_set : expr_function
expr_function: formal_set @ id : expr_function
expr_function: id @ formal_set : expr_function
expr_function: assert expr ; expr_function
expr_function: with expr ; expr_function
expr_function: let binds in expr_function
expr_function: expr_if
expr_if: if expr then expr else expr
expr_if: expr_pipe_from
expr_if: expr_pipe_into
expr_if: expr_op
expr_pipe_from: expr_op <| expr_pipe_from
expr_pipe_from: expr_op <| expr_op
expr_pipe_into: expr_pipe_into |> expr_op
expr_pipe_into: expr_op |> expr_op
expr_op: ! expr_op %NOT
expr_op: - expr_op %NEGATE
expr_op: expr_op == expr_op
expr_op: expr_op != expr_op
expr_op: expr_op < expr_op
expr_op: expr_op <= expr_op
expr_op: expr_op > expr_op
expr_op: expr_op >= expr_op
expr_op: expr_op && expr_op
expr_op: expr_op || expr_op
expr_op: expr_op -> expr_op
expr_op: expr_op // expr_op
expr_op: expr_op ? attrpath
expr_op: expr_op + expr_op
expr_op: expr_op - expr_op
expr_op: expr_op * expr_op
expr_op: expr_op / expr_op
expr_op: expr_op ++ expr_op
expr_op: expr_app
expr_app: expr_app expr_select
expr_app: expr_select
expr_select: expr_simple . attrpath
expr_select: expr_simple . attrpath or expr_select
expr_select: expr_simple or
expr_select: expr_simple
expr_simple: id
expr_simple: int
expr_simple: float
expr_simple: " string_parts "
expr_simple: ind_open ind_string_parts ind_close
expr_simple: path_start path_end
expr_simple: path_start string_parts_interpolated path_end
expr_simple: spath
expr_simple: uri
expr_simple: ( expr )
expr_simple: let { binds }
expr_simple: rec { binds }
expr_simple: { binds1 }
expr_simple: { }
expr_simple: [ list ]
string_parts: str
string_parts: string_parts_interpolated
string_parts:
string_parts_interpolated: string_parts_interpolated str
string_parts_interpolated: string_parts_interpolated ${ expr }
string_parts_interpolated: ${ expr }
string_parts_interpolated: str ${ expr }
path_start: path
path_start: hpath
ind_string_parts: ind_string_parts ind_str
ind_string_parts: ind_string_parts ${ expr }
ind_string_parts:
binds: binds1
binds:
binds1: binds1 attrpath = expr ;
binds1: binds inherit attrs ;
binds1: binds inherit ( expr ) attrs ;
binds1: attrpath = expr ;
attrs: attrs attr
attrs: attrs string_attr
attrs:
attrpath: attrpath . attr
attrpath: attrpath . string_attr
attrpath: attr
attrpath: string_attr
attr: id
attr: or
string_attr: " string_parts "
string_attr: ${ expr }
list: list expr_select
list:
formal_set: { formals , ... }
formal_set: { ... }
formal_set: { formals , }
formal_set: { formals }
formal_set: { }
formals: formals , formal
formals: formal
formal: id
formal: id ? expr
`

// grammarTokens spells the tokens in the order of their kinds.
var grammarTokens = strings.Fields(`end error undef id str ind_str int float path hpath spath
	path_end uri if then else assert with let in rec inherit == != <= >= // ++ && || -> or <| |>
	${ ind_open ind_close ... repl < > NOT + - * / ? NEGATE : @ ; ! . " ( ) { } [ ] = ,`)

// precedences are from loose to tight.
var precedences = []struct {
	assoc  assoc
	tokens string
}{
	{right, "->"},
	{left, "||"},
	{left, "&&"},
	{none, "== !="},
	{none, "< > <= >="},
	{right, "//"},
	{left, "NOT"},
	{left, "+ -"},
	{left, "* /"},
	{right, "++"},
	{none, "?"},
	{none, "NEGATE"},
}

// grammar is the grammar in numbers: symbols below tokens are tokens, the
// others nonterminals. Rule 0 is what the generator adds: $accept: start end.
type grammar struct {
	tokens  int
	symbols int
	rules   []rule
	// byLeft lists the rules of each symbol.
	byLeft [][]int
	// prec and assoc are those of tokens; prec 0 is none.
	prec  []int
	assoc []assoc
}

type rule struct {
	left  int
	right []int
	prec  int
}

func readGrammar() *grammar {
	g := &grammar{tokens: len(grammarTokens)}
	number := map[string]int{}
	for i, t := range grammarTokens {
		number[t] = i
	}
	g.symbols = g.tokens + 1
	accept := g.tokens
	symbol := func(name string) int {
		n, ok := number[name]
		if !ok {
			n = g.symbols
			number[name] = n
			g.symbols++
		}
		return n
	}
	g.prec, g.assoc = make([]int, g.tokens), make([]assoc, g.tokens)
	for i, level := range precedences {
		for _, t := range strings.Fields(level.tokens) {
			g.prec[number[t]], g.assoc[number[t]] = i+1, level.assoc
		}
	}
	g.rules = []rule{{left: accept, right: []int{symbol("start"), 0}}}
	for _, line := range strings.Split(strings.TrimSpace(grammarText), "\n") {
		name, rest, _ := strings.Cut(line, ":")
		r := rule{left: symbol(name)}
		for _, s := range strings.Fields(rest) {
			if len(s) > 1 && s[0] == '%' {
				r.prec = g.prec[number[s[1:]]]
				continue
			}
			n := symbol(s)
			r.right = append(r.right, n)
			if n < g.tokens {
				r.prec = g.prec[n] // the last token's, unless said otherwise
			}
		}
		g.rules = append(g.rules, r)
	}
	g.byLeft = make([][]int, g.symbols)
	for i, r := range g.rules {
		g.byLeft[r.left] = append(g.byLeft[r.left], i)
	}
	return g
}
