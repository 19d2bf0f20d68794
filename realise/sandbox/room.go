//go:build unix

package sandbox

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"
)

// A Room is a directory in which builds run, one after another. It lies in a
// directory that nobody but its owner can change, and has
//
//	build   the working directory of the builder
//	tmp     its /tmp
//	store   its store directory, into which it writes outputs
//	places  empty directories, on which inputs are mounted
//	file    an empty file, likewise
//
// It is kept from build to build for speed: ext4 is slow to make files where
// many were deleted just before (it goes through all of them), and a build
// without a room would need a place for each input, a third of its cost. What
// a builder left is deleted before the next one comes, and the owner and modes
// of the directories are set anew.
type Room struct {
	Dir string

	remove   func(path string) error
	fork     bool // start builds with fork alone, for tests
	root     bool // we are root: builders get a host uid of their own
	uid, gid int  // the builder's, on the host
	free     []string
	taken    [][2]string // names of a place and of the input that it stands for
	links    []string    // names of inputs that are files or symlinks
	places   int
}

// marker is in a room first and last: by it RemoveDead knows one.
const marker = "places"

// OpenRoom makes a room; dir must not exist. slot tells this process's rooms
// apart that are in use at the same time, from 0 to 63. remove deletes a tree,
// whatever its modes.
func OpenRoom(dir string, slot int, remove func(path string) error) (*Room, error) {
	r := &Room{Dir: dir, remove: remove, uid: os.Geteuid(), gid: os.Getegid()}
	if r.uid == 0 {
		if id := hostID(slot); id != 0 {
			r.root, r.uid, r.gid = true, id, id
		}
	}
	if err := os.Mkdir(dir, 0o700); err != nil {
		return nil, err
	}
	for _, name := range []string{marker, "build", "tmp", "store"} {
		if err := os.Mkdir(filepath.Join(dir, name), 0o700); err != nil {
			return nil, err
		}
	}
	return r, os.WriteFile(filepath.Join(dir, "file"), nil, 0o600)
}

// Host uids for root's builds: ones that no account has, and others for each
// room of each process. The range starts where the reference's automatic ones
// do; a pid has at most 22 bits. In a container that has fewer uids they are
// those that the reference's build users have by custom.
const (
	firstHostID  = 0x34000000
	customHostID = 30001
)

// hostID is 0 if this user namespace has no uid to spare: then root is but an
// ordinary user who is called so.
func hostID(slot int) int {
	for _, id := range []int{firstHostID + (os.Getpid()&(1<<22-1))<<6 + slot&63, customHostID + slot&63} {
		if mapped("/proc/self/uid_map", id) && mapped("/proc/self/gid_map", id) {
			return id
		}
	}
	return 0
}

// mapped tells whether a user namespace has an id; without a map it has all.
func mapped(file string, id int) bool {
	text, err := os.ReadFile(file)
	if err != nil {
		return true
	}
	for line := range strings.Lines(string(text)) {
		var first, outside, n int64
		if _, err := fmt.Sscan(line, &first, &outside, &n); err == nil && first <= int64(id) && int64(id) < first+n {
			return true
		}
	}
	return false
}

// DropsGroups tells whether builders lose the supplementary groups of the
// caller, which an ordinary user has no right to take away.
func (r *Room) DropsGroups() bool { return r.root }

// Build is the working directory of builders.
func (r *Room) Build() string { return filepath.Join(r.Dir, "build") }

// Store is where outputs appear.
func (r *Room) Store() string { return filepath.Join(r.Dir, "store") }

// give makes the builder the owner of what it may write to.
func (r *Room) give() error {
	for _, d := range []struct {
		name string
		mode os.FileMode
	}{{"build", 0o700}, {"tmp", os.ModeSticky | 0o777}, {"store", 0o700}, {".", 0o700}} {
		name := filepath.Join(r.Dir, d.name)
		if err := os.Chmod(name, d.mode); err != nil {
			return err
		}
		if r.root {
			if err := os.Lchown(name, r.uid, r.gid); err != nil {
				return err
			}
		}
	}
	if !r.root {
		return nil
	}
	// The caller's files in build are few and flat; their parent is private.
	entries, err := os.ReadDir(r.Build())
	if err != nil {
		return err
	}
	for _, e := range entries {
		if err := os.Lchown(filepath.Join(r.Build(), e.Name()), r.uid, r.gid); err != nil {
			return err
		}
	}
	return nil
}

