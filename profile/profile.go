// Package profile keeps environments: trees of symbolic links to installed
// packages.
//
// A profile is a symbolic link, PROFILE, to the current one of its
// generations, the links PROFILE-1-link, PROFILE-2-link and so on beside it.
// Each generation points to an environment, a store object, and is a root of
// the collector. Installing makes a new environment by a derivation of its
// own, adds a generation and switches the profile to it, which is one rename;
// so whatever happens, the profile is one generation or another. Rolling back
// is switching to an older generation.
//
// An environment holds its manifest, manifest.json: the packages it was made
// from ([Manifest]).
package profile

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/seed192a40f6/glang/store/storepath"
)

// Profile is a profile by the name of its link.
type Profile struct {
	// Path is the link's absolute name. The folder need not exist yet.
	Path string
	// Notice is told what is done; nil drops it.
	Notice func(message string)
}

// Generation is one version of a profile.
type Generation struct {
	Number int
	Path   string    // of the link
	Made   time.Time // when the link was made
}

// Roots is the store as far as profiles need it.
type Roots interface {
	Scheme() storepath.Scheme
	// AddPermRoot makes link a symbolic link to p and a root of the collector.
	AddPermRoot(p storepath.Path, link string) error
}

func (p *Profile) notice(format string, args ...any) {
	if p.Notice != nil {
		p.Notice(fmt.Sprintf(format, args...))
	}
}

// number reads NAME-N-link.
func (p *Profile) number(link string) (int, bool) {
	rest, ok := strings.CutPrefix(filepath.Base(link), filepath.Base(p.Path)+"-")
	if !ok {
		return 0, false
	}
	digits, _, ok := strings.Cut(rest, "-link")
	if !ok {
		return 0, false
	}
	n, err := strconv.ParseUint(digits, 10, 31)
	return int(n), err == nil
}

func (p *Profile) link(n int) string { return fmt.Sprintf("%s-%d-link", p.Path, n) }

// Generations lists the generations by number, and the current one's number, 0
// if there is none.
func (p *Profile) Generations() (gens []Generation, current int, err error) {
	entries, err := os.ReadDir(filepath.Dir(p.Path))
	if err != nil {
		if errors.Is(err, fs.ErrNotExist) {
			return nil, 0, nil
		}
		return nil, 0, fmt.Errorf("reading the generations of the profile '%s': %w", p.Path, err)
	}
	for _, e := range entries {
		n, ok := p.number(e.Name())
		if !ok {
			continue
		}
		fi, err := e.Info()
		if err != nil {
			continue // deleted meanwhile
		}
		gens = append(gens, Generation{Number: n, Path: filepath.Join(filepath.Dir(p.Path), e.Name()), Made: fi.ModTime()})
	}
	slices.SortFunc(gens, func(a, b Generation) int { return a.Number - b.Number })
	target, err := os.Readlink(p.Path)
	if err == nil {
		current, _ = p.number(target)
	}
	return gens, current, nil
}

// Current is what the profile's link says, "" if there is none. Comparing it
// before and after a build tells whether somebody else changed the profile.
func (p *Profile) Current() string {
	target, err := os.Readlink(p.Path)
	if err != nil {
		return ""
	}
	return target
}

// Create adds a generation for an environment. If the last generation is that
// environment already, there is no new one. The profile is not switched.
func (p *Profile) Create(s Roots, env storepath.Path) (Generation, error) {
	if err := os.MkdirAll(filepath.Dir(p.Path), 0o755); err != nil {
		return Generation{}, fmt.Errorf("creating the folder of the profile '%s': %w", p.Path, err)
	}
	gens, _, err := p.Generations()
	if err != nil {
		return Generation{}, err
	}
	n := 1
	if len(gens) > 0 {
		last := gens[len(gens)-1]
		if target, err := os.Readlink(last.Path); err == nil && target == s.Scheme().Print(env) {
			return last, nil
		}
		n = last.Number + 1
	}
	g := Generation{Number: n, Path: p.link(n), Made: time.Now()}
	if err := s.AddPermRoot(env, g.Path); err != nil {
		return Generation{}, err
	}
	return g, nil
}

// SwitchTo makes a generation the current one.
func (p *Profile) SwitchTo(g Generation) error { return SwitchLink(p.Path, g.Path) }

// SwitchLink makes link a symbolic link to target, in one step. A target in
// the same folder is named without it.
func SwitchLink(link, target string) error {
	if filepath.Dir(target) == filepath.Dir(link) {
		target = filepath.Base(target)
	}
	return replaceSymlink(target, link)
}

