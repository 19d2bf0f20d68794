package store

import (
	"context"
	"database/sql/driver"
	"errors"
	"fmt"
	"io"
	"net/url"
	"strings"
	"sync"
	"time"

	"modernc.org/sqlite"
)

// schemaVersion is the version of the database's layout, kept in db/schema.
const schemaVersion = 10

const schema = `
create table if not exists ValidPaths (
    id               integer primary key autoincrement not null,
    path             text unique not null,
    hash             text not null,
    registrationTime integer not null,
    deriver          text,
    narSize          integer,
    ultimate         integer,
    sigs             text,
    ca               text
);
create table if not exists Refs (
    referrer  integer not null,
    reference integer not null,
    primary key (referrer, reference),
    foreign key (referrer) references ValidPaths(id) on delete cascade,
    foreign key (reference) references ValidPaths(id) on delete restrict
);
create index if not exists IndexReferrer on Refs(referrer);
create index if not exists IndexReference on Refs(reference);
create trigger if not exists DeleteSelfRefs before delete on ValidPaths
  begin
    delete from Refs where referrer = old.id and reference = old.id;
  end;
create table if not exists DerivationOutputs (
    drv  integer not null,
    id   text not null,
    path text not null,
    primary key (drv, id),
    foreign key (drv) references ValidPaths(id) on delete cascade
);
create index if not exists IndexDerivationOutputs on DerivationOutputs(path);
`

const migrationsTable = `create table if not exists SchemaMigrations (migration text primary key not null);`

// realisationsMigration names the migration that adds the tables below.
const realisationsMigration = "20220326-ca-derivations"

const realisationsSchema = `
create table if not exists Realisations (
    id integer primary key autoincrement not null,
    drvPath text not null,
    outputName text not null,
    outputPath integer not null,
    signatures text,
    foreign key (outputPath) references ValidPaths(id) on delete cascade
);
create index if not exists IndexRealisations on Realisations(drvPath, outputName);
create trigger if not exists DeleteSelfRefsViaRealisations before delete on ValidPaths
  begin
    delete from RealisationsRefs where realisationReference in (
      select id from Realisations where outputPath = old.id
    );
  end;
create table if not exists RealisationsRefs (
    referrer integer not null,
    realisationReference integer,
    foreign key (referrer) references Realisations(id) on delete cascade,
    foreign key (realisationReference) references Realisations(id) on delete restrict
);
create index if not exists IndexRealisationsRefsRealisationReference on RealisationsRefs(realisationReference);
create index if not exists IndexRealisationsRefs on RealisationsRefs(referrer);
create index if not exists IndexRealisationsRefsOnOutputPath on Realisations(outputPath);
`

// stmt numbers a statement; each is prepared when first used.
type stmt int

const (
	stmtBegin stmt = iota
	stmtCommit
	stmtRollback
	stmtInsertPath
	stmtUpdatePath
	stmtInsertRef
	stmtPathInfo
	stmtPathID
	stmtReferences
	stmtReferrers
	stmtDeletePath
	stmtInsertOutput
	stmtDerivers
	stmtOutputs
	stmtFromHashPart
	stmtAllPaths
	stmtGraphPaths
	stmtAllRefs
	stmtAllOutputs
	stmtInsertRealisation
	stmtUpdateRealisation
	stmtRealisation
	numStmts
)

var stmtText = [numStmts]string{
	stmtBegin:        "begin immediate",
	stmtCommit:       "commit",
	stmtRollback:     "rollback",
	stmtInsertPath:   "insert into ValidPaths (path, hash, registrationTime, deriver, narSize, ultimate, sigs, ca) values (?, ?, ?, ?, ?, ?, ?, ?)",
	stmtUpdatePath:   "update ValidPaths set narSize = ?, hash = ?, ultimate = ?, sigs = ?, ca = ? where path = ?",
	stmtInsertRef:    "insert or replace into Refs (referrer, reference) values (?, ?)",
	stmtPathInfo:     "select id, hash, registrationTime, deriver, narSize, ultimate, sigs, ca from ValidPaths where path = ?",
	stmtPathID:       "select id from ValidPaths where path = ?",
	stmtReferences:   "select path from Refs join ValidPaths on reference = id where referrer = ?",
	stmtReferrers:    "select path from Refs join ValidPaths on referrer = id where reference = (select id from ValidPaths where path = ?)",
	stmtDeletePath:   "delete from ValidPaths where path = ?",
	stmtInsertOutput: "insert or replace into DerivationOutputs (drv, id, path) values (?, ?, ?)",
	stmtDerivers:     "select v.path from DerivationOutputs d join ValidPaths v on d.drv = v.id where d.path = ?",
	stmtOutputs:      "select id, path from DerivationOutputs where drv = ?",
	// not "like 'x%'", which would scan the table
	stmtFromHashPart: "select path from ValidPaths where path >= ? limit 1",
	stmtAllPaths:     "select path from ValidPaths",
	stmtGraphPaths:   "select id, path, deriver from ValidPaths",
	stmtAllRefs:      "select referrer, reference from Refs",
	stmtAllOutputs:   "select drv, path from DerivationOutputs",

	stmtInsertRealisation: "insert into Realisations (drvPath, outputName, outputPath, signatures) values (?, ?, (select id from ValidPaths where path = ?), ?)",
	stmtUpdateRealisation: "update Realisations set signatures = ? where drvPath = ? and outputName = ?",
	stmtRealisation:       "select o.path, r.signatures from Realisations r join ValidPaths o on o.id = r.outputPath where r.drvPath = ? and r.outputName = ?",
}

