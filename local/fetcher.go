//go:build unix

package local

import (
	"path/filepath"
	"strings"
	"time"

	"github.com/seed192a40f6/glang/fetch"
	"github.com/seed192a40f6/glang/store"
)

// Fetcher downloads for expressions into the session's store, which it writes
// to though evaluation does not.
func (s *Session) Fetcher(warn, log func(text string)) *fetch.Fetcher {
	tokens := map[string]string{}
	for _, w := range s.Settings.Words("access-tokens") {
		if host, token, ok := strings.Cut(w, "="); ok {
			tokens[host] = token
		}
	}
	var registries []string
	global := 0
	if s.Settings.Bool("use-registries") {
		registries = append(registries, filepath.Join(s.Dirs.Config, "registry.json"), filepath.Join(filepath.Dir(s.Dirs.ConfFile), "registry.json"))
		if r := s.Settings.Get("flake-registry"); r != "" {
			registries = append(registries, r)
			global = 1
		}
	}
	var st fetch.Store = s.API
	if s.Store != nil {
		st = s.Store
	}
	return fetch.New(fetch.Options{
		Store:            st,
		CacheDir:         s.Dirs.Cache,
		TTL:              time.Duration(s.Settings.Int("tarball-ttl")) * time.Second,
		AllowDirty:       s.Settings.Bool("allow-dirty"),
		WarnDirty:        s.Settings.Bool("warn-dirty"),
		ForceClone:       s.Env.Get("_NIX_FORCE_HTTP") == "1",
		Registries:       registries,
		GlobalRegistries: global,
		Flags:            s.Registry,
		Tokens:           tokens,
		Warn:             warn,
		Log:              log,
	})
}

var _ fetch.Store = (*store.Store)(nil)
