package toml

import "strings"

const (
	timeHint = "Hint: valid  : 1979-05-27T07:32:00, 1979-05-27 07:32:00.999999\n" +
		"Hint: invalid: 1979-05-27T7:32:00, 1979-05-27 17:32\n"
	floatHint = "Hint: valid  : +1.0, -2e-2, 3.141_592_653_589, inf, nan\n" +
		"Hint: invalid: .0, 1., _1.0, 1.0_, 1_.0, 1.0__0\n"
	integerHint = "Hint: valid  : -42, 1_000, 1_2_3_4_5, 0xC0FFEE, 0b0010, 0o755\n" +
		"Hint: invalid: _42, 1__000, 0123\n"
)

// guessNumber is guess for numbers, dates and times, and for what is none of all.
func (p *parser) guessNumber() (Kind, parseFunc, *fault) {
	if offsetDatetime.scan(p.text, p.i) >= 0 {
		return Time, (*parser).offsetDatetime, nil
	}
	if end := localDatetime.scan(p.text, p.i); end >= 0 {
		if q := p.at(end); q.byte() == '+' || q.byte() == '-' {
			return 0, nil, q.unexpected("bad offset: must be [+-]HH:MM or Z", timeOffset,
				"Hint: valid  : +09:00, -05:30\n", "Hint: invalid: +9:00,  -5:30\n")
		}
		return Time, (*parser).localDatetime, nil
	}
	if end := localDate.scan(p.text, p.i); end >= 0 {
		return Time, (*parser).localDate, p.at(end).afterDate()
	}
	if localTime.scan(p.text, p.i) >= 0 {
		return Time, (*parser).localTime, nil
	}
	if end := floating.scan(p.text, p.i); end >= 0 {
		if q := p.at(end); q.byte() == '_' {
			return 0, nil, q.wrong("bad float: `_` must be surrounded by digits", "invalid underscore", floatHint)
		}
		return Float, (*parser).float, nil
	}
	if end := integer.scan(p.text, p.i); end >= 0 {
		return Integer, (*parser).integer, p.at(end).afterInteger(p.text[p.i:end])
	}
	switch p.byte() {
	case '.':
		return 0, nil, p.wrong("bad float: integer part is required before decimal point", "missing integer part", floatHint)
	case '_':
		return 0, nil, p.wrong("bad number: `_` must be surrounded by digits", "digits required before `_`", integerHint)
	}
	return 0, nil, p.wrong("bad format: unknown value appeared", "here")
}

// at is the parser at another place, to look around.
func (p *parser) at(i int) *parser {
	return &parser{source: p.source, i: i}
}

// afterDate finds fault with what follows a date: a time that is none.
func (p *parser) afterDate() *fault {
	const title = "bad time: must be HH:MM:SS.subsec"
	switch c := p.byte(); {
	case c == 'T' || c == 't':
		p.i++
		return p.unexpected(title, localTime, timeHint)
	case c == ' ':
		p.i++
		if p.take(digit) {
			p.i--
			return p.unexpected(title, localTime, timeHint)
		}
	case '0' <= c && c <= '9':
		return p.unexpected("bad datetime: missing T or space", timeDelimiter, timeHint)
	}
	return nil
}

// afterInteger finds fault with what follows an integer.
func (p *parser) afterInteger(text string) *fault {
	switch c := p.byte(); {
	case c == '_' && strings.TrimLeft(text, "+-") == "0":
		return p.wrong("bad integer: leading zero is not allowed in decimal int", "leading zero", integerHint)
	case c == '_':
		return p.wrong("bad integer: `_` must be surrounded by digits", "invalid underscore", integerHint)
	case c == '0':
		p.i--
		return p.wrong("bad integer: leading zero", "leading zero is not allowed", integerHint)
	case '0' < c && c <= '9':
		return p.wrong("bad integer: invalid digit after an integer", "this digit is not allowed", integerHint)
	case c == ':' || c == '-':
		return p.wrong("bad datetime: invalid format", "here",
			"Hint: valid  : 1979-05-27T07:32:00-07:00, 1979-05-27 07:32:00.999999Z\n",
			"Hint: invalid: 1979-05-27T7:32:00-7:00, 1979-05-27 7:32-00:30")
	case c == '.' || c == 'e' || c == 'E':
		return p.wrong("bad float: invalid format", "here", floatHint)
	}
	return nil
}
