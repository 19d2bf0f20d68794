package store

import (
	"os"
	"strconv"
	"strings"
)

// runtimeRoots finds store paths that running processes have as program,
// working directory, open file, mapped file or in their environment. What
// cannot be read belongs to others or has ended.
func (s *Store) runtimeRoots() Roots {
	found := map[string][]string{}
	note := func(target, where string) {
		if strings.HasPrefix(target, "/") {
			found[target] = append(found[target], where)
		}
	}
	procs, _ := os.ReadDir("/proc")
	for _, e := range procs {
		if _, err := strconv.Atoi(e.Name()); err == nil {
			s.processRoots("/proc/"+e.Name(), note)
		}
	}
	for _, name := range []string{"modprobe", "fbsplash", "poweroff_cmd"} {
		file := "/proc/sys/kernel/" + name
		if b, err := os.ReadFile(file); err == nil {
			note(strings.TrimSpace(string(b)), file)
		}
	}
	roots := Roots{}
	for target, where := range found {
		if p, _, err := s.scheme.ToStorePath(target); err == nil {
			roots[p] = append(roots[p], where...)
		}
	}
	return roots
}

func (s *Store) processRoots(dir string, note func(target, where string)) {
	link := func(file string) {
		if target, err := os.Readlink(file); err == nil {
			note(target, file)
		}
	}
	link(dir + "/exe")
	link(dir + "/cwd")
	fds, err := os.ReadDir(dir + "/fd")
	if err != nil {
		return
	}
	for _, fd := range fds {
		link(dir + "/fd/" + fd.Name())
	}
	if b, err := os.ReadFile(dir + "/maps"); err == nil {
		for line := range strings.Lines(string(b)) {
			if i := strings.IndexByte(line, '/'); i >= 0 && strings.Contains(line[i:], s.scheme.Dir) {
				note(strings.TrimRight(line[i:], " \t\n"), dir+"/maps")
			}
		}
	}
	if b, err := os.ReadFile(dir + "/environ"); err == nil {
		for _, p := range pathsIn(s.scheme.Dir, string(b)) {
			note(p, dir+"/environ")
		}
	}
}

// pathsIn finds the store paths that a text mentions.
func pathsIn(storeDir, text string) []string {
	var out []string
	prefix := storeDir + "/"
	for {
		i := strings.Index(text, prefix)
		if i < 0 {
			return out
		}
		end := i + len(prefix)
		for end < len(text) && isNameByte(text[end]) {
			end++
		}
		out = append(out, text[i:end])
		text = text[end:]
	}
}

func isNameByte(c byte) bool {
	return c >= '0' && c <= '9' || c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || strings.IndexByte("+-._?=", c) >= 0
}
