//go:build unix

package realise

import "github.com/seed192a40f6/glang/derivation"

// StructuredAttrs gives what a builder gets of structured attributes, for a
// shell in the environment of a build: JSON, and declarations for bash. Both
// are empty if there are none.
func (r *Realiser) StructuredAttrs(d *derivation.Derivation) (text, shell string, err error) {
	o, err := d.Options()
	if err != nil || o.Structured == nil {
		return "", "", err
	}
	b := &build{r: r, drv: d, opts: o}
	return b.structuredAttrs()
}
