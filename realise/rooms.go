//go:build unix

package realise

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"syscall"

	"github.com/seed192a40f6/glang/realise/sandbox"
)

// Each slot for builds has directories that its builds use one after another,
// made when the first comes and deleted with the graph.
type slotRoom struct {
	room *sandbox.Room
	work string // in the store's file system, for copies of outputs
	done func() // deletes work
}

func (g *graph) slotRoom(slot int) *slotRoom {
	g.mu.Lock()
	defer g.mu.Unlock()
	s := g.rooms[slot]
	if s == nil {
		s = &slotRoom{}
		g.rooms[slot] = s
	}
	return s
}

// enter gives a build its room.
func (g *graph) enter(slot int) (*sandbox.Room, error) {
	s := g.slotRoom(slot)
	if s.room == nil {
		dir, err := g.r.newBuildDir()
		if err != nil {
			return nil, err
		}
		if s.room, err = sandbox.OpenRoom(dir, slot, removeTree); err != nil {
			return nil, errors.Join(err, removeTree(dir))
		}
	}
	return s.room, nil
}

// leave empties the room for the next build. One that is kept (nil), or that
// cannot be emptied, is not used again.
func (g *graph) leave(slot int, room *sandbox.Room) {
	s := g.slotRoom(slot)
	if room == nil {
		s.room = nil
		return
	}
	if err := room.Clear(); err != nil {
		_ = room.Remove() // what is left in the private directory harms nobody
		s.room = nil
	}
}

// workDir is a private directory on the store's file system.
func (g *graph) workDir(slot int) (dir string, done func(), err error) {
	s := g.slotRoom(slot)
	if s.work == "" {
		if s.work, s.done, err = g.r.store.TempDir(); err != nil {
			return "", nil, err
		}
	}
	return s.work, func() {
		entries, err := os.ReadDir(s.work)
		for _, e := range entries {
			err = errors.Join(err, removeTree(filepath.Join(s.work, e.Name())))
		}
		if err != nil {
			s.done()
			s.work = ""
		}
	}, nil
}

// closeRooms deletes all when no build is left.
func (g *graph) closeRooms() {
	for _, s := range g.rooms {
		if s.room != nil {
			_ = s.room.Remove() // else the next process does
		}
		if s.work != "" {
			s.done()
		}
	}
}

// newBuildDir names a directory that is not there yet, in one that only we can change.
func (r *Realiser) newBuildDir() (string, error) {
	top := r.opts.BuildDir
	if top == "" {
		top = filepath.Join(r.store.StateDir(), "builds")
	}
	if err := os.MkdirAll(top, 0o755); err != nil {
		return "", err
	}
	r.swept.Do(func() { sweep(top) })
	for {
		dir := filepath.Join(top, fmt.Sprintf("nix-%d-%d", os.Getpid(), r.dirs.Add(1)))
		if _, err := os.Lstat(dir); err != nil {
			return dir, nil
		}
	}
}

// sweep deletes the rooms of processes that were killed. Directories that were
// kept for reading are no rooms any more.
func sweep(top string) {
	rooms, _ := filepath.Glob(filepath.Join(top, "nix-*")) // the pattern is good
	for _, dir := range rooms {
		var pid, n int
		if _, err := fmt.Sscanf(filepath.Base(dir), "nix-%d-%d", &pid, &n); err != nil || pid <= 0 {
			continue
		}
		if syscall.Kill(pid, 0) == syscall.ESRCH {
			_ = sandbox.RemoveDead(dir, removeTree) // somebody else's, perhaps
		}
	}
}
