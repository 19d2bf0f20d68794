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

	"golang.org/x/sys/unix"

	"github.com/seed192a40f6/glang/store/storepath"
)

// GCAction says what GC does.
type GCAction uint8

// The actions of a collection.
const (
	GCDeleteDead     GCAction = iota // delete what no root reaches
	GCDeleteSpecific                 // delete given paths, if no root reaches them
	GCReturnLive                     // list what roots reach
	GCReturnDead                     // list what they do not reach
)

// GCOptions says what to collect.
type GCOptions struct {
	Action GCAction
	// Paths are those that GCDeleteSpecific deletes.
	Paths []storepath.Path
	// IgnoreLiveness deletes Paths though roots reach them; a path that others
	// refer to is still an error.
	IgnoreLiveness bool
	// KeepOutputs keeps the outputs of derivations that are kept.
	KeepOutputs bool
	// KeepDerivations keeps the derivers of paths that are kept.
	KeepDerivations bool
	// MaxFreed stops the collection after more bytes than that; 0: no limit,
	// <0: delete nothing.
	MaxFreed int64
}

// GCResult says what a collection has done or, for the listing actions, found.
type GCResult struct {
	Paths      []string // full names, sorted; in deletions also of what is no store path
	BytesFreed int64
}

// NotDeadError reports a path that GCDeleteSpecific must not delete.
type NotDeadError struct{ Path string }

func (e *NotDeadError) Error() string {
	return fmt.Sprintf("Cannot delete path '%s' since it is still alive. "+
		"To find out why, use: nix-store --query --roots and nix-store --query --referrers", e.Path)
}

// GC collects garbage. Others may add to the store meanwhile: they tell the
// collector what they need, see gcserver.go, and it waits for nobody. Stopped
// by ctx, it returns what it has done.
func (s *Store) GC(ctx context.Context, o GCOptions) (*GCResult, error) {
	if err := s.writable(); err != nil {
		return nil, err
	}
	deletes := o.Action == GCDeleteDead || o.Action == GCDeleteSpecific
	if o.Action == GCDeleteSpecific && o.IgnoreLiveness {
		// else it would delete the outputs or derivers of Paths too
		o.KeepOutputs, o.KeepDerivations = false, false
	}
	if deletes {
		os.Remove(s.reservedFile()) // makes room to write the database on a full disk
	}
	lock, err := openLockFile(s.gcLockFile())
	if err != nil {
		return nil, s.explain(err, s.state)
	}
	defer lock.Close()
	err = flockWait(ctx, lock, unix.LOCK_EX, func() {
		s.logf(LevelInfo, "waiting for the big garbage collector lock...")
	})
	if err != nil {
		return nil, err
	}
	s.gcSync(1)
	c := &collector{s: s, o: o, ctx: ctx, res: &GCResult{}}
	if c.roots, err = s.listenForRoots(); err != nil {
		return nil, err
	}
	defer c.roots.close()
	err = c.collect()
	slices.Sort(c.res.Paths)
	return c.res, err
}

func (s *Store) gcSync(point int) {
	if s.cfg.GCSync != nil {
		s.cfg.GCSync(point)
	}
}

// errFreedEnough ends a collection that has freed what it should.
var errFreedEnough = errors.New("freed enough")

type collector struct {
	s     *Store
	o     GCOptions
	ctx   context.Context
	roots *rootServer
	res   *GCResult

	graph *graph
	alive map[storepath.Path]bool
}

func (c *collector) collect() error {
	c.s.logf(LevelInfo, "finding garbage collector roots...")
	var roots []storepath.Path
	if !c.o.IgnoreLiveness {
		found, err := c.s.findLastingRoots(true)
		if err != nil {
			return err
		}
		roots = sortedKeys(found)
	}
	// Temporary roots made before we had the lock; later ones come by socket.
	err := c.s.findTempRoots(func(p storepath.Path, _ string) {
		c.roots.add(p.HashPart())
		roots = append(roots, p)
	})
	if err != nil {
		return err
	}
	c.s.gcSync(2)
	if c.graph, err = c.s.loadGraph(); err != nil {
		return err
	}
	c.alive = make(map[storepath.Path]bool, len(c.graph.nodes))
	c.markAlive(roots)
	err = c.act()
	if errors.Is(err, errFreedEnough) {
		err = nil
	}
	if err == nil && (c.o.Action == GCDeleteDead || c.o.Action == GCDeleteSpecific) {
		err = c.s.cleanLinks(c.ctx)
	}
	return err
}

