//go:build unix

package fetch

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path"
	"path/filepath"
	"strings"

	"github.com/seed192a40f6/glang/lang/eval"
	"github.com/seed192a40f6/glang/lang/flakeref"
	"github.com/seed192a40f6/glang/store"
	"github.com/seed192a40f6/glang/store/hash"
	"github.com/seed192a40f6/glang/store/nar"
	"github.com/seed192a40f6/glang/store/storepath"
)

// Prefetch says what to download, and what the store is to hold of it.
type Prefetch struct {
	URL string
	// Name of the store object; "": the last part of the address.
	Name string
	// Algo is that of the hash; Expected, unless zero, is the hash that it must have.
	Algo     hash.Algo
	Expected hash.Hash
	// Unpack takes an archive's tree, Executable makes a program of the file.
	Unpack, Executable bool
}

// Prefetch downloads a file for a derivation with a fixed output, and returns
// where it is in the store and the hash that the derivation has to give.
func (f *Fetcher) Prefetch(ctx context.Context, p Prefetch) (storepath.Path, hash.Hash, error) {
	fail := func(err error) (storepath.Path, hash.Hash, error) { return storepath.Path{}, hash.Hash{}, err }
	name := p.Name
	if name == "" {
		u, err := flakeref.ParseURL(p.URL)
		if err != nil {
			return fail(err)
		}
		if name = u.Path[len(u.Path)-1]; name == "" {
			return fail(fmt.Errorf("cannot figure out file name for '%s'", p.URL))
		}
	}
	if err := storepath.CheckName(name); err != nil {
		return fail(err)
	}
	method, algo := storepath.Flat, p.Algo
	if p.Unpack || p.Executable {
		method = storepath.NAR
	}
	if !p.Expected.IsZero() {
		algo = p.Expected.Algo()
		known, err := f.o.Store.Scheme().FixedOutputPath(name, method, p.Expected, nil, false)
		if err != nil {
			return fail(err)
		}
		if ok, err := f.o.Store.IsValid(known); err != nil || ok {
			return known, p.Expected, err
		}
	}
	dir, err := f.tempDir()
	if err != nil {
		return fail(err)
	}
	defer os.RemoveAll(dir)
	file := filepath.Join(dir, "download")
	if _, _, err := f.get(ctx, p.URL, file, ""); err != nil {
		return fail(err)
	}
	if p.Executable {
		if err := os.Chmod(file, 0o755); err != nil {
			return fail(err)
		}
	}
	if p.Unpack {
		if file, err = unpackTop(ctx, file, p.URL); err != nil {
			return fail(err)
		}
	}
	var have hash.Hash
	if method == storepath.Flat {
		have, err = hashFile(file, algo)
	} else {
		have, _, err = nar.HashTree(algo, nar.OS(), file, nil)
	}
	if err != nil {
		return fail(err)
	}
	if !p.Expected.IsZero() && have != p.Expected {
		return fail(&HashMismatchError{p.URL, p.Expected, have})
	}
	out, err := f.o.Store.AddTree(name, nar.OS(), file, store.AddOptions{Method: method, Algo: algo})
	return out, have, err
}

// unpackTop unpacks an archive beside it, and finds what is in it: the only
// entry, or the folder of all of them.
func unpackTop(ctx context.Context, file, url string) (string, error) {
	dir := filepath.Join(filepath.Dir(file), "unpacked")
	if err := os.Mkdir(dir, 0o755); err != nil {
		return "", err
	}
	if _, err := unpack(ctx, file, dir); err != nil {
		return "", fmt.Errorf("failed to extract archive '%s': %w", url, err)
	}
	list, err := os.ReadDir(dir)
	switch {
	case err != nil:
		return "", err
	case len(list) == 0:
		return "", fmt.Errorf("archive '%s' is empty", url)
	case len(list) == 1:
		return filepath.Join(dir, list[0].Name()), nil
	}
	return dir, nil
}

// Clone clones the repository of an input, by the git command as the user has
// set it up; of what is in no repository it copies the tree.
func (f *Fetcher) Clone(ctx context.Context, attrs flakeref.Attrs, dest string) error {
	in := input{attrs}
	url := in.text("url")
	switch kind := in.text("type"); kind {
	case "git":
		u, err := flakeref.ParseURL(url)
		if err != nil {
			return err
		}
		if u.Transport() == "file" {
			url = strings.Join(u.Path, "/")
		}
	case "github", "gitlab", "sourcehut":
		host := in.text("host")
		if host == "" {
			host = forgeHosts[kind]
		}
		url = "https://" + path.Join(host, in.text("owner"), in.text("repo"))
		if kind != "sourcehut" {
			url += ".git"
		}
	default:
		if _, err := os.Lstat(dest); err == nil {
			return fmt.Errorf("cannot clone into existing path \"%s\"", dest)
		}
		t, err := f.FetchTree(ctx, attrs, eval.AllRegistries)
		if err != nil {
			return err
		}
		return os.CopyFS(dest, os.DirFS(f.real(t.Path)))
	}
	if in.text("rev") != "" {
		return errors.New("cloning a specific revision is not implemented")
	}
	args := []string{"clone"}
	if ref := in.text("ref"); ref != "" {
		args = append(args, "--branch", ref)
	}
	_, err := userGit(ctx, ".", "", append(args, "--", url, dest)...)
	return err
}
