package derivation

import (
	"fmt"
	"slices"
	"strings"
	"sync"

	"github.com/seed192a40f6/glang/store/hash"
	"github.com/seed192a40f6/glang/store/storepath"
)

// Hasher computes the hashes modulo fixed outputs of derivations and, from
// them, the paths of their outputs. It remembers the hash of each derivation
// it meets. It may be used by several goroutines at once.
type Hasher struct {
	scheme storepath.Scheme
	lookup func(storepath.Path) (*Derivation, error)
	// known maps a storepath.Path to a *modulo.
	known sync.Map
}

// NewHasher makes a Hasher. lookup reads an input derivation that the Hasher
// has not seen; derivations that went through [Hasher.Finish] it has seen.
func NewHasher(s storepath.Scheme, lookup func(storepath.Path) (*Derivation, error)) *Hasher {
	return &Hasher{scheme: s, lookup: lookup}
}

// modulo is what stands for a derivation in those that depend on it.
type modulo struct {
	// hex is the hash in base 16: of all outputs, or of the one fixed one.
	hex string
	// outputs are the names of the outputs, sorted.
	outputs []string
	// deferred tells that paths depending on this one are not known yet.
	deferred bool
}

// Hashes are the hashes modulo of the outputs of a derivation.
type Hashes struct {
	Outputs map[string]hash.Hash
	// Deferred tells that they do not determine the paths of the outputs,
	// because inputs have to be built first.
	Deferred bool
}

// OutputHashes computes the hashes modulo of the outputs with their paths
// masked, which identify the outputs of derivations addressed by contents.
func (h *Hasher) OutputHashes(d *Derivation) (Hashes, error) {
	l := d.layout(h.scheme)
	defer layouts.Put(l)
	t, err := d.Type()
	if err != nil {
		return Hashes{}, err
	}
	r := Hashes{Outputs: make(map[string]hash.Hash)}
	var sum hash.Hash
	if t.IsFixed() {
		if sum, err = h.fixed(d); err != nil {
			return Hashes{}, err
		}
	} else {
		in, err := h.inputs(l, d)
		if err != nil {
			return Hashes{}, err
		}
		r.Deferred = in.deferred || t.Kind == Floating || t.Kind == Impure
		sum = h.sum(l, d, in.text, true)
	}
	for name := range d.Outputs {
		r.Outputs[name] = sum
	}
	return r, nil
}

// FillOutputs computes the paths of outputs: Deferred ones become
// InputAddressed if the inputs allow it, and variables named like an output
// get its path if they are missing or empty. Paths and variables that are
// there must be right.
func (h *Hasher) FillOutputs(d *Derivation) error {
	l := d.layout(h.scheme)
	defer layouts.Put(l)
	t, err := d.Type()
	if err != nil {
		return err
	}
	var in moduloInputs
	if t.Kind == Deferred || t.Kind == InputAddressed {
		if in, err = h.inputs(l, d); err != nil {
			return err
		}
	}
	return h.fill(l, d, t, in)
}

// Check tells whether the paths of outputs, and the variables that hold them,
// are what FillOutputs would make of them.
func (h *Hasher) Check(d *Derivation) error {
	c := d.Clone()
	if err := h.FillOutputs(c); err != nil {
		return err
	}
	for _, name := range d.OutputNames() {
		path := c.Outputs[name].Path
		if path.IsZero() {
			continue
		}
		want := h.scheme.Print(path)
		if d.Outputs[name].Path.IsZero() {
			return fmt.Errorf("derivation has incorrect deferred output, should be '%s'", want)
		}
		if d.Outputs[name].Kind == InputAddressed {
			continue // as the reference, which looks at the path alone
		}
		if have, ok := d.Env[name]; !ok {
			return fmt.Errorf("derivation has missing environment variable '%s', should be '%s' but is not present", name, want)
		} else if have != want {
			return fmt.Errorf("derivation has incorrect environment variable '%s', should be '%s' but is actually '%s'", name, want, have)
		}
	}
	return nil
}

