package local

import (
	"context"
	"errors"
	"fmt"
	"github.com/seed192a40f6/glang/fetch"
	"os"
	"path/filepath"
	"time"

	"github.com/seed192a40f6/glang/realise"
	"github.com/seed192a40f6/glang/store"
	"github.com/seed192a40f6/glang/store/binarycache"
	"github.com/seed192a40f6/glang/store/storepath"
)

// Session is an opened store and what is needed to work with it.
type Session struct {
	Settings *Settings
	Dirs     *Dirs
	Env      Env
	Ref      StoreRef
	// Scheme is that of the store; its Dir is the logical store directory.
	Scheme storepath.Scheme
	// Store is nil for a store that is not a directory of this machine.
	Store *store.Store
	// API is Store or what stands in its place.
	API store.API
	// Why says how the native store was chosen: the rest of a sentence that
	// begins "because". Empty if somebody named the store.
	Why string
	// Fresh says that the store did not exist before.
	Fresh bool
	// ReadOnly keeps evaluation from writing to the store.
	ReadOnly bool
	// Registry says what names of flakes stand for, before the registries that
	// are kept in files are asked; nil: nothing.
	Registry *fetch.Registry
	// Dummy says that nothing is kept.
	Dummy bool

	subs []realise.Substituter // opened by Substitutable
}

// Log receives messages of the store.
type Log func(store.Level, string)

// Open chooses and opens a store: uri if it is not empty, else NIX_REMOTE
// (GLANG_REMOTE under the native scheme), else the setting.
func Open(settings *Settings, dirs *Dirs, env Env, uri string, log Log) (*Session, error) {
	if uri == "" {
		name := "GLANG_REMOTE"
		if dirs.Tool {
			name = "NIX_REMOTE"
		}
		if uri = env.Get(name); uri == "" || settings.Overridden("store") {
			uri = settings.Get("store")
		}
	}
	ref, err := ParseStoreRef(uri, env)
	if err != nil {
		return nil, err
	}
	s := &Session{Settings: settings, Dirs: dirs, Env: env, Ref: ref}
	switch ref.Scheme {
	case "auto":
		err = s.openAuto(log)
	case "local":
		err = s.openLocal(ref.Authority, log)
	case "dummy":
		err = s.openDummy()
	case "file", "http", "https":
		err = s.openCache(uri)
	case "daemon", "unix":
		err = fmt.Errorf("cannot open the store '%s': this program does not speak to a daemon; name a directory, or leave the store to be chosen", ref)
	default:
		err = fmt.Errorf("don't know how to open Nix store with scheme '%s'", ref.Scheme)
	}
	if err != nil {
		return nil, err
	}
	return s, nil
}

// openAuto picks the local store, or under the nix scheme, for somebody who
// may not write there, a chroot store in the home directory.
func (s *Session) openAuto(log Log) error {
	d := s.Dirs
	if !d.Tool {
		return s.openLocal("", log)
	}
	_, storeSet := s.Env.Lookup("NIX_STORE_DIR")
	_, stateSet := s.Env.Lookup("NIX_STATE_DIR")
	if !exists(d.StateDir) && len(s.Ref.Params) == 0 && s.Env.UID != 0 && !storeSet && !stateSet {
		root := filepath.Join(d.Data, "root")
		if !exists(root) {
			if os.MkdirAll(root, 0o755) != nil {
				return s.openLocal("", log)
			}
			s.Settings.warn("%s does not exist, so Nix will use \"%s\" as a chroot store", d.StateDir, root)
		}
		return s.openLocal(root, log)
	}
	return s.openLocal("", log)
}

func exists(name string) bool {
	_, err := os.Lstat(name)
	return err == nil
}

