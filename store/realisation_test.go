package store

import (
	"context"
	"errors"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/seed192a40f6/glang/store/hash"
	"github.com/seed192a40f6/glang/store/storepath"
)

func TestRealisations(t *testing.T) {
	s := open(t, func(c *Config) { c.CADerivations = true })
	a := must(s.AddText("a", nil, nil))(t)
	b := must(s.AddText("b", nil, nil))(t)
	drv := hash.SumString(hash.SHA256, "drv")
	if r, err := s.Realisation(drv, "out"); r != nil || err != nil {
		t.Errorf("%v, %v", r, err)
	}
	for _, sig := range []string{"k:2", "k:1", "k:2"} {
		if err := s.RegisterRealisation(Realisation{drv, "out", a, []string{sig}}); err != nil {
			t.Fatal(err)
		}
	}
	r := must(s.Realisation(drv, "out"))(t)
	if r == nil || r.OutPath != a || cmp.Diff([]string{"k:1", "k:2"}, r.Sigs) != "" {
		t.Errorf("%+v", r)
	}
	if err := s.RegisterRealisation(Realisation{drv, "out", b, nil}); err == nil || !strings.Contains(err.Error(), "another one locally") {
		t.Errorf("another path: %v", err)
	}
	none := must(storepath.FromHash(make([]byte, 20), "none"))(t)
	if err := s.RegisterRealisation(Realisation{drv, "dev", none, nil}); !errors.Is(err, ErrNotValid) {
		t.Errorf("a path that is not valid: %v", err)
	}
	// it goes with its path
	s.temp.close()
	must(s.GC(context.Background(), GCOptions{}))(t)
	if r := must(s.Realisation(drv, "out"))(t); r != nil {
		t.Errorf("%+v", r)
	}
	s.Close()
	// the tables are added to a store that was made without
	root := storeRoot(t)
	s = must(Open(testConfig(root)))(t)
	must(s.AddText("a", nil, nil))(t)
	s.Close()
	cfg := testConfig(root)
	cfg.CADerivations = true
	for range 2 {
		s = must(Open(cfg))(t)
		if err := s.RegisterRealisation(Realisation{drv, "out", a, nil}); err != nil {
			t.Error(err)
		}
		s.Close()
	}
}
