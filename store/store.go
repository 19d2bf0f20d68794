// Package store keeps store objects: files and trees that lie in the store
// directory under a name that holds a hash, "HASH-NAME", and never change.
//
// A path is valid when the database says so. What lies in the store directory
// without being valid is unfinished or garbage; nobody may use it and the
// collector may delete it. So every addition has the same shape:
//
//	temporary root  (this process's file in temproots/, seen by the collector)
//	lock            (HASH-NAME.lock beside the path, between processes)
//	write           (into this process's locked tmp-* directory in the store)
//	canonicalise    (modes 0444 and 0555, mtime 1, own uid, no xattrs)
//	rename          (onto the final name; a leftover there is deleted first)
//	register        (one transaction in the database)
//	unlock
//
// A kill at any point leaves at most a temporary directory whose lock is free
// or an invalid path, both garbage.
//
// The database (StateDir/db/db.sqlite) has the schema, version 10, of Nix:
// ValidPaths, Refs, DerivationOutputs and, when asked for, Realisations. The
// lock protocol, the temporary roots, gcroots/, profiles/ and the socket by
// which a running collector hears of new roots are Nix's as well, so that both
// may use one store.
//
// A Store is safe for use by several goroutines and, on one store directory,
// by several processes. API is what the evaluator and copying need of it;
// Dummy implements that in memory.
package store

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"golang.org/x/sys/unix"

	"github.com/seed192a40f6/glang/store/hash"
	"github.com/seed192a40f6/glang/store/storepath"
)

// Level says how important a message is.
type Level uint8

// Levels of messages, the most important first.
const (
	LevelError Level = iota
	LevelWarn
	LevelInfo
	LevelTalkative
	LevelDebug
)

// Config says where a store lies and how it is kept. Only Scheme and StateDir
// are required.
type Config struct {
	Scheme   storepath.Scheme // its Dir is the logical store directory
	RealDir  string           // where the store directory really lies; "": Scheme.Dir
	StateDir string           // db, gcroots, profiles, temproots lie below
	LogDir   string           // build logs; "": StateDir/../log/nix as the reference, see DefaultLogDir

	ReadOnly bool // open an existing database, as immutable, and write nothing

	AutoOptimise       bool     // hard-link equal files as they are added
	FsyncStorePaths    bool     // sync contents before registering them
	NoFsyncMetadata    bool     // let the database commit without syncing
	NoWAL              bool     // database on a file system without shared memory: journal mode truncate
	AllowSymlinkedDir  bool     // the store directory or a parent may be a symlink
	CADerivations      bool     // keep the tables of realisations
	IgnoredXattrs      []string // extended attributes to leave alone; nil: those of the reference
	ReservedSpace      int64    // bytes set aside so that the collector can run on a full disk; 0: 8 MiB, <0: none
	IgnoreDeleteErrors bool     // the collector warns, and goes on, when it cannot delete a path

	// Automatic collection, checked when something is added: below MinFree
	// bytes free, collect until MaxFree are. 0: never.
	MinFree, MaxFree     int64
	MinFreeCheckInterval time.Duration // 0: 5 s
	// FreeSpace overrides how free space is determined; nil: statfs.
	FreeSpace                    func() (int64, error)
	KeepOutputs, KeepDerivations bool // for automatic collection

	// Log receives messages; nil drops them.
	Log func(Level, string)
	// GCSync is called by the collector at two points, 1 and 2: after taking
	// the lock and after finding the roots. nil: nothing. For tests.
	GCSync func(point int)
}

// Store is a store directory with its database.
type Store struct {
	cfg    Config
	scheme storepath.Scheme
	real   string // real store directory
	state  string
	logs   string

	startOnce sync.Once
	startErr  error
	db        *database
	bigLock   *os.File

	temp tempRoots
	work workDir
	drvs drvCache
	auto autoGC
}

var (
	// ErrNotValid is wrapped by errors about paths that are not valid.
	ErrNotValid = errors.New("is not valid")
	// ErrReadOnly is wrapped by errors of writes to a store opened read-only.
	ErrReadOnly = errors.New("attempt to write a readonly database")
	// ErrInUse is wrapped by errors about deleting a path that others need.
	ErrInUse = errors.New("in use")
)

