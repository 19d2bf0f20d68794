package main

import (
	"bufio"
	"bytes"
	"math"
	"os"
	"path"
	"strconv"
	"strings"
	"sync"

	"golang.org/x/sys/unix"
)

// memory is what this process may use: the machine's, or its cgroup's limit; 0
// if that is not known.
func memory() uint64 {
	var info unix.Sysinfo_t
	if unix.Sysinfo(&info) != nil {
		return 0
	}
	total := uint64(info.Totalram) * uint64(info.Unit)
	for _, c := range cgroups() {
		if n, ok := readNumber(c.dir + "/" + c.limit); ok {
			total = min(total, uint64(n))
		}
	}
	return total
}

// systemMemoryLeft asks the kernel.
func systemMemoryLeft() memoryLeft {
	left := memoryLeft{math.MaxInt64, math.MaxInt64}
	info := readTable("/proc/meminfo", 1024)
	if n, ok := info["MemAvailable"]; ok {
		left.pages = n + info["SwapFree"]
	}
	if n, ok := readNumber("/proc/sys/vm/overcommit_memory"); ok && n == 2 {
		left.addresses = info["CommitLimit"] - info["Committed_AS"]
	}
	for _, c := range cgroups() {
		left.pages = min(left.pages, c.left())
	}
	for resource, name := range map[int]string{unix.RLIMIT_AS: "VmSize", unix.RLIMIT_DATA: "VmData"} {
		var limit unix.Rlimit
		if unix.Getrlimit(resource, &limit) == nil && limit.Cur < math.MaxInt64 {
			if n, ok := readTable("/proc/self/status", 1024)[name]; ok {
				left.addresses = min(left.addresses, int64(limit.Cur)-n)
			}
		}
	}
	return left
}

// cgroup is a group that bounds the memory of this process, and how the files
// in its folder are called.
type cgroup struct{ dir, limit, usage, reclaimable string }

// cgroups are the groups of this process from its own outwards, under both
// versions of the interface. A container may see the folders of its own group
// as the root's, so that is always among them.
var cgroups = sync.OnceValue(func() (all []cgroup) {
	text, err := os.ReadFile("/proc/self/cgroup")
	if err != nil {
		return nil
	}
	for line := range strings.SplitSeq(string(text), "\n") {
		_, line, _ := strings.Cut(line, ":")
		controllers, dir, ok := strings.Cut(line, ":")
		if !ok || controllers != "" && controllers != "memory" {
			continue
		}
		c := cgroup{"/sys/fs/cgroup", "memory.max", "memory.current", "inactive_file"}
		if controllers == "memory" {
			c = cgroup{"/sys/fs/cgroup/memory", "memory.limit_in_bytes", "memory.usage_in_bytes", "total_inactive_file"}
		}
		for root := c.dir; ; dir = path.Dir(dir) {
			c.dir = path.Join(root, dir)
			if _, ok := readNumber(c.dir + "/" + c.limit); ok {
				all = append(all, c)
			}
			if dir == "/" || dir == "." {
				break
			}
		}
	}
	return all
})

// left is how much more memory the group may take; pages of files that nobody
// uses make room.
func (c cgroup) left() int64 {
	limit, ok := readNumber(c.dir + "/" + c.limit)
	usage, known := readNumber(c.dir + "/" + c.usage)
	if !ok || !known {
		return math.MaxInt64
	}
	return limit - usage + readTable(c.dir+"/memory.stat", 1)[c.reclaimable]
}

// readNumber reads a file that holds one number; "max" is none.
func readNumber(name string) (int64, bool) {
	text, err := os.ReadFile(name)
	if err != nil {
		return 0, false
	}
	n, err := strconv.ParseInt(string(bytes.TrimSpace(text)), 10, 64)
	return n, err == nil
}

// readTable reads a file of lines "name: number kB", or without colon and unit.
func readTable(name string, unit int64) map[string]int64 {
	text, err := os.ReadFile(name)
	if err != nil {
		return nil
	}
	table := map[string]int64{}
	for s := bufio.NewScanner(bytes.NewReader(text)); s.Scan(); {
		fields := strings.Fields(s.Text())
		if len(fields) < 2 {
			continue
		}
		if n, err := strconv.ParseInt(fields[1], 10, 64); err == nil {
			table[strings.TrimSuffix(fields[0], ":")] = n * unit
		}
	}
	return table
}