// database is one connection to the database and its prepared statements.
// It uses the driver without database/sql, whose pool, conversions and
// goroutines cost several times what a query by primary key does.
type database struct {
	path string
	warn func(format string, args ...any)

	mu    sync.Mutex // guards conn and stmts; held for a query or a transaction
	conn  driver.Conn
	stmts [numStmts]driver.Stmt
}

type dbMode int

const (
	dbCreate    dbMode = iota // make the file if there is none
	dbExisting                // fail if there is none
	dbImmutable               // read a file that nobody writes, without locks
)

// openDatabase opens the file and sets what the reference sets: foreign keys,
// a busy timeout of an hour, the journal mode, the sync mode.
func openDatabase(path string, mode dbMode, wal, fsync bool) (*database, error) {
	dsn := "file:" + (&url.URL{Path: path}).EscapedPath()
	switch mode {
	case dbCreate:
		dsn += "?mode=rwc"
	case dbExisting:
		dsn += "?mode=rw"
	case dbImmutable:
		dsn += "?mode=ro&immutable=1"
	}
	if !wal {
		dsn += "&vfs=unix-dotfile" // flock-less file systems, as the reference
	}
	conn, err := (&sqlite.Driver{}).Open(dsn)
	if err != nil {
		return nil, fmt.Errorf("cannot open SQLite database '%s': %w", path, err)
	}
	d := &database{path: path, conn: conn}
	// Switching to the WAL while another process opens the file is refused at
	// once, whatever the timeout.
	if err := retryBusy(nil, func() error { return d.configure(mode, wal, fsync) }); err != nil {
		conn.Close()
		return nil, err
	}
	return d, nil
}

func (d *database) configure(mode dbMode, wal, fsync bool) error {
	if err := d.script("pragma busy_timeout = 3600000; pragma foreign_keys = 1"); err != nil {
		return err
	}
	if mode == dbImmutable {
		return nil
	}
	sync, journal := "normal", "wal"
	if !fsync {
		sync = "off"
	}
	if !wal {
		journal = "truncate"
	}
	if err := d.script("pragma synchronous = " + sync); err != nil {
		return err
	}
	var current string
	if err := d.ad("pragma main.journal_mode", func(v []driver.Value) error { current, _ = v[0].(string); return nil }); err != nil {
		return err
	}
	if current != journal {
		if err := d.ad("pragma main.journal_mode = "+journal, nil); err != nil {
			return err
		}
	}
	if !wal {
		return nil
	}
	// Keep the WAL file, truncated, when the last connection closes, so that a
	// reader who may not write the directory can open the database; and
	// checkpoint rarely, for a checkpoint is what syncs.
	if err := d.script("pragma main.journal_size_limit = 1099511627776; pragma wal_autocheckpoint = 40000"); err != nil {
		return err
	}
	if fc, ok := d.conn.(sqlite.FileControl); ok {
		if _, err := fc.FileControlPersistWAL("main", 1); err != nil {
			return d.wrap(err, "setting the WAL file persistent")
		}
	}
	return nil
}

// dbError is an error of SQLite with the statement and the file concerned.
type dbError struct {
	what, path string
	err        error
}

func (e *dbError) Error() string { return fmt.Sprintf("%s: %v (in '%s')", e.what, e.err, e.path) }
func (e *dbError) Unwrap() error { return e.err }

// Primary result codes of SQLite.
const (
	sqliteError    = 1
	sqliteBusy     = 5
	sqliteReadOnly = 8
	sqliteCorrupt  = 11
	sqliteFull     = 13
	sqliteCantOpen = 14
	sqliteProtocol = 15
	sqliteNotADB   = 26

	sqliteConstraint = 19
)

func sqliteCode(err error) int {
	var se *sqlite.Error
	if errors.As(err, &se) {
		return se.Code() & 0xff
	}
	return 0
}

// wrap explains errors that a user can do something about.
func (d *database) wrap(err error, what string) error {
	code := sqliteCode(err)
	if code == sqliteError && strings.Contains(err.Error(), "no such table") { // emptied, for one
		code = sqliteCorrupt
	}
	switch code {
	case sqliteCorrupt, sqliteNotADB:
		return fmt.Errorf("the store database '%s' is damaged (%v); 'glang store rebuild' makes it again from what lies in the store directory, and keeps the old one", d.path, err)
	case sqliteBusy:
		return &dbError{"SQLite database is busy", d.path, err}
	}
	return &dbError{what, d.path, err}
}

