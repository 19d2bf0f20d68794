package local

import (
	"fmt"
	"maps"
	"path"
	"runtime"
	"slices"
	"sort"
	"strconv"
	"strings"
)

// Settings holds the value of every setting. The zero value is not usable;
// see [NewSettings]. It is not safe for use by several goroutines while
// settings are being changed.
type Settings struct {
	values map[string]*value
	index  map[string]int // name or alias → definitions
	// Warn receives what the user should know about the configuration. Nil drops it.
	Warn func(message string)
	// unknown holds settings nobody knows, in order, for WarnUnknown.
	unknown []string
}

type value struct {
	text       string // canonical
	overridden bool
}

// UsageError is a mistake in a configuration or on the command line; a
// command adds the hint at --help.
type UsageError struct{ Message string }

func (e *UsageError) Error() string { return e.Message }

func usagef(format string, args ...any) error {
	return &UsageError{fmt.Sprintf(format, args...)}
}

// NewSettings returns settings at their defaults.
func NewSettings() *Settings {
	s := &Settings{values: map[string]*value{}, index: make(map[string]int, 2*len(definitions))}
	for i := range definitions {
		d := &definitions[i]
		s.index[d.Name] = i
		for _, a := range d.Aliases {
			s.index[a] = i
		}
	}
	return s
}

// Definitions returns every setting, sorted by name.
func Definitions() []Definition { return definitions[:] }

// Lookup finds the definition for a name or alias.
func (s *Settings) Lookup(name string) (*Definition, bool) {
	i, ok := s.index[name]
	if !ok {
		return nil, false
	}
	return &definitions[i], true
}

// Appendable says whether "extra-NAME" adds to the setting.
func (d *Definition) Appendable() bool {
	switch d.Kind {
	case List, Set, Map, Features, Paths, Stores:
		return true
	}
	return false
}

// Set gives a setting a value as written in a configuration; a name that
// begins with "extra-" adds to an appendable one. Unknown settings are
// remembered for [Settings.WarnUnknown] and are no error.
func (s *Settings) Set(name, text string) error {
	d, ok := s.Lookup(name)
	add := false
	if !ok {
		if rest, extra := strings.CutPrefix(name, "extra-"); extra {
			if d, ok = s.Lookup(rest); ok && d.Appendable() {
				add = true
			} else {
				ok = false
			}
		}
	}
	if !ok {
		s.unknown = append(s.unknown, name)
		return nil
	}
	canonical, err := s.canonical(d, text)
	if err != nil {
		return err
	}
	if !s.FeatureEnabled(d.Feature) {
		s.warn("Ignoring setting '%s' because experimental feature '%s' is not enabled", d.Name, d.Feature)
		return nil
	}
	if add {
		if old := s.Get(d.Name); old != "" && canonical != "" {
			// Parsing what was joined sorts sets and drops doubles.
			if canonical, err = s.canonical(d, old+" "+canonical); err != nil {
				return err
			}
		} else if old != "" {
			canonical = old
		}
	}
	s.values[d.Name] = &value{text: canonical, overridden: true}
	return nil
}

// SetDefault changes the value a setting has unless somebody sets it.
func (s *Settings) SetDefault(name, text string) {
	if v := s.values[name]; v == nil || !v.overridden {
		s.values[name] = &value{text: text}
	}
}

// WarnUnknown warns once about each setting that nobody knows.
func (s *Settings) WarnUnknown() {
	slices.Sort(s.unknown)
	for _, name := range slices.Compact(s.unknown) {
		s.warn("unknown setting '%s'", name)
	}
	s.unknown = nil
}

func (s *Settings) warn(format string, args ...any) {
	if s.Warn != nil {
		s.Warn(fmt.Sprintf(format, args...))
	}
}

// canonical checks a value and brings it to the form in which it is shown.
func (s *Settings) canonical(d *Definition, text string) (string, error) {
	switch d.Kind {
	case Bool:
		switch text {
		case "true", "yes", "1":
			return "true", nil
		case "false", "no", "0":
			return "false", nil
		}
		return "", usagef("Boolean setting '%s' has invalid value '%s'", d.Name, text)
	case Int:
		n, ok := ParseSize(text)
		if !ok {
			return "", usagef("setting '%s' has invalid value '%s'", d.Name, text)
		}
		return strconv.FormatUint(n, 10), nil
	case Jobs:
		if text == "auto" {
			return strconv.Itoa(runtime.NumCPU()), nil
		}
		n, err := strconv.ParseUint(text, 10, 32)
		if err != nil {
			return "", usagef("configuration setting '%s' should be 'auto' or an integer", d.Name)
		}
		return strconv.FormatUint(n, 10), nil
	case Sandbox:
		switch text {
		case "true", "false", "relaxed":
			return text, nil
		}
		return "", usagef("option '%s' has invalid value '%s'", d.Name, text)
	case Lint:
		switch text {
		case "ignore", "warn", "fatal":
			return text, nil
		}
		return "", usagef("setting '%s' has invalid value '%s'; valid values are 'ignore', 'warn' and 'fatal'", d.Name, text)
	case Path, OptPath:
		if text == "" {
			if d.Kind == OptPath {
				return "", nil
			}
			return "", usagef("setting '%s' is a path and paths cannot be empty", d.Name)
		}
		if !strings.HasPrefix(text, "/") {
			if d.Kind == Path {
				return text, nil
			}
			return "", usagef("not an absolute path: '%s'", text)
		}
		return path.Clean(text), nil
	case Features:
		var known []string
		for _, f := range strings.Fields(text) {
			switch {
			case slices.Contains(features[:], f):
				known = append(known, f)
				if f == "flakes" {
					known = append(known, "fetch-tree")
				}
			case f == "no-url-literals":
				s.warn("experimental feature '%s' has been stabilized and renamed; use 'lint-url-literals = fatal' setting instead", f)
			default:
				s.warn("unknown experimental feature '%s'", f)
			}
		}
		slices.Sort(known)
		return strings.Join(slices.Compact(known), " "), nil
	case Set, Paths:
		words := strings.Fields(text)
		slices.Sort(words)
		return strings.Join(slices.Compact(words), " "), nil
	case List, Stores:
		return strings.Join(strings.Fields(text), " "), nil
	case Map:
		m := map[string]string{}
		for _, w := range strings.Fields(text) {
			if k, v, ok := strings.Cut(w, "="); ok {
				m[k] = v
			}
		}
		var words []string
		for _, k := range slices.Sorted(maps.Keys(m)) {
			words = append(words, k+"="+m[k])
		}
		return strings.Join(words, " "), nil
	}
	return text, nil
}

