package ast

import (
	"sync"
	"sync/atomic"
)

// Symbol is an interned name. Two names of one [Symbols] table are equal if
// and only if their symbols are.
type Symbol uint32

// NoSymbol is the absence of a name (a lambda without argument name).
const NoSymbol Symbol = 0

// Symbols interns names. Reading a name is lock-free; interning takes a lock
// for one of several shards. A name is copied when it is entered, so that it
// does not keep its source text alive, and is never freed.
type Symbols struct {
	shards [shardCount]symbolShard
	chunks [1 << 15]atomic.Pointer[symbolChunk]
	next   atomic.Uint32
	bytes  atomic.Int64
}

const (
	shardCount = 16
	chunkBits  = 13
)

type symbolChunk [1 << chunkBits]string

type symbolShard struct {
	mu    sync.RWMutex
	table []symbolSlot // open addressing, power of two
	used  int
}

type symbolSlot struct {
	hash uint32
	sym  Symbol
}

// HashSeed and HashByte are the hash that Intern expects from a scanner that
// computes it on the way: FNV-1a, 32 bits.
const HashSeed uint32 = 2166136261

// HashByte adds one byte to a name's hash.
func HashByte(h uint32, c byte) uint32 { return (h ^ uint32(c)) * 16777619 }

// HashName hashes a whole name.
func HashName(name string) uint32 {
	h := HashSeed
	for i := 0; i < len(name); i++ {
		h = HashByte(h, name[i])
	}
	return h
}

// Intern returns the symbol of a name, entering it if it is new.
func (s *Symbols) Intern(name string) Symbol { return s.InternHashed(name, HashName(name)) }

// Lookup returns the symbol of a name if it has been interned.
func (s *Symbols) Lookup(name string) (Symbol, bool) {
	h := HashName(name)
	sh := &s.shards[h%shardCount]
	sh.mu.RLock()
	defer sh.mu.RUnlock()
	return sh.find(s, name, h)
}

// InternHashed is Intern with the name's hash at hand.
func (s *Symbols) InternHashed(name string, h uint32) Symbol {
	sh := &s.shards[h%shardCount]
	sh.mu.RLock()
	sym, ok := sh.find(s, name, h)
	sh.mu.RUnlock()
	if ok {
		return sym
	}
	sh.mu.Lock()
	defer sh.mu.Unlock()
	if sym, ok := sh.find(s, name, h); ok {
		return sym
	}
	sym = Symbol(s.next.Add(1))
	chunk := &s.chunks[sym>>chunkBits]
	for chunk.Load() == nil {
		chunk.CompareAndSwap(nil, new(symbolChunk))
	}
	chunk.Load()[sym&(1<<chunkBits-1)] = string([]byte(name))
	s.bytes.Add(int64(len(name)) + 40)
	sh.insert(symbolSlot{h, sym})
	return sym
}

// Name returns the text of a symbol.
func (s *Symbols) Name(sym Symbol) string {
	if sym == NoSymbol {
		return ""
	}
	return s.chunks[sym>>chunkBits].Load()[sym&(1<<chunkBits-1)]
}

// Len is the number of symbols interned so far; symbols are 1 to Len.
func (s *Symbols) Len() int { return int(s.next.Load()) }

// Bytes is the memory that names hold, about; an embedder's budget counts it.
func (s *Symbols) Bytes() int64 { return s.bytes.Load() }

func (sh *symbolShard) find(s *Symbols, name string, h uint32) (Symbol, bool) {
	if len(sh.table) == 0 {
		return NoSymbol, false
	}
	mask := len(sh.table) - 1
	for i := int(h/shardCount) & mask; ; i = (i + 1) & mask {
		slot := sh.table[i]
		if slot.sym == NoSymbol {
			return NoSymbol, false
		}
		if slot.hash == h && s.Name(slot.sym) == name {
			return slot.sym, true
		}
	}
}

func (sh *symbolShard) insert(slot symbolSlot) {
	if 4*(sh.used+1) > 3*len(sh.table) {
		old := sh.table
		sh.table = make([]symbolSlot, max(64, 2*len(old)))
		sh.used = 0
		for _, o := range old {
			if o.sym != NoSymbol {
				sh.insert(o)
			}
		}
	}
	mask := len(sh.table) - 1
	i := int(slot.hash/shardCount) & mask
	for sh.table[i].sym != NoSymbol {
		i = (i + 1) & mask
	}
	sh.table[i] = slot
	sh.used++
}
