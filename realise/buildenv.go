//go:build unix

package realise

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
)

// EnvPackage is one package of an environment.
type EnvPackage struct {
	Path     string // of an output, in the store
	Active   bool
	Priority int // the lower one wins
}

// FileConflict says that two packages of equal priority have the same file.
type FileConflict struct {
	A, B     string
	Priority int
}

func (e *FileConflict) Error() string {
	return fmt.Sprintf("Unable to build profile. There is a conflict for the following files:\n\n  \"%s\"\n  \"%s\"", e.A, e.B)
}

// builtinBuildenv makes an environment: a tree of symlinks to the files of
// packages.
func builtinBuildenv(ctx context.Context, c *BuiltinContext) error {
	text, err := c.Attr("derivations")
	if err != nil {
		return err
	}
	manifest, err := c.Attr("manifest")
	if err != nil {
		return err
	}
	pkgs, err := parsePackages(text)
	if err != nil {
		return err
	}
	out, ok := c.Outputs["out"]
	if !ok {
		return errors.New("'builtin:buildenv' requires an 'out' output")
	}
	e := &envBuilder{ctx: ctx, c: c, out: out, priorities: map[string]int{}}
	if err := os.Mkdir(out, 0o755); err != nil {
		return err
	}
	if err := e.build(pkgs); err != nil {
		return err
	}
	name := "/manifest.nix"
	if strings.HasSuffix(manifest, ".json") {
		name = "/manifest.json" // as package profile writes it
	}
	return os.Symlink(manifest, out+name)
}

// parsePackages reads "active priority count path…" again and again.
func parsePackages(text string) ([]EnvPackage, error) {
	var pkgs []EnvPackage
	words := strings.Fields(text)
	for len(words) > 0 {
		if len(words) < 3 {
			return nil, errors.New("attribute 'derivations' ends too early")
		}
		active := words[0] != "false"
		priority, err := strconv.Atoi(words[1])
		if err != nil {
			return nil, err
		}
		n, err := strconv.Atoi(words[2])
		if err != nil || n < 0 || n > len(words)-3 {
			return nil, errors.New("attribute 'derivations' ends too early")
		}
		for _, p := range words[3 : 3+n] {
			pkgs = append(pkgs, EnvPackage{p, active, priority})
		}
		words = words[3+n:]
	}
	return pkgs, nil
}

// An envBuilder makes one environment. Names it handles are logical ones of
// the store; real and the output's own directory say where they lie.
type envBuilder struct {
	ctx        context.Context
	c          *BuiltinContext
	out        string
	priorities map[string]int // by file name in the environment
	done       map[string]bool
	postponed  map[string]bool
}

func (e *envBuilder) build(pkgs []EnvPackage) error {
	e.done, e.postponed = map[string]bool{}, map[string]bool{}
	slices.SortFunc(pkgs, func(a, b EnvPackage) int {
		if a.Priority != b.Priority {
			return a.Priority - b.Priority
		}
		return strings.Compare(a.Path, b.Path)
	})
	for _, p := range pkgs {
		if p.Active {
			if err := e.add(p.Path, p.Priority); err != nil {
				return err
			}
		}
	}
	// What packages want installed with them loses against them.
	for priority := 1000; len(e.postponed) > 0; {
		paths := sortedNames(e.postponed)
		e.postponed = map[string]bool{}
		for _, p := range paths {
			if err := e.add(p, priority); err != nil {
				return err
			}
			priority++
		}
	}
	return nil
}

func (e *envBuilder) add(pkg string, priority int) error {
	if e.done[pkg] {
		return nil
	}
	e.done[pkg] = true
	if err := e.link(pkg, e.out, priority); err != nil {
		return err
	}
	real, err := e.real(pkg + "/nix-support/propagated-user-env-packages")
	if err != nil {
		return ignoreMissing(err)
	}
	text, err := os.ReadFile(real)
	if err != nil {
		return ignoreMissing(err)
	}
	for _, p := range strings.FieldsFunc(string(text), func(c rune) bool { return c == ' ' || c == '\n' }) {
		if !e.done[p] {
			e.postponed[p] = true
		}
	}
	return nil
}

func ignoreMissing(err error) error {
	if errors.Is(err, fs.ErrNotExist) || errors.Is(err, syscall.ENOTDIR) {
		return nil
	}
	return err
}

