package main

import (
	"bytes"
	"encoding/json"
	"os"

	"golang.org/x/term"
)

// prettyDefault says whether JSON is indented if no flag says so: for people.
func (a *app) prettyDefault() bool { return term.IsTerminal(1) }

// prettyFlags adds --pretty and --no-pretty.
func (a *app) prettyFlags(f *flagSet, pretty *bool) {
	f.boolean(pretty, "pretty", "indent the JSON")
	f.call("no-pretty", "print JSON on one line", nil, func([]string) error { *pretty = false; return nil })
}

// printJSON prints a value as the reference does: keys sorted, no escapes for HTML.
func (a *app) printJSON(v any, pretty bool) error {
	e := json.NewEncoder(a.stdout)
	e.SetEscapeHTML(false)
	if pretty {
		e.SetIndent("", "  ")
	}
	return e.Encode(v)
}

// printRawJSON prints text that is JSON already.
func (a *app) printRawJSON(text string, pretty bool) error {
	if pretty {
		var b bytes.Buffer
		if err := json.Indent(&b, []byte(text), "", "  "); err != nil {
			return err
		}
		text = b.String()
	}
	a.println(text)
	return nil
}

// colorOut says whether what goes to standard output may be coloured.
func (a *app) colorOut() bool { return a.color && term.IsTerminal(1) }

func fileExists(name string) bool {
	_, err := os.Stat(name)
	return err == nil
}
