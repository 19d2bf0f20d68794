package main

import (
	"fmt"
	"os"
	"sort"
	"strings"

	"github.com/seed192a40f6/glang/local"
)

// A flag of a command. Flags may take any number of arguments, each a word
// of its own (--arg NAME EXPR), which the usual flag packages cannot do; the
// reference's tools have such flags, so glang reads its command line itself
// and leaves the tree of commands, help and completion to cobra.
type flag struct {
	long    string
	aliases []string
	short   byte
	labels  []string // names of its arguments
	doc     string
	hidden  bool
	rest    bool // takes all that follows, at least one word
	set     func(args []string) error
}

// flagSet is what one command accepts.
type flagSet struct {
	flags []*flag
	long  map[string]*flag
	short map[byte]*flag
	// other is asked about a flag nobody knows, as the old tools do for
	// what depends on their operation; next takes the following word.
	other func(arg string, next func() (string, error)) (bool, error)
	// arg receives what is no flag, in order.
	arg func(word string) error
	// settings, if not nil, makes every setting a flag.
	settings *local.Settings
	// features are what settings given as flags need.
	features []string
	// keepDashes hands "--" and what follows to arg unchanged.
	args []string
}

func newFlagSet() *flagSet {
	f := &flagSet{long: map[string]*flag{}, short: map[byte]*flag{}}
	f.arg = func(w string) error { f.args = append(f.args, w); return nil }
	return f
}

func (f *flagSet) add(fl *flag) *flag {
	f.flags = append(f.flags, fl)
	if fl.long != "" {
		f.long[fl.long] = fl
	}
	for _, a := range fl.aliases {
		f.long[a] = fl
	}
	if fl.short != 0 {
		f.short[fl.short] = fl
	}
	return fl
}

// Helpers for the usual shapes. A name is "long" or "long,s".

func splitName(name string) (string, byte) {
	if l, s, ok := strings.Cut(name, ","); ok {
		return l, s[0]
	}
	return name, 0
}

func (f *flagSet) call(name, doc string, labels []string, set func([]string) error) *flag {
	l, s := splitName(name)
	return f.add(&flag{long: l, short: s, doc: doc, labels: labels, set: set})
}

func (f *flagSet) boolean(p *bool, name, doc string) *flag {
	return f.call(name, doc, nil, func([]string) error { *p = true; return nil })
}

func (f *flagSet) text(p *string, name, label, doc string) *flag {
	return f.call(name, doc, []string{label}, func(a []string) error { *p = a[0]; return nil })
}

func (f *flagSet) texts(p *[]string, name, label, doc string) *flag {
	return f.call(name, doc, []string{label}, func(a []string) error { *p = append(*p, a[0]); return nil })
}

// rest adds a flag that takes all that follows.
func (f *flagSet) rest(name, doc string, p *[]string) {
	fl := f.call(name, doc, []string{"command", "args..."}, func(w []string) error { *p = w; return nil })
	fl.rest = true
}

// find looks a long flag up, among the settings too.
func (f *flagSet) find(name string) *flag {
	if fl := f.long[name]; fl != nil {
		return fl
	}
	if f.settings == nil {
		return nil
	}
	s := f.settings
	constant := func(d *local.Definition, v string) *flag {
		return &flag{long: name, set: func([]string) error {
			f.features = append(f.features, d.Feature)
			return s.Set(d.Name, v)
		}}
	}
	if d, ok := s.Lookup(name); ok {
		if d.Kind == local.Bool || d.Kind == local.Sandbox {
			return constant(d, "true")
		}
		return &flag{long: name, labels: []string{"value"}, set: func(a []string) error {
			f.features = append(f.features, d.Feature)
			return s.Set(d.Name, a[0])
		}}
	}
	if rest, ok := strings.CutPrefix(name, "no-"); ok {
		if d, ok := s.Lookup(rest); ok && (d.Kind == local.Bool || d.Kind == local.Sandbox) {
			return constant(d, "false")
		}
	}
	if rest, ok := strings.CutPrefix(name, "relaxed-"); ok {
		if d, ok := s.Lookup(rest); ok && d.Kind == local.Sandbox {
			return constant(d, "relaxed")
		}
	}
	if rest, ok := strings.CutPrefix(name, "extra-"); ok {
		if d, ok := s.Lookup(rest); ok && d.Appendable() {
			return &flag{long: name, labels: []string{"value"}, set: func(a []string) error { return s.Set(name, a[0]) }}
		}
	}
	return nil
}

