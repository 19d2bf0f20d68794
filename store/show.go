package store

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"path"
	"slices"
	"strings"

	"github.com/seed192a40f6/glang/derivation"
	"github.com/seed192a40f6/glang/store/nar"
	"github.com/seed192a40f6/glang/store/storepath"
)

// InfoJSON gives what is known of a path as the JSON object, of version 1 or
// 2, that nix path-info shows: version 1 has full paths, version 2 base names.
func (info *PathInfo) InfoJSON(s storepath.Scheme, version int) map[string]any {
	show := s.Print
	if version == 2 {
		show = storepath.Path.String
	}
	refs := []string{}
	for _, r := range sortedPaths(info.References) {
		refs = append(refs, show(r))
	}
	o := map[string]any{
		"version": version, "storeDir": s.Dir, "narHash": info.NarHash.SRI(), "narSize": info.NarSize,
		"references": refs, "ca": nil, "deriver": nil, "registrationTime": nil,
		"ultimate": info.Ultimate, "signatures": append([]string{}, sortedStrings(info.Sigs)...),
	}
	if !info.CA.IsZero() {
		o["ca"] = info.CA.String()
		if version == 2 {
			o["ca"] = map[string]any{"method": info.CA.Method.String(), "hash": info.CA.Hash.SRI()}
		}
	}
	if !info.Deriver.IsZero() {
		o["deriver"] = show(info.Deriver)
	}
	if t := info.RegistrationTime; !t.IsZero() && t.Unix() != 0 {
		o["registrationTime"] = t.Unix()
	}
	return o
}

// PathInfoJSON gives the JSON of nix path-info --json for paths; those that
// are not valid are null.
func PathInfoJSON(s API, paths []storepath.Path, version int, closureSize bool) (any, error) {
	if version != 1 && version != 2 {
		return nil, fmt.Errorf("unsupported path info JSON format version %d; supported versions are 1 and 2", version)
	}
	all := map[string]any{}
	for _, p := range paths {
		key := s.Scheme().Print(p)
		if version == 2 {
			key = p.String()
		}
		info, err := s.PathInfo(p)
		if errors.Is(err, ErrNotValid) {
			all[key] = nil
			continue
		}
		if err != nil {
			return nil, err
		}
		o := info.InfoJSON(s.Scheme(), version)
		if closureSize {
			if o["closureSize"], err = ClosureSize(s, []storepath.Path{p}); err != nil {
				return nil, err
			}
		}
		all[key] = o
	}
	if version == 1 {
		return all, nil
	}
	return map[string]any{"version": version, "storeDir": s.Scheme().Dir, "info": all}, nil
}

// ClosureSize is the sum of the sizes of the archives of a closure.
func ClosureSize(s API, start []storepath.Path) (int64, error) {
	paths, err := s.Closure(start, ClosureOptions{})
	var sum int64
	for _, p := range paths {
		info, err := s.PathInfo(p)
		if err != nil {
			return 0, err
		}
		sum += info.NarSize
	}
	return sum, err
}

// ListOptions says what List shows.
type ListOptions struct{ Recursive, Long, Directory bool }

// locate finds a file by its full logical name at or below a valid store path.
func locate(s API, file string) (name string, rest string, err error) {
	p, rest, err := s.Scheme().ToStorePath(file)
	if err != nil {
		return "", "", err
	}
	if ok, err := s.IsValid(p); err != nil {
		return "", "", err
	} else if !ok {
		return "", "", &notValidError{s.Scheme().Print(p)}
	}
	return p.String() + rest, rest, nil
}

func lstat(s API, t nar.Tree, name string) (fs.FileInfo, error) {
	fi, err := t.Lstat(name)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("path '%s/%s' does not exist", s.Scheme().Dir, name)
	}
	return fi, err
}

// List writes what lies at a file name in the store as nix store ls shows it.
func List(s API, file string, o ListOptions, w io.Writer) error {
	name, rest, err := locate(s, file)
	if err != nil {
		return err
	}
	l := &lister{s: s, t: s.Tree(), o: o, w: bufio.NewWriter(w)}
	fi, err := lstat(s, l.t, name)
	if err != nil {
		return err
	}
	rel := "."
	if !fi.IsDir() {
		rel = ""
		if rest != "" {
			rel = path.Base(rest)
		}
	}
	if fi.IsDir() && !o.Directory {
		err = l.dir(name, rel)
	} else {
		err = l.file(name, rel, fi)
	}
	if err != nil {
		return err
	}
	return l.w.Flush()
}

type lister struct {
	s API
	t nar.Tree
	o ListOptions
	w *bufio.Writer
}

func (l *lister) dir(name, rel string) error {
	entries, err := l.t.ReadDir(name)
	if err != nil {
		return err
	}
	slices.SortFunc(entries, func(a, b fs.DirEntry) int { return strings.Compare(a.Name(), b.Name()) })
	for _, e := range entries {
		fi, err := lstat(l.s, l.t, name+"/"+e.Name())
		if err != nil {
			return err
		}
		if err := l.file(name+"/"+e.Name(), rel+"/"+e.Name(), fi); err != nil {
			return err
		}
	}
	return nil
}

