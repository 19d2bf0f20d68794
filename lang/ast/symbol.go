package ast

import (
	"strings"
	"sync"
	"sync/atomic"
	"unsafe"
)

// Symbol is an interned name. Two names of one [Symbols] table are equal if
// and only if their symbols are.
type Symbol uint32

// NoSymbol is the absence of a name (a lambda without argument name).
const NoSymbol Symbol = 0

// Symbols interns names. Reading a name and finding one that is known is
// lock-free; entering one takes a lock for one of several shards. A name is copied when it is entered, so that it
// does not keep its source text alive, and is never freed.
//
// Symbols have an order that is not that of their numbers: a name has its place
// from when evaluation first met it, which is the order that the reference numbers
// names in. A parser that runs ahead of evaluation enters names, but evaluation
// may meet them in another order, or never.
type Symbols struct {
	shards [shardCount]symbolShard
	few    [manySymbols / fewChunk]atomic.Pointer[[fewChunk]symbolEntry]
	many   atomic.Pointer[[1 << 15]atomic.Pointer[[manyChunk]symbolEntry]]
	next   atomic.Uint32
	bytes  atomic.Int64
	met    atomic.Uint32 // how many have a place
}

// The names lie in chunks, of which a table has the addresses: one for the first
// names and small chunks, so that a small evaluator is small, and one for the rest.
const (
	shardCount  = 16
	manySymbols = 1 << 15 // from here on there are many
	fewChunk    = 1 << 9
	manyChunk   = 1 << 13
)

type symbolEntry struct {
	name  string
	place atomic.Uint32
}

