//go:build unix && !linux

package store

import (
	"os/exec"
	"strings"
)

// runtimeRoots asks lsof, if there is one, for files that processes have open.
func (s *Store) runtimeRoots() Roots {
	roots := Roots{}
	out, err := exec.Command("lsof", "-n", "-w", "-F", "n").Output()
	if err != nil {
		return roots
	}
	for line := range strings.Lines(string(out)) {
		target, ok := strings.CutPrefix(strings.TrimSuffix(line, "\n"), "n/")
		if !ok {
			continue
		}
		if p, _, err := s.scheme.ToStorePath("/" + target); err == nil {
			roots.add(p, "{lsof}")
		}
	}
	return roots
}
