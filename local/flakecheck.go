package local

import (
	"fmt"
	"slices"
	"strings"

	"github.com/seed192a40f6/glang/lang/ast"
	"github.com/seed192a40f6/glang/lang/diag"
	"github.com/seed192a40f6/glang/lang/eval"
	"github.com/seed192a40f6/glang/store/storepath"
)

// CheckFlake looks whether what a flake provides is what its names say.
type CheckFlake struct {
	System     string
	AllSystems bool
	// Report is told of errors, and returns whether to go on.
	Report func(error) bool
	// Warn and Log are told what else there is to say.
	Warn, Log func(string)

	// Checks are the derivations of the checks for System, with their paths.
	Checks map[storepath.Path][]string
	// Omitted are the systems that were left out, sorted.
	Omitted []string

	m *eval.Machine
}

// deprecatedOutputs are the names of outputs that have another now.
var deprecatedOutputs = map[string]string{
	"defaultPackage": "packages.<system>.default", "defaultApp": "apps.<system>.default",
	"defaultTemplate": "templates.default", "defaultBundler": "bundlers.<system>.default",
	"overlay": "overlays.default", "devShell": "devShells.<system>.default", "nixosModule": "nixosModules.default",
}

// communityOutputs are outputs of other tools, which are not looked at.
var communityOutputs = []string{
	"lib", "darwinConfigurations", "darwinModules", "flakeModule", "flakeModules", "herculesCI",
	"homeConfigurations", "homeModule", "homeModules", "nixopsConfigurations",
}

// check looks at one output; at is its path.
type check func(c *CheckFlake, at string, v *eval.Value, pos ast.Pos)

// Run checks the outputs of a flake, whose value it is given. It runs within
// Do, and ends at the first error of which Report says so.
func (c *CheckFlake) Run(m *eval.Machine, flake *eval.Value) {
	c.m, c.Checks = m, map[storepath.Path][]string{}
	set := m.ForceAttrs(flake, ast.NoPos, "while evaluating a flake to get its outputs")
	v, pos := m.GetAttr(set, m.E.Sym.Outputs, "")
	outputs := m.ForceAttrs(v, pos, "while evaluating the outputs of a flake")
	for a := range outputs.Ordered(m) {
		name := m.E.Symbols.Name(a.Name)
		c.guard(a.Pos, fmt.Sprintf("while checking flake output '%s'", name), func() { c.output(name, a.Value, a.Pos) })
	}
	slices.Sort(c.Omitted)
	c.Omitted = slices.Compact(c.Omitted)
}

// guard reports what f fails with.
func (c *CheckFlake) guard(pos ast.Pos, what string, f func()) {
	failed := c.m.Catch(func() {
		c.m.Trace(pos, what)
		f()
		c.m.Pop()
	})
	if failed != nil && (failed.Kind() == diag.Interrupted || !c.Report(failed.Diag())) {
		failed.Throw()
	}
}

func (c *CheckFlake) fail(format string, args ...any) {
	c.m.Fail(diag.Eval, ast.NoPos, format, args...)
}

