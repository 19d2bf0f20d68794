package eval

import "sync/atomic"

// chunked is an array that grows by chunks, so that its elements stay where
// they are and can be read without a lock. A table of many chunks would be most
// of what a small evaluator consists of, so the first ones have one of their own.
type chunked[T any] struct {
	first [firstChunks]atomic.Pointer[chunk[T]]
	rest  atomic.Pointer[[]atomic.Pointer[chunk[T]]] // replaced by a longer one
}

type chunk[T any] [1 << chunkBits]T

const (
	chunkBits   = 8
	chunkMask   = 1<<chunkBits - 1
	firstChunks = 32
)

// at is the i-th element, which must be there.
func (c *chunked[T]) at(i uint32) *T {
	if k := i >> chunkBits; k < firstChunks {
		return &c.first[k].Load()[i&chunkMask]
	}
	return &(*c.rest.Load())[i>>chunkBits-firstChunks].Load()[i&chunkMask]
}

// peek is at, nil if there is no chunk.
func (c *chunked[T]) peek(i uint32) *T {
	k := i >> chunkBits
	var p *chunk[T]
	if k < firstChunks {
		p = c.first[k].Load()
	} else if rest := c.rest.Load(); rest != nil && k-firstChunks < uint32(len(*rest)) {
		p = (*rest)[k-firstChunks].Load()
	}
	if p == nil {
		return nil
	}
	return &p[i&chunkMask]
}

// grow is at, making the chunk if there is none; one at a time may do that.
func (c *chunked[T]) grow(i uint32) *T {
	k := i >> chunkBits
	var p *atomic.Pointer[chunk[T]]
	if k < firstChunks {
		p = &c.first[k]
	} else {
		p = &c.table(k - firstChunks)[k-firstChunks]
	}
	if p.Load() == nil {
		p.Store(new(chunk[T]))
	}
	return &p.Load()[i&chunkMask]
}

// table is the table of the rest, made long enough for k.
func (c *chunked[T]) table(k uint32) []atomic.Pointer[chunk[T]] {
	var old []atomic.Pointer[chunk[T]]
	if rest := c.rest.Load(); rest != nil {
		old = *rest
	}
	if k < uint32(len(old)) {
		return old
	}
	longer := make([]atomic.Pointer[chunk[T]], max(firstChunks, 2*len(old), int(k)+1))
	for i := range old {
		longer[i].Store(old[i].Load())
	}
	c.rest.Store(&longer)
	return longer
}