// furnish makes the inputs' places in store: for a directory an empty one, for
// a file a link to an empty file. A symlink, which cannot be mounted on, is
// copied. It returns the names that need a mount.
func (r *Room) furnish(realStore string, inputs []string) (mounts []string, err error) {
	from, err := unix.Open(realStore, unix.O_RDONLY|unix.O_DIRECTORY|unix.O_CLOEXEC, 0)
	if err != nil {
		return nil, &os.PathError{Op: "open", Path: realStore, Err: err}
	}
	defer unix.Close(from)
	for _, name := range inputs {
		var st unix.Stat_t
		if err := unix.Fstatat(from, name, &st, unix.AT_SYMLINK_NOFOLLOW); err != nil {
			return nil, &os.PathError{Op: "lstat", Path: filepath.Join(realStore, name), Err: err}
		}
		to := filepath.Join(r.Store(), name)
		switch st.Mode & unix.S_IFMT {
		case unix.S_IFLNK:
			target, err := os.Readlink(filepath.Join(realStore, name))
			if err == nil {
				err = os.Symlink(target, to)
			}
			if err != nil {
				return nil, err
			}
			r.links = append(r.links, name)
			continue
		case unix.S_IFDIR:
			err = r.place(name, to)
		default:
			err = os.Link(filepath.Join(r.Dir, "file"), to)
			r.links = append(r.links, name)
		}
		if err != nil {
			return nil, err
		}
		mounts = append(mounts, name)
	}
	return mounts, nil
}

// place moves an empty directory, or makes one, to where an input will be.
func (r *Room) place(name, to string) error {
	if n := len(r.free); n > 0 {
		p := r.free[n-1]
		r.free = r.free[:n-1]
		r.taken = append(r.taken, [2]string{p, name})
		return os.Rename(filepath.Join(r.Dir, marker, p), to)
	}
	r.taken = append(r.taken, [2]string{strconv.Itoa(r.places), name})
	r.places++
	return os.Mkdir(to, 0o700)
}

// Strip takes the places of inputs out of store again, so that only what the
// builder made is there. Call it when the build is over.
func (r *Room) Strip() error {
	var errs []error
	for _, t := range r.taken {
		if err := os.Rename(filepath.Join(r.Store(), t[1]), filepath.Join(r.Dir, marker, t[0])); err != nil {
			errs = append(errs, err)
			continue
		}
		r.free = append(r.free, t[0])
	}
	for _, name := range r.links {
		if err := os.Remove(filepath.Join(r.Store(), name)); !errors.Is(err, os.ErrNotExist) { // a builder may delete a symlink
			errs = append(errs, err)
		}
	}
	r.taken, r.links = r.taken[:0], r.links[:0]
	return errors.Join(errs...)
}

// Clear empties the room for the next build.
func (r *Room) Clear() error {
	for _, dir := range []string{"build", "tmp", "store"} {
		dir = filepath.Join(r.Dir, dir)
		if err := os.Chmod(dir, 0o700); err != nil {
			return err
		}
		entries, err := os.ReadDir(dir)
		if err != nil {
			return err
		}
		for _, e := range entries {
			if err := r.remove(filepath.Join(dir, e.Name())); err != nil {
				return err
			}
		}
	}
	return nil
}

// Remove deletes a room.
func (r *Room) Remove() error { return removeRoom(r.Dir, r.remove) }

func removeRoom(dir string, remove func(path string) error) error {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return err
	}
	for _, e := range entries {
		if e.Name() != marker {
			err = errors.Join(err, remove(filepath.Join(dir, e.Name())))
		}
	}
	if err != nil {
		return err
	}
	return remove(dir)
}

// RemoveDead deletes the room of a process that was killed, in whatever state
// it is. A directory that was kept for people to look at stays: it is no room
// any more.
func RemoveDead(dir string, remove func(path string) error) error {
	if _, err := os.Lstat(filepath.Join(dir, marker)); err != nil {
		return os.Remove(dir) // if it is empty
	}
	return removeRoom(dir, remove)
}

// Keep leaves the working directory for people to look at, and deletes the
// rest. The room cannot be used again.
func (r *Room) Keep() {
	for _, dir := range []string{"tmp", "store", "file", marker} {
		_ = r.remove(filepath.Join(r.Dir, dir)) // what is left is empty, or nobody's business
	}
	for _, dir := range []string{r.Dir, r.Build()} {
		_ = os.Chmod(dir, 0o755) // the user can do so as well
	}
}
