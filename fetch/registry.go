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
	"strings"

	"github.com/seed192a40f6/glang/lang/flakeref"
	"github.com/seed192a40f6/glang/store"
	"github.com/seed192a40f6/glang/store/hash"
	"github.com/seed192a40f6/glang/store/nar"
	"github.com/seed192a40f6/glang/store/storepath"
)

// registry says what names of flakes stand for.
type registry struct {
	Version int `json:"version"`
	Flakes  []struct {
		From  flakeref.Attrs `json:"from"`
		To    flakeref.Attrs `json:"to"`
		Exact bool           `json:"exact"`
	} `json:"flakes"`
}

// maxIndirections bounds names that stand for names.
const maxIndirections = 100

// resolve finds what a name stands for in the registries, the first of which
// that knows it counts. A branch or revision given with the name goes along.
func (f *Fetcher) resolve(ctx context.Context, attrs flakeref.Attrs) (flakeref.Attrs, error) {
	asked := attrs
	for range maxIndirections {
		if attrs["type"] != "indirect" {
			return attrs, nil
		}
		to, err := f.lookup(ctx, attrs)
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

func (f *Fetcher) lookup(ctx context.Context, attrs flakeref.Attrs) (flakeref.Attrs, error) {
	for _, where := range f.o.Registries {
		r, err := f.registry(ctx, where)
		if err != nil {
			return nil, err
		}
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
			return to, nil
		}
	}
	return nil, nil
}

// registry reads a registry: a file, or an address that it is downloaded from.
func (f *Fetcher) registry(ctx context.Context, where string) (*registry, error) {
	r := new(registry)
	file := where
	if !filepath.IsAbs(where) {
		e, err := f.download(ctx, where, "registry", func(file string) (entry, error) {
			p, err := f.o.Store.AddTree("flake-registry.json", nar.OS(), file, store.AddOptions{Method: storepath.Flat, Algo: hash.SHA256})
			return entry{Path: p}, err
		})
		if err != nil {
			return nil, err
		}
		file = f.real(e.Path)
	}
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
	if r.Version != 2 {
		return nil, fmt.Errorf("flake registry '%s' has unsupported version %d", where, r.Version)
	}
	for _, e := range r.Flakes {
		for k, v := range e.To {
			if n, ok := v.(json.Number); ok {
				e.To[k], _ = n.Int64()
			}
		}
	}
	return r, nil
}
