package local

import (
	"errors"
	"slices"

	"github.com/seed192a40f6/glang/lang/ast"
	"github.com/seed192a40f6/glang/lang/builtins"
	"github.com/seed192a40f6/glang/lang/diag"
	"github.com/seed192a40f6/glang/lang/eval"
)

// FlakeOutput is something that a flake provides: a set of outputs, or one of
// the kinds that are known.
type FlakeOutput struct {
	Name string
	// Type is empty for sets and for what is left out.
	Type string
	// What says what it is, Detail which one; Quoted tells a name from a text.
	What, Detail string
	Quoted       bool
	// Omitted says why it is left out.
	Omitted string
	// Fields are further facts of it.
	Fields   map[string]string
	Children []*FlakeOutput
}

// JSON is the output as a value for encoding/json.
func (o *FlakeOutput) JSON() map[string]any {
	j := map[string]any{}
	if o.Type != "" {
		j["type"] = o.Type
	}
	for k, v := range o.Fields {
		j[k] = v
	}
	for _, c := range o.Children {
		j[c.Name] = c.JSON()
	}
	return j
}

// ShowFlake says what a flake provides; with what is for other systems than
// system, or in legacyPackages, if that is asked for.
type ShowFlake struct {
	System             string
	AllSystems, Legacy bool
	// Warn is told of what does not belong where it is.
	Warn func(string)

	m *eval.Machine
}

// Outputs are the outputs of a flake, whose value it is given. What was found before an
// evaluation failed is returned with the failure. It runs within Do.
func (s *ShowFlake) Outputs(m *eval.Machine, flake *eval.Value) (root *FlakeOutput, failed *eval.Failure) {
	s.m = m
	root = &FlakeOutput{}
	failed = m.Catch(func() {
		outputs, _ := m.GetAttr(m.ForceAttrs(flake, ast.NoPos, ""), m.E.Sym.Outputs, "")
		s.visit(root, outputs, nil)
	})
	return root, failed
}

// systemFirst and systemSecond are outputs with a set by system, of
// derivations and of sets of such.
var (
	systemFirst  = []string{"defaultPackage", "devShell", "formatter"}
	systemSecond = []string{"checks", "packages", "devShells"}
	plainSets    = []string{"nixosConfigurations", "nixosModules", "defaultApp", "templates", "overlays"}
)

func (s *ShowFlake) visit(o *FlakeOutput, v *eval.Value, at []string) {
	if len(at) == 0 {
		s.recurse(o, v, at)
		return
	}
	f := s.m.Catch(func() {
		ifd := s.m.Catch(func() { s.visitOutput(o, v, at) })
		switch {
		case ifd == nil:
		case errors.Is(ifd.Diag(), builtins.ErrImportFromDerivation):
			o.Omitted = "omitted due to use of import from derivation"
		default:
			ifd.Throw()
		}
	})
	if f != nil && !(at[0] == "legacyPackages" && f.Kind() != diag.Interrupted) {
		f.Throw()
	}
}

func (s *ShowFlake) visitOutput(o *FlakeOutput, v *eval.Value, at []string) {
	in := func(depth int, names []string) bool { return len(at) == depth && slices.Contains(names, at[0]) }
	switch {
	case in(1, plainSets), in(1, systemFirst), in(1, systemSecond), in(2, systemSecond), in(1, []string{"apps"}), in(2, []string{"apps"}):
		s.recurse(o, v, at)
	case in(2, systemFirst), in(3, systemSecond):
		if s.foreign(o, at) {
			return
		}
		if s.m.Force(v, ast.NoPos); s.m.IsDerivation(v) {
			s.derivation(o, v, at)
		} else {
			s.Warn(joinPath(append(slices.Clone(at), "name")) + " is not a derivation")
		}
	case at[0] == "hydraJobs":
		if s.m.Force(v, ast.NoPos); s.m.IsDerivation(v) {
			s.derivation(o, v, at)
		} else {
			s.recurse(o, v, at)
		}
	case at[0] == "legacyPackages":
		s.legacy(o, v, at)
	case in(2, []string{"defaultApp"}), in(3, []string{"apps"}):
		s.app(o, v)
	case in(1, []string{"defaultTemplate"}), in(2, []string{"templates"}):
		o.Type, o.What, o.Detail = "template", "template", s.text(v, "description")
		o.Fields = map[string]string{"description": o.Detail}
	case in(1, []string{"overlay"}), in(2, []string{"overlays"}):
		o.Type, o.What = "nixpkgs-overlay", "Nixpkgs overlay"
	case in(2, []string{"nixosConfigurations"}):
		o.Type, o.What = "nixos-configuration", "NixOS configuration"
	case in(1, []string{"nixosModule"}), in(2, []string{"nixosModules"}):
		o.Type, o.What = "nixos-module", "NixOS module"
	default:
		o.Type, o.What = "unknown", "unknown"
	}
}