// openLocal opens a store on disk; root, if not empty, is that of a chroot store.
func (s *Session) openLocal(root string, log Log) error {
	p := s.Ref.Params
	if r := p["root"]; r != "" {
		root = r
	}
	cfg := store.Config{Log: log}
	if s.Dirs.Tool {
		dir := s.Dirs.StoreDir
		if v := p["store"]; v != "" {
			dir = filepath.Clean(v)
		}
		cfg.Scheme = storepath.Nix(dir)
		cfg.StateDir, cfg.LogDir = s.Dirs.StateDir, s.Dirs.LogDir
	} else {
		var dir string
		dir, cfg.StateDir, s.Why = s.nativeDir(root != "")
		if v := p["store"]; v != "" {
			dir, s.Why = filepath.Clean(v), ""
			cfg.StateDir = filepath.Join(filepath.Dir(dir), "var", "glang")
		}
		cfg.Scheme = storepath.Native(dir)
	}
	if root != "" {
		if !filepath.IsAbs(root) {
			root = filepath.Join(s.Env.Cwd, root)
		}
		cfg = cfg.Chroot(filepath.Clean(root))
		s.Why = ""
	}
	override := func(field *string, name string) {
		if v := p[name]; v != "" {
			*field = filepath.Clean(v)
		}
	}
	override(&cfg.StateDir, "state")
	override(&cfg.LogDir, "log")
	override(&cfg.RealDir, "real")
	boolean := func(name string) (bool, error) {
		switch v := p[name]; v {
		case "", "false", "no", "0":
			return false, nil
		case "true", "yes", "1":
			return true, nil
		default:
			return false, usagef("Boolean setting '%s' has invalid value '%s'", name, v)
		}
	}
	var err error
	if cfg.ReadOnly, err = boolean("read-only"); err != nil {
		return err
	}
	if cfg.ReadOnly && s.Dirs.Tool && !s.Settings.FeatureEnabled("read-only-local-store") {
		return MissingFeature("read-only-local-store")
	}
	if cfg.IgnoreDeleteErrors, err = boolean("ignore-gc-delete-failure"); err != nil {
		return err
	}
	for name := range p {
		switch name {
		case "root", "store", "state", "log", "real", "read-only", "ignore-gc-delete-failure", "require-sigs",
			"build-dir", "trusted", "priority", "want-mass-query", "system-features", "path-info-cache-size", "use-roots-daemon":
		default:
			s.Settings.warn("unknown setting '%s'", name)
		}
	}
	set := s.Settings
	cfg.AutoOptimise = set.Bool("auto-optimise-store")
	cfg.FsyncStorePaths = set.Bool("fsync-store-paths")
	cfg.NoFsyncMetadata = !set.Bool("fsync-metadata")
	cfg.NoWAL = !set.Bool("use-sqlite-wal")
	cfg.AllowSymlinkedDir = set.Bool("allow-symlinked-store") || s.Env.Get("NIX_IGNORE_SYMLINK_STORE") == "1"
	cfg.CADerivations = set.FeatureEnabled("ca-derivations")
	cfg.IgnoredXattrs = set.Words("ignored-acls")
	cfg.ReservedSpace = int64(set.Int("gc-reserved-space"))
	cfg.MinFree = int64(set.Int("min-free"))
	cfg.MaxFree = int64(set.Int("max-free"))
	cfg.MinFreeCheckInterval = time.Duration(set.Int("min-free-check-interval")) * time.Second
	cfg.KeepOutputs = set.Bool("keep-outputs")
	cfg.KeepDerivations = set.Bool("keep-derivations")
	testHooks(&cfg, s.Env)
	s.Fresh = !exists(filepath.Join(cfg.StateDir, "db", "db.sqlite"))
	if s.Store, err = store.Open(cfg); err != nil {
		return err
	}
	s.API, s.Scheme = s.Store, cfg.Scheme
	return nil
}

// nativeDir chooses where the native store lies and says why.
func (s *Session) nativeDir(chroot bool) (dir, state, why string) {
	const system = "/glang"
	if dir := s.Env.Get("GLANG_STORE_DIR"); dir != "" {
		dir = filepath.Clean(dir)
		return dir, s.Env.or("GLANG_STATE_DIR", filepath.Join(filepath.Dir(dir), "var", "glang")), "GLANG_STORE_DIR says so"
	}
	if chroot {
		return system + "/store", system + "/var/glang", ""
	}
	if ok, how := writable(system + "/store"); ok {
		return system + "/store", system + "/var/glang", "it " + how
	}
	base := s.Dirs.Data
	if !filepath.IsAbs(base) {
		base = filepath.Join(s.Env.Cwd, base)
	}
	return filepath.Join(base, "store"), filepath.Join(base, "var", "glang"), system + "/store cannot be written by this user"
}

