package store

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"

	"github.com/seed192a40f6/glang/store/hash"
)

// Start opens the store, and makes it if need be: directories, the database,
// the shared lock that keeps others from migrating it. Every other method
// does so by itself; calling Start first only moves the time and the error.
func (s *Store) Start() error {
	s.startOnce.Do(func() { s.startErr = s.start() })
	return s.startErr
}

func (s *Store) start() error {
	if !s.cfg.ReadOnly {
		if err := s.makeDirs(); err != nil {
			return err
		}
	}
	if err := s.checkSymlinks(); err != nil {
		return err
	}
	if !s.cfg.ReadOnly {
		s.reserve()
		if err := s.takeBigLock(unix.LOCK_SH); err != nil {
			return err
		}
	}
	if err := s.openDB(); err != nil {
		if s.bigLock != nil {
			s.bigLock.Close()
			s.bigLock = nil
		}
		return err
	}
	s.watchSpace()
	return nil
}

// Close finishes what runs in the background, closes the database and gives
// back temporary roots and work directories. Further use is an error.
func (s *Store) Close() error {
	s.startOnce.Do(func() { s.startErr = errClosed })
	s.auto.wait()
	s.work.close()
	s.temp.close()
	var err error
	if s.db != nil {
		err = s.db.close()
	}
	if s.bigLock != nil {
		s.bigLock.Close() // again, if Close is called twice: no harm
	}
	return err
}

func (s *Store) dbDir() string    { return filepath.Join(s.state, "db") }
func (s *Store) linksDir() string { return filepath.Join(s.real, ".links") }
func (s *Store) rootsDir() string { return filepath.Join(s.state, "gcroots") }

func (s *Store) makeDirs() error {
	for _, dir := range []string{
		s.real, s.linksDir(), s.dbDir(),
		filepath.Join(s.state, "temproots"),
		filepath.Join(s.state, "profiles", "per-user"),
		filepath.Join(s.rootsDir(), "per-user"),
		filepath.Join(s.rootsDir(), "auto"),
	} {
		if err := os.MkdirAll(dir, 0o755); err != nil {
			return s.explain(fmt.Errorf("creating directory '%s': %w", dir, bare(err)), dir)
		}
	}
	return makeStoreWritable(s.real)
}

// bare drops operation and file name of an error of package os, for messages
// that name them in the words of the reference, and gives errors of the system
// its spelling.
func bare(err error) error {
	var errno unix.Errno
	if errors.As(err, &errno) {
		return sysError{errno}
	}
	var pe *fs.PathError
	if errors.As(err, &pe) {
		return pe.Err
	}
	return err
}

// sysError is an error of the system as C spells it: "Permission denied".
type sysError struct{ errno unix.Errno }

func (e sysError) Error() string {
	text := e.errno.Error()
	return strings.ToUpper(text[:1]) + text[1:]
}
func (e sysError) Unwrap() error { return e.errno }

// explain adds to an error of permission, and to one of a full disk, what a
// user can do about it.
func (s *Store) explain(err error, path string) error {
	err = explainFull(err, path)
	if errors.Is(err, fs.ErrPermission) || errors.Is(err, unix.EROFS) {
		return fmt.Errorf("%w\n\nThis command may have been run as non-root in a single-user Nix installation,\n"+
			"or as another user than the one who owns the store: '%s' may not be written by user %d.\n"+
			"Run it as the owner, or choose another store with --store.", err, path, os.Geteuid())
	}
	return err
}

// fullError is an error of a full disk.
type fullError struct {
	err error
	dir string
}

func (e *fullError) Error() string {
	return fmt.Sprintf("%v\nThe disk that holds '%s' is full; 'glang store gc' makes room", e.err, e.dir)
}
func (e *fullError) Unwrap() error { return e.err }

// explainFull adds to an error of a full disk what to do about it, once.
func explainFull(err error, dir string) error {
	var full *fullError
	if errors.As(err, &full) || !errors.Is(err, unix.ENOSPC) && !errors.Is(err, unix.EDQUOT) && sqliteCode(err) != sqliteFull {
		return err
	}
	return &fullError{err, dir}
}

// Explain adds to an error of writing into the store what a user can do about
// it, if that is to make room.
func (s *Store) Explain(err error) error { return explainFull(err, s.real) }