func joinPath(at []string) string {
	text := ""
	for i, name := range at {
		if i > 0 {
			text += "."
		}
		text += ast.ShowIdentifier(name)
	}
	return text
}

// foreign leaves out what is for another system.
func (s *ShowFlake) foreign(o *FlakeOutput, at []string) bool {
	if s.AllSystems || at[1] == s.System {
		return false
	}
	o.Omitted = "omitted (use '--all-systems' to show)"
	return true
}

func (s *ShowFlake) legacy(o *FlakeOutput, v *eval.Value, at []string) {
	switch {
	case len(at) == 1:
		s.recurse(o, v, at)
	case !s.Legacy:
		o.Omitted = "omitted (use '--legacy' to show)"
	case s.foreign(o, at):
	default:
		if s.m.Force(v, ast.NoPos); s.m.IsDerivation(v) {
			s.derivation(o, v, at)
		} else if len(at) <= 2 {
			s.recurse(o, v, at)
		}
	}
}

// recurse shows the elements of a set that have anything in them.
func (s *ShowFlake) recurse(o *FlakeOutput, v *eval.Value, at []string) {
	for _, name := range s.names(v) {
		child := s.attr(v, name)
		path := append(slices.Clone(at), name)
		if !s.hasContent(child, path) {
			continue
		}
		c := &FlakeOutput{Name: name}
		o.Children = append(o.Children, c)
		s.visit(c, child, path)
	}
}

// hasContent tells whether an output is more than sets of nothing. Whoever
// writes flakes by means of a library has such in it. What fails is content.
func (s *ShowFlake) hasContent(v *eval.Value, at []string) bool {
	nested := []string{"apps", "checks", "devShells", "legacyPackages", "packages"}
	flat := []string{"formatter", "nixosConfigurations", "nixosModules", "overlays"}
	if !(len(at) <= 2 && slices.Contains(nested, at[0]) || len(at) == 1 && slices.Contains(flat, at[0])) {
		return true
	}
	found := false
	if f := s.m.Catch(func() {
		for _, name := range s.names(v) {
			if found = s.hasContent(s.attr(v, name), append(slices.Clone(at), name)); found {
				return
			}
		}
	}); f != nil {
		if f.Kind() == diag.Interrupted {
			f.Throw()
		}
		return true
	}
	return found
}

func (s *ShowFlake) names(v *eval.Value) []string {
	var names []string
	for n := range s.m.ForceAttrs(v, ast.NoPos, "").All() {
		names = append(names, s.m.E.Symbols.Name(n))
	}
	slices.Sort(names)
	return names
}

func (s *ShowFlake) attr(v *eval.Value, name string) *eval.Value {
	x, _ := s.m.GetAttr(v.Attrs(), s.m.E.Symbols.Intern(name), "")
	return x
}

// text is a string attribute.
func (s *ShowFlake) text(v *eval.Value, name string) string {
	set := s.m.ForceAttrs(v, ast.NoPos, "")
	x, pos := s.m.GetAttr(set, s.m.E.Symbols.Intern(name), "")
	text, _ := s.m.ForceString(x, pos, "")
	return text
}

// description is meta.description, if there is one.
func (s *ShowFlake) description(v *eval.Value) (string, bool) {
	meta, _, ok := v.Attrs().Find(s.m.E.Symbols.Intern("meta"))
	if !ok {
		return "", false
	}
	d, pos, ok := s.m.ForceAttrs(meta, ast.NoPos, "").Find(s.m.E.Symbols.Intern("description"))
	if !ok {
		return "", false
	}
	text, _ := s.m.ForceString(d, pos, "")
	return text, true
}

func (s *ShowFlake) derivation(o *FlakeOutput, v *eval.Value, at []string) {
	o.Type, o.What, o.Detail, o.Quoted = "derivation", "package", s.text(v, "name"), true
	switch {
	case len(at) == 2 && at[0] == "devShell", len(at) >= 2 && at[0] == "devShells":
		o.What = "development environment"
	case len(at) == 3 && at[0] == "checks", at[0] == "hydraJobs":
		o.What = "derivation"
	}
	d, _ := s.description(v)
	o.Fields = map[string]string{"name": o.Detail, "description": d}
}

func (s *ShowFlake) app(o *FlakeOutput, v *eval.Value) {
	set := s.m.ForceAttrs(v, ast.NoPos, "")
	d, ok := s.description(v)
	if _, _, found := set.Find(s.m.E.Sym.Type); !found || s.text(v, "type") != "app" {
		s.m.Fail(diag.Eval, ast.NoPos, "not an app definition")
	}
	o.Type, o.What, o.Detail = "app", "app", "no description"
	if ok {
		o.Detail, o.Fields = d, map[string]string{"description": d}
	}
}