func (c *CheckFlake) output(name string, v *eval.Value, pos ast.Pos) {
	c.Log(fmt.Sprintf("checking flake output '%s'...", name))
	c.m.Force(v, pos)
	if now := deprecatedOutputs[name]; now != "" {
		c.Warn(fmt.Sprintf("flake output attribute '%s' is deprecated; use '%s' instead", name, now))
	}
	switch name {
	case "checks", "packages", "devShells":
		c.bySystem(name, v, pos, func(c *CheckFlake, at string, v *eval.Value, pos ast.Pos) {
			c.each(at, v, pos, (*CheckFlake).derivation)
		})
	case "apps":
		c.bySystem(name, v, pos, func(c *CheckFlake, at string, v *eval.Value, pos ast.Pos) { c.each(at, v, pos, (*CheckFlake).app) })
	case "bundlers":
		c.bySystem(name, v, pos, func(c *CheckFlake, at string, v *eval.Value, pos ast.Pos) { c.each(at, v, pos, (*CheckFlake).bundler) })
	case "formatter", "defaultPackage", "devShell":
		c.bySystem(name, v, pos, (*CheckFlake).derivation)
	case "defaultApp":
		c.bySystem(name, v, pos, (*CheckFlake).app)
	case "defaultBundler":
		c.bySystem(name, v, pos, (*CheckFlake).bundler)
	case "legacyPackages":
		c.bySystem(name, v, pos, func(*CheckFlake, string, *eval.Value, ast.Pos) {})
	case "overlay":
		c.overlay(name, v, pos)
	case "overlays":
		c.each(name, v, pos, (*CheckFlake).overlay)
	case "nixosModule":
		c.module(name, v, pos)
	case "nixosModules":
		c.each(name, v, pos, (*CheckFlake).module)
	case "nixosConfigurations":
		c.each(name, v, pos, (*CheckFlake).nixos)
	case "hydraJobs":
		c.jobs(name, v, pos)
	case "defaultTemplate":
		c.template(name, v, pos)
	case "templates":
		c.each(name, v, pos, (*CheckFlake).template)
	default:
		if !slices.Contains(communityOutputs, name) {
			c.Warn(fmt.Sprintf("unknown flake output '%s'", name))
		}
	}
}

// each checks the elements of a set.
func (c *CheckFlake) each(at string, v *eval.Value, pos ast.Pos, f check) {
	set := c.m.ForceAttrs(v, pos, "")
	for a := range set.Ordered(c.m) {
		f(c, at+"."+ast.ShowIdentifier(c.m.E.Symbols.Name(a.Name)), a.Value, a.Pos)
	}
}

// bySystem checks the elements of a set by system that are for this one.
func (c *CheckFlake) bySystem(name string, v *eval.Value, pos ast.Pos, f check) {
	set := c.m.ForceAttrs(v, pos, "")
	for a := range set.Ordered(c.m) {
		system := c.m.E.Symbols.Name(a.Name)
		if !strings.Contains(system, "-") {
			if err := fmt.Errorf("'%s' is not a valid system type, at %s", system, c.m.E.PosText(a.Pos)); !c.Report(err) {
				c.m.FailErr(ast.NoPos, err)
			}
		}
		if !c.AllSystems && system != c.System {
			c.Omitted = append(c.Omitted, system)
			continue
		}
		f(c, name+"."+system, a.Value, a.Pos)
	}
}

func (c *CheckFlake) derivation(at string, v *eval.Value, pos ast.Pos) {
	c.guard(pos, fmt.Sprintf("while checking the derivation '%s'", at), func() {
		c.Log(fmt.Sprintf("checking derivation %s...", at))
		p := PackageOf(c.m, v, false)
		if p == nil {
			c.fail("flake attribute '%s' is not a derivation", at)
		}
		if !p.HasDrvPath() {
			return
		}
		drv := p.DrvPath()
		c.Log("derivation evaluated to " + c.m.E.Options().Scheme.Print(drv))
		if strings.HasPrefix(at, "checks."+c.System+".") {
			c.Checks[drv] = append(c.Checks[drv], at)
		}
	})
}

// find is an attribute of a set.
func (c *CheckFlake) find(set *eval.Attrs, name string) (*eval.Value, ast.Pos, bool) {
	return set.Find(c.m.E.Symbols.Intern(name))
}

// only refuses attributes that do not belong into a set.
func (c *CheckFlake) only(kind, at string, set *eval.Attrs, names ...string) {
	for n := range set.All() {
		if name := c.m.E.Symbols.Name(n); !slices.Contains(names, name) {
			c.fail("%s '%s' has unsupported attribute '%s'", kind, at, name)
		}
	}
}