// Finish is FillOutputs and yields the derivation's text and path. It does
// the common work of the three once, and remembers the derivation's hash.
func (h *Hasher) Finish(d *Derivation) (storepath.Path, []byte, error) {
	l := d.layout(h.scheme)
	defer layouts.Put(l)
	if err := h.finish(l, d); err != nil {
		return storepath.Path{}, nil, err
	}
	text := l.stored(nil, d, h.scheme)
	path, err := h.remember(l, d, text)
	return path, text, err
}

// FinishPath is Finish for those who have no use for the text.
func (h *Hasher) FinishPath(d *Derivation) (storepath.Path, error) {
	l := d.layout(h.scheme)
	defer layouts.Put(l)
	if err := h.finish(l, d); err != nil {
		return storepath.Path{}, err
	}
	l.scratch = l.stored(l.scratch[:0], d, h.scheme)
	return h.remember(l, d, l.scratch)
}

// finish fills the outputs in and notes in l what stands for d in others.
func (h *Hasher) finish(l *layout, d *Derivation) error {
	t, err := d.Type()
	if err != nil {
		return err
	}
	var in moduloInputs
	if !t.IsFixed() {
		if in, err = h.inputs(l, d); err != nil {
			return err
		}
	}
	envSize := len(d.Env)
	if err = h.fill(l, d, t, in); err != nil {
		return err
	}
	if len(d.Env) != envSize {
		l.lay(d, h.scheme) // variables were added, for which there are no gaps
	}
	l.modulo, err = h.modulo(l, d, t, in)
	return err
}

// remember computes the path of a derivation of that text.
func (h *Hasher) remember(l *layout, d *Derivation, text []byte) (storepath.Path, error) {
	path, err := l.path(d, h.scheme, text)
	if err != nil {
		return storepath.Path{}, err
	}
	h.known.Store(path, l.modulo)
	return path, nil
}

// moduloInputs is the result of [Hasher.inputs].
type moduloInputs struct {
	text     []byte // in the layout's memory
	deferred bool
}

// fill computes output paths. in counts where they depend on the inputs.
func (h *Hasher) fill(l *layout, d *Derivation, t Type, in moduloInputs) (err error) {
	switch t.Kind {
	case Fixed:
		for name, o := range d.Outputs {
			o.Path = storepath.Path{}
			d.Outputs[name] = o
			if o.Path, err = d.OutputPath(h.scheme, name); err != nil {
				return err
			}
			d.Outputs[name] = o
			if err := h.fillEnv(d, name, o.Path); err != nil {
				return err
			}
		}
		return nil
	case Floating, Impure:
		return nil
	}
	var sum hash.Hash
	if !in.deferred {
		sum = h.sum(l, d, in.text, true)
	}
	l.keys = sortedKeys(l.keys, d.Outputs)
	for _, name := range l.keys {
		o := d.Outputs[name]
		if in.deferred {
			if o.Kind == InputAddressed {
				return fmt.Errorf("derivation has incorrect output '%s', should be deferred", h.scheme.Print(o.Path))
			}
			continue
		}
		path, err := h.scheme.OutputPath(name, sum, d.Name)
		if err != nil {
			return err
		}
		if o.Kind == InputAddressed {
			if o.Path != path {
				return fmt.Errorf("derivation has incorrect output '%s', should be '%s'", h.scheme.Print(o.Path), h.scheme.Print(path))
			}
			continue
		}
		d.Outputs[name] = Output{Kind: InputAddressed, Path: path}
		if err := h.fillEnv(d, name, path); err != nil {
			return err
		}
	}
	return nil
}

func (h *Hasher) fillEnv(d *Derivation, name string, path storepath.Path) error {
	want := h.scheme.Print(path)
	switch have := d.Env[name]; have {
	case "":
		if d.Env == nil {
			d.Env = make(map[string]string)
		}
		d.Env[name] = want
	case want:
	default:
		return fmt.Errorf("derivation has incorrect environment variable '%s', should be '%s' but is actually '%s'", name, want, have)
	}
	return nil
}

