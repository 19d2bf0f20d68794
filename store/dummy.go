package store

import (
	"bytes"
	"fmt"
	"io"
	"slices"
	"sync"

	"github.com/seed192a40f6/glang/derivation"
	"github.com/seed192a40f6/glang/store/hash"
	"github.com/seed192a40f6/glang/store/nar"
	"github.com/seed192a40f6/glang/store/storepath"
)

// Dummy is a store in memory, dummy://, for evaluating and tests. Read-only,
// as the reference's is unless asked otherwise, it holds nothing.
type Dummy struct {
	scheme   storepath.Scheme
	readOnly bool

	mu      sync.RWMutex
	objects map[storepath.Path]*dummyObject
}

type dummyObject struct {
	info    PathInfo
	archive []byte
	outputs map[string]storepath.Path // of a derivation
}

// NewDummy makes an empty store.
func NewDummy(scheme storepath.Scheme, readOnly bool) *Dummy {
	return &Dummy{scheme: scheme, readOnly: readOnly, objects: map[storepath.Path]*dummyObject{}}
}

// UnsupportedError reports an operation that a kind of store does not have.
type UnsupportedError struct{ Op, Store string }

func (e *UnsupportedError) Error() string {
	return fmt.Sprintf("operation '%s' is not supported by store '%s'", e.Op, e.Store)
}

// Is makes it match ErrReadOnly: that is why.
func (e *UnsupportedError) Is(target error) bool { return target == ErrReadOnly }

func (d *Dummy) unsupported(op string) error { return &UnsupportedError{op, "dummy://"} }

// Scheme returns the scheme of the store.
func (d *Dummy) Scheme() storepath.Scheme { return d.scheme }

// ReadOnly tells whether nothing can be added.
func (d *Dummy) ReadOnly() bool { return d.readOnly }

// Close does nothing.
func (d *Dummy) Close() error { return nil }

// AddTempRoot does nothing: nothing is collected.
func (d *Dummy) AddTempRoot(storepath.Path) error { return nil }

func (d *Dummy) get(p storepath.Path) *dummyObject {
	d.mu.RLock()
	defer d.mu.RUnlock()
	return d.objects[p]
}

// IsValid tells whether a path has been added.
func (d *Dummy) IsValid(p storepath.Path) (bool, error) { return d.get(p) != nil, nil }

// PathInfo returns what is known of a path.
func (d *Dummy) PathInfo(p storepath.Path) (*PathInfo, error) {
	o := d.get(p)
	if o == nil {
		return nil, &notValidError{d.scheme.Print(p)}
	}
	info := o.info
	info.References = slices.Clone(info.References)
	return &info, nil
}

// AllValidPaths returns all paths, sorted.
func (d *Dummy) AllValidPaths() ([]storepath.Path, error) {
	d.mu.RLock()
	defer d.mu.RUnlock()
	return sortedKeys(d.objects), nil
}

func (d *Dummy) pathsThat(match func(*dummyObject) bool) ([]storepath.Path, error) {
	d.mu.RLock()
	defer d.mu.RUnlock()
	var out []storepath.Path
	for p, o := range d.objects {
		if match(o) {
			out = append(out, p)
		}
	}
	slices.SortFunc(out, storepath.Compare)
	return out, nil
}

// Referrers returns the paths that refer to p.
func (d *Dummy) Referrers(p storepath.Path) ([]storepath.Path, error) {
	return d.pathsThat(func(o *dummyObject) bool { return slices.Contains(o.info.References, p) })
}

// ValidDerivers returns the derivations that have p as an output.
func (d *Dummy) ValidDerivers(p storepath.Path) ([]storepath.Path, error) {
	return d.pathsThat(func(o *dummyObject) bool {
		for _, out := range o.outputs {
			if out == p {
				return true
			}
		}
		return false
	})
}

// DerivationOutputs returns the output paths of a derivation.
func (d *Dummy) DerivationOutputs(drv storepath.Path) (map[string]storepath.Path, error) {
	o := d.get(drv)
	if o == nil {
		return nil, &notValidError{d.scheme.Print(drv)}
	}
	return o.outputs, nil
}

// PathFromHashPart returns the path that begins with these characters; zero if there is none.
func (d *Dummy) PathFromHashPart(part string) (storepath.Path, error) {
	found, err := d.pathsThat(func(o *dummyObject) bool { return o.info.Path.HashPart() == part })
	if err != nil || len(found) == 0 {
		return storepath.Path{}, err
	}
	return found[0], nil
}