// real resolves a name in the store to the file on this machine. Each symlink
// on the way is read as a builder in the store would read it.
func (e *envBuilder) real(path string) (string, error) {
	for range 40 {
		p, rest, err := e.c.Scheme.ToStorePath(path)
		if err != nil {
			return "", fs.ErrNotExist // points out of the store
		}
		at, logical := e.c.b.r.store.RealPath(p), e.c.Scheme.Print(p)
		redirected := false
		for parts := strings.Split(strings.Trim(rest, "/"), "/"); ; parts = parts[1:] {
			fi, err := os.Lstat(at)
			if err != nil {
				return "", err
			}
			if fi.Mode()&fs.ModeSymlink != 0 {
				target, err := os.Readlink(at)
				if err != nil {
					return "", err
				}
				if !filepath.IsAbs(target) {
					target = filepath.Join(filepath.Dir(logical), target)
				}
				path, redirected = filepath.Join(append([]string{target}, parts...)...), true
				break
			}
			if len(parts) == 0 || parts[0] == "" {
				break
			}
			at, logical = at+"/"+parts[0], logical+"/"+parts[0]
		}
		if !redirected {
			return at, nil
		}
	}
	return "", syscall.ELOOP
}

var ignoredSuffixes = []string{"/propagated-build-inputs", "/nix-support", "/perllocal.pod", "/info/dir", "/log", "/manifest.nix", "/manifest.json"}

// link makes symlinks in dst, a directory of the environment, for the entries
// of src, a directory in the store.
func (e *envBuilder) link(src, dst string, priority int) error {
	if err := e.ctx.Err(); err != nil {
		return err
	}
	real, err := e.real(src)
	if err != nil {
		return err
	}
	entries, err := os.ReadDir(real)
	if errors.Is(err, syscall.ENOTDIR) {
		fmt.Fprintf(e.c.Log, "warning: not including \"%s\" in the user environment because it's not a directory\n", src)
		return nil
	}
	if err != nil {
		return err
	}
	for _, entry := range entries {
		if name := entry.Name(); name[0] != '.' { // hidden files stay out
			if err := e.entry(src+"/"+name, dst+"/"+name, priority); err != nil {
				return err
			}
		}
	}
	return nil
}

func (e *envBuilder) entry(src, dst string, priority int) error {
	real, err := e.real(src)
	if errors.Is(err, fs.ErrNotExist) {
		fmt.Fprintf(e.c.Log, "warning: skipping dangling symlink '%s'\n", e.logical(dst))
		return nil
	}
	if err != nil {
		return err
	}
	srcInfo, err := os.Lstat(real)
	if err != nil {
		return err
	}
	for _, s := range ignoredSuffixes {
		if strings.HasSuffix(src, s) {
			return nil
		}
	}
	if dstInfo, err := os.Lstat(dst); err == nil {
		if done, err := e.merge(src, dst, priority, srcInfo, dstInfo); done || err != nil {
			return err
		}
	}
	if err := os.Symlink(src, dst); err != nil {
		return err
	}
	e.priorities[dst] = priority
	return nil
}

// logical is the name in the store of a file of the environment.
func (e *envBuilder) logical(dst string) string {
	return e.c.OutputPaths["out"] + strings.TrimPrefix(dst, e.out)
}

// merge decides what becomes of an entry whose name is taken; done is false if
// dst was removed for it.
func (e *envBuilder) merge(src, dst string, priority int, srcInfo, dstInfo fs.FileInfo) (done bool, err error) {
	isLink := dstInfo.Mode()&fs.ModeSymlink != 0
	if !srcInfo.IsDir() {
		if dstInfo.IsDir() {
			return false, fmt.Errorf("collision between non-directory '%s' and directory '%s'", src, e.logical(dst))
		}
		if !isLink {
			return false, nil
		}
		switch prev := e.priorities[dst]; {
		case prev == priority:
			other, err := os.Readlink(dst)
			if err != nil {
				return false, err
			}
			return false, &FileConflict{other, src, priority}
		case prev < priority:
			return true, nil
		}
		return false, os.Remove(dst)
	}
	if dstInfo.IsDir() {
		return true, e.link(src, dst, priority)
	}
	if !isLink {
		return false, nil
	}
	// A directory of two packages: a directory with the entries of both.
	target, err := os.Readlink(dst)
	if err != nil {
		return false, err
	}
	real, err := e.real(target)
	if err != nil {
		return false, err
	}
	if fi, err := os.Lstat(real); err != nil || !fi.IsDir() {
		return false, errors.Join(err, fmt.Errorf("collision between \"%s\" and non-directory \"%s\"", src, e.resolved(real)))
	}
	if err := os.Remove(dst); err != nil {
		return false, err
	}
	if err := os.Mkdir(dst, 0o755); err != nil {
		return false, err
	}
	if err := e.link(e.resolved(real), dst, e.priorities[dst]); err != nil {
		return false, err
	}
	return true, e.link(src, dst, priority)
}

// resolved is the name in the store of a file found by real.
func (e *envBuilder) resolved(real string) string {
	base := strings.TrimPrefix(real, e.c.b.r.store.RealDir()+"/")
	return e.c.Scheme.Dir + "/" + base
}
