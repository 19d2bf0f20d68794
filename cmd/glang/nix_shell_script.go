package main

import (
	"errors"
	"fmt"
	"os"
	"regexp"
	"strings"
)

// shebang reads the arguments in a script whose interpreter is nix-shell.
func (r *shellRun) shebang(args []string) ([]string, error) {
	if len(args) == 0 {
		return args, nil
	}
	text, err := os.ReadFile(args[0])
	if err != nil || !strings.HasPrefix(string(text), "#!") {
		return args, nil
	}
	r.script, r.scriptArgs = args[0], args[1:]
	line := regexp.MustCompile(`^#!\s*nix-shell\s+(.*)$`)
	var out []string
	for l := range strings.SplitSeq(string(text), "\n") {
		if m := line.FindStringSubmatch(strings.TrimRight(l, "\r")); m != nil {
			words, err := shellWords(m[1])
			if err != nil {
				return nil, err
			}
			out = append(out, words...)
		}
	}
	return out, nil
}

// shellWords splits a line at spaces, minding quotes and backslashes.
func shellWords(s string) ([]string, error) {
	var out []string
	var cur strings.Builder
	in, quote := false, byte(0)
	for i := 0; i < len(s); i++ {
		c := s[i]
		switch {
		case quote == 0 && (c == ' ' || c == '\t' || c == '\r'):
			if in {
				out = append(out, cur.String())
				cur.Reset()
				in = false
			}
			continue
		case quote == 0 && (c == '\'' || c == '"'):
			quote = c
		case c == quote:
			quote = 0
		case c == '\\' && quote != '\'' && i+1 < len(s):
			i++
			cur.WriteByte(s[i])
		default:
			cur.WriteByte(c)
		}
		in = true
	}
	if quote != 0 {
		return nil, errors.New("unterminated quote in shebang line")
	}
	if in {
		out = append(out, cur.String())
	}
	return out, nil
}

// interpreter makes the command that runs the script of a shebang.
func (r *shellRun) interpreter(name string) error {
	r.interactive = false
	var args []string
	for _, w := range r.scriptArgs {
		args = append(args, shellQuote(w))
	}
	rest := shellQuote(r.script) + " " + strings.Join(args, " ")
	switch {
	case strings.Contains(name, "ruby"):
		// Ruby reads the shebang itself: have it load the script instead.
		r.command = fmt.Sprintf("exec %s -e 'load(ARGV.shift)' -- %s", name, rest)
	case strings.Contains(name, "perl"):
		// Perl runs what the shebang names unless its own name is another.
		r.command = fmt.Sprintf("exec -a PERL %s %s", name, rest)
	default:
		r.command = fmt.Sprintf("exec %s %s", name, rest)
	}
	return nil
}
