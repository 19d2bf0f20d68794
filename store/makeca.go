package store

import (
	"io"
	"slices"

	"github.com/seed192a40f6/glang/store/hash"
	"github.com/seed192a40f6/glang/store/storepath"
)

// MakeContentAddressed copies the closure of paths from one store to another
// under names that follow from contents, references rewritten, and returns
// the new path of each. What such a path says needs no signature.
func MakeContentAddressed(src, dst API, paths []storepath.Path, rewritten func(from, to storepath.Path)) (map[storepath.Path]storepath.Path, error) {
	closure, err := src.Closure(paths, ClosureOptions{})
	if err != nil {
		return nil, err
	}
	order, err := TopoSort(src, closure)
	if err != nil {
		return nil, err
	}
	m := &caMaker{src: src, dst: dst, renamed: map[storepath.Path]storepath.Path{}}
	for _, p := range slices.Backward(order) { // what others refer to first
		info, err := m.info(p)
		if err != nil {
			return nil, err
		}
		if rewritten != nil {
			rewritten(p, info.Path)
		}
		if err := m.add(p, info); err != nil {
			return nil, err
		}
		m.renamed[p] = info.Path
	}
	return m.renamed, nil
}

type caMaker struct {
	src, dst API
	renamed  map[storepath.Path]storepath.Path
}

// write writes the archive of p with the names of its references, and each of
// its own hash part, replaced.
func (m *caMaker) write(p storepath.Path, refs []storepath.Path, self string, w io.Writer) error {
	own, err := NewRewriter(w, map[string]string{p.HashPart(): self})
	if err != nil {
		return err
	}
	names := map[string]string{}
	for _, r := range refs {
		if to, ok := m.renamed[r]; ok && to != r {
			names[m.src.Scheme().Print(r)] = m.dst.Scheme().Print(to)
		}
	}
	others, err := NewRewriter(own, names)
	if err != nil {
		return err
	}
	if err := m.src.DumpNAR(p, others); err != nil {
		return err
	}
	if err := others.Flush(); err != nil {
		return err
	}
	return own.Flush()
}

// info computes the new path and what describes it.
func (m *caMaker) info(p storepath.Path) (*PathInfo, error) {
	old, err := m.src.PathInfo(p)
	if err != nil {
		return nil, err
	}
	refs, self := splitSelf(p, old.References)
	algo := m.dst.Scheme().Hash
	h := hash.New(algo)
	if err := m.write(p, refs, string(make([]byte, hashLen)), h); err != nil {
		return nil, err
	}
	info := &PathInfo{CA: storepath.ContentAddress{Method: storepath.NAR, Hash: h.Sum()}}
	for _, r := range refs {
		if to, ok := m.renamed[r]; ok {
			r = to
		}
		info.References = append(info.References, r)
	}
	info.References = sortedPaths(info.References)
	if info.Path, err = caPath(m.dst.Scheme(), p.Name(), info.CA, info.References, self); err != nil {
		return nil, err
	}
	h = hash.New(algo)
	if err := m.write(p, refs, info.Path.HashPart(), h); err != nil {
		return nil, err
	}
	info.NarHash, info.NarSize = h.Sum(), h.Size()
	if self {
		info.References = sortedPaths(append(info.References, info.Path))
	}
	return info, nil
}

func (m *caMaker) add(p storepath.Path, info *PathInfo) error {
	old, err := m.src.PathInfo(p)
	if err != nil {
		return err
	}
	refs, _ := splitSelf(p, old.References)
	r, w := io.Pipe()
	done := make(chan error, 1)
	go func() {
		err := m.write(p, refs, info.Path.HashPart(), w)
		w.CloseWithError(err)
		done <- err
	}()
	err = m.dst.AddNAR(info, r, AddNAROptions{})
	r.Close()
	// its own failure, if any, has reached AddNAR; a closed pipe only means
	// that the path was valid
	<-done
	return err
}
