package sandbox

import (
	"debug/elf"
	"os"
	"path/filepath"
	"strings"
)

// A shell that was linked dynamically (glang itself where it was built with
// cgo) cannot start without its interpreter and libraries: they are shown
// under their own names. Nothing else of the host's directories is.

// libraryDirs are where an interpreter looks without being told.
var libraryDirs = []string{"/lib64", "/lib", "/usr/lib64", "/usr/lib"}

// Libraries lists what a program of the host needs besides itself; none if it
// is static or no ELF file. For Spec.Binds; ask once, it reads files.
func Libraries(program string) []Bind {
	var binds []Bind
	seen := map[string]bool{}
	add := func(path string) {
		real, err := filepath.EvalSymlinks(path)
		if err == nil && !seen[path] {
			seen[path] = true
			binds = append(binds, Bind{Source: real, Target: path})
		}
	}
	dirs := libraryDirs
	todo := []string{program}
	for len(todo) > 0 {
		f, err := elf.Open(todo[0])
		todo = todo[1:]
		if err != nil {
			continue
		}
		if interp := interpreter(f); interp != "" {
			add(interp)
			// Debian keeps libraries below a triplet that the interpreter's real place tells.
			if real, err := filepath.EvalSymlinks(interp); err == nil {
				dirs = append([]string{strings.TrimPrefix(filepath.Dir(real), "/usr"), filepath.Dir(real)}, dirs...)
			}
		}
		needed, _ := f.ImportedLibraries() // no dynamic section: none
		f.Close()
		for _, lib := range needed {
			for _, dir := range dirs {
				if p := filepath.Join(dir, lib); exists(p) {
					if !seen[p] {
						todo = append(todo, p)
					}
					add(p)
					break
				}
			}
		}
	}
	return binds
}

func exists(path string) bool {
	_, err := os.Stat(path)
	return err == nil
}

func interpreter(f *elf.File) string {
	for _, p := range f.Progs {
		if p.Type == elf.PT_INTERP && p.Filesz < 4096 {
			b := make([]byte, p.Filesz)
			if _, err := p.ReadAt(b, 0); err == nil {
				return strings.TrimRight(string(b), "\x00")
			}
		}
	}
	return ""
}
