package store

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"golang.org/x/sys/unix"

	"github.com/seed192a40f6/glang/store/hash"
	"github.com/seed192a40f6/glang/store/storepath"
)

// Roots maps paths that must be kept to what keeps them: file names of
// symlinks, "{temp:PID}", files of /proc, "{censored}".
type Roots map[storepath.Path][]string

func (r Roots) add(p storepath.Path, link string) { r[p] = append(r[p], link) }

// AddIndirectRoot makes a symlink outside the state directory, such as
// ./result, a root for as long as it is there: gcroots/auto/HASH points to it.
func (s *Store) AddIndirectRoot(link string) error {
	if err := s.writable(); err != nil {
		return err
	}
	name := hash.SumString(hash.SHA1, link).Nix32()
	return s.explain(replaceSymlink(link, filepath.Join(s.rootsDir(), "auto", name)), s.rootsDir())
}

// AddPermRoot makes the symlink link to a store path, replacing one that it
// made before, and makes that a root. link must be absolute.
func (s *Store) AddPermRoot(p storepath.Path, link string) error {
	link = filepath.Clean(link)
	if s.scheme.IsInStore(link) {
		return fmt.Errorf("creating a garbage collector root (%s) in the Nix store is forbidden (are you running nix-build inside the store?)", link)
	}
	if fi, err := os.Lstat(link); err == nil {
		target, lerr := os.Readlink(link)
		if fi.Mode()&fs.ModeSymlink == 0 || lerr != nil || !s.scheme.IsInStore(target) {
			return fmt.Errorf("cannot create symlink '%s'; already exists", link)
		}
	}
	if err := replaceSymlink(s.scheme.Print(p), link); err != nil {
		return err
	}
	// what lies among the roots anyway needs no second symlink
	if strings.HasPrefix(link, s.rootsDir()+"/") {
		return nil
	}
	return s.AddIndirectRoot(link)
}

// replaceSymlink makes name a symlink, atomically in place of what was there.
func replaceSymlink(target, name string) error {
	if err := os.MkdirAll(filepath.Dir(name), 0o755); err != nil {
		return fmt.Errorf("creating directory '%s': %w", filepath.Dir(name), bare(err))
	}
	if have, err := os.Readlink(name); err == nil && have == target {
		return nil
	}
	for n := 0; ; n++ {
		tmp := fmt.Sprintf("%s/.%d_%s", filepath.Dir(name), n, filepath.Base(name))
		err := os.Symlink(target, tmp)
		if errors.Is(err, fs.ErrExist) {
			continue
		}
		if err != nil {
			return fmt.Errorf("creating symlink from \"%s\" to \"%s\": %w", name, target, bare(err))
		}
		if err := os.Rename(tmp, name); err != nil {
			os.Remove(tmp)
			return fmt.Errorf("renaming \"%s\" to \"%s\": %w", tmp, name, bare(err))
		}
		return nil
	}
}

const censored = "{censored}"

// FindRoots returns all roots: symlinks below gcroots and profiles, directly
// or through one more symlink, files there named like store paths, what
// running processes use, and temporary roots. With censor set, what only the
// owner of a process may know is not named.
func (s *Store) FindRoots(censor bool) (Roots, error) {
	roots, err := s.findLastingRoots(censor)
	if err != nil {
		return nil, err
	}
	err = s.findTempRoots(func(p storepath.Path, pid string) {
		link := "{temp:" + pid + "}"
		if censor {
			link = censored
		}
		roots.add(p, link)
	})
	return roots, err
}

// findLastingRoots finds all but temporary roots.
func (s *Store) findLastingRoots(censor bool) (Roots, error) {
	if err := s.Start(); err != nil {
		return nil, err
	}
	roots := Roots{}
	for _, dir := range []string{s.rootsDir(), filepath.Join(s.state, "profiles")} {
		if err := s.findRootsIn(dir, roots); err != nil {
			return nil, err
		}
	}
	return roots, s.findRuntimeRoots(roots, censor)
}

func (s *Store) findRootsIn(path string, roots Roots) error {
	err := s.rootsAt(path, roots)
	if errors.Is(err, fs.ErrPermission) || errors.Is(err, fs.ErrNotExist) || errors.Is(err, unix.ENOTDIR) {
		s.logf(LevelInfo, "cannot read potential root \"%s\"", path)
		return nil
	}
	return err
}

func (s *Store) rootsAt(path string, roots Roots) error {
	fi, err := os.Lstat(path)
	if err != nil {
		return err
	}
	switch fi.Mode().Type() {
	case fs.ModeDir:
		entries, err := os.ReadDir(path)
		if err != nil {
			return err
		}
		for _, e := range entries {
			if err := s.findRootsIn(filepath.Join(path, e.Name()), roots); err != nil {
				return err
			}
		}
	case fs.ModeSymlink:
		return s.rootLink(path, roots)
	case 0:
		if p, err := storepath.ParseBase(filepath.Base(path)); err == nil {
			return s.addRoot(roots, p, path, false)
		}
	}
	return nil
}

// rootLink follows a symlink, and one symlink outside the store that it names.
func (s *Store) rootLink(path string, roots Roots) error {
	target, err := os.Readlink(path)
	if err != nil {
		return err
	}
	if s.scheme.IsInStore(target) {
		return s.rootTarget(roots, path, target)
	}
	if !filepath.IsAbs(target) {
		target = filepath.Join(filepath.Dir(path), target)
	}
	fi, err := os.Lstat(target)
	if errors.Is(err, fs.ErrNotExist) || errors.Is(err, unix.ENOTDIR) {
		auto := filepath.Join(s.rootsDir(), "auto") + "/"
		if strings.HasPrefix(path, auto) && !s.cfg.ReadOnly {
			s.logf(LevelInfo, "removing stale link from \"%s\" to \"%s\"", path, target)
			os.Remove(path) // if it cannot be removed it is no root either
		}
		return nil
	}
	if err != nil {
		return err
	}
	if fi.Mode()&fs.ModeSymlink == 0 {
		return nil
	}
	second, err := os.Readlink(target)
	if err == nil && s.scheme.IsInStore(second) {
		return s.rootTarget(roots, target, second)
	}
	return err
}

func (s *Store) rootTarget(roots Roots, link, target string) error {
	p, _, err := s.scheme.ToStorePath(target)
	if err != nil {
		return nil // in the store directory, but no store path
	}
	return s.addRoot(roots, p, link, true)
}

func (s *Store) addRoot(roots Roots, p storepath.Path, link string, say bool) error {
	ok, err := s.IsValid(p)
	if err != nil {
		return err
	}
	if ok {
		roots.add(p, link)
	} else if say {
		s.logf(LevelInfo, "skipping invalid root from \"%s\" to \"%s\"", link, s.scheme.Print(p))
	}
	return nil
}

// findRuntimeRoots adds valid paths that running processes use.
func (s *Store) findRuntimeRoots(roots Roots, censor bool) error {
	for p, links := range s.runtimeRoots() {
		ok, err := s.IsValid(p)
		if err != nil {
			return err
		}
		if !ok {
			continue
		}
		if censor {
			links = []string{censored}
		}
		roots[p] = append(roots[p], links...)
	}
	return nil
}
