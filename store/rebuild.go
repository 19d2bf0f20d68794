package store

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"golang.org/x/sys/unix"

	"github.com/seed192a40f6/glang/derivation"
	"github.com/seed192a40f6/glang/store/hash"
	"github.com/seed192a40f6/glang/store/nar"
	"github.com/seed192a40f6/glang/store/storepath"
)

// RebuildResult says what Rebuild has done.
type RebuildResult struct {
	Registered int
	// Skipped are paths that lie in the store directory but cannot be valid,
	// and why.
	Skipped map[storepath.Path]error
	// OldDatabase is where the former database has been put; "" if there was none.
	OldDatabase string
}

// Rebuild makes the database of a store again from what lies in the store
// directory, where an object that has its name and is canonical is complete:
//
//   - hash and size of the archive by reading it;
//   - references by looking for the hash parts of all other objects, and, of
//     derivations, by what they say they need;
//   - derivers from the derivations that are there;
//   - content addresses by trying which would give the path its name.
//
// What the old database, should it be readable, says beyond that (signatures,
// times, whether a path was built here) is taken over where its hash agrees.
// Nobody else may use the store meanwhile. The old database is kept.
func Rebuild(ctx context.Context, cfg Config) (*RebuildResult, error) {
	s, err := Open(cfg)
	if err != nil {
		return nil, err
	}
	if cfg.ReadOnly {
		return nil, s.writable()
	}
	if err := s.makeDirs(); err != nil {
		return nil, err
	}
	if err := s.checkScheme(true); err != nil {
		return nil, err
	}
	if err := s.takeBigLock(unix.LOCK_EX); err != nil {
		return nil, err
	}
	defer s.bigLock.Close()
	b := &rebuilder{s: s, ctx: ctx, res: &RebuildResult{Skipped: map[storepath.Path]error{}}}
	b.old = s.salvage()
	if err := b.scan(); err != nil {
		return nil, err
	}
	b.dropDangling()
	if err := b.write(); err != nil {
		return nil, err
	}
	b.res.Registered = len(b.infos)
	return b.res, nil
}

type rebuilder struct {
	s     *Store
	ctx   context.Context
	res   *RebuildResult
	old   map[storepath.Path]*PathInfo
	infos map[storepath.Path]*PathInfo
	drvs  map[storepath.Path]*derivation.Derivation
}

// salvage reads what it can of the old database.
func (s *Store) salvage() map[storepath.Path]*PathInfo {
	old := map[storepath.Path]*PathInfo{}
	file := s.dbFile()
	if _, err := os.Stat(file); err != nil {
		return old
	}
	db, err := openDatabase(file, dbExisting, !s.cfg.NoWAL, false)
	if err != nil {
		return old
	}
	defer db.close()
	// Rows before a damaged page are as good as any: an error only ends them.
	_ = db.ad("select path, hash, registrationTime, deriver, narSize, ultimate, sigs, ca from ValidPaths", func(v []sqlValue) error {
		p, err := s.scheme.Parse(text(v[0]))
		if err != nil {
			return nil
		}
		if info, err := s.decodeInfo(p, v[1:]); err == nil {
			old[p] = info
		}
		return nil
	})
	return old
}

func (s *Store) dbFile() string { return filepath.Join(s.dbDir(), "db.sqlite") }

// scan reads all objects in the store directory.
func (b *rebuilder) scan() error {
	names, err := readNames(b.s.real)
	if err != nil {
		return err
	}
	var paths []storepath.Path
	for _, name := range names {
		if p, err := storepath.ParseBase(name); err == nil && !transient(name) {
			paths = append(paths, p)
		}
	}
	b.infos = make(map[storepath.Path]*PathInfo, len(paths))
	b.drvs = map[storepath.Path]*derivation.Derivation{}
	for _, p := range paths {
		if err := b.ctx.Err(); err != nil {
			return err
		}
		info, err := b.object(p, paths)
		if err != nil {
			b.skip(p, err)
			continue
		}
		b.infos[p] = info
	}
	for drv, d := range b.drvs {
		for _, o := range d.Outputs {
			if info := b.infos[o.Path]; info != nil && info.Deriver.IsZero() && !o.Path.IsZero() {
				info.Deriver = drv
			}
		}
	}
	return nil
}

// transient tells whether a name belongs to something beside a store object.
func transient(name string) bool {
	for _, suffix := range []string{".lock", ".chroot", ".check", ".tmp"} {
		if strings.HasSuffix(name, suffix) {
			return true
		}
	}
	return false
}

func (b *rebuilder) skip(p storepath.Path, err error) {
	b.s.logf(LevelWarn, "not registering '%s': %v", b.s.scheme.Print(p), err)
	b.res.Skipped[p] = err
}

func (b *rebuilder) object(p storepath.Path, all []storepath.Path) (*PathInfo, error) {
	real := b.s.RealPath(p)
	fi, err := os.Lstat(real)
	if err != nil {
		return nil, bare(err)
	}
	if err := finished(real); err != nil {
		return nil, err
	}
	h := hash.New(b.s.scheme.Hash)
	refs, err := ScanTree(real, all, h)
	if err != nil {
		return nil, err
	}
	info := &PathInfo{Path: p, NarHash: h.Sum(), NarSize: h.Size(), References: refs, RegistrationTime: changeTime(fi)}
	if p.IsDerivation() {
		d, err := b.s.readDerivation(p)
		if err != nil {
			return nil, err
		}
		b.drvs[p] = d
		info.References = sortedPaths(d.References())
	}
	if err := b.address(info, fi); err != nil {
		return nil, err
	}
	if old := b.old[p]; old != nil && old.NarHash == info.NarHash {
		info.Deriver, info.Sigs, info.Ultimate, info.RegistrationTime = old.Deriver, old.Sigs, old.Ultimate, old.RegistrationTime
	}
	return info, nil
}

