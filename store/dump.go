package store

import (
	"bytes"
	"io"
	"os"

	"github.com/seed192a40f6/glang/store/hash"
	"github.com/seed192a40f6/glang/store/nar"
	"github.com/seed192a40f6/glang/store/storepath"
)

// dumpBuffer is how large an archive may be to be kept in memory until it is
// known whether its path is valid already.
const dumpBuffer = 32 << 20

// dump is what AddTree has read of a tree.
type dump struct {
	hash    hash.Hash // by method
	narHash hash.Hash
	narSize int64
	archive []byte // nil if too large
	tmp     string // then the tree restored here
}

// takeDump reads a tree once, computing its hashes, and keeps a copy: in memory
// or, if it is too large, restored to a temporary name.
func (s *Store) takeDump(t nar.Tree, path string, o AddOptions) (*dump, error) {
	d := &dump{}
	h := hash.New(s.scheme.Hash)
	sp := &spill{store: s}
	err := dumpFor(io.MultiWriter(h, sp), t, path, o)
	err = sp.finish(err)
	d.archive, d.tmp = sp.buf, sp.tmp
	if err != nil {
		d.drop()
		return nil, err
	}
	d.narHash, d.narSize = h.Sum(), h.Size()
	if o.Method == storepath.NAR && o.Algo == s.scheme.Hash {
		d.hash = d.narHash
		return d, nil
	}
	// the copy, not the tree, which may have changed
	if o.Method == storepath.Git && d.tmp == "" {
		if err = d.unpack(s); err != nil {
			d.drop()
			return nil, err
		}
	}
	if d.tmp != "" {
		d.hash, err = hashTree(o.Method, o.Algo, nar.OS(), d.tmp, nil)
	} else {
		d.hash, err = hashArchive(o.Method, o.Algo, d.archive)
	}
	if err != nil {
		d.drop()
		return nil, err
	}
	return d, nil
}

// dumpFor writes the archive of the object: for the flat methods that of a
// file that is not executable, whatever its mode.
func dumpFor(w io.Writer, t nar.Tree, path string, o AddOptions) error {
	if o.Method != storepath.Flat && o.Method != storepath.Text {
		return nar.DumpTree(w, t, path, o.Filter)
	}
	f, fi, err := openFlat(t, path)
	if err != nil {
		return err
	}
	defer f.Close()
	nw := nar.NewWriter(w)
	if err := nw.WriteHeader(&nar.Header{Type: nar.Regular, Size: fi.Size()}); err != nil {
		return err
	}
	if _, err := io.Copy(nw, f); err != nil {
		return err
	}
	return nw.Close()
}

// unpack restores the archive from memory.
func (d *dump) unpack(s *Store) (err error) {
	if d.tmp, err = s.tempName(); err != nil {
		return err
	}
	err = restore(nar.NewReader(bytes.NewReader(d.archive)), d.tmp)
	d.archive = nil
	return err
}

// hashArchive hashes by archive or flat method the tree whose archive is in memory.
func hashArchive(m storepath.Method, algo hash.Algo, archive []byte) (hash.Hash, error) {
	if m == storepath.NAR {
		return hash.Sum(algo, archive), nil
	}
	r := nar.NewReader(bytes.NewReader(archive))
	if _, err := r.Next(); err != nil {
		return hash.Hash{}, err
	}
	h := hash.New(algo)
	_, err := r.WriteTo(h)
	return h.Sum(), err
}

func (d *dump) restore(tmp string) error {
	if d.tmp == "" {
		return restore(nar.NewReader(bytes.NewReader(d.archive)), tmp)
	}
	err := os.Rename(d.tmp, tmp)
	if err == nil {
		d.tmp = ""
	}
	return err
}

func (d *dump) drop() {
	if d.tmp != "" {
		// what cannot be deleted now goes with the work directory
		_, _ = deleteTree(d.tmp)
	}
}

// spill keeps an archive in memory up to a size, and from then on restores it.
type spill struct {
	store *Store
	buf   []byte
	pipe  *io.PipeWriter
	done  chan error
	tmp   string
}

func (sp *spill) Write(p []byte) (int, error) {
	if sp.pipe == nil {
		if len(sp.buf)+len(p) <= dumpBuffer {
			sp.buf = append(sp.buf, p...)
			return len(p), nil
		}
		if err := sp.begin(); err != nil {
			return 0, err
		}
	}
	return sp.pipe.Write(p)
}

func (sp *spill) begin() error {
	tmp, err := sp.store.tempName()
	if err != nil {
		return err
	}
	r, w := io.Pipe()
	sp.tmp, sp.pipe, sp.done = tmp, w, make(chan error, 1)
	go func() {
		err := restore(nar.NewReader(r), tmp)
		r.CloseWithError(err)
		sp.done <- err
	}()
	_, err = w.Write(sp.buf)
	sp.buf = nil
	return err
}

// finish ends the archive, of which err tells whether it is whole.
func (sp *spill) finish(err error) error {
	if sp.pipe == nil {
		return err
	}
	sp.pipe.CloseWithError(err) // nil: end of file
	if rerr := <-sp.done; rerr != nil {
		return rerr
	}
	return err
}
