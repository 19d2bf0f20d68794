// Package evalcache keeps the results of evaluations on disk.
//
// While an expression is evaluated, a [Recorder] notes what it reads: files,
// listings of folders, whether a path exists, environment variables. The
// result is stored with these facts under a key that stands for the request:
// the command with its arguments, folder and settings. When the same request
// comes again and every fact still holds, the result is taken from the cache.
//
// A result is cached only if it depends on nothing else: failures, runs that
// printed traces or warnings, asked for the time, used the network or built
// something are not. The cache is an SQLite database that any number of
// processes share; it is bounded, the results not used for longest go first.
// Whatever is wrong with it (it cannot be opened, an entry is corrupt, it is
// locked) counts as a miss: an evaluation must never fail for its cache.
package evalcache

import (
	"context"
	"database/sql"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"github.com/klauspost/compress/s2"
	"github.com/zeebo/blake3"
	_ "modernc.org/sqlite" // the driver

	"github.com/seed192a40f6/glang/lang/eval"
)

// Cache is an open cache.
type Cache struct {
	db  *sql.DB
	max int64
}

// Key stands for a request.
type Key [32]byte

// NewKey makes a key of everything that a result depends on besides what is
// read while evaluating.
func NewKey(parts ...string) Key {
	h := blake3.New()
	for _, p := range parts {
		fmt.Fprintf(h, "%d:%s", len(p), p)
	}
	var k Key
	h.Sum(k[:0])
	return k
}

// DefaultSize bounds a cache, in bytes.
const DefaultSize = 256 << 20

// maxEntry bounds one entry, in bytes.
const maxEntry = 16 << 20

const schema = `
create table if not exists Results (
	key    blob primary key,
	used   integer not null,
	size   integer not null,
	facts  blob not null,
	result blob not null,
	paths  text not null,
	sum    blob not null
) without rowid;
create index if not exists ResultsUsed on Results(used);
pragma user_version = 1;`

// Open opens the cache in a file, which it makes with its folder if it is not
// there. maxSize bounds it in bytes; 0 means [DefaultSize].
func Open(file string, maxSize int64) (*Cache, error) {
	if maxSize == 0 {
		maxSize = DefaultSize
	}
	if err := os.MkdirAll(filepath.Dir(file), 0o700); err != nil {
		return nil, err
	}
	c, err := open(file, maxSize)
	if err == nil {
		return c, nil
	}
	// Damaged, or of another version: what is lost is only time.
	for _, suffix := range []string{"", "-wal", "-shm"} {
		if rerr := os.Remove(file + suffix); rerr != nil && !os.IsNotExist(rerr) {
			return nil, err
		}
	}
	return open(file, maxSize)
}

func open(file string, maxSize int64) (*Cache, error) {
	db, err := sql.Open("sqlite", "file:"+file+"?_pragma=busy_timeout(200)&_pragma=journal_mode(wal)&_pragma=synchronous(off)")
	if err != nil {
		return nil, err
	}
	db.SetMaxOpenConns(1)
	var version int
	if err := db.QueryRow("pragma user_version").Scan(&version); err != nil {
		db.Close()
		return nil, err
	}
	if version != 1 {
		if version != 0 {
			db.Close()
			return nil, fmt.Errorf("the evaluation cache '%s' is of version %d", file, version)
		}
		if _, err := db.Exec(schema); err != nil {
			db.Close()
			return nil, err
		}
	}
	return &Cache{db, maxSize}, nil
}

// Close closes the cache.
func (c *Cache) Close() error { return c.db.Close() }

// Get returns the result of a request if it is known and still holds. valid
// is asked whether the store paths that the evaluation wrote are still there.
func (c *Cache) Get(ctx context.Context, k Key, files eval.Files, getenv func(string) string, valid func(paths string) bool) ([]byte, bool) {
	if files == nil {
		files = eval.OSFiles{}
	}
	var facts, result, sum []byte
	var paths string
	var used int64
	err := c.db.QueryRowContext(ctx, "select used, facts, result, paths, sum from Results where key = ?", k[:]).Scan(&used, &facts, &result, &paths, &sum)
	if err != nil || string(sum) != string(entrySum(facts, result, paths)) {
		return nil, false
	}
	plain, err := s2.Decode(nil, facts)
	if err != nil || !unchanged(plain, files, getenv) || paths != "" && !valid(paths) {
		return nil, false
	}
	if now := time.Now().Unix(); now-used > 3600 {
		// Being late by an hour does not matter, writing at each use would.
		_, _ = c.db.ExecContext(ctx, "update Results set used = ? where key = ?", now, k[:])
	}
	return result, true
}

func entrySum(facts, result []byte, paths string) []byte {
	h := blake3.New()
	fmt.Fprintf(h, "%d %d %d ", len(facts), len(result), len(paths))
	h.Write(facts)
	h.Write(result)
	h.WriteString(paths)
	return h.Sum(nil)[:16]
}

// Put stores the result of a request, with the store paths that must be valid
// for it to hold (as valid of [Cache.Get] will be asked about them). It does
// nothing for a recorder that was spoiled.
func (c *Cache) Put(ctx context.Context, k Key, r *Recorder, result []byte, paths string) error {
	if r.Spoiled() != "" {
		return nil
	}
	facts := s2.Encode(nil, r.encode())
	size := int64(len(facts) + len(result) + len(paths) + 200)
	if size > maxEntry {
		return nil
	}
	tx, err := c.db.BeginTx(ctx, nil)
	if err != nil {
		return err
	}
	defer tx.Rollback()
	if result == nil {
		result = []byte{}
	}
	if _, err = tx.ExecContext(ctx, "insert or replace into Results(key, used, size, facts, result, paths, sum) values (?, ?, ?, ?, ?, ?, ?)",
		k[:], time.Now().Unix(), size, facts, result, paths, entrySum(facts, result, paths)); err != nil {
		return err
	}
	var total int64
	if err := tx.QueryRowContext(ctx, "select coalesce(sum(size), 0) from Results").Scan(&total); err != nil {
		return err
	}
	// A quarter goes at once, lest each Put had to remove something.
	for target := c.max - c.max/4; total > c.max && total > target; {
		res, err := tx.ExecContext(ctx, "delete from Results where key in (select key from Results where key <> ? order by used, key limit 64)", k[:])
		if err != nil {
			return err
		}
		if n, err := res.RowsAffected(); err != nil || n == 0 {
			break
		}
		if err := tx.QueryRowContext(ctx, "select coalesce(sum(size), 0) from Results").Scan(&total); err != nil {
			return err
		}
		if total <= target {
			break
		}
	}
	return tx.Commit()
}
