package derivation

import (
	"encoding/binary"
	"math/bits"
	"slices"
	"sync"
	"unsafe"

	"github.com/seed192a40f6/glang/store/hash"
	"github.com/seed192a40f6/glang/store/storepath"
)

// layout is a derivation as text with gaps, from which the forms that are
// hashed and the form that is stored are assembled by copying. Sorting and
// escaping, which cost more than the hashing, are so done once.
//
// The gaps are where the forms differ: the paths of outputs, the values of
// the variables named like outputs, and the list of input derivations.
type layout struct {
	// text is the form without anything in the gaps.
	text []byte
	// inputs is where the list of input derivations goes.
	inputs int
	gaps   []gap
	keys   []string
	paths  []storepath.Path
	// scratch is where forms to be hashed are assembled, list the list of
	// input derivations in them.
	scratch []byte
	list    []byte
	drvs    []hashedInput
	modulo  *modulo // see Hasher.finish
}

// gap is a place in a layout's text, between two quotes, for an output's path
// or its variable.
type gap struct {
	at     int
	output string
	env    bool
}

var layouts = sync.Pool{New: func() any { return new(layout) }}

// ATerm is the text in which the derivation is stored.
func (d *Derivation) ATerm(s storepath.Scheme) []byte {
	l := d.layout(s)
	defer layouts.Put(l)
	return l.stored(nil, d, s)
}

// Path is the store path of the derivation's text.
func Path(s storepath.Scheme, d *Derivation) (storepath.Path, error) {
	l := d.layout(s)
	defer layouts.Put(l)
	l.scratch = l.stored(l.scratch[:0], d, s)
	return l.path(d, s, l.scratch)
}

// path is the path of the stored form, text.
func (l *layout) path(d *Derivation, s storepath.Scheme, text []byte) (storepath.Path, error) {
	l.paths = d.appendReferences(l.paths[:0])
	return s.TextPath(d.Name+storepath.DrvExtension, hash.Sum(s.Hash, text), l.paths)
}

// layout lays the derivation out. The caller returns it to the pool.
func (d *Derivation) layout(s storepath.Scheme) *layout {
	l := layouts.Get().(*layout)
	l.lay(d, s)
	return l
}

func (l *layout) lay(d *Derivation, s storepath.Scheme) {
	l.gaps = l.gaps[:0]
	b := l.text[:0]
	if d.HasDynamicInputs() {
		b = append(b, `DrvWithVersion("xp-dyn-drv",[`...)
	} else {
		b = append(b, `Derive([`...)
	}
	l.keys = sortedKeys(l.keys, d.Outputs)
	for i, name := range l.keys {
		o := d.Outputs[name]
		if i > 0 {
			b = append(b, ',')
		}
		b = append(b, '(')
		b = quoted(b, name)
		b = append(b, `,"`...)
		l.gaps = append(l.gaps, gap{at: len(b), output: name})
		b = append(b, `","`...)
		if o.Kind == Fixed || o.Kind == Floating || o.Kind == Impure {
			b = append(b, o.Method.Prefix()...)
			b = append(b, o.Algo.String()...)
		}
		b = append(b, `","`...)
		switch o.Kind {
		case Fixed:
			b = o.Hash.AppendBase16(b)
		case Impure:
			b = append(b, "impure"...)
		}
		b = append(b, `")`...)
	}
	b = append(b, "],["...)
	l.inputs = len(b)
	b = append(b, "],["...)
	l.paths = append(l.paths[:0], d.InputSrcs...)
	slices.SortFunc(l.paths, storepath.Compare)
	for i, p := range slices.Compact(l.paths) {
		if i > 0 {
			b = append(b, ',')
		}
		b = quotedPath(b, s, p)
	}
	b = append(b, "],"...)
	b = quoted(b, d.Platform)
	b = append(b, ',')
	b = escaped(b, d.Builder)
	b = append(b, ",["...)
	for i, arg := range d.Args {
		if i > 0 {
			b = append(b, ',')
		}
		b = escaped(b, arg)
	}
	b = append(b, "],["...)
	l.keys = sortedKeys(l.keys, d.Env)
	for i, key := range l.keys {
		if i > 0 {
			b = append(b, ',')
		}
		b = append(b, '(')
		b = escaped(b, key)
		b = append(b, ',')
		if _, ok := d.Outputs[key]; ok {
			b = append(b, '"')
			l.gaps = append(l.gaps, gap{at: len(b), output: key, env: true})
			b = append(b, '"')
		} else {
			b = escaped(b, d.Env[key])
		}
		b = append(b, ')')
	}
	l.text = append(b, "])"...)
}

