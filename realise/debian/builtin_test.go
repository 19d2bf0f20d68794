//go:build unix

package debian

import (
	"bytes"
	"compress/gzip"
	"context"
	"encoding/base64"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/seed192a40f6/glang/derivation"
	"github.com/seed192a40f6/glang/realise"
	"github.com/seed192a40f6/glang/store"
	"github.com/seed192a40f6/glang/store/hash"
	"github.com/seed192a40f6/glang/store/storepath"
)

// A workshop is a store in a temporary directory with a folder as Debian's
// archive. Built-in builders run in this process, so no sandbox is needed.
type workshop struct {
	*testing.T
	store   *store.Store
	hasher  *derivation.Hasher
	archive string
}

func newWorkshop(t *testing.T, scheme storepath.Scheme) *workshop {
	t.Helper()
	dir := t.TempDir()
	t.Cleanup(func() { _ = store.DeleteTree(dir) }) // what is in a store is read-only
	s, err := store.Open(store.Config{Scheme: scheme, NoFsyncMetadata: true}.Chroot(dir))
	if err == nil {
		err = s.Start()
	}
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	return &workshop{t, s, derivation.NewHasher(s.Scheme(), s.ReadDerivation), t.TempDir()}
}

func (w *workshop) add(d *derivation.Derivation) storepath.Path {
	w.Helper()
	p, text, err := w.hasher.Finish(d)
	if err == nil {
		err = w.store.AddDerivation(p, d, text)
	}
	if err != nil {
		w.Fatal(err)
	}
	return p
}

// pinned puts a file into the archive and gives the derivation that fetches it.
func (w *workshop) pinned(name string, content []byte) storepath.Path {
	w.Helper()
	if err := os.WriteFile(filepath.Join(w.archive, name), content, 0o644); err != nil {
		w.Fatal(err)
	}
	return w.add(&derivation.Derivation{
		Name: name, Platform: "builtin", Builder: "builtin:fetchurl",
		Outputs: map[string]derivation.Output{
			"out": derivation.FixedOutput(storepath.Flat, hash.Sum(hash.SHA256, content)),
		},
		Env: map[string]string{"out": "", "url": "mirror://debian/pool/main/" + name},
	})
}

// using makes a derivation for a built-in builder with the outputs of others
// in a variable.
func (w *workshop) using(builder, variable string, inputs []storepath.Path, env map[string]string) storepath.Path {
	w.Helper()
	d := &derivation.Derivation{
		Name: "result", Platform: "builtin", Builder: "builtin:" + builder,
		Outputs:   map[string]derivation.Output{"out": {}},
		Env:       map[string]string{"out": "", "builderVersion": "1"},
		InputDrvs: map[storepath.Path]derivation.InputOutputs{},
	}
	var paths []string
	for _, input := range inputs {
		in, err := w.store.ReadDerivation(input)
		if err != nil {
			w.Fatal(err)
		}
		out, err := in.OutputPath(w.store.Scheme(), "out")
		if err != nil {
			w.Fatal(err)
		}
		d.InputDrvs[input] = derivation.InputOutputs{Names: []string{"out"}}
		paths = append(paths, w.store.Scheme().Print(out))
	}
	d.Env[variable] = strings.Join(paths, " ")
	maps.Copy(d.Env, env)
	return w.add(d)
}

// realise builds and returns the output's file name and its name in the store.
func (w *workshop) realise(drv storepath.Path, mode realise.Mode) (file, name string, err error) {
	r := realise.New(w.store, realise.Options{
		System: "x86_64-linux", Builtins: Builtins(),
		Mirrors: map[string]realise.Mirror{"debian": &Mirror{URLs: []string{"file://" + w.archive}}},
	})
	results, err := r.Realise(context.Background(), []realise.Target{{Drv: drv}}, mode)
	if err != nil {
		return "", "", err
	}
	out := results[0].Outputs["out"]
	return w.store.RealPath(out), w.store.Scheme().Print(out), nil
}

func read(t *testing.T, name string) []byte {
	t.Helper()
	content, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	return content
}