func isAlpha(c byte) bool { return c|0x20 >= 'a' && c|0x20 <= 'z' }

// expand takes compound short flags apart: -qlf is -q -l -f, -j3 is -j 3.
func expand(arg string) []string {
	if len(arg) <= 2 || arg[0] != '-' || arg[1] == '-' || !isAlpha(arg[1]) {
		return []string{arg}
	}
	out := []string{arg[:2]}
	for i := 2; i < len(arg); i++ {
		if !isAlpha(arg[i]) {
			return append(out, arg[i:])
		}
		out = append(out, "-"+arg[i:i+1])
	}
	return out
}

// parse reads a command line.
func (f *flagSet) parse(words []string) error {
	dashes := false
	for len(words) > 0 {
		if !dashes {
			if e := expand(words[0]); len(e) > 1 {
				words = append(e, words[1:]...)
			}
		}
		w := words[0]
		words = words[1:]
		switch {
		case dashes || !strings.HasPrefix(w, "-") || w == "-" && f.other == nil:
			if err := f.arg(w); err != nil {
				return err
			}
			continue
		case w == "--":
			dashes = true
			continue
		}
		var fl *flag
		if name, ok := strings.CutPrefix(w, "--"); ok {
			fl = f.find(name)
			if fl == nil {
				// --name=value, which the reference does not have.
				if n, v, ok := strings.Cut(name, "="); ok {
					if g := f.find(n); g != nil && len(g.labels) == 1 {
						fl, w, words = g, "--"+n, append([]string{v}, words...)
					}
				}
			}
		} else if len(w) == 2 {
			fl = f.short[w[1]]
		}
		if fl != nil {
			n := len(fl.labels)
			if fl.rest {
				n = max(len(words), 1)
			}
			if len(words) < n {
				return usagef("flag '%s' requires %d argument(s), but only %d were given", w, n, len(words))
			}
			if err := fl.set(words[:n:n]); err != nil {
				return err
			}
			words = words[n:]
			continue
		}
		if f.other != nil {
			next := func() (string, error) {
				if len(words) == 0 {
					return "", usagef("'%s' requires an argument", w)
				}
				v := words[0]
				words = words[1:]
				return v, nil
			}
			ok, err := f.other(w, next)
			if err != nil {
				return err
			}
			if ok {
				continue
			}
		}
		return usagef("unrecognised flag '%s'", w)
	}
	return nil
}

// checkFeatures fails if a flag needs an experimental feature that is off.
func (f *flagSet) checkFeatures() error {
	for _, name := range f.features {
		if !f.settings.FeatureEnabled(name) {
			return local.MissingFeature(name)
		}
	}
	return nil
}

// shown are the flags that help shows, sorted.
func (f *flagSet) shown() []*flag {
	var flags []*flag
	for _, fl := range f.flags {
		if !fl.hidden && fl.doc != "" {
			flags = append(flags, fl)
		}
	}
	sort.SliceStable(flags, func(i, j int) bool { return flags[i].long < flags[j].long })
	return flags
}

// usage prints the flags of a command for its help.
func (f *flagSet) usage() string {
	var b strings.Builder
	for _, fl := range f.shown() {
		head := "      "
		if fl.short != 0 {
			head = "  -" + string(fl.short)
			if fl.long != "" {
				head += ", "
			}
		}
		if fl.long != "" {
			head += "--" + fl.long
		}
		for _, l := range fl.labels {
			head += " " + strings.ToUpper(l)
		}
		fmt.Fprintf(&b, "%-32s %s\n", head, fl.doc)
	}
	return b.String()
}

// complete lists the flags that begin like word, with what they do.
func (f *flagSet) complete(word string) []string {
	var out []string
	add := func(name, doc string) {
		if strings.HasPrefix(name, word) {
			out = append(out, name+"\t"+doc)
		}
	}
	for _, fl := range f.shown() {
		if fl.long != "" {
			add("--"+fl.long, fl.doc)
		} else {
			add("-"+string(fl.short), fl.doc)
		}
	}
	return out
}

func usagef(format string, args ...any) error {
	return &local.UsageError{Message: fmt.Sprintf(format, args...)}
}

// isFile says whether a positional argument of one of glang's own commands
// means a file with an expression.
func isFile(word string) bool {
	if word == "-" || strings.HasSuffix(word, ".expr") || strings.HasSuffix(word, ".nix") {
		return true
	}
	fi, err := os.Stat(word)
	return err == nil && fi.Mode().IsRegular()
}