func (c *CheckFlake) app(at string, v *eval.Value, pos ast.Pos) {
	c.guard(pos, fmt.Sprintf("while checking the app definition '%s'", at), func() {
		set := c.m.ForceAttrs(v, pos, "")
		if t, pos, ok := c.find(set, "type"); ok {
			c.m.ForceStringNoCtx(t, pos, "")
		} else {
			c.fail("app '%s' lacks attribute 'type'", at)
		}
		if p, pos, ok := c.find(set, "program"); ok {
			c.m.ForceString(p, pos, "")
		} else {
			c.fail("app '%s' lacks attribute 'program'", at)
		}
		if meta, pos, ok := c.find(set, "meta"); !ok {
			c.Warn(fmt.Sprintf("app '%s' lacks attribute 'meta'", at))
		} else if d, pos, ok := c.find(c.m.ForceAttrs(meta, pos, ""), "description"); ok {
			c.m.ForceStringNoCtx(d, pos, "")
		} else {
			c.Warn(fmt.Sprintf("app '%s' lacks attribute 'meta.description'", at))
		}
		c.only("app", at, set, "type", "program", "meta")
	})
}

func (c *CheckFlake) overlay(at string, v *eval.Value, pos ast.Pos) {
	c.guard(pos, fmt.Sprintf("while checking the overlay '%s'", at), func() {
		c.m.Force(v, pos)
		if v.Kind() != eval.KindLambda {
			c.fail("overlay is not a function, but %s instead", c.m.ShowType(v))
		}
		f := c.m.Function(v)
		if name := c.m.E.Symbols.Name(f.Arg); f.Formals != nil || name != "final" && name != "_" && name != "_final" {
			c.fail("overlay does not take an argument named 'final'")
		}
	})
}

func (c *CheckFlake) module(at string, v *eval.Value, pos ast.Pos) {
	c.guard(pos, fmt.Sprintf("while checking the NixOS module '%s'", at), func() { c.m.Force(v, pos) })
}

func (c *CheckFlake) nixos(at string, v *eval.Value, pos ast.Pos) {
	c.guard(pos, fmt.Sprintf("while checking the NixOS configuration '%s'", at), func() {
		top, _ := c.m.SelectPath(v, "config.system.build.toplevel", nil)
		if c.m.Force(top, pos); !c.m.IsDerivation(top) {
			c.fail("attribute 'config.system.build.toplevel' is not a derivation")
		}
	})
}

func (c *CheckFlake) jobs(at string, v *eval.Value, pos ast.Pos) {
	c.guard(pos, fmt.Sprintf("while checking the Hydra jobset '%s'", at), func() {
		c.m.ForceAttrs(v, pos, "")
		if c.m.IsDerivation(v) {
			c.fail("jobset should not be a derivation at top-level")
		}
		c.each(at, v, pos, func(c *CheckFlake, at string, v *eval.Value, pos ast.Pos) {
			c.m.ForceAttrs(v, pos, "")
			if c.m.IsDerivation(v) {
				c.derivation(at, v, pos)
			} else {
				c.jobs(at, v, pos)
			}
		})
	})
}

func (c *CheckFlake) template(at string, v *eval.Value, pos ast.Pos) {
	c.guard(pos, fmt.Sprintf("while checking the template '%s'", at), func() {
		set := c.m.ForceAttrs(v, pos, "")
		if p, pos, ok := c.find(set, "path"); ok {
			name, _ := c.m.CoerceToPath(p, pos, "")
			if _, err := c.m.E.Files().Lstat(name); err != nil {
				c.fail("template '%s' refers to a non-existent path '%s'", at, name)
			}
		} else {
			c.fail("template '%s' lacks attribute 'path'", at)
		}
		if d, pos, ok := c.find(set, "description"); ok {
			c.m.ForceStringNoCtx(d, pos, "")
		} else {
			c.fail("template '%s' lacks attribute 'description'", at)
		}
		c.only("template", at, set, "path", "description", "welcomeText")
	})
}

func (c *CheckFlake) bundler(at string, v *eval.Value, pos ast.Pos) {
	c.guard(pos, fmt.Sprintf("while checking the bundler '%s'", at), func() {
		if c.m.Force(v, pos); v.Kind() != eval.KindLambda {
			c.fail("bundler must be a function")
		}
	})
}
