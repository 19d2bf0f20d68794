package main

import (
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/seed192a40f6/glang/store/storepath"
)

// hitMargin is how much of a file is shown around a reference.
const hitMargin = 32

// hits finds the files and links below p that hold references, by reference.
func (w *whyDepends) hits(p storepath.Path, refs []storepath.Path) (map[storepath.Path][]string, error) {
	out := map[storepath.Path][]string{}
	root := w.store.RealPath(p)
	err := filepath.WalkDir(root, func(name string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		shown := strings.TrimPrefix(strings.TrimPrefix(name, root), "/")
		if shown == "" {
			shown = "/"
		}
		switch {
		case d.Type()&fs.ModeSymlink != 0:
			target, err := os.Readlink(name)
			if err != nil {
				return err
			}
			for _, r := range refs {
				if i := strings.Index(target, r.HashPart()); i >= 0 {
					out[r] = append(out[r], shown+" -> "+w.hilite(target, i, r))
				}
			}
		case d.Type().IsRegular():
			text, err := os.ReadFile(name)
			if err != nil {
				return err
			}
			for _, r := range refs {
				i := strings.Index(string(text), r.HashPart())
				if i < 0 {
					continue
				}
				start := max(i-hitMargin, 0)
				end := min(i+len(r.HashPart())+hitMargin, len(text))
				out[r] = append(out[r], shown+": …"+w.hilite(asciiOnly(text[start:end]), i-start, r)+"…")
			}
		}
		return nil
	})
	return out, err
}

func asciiOnly(b []byte) string {
	s := make([]byte, len(b))
	for i, c := range b {
		if c < ' ' || c > '~' {
			c = '.'
		}
		s[i] = c
	}
	return string(s)
}

func (w *whyDepends) hilite(s string, at int, r storepath.Path) string {
	if !w.app.colorOut() {
		return s
	}
	color := "\x1b[34;1m"
	if r == w.to {
		color = "\x1b[32;1m"
	}
	end := at + len(r.HashPart())
	return s[:at] + color + s[at:end] + "\x1b[0m" + s[end:]
}