func (c *collector) act() error {
	if c.o.Action == GCDeleteSpecific {
		return c.deleteSpecific()
	}
	if c.o.MaxFreed < 0 {
		return nil
	}
	if c.o.Action == GCDeleteDead {
		c.s.logf(LevelInfo, "deleting garbage...")
	} else {
		c.s.logf(LevelInfo, "determining live/dead paths...")
	}
	dead, other, err := c.findDead()
	if err != nil {
		return err
	}
	switch c.o.Action {
	case GCReturnLive:
		for p := range c.alive {
			c.res.Paths = append(c.res.Paths, c.s.scheme.Print(p))
		}
		return nil
	case GCReturnDead:
		for _, p := range dead {
			c.res.Paths = append(c.res.Paths, c.s.scheme.Print(p))
		}
		return nil
	}
	for _, name := range other {
		if err := c.deleteOther(name); err != nil {
			return err
		}
	}
	return c.deletePaths(dead)
}

// markAlive marks paths and all they need, by the edges of the options.
func (c *collector) markAlive(paths []storepath.Path) {
	todo := slices.Clone(paths)
	for len(todo) > 0 {
		p := todo[len(todo)-1]
		todo = todo[:len(todo)-1]
		if c.alive[p] {
			continue
		}
		c.alive[p] = true
		n := c.graph.nodes[p]
		if n == nil {
			continue // a temporary root that is not valid yet
		}
		for _, r := range n.refs {
			todo = append(todo, r.path)
		}
		if c.o.KeepDerivations && !n.deriver.IsZero() && c.graph.nodes[n.deriver] != nil {
			todo = append(todo, n.deriver)
		}
		if c.o.KeepOutputs {
			for _, out := range n.outputs {
				if c.graph.nodes[out] != nil {
					todo = append(todo, out)
				}
			}
		}
	}
}

// findDead returns the paths, valid or lying in the store directory, that are
// not alive, and the names there that are no store paths.
func (c *collector) findDead() (dead []storepath.Path, other []string, err error) {
	// Names are read before the graph would be stale is no concern: what was
	// added since is a temporary root of whoever added it.
	names, err := readNames(c.s.real)
	if err != nil {
		return nil, nil, err
	}
	seen := make(map[storepath.Path]bool, len(names))
	for _, name := range names {
		if name == ".links" {
			continue
		}
		p, err := storepath.ParseBase(name)
		if err != nil {
			other = append(other, name)
			continue
		}
		seen[p] = true
		if c.roots.has(p.HashPart()) {
			c.markAlive([]storepath.Path{p})
		}
	}
	for p := range c.graph.nodes {
		seen[p] = true
	}
	for p := range seen {
		if !c.alive[p] {
			dead = append(dead, p)
		}
	}
	slices.SortFunc(dead, storepath.Compare)
	return dead, other, nil
}

func readNames(dir string) ([]string, error) {
	f, err := os.Open(dir)
	if err != nil {
		return nil, fmt.Errorf("opening directory \"%s\": %w", dir, bare(err))
	}
	defer f.Close()
	names, err := f.Readdirnames(-1)
	if err != nil {
		return nil, fmt.Errorf("reading directory \"%s\": %w", dir, bare(err))
	}
	slices.Sort(names)
	return names, nil
}

// deleteSpecific deletes the given paths, each with those of them that refer to it.
func (c *collector) deleteSpecific() error {
	wanted := make(map[storepath.Path]bool, len(c.o.Paths))
	for _, p := range c.o.Paths {
		wanted[p] = true
		if c.roots.has(p.HashPart()) {
			c.markAlive([]storepath.Path{p})
		}
	}
	for _, p := range sortedKeys(wanted) {
		set, ok := c.dependents(p, wanted)
		if !ok {
			return &NotDeadError{c.s.scheme.Print(p)}
		}
		if err := c.deletePaths(set); err != nil {
			return err
		}
		if c.alive[p] { // somebody has asked for it meanwhile
			return &NotDeadError{c.s.scheme.Print(p)}
		}
	}
	return nil
}

// dependents returns p and all that would keep it; false if one of those is
// alive or not to be deleted.
func (c *collector) dependents(p storepath.Path, wanted map[storepath.Path]bool) ([]storepath.Path, bool) {
	seen := map[storepath.Path]bool{}
	todo := []storepath.Path{p}
	for len(todo) > 0 {
		p := todo[len(todo)-1]
		todo = todo[:len(todo)-1]
		if seen[p] {
			continue
		}
		if c.alive[p] || !wanted[p] {
			return nil, false
		}
		seen[p] = true
		n := c.graph.nodes[p]
		if n == nil {
			continue
		}
		for _, r := range n.referrers {
			if !r.gone {
				todo = append(todo, r.path)
			}
		}
		if c.o.KeepDerivations {
			for _, out := range n.outputs {
				if o := c.graph.nodes[out]; o != nil && o.deriver == p {
					todo = append(todo, out)
				}
			}
		}
		if c.o.KeepOutputs {
			todo = append(todo, n.derivers...)
		}
	}
	return sortedKeys(seen), true
}

