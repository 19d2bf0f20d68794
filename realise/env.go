//go:build unix

package realise

import (
	"fmt"
	"maps"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"github.com/seed192a40f6/glang/store"
	"github.com/seed192a40f6/glang/store/hash"
	"github.com/seed192a40f6/glang/store/storepath"
)

// homeDir is a home that must not exist, lest builds read from it.
const homeDir = "/homeless-shelter"

// buildEnv is what a builder gets to see: variables and files in its directory.
type buildEnv struct {
	vars  map[string]string
	files map[string]string // by name in the build directory
}

// environment prepares what the builder is told. top is the build directory
// as the builder knows it; rewrites are applied by the caller.
func (b *build) environment(top string) (*buildEnv, error) {
	e := &buildEnv{vars: map[string]string{}, files: map[string]string{}}
	// Shells put their own default where there is no PATH.
	e.vars["PATH"] = "/path-not-set"
	e.vars["HOME"] = homeDir
	e.vars["NIX_STORE"] = b.r.scheme.Dir
	e.vars["NIX_BUILD_CORES"] = strconv.Itoa(b.r.opts.Cores)
	if err := b.attributes(e, top); err != nil {
		return nil, err
	}
	e.vars["NIX_BUILD_TOP"] = top
	for _, name := range []string{"TMPDIR", "TEMPDIR", "TMP", "TEMP", "PWD"} {
		e.vars[name] = top
	}
	if b.typ.IsFixed() {
		e.vars["NIX_OUTPUT_CHECKED"] = "1" // for builders that would check it themselves
	}
	if !b.typ.IsSandboxed() {
		for _, name := range b.opts.ImpureEnvVars {
			e.vars[name] = b.r.getenv(name)
		}
	}
	e.vars["NIX_LOG_FD"] = "2"
	e.vars["TERM"] = "xterm-256color"
	return e, nil
}

func (r *Realiser) getenv(name string) string {
	if v, ok := r.opts.ImpureEnv[name]; ok {
		return v
	}
	if r.opts.Getenv == nil {
		return ""
	}
	return r.opts.Getenv(name)
}

// attributes adds the derivation's own environment.
func (b *build) attributes(e *buildEnv, top string) error {
	if b.opts.Structured != nil {
		text, shell, err := b.structuredAttrs()
		if err != nil {
			return err
		}
		e.files[".attrs.sh"], e.files[".attrs.json"] = shell, text
		e.vars["NIX_ATTRS_SH_FILE"] = filepath.Join(top, ".attrs.sh")
		e.vars["NIX_ATTRS_JSON_FILE"] = filepath.Join(top, ".attrs.json")
		return nil
	}
	for name, value := range b.drv.Env {
		if !slices.Contains(b.opts.PassAsFile, name) {
			e.vars[name] = value
			continue
		}
		file := ".attr-" + hash.SumString(hash.SHA256, name).Nix32()
		e.files[file] = value
		e.vars[name+"Path"] = filepath.Join(top, file)
	}
	for file, roots := range b.opts.ExportReferencesGraph {
		paths, err := b.exportedReferences(roots)
		if err != nil {
			return err
		}
		text, err := b.r.validityRegistration(paths)
		if err != nil {
			return err
		}
		e.files[file] = text
	}
	return nil
}

// exportedReferences is the closure of paths that the builder wants described;
// for derivations in it, with the closures of their outputs.
func (b *build) exportedReferences(roots []string) ([]storepath.Path, error) {
	var start []storepath.Path
	for _, root := range roots {
		p, _, err := b.r.scheme.ToStorePath(b.rewriteInputs(root))
		if err != nil {
			return nil, err
		}
		if _, found := slices.BinarySearchFunc(b.inputs, p, storepath.Compare); !found {
			return nil, b.r.failf(InputRejected, b.path,
				"cannot export references of path '%s' because it is not in the input closure of the derivation", b.r.print(p))
		}
		start = append(start, p)
	}
	paths, err := b.r.store.Closure(start, store.ClosureOptions{})
	if err != nil {
		return nil, err
	}
	var outputs []storepath.Path
	for _, p := range paths {
		if !p.IsDerivation() {
			continue
		}
		d, err := b.r.ReadDerivation(p)
		if err != nil {
			return nil, err
		}
		for name := range d.Outputs {
			out, err := d.OutputPath(b.r.scheme, name)
			if err != nil {
				return nil, err
			}
			if out.IsZero() {
				return nil, fmt.Errorf("exportReferences on CA derivations is not yet implemented")
			}
			outputs = append(outputs, out)
		}
	}
	if len(outputs) == 0 {
		return paths, nil
	}
	return b.r.store.Closure(append(paths, outputs...), store.ClosureOptions{})
}

// validityRegistration describes paths as a plain text: each with its
// (unknown) deriver, the number of its references and those.
func (r *Realiser) validityRegistration(paths []storepath.Path) (string, error) {
	var s strings.Builder
	for _, p := range paths {
		info, err := r.store.PathInfo(p)
		if err != nil {
			return "", err
		}
		fmt.Fprintf(&s, "%s\n\n%d\n", r.print(p), len(info.References))
		for _, ref := range info.References {
			s.WriteString(r.print(ref) + "\n")
		}
	}
	return s.String(), nil
}

// list gives the environment in the order of names, with rewrites applied.
func (e *buildEnv) list(rewrite func(string) string) []string {
	l := make([]string, 0, len(e.vars))
	for _, name := range slices.Sorted(maps.Keys(e.vars)) {
		l = append(l, rewrite(name+"="+e.vars[name]))
	}
	return l
}

// rewriteInputs replaces what stands for outputs of inputs.
func (b *build) rewriteInputs(s string) string {
	if b.inputRewrites == nil {
		return s
	}
	return b.inputRewrites.Replace(s)
}
