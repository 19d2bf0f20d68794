package sandbox

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestCgroupDir(t *testing.T) {
	const groups = "4:memory:/a/b\n3:cpu,cpuacct:/\n0::/user.slice/x:y\n"
	const mounts = "24 23 0:21 / /sys/fs/cgroup ro - tmpfs tmpfs ro,mode=755\n" +
		"25 24 0:22 / /sys/fs/cgroup/unified rw,nosuid shared:9 - cgroup2 cgroup2 rw,nsdelegate\n" +
		"26 24 0:23 /a /sys/fs/cgroup/memory rw - cgroup cgroup rw,memory\n" +
		"27 24 0:24 / /sys/fs/cgroup/cpu rw - cgroup cgroup rw,cpu,cpuacct\n"
	for controller, want := range map[string]string{
		"":        "/sys/fs/cgroup/unified/user.slice/x:y",
		"memory":  "/sys/fs/cgroup/memory/b",
		"cpuacct": "/sys/fs/cgroup/cpu",
		"pids":    "",
	} {
		if got := cgroupDir(groups, mounts, controller); got != want {
			t.Errorf("%q: got %q, want %q", controller, got, want)
		}
	}
}

// TestGroup makes the groups of this machine, and leaves none behind.
func TestGroup(t *testing.T) {
	g := newGroup(Limits{MemoryBytes: 64 << 20, Processes: 10})
	if g == nil || len(g.dirs) == 0 {
		t.Skip("this user has no control groups")
	}
	for _, dir := range g.dirs {
		if !strings.HasPrefix(filepath.Base(dir), "glang-") {
			t.Errorf("a group called %q", dir)
		}
	}
	if memory, processes := g.hits(); memory || processes {
		t.Error("a limit passed before anything ran")
	}
	g.remove()
	for _, dir := range g.dirs {
		if _, err := os.Lstat(dir); err == nil {
			t.Errorf("%s is left", dir)
		}
	}
}
