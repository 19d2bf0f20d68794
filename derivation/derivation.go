// Package derivation has store derivations: the descriptions of builds that
// the language produces and the realiser carries out.
//
// A [Derivation] says which program to run with which arguments and
// environment, which store objects it needs (outputs of other derivations,
// and sources) and which outputs it makes. It is stored as a text, an
// [Derivation.ATerm], whose store path names the derivation.
//
// How the path of an output comes about depends on the [Kind] of the output:
//
//	InputAddressed  from the derivation itself, in which the paths of the
//	                outputs are masked and each input derivation is replaced
//	                by a hash of the same sort ("modulo"); see [Hasher]
//	Fixed           from the hash of its contents, known beforehand
//	Floating        from the hash of its contents, once it is built
//	Deferred        as InputAddressed, once the inputs whose own paths are
//	                not known yet have been built
//	Impure          as Floating, and each build may give another one
//
// Fixed outputs are what makes the "modulo" useful: a derivation that fetches
// a file from elsewhere, but with the same hash, changes no path that depends
// on it.
package derivation

import (
	"errors"
	"slices"
	"strings"

	"github.com/seed192a40f6/glang/store/hash"
	"github.com/seed192a40f6/glang/store/storepath"
)

// StructuredAttrsKey is the variable of a derivation that holds its
// structured attributes as JSON. Builders see it as files, not as a variable.
const StructuredAttrsKey = "__json"

// Derivation describes a build.
type Derivation struct {
	// Name is that of the derivation, without ".drv".
	Name string
	// Outputs maps the names of outputs to what they are.
	Outputs map[string]Output
	// InputDrvs maps derivations to those of their outputs that are needed.
	InputDrvs map[storepath.Path]InputOutputs
	// InputSrcs are the other store objects that are needed.
	InputSrcs []storepath.Path
	// Platform is the system to build on, "x86_64-linux".
	Platform string
	// Builder is the program, or "builtin:" and a name.
	Builder string
	Args    []string
	// Env is the environment, and under StructuredAttrsKey the structured
	// attributes.
	Env map[string]string
}

// InputOutputs are the outputs of an input derivation that are needed.
type InputOutputs struct {
	// Names are outputs, sorted, each once.
	Names []string
	// Dynamic has outputs that are derivations themselves, and which of their
	// outputs are needed.
	Dynamic map[string]InputOutputs
}

// Add adds an output, keeping the order.
func (in *InputOutputs) Add(output string) {
	if i, found := slices.BinarySearch(in.Names, output); !found {
		in.Names = slices.Insert(in.Names, i, output)
	}
}

// Kind says how the path of an output comes about.
type Kind uint8

// The kinds of outputs. See the package comment.
const (
	Deferred Kind = iota
	InputAddressed
	Fixed
	Floating
	Impure
)

// Output is an output of a derivation. It is comparable.
type Output struct {
	Kind Kind
	// Path is known for InputAddressed and, once computed, Fixed outputs.
	Path storepath.Path
	// Method and Algo belong to Fixed, Floating and Impure outputs.
	Method storepath.Method
	Algo   hash.Algo
	// Hash is that of a Fixed output; its algorithm is Algo.
	Hash hash.Hash
}

// FixedOutput is the output whose contents have the hash h.
func FixedOutput(m storepath.Method, h hash.Hash) Output {
	return Output{Kind: Fixed, Method: m, Algo: h.Algo(), Hash: h}
}

// ContentAddress is the address of a Fixed output, else none.
func (o Output) ContentAddress() storepath.ContentAddress {
	if o.Kind != Fixed {
		return storepath.ContentAddress{}
	}
	return storepath.ContentAddress{Method: o.Method, Hash: o.Hash}
}

// Type is what the outputs of a derivation have in common.
type Type struct {
	// Kind is the kind of all outputs.
	Kind Kind
}

// IsFixed tells whether the contents are known before the build.
func (t Type) IsFixed() bool { return t.Kind == Fixed }

// IsContentAddressed tells whether outputs are named by their contents.
func (t Type) IsContentAddressed() bool {
	return t.Kind == Fixed || t.Kind == Floating || t.Kind == Impure
}