// From a pinned package in the archive to a relocated tree in the store, under
// both schemes; built again it is the same.
func TestBuiltinTree(t *testing.T) {
	program := makeELF(elfSpec{interp: "/lib64/ld-linux-x86-64.so.2", needed: []string{"libc.so.6"}, nulls: 3})
	for _, scheme := range []storepath.Scheme{storepath.Nix("/nix/store"), storepath.Native("/glang/store")} {
		w := newWorkshop(t, scheme)
		tools := read(t, makeDeb(t, "data.tar", makeTar(t, []file{
			{name: "bin/tool", mode: 0o755, text: string(program)},
			{name: "usr/bin/script", mode: 0o755, text: "#!/bin/tool\n"},
		})))
		more := read(t, makeDeb(t, "data.tar", makeTar(t, []file{{name: "usr/share/more", text: "more"}})))
		debs := []storepath.Path{w.pinned("tools_1_amd64.deb", tools), w.pinned("more_1_amd64.deb", more)}
		drv := w.using("debian-tree", "debs", debs, map[string]string{"links": "usr/bin/t=tool usr/bin/u=tool"})
		dir, prefix, err := w.realise(drv, realise.Normal)
		if err != nil {
			t.Fatal(err)
		}
		relocated, err := relocateELF(program, Location{Prefix: prefix, Runtime: prefix})
		if err != nil {
			t.Fatal(err)
		}
		if !bytes.Equal(read(t, filepath.Join(dir, "usr/bin/tool")), relocated) {
			t.Errorf("the program is not relocated to '%s'", prefix)
		}
		if got, want := string(read(t, filepath.Join(dir, "bin/script"))), "#!"+prefix+"/usr/bin/tool\n"; got != want {
			t.Errorf("script: got %q, want %q", got, want)
		}
		if target, err := os.Readlink(filepath.Join(dir, "bin/u")); err != nil || target != "tool" {
			t.Errorf("link: got %q, %v", target, err)
		}
		if string(read(t, filepath.Join(dir, "usr/share/more"))) != "more" {
			t.Error("the second package is missing")
		}
		if _, _, err := w.realise(drv, realise.Check); err != nil {
			t.Errorf("building again: %v", err)
		}
	}
}

func TestBuiltinErrors(t *testing.T) {
	w := newWorkshop(t, storepath.Nix("/nix/store"))
	deb := w.pinned("a_1_amd64.deb", []byte("no package"))
	for name, test := range map[string]struct {
		builder string
		env     map[string]string
		want    string
	}{
		"version":     {"debian-tree", map[string]string{"builderVersion": "0"}, "wants version '0' of 'builtin:debian-tree', this program has version '" + TreeVersion + "'"},
		"no version":  {"unpack", map[string]string{"builderVersion": ""}, "wants version ''"},
		"links":       {"debian-tree", map[string]string{"links": "../x=y"}, "'../x=y' in links is not of the form PATH=TARGET"},
		"not a deb":   {"debian-tree", nil, "not an ar archive"},
		"no input":    {"debian-tree", map[string]string{"debs": "/nix/store/00000000000000000000000000000000-x"}, "is not among the inputs"},
		"not archive": {"unpack", nil, "unpacking"},
	} {
		variable := "debs"
		if test.builder == "unpack" {
			variable = "src"
		}
		_, _, err := w.realise(w.using(test.builder, variable, []storepath.Path{deb}, test.env), realise.Normal)
		if err == nil || !strings.Contains(err.Error(), test.want) {
			t.Errorf("%s: got %v, want %q", name, err, test.want)
		}
	}
	// What the archive no longer has is an error that names it.
	gone := w.pinned("gone_1_amd64.deb", []byte("content"))
	if err := os.Remove(filepath.Join(w.archive, "gone_1_amd64.deb")); err != nil {
		t.Fatal(err)
	}
	if _, _, err := w.realise(gone, realise.Normal); err == nil || !strings.Contains(err.Error(), "no Debian mirror has 'pool/main/gone_1_amd64.deb'") {
		t.Errorf("vanished package: %v", err)
	}
}

func TestBuiltinUnpack(t *testing.T) {
	xz, err := base64.StdEncoding.DecodeString(xzTar)
	if err != nil {
		t.Fatal(err)
	}
	var gz bytes.Buffer
	z := gzip.NewWriter(&gz)
	if _, err := z.Write(makeTar(t, []file{{name: "a/x", text: "1"}, {name: "b", text: "2"}})); err != nil {
		t.Fatal(err)
	}
	z.Close()
	for i, test := range []struct {
		archive []byte
		want    []string
	}{
		{xz, []string{"f x: content"}}, // the single folder at the top is dropped
		{gz.Bytes(), []string{"d a", "f a/x: 1", "f b: 2"}},
	} {
		w := newWorkshop(t, storepath.Nix("/nix/store"))
		src := w.pinned(fmt.Sprintf("archive-%d", i), test.archive)
		dir, _, err := w.realise(w.using("unpack", "src", []storepath.Path{src}, nil), realise.Normal)
		if err != nil {
			t.Errorf("%d: %v", i, err)
			continue
		}
		if diff := cmp.Diff(test.want, listing(t, dir)); diff != "" {
			t.Errorf("%d: %s", i, diff)
		}
	}
}
