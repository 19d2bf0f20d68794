//go:build unix

package profile

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
	"strconv"
	"strings"

	"github.com/seed192a40f6/glang/derivation"
	"github.com/seed192a40f6/glang/realise"
	"github.com/seed192a40f6/glang/store"
	"github.com/seed192a40f6/glang/store/storepath"
)

// DefaultPriority is the priority of a package that has none; the lower
// number wins where files collide.
const DefaultPriority = 5

// manifestVersion is the version of the manifest's form, that of the reference.
const manifestVersion = 3

// manifestName is the manifest's name in an environment and in the store.
const manifestName = "manifest.json"

// Element is an installed package.
type Element struct {
	Active     bool     `json:"active"`
	Priority   int      `json:"priority"`
	StorePaths []string `json:"storePaths"` // full names
	// File and Attr say what was evaluated to get it; empty for a store path.
	File string `json:"file,omitempty"`
	Attr string `json:"attr,omitempty"`
	// AttrPath, OriginalURL, URL and Outputs are those of a flake.
	AttrPath    string   `json:"attrPath,omitempty"`
	OriginalURL string   `json:"originalUrl,omitempty"`
	URL         string   `json:"url,omitempty"`
	Outputs     []string `json:"outputs,omitempty"`
}

// Manifest lists what an environment is made from, by name.
type Manifest struct {
	Version  int                `json:"version"`
	Elements map[string]Element `json:"elements"`
}

// ErrOldEnvironment says that a profile was made by the older tools.
var ErrOldEnvironment = errors.New("was made by 'nix-env' and can only be changed by it")

// ReadManifest reads the manifest of an environment; one that does not exist
// has no elements.
func ReadManifest(env string) (*Manifest, error) {
	text, err := os.ReadFile(filepath.Join(env, manifestName))
	if errors.Is(err, fs.ErrNotExist) {
		if _, err := os.Lstat(filepath.Join(env, "manifest.nix")); err == nil {
			return nil, fmt.Errorf("the profile '%s' %w", env, ErrOldEnvironment)
		}
		return &Manifest{Version: manifestVersion, Elements: map[string]Element{}}, nil
	}
	if err != nil {
		return nil, fmt.Errorf("reading the manifest of '%s': %w", env, err)
	}
	m := &Manifest{}
	if err := json.Unmarshal(text, m); err != nil {
		return nil, fmt.Errorf("reading the manifest of '%s': %w", env, err)
	}
	if m.Version != manifestVersion {
		return nil, fmt.Errorf("profile manifest '%s' has unsupported version %d", filepath.Join(env, manifestName), m.Version)
	}
	if m.Elements == nil {
		m.Elements = map[string]Element{}
	}
	return m, nil
}

// Clone returns a copy whose elements may be changed.
func (m *Manifest) Clone() *Manifest {
	return &Manifest{Version: m.Version, Elements: maps.Clone(m.Elements)}
}

// Names are the names of the elements, sorted.
func (m *Manifest) Names() []string { return slices.Sorted(maps.Keys(m.Elements)) }

// Add enters an element under a name, or NAME-1, NAME-2 … if others have it.
func (m *Manifest) Add(name string, e Element) string {
	free := name
	for i := 1; ; i++ {
		if _, taken := m.Elements[free]; !taken {
			m.Elements[free] = e
			return free
		}
		free = fmt.Sprintf("%s-%d", name, i)
	}
}

// Conflict says that two packages of equal priority have a file of the same
// name.
type Conflict struct {
	// FileA belongs to element A, FileB to B; an element's name is empty if
	// the file is in none.
	A, B, FileA, FileB string
	Priority           int
}

func (c *Conflict) Error() string {
	return fmt.Sprintf("two packages have the same file:\n\n  %s\n  %s", c.FileA, c.FileB)
}