// writable says whether a directory exists and may be written to, or could be made.
func writable(dir string) (ok bool, how string) {
	how = "exists and is writable"
	for {
		fi, err := os.Stat(dir)
		if err == nil {
			return fi.IsDir() && access(dir), how
		}
		if !os.IsNotExist(err) || dir == "/" {
			return false, ""
		}
		dir, how = filepath.Dir(dir), "can be created"
	}
}

func (s *Session) openDummy() error {
	dir := s.Dirs.StoreDir
	if s.Dirs.Tool {
		s.Scheme = storepath.Nix(dir)
	} else {
		if dir = s.Env.Get("GLANG_STORE_DIR"); dir == "" {
			dir = "/glang/store"
		}
		s.Scheme = storepath.Native(dir)
	}
	if v := s.Ref.Params["store"]; v != "" {
		s.Scheme.Dir = filepath.Clean(v)
	}
	s.Dummy = true
	s.ReadOnly = s.Ref.Params["read-only"] != "false"
	s.API = store.NewDummy(s.Scheme, s.ReadOnly)
	return nil
}

// MissingFeature is the error for what an experimental feature would allow.
func MissingFeature(name string) error {
	return fmt.Errorf("experimental Nix feature '%[1]s' is disabled; add '--extra-experimental-features %[1]s' to enable it", name)
}

// LocalStore returns the store on disk, or an error that says that what is
// being done needs one.
func (s *Session) LocalStore() (*store.Store, error) {
	if s.Store == nil {
		return nil, fmt.Errorf("this needs a local store, but '%s' is none", s.Ref)
	}
	return s.Store, nil
}

// Close closes the store.
func (s *Session) Close() error {
	if s.API == nil {
		return nil
	}
	return s.API.Close()
}

// Log is the log of the build of a path, nil if the store has none.
func (s *Session) Log(ctx context.Context, p storepath.Path) ([]byte, error) {
	if s.Store != nil {
		if text, err := s.Store.Log(p); err != nil || text != nil {
			return text, err
		}
		return s.substituterLog(ctx, p)
	}
	c, ok := s.API.(*cacheStore)
	if !ok {
		return nil, nil
	}
	drvs := []storepath.Path{p}
	if !p.IsDerivation() {
		info, err := c.PathInfo(p)
		if err != nil || info.Deriver.IsZero() {
			return nil, err
		}
		drvs[0] = info.Deriver
	}
	text, err := c.c.Log(ctx, drvs[0])
	if errors.Is(err, binarycache.ErrNotFound) {
		return nil, nil
	}
	return []byte(text), err
}

// substituterLog asks the binary caches among the substituters for a log.
func (s *Session) substituterLog(ctx context.Context, p storepath.Path) ([]byte, error) {
	if !p.IsDerivation() {
		info, err := s.API.PathInfo(p)
		if err != nil || info.Deriver.IsZero() {
			return nil, nil
		}
		p = info.Deriver
	}
	for _, sub := range s.substituters() {
		c, ok := sub.(*cacheSubstituter)
		if !ok {
			continue
		}
		text, err := c.c.Log(ctx, p)
		if err == nil {
			return []byte(text), nil
		}
		if !errors.Is(err, binarycache.ErrNotFound) {
			s.Settings.warn("%s", err.Error())
		}
	}
	return nil, nil
}

// AddLog puts the log of a build into the store.
func (s *Session) AddLog(ctx context.Context, drv storepath.Path, log []byte) error {
	if s.Store != nil {
		return s.Store.AddLog(drv, log)
	}
	if c, ok := s.API.(*cacheStore); ok {
		return c.c.AddLog(ctx, drv, string(log))
	}
	return fmt.Errorf("the store '%s' keeps no logs", s.Ref)
}
