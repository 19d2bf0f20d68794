package store

import (
	"bytes"
	"compress/bzip2"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/klauspost/compress/zstd"

	"github.com/seed192a40f6/glang/store/storepath"
)

// Logs of builds lie in LOGDIR/drvs/XX/REST, XX being the first two characters
// of the derivation's base name: as they are, or compressed with the suffix
// .bz2, which the reference writes, or .zst. This package writes them as they
// are: what a build says can be read while it runs, by any version of any tool.

// LogFile returns the name under which the log of a derivation is kept.
func (s *Store) LogFile(drv storepath.Path) string {
	base := drv.String()
	return filepath.Join(s.logs, "drvs", base[:2], base[2:])
}

// CreateLog opens the log of a derivation for writing, in place of an earlier one.
func (s *Store) CreateLog(drv storepath.Path) (*os.File, error) {
	name := s.LogFile(drv)
	if err := os.MkdirAll(filepath.Dir(name), 0o755); err != nil {
		return nil, s.explain(fmt.Errorf("creating directory '%s': %w", filepath.Dir(name), bare(err)), s.logs)
	}
	// a new file, for somebody may be reading or, in another process, writing
	// the old one
	for _, old := range []string{name, name + ".bz2", name + ".zst"} {
		if err := os.Remove(old); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return nil, s.explain(fmt.Errorf("removing '%s': %w", old, bare(err)), s.logs)
		}
	}
	f, err := os.OpenFile(name, os.O_CREATE|os.O_WRONLY|os.O_TRUNC, 0o644)
	if err != nil {
		return nil, s.explain(fmt.Errorf("creating log file \"%s\": %w", name, bare(err)), s.logs)
	}
	return f, nil
}

// AddLog stores the log of a derivation that was built elsewhere, unless there
// is one.
func (s *Store) AddLog(drv storepath.Path, log []byte) error {
	if r, err := s.OpenLog(drv); err != nil {
		return err
	} else if r != nil {
		return r.Close()
	}
	name := s.LogFile(drv)
	if err := os.MkdirAll(filepath.Dir(name), 0o755); err != nil {
		return s.explain(fmt.Errorf("creating directory '%s': %w", filepath.Dir(name), bare(err)), s.logs)
	}
	return writeFileSynced(name, log, 0o644)
}

// OpenLog opens the log of a derivation for reading; nil if there is none.
func (s *Store) OpenLog(drv storepath.Path) (io.ReadCloser, error) {
	name := s.LogFile(drv)
	for _, suffix := range []string{"", ".bz2", ".zst"} {
		f, err := os.Open(name + suffix)
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err != nil {
			return nil, fmt.Errorf("opening file '%s': %w", name+suffix, bare(err))
		}
		switch suffix {
		case ".bz2":
			return &decoded{bzip2.NewReader(f), f}, nil
		case ".zst":
			z, err := zstd.NewReader(f, zstd.WithDecoderConcurrency(1))
			if err != nil {
				f.Close()
				return nil, err
			}
			return &decoded{z, f}, nil
		}
		return f, nil
	}
	return nil, nil
}

type decoded struct {
	io.Reader
	file *os.File
}

func (d *decoded) Close() error {
	if z, ok := d.Reader.(*zstd.Decoder); ok {
		z.Close()
	}
	return d.file.Close()
}

// Log returns the log of the build of a path: of a derivation, or of the
// deriver of an output; nil if none is known.
func (s *Store) Log(p storepath.Path) ([]byte, error) {
	drvs := []storepath.Path{p}
	if !p.IsDerivation() {
		var err error
		if drvs, err = s.ValidDerivers(p); err != nil {
			return nil, err
		}
		if info, err := s.PathInfo(p); err == nil && !info.Deriver.IsZero() {
			drvs = append([]storepath.Path{info.Deriver}, drvs...)
		}
	}
	for _, drv := range drvs {
		r, err := s.OpenLog(drv)
		if err != nil {
			return nil, err
		}
		if r == nil {
			continue
		}
		defer r.Close()
		var b bytes.Buffer
		if _, err := b.ReadFrom(r); err != nil {
			return nil, fmt.Errorf("reading log of '%s': %w", s.scheme.Print(drv), err)
		}
		return b.Bytes(), nil
	}
	return nil, nil
}