// IsImpure tells whether each build may give other outputs.
func (t Type) IsImpure() bool { return t.Kind == Impure }

// IsSandboxed tells whether the build must be kept from the network: those
// with a fixed hash, and impure ones, may reach it.
func (t Type) IsSandboxed() bool { return t.Kind != Fixed && t.Kind != Impure }

// HasKnownOutputPaths tells whether the paths are known before the build.
func (t Type) HasKnownOutputPaths() bool { return t.Kind == InputAddressed || t.Kind == Fixed }

// Type checks that the outputs go together.
func (d *Derivation) Type() (Type, error) {
	first := true
	var t Type
	var floating hash.Algo
	for name, o := range d.Outputs {
		switch {
		case first:
			t.Kind = o.Kind
		case t.Kind != o.Kind:
			return Type{}, errors.New("can't mix derivation output types")
		case o.Kind == Fixed:
			return Type{}, errors.New("only one fixed output is allowed for now")
		}
		first = false
		if o.Kind == Fixed && name != "out" {
			return Type{}, errors.New(`single fixed output must be named "out"`)
		}
		if o.Kind == Floating {
			if floating != 0 && floating != o.Algo {
				return Type{}, errors.New("all floating outputs must use the same hash algorithm")
			}
			floating = o.Algo
		}
	}
	if first {
		return Type{}, errors.New("must have at least one output")
	}
	return t, nil
}

// OutputNames are the names of the outputs, sorted.
func (d *Derivation) OutputNames() []string {
	names := make([]string, 0, len(d.Outputs))
	for name := range d.Outputs {
		names = append(names, name)
	}
	slices.Sort(names)
	return names
}

// OutputPath is the path of an output, zero if it is not known before the
// build.
func (d *Derivation) OutputPath(s storepath.Scheme, output string) (storepath.Path, error) {
	o := d.Outputs[output]
	if o.Kind != Fixed || !o.Path.IsZero() {
		return o.Path, nil
	}
	return s.FromContentAddress(storepath.OutputName(d.Name, output), o.ContentAddress())
}

// References are what the derivation's own store object refers to: its input
// derivations and sources, sorted, each once. Its outputs are not among them.
func (d *Derivation) References() []storepath.Path {
	return d.appendReferences(make([]storepath.Path, 0, len(d.InputDrvs)+len(d.InputSrcs)))
}

// appendReferences is References in memory that refs, which is empty, brings.
func (d *Derivation) appendReferences(refs []storepath.Path) []storepath.Path {
	for p := range d.InputDrvs {
		refs = append(refs, p)
	}
	refs = append(refs, d.InputSrcs...)
	slices.SortFunc(refs, storepath.Compare)
	return slices.Compact(refs)
}

// IsBuiltin tells whether the builder is part of the realiser, and which.
func (d *Derivation) IsBuiltin() (name string, ok bool) {
	return strings.CutPrefix(d.Builder, "builtin:")
}

// HasDynamicInputs tells whether an output of an output is needed.
func (d *Derivation) HasDynamicInputs() bool {
	for _, in := range d.InputDrvs {
		if len(in.Dynamic) > 0 {
			return true
		}
	}
	return false
}

// Clone is a copy that shares nothing that can change.
func (d *Derivation) Clone() *Derivation {
	c := *d
	c.Outputs = cloneMap(d.Outputs)
	c.InputDrvs = make(map[storepath.Path]InputOutputs, len(d.InputDrvs))
	for p, in := range d.InputDrvs {
		c.InputDrvs[p] = in.clone()
	}
	c.InputSrcs = slices.Clone(d.InputSrcs)
	c.Args = slices.Clone(d.Args)
	c.Env = cloneMap(d.Env)
	return &c
}

func (in InputOutputs) clone() InputOutputs {
	c := InputOutputs{Names: slices.Clone(in.Names)}
	if len(in.Dynamic) > 0 {
		c.Dynamic = make(map[string]InputOutputs, len(in.Dynamic))
		for name, child := range in.Dynamic {
			c.Dynamic[name] = child.clone()
		}
	}
	return c
}

func cloneMap[V any](m map[string]V) map[string]V {
	c := make(map[string]V, len(m))
	for k, v := range m {
		c[k] = v
	}
	return c
}
