package local

import (
	"bufio"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"os"

	"github.com/seed192a40f6/glang/store"
	"github.com/seed192a40f6/glang/store/hash"
	"github.com/seed192a40f6/glang/store/nar"
	"github.com/seed192a40f6/glang/store/storepath"
)

// The export format: for each path the number 1, its archive, a magic number,
// its name, references, deriver or "", and 0 for no signature; at last 0.
// Numbers have 8 bytes, little end first; strings are padded to 8 bytes.
const exportMagic = 0x4558494e

// maxExportString bounds names in an export.
const maxExportString = 4096

// Export writes paths, dependencies first, in the form of nix-store --export.
func Export(s *store.Store, paths []storepath.Path, w io.Writer) error {
	order, err := s.TopoSort(paths)
	if err != nil {
		return err
	}
	out := bufio.NewWriter(w)
	number := func(n uint64) { _ = binary.Write(out, binary.LittleEndian, n) }
	text := func(s string) {
		number(uint64(len(s)))
		_, _ = out.WriteString(s)
		_, _ = out.Write(make([]byte, (8-len(s)%8)%8))
	}
	show := s.Scheme().Print
	for i := len(order) - 1; i >= 0; i-- {
		p := order[i]
		info, err := s.PathInfo(p)
		if err != nil {
			return err
		}
		number(1)
		h := hash.New(info.NarHash.Algo())
		if err := s.DumpNAR(p, io.MultiWriter(out, h)); err != nil {
			return err
		}
		if got := h.Sum(); got != info.NarHash {
			return fmt.Errorf("hash of path '%s' has changed from '%s' to '%s'!", show(p), info.NarHash, got)
		}
		number(exportMagic)
		text(show(p))
		number(uint64(len(info.References)))
		for _, r := range info.References {
			text(show(r))
		}
		if info.Deriver.IsZero() {
			text("")
		} else {
			text(show(info.Deriver))
		}
		number(0)
	}
	number(0)
	return out.Flush()
}

// Import reads what Export wrote and adds the paths; imported is told of each.
func Import(s *store.Store, r io.Reader, imported func(storepath.Path)) error {
	in := bufio.NewReader(r)
	for {
		n, err := readNumber(in)
		if err != nil {
			return err
		}
		if n == 0 {
			return nil
		}
		if n != 1 {
			return errors.New("input doesn't look like something created by 'nix-store --export'")
		}
		p, err := importOne(s, in)
		if err != nil {
			return err
		}
		imported(p)
	}
}

// importOne keeps the archive in a file, for what describes it comes after it.
func importOne(s *store.Store, in *bufio.Reader) (p storepath.Path, err error) {
	tmp, err := os.CreateTemp("", "glang-import-")
	if err != nil {
		return p, err
	}
	defer os.Remove(tmp.Name())
	defer tmp.Close()
	h := hash.New(s.Scheme().Hash)
	if err := nar.Copy(io.MultiWriter(tmp, h), in); err != nil {
		return p, err
	}
	magic, err := readNumber(in)
	if err != nil {
		return p, err
	}
	if magic != exportMagic {
		return p, errors.New("Nix archive cannot be imported; wrong format")
	}
	path := func() (storepath.Path, error) {
		text, err := readString(in)
		if err != nil || text == "" {
			return storepath.Path{}, err
		}
		return s.Scheme().Parse(text)
	}
	info := &store.PathInfo{NarHash: h.Sum()}
	if info.Path, err = path(); err != nil {
		return p, err
	}
	count, err := readNumber(in)
	if err != nil {
		return p, err
	}
	for ; count > 0; count-- {
		ref, err := path()
		if err != nil {
			return p, err
		}
		info.References = append(info.References, ref)
	}
	if info.Deriver, err = path(); err != nil {
		return p, err
	}
	signed, err := readNumber(in)
	if err != nil {
		return p, err
	}
	if signed == 1 {
		if _, err := readString(in); err != nil {
			return p, err
		}
	}
	if info.NarSize, err = tmp.Seek(0, io.SeekCurrent); err != nil {
		return p, err
	}
	if _, err := tmp.Seek(0, io.SeekStart); err != nil {
		return p, err
	}
	return info.Path, s.AddNAR(info, tmp, store.AddNAROptions{})
}

func readNumber(r io.Reader) (uint64, error) {
	var b [8]byte
	if _, err := io.ReadFull(r, b[:]); err != nil {
		return 0, errors.New("unexpected end-of-file")
	}
	return binary.LittleEndian.Uint64(b[:]), nil
}

func readString(r io.Reader) (string, error) {
	n, err := readNumber(r)
	if err != nil {
		return "", err
	}
	if n > maxExportString {
		return "", errors.New("string is too long")
	}
	b := make([]byte, (n+7)/8*8)
	if _, err := io.ReadFull(r, b); err != nil {
		return "", errors.New("unexpected end-of-file")
	}
	return string(b[:n]), nil
}