// replaceSymlink makes a link under another name and renames it.
func replaceSymlink(target, link string) error {
	dir := filepath.Dir(link)
	for i := 0; ; i++ {
		tmp := filepath.Join(dir, fmt.Sprintf(".%d_%d_%s", i, os.Getpid(), filepath.Base(link)))
		err := os.Symlink(target, tmp)
		if errors.Is(err, fs.ErrExist) {
			continue
		}
		if err != nil {
			return fmt.Errorf("creating symlink '%s': %w", tmp, err)
		}
		if err := os.Rename(tmp, link); err != nil {
			_ = os.Remove(tmp)
			return fmt.Errorf("renaming '%s' to '%s': %w", tmp, link, err)
		}
		return nil
	}
}

// Switch goes to generation n, or with n = 0 to the one before the current.
func (p *Profile) Switch(n int, dryRun bool) error {
	unlock, err := p.Lock()
	if err != nil {
		return err
	}
	defer unlock()
	gens, current, err := p.Generations()
	if err != nil {
		return err
	}
	var dst *Generation
	for i := range gens {
		if n == 0 && gens[i].Number < current || n != 0 && gens[i].Number == n {
			dst = &gens[i]
		}
	}
	if dst == nil {
		if n != 0 {
			return fmt.Errorf("profile version %d does not exist", n)
		}
		return fmt.Errorf("no profile version older than the current (%d) exists", current)
	}
	p.notice("switching profile from version %d to %d", current, dst.Number)
	if dryRun {
		return nil
	}
	return p.SwitchTo(*dst)
}

func (p *Profile) remove(g Generation, dryRun bool) error {
	if dryRun {
		p.notice("would remove profile version %d", g.Number)
		return nil
	}
	p.notice("removing profile version %d", g.Number)
	if err := os.Remove(g.Path); err != nil {
		return fmt.Errorf("removing file '%s': %w", g.Path, err)
	}
	return nil
}

// prune removes the generations that choose picks of all; choose gets them by
// number and the current one's number.
func (p *Profile) prune(dryRun bool, choose func(gens []Generation, current int) ([]Generation, error)) error {
	unlock, err := p.Lock()
	if err != nil {
		return err
	}
	defer unlock()
	gens, current, err := p.Generations()
	if err != nil {
		return err
	}
	doomed, err := choose(gens, current)
	if err != nil {
		return err
	}
	for _, g := range doomed {
		if err := p.remove(g, dryRun); err != nil {
			return err
		}
	}
	return nil
}

// Delete removes generations by number; the current one is refused.
func (p *Profile) Delete(numbers []int, dryRun bool) error {
	return p.prune(dryRun, func(gens []Generation, current int) (out []Generation, err error) {
		if slices.Contains(numbers, current) {
			return nil, fmt.Errorf("cannot delete current version of profile \"%s\"", p.Path)
		}
		for _, g := range gens {
			if slices.Contains(numbers, g.Number) {
				out = append(out, g)
			}
		}
		return out, nil
	})
}

// DeleteOld removes all generations but the current one.
func (p *Profile) DeleteOld(dryRun bool) error {
	return p.prune(dryRun, func(gens []Generation, current int) (out []Generation, err error) {
		for _, g := range gens {
			if g.Number != current {
				out = append(out, g)
			}
		}
		return out, nil
	})
}

// Keep removes all but the current generation and the n-1 before it.
func (p *Profile) Keep(n int, dryRun bool) error {
	if n == 0 {
		return errors.New("Must keep at least one generation, otherwise the current one would be deleted")
	}
	return p.prune(dryRun, func(gens []Generation, current int) (out []Generation, err error) {
		i := slices.IndexFunc(gens, func(g Generation) bool { return g.Number == current })
		for i -= n; i >= 0; i-- {
			out = append(out, gens[i])
		}
		return out, nil
	})
}

// DeleteOlderThan removes what was no longer current at time t.
func (p *Profile) DeleteOlderThan(t time.Time, dryRun bool) error {
	return p.prune(dryRun, func(gens []Generation, current int) (out []Generation, err error) {
		slices.Reverse(gens)
		i := slices.IndexFunc(gens, func(g Generation) bool { return g.Made.Before(t) })
		if i < 0 {
			return nil, nil
		}
		// The newest of the older ones was current at t.
		for _, g := range gens[i+1:] {
			if g.Number != current {
				out = append(out, g)
			}
		}
		return out, nil
	})
}

// ParseAge reads an age such as "14d" and returns the time that long ago.
func ParseAge(spec string, now time.Time) (time.Time, error) {
	days, ok := strings.CutSuffix(spec, "d")
	if !ok {
		return time.Time{}, fmt.Errorf("invalid number of days specifier '%s', expected something like '14d'", spec)
	}
	n, err := strconv.ParseInt(days, 10, 32)
	if err != nil || n < 1 {
		return time.Time{}, fmt.Errorf("invalid number of days specifier '%s'", spec)
	}
	return now.Add(-time.Duration(n) * 24 * time.Hour), nil
}