// checkSymlinks refuses a store directory of which a part is a symlink: its
// store paths would name something else on a machine without the symlink.
func (s *Store) checkSymlinks() error {
	if s.cfg.AllowSymlinkedDir {
		return nil
	}
	for p := s.real; p != filepath.Dir(p); p = filepath.Dir(p) {
		if fi, err := os.Lstat(p); err == nil && fi.Mode()&fs.ModeSymlink != 0 {
			return fmt.Errorf("the path \"%s\" is a symlink; this is not allowed for the Nix store and its parent directories", p)
		}
	}
	return nil
}

func (s *Store) reservedFile() string { return filepath.Join(s.dbDir(), "reserved") }

// reserve sets some space aside, which the collector frees before it needs to
// write the database on a full disk. Failure means the disk is full already.
func (s *Store) reserve() {
	size := s.cfg.ReservedSpace
	if size == 0 {
		size = 8 << 20
	}
	if size < 0 {
		return
	}
	if fi, err := os.Lstat(s.reservedFile()); err == nil && fi.Size() == size {
		return
	}
	f, err := os.OpenFile(s.reservedFile(), os.O_WRONLY|os.O_CREATE, 0o600)
	if err != nil {
		return
	}
	defer f.Close()
	if err := fallocate(f, size); err == nil {
		_ = f.Truncate(size) // a reserve of another size only reserves less or more
	}
}

func (s *Store) takeBigLock(how int) error {
	path := filepath.Join(s.dbDir(), "big-lock")
	f, err := openLockFile(path)
	if err != nil {
		return s.explain(err, path)
	}
	if ok, err := flock(f, how|unix.LOCK_NB); err != nil {
		f.Close()
		return err
	} else if !ok {
		s.logf(LevelInfo, "waiting for the big Nix store lock...")
		if _, err := flock(f, how); err != nil {
			f.Close()
			return err
		}
	}
	s.bigLock = f
	return nil
}

func (s *Store) schemaFile() string { return filepath.Join(s.dbDir(), "schema") }

// currentSchema is the version of the database, 0 if there is none.
func (s *Store) currentSchema() (int, error) {
	b, err := os.ReadFile(s.schemaFile())
	if errors.Is(err, fs.ErrNotExist) {
		return 0, nil
	}
	if err != nil {
		return 0, fmt.Errorf("opening file '%s': %w", s.schemaFile(), bare(err))
	}
	n, err := strconv.Atoi(strings.TrimSpace(string(b)))
	if err != nil {
		return 0, fmt.Errorf("\"%s\" is corrupt", s.schemaFile())
	}
	return n, nil
}

func (s *Store) openDB() error {
	version, err := s.currentSchema()
	if err != nil {
		return err
	}
	switch {
	case version > schemaVersion:
		return fmt.Errorf("current Nix store schema is version %d, but I only support %d", version, schemaVersion)
	case s.cfg.ReadOnly && version == 0:
		return errors.New("database does not exist, and cannot be created in read-only mode")
	case s.cfg.ReadOnly && version < schemaVersion:
		return errors.New("database schema needs migrating, but this cannot be done in read-only mode")
	case version != 0 && version < schemaVersion:
		return fmt.Errorf("the database '%s' has schema version %d, which is too old; only version %d is supported",
			s.dbDir(), version, schemaVersion)
	}
	if err := s.checkScheme(version == 0); err != nil {
		return err
	}
	access := uint32(unix.R_OK)
	if !s.cfg.ReadOnly {
		access |= unix.W_OK
	}
	if err := unix.Access(s.dbDir(), access); err != nil {
		return s.explain(fmt.Errorf("Nix database directory \"%s\" is not writable: %w", s.dbDir(), err), s.dbDir())
	}
	mode := dbExisting
	if s.cfg.ReadOnly {
		mode = dbImmutable
	} else if version == 0 {
		mode = dbCreate
	}
	db, err := openDatabase(s.dbFile(), mode, !s.cfg.NoWAL, !s.cfg.NoFsyncMetadata)
	if err != nil {
		return s.explainDB(err)
	}
	db.warn = func(f string, a ...any) { s.logf(LevelWarn, f, a...) }
	if !s.cfg.ReadOnly {
		if err := s.initSchema(db, version == 0); err != nil {
			db.close()
			return s.explainDB(err)
		}
	}
	s.db = db
	return nil
}