// gcBatch is how many paths are made invalid in one transaction.
const gcBatch = 128

// deletePaths deletes dead paths, referrers before what they refer to.
func (c *collector) deletePaths(dead []storepath.Path) error {
	order, err := topoSort(c.s.scheme, dead, func(p storepath.Path) ([]storepath.Path, error) {
		if n := c.graph.nodes[p]; n != nil {
			return n.refPaths(), nil
		}
		return nil, nil
	})
	if err != nil {
		return err
	}
	for batch := range slices.Chunk(order, gcBatch) {
		if err := c.deleteBatch(batch); err != nil {
			return err
		}
	}
	return nil
}

func (c *collector) deleteBatch(batch []storepath.Path) error {
	if err := c.ctx.Err(); err != nil {
		return err
	}
	defer c.roots.release() // whatever happens nobody waits for us any longer
	var doomed []storepath.Path
	for _, p := range batch {
		if c.alive[p] || c.graph.nodes[p] == nil && c.deleted(p) {
			continue
		}
		if !c.roots.condemn(p.HashPart()) {
			c.markAlive([]storepath.Path{p}) // asked for since we looked
			continue
		}
		doomed = append(doomed, p)
	}
	// markAlive may have reached some that were before it in the batch
	doomed = slices.DeleteFunc(doomed, func(p storepath.Path) bool { return c.alive[p] })
	doomed, err := c.s.invalidateAll(doomed)
	if err != nil {
		return err
	}
	for _, p := range doomed {
		c.graph.remove(p)
		if err := c.deleteObject(p.String(), true); err != nil {
			return err
		}
		c.roots.releaseOne(p.HashPart())
		if err := c.ctx.Err(); err != nil {
			return err
		}
	}
	return nil
}

// deleted tells whether a path that was never valid has gone meanwhile: a lock
// file that its holder has deleted.
func (c *collector) deleted(p storepath.Path) bool {
	_, err := os.Lstat(c.s.RealPath(p))
	return errors.Is(err, fs.ErrNotExist)
}

// invalidateAll makes paths invalid and returns those for which that worked:
// the others have got a valid referrer since the graph was read, which the
// database's own constraint tells.
func (s *Store) invalidateAll(paths []storepath.Path) (done []storepath.Path, err error) {
	err = s.db.write(func() error {
		done = done[:0]
		for _, p := range paths {
			_, err := s.db.exec(stmtDeletePath, s.scheme.Print(p))
			if sqliteCode(err) == sqliteConstraint {
				continue
			}
			if err != nil {
				return err
			}
			done = append(done, p)
		}
		return nil
	})
	return done, s.explainDB(err)
}

// deleteOther deletes what lies in the store directory without being named
// like a store path: directories of processes that have been killed, mostly.
func (c *collector) deleteOther(name string) error {
	if strings.HasPrefix(name, "tmp-") {
		dir, err := os.OpenFile(filepath.Join(c.s.real, name), os.O_RDONLY|unix.O_DIRECTORY|unix.O_NOFOLLOW, 0)
		if err == nil {
			defer dir.Close()
			ok, err := flock(dir, unix.LOCK_EX|unix.LOCK_NB)
			if err != nil {
				return err
			}
			if !ok {
				c.s.logf(LevelDebug, "skipping locked tempdir '%s'", name)
				return nil
			}
		}
	}
	return c.deleteObject(name, false)
}

func (c *collector) deleteObject(name string, known bool) error {
	full := c.s.scheme.Dir + "/" + name
	c.s.logf(LevelInfo, "deleting '%s'", full)
	c.res.Paths = append(c.res.Paths, full)
	real := filepath.Join(c.s.real, name)
	freed, err := c.s.discard(real, known)
	c.res.BytesFreed += freed
	if err != nil {
		what := "store path"
		if !known {
			what = "garbage in store directory"
		}
		if !c.s.cfg.IgnoreDeleteErrors {
			return c.s.explain(fmt.Errorf("deleting %s \"%s\": %w", what, real, err), c.s.real)
		}
		if known {
			what = "store path"
		}
		c.s.logf(LevelWarn, "ignoring failure to remove %s \"%s\": %v", what, real, err)
	}
	if c.o.MaxFreed > 0 && c.res.BytesFreed > c.o.MaxFreed {
		c.s.logf(LevelInfo, "deleted more than %d bytes; stopping", c.o.MaxFreed)
		return errFreedEnough
	}
	return nil
}