type symbolShard struct {
	table atomic.Pointer[symbolTable] // replaced when it grows
	mu    sync.Mutex                  // held to enter a name
	used  atomic.Int32                // how many names there are
	text  []byte                      // where the next name is copied to
	_     [20]byte                    // to fill a cache line
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

// Intern returns the symbol of a name, entering it if it is new, and meets it.
func (s *Symbols) Intern(name string) Symbol {
	sym := s.Enter(name, HashName(name))
	s.Meet(sym)
	return sym
}

// Copy enters the names of another table, which nobody changes any more, into one
// that is empty: with the symbols and places that they have there.
func (s *Symbols) Copy(names *Symbols) {
	n := names.next.Load()
	for sym := Symbol(1); sym <= Symbol(n); sym++ {
		from, to := names.at(sym), s.grow(sym)
		to.name = from.name
		to.place.Store(from.place.Load())
	}
	for i := range names.shards {
		if t := names.shards[i].table.Load(); t != nil {
			c := make(symbolTable, len(*t))
			for k := range c {
				c[k].Store((*t)[k].Load())
			}
			s.shards[i].table.Store(&c)
			s.shards[i].used.Store(names.shards[i].used.Load())
		}
	}
	s.next.Store(n)
	s.bytes.Store(names.bytes.Load())
	s.met.Store(names.met.Load())
}

// Meet gives a symbol the next place in the order if it has none.
func (s *Symbols) Meet(sym Symbol) {
	if place := s.place(sym); place.Load() == 0 {
		place.CompareAndSwap(0, s.met.Add(1))
	}
}

// Place is a symbol's place in the order, from 1, or 0 if it has none yet.
func (s *Symbols) Place(sym Symbol) uint32 { return s.place(sym).Load() }

// Met is the last place that was given.
func (s *Symbols) Met() uint32 { return s.met.Load() }

func (s *Symbols) place(sym Symbol) *atomic.Uint32 { return &s.at(sym).place }

func (s *Symbols) at(sym Symbol) *symbolEntry {
	if sym < manySymbols {
		return &s.few[sym/fewChunk].Load()[sym%fewChunk]
	}
	sym -= manySymbols
	return &s.many.Load()[sym/manyChunk].Load()[sym%manyChunk]
}

// grow is at, making the chunk if there is none.
func (s *Symbols) grow(sym Symbol) *symbolEntry {
	if sym < manySymbols {
		return &made(&s.few[sym/fewChunk])[sym%fewChunk]
	}
	sym -= manySymbols
	return &made(&made(&s.many)[sym/manyChunk])[sym%manyChunk]
}

// made is what p points to, which whoever comes first makes.
func made[T any](p *atomic.Pointer[T]) *T {
	for p.Load() == nil {
		p.CompareAndSwap(nil, new(T))
	}
	return p.Load()
}

// Lookup returns the symbol of a name if it has been interned.
func (s *Symbols) Lookup(name string) (Symbol, bool) {
	h := HashName(name)
	return s.shards[h%shardCount].find(s, name, h)
}

// Enter is Intern without meeting the name, and with its hash at hand.
func (s *Symbols) Enter(name string, h uint32) Symbol {
	sh := &s.shards[h%shardCount]
	before := sh.used.Load()
	if sym, ok := sh.find(s, name, h); ok {
		return sym
	}
	sh.mu.Lock()
	if sh.used.Load() != before { // somebody else may have entered it
		if sym, ok := sh.find(s, name, h); ok {
			sh.mu.Unlock()
			return sym
		}
	}
	sym := Symbol(s.next.Add(1))
	s.grow(sym).name = sh.keep(name)
	s.bytes.Add(int64(len(name)) + 40)
	sh.insert(h, sym)
	sh.mu.Unlock()
	return sym
}

// Name returns the text of a symbol.
func (s *Symbols) Name(sym Symbol) string {
	if sym == NoSymbol {
		return ""
	}
	return s.at(sym).name
}

// Len is the number of symbols interned so far; symbols are 1 to Len.
func (s *Symbols) Len() int { return int(s.next.Load()) }

// Bytes is the memory that names hold, about; an embedder's budget counts it.
func (s *Symbols) Bytes() int64 { return s.bytes.Load() }

// keep copies a name; mu is held. Short names lie one after the other, in pieces
// that are the larger the more there are.
func (sh *symbolShard) keep(name string) string {
	n := len(name)
	if n > 64 {
		return strings.Clone(name)
	}
	if len(sh.text) < n {
		sh.text = make([]byte, min(max(128, 4*int(sh.used.Load())), 4096))
	}
	c := sh.text[:n:n]
	sh.text = sh.text[n:]
	copy(c, name)
	return unsafe.String(unsafe.SliceData(c), n) // these bytes are never written again
}

// symbolTable is a hash table with open addressing; its length is a power of
// two. A slot is the name's hash, shifted up, and the symbol; 0 if it is free.
type symbolTable []atomic.Uint64

func (sh *symbolShard) find(s *Symbols, name string, h uint32) (Symbol, bool) {
	p := sh.table.Load()
	if p == nil {
		return NoSymbol, false
	}
	table := *p
	mask := len(table) - 1
	for i := int(h/shardCount) & mask; ; i = (i + 1) & mask {
		slot := table[i].Load()
		if slot == 0 {
			return NoSymbol, false
		}
		if sym := Symbol(slot); uint32(slot>>32) == h && s.Name(sym) == name {
			return sym, true
		}
	}
}

// insert enters a symbol; mu is held.
func (sh *symbolShard) insert(h uint32, sym Symbol) {
	table := sh.table.Load()
	used := int(sh.used.Load())
	if table == nil || 4*(used+1) > 3*len(*table) {
		table = table.grown()
		sh.table.Store(table)
	}
	table.put(uint64(h)<<32 | uint64(sym))
	sh.used.Add(1)
}

// grown is a larger table with the same names. A small table grows faster:
// entering its names again costs more than its memory.
func (t *symbolTable) grown() *symbolTable {
	size := 64
	if t != nil {
		if size = 2 * len(*t); len(*t) < 4096 {
			size = 4 * len(*t)
		}
	}
	bigger := make(symbolTable, size)
	if t != nil {
		for i := range *t {
			if slot := (*t)[i].Load(); slot != 0 {
				bigger.put(slot)
			}
		}
	}
	return &bigger
}

func (t symbolTable) put(slot uint64) {
	mask := len(t) - 1
	i := int(uint32(slot>>32)/shardCount) & mask
	for t[i].Load() != 0 {
		i = (i + 1) & mask
	}
	t[i].Store(slot)
}
