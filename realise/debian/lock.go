//go:build unix

package debian

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"path"
	"sort"
	"strconv"
	"strings"
	"time"
)

// Lock pins packages and source archives of one Debian release. Its JSON form
// is what expressions read.
type Lock struct {
	// Release is the suite the pins were taken from: "bookworm". Pins come from
	// the main suite alone, whose files stay on every mirror until a point
	// release replaces them.
	Release string `json:"release"`
	// Arch is Debian's name of the architecture: "amd64".
	Arch string `json:"arch"`
	// Date is when the pins were taken, as the snapshot archive writes it:
	// "20260101T000000Z". At that date the snapshot has every file named here.
	Date string `json:"date"`
	// Packages maps the name of a binary package to its pin.
	Packages map[string]Package `json:"packages"`
	// Sources maps the name of a source package to its pin.
	Sources map[string]Source `json:"sources"`
}

// Package pins one binary package.
type Package struct {
	Version string `json:"version"`
	File
}

// Source pins one source package.
type Source struct {
	Version string `json:"version"`
	// Files maps what a file is for ("orig", "debian", or the name of an
	// additional tarball) to its pin.
	Files map[string]File `json:"files"`
}

// File pins one file of the archive.
type File struct {
	Path   string `json:"path"`   // below the root of the archive: "pool/main/…"
	SHA256 string `json:"sha256"` // hexadecimal
	Size   int64  `json:"size"`   // bytes
}

// snapshotDate is the layout of Lock.Date.
const snapshotDate = "20060102T150405Z"

// ParseLock reads a lock file.
func ParseLock(text []byte) (*Lock, error) {
	lock := &Lock{}
	if err := json.Unmarshal(text, lock); err != nil {
		return nil, fmt.Errorf("reading the Debian lock file: %w", err)
	}
	if lock.Release == "" || lock.Arch == "" {
		return nil, errors.New("the Debian lock file names no release or no architecture")
	}
	return lock, nil
}

// Bytes gives the canonical text of the lock file: names sorted, indented,
// ending in a newline.
func (l *Lock) Bytes() ([]byte, error) {
	var out bytes.Buffer
	encoder := json.NewEncoder(&out)
	encoder.SetEscapeHTML(false)
	encoder.SetIndent("", "  ")
	if err := encoder.Encode(l); err != nil {
		return nil, err
	}
	return out.Bytes(), nil
}

// find looks up which pin a path of the archive belongs to: the name and
// version of its package, and whether it is a source package.
func (l *Lock) find(filePath string) (name, version string, source, ok bool) {
	if l == nil {
		return "", "", false, false
	}
	for name, pkg := range l.Packages {
		if pkg.Path == filePath {
			return name, pkg.Version, false, true
		}
	}
	for name, src := range l.Sources {
		for _, file := range src.Files {
			if file.Path == filePath {
				return name, src.Version, true, true
			}
		}
	}
	return "", "", false, false
}

// Refresh returns a lock with the current version of everything that l pins
// and of the binary and source packages named in addition, taken from the
// lists of l.Release, which apt downloads and verifies. A name that the
// release does not have is an error.
func (l *Lock) Refresh(ctx context.Context, apt *Apt, addPackages, addSources []string) (*Lock, error) {
	fresh := &Lock{
		Release:  l.Release,
		Arch:     l.Arch,
		Date:     time.Now().UTC().Format(snapshotDate),
		Packages: map[string]Package{},
		Sources:  map[string]Source{},
	}
	if err := apt.Update(ctx, l.Release, l.Arch, 0); err != nil {
		return nil, err
	}
	packages := names(l.Packages, addPackages)
	stanzas, err := apt.show(ctx, packages)
	if err != nil {
		return nil, err
	}
	for _, stanza := range stanzas {
		file, err := pin(stanza["filename"], stanza["sha256"], stanza["size"])
		if err != nil {
			return nil, fmt.Errorf("package '%s': %w", stanza["package"], err)
		}
		fresh.Packages[stanza["package"]] = Package{stanza["version"], file}
	}
	for _, name := range packages {
		if _, ok := fresh.Packages[name]; !ok {
			return nil, fmt.Errorf("release %s of Debian has no package '%s' for %s", l.Release, name, l.Arch)
		}
	}
	sources := names(l.Sources, addSources)
	stanzas, err = apt.showSources(ctx, sources)
	if err != nil {
		return nil, err
	}
	for _, stanza := range stanzas {
		source, err := pinSource(stanza)
		if err != nil {
			return nil, err
		}
		fresh.Sources[stanza["package"]] = source
	}
	for _, name := range sources {
		if _, ok := fresh.Sources[name]; !ok {
			return nil, fmt.Errorf("release %s of Debian has no source package '%s'", l.Release, name)
		}
	}
	return fresh, nil
}

// names gives the keys of m and the names in addition, sorted, each once.
func names[V any](m map[string]V, addition []string) []string {
	all := map[string]bool{}
	for name := range m {
		all[name] = true
	}
	for _, name := range addition {
		all[name] = true
	}
	sorted := make([]string, 0, len(all))
	for name := range all {
		sorted = append(sorted, name)
	}
	sort.Strings(sorted)
	return sorted
}

func pin(filePath, sha256, size string) (File, error) {
	bytes, err := strconv.ParseInt(size, 10, 64)
	if err != nil {
		return File{}, fmt.Errorf("size '%s' is not a number", size)
	}
	if len(sha256) != 64 || !strings.HasPrefix(filePath, "pool/") {
		return File{}, errors.New("the package list gives no SHA-256 or no path in the pool")
	}
	return File{filePath, sha256, bytes}, nil
}

// pinSource pins the tarballs of a source package; signatures and the
// description are left out.
func pinSource(stanza map[string]string) (Source, error) {
	source := Source{Version: stanza["version"], Files: map[string]File{}}
	for line := range strings.Lines(stanza["checksums-sha256"]) {
		words := strings.Fields(line)
		if len(words) != 3 || strings.HasSuffix(words[2], ".asc") || strings.HasSuffix(words[2], ".dsc") {
			continue
		}
		file, err := pin(path.Join(stanza["directory"], words[2]), words[0], words[1])
		if err != nil {
			return source, fmt.Errorf("source package '%s': %w", stanza["package"], err)
		}
		source.Files[sourceRole(words[2])] = file
	}
	return source, nil
}

// sourceRole names what a file of a source package is for. Examples:
// hello_2.10.orig.tar.gz is "orig", hello_2.10.orig-po.tar.gz "orig-po",
// hello_2.10-3.debian.tar.xz "debian", hello_2.10-3.tar.xz (a native package)
// "orig".
func sourceRole(name string) string {
	base := name
	for _, ext := range []string{".gz", ".xz", ".bz2", ".zst", ".lzma", ".tar", ".diff"} {
		base = strings.TrimSuffix(base, ext)
	}
	for _, part := range strings.Split(base, ".") {
		if part == "debian" || part == "orig" || strings.HasPrefix(part, "orig-") {
			return part
		}
	}
	if strings.HasSuffix(name, ".diff.gz") {
		return "diff"
	}
	return "orig"
}
