package parser

import "unsafe"

// keepText copies a string of the source, so that the tree does not hold on
// to the source, which its reader may reuse.
func (p *Parser) keepText(s string) string {
	c := p.arena.Text.Take(len(s))
	copy(c, s)
	return view(c) // these bytes are not written again as long as the tree is valid
}

// view is a string of the same bytes, without a copy: right for as long as
// nobody writes to them.
func view(b []byte) string { return unsafe.String(unsafe.SliceData(b), len(b)) }
