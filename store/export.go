package store

import (
	"bufio"
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strconv"
	"strings"

	"github.com/seed192a40f6/glang/store/hash"
	"github.com/seed192a40f6/glang/store/nar"
	"github.com/seed192a40f6/glang/store/storepath"
)

// exportMagic follows each archive in an export.
const exportMagic = 0x4558494e

// maxExportString bounds strings of an export, which are store paths.
const maxExportString = 4096

// Export writes paths in the format of nix-store --export: for each, in an
// order in which what a path refers to comes before it, a 1, its archive, a
// magic number, its path, references and deriver, a 0; and a 0 at the end.
func Export(s API, paths []storepath.Path, w io.Writer) error {
	sorted, err := TopoSort(s, paths)
	if err != nil {
		return err
	}
	e := &exporter{w: bufio.NewWriterSize(w, 64<<10), s: s}
	for _, p := range slices.Backward(sorted) {
		if err := e.path(p); err != nil {
			return err
		}
	}
	e.number(0)
	return e.w.Flush()
}

type exporter struct {
	w *bufio.Writer // keeps the first error
	s API
}

func (e *exporter) number(n uint64) {
	var b [8]byte
	binary.LittleEndian.PutUint64(b[:], n)
	e.w.Write(b[:])
}

func (e *exporter) text(s string) {
	e.number(uint64(len(s)))
	e.w.WriteString(s)
	e.w.Write(make([]byte, -len(s)&7))
}

func (e *exporter) path(p storepath.Path) error {
	info, err := e.s.PathInfo(p)
	if err != nil {
		return err
	}
	scheme := e.s.Scheme()
	e.number(1)
	h := hash.New(info.NarHash.Algo())
	if err := e.s.DumpNAR(p, io.MultiWriter(e.w, h)); err != nil {
		return err
	}
	if got := h.Sum(); got != info.NarHash && !zeroDigest(info.NarHash) {
		return fmt.Errorf("hash of path '%s' has changed from '%s' to '%s'!", scheme.Print(p),
			info.NarHash.Prefixed(hash.Nix32), got.Prefixed(hash.Nix32))
	}
	e.number(exportMagic)
	e.text(scheme.Print(p))
	e.number(uint64(len(info.References)))
	for _, r := range info.References {
		e.text(scheme.Print(r))
	}
	deriver := ""
	if !info.Deriver.IsZero() {
		deriver = scheme.Print(info.Deriver)
	}
	e.text(deriver)
	e.number(0)
	return nil
}

// errNotAnExport is what the reference says of other input.
var errNotAnExport = errors.New("input doesn't look like something created by 'nix-store --export'")

// Import adds the paths of an export and returns them in its order. An export
// carries no signatures: whom it comes from is the caller's business.
func Import(s API, r io.Reader) ([]storepath.Path, error) {
	im := &importer{r: bufio.NewReaderSize(r, 64<<10), s: s}
	var out []storepath.Path
	for {
		n, err := im.number()
		if err != nil {
			return out, err
		}
		if n == 0 {
			return out, nil
		}
		if n != 1 {
			return out, errNotAnExport
		}
		p, err := im.path()
		if err != nil {
			return out, err
		}
		out = append(out, p)
	}
}

type importer struct {
	r *bufio.Reader
	s API
}

func (im *importer) number() (uint64, error) {
	var b [8]byte
	if _, err := io.ReadFull(im.r, b[:]); err != nil {
		return 0, unexpectedEnd(err)
	}
	return binary.LittleEndian.Uint64(b[:]), nil
}

func unexpectedEnd(err error) error {
	if err == io.EOF || err == io.ErrUnexpectedEOF {
		return errors.New("unexpected end-of-file")
	}
	return err
}

func (im *importer) text() (string, error) {
	n, err := im.number()
	if err != nil {
		return "", err
	}
	if n > maxExportString {
		return "", errors.New("string is too long")
	}
	b := make([]byte, (n+7)&^7)
	if _, err := io.ReadFull(im.r, b); err != nil {
		return "", unexpectedEnd(err)
	}
	for _, c := range b[n:] {
		if c != 0 {
			return "", errors.New("non-zero padding")
		}
	}
	return string(b[:n]), nil
}

func (im *importer) path() (storepath.Path, error) {
	// What the path is called comes after its contents.
	archive, err := newSpool(im.s)
	if err != nil {
		return storepath.Path{}, err
	}
	defer archive.close()
	h := hash.New(im.s.Scheme().Hash)
	if err := nar.Copy(io.MultiWriter(archive, h), im.r); err != nil {
		return storepath.Path{}, err
	}
	if magic, err := im.number(); err != nil {
		return storepath.Path{}, err
	} else if magic != exportMagic {
		return storepath.Path{}, errors.New("Nix archive cannot be imported; wrong format")
	}
	info := &PathInfo{NarHash: h.Sum(), NarSize: h.Size()}
	if err := im.header(info); err != nil {
		return storepath.Path{}, err
	}
	in, err := archive.reader()
	if err != nil {
		return storepath.Path{}, err
	}
	return info.Path, im.s.AddNAR(info, in, AddNAROptions{})
}

// header reads what follows the magic number.
func (im *importer) header(info *PathInfo) error {
	scheme := im.s.Scheme()
	one := func() (storepath.Path, error) {
		t, err := im.text()
		if err != nil || t == "" {
			return storepath.Path{}, err
		}
		return scheme.Parse(t)
	}
	var err error
	if info.Path, err = one(); err != nil {
		return err
	}
	n, err := im.number()
	if err != nil {
		return err
	}
	for ; n > 0; n-- {
		ref, err := one()
		if err != nil {
			return err
		}
		info.References = append(info.References, ref)
	}
	if info.Deriver, err = one(); err != nil {
		return err
	}
	// a signature, in exports of very old versions
	if n, err = im.number(); err == nil && n == 1 {
		_, err = im.text()
	}
	return err
}

