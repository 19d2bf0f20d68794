package toml

import (
	"fmt"
	"strings"
)

// Dates and times are kept as text, in the one form that the reference prints.

func (p *parser) localDate(v *Value) (f *fault) {
	v.Str, f = p.date()
	return f
}

func (p *parser) localTime(v *Value) (f *fault) {
	v.Str, f = p.clock()
	return f
}

// date reads a date that has been found to have the form of one.
func (p *parser) date() (string, *fault) {
	first := p.i
	p.take(localDate)
	text := p.text[first:p.i]
	year, month, day := decimal(text[:4]), decimal(text[5:7]), decimal(text[8:])
	days := 31
	switch month {
	case 2:
		days = 28
		if year%4 == 0 && (year%100 != 0 || year%400 == 0) {
			days = 29
		}
	case 4, 6, 9, 11:
		days = 30
	}
	if month < 1 || month > 12 || day < 1 || day > days {
		return "", faultAt("toml::parse_local_date: invalid date.", p.here(first),
			"month must be 01-12, day must be any of 01-28,29,30,31 depending on the month/year.")
	}
	return text, nil
}

// clock reads a time of day.
func (p *parser) clock() (string, *fault) {
	first := p.i
	p.take(localTime)
	text := p.text[first:p.i]
	invalid := func(text string) (string, *fault) {
		return "", faultAt("toml::parse_local_time: invalid time.", p.here(first), text)
	}
	if decimal(text[:2]) > 23 || decimal(text[3:5]) > 59 {
		return invalid("hour must be 00-23, minute must be 00-59.")
	}
	if decimal(text[6:8]) > 60 {
		return invalid("second must be 00-60.")
	}
	whole, fraction, _ := strings.Cut(text, ".")
	fraction = (fraction + "000000000")[:9]
	for fraction != "" && strings.HasSuffix(fraction, "000") {
		fraction = fraction[:len(fraction)-3]
	}
	if fraction != "" {
		whole += "." + fraction
	}
	return whole, nil
}

func (p *parser) localDatetime(v *Value) *fault {
	date, f := p.date()
	if f != nil {
		return f
	}
	p.i++ // T or a space
	clock, f := p.clock()
	v.Str = date + "T" + clock
	return f
}

func (p *parser) offsetDatetime(v *Value) *fault {
	start := p.i
	if f := p.localDatetime(v); f != nil {
		return f
	}
	first := p.i
	p.take(timeOffset)
	text := p.text[first:p.i]
	if len(text) == 1 {
		v.Str += "Z"
		return nil
	}
	hour, minute := decimal(text[1:3]), decimal(text[4:])
	if hour > 24 || minute > 60 {
		return faultAt("toml::parse_offset_datetime: too large offset: |hour| <= 24, |minute| <= 60", p.between(start, p.i), "here")
	}
	if all := 60*hour + minute; all == 0 {
		v.Str += "Z"
	} else {
		v.Str += fmt.Sprintf("%c%02d:%02d", text[0], all/60, all%60)
	}
	return nil
}

// decimal is the number that digits stand for.
func decimal(digits string) int {
	n := 0
	for i := range len(digits) {
		n = 10*n + int(digits[i]-'0')
	}
	return n
}
