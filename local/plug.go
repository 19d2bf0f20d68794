package local

import (
	"path/filepath"

	"github.com/seed192a40f6/glang/realise"
	"github.com/seed192a40f6/glang/realise/debian"
)

// plug adds to a realiser's options what other packages provide: built-in
// builders and the sources of mirror:// addresses.
func (s *Session) plug(o *realise.Options) error {
	mirror, err := debian.NewMirror(filepath.Join(s.Dirs.Cache, "debian"), s.Settings.Words("debian-mirrors"))
	if err != nil {
		return err
	}
	o.Mirrors = map[string]realise.Mirror{"debian": mirror}
	o.Builtins = debian.Builtins()
	o.Substituters = s.substituters()
	return nil
}
