//go:build wip

package local

import "github.com/seed192a40f6/glang/realise"

// plug adds to a realiser's options what other packages provide: substituters
// and the sources of mirror:// addresses.
func (s *Session) plug(o *realise.Options) error {
	return nil
}