// script runs statements that return no rows.
func (d *database) script(sql string) error {
	st, err := d.conn.Prepare(sql)
	if err != nil {
		return d.wrap(err, fmt.Sprintf("executing SQLite statement '%s'", sql))
	}
	defer st.Close()
	if _, err := st.(driver.StmtExecContext).ExecContext(context.Background(), nil); err != nil {
		return d.wrap(err, fmt.Sprintf("executing SQLite statement '%s'", sql))
	}
	return nil
}

// ad runs one statement that is used once; each may be nil.
func (d *database) ad(sql string, each func([]driver.Value) error) error {
	st, err := d.conn.Prepare(sql)
	if err != nil {
		return d.wrap(err, fmt.Sprintf("creating statement '%s'", sql))
	}
	defer st.Close()
	return d.rows(st, sql, nil, each)
}

func (d *database) rows(st driver.Stmt, sql string, args []driver.Value, each func([]driver.Value) error) error {
	rows, err := st.(driver.StmtQueryContext).QueryContext(context.Background(), named(args))
	if err != nil {
		return d.wrap(err, fmt.Sprintf("executing SQLite query '%s'", sql))
	}
	defer rows.Close()
	dest := make([]driver.Value, len(rows.Columns()))
	for {
		if err := rows.Next(dest); err == io.EOF {
			return nil
		} else if err != nil {
			return d.wrap(err, fmt.Sprintf("executing SQLite query '%s'", sql))
		}
		if each != nil {
			if err := each(dest); err != nil {
				return err
			}
		}
	}
}

// named numbers arguments as the driver wants them.
func named(args []driver.Value) []driver.NamedValue {
	out := make([]driver.NamedValue, len(args))
	for i, v := range args {
		out[i] = driver.NamedValue{Ordinal: i + 1, Value: v}
	}
	return out
}

func (d *database) prepared(id stmt) (driver.Stmt, error) {
	if st := d.stmts[id]; st != nil {
		return st, nil
	}
	st, err := d.conn.Prepare(stmtText[id])
	if err != nil {
		return nil, d.wrap(err, fmt.Sprintf("creating statement '%s'", stmtText[id]))
	}
	d.stmts[id] = st
	return st, nil
}

// query runs a statement; d.mu must be held. each sees values that the next
// row overwrites: int64, string or nil.
func (d *database) query(id stmt, each func([]driver.Value) error, args ...driver.Value) error {
	st, err := d.prepared(id)
	if err != nil {
		return err
	}
	return d.rows(st, stmtText[id], args, each)
}

// exec runs a statement that returns no rows; d.mu must be held. It returns
// the id of the last row inserted.
func (d *database) exec(id stmt, args ...driver.Value) (int64, error) {
	st, err := d.prepared(id)
	if err != nil {
		return 0, err
	}
	res, err := st.(driver.StmtExecContext).ExecContext(context.Background(), named(args))
	if err != nil {
		return 0, d.wrap(err, fmt.Sprintf("executing SQLite statement '%s'", stmtText[id]))
	}
	return res.LastInsertId()
}

// read runs f with the connection locked.
func (d *database) read(f func() error) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.conn == nil {
		return errClosed
	}
	return retryBusy(d.warn, f)
}

// write runs f as one transaction, again from the start if the database is busy.
func (d *database) write(f func() error) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.conn == nil {
		return errClosed
	}
	return retryBusy(d.warn, func() (err error) {
		// immediate: a deferred transaction that turns out to write fails at
		// once if somebody else has written since it began to read.
		if _, err := d.exec(stmtBegin); err != nil {
			return err
		}
		done := false
		defer func() {
			if !done {
				// after an error of the disk SQLite has rolled back by itself,
				// and this fails: the first error is the one that tells
				_, _ = d.exec(stmtRollback)
			}
		}()
		if err := f(); err != nil {
			return err
		}
		if _, err := d.exec(stmtCommit); err != nil {
			return err
		}
		done = true
		return nil
	})
}

func retryBusy(warn func(string, ...any), f func() error) error {
	var last time.Time
	for wait := time.Millisecond; ; wait = min(wait*2, 100*time.Millisecond) {
		err := f()
		if c := sqliteCode(err); err == nil || (c != sqliteBusy && c != sqliteProtocol) {
			return err
		}
		if warn != nil && time.Since(last) > 10*time.Second {
			if !last.IsZero() {
				warn("%v", err)
			}
			last = time.Now()
		}
		time.Sleep(wait)
	}
}

// close finalises the statements and closes the connection, which as the last
// one also moves the WAL into the database.
func (d *database) close() error {
	d.mu.Lock()
	defer d.mu.Unlock()
	for i, st := range d.stmts {
		if st != nil {
			st.Close()
			d.stmts[i] = nil
		}
	}
	conn := d.conn
	if conn == nil {
		return nil
	}
	d.conn = nil
	return conn.Close()
}

var errClosed = errors.New("the store is closed")