// ParseSize reads a number that may end in K, M, G or T (powers of 1024).
func ParseSize(text string) (uint64, bool) {
	shift := 0
	if text != "" {
		if i := strings.IndexByte("KMGT", text[len(text)-1]&^0x20); i >= 0 {
			shift, text = 10*(i+1), text[:len(text)-1]
		}
	}
	n, err := strconv.ParseUint(text, 10, 64)
	if err != nil || n<<shift>>shift != n {
		return 0, false
	}
	return n << shift, true
}

// Get returns a setting's value as text. It panics for a name that is none,
// which is a mistake in the program.
func (s *Settings) Get(name string) string {
	d, ok := s.Lookup(name)
	if !ok {
		panic("no such setting: " + name)
	}
	if v := s.values[d.Name]; v != nil {
		return v.text
	}
	if d.Computed {
		return s.computed(d)
	}
	return d.Default
}

// computed gives the defaults that depend on the machine.
func (s *Settings) computed(d *Definition) string {
	switch d.Name {
	case "system-features":
		return strings.Join(systemFeatures(), " ")
	case "extra-platforms":
		return strings.Join(extraPlatforms(), " ")
	}
	return d.Default
}

// Overridden says whether somebody set the setting.
func (s *Settings) Overridden(name string) bool {
	d, ok := s.Lookup(name)
	if !ok {
		return false
	}
	v := s.values[d.Name]
	return v != nil && v.overridden
}

// Bool returns a setting of kind Bool.
func (s *Settings) Bool(name string) bool { return s.Get(name) == "true" }

// Int returns a setting of kind Int or Jobs.
func (s *Settings) Int(name string) uint64 {
	n, _ := strconv.ParseUint(s.Get(name), 10, 64)
	return n
}

// Words returns a setting of a kind made of words.
func (s *Settings) Words(name string) []string { return strings.Fields(s.Get(name)) }

// FeatureEnabled says whether an experimental feature is on; "" always is.
func (s *Settings) FeatureEnabled(name string) bool {
	return name == "" || slices.Contains(s.Words("experimental-features"), name)
}

// System is the system to build for: the setting, else this machine.
func (s *Settings) System() string {
	if v := s.Get("system"); v != "" {
		return v
	}
	return ThisSystem()
}

// ThisSystem names the machine as derivations do, x86_64-linux say.
func ThisSystem() string {
	cpu := runtime.GOARCH
	switch cpu {
	case "amd64":
		cpu = "x86_64"
	case "arm64":
		cpu = "aarch64"
	case "386":
		cpu = "i686"
	case "arm":
		cpu = "armv7l"
	case "loong64":
		cpu = "loongarch64"
	case "ppc64le":
		cpu = "powerpc64le"
	}
	return cpu + "-" + runtime.GOOS
}

// JSON returns a setting's value as encoding/json wants it.
func (s *Settings) JSON(d *Definition, text string) any {
	switch d.Kind {
	case Bool:
		return text == "true"
	case Int, Jobs:
		n, _ := strconv.ParseUint(text, 10, 64)
		return n
	case OptString, OptPath:
		if text == "" {
			return nil
		}
		return text
	case List, Set, Features, Stores:
		return append([]string{}, strings.Fields(text)...)
	case Map:
		m := map[string]string{}
		for _, w := range strings.Fields(text) {
			k, v, _ := strings.Cut(w, "=")
			m[k] = v
		}
		return m
	case Paths:
		m := map[string]any{}
		for _, p := range ParsePaths(text) {
			m[p.Inside] = map[string]any{"source": p.Outside, "optional": p.Optional}
		}
		return m
	case Sandbox:
		if text == "relaxed" {
			return text
		}
		return text == "true"
	}
	return text
}

// SandboxPath is one entry of sandbox-paths.
type SandboxPath struct {
	Inside, Outside string
	Optional        bool
}

// ParsePaths reads the words of sandbox-paths, sorted by Inside.
func ParsePaths(text string) []SandboxPath {
	var out []SandboxPath
	for _, w := range strings.Fields(text) {
		var p SandboxPath
		w, p.Optional = strings.CutSuffix(w, "?")
		if in, outside, ok := strings.Cut(w, "="); ok {
			p.Inside, p.Outside = in, outside
		} else {
			p.Inside, p.Outside = w, w
		}
		out = append(out, p)
	}
	sort.Slice(out, func(i, j int) bool { return out[i].Inside < out[j].Inside })
	return out
}