// spool holds an archive of unknown size: in memory, then in a file without a name.
type spool struct {
	buf  bytes.Buffer
	file *os.File
	dir  string
}

func newSpool(s API) (*spool, error) {
	sp := &spool{}
	if local, ok := s.(*Store); ok {
		// where the contents will lie there is room for them
		if err := local.writable(); err != nil {
			return nil, err
		}
		sp.dir = local.real
	}
	return sp, nil
}

func (sp *spool) Write(p []byte) (int, error) {
	if sp.file == nil {
		if sp.buf.Len()+len(p) <= dumpBuffer {
			return sp.buf.Write(p)
		}
		f, err := os.CreateTemp(sp.dir, "tmp-")
		if err != nil {
			return 0, err
		}
		os.Remove(f.Name())
		sp.file = f
		if _, err := f.Write(sp.buf.Bytes()); err != nil {
			return 0, err
		}
		sp.buf = bytes.Buffer{}
	}
	return sp.file.Write(p)
}

func (sp *spool) reader() (io.Reader, error) {
	if sp.file == nil {
		return &sp.buf, nil
	}
	_, err := sp.file.Seek(0, io.SeekStart)
	return sp.file, err
}

func (sp *spool) close() {
	if sp.file != nil {
		sp.file.Close()
	}
}

// DumpRegistration writes what the database says of valid paths in the format
// of nix-store --dump-db: lines with path, hash, size, deriver, number of
// references, references. hashes false leaves out hash and size.
func DumpRegistration(s API, paths []storepath.Path, w io.Writer, derivers, hashes bool) error {
	scheme := s.Scheme()
	out := bufio.NewWriter(w)
	for _, p := range sortedPaths(paths) {
		info, err := s.PathInfo(p)
		if err != nil {
			return err
		}
		fmt.Fprintln(out, scheme.Print(p))
		if hashes {
			fmt.Fprintf(out, "%s\n%d\n", info.NarHash.Base16(), info.NarSize)
		}
		if derivers && !info.Deriver.IsZero() {
			out.WriteString(scheme.Print(info.Deriver))
		}
		fmt.Fprintf(out, "\n%d\n", len(info.References))
		for _, r := range info.References {
			fmt.Fprintln(out, scheme.Print(r))
		}
	}
	return out.Flush()
}

// RegistrationOptions says how LoadRegistration treats what it reads.
type RegistrationOptions struct {
	HashGiven    bool // the input has hash and size of each path; else they are computed
	Reregister   bool // update paths that are valid already
	Canonicalise bool // give the contents canonical modes and times first
}

// LoadRegistration registers paths that DumpRegistration, or somebody who has
// put contents into the store directory, describes.
func (s *Store) LoadRegistration(r io.Reader, o RegistrationOptions) error {
	if err := s.writable(); err != nil {
		return err
	}
	in := &registrationReader{s: s, r: bufio.NewReader(r)}
	infos := map[storepath.Path]*PathInfo{}
	for {
		info, err := in.next(o.HashGiven)
		if err != nil {
			return err
		}
		if info == nil {
			break
		}
		if !o.Reregister {
			if ok, err := s.IsValid(info.Path); err != nil {
				return err
			} else if ok {
				continue
			}
		}
		if o.Canonicalise {
			if err := s.Canonicalise(s.RealPath(info.Path), CanonicalOptions{}); err != nil {
				return err
			}
		}
		if !o.HashGiven {
			if info.NarHash, info.NarSize, err = nar.Hash(s.scheme.Hash, s.RealPath(info.Path), nil); err != nil {
				return err
			}
		}
		infos[info.Path] = info
	}
	var all []PathInfo
	for _, p := range sortedKeys(infos) {
		all = append(all, *infos[p])
	}
	return s.Register(all)
}

type registrationReader struct {
	s *Store
	r *bufio.Reader
}

func (in *registrationReader) line() (string, error) {
	l, err := in.r.ReadString('\n')
	if err == io.EOF {
		return l, errors.New("missing input")
	}
	return strings.TrimSuffix(l, "\n"), err
}

func (in *registrationReader) count() (int64, error) {
	l, err := in.line()
	if err != nil {
		return 0, err
	}
	n, err := strconv.ParseInt(l, 10, 64)
	if err != nil || n < 0 {
		return 0, errors.New("number expected")
	}
	return n, nil
}

// next returns nil at the end.
func (in *registrationReader) next(hashGiven bool) (*PathInfo, error) {
	if _, err := in.r.Peek(1); err == io.EOF {
		return nil, nil
	}
	l, err := in.line()
	if err != nil {
		return nil, err
	}
	info := &PathInfo{}
	if info.Path, err = in.s.scheme.Parse(l); err != nil {
		return nil, err
	}
	if hashGiven {
		if l, err = in.line(); err != nil {
			return nil, err
		}
		if info.NarHash, err = hash.ParseAny(l, in.s.scheme.Hash); err != nil {
			return nil, err
		}
		if info.NarSize, err = in.count(); err != nil {
			return nil, err
		}
	}
	if l, err = in.line(); err != nil {
		return nil, err
	}
	if l != "" {
		if info.Deriver, err = in.s.scheme.Parse(l); err != nil {
			return nil, err
		}
	}
	n, err := in.count()
	for ; err == nil && n > 0; n-- {
		if l, err = in.line(); err != nil {
			break
		}
		var r storepath.Path
		if r, err = in.s.scheme.Parse(l); err == nil {
			info.References = append(info.References, r)
		}
	}
	return info, err
}
