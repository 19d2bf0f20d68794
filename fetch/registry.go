//go:build unix

package fetch

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/seed192a40f6/glang/lang/eval"
	"github.com/seed192a40f6/glang/lang/flakeref"
	"github.com/seed192a40f6/glang/store"
	"github.com/seed192a40f6/glang/store/hash"
	"github.com/seed192a40f6/glang/store/nar"
	"github.com/seed192a40f6/glang/store/storepath"
)

// Registry says what names of flakes stand for.
type Registry struct {
	Flakes  []RegistryEntry `json:"flakes"`
	Version int             `json:"version"`
}

// RegistryEntry says what one name stands for. "dir" among the attributes of
// To is the folder of the flake.
type RegistryEntry struct {
	Exact bool           `json:"exact,omitempty"`
	From  flakeref.Attrs `json:"from"`
	To    flakeref.Attrs `json:"to"`
}

const registryVersion = 2

// ReadRegistry reads a registry; one that is not there is empty.
func ReadRegistry(file string) (*Registry, error) { return readRegistry(file, file) }

// Remove takes the entries for an input out.
func (r *Registry) Remove(from flakeref.Attrs) {
	r.Flakes = slices.DeleteFunc(r.Flakes, func(e RegistryEntry) bool { return maps.Equal(e.From, from) })
}

// Add adds an entry, in the place of one for the same input.
func (r *Registry) Add(from flakeref.Attrs, to flakeref.Ref) {
	r.Remove(from)
	r.Flakes = append(r.Flakes, RegistryEntry{From: from, To: to.Attrs()})
}

// Write writes a registry to a file, whose folder it makes.
func (r *Registry) Write(file string) error {
	out := Registry{Flakes: r.Flakes, Version: registryVersion}
	if out.Flakes == nil {
		out.Flakes = []RegistryEntry{}
	}
	var b strings.Builder
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	e.SetIndent("", "  ")
	if err := e.Encode(out); err != nil {
		return err
	}
	if err := os.MkdirAll(filepath.Dir(file), 0o777); err != nil {
		return err
	}
	return replaceFile(file, strings.TrimSuffix(b.String(), "\n"))
}

// Registries reads all registries, in the order in which they are asked.
func (f *Fetcher) Registries(ctx context.Context) ([]*Registry, error) {
	all := []*Registry{f.o.Flags}
	for _, where := range f.o.Registries {
		r, err := f.registry(ctx, where)
		if err != nil {
			return nil, err
		}
		all = append(all, r)
	}
	return all, nil
}

// Resolve finds what a reference stands for.
func (f *Fetcher) Resolve(ctx context.Context, ref flakeref.Ref) (flakeref.Ref, error) {
	attrs, err := f.resolve(ctx, ref.Input, eval.AllRegistries)
	if err != nil {
		return ref, err
	}
	resolved, err := flakeref.FromAttrs(attrs)
	if resolved.Dir == "" {
		resolved.Dir = ref.Dir
	}
	return resolved, err
}

// maxIndirections bounds names that stand for names.
const maxIndirections = 100

// resolve finds what a name stands for in the registries, the first of which
// that knows it counts. A branch or revision given with the name goes along.
func (f *Fetcher) resolve(ctx context.Context, attrs flakeref.Attrs, which eval.Registries) (flakeref.Attrs, error) {
	asked := attrs
	for range maxIndirections {
		if attrs["type"] != "indirect" {
			return attrs, nil
		}
		to, err := f.lookup(ctx, attrs, which)
		if err != nil {
			return nil, err
		}
		if to == nil {
			return nil, fmt.Errorf("cannot find flake '%s' in the flake registries", text(asked))
		}
		attrs = to
	}
	return nil, fmt.Errorf("cycle detected in flake registry for '%s'", text(asked))
}

func text(attrs flakeref.Attrs) string {
	u, err := attrs.URL()
	if err != nil {
		return attrs.String()
	}
	return u.String()
}

func (f *Fetcher) lookup(ctx context.Context, attrs flakeref.Attrs, which eval.Registries) (flakeref.Attrs, error) {
	registries := f.o.Registries
	if which == eval.GlobalRegistry {
		registries = registries[len(registries)-f.o.GlobalRegistries:]
	}
	if to := f.o.Flags.find(attrs); to != nil {
		return to, nil
	}
	for _, where := range registries {
		r, err := f.registry(ctx, where)
		if err != nil {
			return nil, err
		}
		if to := r.find(attrs); to != nil {
			return to, nil
		}
	}
	return nil, nil
}

// find is what the first entry that is for an input makes of it, nil if none is.
func (r *Registry) find(attrs flakeref.Attrs) flakeref.Attrs {
	for _, e := range r.Flakes {
		if e.From["type"] != "indirect" || e.From["id"] != attrs["id"] {
			continue
		}
		exact := maps.Equal(e.From, attrs)
		if e.Exact && !exact || e.From["ref"] != nil && e.From["ref"] != attrs["ref"] || e.From["rev"] != nil && e.From["rev"] != attrs["rev"] {
			continue
		}
		to := maps.Clone(e.To)
		for _, name := range []string{"ref", "rev"} {
			if v, ok := attrs[name]; ok && e.From[name] == nil {
				to[name] = v
				if name == "rev" && to["type"] != "git" {
					delete(to, "ref") // a revision says it all
				}
			}
		}
		return to
	}
	return nil
}

// registry reads a registry: a file, or an address that it is downloaded from.
func (f *Fetcher) registry(ctx context.Context, where string) (*Registry, error) {
	file := where
	if !filepath.IsAbs(where) {
		e, err := f.download(ctx, where, "registry", func(file string) (entry, error) {
			p, err := f.o.Store.AddTree("flake-registry.json", nar.OS(), file, store.AddOptions{Method: storepath.Flat, Algo: hash.SHA256})
			return entry{Path: p}, err
		})
		// The store's copy may be collected; one of our own serves without network.
		file = filepath.Join(f.o.CacheDir, "flake-registry.json")
		if err == nil {
			var contents []byte
			if contents, err = os.ReadFile(f.real(e.Path)); err == nil {
				err = replaceFile(file, string(contents))
			}
		} else if _, serr := os.Stat(file); serr == nil && ctx.Err() == nil {
			f.o.Warn(fmt.Sprintf("%v; using cached version", err))
			err = nil
		}
		if err != nil {
			return nil, err
		}
	}
	return readRegistry(file, where)
}

// readRegistry reads a file that came from where.
func readRegistry(file, where string) (*Registry, error) {
	r := new(Registry)
	data, err := os.ReadFile(file)
	if errors.Is(err, fs.ErrNotExist) {
		return r, nil
	}
	if err != nil {
		return nil, err
	}
	d := json.NewDecoder(strings.NewReader(string(data)))
	d.UseNumber()
	if err := d.Decode(r); err != nil {
		return nil, fmt.Errorf("cannot parse flake registry '%s': %w", where, err)
	}
	if r.Version != registryVersion {
		return nil, fmt.Errorf("flake registry '%s' has unsupported version %d", where, r.Version)
	}
	for _, e := range r.Flakes {
		e.To.FixNumbers()
		e.From.FixNumbers()
	}
	return r, nil
}
