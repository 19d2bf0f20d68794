package store_test

import (
	"fmt"
	"os"
	"path/filepath"

	"github.com/seed192a40f6/glang/store"
	"github.com/seed192a40f6/glang/store/storepath"
)

// A store in a directory of one's own: paths say /nix/store, the objects lie
// below the directory.
func Example() {
	dir, err := os.MkdirTemp("", "store-")
	if err != nil {
		panic(err)
	}
	defer func() { _ = store.DeleteTree(dir) }()

	s, err := store.Open(store.Config{Scheme: storepath.Nix("/nix/store")}.Chroot(dir))
	if err != nil {
		panic(err)
	}
	defer s.Close()
	p, err := s.AddText("greeting", []byte("hello\n"), nil)
	if err != nil {
		panic(err)
	}
	fmt.Println(s.Scheme().Print(p))
	rel, err := filepath.Rel(dir, s.RealPath(p))
	if err != nil {
		panic(err)
	}
	fmt.Println(rel)
	info, err := s.PathInfo(p)
	if err != nil {
		panic(err)
	}
	fmt.Println(info.NarSize, info.CA)
	// Output:
	// /nix/store/ybf7by4xvcgjhwilsg87rqz9di79bify-greeting
	// nix/store/ybf7by4xvcgjhwilsg87rqz9di79bify-greeting
	// 120 text:sha256:00xyyr3fi8l6hb839bv3f7yb86yjv7xi1cgh1xnhipym4asvb4aq
}