// sum hashes the derivation with its input derivations replaced.
func (h *Hasher) sum(l *layout, d *Derivation, inputs []byte, masked bool) hash.Hash {
	l.scratch = l.assemble(l.scratch[:0], d, h.scheme, inputs, masked)
	return hash.Sum(h.scheme.Hash, l.scratch)
}

// onlyOut are the outputs of most derivations.
var onlyOut = []string{"out"}

// modulo computes what stands for d in derivations that depend on it.
func (h *Hasher) modulo(l *layout, d *Derivation, t Type, in moduloInputs) (*modulo, error) {
	m := &modulo{outputs: onlyOut}
	if _, ok := d.Outputs["out"]; !ok || len(d.Outputs) > 1 {
		m.outputs = d.OutputNames()
	}
	if t.IsFixed() {
		sum, err := h.fixed(d)
		m.hex = sum.Base16()
		return m, err
	}
	m.deferred = in.deferred || t.Kind == Floating || t.Kind == Impure
	m.hex = h.sum(l, d, in.text, false).Base16()
	return m, nil
}

// fixed is the hash modulo of the one output of a fixed-output derivation: it
// knows the contents and the name of the output, and nothing of its origin.
func (h *Hasher) fixed(d *Derivation) (hash.Hash, error) {
	o := d.Outputs["out"]
	path, err := h.scheme.FromContentAddress(storepath.OutputName(d.Name, "out"), o.ContentAddress())
	if err != nil {
		return hash.Hash{}, err
	}
	return hash.SumString(h.scheme.Hash,
		"fixed:out:"+o.ContentAddress().MethodAlgo()+":"+o.Hash.Base16()+":"+h.scheme.Print(path)), nil
}

// of is the modulo of a derivation in the store.
func (h *Hasher) of(p storepath.Path) (*modulo, error) {
	if m, ok := h.known.Load(p); ok {
		return m.(*modulo), nil
	}
	d, err := h.lookup(p)
	if err != nil {
		return nil, err
	}
	t, err := d.Type()
	if err != nil {
		return nil, err
	}
	l := d.layout(h.scheme)
	defer layouts.Put(l)
	var in moduloInputs
	if !t.IsFixed() {
		if in, err = h.inputs(l, d); err != nil {
			return nil, err
		}
	}
	m, err := h.modulo(l, d, t, in)
	if err != nil {
		return nil, err
	}
	h.known.Store(p, m)
	return m, nil
}

// hashedInput is an input derivation as [Hasher.inputs] lists it.
type hashedInput struct {
	hex   string
	names []string
}

// inputs makes the list of input derivations in which each is replaced by its
// hash. Those of the same hash, which differ only in where fixed outputs come
// from, become one.
func (h *Hasher) inputs(l *layout, d *Derivation) (list moduloInputs, err error) {
	l.drvs = l.drvs[:0]
	for p, in := range d.InputDrvs {
		m, err := h.of(p)
		if err != nil {
			return list, err
		}
		list.deferred = list.deferred || m.deferred
		for _, name := range in.Names {
			if _, ok := slices.BinarySearch(m.outputs, name); !ok {
				return list, fmt.Errorf("no hash for output '%s' of derivation '%s'", name, d.Name)
			}
		}
		if len(in.Names) > 0 {
			l.drvs = append(l.drvs, hashedInput{m.hex, in.Names})
		}
	}
	slices.SortFunc(l.drvs, func(a, b hashedInput) int { return strings.Compare(a.hex, b.hex) })
	b := l.list[:0]
	for i := 0; i < len(l.drvs); i++ {
		in := l.drvs[i]
		for ; i+1 < len(l.drvs) && l.drvs[i+1].hex == in.hex; i++ {
			in.names = slices.Concat(in.names, l.drvs[i+1].names)
			slices.Sort(in.names)
			in.names = slices.Compact(in.names)
		}
		if len(b) > 0 {
			b = append(b, ',')
		}
		b = append(b, '(')
		b = quoted(b, in.hex)
		b = append(b, ',')
		b = quotedList(b, in.names)
		b = append(b, ')')
	}
	l.list, list.text = b, b
	return list, nil
}
