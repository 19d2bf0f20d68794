package lsp

import (
	"container/list"
	"io/fs"
	"time"
)

// maxUnitText bounds the text of the parsed files that are kept; their trees
// take some thirty times as much.
const maxUnitText = 16 << 20

// units keeps parsed files while they stay the same on disk, those used last.
type units struct {
	byPath map[string]*list.Element
	used   list.List // of *cached, the one used last in front
	text   int
}

type cached struct {
	path  string
	u     *unit
	mtime time.Time
	size  int64
}

func newUnits() *units { return &units{byPath: map[string]*list.Element{}} }

// get is the unit of a file, or nil if it is not there or the file changed.
func (c *units) get(path string, st fs.FileInfo) *unit {
	e := c.byPath[path]
	if e == nil {
		return nil
	}
	f := e.Value.(*cached)
	if f.size != st.Size() || !f.mtime.Equal(st.ModTime()) {
		c.drop(e)
		return nil
	}
	c.used.MoveToFront(e)
	return f.u
}

func (c *units) put(path string, st fs.FileInfo, u *unit) {
	c.byPath[path] = c.used.PushFront(&cached{path, u, st.ModTime(), st.Size()})
	c.text += len(u.text)
	for c.text > maxUnitText && c.used.Len() > 1 {
		c.drop(c.used.Back())
	}
}

func (c *units) drop(e *list.Element) {
	f := c.used.Remove(e).(*cached)
	delete(c.byPath, f.path)
	c.text -= len(f.u.text)
}