// finished tells whether an object is canonical. What a builder without a
// sandbox was writing when it was killed, or another implementation was
// deleting, lies under the name of a path too, but is not.
func finished(real string) error {
	return filepath.WalkDir(real, func(name string, e fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		fi, err := e.Info()
		if err != nil {
			return err
		}
		mode := fi.Mode()
		if mode&fs.ModeSymlink == 0 && mode.Perm() != 0o555 && (mode.IsDir() || mode.Perm() != 0o444) ||
			fi.ModTime().Unix() != storeMtime {
			return fmt.Errorf("'%s' has not the mode and time of a finished store object", name)
		}
		return nil
	})
}

// address finds the content address from which the name of a path follows. A
// derivation must have one: it would be damaged else.
func (b *rebuilder) address(info *PathInfo, fi fs.FileInfo) error {
	others, self := splitSelf(info.Path, info.References)
	if fi.Mode().IsRegular() && !self {
		text, err := os.ReadFile(b.s.RealPath(info.Path))
		if err != nil {
			return err
		}
		ca := storepath.ContentAddress{Method: storepath.Text, Hash: hash.Sum(b.s.scheme.Hash, text)}
		if b.fits(info, ca, others, self) {
			return nil
		}
		if info.Path.IsDerivation() {
			return errors.New("its contents do not match its name")
		}
		for algo := hash.MD5; algo <= hash.BLAKE3 && fi.Mode()&0o100 == 0; algo++ {
			if b.fits(info, storepath.ContentAddress{Method: storepath.Flat, Hash: hash.Sum(algo, text)}, others, self) {
				return nil
			}
		}
	}
	for algo := hash.MD5; algo <= hash.BLAKE3; algo++ {
		if algo != b.s.scheme.Hash && len(info.References) > 0 {
			continue // only archives hashed by the scheme's algorithm may refer to others
		}
		h, err := HashModulo(storepath.NAR, algo, nar.OS(), b.s.RealPath(info.Path), info.Path.HashPart())
		if err != nil {
			return err
		}
		if b.fits(info, storepath.ContentAddress{Method: storepath.NAR, Hash: h}, others, self) {
			return nil
		}
	}
	return nil
}

// fits sets the address if it gives the path its name.
func (b *rebuilder) fits(info *PathInfo, ca storepath.ContentAddress, others []storepath.Path, self bool) bool {
	p, err := caPath(b.s.scheme, info.Path.Name(), ca, others, self)
	if err == nil && p == info.Path {
		info.CA = ca
		return true
	}
	return false
}

// dropDangling takes out what refers to something that is not there, until
// nothing does: a valid path's references are valid.
func (b *rebuilder) dropDangling() {
	for again := true; again; {
		again = false
		for _, p := range sortedKeys(b.infos) {
			for _, r := range b.infos[p].References {
				if b.infos[r] == nil {
					b.skip(p, fmt.Errorf("it refers to '%s', which is not there", b.s.scheme.Print(r)))
					delete(b.infos, p)
					again = true
					break
				}
			}
		}
	}
}

// write makes the new database beside the old one and puts it in its place.
func (b *rebuilder) write() error {
	dir, err := os.MkdirTemp(b.s.dbDir(), "rebuild-")
	if err != nil {
		return b.s.explain(err, b.s.dbDir())
	}
	defer os.RemoveAll(dir)
	file := filepath.Join(dir, "db.sqlite")
	// journal mode truncate: one file to be moved, not three
	db, err := openDatabase(file, dbCreate, false, true)
	if err != nil {
		return err
	}
	fill := &Store{cfg: b.s.cfg, scheme: b.s.scheme, real: b.s.real, state: b.s.state, db: db}
	fill.startOnce.Do(func() {})
	err = fill.initTables(db)
	if err == nil {
		var all []PathInfo
		for _, p := range sortedKeys(b.infos) {
			all = append(all, *b.infos[p])
			if d := b.drvs[p]; d != nil {
				fill.drvs.put(p, knownOutputs(d))
			}
		}
		err = fill.Register(all)
	}
	if cerr := db.close(); err == nil {
		err = cerr
	}
	if err != nil {
		return err
	}
	return b.replace(file)
}

func (b *rebuilder) replace(file string) error {
	old := b.s.dbFile()
	if _, err := os.Lstat(old); err == nil {
		b.res.OldDatabase = old + ".old-" + time.Now().UTC().Format("20060102T150405.000")
		for _, suffix := range slices.Backward([]string{"", "-shm", "-wal"}) {
			err := os.Rename(old+suffix, b.res.OldDatabase+suffix)
			if err != nil && !errors.Is(err, fs.ErrNotExist) {
				return err
			}
		}
	}
	if err := os.Rename(file, old); err != nil {
		return err
	}
	return writeFileSynced(b.s.schemaFile(), fmt.Append(nil, schemaVersion), 0o666)
}
