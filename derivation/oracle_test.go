package derivation

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/seed192a40f6/glang/store/storepath"
)

// TestStore reads every derivation in the directory that the environment
// variable names, prints it again, and recomputes its name and the paths of
// its outputs. It is for stores filled by the reference implementation.
func TestStore(t *testing.T) {
	dir := os.Getenv("GLANG_TEST_DRV_DIR")
	if dir == "" {
		t.Skip("GLANG_TEST_DRV_DIR is not set")
	}
	files, err := filepath.Glob(dir + "/*.drv")
	if err != nil || len(files) == 0 {
		t.Fatal("no derivations", err)
	}
	scheme := storepath.Nix("/nix/store")
	texts := make(map[storepath.Path][]byte)
	load := func(p storepath.Path) (*Derivation, error) {
		text, err := os.ReadFile(filepath.Join(dir, p.String()))
		if err != nil {
			return nil, err
		}
		texts[p] = text
		return Parse(scheme, p.DrvName(), text)
	}
	cold := NewHasher(scheme, load)
	n := 0
	for _, file := range files {
		if fi, err := os.Stat(file); err != nil || !fi.Mode().IsRegular() {
			continue
		}
		p, err := storepath.ParseBase(filepath.Base(file))
		if err != nil {
			t.Fatal(err)
		}
		d, err := load(p)
		if err != nil {
			t.Errorf("%s: %v", p, err)
			continue
		}
		n++
		if got := d.ATerm(scheme); !bytes.Equal(got, texts[p]) {
			t.Errorf("%s: printed differently (-want +got)\n%s", p, cmp.Diff(string(texts[p]), string(got)))
		}
		if err := cold.Check(d); err != nil {
			t.Errorf("%s: %v", p, err)
		}
		// Take the paths out and have them computed again.
		want := d.Clone()
		for name, o := range d.Outputs {
			o.Path = storepath.Path{}
			if o.Kind == InputAddressed {
				o.Kind = Deferred
			}
			if o.Kind == Deferred || o.Kind == Fixed {
				d.Env[name] = ""
			}
			d.Outputs[name] = o
		}
		got, text, err := cold.Finish(d)
		if err != nil {
			t.Errorf("%s: %v", p, err)
			continue
		}
		if got != p || !bytes.Equal(text, texts[p]) {
			t.Errorf("%s: got %s\n%s", p, got, cmp.Diff(string(texts[p]), string(text)))
		}
		js, err := json.Marshal(want)
		if err != nil {
			t.Fatal(err)
		}
		back := new(Derivation)
		if err := json.Unmarshal(js, back); err != nil {
			t.Fatal(err)
		}
		if got := back.ATerm(scheme); !bytes.Equal(got, texts[p]) {
			t.Errorf("%s: differs after JSON (-want +got)\n%s", p, cmp.Diff(string(texts[p]), string(got)))
		}
		if _, err := want.Options(); err != nil && !strings.Contains(err.Error(), "odd number") {
			t.Errorf("%s: options: %v", p, err)
		}
	}
	t.Logf("%d derivations", n)
}

func BenchmarkFinish(b *testing.B) {
	dir := os.Getenv("GLANG_TEST_DRV_DIR")
	if dir == "" {
		b.Skip("GLANG_TEST_DRV_DIR is not set")
	}
	files, _ := filepath.Glob(dir + "/*.drv")
	scheme := storepath.Nix("/nix/store")
	load := func(p storepath.Path) (*Derivation, error) {
		text, err := os.ReadFile(filepath.Join(dir, p.String()))
		if err != nil {
			return nil, err
		}
		return Parse(scheme, p.DrvName(), text)
	}
	h := NewHasher(scheme, load)
	var ds []*Derivation
	for _, file := range files {
		p, _ := storepath.ParseBase(filepath.Base(file))
		d, err := load(p)
		if err != nil {
			b.Fatal(err)
		}
		if _, _, err := h.Finish(d); err != nil {
			b.Fatal(err)
		}
		ds = append(ds, d)
	}
	b.ResetTimer()
	b.ReportAllocs()
	for i := 0; i < b.N; i++ {
		if _, _, err := h.Finish(ds[i%len(ds)]); err != nil {
			b.Fatal(err)
		}
	}
}