// AddText adds a file.
func (d *Dummy) AddText(name string, contents []byte, refs []storepath.Path) (storepath.Path, error) {
	h := hash.Sum(d.scheme.Hash, contents)
	p, err := d.scheme.TextPath(name, h, refs)
	if err != nil {
		return p, err
	}
	var archive bytes.Buffer
	if err := nar.DumpString(&archive, string(contents)); err != nil {
		return p, err
	}
	return p, d.put("addToStoreFromDump", PathInfo{Path: p, References: refs,
		CA: storepath.ContentAddress{Method: storepath.Text, Hash: h}}, archive.Bytes())
}

// AddTree adds a tree of files.
func (d *Dummy) AddTree(name string, t nar.Tree, path string, o AddOptions) (storepath.Path, error) {
	p, h, err := ComputePath(d.scheme, name, t, path, o)
	if err != nil {
		return p, err
	}
	if !o.Expect.IsZero() && o.Expect != h {
		return p, &HashMismatch{Path: path, Want: o.Expect, Got: h}
	}
	var archive bytes.Buffer
	if err := dumpFor(&archive, t, path, o); err != nil {
		return p, err
	}
	return p, d.put("addToStoreFromDump", PathInfo{Path: p, References: o.Refs,
		CA: storepath.ContentAddress{Method: o.Method, Hash: h}}, archive.Bytes())
}

// AddNAR adds an archive.
func (d *Dummy) AddNAR(info *PathInfo, r io.Reader, o AddNAROptions) error {
	if d.get(info.Path) != nil && !o.Repair {
		return nil
	}
	var archive bytes.Buffer
	if err := nar.Copy(&archive, r); err != nil {
		return err
	}
	if got := hash.Sum(d.scheme.Hash, archive.Bytes()); got != info.NarHash {
		return fmt.Errorf("hash mismatch importing path '%s';\n  specified: %s\n  got:       %s",
			d.scheme.Print(info.Path), info.NarHash.Prefixed(hash.Nix32), got.Prefixed(hash.Nix32))
	}
	return d.put("addToStore", *info, archive.Bytes())
}

// put makes an object valid; its references must be.
func (d *Dummy) put(op string, info PathInfo, archive []byte) error {
	if d.get(info.Path) != nil {
		return nil
	}
	if d.readOnly {
		return d.unsupported(op)
	}
	info.References = sortedPaths(info.References)
	info.NarHash, info.NarSize = hash.Sum(d.scheme.Hash, archive), int64(len(archive))
	if err := info.checkCA(d.scheme); err != nil {
		return err
	}
	o := &dummyObject{info: info, archive: archive}
	if info.Path.IsDerivation() {
		text, err := readArchivedFile(archive)
		if err != nil {
			return err
		}
		drv, err := derivation.Parse(d.scheme, info.Path.DrvName(), text)
		if err != nil {
			return fmt.Errorf("error parsing derivation '%s': %w", d.scheme.Print(info.Path), err)
		}
		o.outputs = knownOutputs(drv)
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	for _, r := range info.References {
		if r != info.Path && d.objects[r] == nil {
			return &notValidError{d.scheme.Print(r)}
		}
	}
	d.objects[info.Path] = o
	return nil
}

func readArchivedFile(archive []byte) ([]byte, error) {
	r := nar.NewReader(bytes.NewReader(archive))
	if _, err := r.Next(); err != nil {
		return nil, err
	}
	return io.ReadAll(r)
}

// WriteDerivation adds a derivation whose output paths are filled in.
func (d *Dummy) WriteDerivation(drv *derivation.Derivation) (storepath.Path, error) {
	p, err := derivation.Path(d.scheme, drv)
	if err != nil {
		return p, err
	}
	return p, d.AddDerivation(p, drv, drv.ATerm(d.scheme))
}

// AddDerivation is WriteDerivation for a derivation whose path and text have
// been computed already.
func (d *Dummy) AddDerivation(p storepath.Path, drv *derivation.Derivation, text []byte) error {
	if d.get(p) == nil && d.readOnly {
		return d.unsupported("writeDerivation")
	}
	_, err := d.AddText(p.Name(), text, drv.References())
	return err
}

// ReadDerivation reads a derivation that was added.
func (d *Dummy) ReadDerivation(p storepath.Path) (*derivation.Derivation, error) {
	o := d.get(p)
	if o == nil {
		return nil, fmt.Errorf("derivation '%s' is not valid", d.scheme.Print(p))
	}
	text, err := readArchivedFile(o.archive)
	if err != nil {
		return nil, err
	}
	return derivation.Parse(d.scheme, p.DrvName(), text)
}

// DumpNAR writes the archive of a path.
func (d *Dummy) DumpNAR(p storepath.Path, w io.Writer) error {
	o := d.get(p)
	if o == nil {
		return &notValidError{d.scheme.Print(p)}
	}
	_, err := w.Write(o.archive)
	return err
}

// Closure returns start and all that can be reached from it, sorted.
func (d *Dummy) Closure(start []storepath.Path, o ClosureOptions) ([]storepath.Path, error) {
	return closure(d, start, o)
}