// notValidError is "path '...' is not valid".
type notValidError struct{ path string }

func (e *notValidError) Error() string        { return fmt.Sprintf("path '%s' is not valid", e.path) }
func (e *notValidError) Is(target error) bool { return target == ErrNotValid }

// DefaultLogDir is where logs lie when the configuration does not say:
// beside the state directory, as STATE/../log/nix for STATE = /nix/var/nix.
func DefaultLogDir(stateDir string) string {
	return filepath.Join(filepath.Dir(stateDir), "log", filepath.Base(stateDir))
}

// Open makes a Store of a configuration. It touches nothing: the store is
// opened, and made if need be, by the first operation that needs it, or by
// Start.
func Open(cfg Config) (*Store, error) {
	if !filepath.IsAbs(cfg.Scheme.Dir) {
		return nil, fmt.Errorf("the store directory '%s' is not an absolute path", cfg.Scheme.Dir)
	}
	if !filepath.IsAbs(cfg.StateDir) {
		return nil, fmt.Errorf("the state directory '%s' is not an absolute path", cfg.StateDir)
	}
	s := &Store{cfg: cfg, scheme: cfg.Scheme, real: cfg.RealDir, state: cfg.StateDir, logs: cfg.LogDir}
	if s.real == "" {
		s.real = cfg.Scheme.Dir
	}
	if s.logs == "" {
		s.logs = DefaultLogDir(s.state)
	}
	return s, nil
}

// Chroot changes a configuration to one whose files lie below root, as the
// reference does it, whatever the logical directory: ROOT/nix/store and
// ROOT/nix/var/nix, under the native scheme with glang in the place of nix.
func (cfg Config) Chroot(root string) Config {
	name := "nix"
	if cfg.Scheme.Hash != hash.SHA256 {
		name = "glang"
	}
	cfg.RealDir = filepath.Join(root, name, "store")
	cfg.StateDir = filepath.Join(root, name, "var", name)
	cfg.LogDir = filepath.Join(root, name, "var", "log", name)
	return cfg
}

// Config returns the configuration the store was opened with, for [Rebuild].
func (s *Store) Config() Config { return s.cfg }

// Scheme returns the scheme of the store; its Dir is the logical directory.
func (s *Store) Scheme() storepath.Scheme { return s.scheme }

// RealDir returns the directory in which store objects really lie.
func (s *Store) RealDir() string { return s.real }

// StateDir returns the directory of the database, roots and profiles.
func (s *Store) StateDir() string { return s.state }

// LogDir returns the directory of build logs.
func (s *Store) LogDir() string { return s.logs }

// ReadOnly tells whether the store was opened for reading only.
func (s *Store) ReadOnly() bool { return s.cfg.ReadOnly }

// RealPath returns the file name under which a store object really lies.
func (s *Store) RealPath(p storepath.Path) string { return filepath.Join(s.real, p.String()) }

// ToRealPath maps a logical file name, at or below a store path, to the real
// one; other names are returned as they are.
func (s *Store) ToRealPath(abs string) string {
	if s.real == s.scheme.Dir {
		return abs
	}
	if rest, ok := strings.CutPrefix(abs, s.scheme.Dir+"/"); ok {
		return filepath.Join(s.real, rest)
	}
	return abs
}

func (s *Store) logf(l Level, format string, args ...any) {
	if s.cfg.Log != nil {
		s.cfg.Log(l, fmt.Sprintf(format, args...))
	}
}

// writable opens the store and tells whether it may be written.
func (s *Store) writable() error {
	if err := s.Start(); err != nil || !s.cfg.ReadOnly {
		return err
	}
	reason := error(ErrReadOnly)
	if err := unix.Access(s.real, unix.W_OK); err != nil {
		reason = fmt.Errorf("%w: %w", bare(err), ErrReadOnly)
	}
	return fmt.Errorf("cannot write to the store '%s': %w", s.scheme.Dir, reason)
}
