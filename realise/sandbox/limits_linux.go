package sandbox

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// A group is the control groups of one build, one for each hierarchy that is
// needed. What no hierarchy can bound, resource limits do, though for each
// process by itself and not for the build; see confine.
type group struct {
	dirs      []string
	memory    string // the one that bounds memory; "": none
	processes string
	v2        bool // memory is of version 2
}

// newGroup makes what limits need; nil if that is nothing, or nothing can be had.
func newGroup(l Limits) *group {
	if l == (Limits{}) {
		return nil
	}
	text, err := os.ReadFile("/proc/self/cgroup")
	if err != nil {
		return nil // a kernel without control groups
	}
	mounts, err := os.ReadFile("/proc/self/mountinfo")
	if err != nil {
		return nil
	}
	g := &group{}
	if dir := cgroupDir(string(text), string(mounts), ""); dir != "" {
		g.unified(dir, l)
	}
	if l.MemoryBytes > 0 && g.memory == "" {
		g.memory = g.bound(cgroupDir(string(text), string(mounts), "memory"), "memory.limit_in_bytes", l.MemoryBytes)
		if g.memory != "" { // with swap; not every kernel counts that
			_ = writeProc(filepath.Join(g.memory, "memory.memsw.limit_in_bytes"), strconv.FormatUint(l.MemoryBytes, 10))
		}
	}
	if l.Processes > 0 && g.processes == "" {
		g.processes = g.bound(cgroupDir(string(text), string(mounts), "pids"), "pids.max", l.Processes)
	}
	return g
}

// cgroupDir is the directory of the group that this process is in, in the
// hierarchy of version 1 that has a controller, or, for "", in that of
// version 2; "" if it is not mounted.
func cgroupDir(groups, mounts, controller string) string {
	for line := range strings.Lines(groups) {
		f := strings.SplitN(strings.TrimSuffix(line, "\n"), ":", 3)
		if len(f) != 3 || !hasWord(f[1], controller) {
			continue
		}
		for line := range strings.Lines(mounts) {
			before, after, _ := strings.Cut(strings.TrimSuffix(line, "\n"), " - ")
			where, what := strings.Fields(before), strings.Fields(after)
			if len(where) < 5 || len(what) < 3 {
				continue
			}
			if controller == "" && what[0] == "cgroup2" || controller != "" && what[0] == "cgroup" && hasWord(what[2], controller) {
				// The mount shows a part of the hierarchy; where[3] is its root.
				if rest, ok := strings.CutPrefix(f[2], strings.TrimSuffix(where[3], "/")); ok {
					return filepath.Join(where[4], rest)
				}
			}
		}
	}
	return ""
}

func hasWord(list, word string) bool {
	for w := range strings.SplitSeq(list, ",") {
		if w == word {
			return true
		}
	}
	return false
}

// groupName is a name that is free.
func groupName(parent string) string {
	for n := 1; ; n++ {
		dir := filepath.Join(parent, fmt.Sprintf("glang-%d-%d", os.Getpid(), n))
		if _, err := os.Lstat(dir); err != nil {
			return dir
		}
	}
}

// mkdir makes a group; "" if that is not allowed. Groups of processes that were
// killed are removed on the way.
func mkdir(parent string) string {
	if parent == "" {
		return ""
	}
	old, _ := filepath.Glob(filepath.Join(parent, "glang-*")) // the pattern is good
	for _, dir := range old {
		var pid, n int
		if _, err := fmt.Sscanf(filepath.Base(dir), "glang-%d-%d", &pid, &n); err == nil && syscall.Kill(pid, 0) == syscall.ESRCH {
			_ = unix.Rmdir(dir) // fails as long as a process is in it
		}
	}
	for {
		dir := groupName(parent)
		switch err := os.Mkdir(dir, 0o755); {
		case err == nil:
			return dir
		case !errors.Is(err, os.ErrExist): // else another build was first
			return ""
		}
	}
}

// unified makes a group of version 2 below parent.
func (g *group) unified(parent string, l Limits) {
	// A parent with processes in it may hand no controller on, unless it is the root.
	_ = writeProc(filepath.Join(parent, "cgroup.subtree_control"), "+memory +pids")
	have, err := os.ReadFile(filepath.Join(parent, "cgroup.subtree_control"))
	if err != nil {
		return
	}
	names := strings.Fields(string(have))
	usable := func(limit uint64, controller string) bool {
		return limit > 0 && hasWord(strings.Join(names, ","), controller)
	}
	if !usable(l.MemoryBytes, "memory") && !usable(l.Processes, "pids") {
		return
	}
	dir := mkdir(parent)
	if dir == "" {
		return
	}
	g.dirs = append(g.dirs, dir)
	set := func(file string, n uint64) bool {
		return writeProc(filepath.Join(dir, file), strconv.FormatUint(n, 10)) == nil
	}
	if usable(l.MemoryBytes, "memory") && set("memory.max", l.MemoryBytes) {
		g.memory, g.v2 = dir, true
		set("memory.swap.max", 0) // not there without swap
	}
	if usable(l.Processes, "pids") && set("pids.max", l.Processes) {
		g.processes = dir
	}
}

// bound makes a group of version 1 with one limit; "" if it cannot.
func (g *group) bound(parent, file string, n uint64) string {
	dir := mkdir(parent)
	if dir == "" {
		return ""
	}
	g.dirs = append(g.dirs, dir)
	if writeProc(filepath.Join(dir, file), strconv.FormatUint(n, 10)) != nil {
		return ""
	}
	return dir
}

// add puts a process into the groups.
func (g *group) add(pid int) error {
	if g == nil {
		return nil
	}
	for _, dir := range g.dirs {
		if err := writeProc(filepath.Join(dir, "cgroup.procs"), strconv.Itoa(pid)); err != nil {
			return err
		}
	}
	return nil
}

// hits tells which limits were passed.
func (g *group) hits() (memory, processes bool) {
	if g == nil {
		return false, false
	}
	if g.memory != "" {
		file := "memory.oom_control"
		if g.v2 {
			file = "memory.events"
		}
		memory = counted(filepath.Join(g.memory, file), "oom_kill")
	}
	return memory, g.processes != "" && counted(filepath.Join(g.processes, "pids.events"), "max")
}

// counted tells whether a file of lines NAME NUMBER has a number above 0.
func counted(file, name string) bool {
	text, err := os.ReadFile(file)
	if err != nil {
		return false
	}
	for line := range strings.Lines(string(text)) {
		if f := strings.Fields(line); len(f) == 2 && f[0] == name && f[1] != "0" {
			return true
		}
	}
	return false
}

// remove removes the groups, when no process is left.
func (g *group) remove() {
	if g == nil {
		return
	}
	for _, dir := range g.dirs {
		// Processes leave a little after their parent has heard of their end.
		// What stays is empty, and the next build removes it.
		for delay := time.Millisecond; unix.Rmdir(dir) == unix.EBUSY && delay < 100*time.Millisecond; delay *= 2 {
			time.Sleep(delay)
		}
	}
}