func (l *lister) file(name, rel string, fi fs.FileInfo) error {
	if !l.o.Long {
		fmt.Fprintln(l.w, rel)
	} else if err := l.long(name, rel, fi); err != nil {
		return err
	}
	if l.o.Recursive && fi.IsDir() {
		return l.dir(name, rel)
	}
	return nil
}

func (l *lister) long(name, rel string, fi fs.FileInfo) error {
	mode, size := "-r--r--r--", fi.Size()
	switch {
	case fi.IsDir():
		mode, size = "dr-xr-xr-x", 0
	case fi.Mode()&fs.ModeSymlink != 0:
		mode, size = "lrwxrwxrwx", 0
		target, err := l.t.Readlink(name)
		if err != nil {
			return err
		}
		rel += " -> " + target
	case fi.Mode()&0o100 != 0:
		mode = "-r-xr-xr-x"
	}
	fmt.Fprintf(l.w, "%s %20d %s\n", mode, size, rel)
	return nil
}

// Cat writes the contents of a regular file, given by its full logical name.
func Cat(s API, file string, w io.Writer) error {
	name, rest, err := locate(s, file)
	if err != nil {
		return err
	}
	fi, err := lstat(s, s.Tree(), name)
	if err != nil {
		return err
	}
	if !fi.Mode().IsRegular() {
		return fmt.Errorf("path '%s' is not a regular file", "/"+strings.TrimPrefix(rest, "/"))
	}
	f, err := s.Tree().Open(name)
	if err != nil {
		return err
	}
	defer f.Close()
	_, err = io.Copy(w, f)
	return err
}

// closureGroup is the paths of a closure that have one name and version.
type closureGroups map[string]map[string][]storepath.Path

// DiffClosures writes what packages and versions were added and removed
// between two closures, with what that does to their size; colour marks sizes.
func DiffClosures(s API, before, after storepath.Path, indent string, colour bool, w io.Writer) error {
	b, err := groupClosure(s, before)
	if err != nil {
		return err
	}
	a, err := groupClosure(s, after)
	if err != nil {
		return err
	}
	names := map[string]bool{}
	for n := range b {
		names[n] = true
	}
	for n := range a {
		names[n] = true
	}
	for _, n := range slices.Sorted(maps.Keys(names)) {
		line, err := diffLine(s, b[n], a[n], colour)
		if err != nil {
			return err
		}
		if line != "" {
			if _, err := fmt.Fprintf(w, "%s%s: %s\n", indent, n, line); err != nil {
				return err
			}
		}
	}
	return nil
}

func groupClosure(s API, top storepath.Path) (closureGroups, error) {
	paths, err := s.Closure([]storepath.Path{top}, ClosureOptions{})
	groups := closureGroups{}
	for _, p := range paths {
		n := derivation.ParseName(stripOutput(p.Name()))
		if groups[n.Name] == nil {
			groups[n.Name] = map[string][]storepath.Path{}
		}
		groups[n.Name][n.Version] = append(groups[n.Name][n.Version], p)
	}
	return groups, err
}

// stripOutput takes off what looks like the name of an output. That of a
// version such as "unstable" looks the same.
func stripOutput(name string) string {
	i := strings.LastIndexByte(name, '-')
	if i < 0 || i == len(name)-1 {
		return name
	}
	out := name[i+1:]
	if out == "lib32" || out == "lib64" || strings.Trim(out, "abcdefghijklmnopqrstuvwxyz") == "" {
		return name[:i]
	}
	return name
}

func diffLine(s API, before, after map[string][]storepath.Path, colour bool) (string, error) {
	var delta int64
	for _, g := range []struct {
		sign     int64
		versions map[string][]storepath.Path
	}{{-1, before}, {1, after}} {
		for _, paths := range g.versions {
			for _, p := range paths {
				info, err := s.PathInfo(p)
				if err != nil {
					return "", err
				}
				delta += g.sign * info.NarSize
			}
		}
	}
	removed, added := missingIn(before, after), missingIn(after, before)
	var items []string
	if len(removed) > 0 || len(added) > 0 {
		items = append(items, showVersions(removed)+" → "+showVersions(added))
	}
	if delta >= 8*1024 || delta <= -8*1024 {
		size := RenderSize(delta)
		if colour && delta > 0 {
			size = "\x1b[31;1m" + size + "\x1b[0m"
		} else if colour {
			size = "\x1b[32;1m" + size + "\x1b[0m"
		}
		items = append(items, size)
	}
	return strings.Join(items, ", "), nil
}

func missingIn(these, those map[string][]storepath.Path) []string {
	var out []string
	for v := range these {
		if _, ok := those[v]; !ok {
			out = append(out, v)
		}
	}
	return out
}

func showVersions(versions []string) string {
	if len(versions) == 0 {
		return "∅"
	}
	for i, v := range versions {
		if v == "" {
			versions[i] = "ε"
		}
	}
	return strings.Join(sortedStrings(versions), ", ")
}
