package store_test

import (
	"path/filepath"
	"testing"

	"github.com/seed192a40f6/glang/store"
	"github.com/seed192a40f6/glang/store/storepath"
	"github.com/seed192a40f6/glang/store/storetest"
)

func TestStore(t *testing.T) {
	for name, change := range map[string]func(*store.Config){
		"plain":    func(*store.Config) {},
		"native":   func(c *store.Config) { c.Scheme = storepath.Native("/glang/store") },
		"optimise": func(c *store.Config) { c.AutoOptimise, c.FsyncStorePaths = true, true },
		"nowal":    func(c *store.Config) { c.NoWAL, c.NoFsyncMetadata = true, true },
	} {
		t.Run(name, func(t *testing.T) {
			storetest.Run(t, func(t *testing.T) store.API {
				dir := t.TempDir()
				cfg := store.Config{
					Scheme: storepath.Nix("/nix/store"), ReservedSpace: -1,
					RealDir: filepath.Join(dir, "store"), StateDir: filepath.Join(dir, "state"),
				}
				change(&cfg)
				s, err := store.Open(cfg)
				if err != nil {
					t.Fatal(err)
				}
				t.Cleanup(func() { store.DeleteTree(cfg.RealDir) })
				return s
			})
		})
	}
}

func TestDummy(t *testing.T) {
	storetest.Run(t, func(t *testing.T) store.API {
		return store.NewDummy(storepath.Nix("/nix/store"), false)
	})
}
