package lsp

import (
	"context"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"sort"
	"strings"
	"sync"
	"time"
)

// Bounds of the workspace's index. A file of nixpkgs takes some 700 bytes in it.
const (
	maxFiles    = 200_000
	maxFileSize = 32 << 20
	// staleAfter: a folder that was walked less than this ago is not walked again.
	staleAfter = 500 * time.Millisecond
)

// workspace is the index of the expressions below the editor's folders. It
// keeps no text and no tree, only which words and paths each file mentions:
// enough to tell the few files that a question is about.
type workspace struct {
	walking sync.Mutex // held by whoever walks the folders
	running sync.WaitGroup

	mu    sync.Mutex
	roots []string
	pkgs  string // the root that is nixpkgs
	files map[string]*indexed
	back  map[uint32][]string // which files mention a path, by the path's hash
	at    time.Time           // when the folders were last walked
	full  bool                // more files than the bounds allow
}

// indexed is a file of the workspace.
type indexed struct {
	mtime time.Time
	size  int64
	words []uint32 // hashes of the names in it, sorted
	paths []uint32 // hashes of the absolute paths that it mentions
}

func newWorkspace() *workspace { return &workspace{files: map[string]*indexed{}} }

// setRoots says which folders make the workspace.
func (w *workspace) setRoots(roots []string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.roots, w.at, w.pkgs = roots, time.Time{}, ""
	for _, r := range roots {
		if _, err := os.Stat(filepath.Join(r, "pkgs/top-level/all-packages.nix")); err == nil {
			w.pkgs = r
		}
	}
}

// nixpkgs is the folder that is a nixpkgs, or empty.
func (w *workspace) nixpkgs() string {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.pkgs
}

// changeRoots adds and removes folders.
func (w *workspace) changeRoots(added, removed []string) {
	w.mu.Lock()
	roots := slices.DeleteFunc(slices.Clone(w.roots), func(r string) bool { return slices.Contains(removed, r) })
	w.mu.Unlock()
	w.setRoots(append(roots, added...))
}

// touch makes the next question look at the folders again.
func (w *workspace) touch() {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.at = time.Time{}
}

// start brings the index up to date in the background.
func (w *workspace) start(ctx context.Context) {
	w.running.Add(1)
	go func() {
		defer w.running.Done()
		_ = w.refresh(ctx) // its only error is that ctx ended
	}()
}

func (w *workspace) wait() { w.running.Wait() }

// refresh walks the folders: what is new or differs in time or size is read,
// what is gone is forgotten. Its only error is that of ctx.
func (w *workspace) refresh(ctx context.Context) error {
	w.walking.Lock()
	defer w.walking.Unlock()
	w.mu.Lock()
	roots, old := w.roots, w.files
	fresh := time.Since(w.at) < staleAfter
	w.mu.Unlock()
	if fresh || len(roots) == 0 {
		return ctx.Err()
	}
	files := make(map[string]*indexed, len(old))
	full, same := false, true
	for _, root := range roots {
		err := filepath.WalkDir(root, func(p string, e fs.DirEntry, err error) error {
			switch {
			case ctx.Err() != nil:
				return ctx.Err()
			case err != nil:
				return nil // what cannot be read is not part of it
			case e.IsDir() && p != root && (strings.HasPrefix(e.Name(), ".") || e.Name() == "node_modules"):
				return filepath.SkipDir
			case !e.Type().IsRegular() || !isExpression(p):
				return nil
			case len(files) >= maxFiles:
				full = true
				return filepath.SkipAll
			}
			f := old[p]
			st, err := e.Info()
			if err != nil {
				return nil
			}
			if f == nil || f.size != st.Size() || !f.mtime.Equal(st.ModTime()) {
				same = false
				if st.Size() > maxFileSize {
					full = true
					return nil
				}
				text, err := os.ReadFile(p)
				if err != nil {
					return nil
				}
				f = newIndexed(p, text)
				f.mtime, f.size = st.ModTime(), st.Size()
			}
			files[p] = f
			return nil
		})
		if err != nil {
			return ctx.Err()
		}
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	w.at, w.full = time.Now(), full
	if !same || len(files) != len(old) || w.back == nil {
		w.files, w.back = files, map[uint32][]string{}
		for p, f := range files {
			for _, h := range f.paths {
				w.back[h] = append(w.back[h], p)
			}
		}
	}
	return ctx.Err()
}

func isExpression(path string) bool {
	return strings.HasSuffix(path, ".nix") || strings.HasSuffix(path, ".expr")
}

// mentioning lists the files that have all the words of a name.
func (w *workspace) mentioning(name string) (paths []string, complete bool) {
	words := scanWords(name, nil)
	w.mu.Lock()
	defer w.mu.Unlock()
	for p, f := range w.files {
		all := true
		for _, h := range words {
			_, found := slices.BinarySearch(f.words, h)
			all = all && found
		}
		if all {
			paths = append(paths, p)
		}
	}
	sort.Strings(paths)
	return paths, !w.full
}

// referring lists the files that mention the path of a file, or of its folder
// if that means the file.
func (w *workspace) referring(path string) []string {
	w.mu.Lock()
	defer w.mu.Unlock()
	paths := slices.Clone(w.back[hashText(path)])
	if base := filepath.Base(path); base == "default.nix" || base == "default.expr" {
		paths = append(paths, w.back[hashText(filepath.Dir(path))]...)
	}
	sort.Strings(paths)
	return slices.Compact(paths)
}

// newIndexed finds the words and paths of a text without parsing it: those in
// comments and strings are found as well, which does no harm.
func newIndexed(path string, text []byte) *indexed {
	f := &indexed{}
	dir := filepath.Dir(path)
	s := string(text)
	f.words = scanWords(s, func(p string) { f.paths = append(f.paths, hashText(filepath.Join(dir, p))) })
	slices.Sort(f.words)
	f.words = slices.Clip(slices.Compact(f.words))
	slices.Sort(f.paths)
	f.paths = slices.Clip(slices.Compact(f.paths))
	return f
}

// scanWords gives the hashes of the words in a text, and tells of its
// relative paths.
func scanWords(s string, path func(string)) []uint32 {
	words := make([]uint32, 0, len(s)/8+1)
	for i := 0; i < len(s); {
		c := s[i]
		switch {
		case c == '_' || 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z':
			start := i
			for i < len(s) && identByte(s[i]) {
				i++
			}
			words = append(words, hashText(s[start:i]))
		case c == '.' && path != nil && (strings.HasPrefix(s[i:], "./") || strings.HasPrefix(s[i:], "../")):
			start := i
			for i < len(s) && (identByte(s[i]) && s[i] != '\'' || strings.IndexByte("./+~", s[i]) >= 0) {
				i++
			}
			path(s[start:i])
			words = append(words, scanWords(s[start:i], nil)...)
		default:
			i++
		}
	}
	return words
}

// hashText is FNV-1a.
func hashText(s string) uint32 {
	h := uint32(2166136261)
	for i := 0; i < len(s); i++ {
		h = (h ^ uint32(s[i])) * 16777619
	}
	return h
}