// assemble appends the text with the given list of inputs, and with what
// belongs in the gaps unless masked.
func (l *layout) assemble(dst []byte, d *Derivation, s storepath.Scheme, inputs []byte, masked bool) []byte {
	done := 0
	copyTo := func(at int) {
		// No gap stands right where the inputs go, so this happens once.
		if done < l.inputs && l.inputs < at {
			dst = append(dst, l.text[done:l.inputs]...)
			dst = append(dst, inputs...)
			done = l.inputs
		}
		dst = append(dst, l.text[done:at]...)
		done = at
	}
	if !masked {
		for _, g := range l.gaps {
			copyTo(g.at)
			if g.env {
				dst = escape(dst, d.Env[g.output])
			} else if p, err := d.OutputPath(s, g.output); err == nil && !p.IsZero() {
				// An error is about the derivation's name; naming its
				// own path will report it.
				dst = append(dst, s.Dir...)
				dst = append(dst, '/')
				dst = append(dst, p.String()...)
			}
		}
	}
	copyTo(len(l.text))
	return dst
}

// stored appends the form to be stored; without dst, to memory of its own.
func (l *layout) stored(dst []byte, d *Derivation, s storepath.Scheme) []byte {
	l.list = l.realInputs(l.list[:0], d, s)
	if dst == nil {
		dst = make([]byte, 0, len(l.text)+len(l.list)+len(l.gaps)*(len(s.Dir)+80))
	}
	return l.assemble(dst, d, s, l.list, false)
}

// realInputs appends the list of input derivations as it is stored.
func (l *layout) realInputs(b []byte, d *Derivation, s storepath.Scheme) []byte {
	l.paths = l.paths[:0]
	for p := range d.InputDrvs {
		l.paths = append(l.paths, p)
	}
	slices.SortFunc(l.paths, storepath.Compare)
	for i, p := range l.paths {
		if i > 0 {
			b = append(b, ',')
		}
		b = append(b, '(')
		b = quotedPath(b, s, p)
		b = append(b, ',')
		b = inputOutputs(b, d.InputDrvs[p])
		b = append(b, ')')
	}
	return b
}

func inputOutputs(b []byte, in InputOutputs) []byte {
	if len(in.Dynamic) == 0 {
		return quotedList(b, in.Names)
	}
	b = append(b, '(')
	b = quotedList(b, in.Names)
	b = append(b, ",["...)
	for i, name := range sortedKeys(nil, in.Dynamic) {
		if i > 0 {
			b = append(b, ',')
		}
		b = append(b, '(')
		b = quoted(b, name)
		b = append(b, ',')
		b = inputOutputs(b, in.Dynamic[name])
		b = append(b, ')')
	}
	return append(b, "])"...)
}

func sortedKeys[V any](keys []string, m map[string]V) []string {
	keys = keys[:0]
	for k := range m {
		keys = append(keys, k)
	}
	slices.Sort(keys)
	return keys
}

func quotedList(b []byte, ss []string) []byte {
	b = append(b, '[')
	for i, s := range ss {
		if i > 0 {
			b = append(b, ',')
		}
		b = quoted(b, s)
	}
	return append(b, ']')
}

// quoted appends a string of which the format does not escape anything.
func quoted(b []byte, s string) []byte {
	b = append(b, '"')
	b = append(b, s...)
	return append(b, '"')
}

func quotedPath(b []byte, s storepath.Scheme, p storepath.Path) []byte {
	b = append(b, '"')
	b = append(b, s.Dir...)
	b = append(b, '/')
	b = append(b, p.String()...)
	return append(b, '"')
}

// escaped appends a string with quotes.
func escaped(b []byte, s string) []byte {
	b = append(b, '"')
	b = escape(b, s)
	return append(b, '"')
}

// escape appends a string without quotes. What needs no escaping is copied in
// runs.
func escape(b []byte, s string) []byte {
	for {
		i := special(s)
		if i < 0 {
			return append(b, s...)
		}
		b = append(b, s[:i]...)
		b = append(b, '\\')
		switch s[i] {
		case '\n':
			b = append(b, 'n')
		case '\r':
			b = append(b, 'r')
		case '\t':
			b = append(b, 't')
		default:
			b = append(b, s[i])
		}
		s = s[i+1:]
	}
}

// special is where the first byte stands that is escaped, or -1. It looks at
// eight bytes at a time, for most have no such byte.
func special(s string) int {
	const ones, tops = 0x0101010101010101, 0x8080808080808080
	b := unsafe.Slice(unsafe.StringData(s), len(s))
	i := 0
	for ; i+8 <= len(b); i += 8 {
		x := binary.LittleEndian.Uint64(b[i:])
		quote, backslash := x^ones*'"', x^ones*'\\'
		// The top bit of each byte that is zero, or below a space; those
		// behind the first may be wrong.
		found := ((quote-ones)&^quote | (backslash-ones)&^backslash | (x-ones*' ')&^x) & tops
		for ; found != 0; found &= found - 1 {
			k := i + bits.TrailingZeros64(found)/8
			if isSpecial(b[k]) {
				return k
			}
		}
	}
	for ; i < len(b); i++ {
		if isSpecial(b[i]) {
			return i
		}
	}
	return -1
}

func isSpecial(c byte) bool {
	return c == '"' || c == '\\' || c == '\n' || c == '\r' || c == '\t'
}
