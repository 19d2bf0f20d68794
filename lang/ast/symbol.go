package ast

import (
	"slices"
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
// lock-free; entering one takes a lock for one of several shards. A name is
// copied when it is entered, so that it does not keep its source text alive, and
// is never freed.
//
// Symbols have an order that is not that of their numbers: a name has its place
// from when evaluation first met it, which is the order that the reference numbers
// names in. A parser that runs ahead of evaluation enters names, but evaluation
// may meet them in another order, or never.
type Symbols struct {
	shards [shardCount]symbolShard
	few    [manySymbols / fewChunk]atomic.Pointer[[fewChunk]symbolEntry]
	many   atomic.Pointer[[]*[manyChunk]symbolEntry] // replaced when it grows
	grows  sync.Mutex                                // held to add a chunk
	next   atomic.Uint32
	text   atomic.Int64  // bytes that the texts of names lie in
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
	place uint32 // atomic once others may know of the symbol
}

type symbolShard struct {
	table atomic.Pointer[symbolTable] // replaced when it grows
	mu    sync.Mutex                  // held to enter a name
	used  int32                       // how many names there are; mu is held
	text  []byte                      // where the next name is copied to; mu is held
	_     [16]byte                    // to fill a cache line
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
	h := HashName(name)
	sh := &s.shards[h%shardCount]
	sym, _ := sh.table.Load().find(s, name, h)
	if sym == NoSymbol {
		return sh.enter(s, name, h, true)
	}
	s.Meet(sym)
	return sym
}

// Copy enters the names of another table, which nobody changes any more, into one
// that is empty: with the symbols and places that they have there.
func (s *Symbols) Copy(names *Symbols) {
	n := names.next.Load()
	for sym := Symbol(1); sym <= Symbol(n); sym++ {
		*s.grow(sym) = *names.at(sym)
	}
	for i := range names.shards {
		from, to := &names.shards[i], &s.shards[i]
		if t := from.table.Load(); t != nil {
			c := slices.Clone(*t)
			to.table.Store(&c)
		}
		to.used = from.used
	}
	s.next.Store(n)
	s.text.Store(names.text.Load())
	s.met.Store(names.met.Load())
}

// Meet gives a symbol the next place in the order if it has none.
func (s *Symbols) Meet(sym Symbol) {
	if place := &s.at(sym).place; atomic.LoadUint32(place) == 0 {
		atomic.CompareAndSwapUint32(place, 0, s.met.Add(1))
	}
}

// Place is a symbol's place in the order, from 1, or 0 if it has none yet.
func (s *Symbols) Place(sym Symbol) uint32 { return atomic.LoadUint32(&s.at(sym).place) }

// Met is the last place that was given.
func (s *Symbols) Met() uint32 { return s.met.Load() }

func (s *Symbols) at(sym Symbol) *symbolEntry {
	if sym < manySymbols {
		return &s.few[sym/fewChunk].Load()[sym%fewChunk]
	}
	sym -= manySymbols
	return &(*s.many.Load())[sym/manyChunk][sym%manyChunk]
}

// grow is at, making the chunk if there is none.
func (s *Symbols) grow(sym Symbol) *symbolEntry {
	if sym < manySymbols {
		p := &s.few[sym/fewChunk]
		for p.Load() == nil {
			p.CompareAndSwap(nil, new([fewChunk]symbolEntry))
		}
	} else if chunks := s.many.Load(); chunks == nil || int((sym-manySymbols)/manyChunk) >= len(*chunks) {
		s.growMany(int((sym - manySymbols) / manyChunk))
	}
	return s.at(sym)
}

// growMany makes chunks up to the i-th of those for many symbols.
func (s *Symbols) growMany(i int) {
	s.grows.Lock()
	defer s.grows.Unlock()
	var chunks []*[manyChunk]symbolEntry
	if p := s.many.Load(); p != nil {
		chunks = *p
	}
	for len(chunks) <= i {
		chunks = append(chunks, new([manyChunk]symbolEntry))
	}
	s.many.Store(&chunks)
}

// Lookup returns the symbol of a name if it has been interned.
func (s *Symbols) Lookup(name string) (Symbol, bool) {
	h := HashName(name)
	sym, _ := s.shards[h%shardCount].table.Load().find(s, name, h)
	return sym, sym != NoSymbol
}

// Enter is Intern without meeting the name, and with its hash at hand.
func (s *Symbols) Enter(name string, h uint32) Symbol {
	sh := &s.shards[h%shardCount]
	sym, _ := sh.table.Load().find(s, name, h)
	if sym == NoSymbol {
		return sh.enter(s, name, h, false)
	}
	return sym
}

// enter is Enter for a name that was not there a moment ago, and Intern with meet.
func (sh *symbolShard) enter(s *Symbols, name string, h uint32, meet bool) Symbol {
	sh.mu.Lock()
	table := sh.table.Load()
	sym, free := table.find(s, name, h)
	if sym != NoSymbol { // somebody else has entered it
		sh.mu.Unlock()
		if meet {
			s.Meet(sym)
		}
		return sym
	}
	if table == nil || 4*(int(sh.used)+1) > 3*len(*table) {
		table = table.grown()
		sh.table.Store(table)
		free = table.free(h)
	}
	sym = Symbol(s.next.Add(1))
	e := s.grow(sym)
	e.name = sh.keep(s, name)
	if meet {
		e.place = s.met.Add(1)
	}
	sh.used++
	atomic.StoreUint64(&(*table)[free], uint64(h)<<32|uint64(sym))
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
func (s *Symbols) Bytes() int64 { return s.text.Load() + 40*int64(s.next.Load()) }

// keep copies a name; mu is held. Short names lie one after the other, in pieces
// that are the larger the more there are.
func (sh *symbolShard) keep(s *Symbols, name string) string {
	n := len(name)
	if n > 64 {
		s.text.Add(int64(n))
		return strings.Clone(name)
	}
	if len(sh.text) < n {
		sh.text = make([]byte, min(max(128, 4*int(sh.used)), 4096))
		s.text.Add(int64(len(sh.text)))
	}
	c := sh.text[:n:n]
	sh.text = sh.text[n:]
	copy(c, name)
	return unsafe.String(unsafe.SliceData(c), n) // these bytes are never written again
}

// symbolTable is a hash table with open addressing; its length is a power of
// two. A slot is the name's hash, shifted up, and the symbol; 0 if it is free. It
// is atomic once others may know of the table.
type symbolTable []uint64

// find looks a name up. If it is not there, free is where it would be.
func (t *symbolTable) find(s *Symbols, name string, h uint32) (sym Symbol, free int) {
	if t == nil {
		return NoSymbol, 0
	}
	table := *t
	mask := len(table) - 1
	for i := int(h/shardCount) & mask; ; i = (i + 1) & mask {
		slot := atomic.LoadUint64(&table[i])
		if slot == 0 {
			return NoSymbol, i
		}
		if sym := Symbol(slot); uint32(slot>>32) == h && s.Name(sym) == name {
			return sym, 0
		}
	}
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
		for _, slot := range *t {
			if slot != 0 {
				bigger[bigger.free(uint32(slot>>32))] = slot
			}
		}
	}
	return &bigger
}

// free is where a name of that hash would be; nobody else must be writing.
func (t symbolTable) free(h uint32) int {
	mask := len(t) - 1
	i := int(h/shardCount) & mask
	for t[i] != 0 {
		i = (i + 1) & mask
	}
	return i
}