// Build makes the environment that a manifest describes, by a derivation of
// its own. Colliding files are a *Conflict.
func (m *Manifest) Build(ctx context.Context, s *store.Store, r *realise.Realiser) (storepath.Path, error) {
	scheme := s.Scheme()
	text, err := json.Marshal(m)
	if err != nil {
		return storepath.Path{}, err
	}
	var refs []storepath.Path
	var words []string
	for _, name := range m.Names() {
		e := m.Elements[name]
		words = append(words, strconv.FormatBool(e.Active), strconv.Itoa(e.Priority), strconv.Itoa(len(e.StorePaths)))
		for _, p := range e.StorePaths {
			path, err := scheme.Parse(p)
			if err != nil {
				return storepath.Path{}, fmt.Errorf("the package '%s': %w", name, err)
			}
			refs = append(refs, path)
			words = append(words, p)
		}
	}
	slices.SortFunc(refs, storepath.Compare)
	refs = slices.Compact(refs)
	manifest, err := s.AddText(manifestName, text, refs)
	if err != nil {
		return storepath.Path{}, err
	}
	d := &derivation.Derivation{
		Name:      "environment",
		Outputs:   map[string]derivation.Output{"out": {Kind: derivation.Deferred}},
		InputSrcs: append(slices.Clone(refs), manifest),
		Platform:  "builtin",
		Builder:   "builtin:buildenv",
		Env: map[string]string{
			"name": "environment", "system": "builtin", "builder": "builtin:buildenv", "out": "",
			"derivations": strings.Join(words, " "), "manifest": scheme.Print(manifest),
			"preferLocalBuild": "1", "allowSubstitutes": "",
		},
	}
	slices.SortFunc(d.InputSrcs, storepath.Compare)
	if err := derivation.NewHasher(scheme, s.ReadDerivation).FillOutputs(d); err != nil {
		return storepath.Path{}, err
	}
	drv, err := s.WriteDerivation(d)
	if err != nil {
		return storepath.Path{}, err
	}
	results, err := r.Realise(ctx, []realise.Target{{Drv: drv}}, realise.Normal)
	if err != nil {
		var c *realise.FileConflict
		if errors.As(err, &c) {
			return storepath.Path{}, &Conflict{A: m.owner(c.A), B: m.owner(c.B), FileA: c.A, FileB: c.B, Priority: c.Priority}
		}
		return storepath.Path{}, err
	}
	return results[0].Outputs["out"], nil
}

// owner is the element that a file in the store belongs to.
func (m *Manifest) owner(file string) string {
	for _, name := range m.Names() {
		for _, p := range m.Elements[name].StorePaths {
			if file == p || strings.HasPrefix(file, p+"/") {
				return name
			}
		}
	}
	return ""
}

// Update changes the profile's packages: change gets a copy of the manifest.
// If somebody else changes the profile meanwhile, it starts again. It returns
// the manifests before and after; change may leave the manifest as it is, and
// then nothing happens.
func (p *Profile) Update(ctx context.Context, s *store.Store, r *realise.Realiser, change func(*Manifest) error) (before, after *Manifest, err error) {
	for {
		token := p.Current()
		if before, err = ReadManifest(p.Path); err != nil {
			return nil, nil, err
		}
		after = before.Clone()
		if err := change(after); err != nil {
			return nil, nil, err
		}
		if same(before, after) {
			return before, after, nil
		}
		env, err := after.Build(ctx, s, r)
		if err != nil {
			return nil, nil, err
		}
		done, err := p.commit(s, env, token)
		if err != nil {
			return nil, nil, err
		}
		if done {
			return before, after, nil
		}
		p.notice("the profile '%s' was changed by somebody else meanwhile; starting again", p.Path)
	}
}

func same(a, b *Manifest) bool {
	x, _ := json.Marshal(a)
	y, _ := json.Marshal(b)
	return string(x) == string(y)
}

// commit makes env the new generation unless the profile is not as it was.
func (p *Profile) commit(s *store.Store, env storepath.Path, token string) (bool, error) {
	unlock, err := p.Lock()
	if err != nil {
		return false, err
	}
	defer unlock()
	if p.Current() != token {
		return false, nil
	}
	g, err := p.Create(s, env)
	if err != nil {
		return false, err
	}
	return true, p.SwitchTo(g)
}