// initSchema makes what is missing of the tables, and records the version when
// they stand: two processes may do so at the same time.
func (s *Store) initSchema(db *database, create bool) error {
	if !create {
		if s.cfg.CADerivations {
			return s.migrate(db)
		}
		return nil
	}
	if err := s.initTables(db); err != nil {
		return err
	}
	// A killed process leaves a database without the version: the next one
	// starts over with the tables that exist.
	return writeFileSynced(s.schemaFile(), []byte(strconv.Itoa(schemaVersion)), 0o666)
}

func (s *Store) initTables(db *database) error {
	if err := db.script(schema); err != nil {
		return err
	}
	return s.migrate(db)
}

// migrate adds the tables that features need.
func (s *Store) migrate(db *database) error {
	if err := db.script(migrationsTable); err != nil {
		return err
	}
	if !s.cfg.CADerivations {
		return nil
	}
	done := false
	err := db.ad("select migration from SchemaMigrations where migration = '"+realisationsMigration+"'", func([]sqlValue) error {
		done = true
		return nil
	})
	if err != nil || done {
		return err
	}
	return db.script("begin immediate;" + realisationsSchema +
		"insert or ignore into SchemaMigrations values('" + realisationsMigration + "'); commit")
}

func (s *Store) explainDB(err error) error {
	switch sqliteCode(err) {
	case sqliteReadOnly, sqliteCantOpen:
		if _, serr := os.Lstat(s.dbFile()); errors.Is(serr, fs.ErrNotExist) {
			return fmt.Errorf("the store database '%s' is missing; 'glang store rebuild' makes it again from what lies in the store directory", s.dbFile())
		}
		return s.explain(fmt.Errorf("%v: %w", err, fs.ErrPermission), s.dbDir())
	}
	return explainFull(err, s.dbDir())
}

func (s *Store) schemeFile() string { return filepath.Join(s.dbDir(), "scheme") }

// checkScheme compares the scheme with the one on record, "HASH DIR". A store
// without a record was made by Nix.
func (s *Store) checkScheme(create bool) error {
	mine := s.scheme.Hash.String() + " " + s.scheme.Dir + "\n"
	b, err := os.ReadFile(s.schemeFile())
	switch {
	case err == nil:
	case !errors.Is(err, fs.ErrNotExist):
		return fmt.Errorf("opening file '%s': %w", s.schemeFile(), bare(err))
	case create && !s.cfg.ReadOnly:
		return s.explain(writeFileSynced(s.schemeFile(), []byte(mine), 0o644), s.dbDir())
	case s.scheme.Hash == hash.SHA256:
		return nil
	default:
		b = []byte(hash.SHA256.String() + " " + s.scheme.Dir + "\n")
	}
	if string(b) == mine {
		return nil
	}
	algo, dir, _ := strings.Cut(strings.TrimSpace(string(b)), " ")
	return fmt.Errorf("the store kept in '%s' has the %s scheme (%s) and the store directory '%s'; it cannot be opened with the %s scheme (%s) and the store directory '%s'",
		s.state, schemeName(algo), algo, dir, schemeName(s.scheme.Hash.String()), s.scheme.Hash, s.scheme.Dir)
}

func schemeName(algo string) string {
	if algo == hash.SHA256.String() {
		return "nix"
	}
	return "native"
}

// writeFileSynced replaces a file by one that is on disk when it returns.
func writeFileSynced(path string, data []byte, mode fs.FileMode) error {
	f, err := os.CreateTemp(filepath.Dir(path), "."+filepath.Base(path)+"-")
	if err != nil {
		return fmt.Errorf("opening file '%s': %w", path, bare(err))
	}
	defer os.Remove(f.Name())
	_, err = f.Write(data)
	if err == nil {
		err = f.Chmod(mode &^ 0o022)
	}
	if err == nil {
		err = f.Sync()
	}
	if cerr := f.Close(); err == nil {
		err = cerr
	}
	if err == nil {
		err = os.Rename(f.Name(), path)
	}
	if err != nil {
		return fmt.Errorf("writing to file '%s': %w", path, bare(err))
	}
	return nil
}
