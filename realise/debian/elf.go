//go:build unix

package debian

import (
	"bytes"
	"debug/elf"
	"encoding/binary"
	"errors"
	"path"
	"strings"
)

// Programs from Debian name their loader (PT_INTERP) as /lib64/…, and find
// libraries in /lib and /usr/lib, neither of which a build sees. relocateELF
// gives both new values.
//
// The new strings are longer than the old, so they need room that is mapped
// when the program runs. It is made without moving anything: the bytes go to
// the end of the file, and the first PT_NOTE, which nothing needs at run time,
// becomes the PT_LOAD that maps them. Strings of the dynamic section must be
// in one table, so the table is copied there whole and DT_STRTAB moved; the
// new library path goes into one of the spare DT_NULL slots that the linker
// leaves. Linkers find the table through the section header, so .dynstr moves
// as well.

const (
	ehdrSize = 64
	phdrSize = 56
	shdrSize = 64
	dynSize  = 16
)

// machine is what depends on the processor: Debian's name of the folder for
// libraries and the file name of the loader.
type machine struct{ triple, loader string }

var machines = map[elf.Machine]machine{
	elf.EM_X86_64:  {"x86_64-linux-gnu", "ld-linux-x86-64.so.2"},
	elf.EM_AARCH64: {"aarch64-linux-gnu", "ld-linux-aarch64.so.1"},
}

// Location says where a relocated file will find what it needs.
type Location struct {
	// Prefix is the final path of the tree that the file belongs to.
	Prefix string
	// Runtime is the final path of the tree that has the loader and the C
	// library. It may be Prefix itself.
	Runtime string
}

func (l Location) libDir(prefix string, m machine) string {
	return path.Join(prefix, "usr/lib", m.triple)
}

// relocateELF returns data, the content of a file, changed so that it runs at
// its location, or data itself if there is nothing to change: not an ELF file
// for a known machine, statically linked, or a part of the C library that must
// not be touched.
func relocateELF(data []byte, where Location) ([]byte, error) {
	if len(data) < ehdrSize || !bytes.HasPrefix(data, []byte(elf.ELFMAG)) ||
		elf.Class(data[elf.EI_CLASS]) != elf.ELFCLASS64 || elf.Data(data[elf.EI_DATA]) != elf.ELFDATA2LSB {
		return data, nil
	}
	f := &elfFile{data: data}
	m, known := machines[elf.Machine(f.u16(18))]
	kind := elf.Type(f.u16(16))
	if !known || kind != elf.ET_EXEC && kind != elf.ET_DYN {
		return data, nil
	}
	if err := f.parse(); err != nil {
		return nil, err
	}
	if f.dynamic < 0 || f.needed == 0 || f.soname == m.loader || f.soname == "libc.so.6" {
		// The loader relocates itself before it could read a library path, and
		// the C library needs nothing but the loader, which is there already.
		return data, nil
	}
	// The loader's own libraries first: the tree may have a copy of them.
	dirs := []string{f.libPathBelow(where.Prefix), where.libDir(where.Runtime, m)}
	if where.Runtime != where.Prefix {
		dirs = append(dirs, where.libDir(where.Prefix, m))
	}
	libPath := strings.TrimPrefix(strings.Join(dirs, ":"), ":")
	return f.rewrite(path.Join(where.libDir(where.Runtime, m), m.loader), libPath)
}

// elfFile is a 64-bit little-endian ELF file in memory with the places in it
// that matter. Offsets are into data and were checked by parse.
type elfFile struct {
	data []byte

	phoff, phnum int
	shoff, shnum int

	dynamic  int // index of the PT_DYNAMIC program header, -1 if there is none
	interp   int // likewise PT_INTERP
	dynStart int // offset of the dynamic section
	dynCount int // its entries
	strtab   int // offset of the table of dynamic strings
	strsize  int
	straddr  uint64
	needed   int    // how many libraries the file asks for
	soname   string // its own name as a library
	libPath  string // its present library path
	rpath    int    // index of the dynamic entry with the path, -1 if there is none
	null     int    // index of the first DT_NULL entry
}

func (f *elfFile) u16(at int) uint16 { return binary.LittleEndian.Uint16(f.data[at:]) }
func (f *elfFile) u32(at int) uint32 { return binary.LittleEndian.Uint32(f.data[at:]) }
func (f *elfFile) u64(at int) uint64 { return binary.LittleEndian.Uint64(f.data[at:]) }

func (f *elfFile) put64(at int, value uint64) { binary.LittleEndian.PutUint64(f.data[at:], value) }

// span checks that size bytes at offset lie within the file.
func (f *elfFile) span(offset, size uint64) error {
	if offset > uint64(len(f.data)) || size > uint64(len(f.data))-offset {
		return errors.New("damaged ELF file: a table lies outside of it")
	}
	return nil
}

// phdr gives the offset of the i-th program header.
func (f *elfFile) phdr(i int) int { return f.phoff + i*phdrSize }

func (f *elfFile) phdrType(i int) elf.ProgType { return elf.ProgType(f.u32(f.phdr(i))) }

func (f *elfFile) parse() error {
	phoff, shoff := f.u64(32), f.u64(40)
	phnum, shnum := f.u16(56), f.u16(60)
	if phnum > 0 && f.u16(54) != phdrSize || shnum > 0 && f.u16(58) != shdrSize {
		return errors.New("damaged ELF file: unknown size of a header")
	}
	if err := errors.Join(f.span(phoff, uint64(phnum)*phdrSize), f.span(shoff, uint64(shnum)*shdrSize)); err != nil {
		return err
	}
	f.phoff, f.phnum, f.shoff, f.shnum = int(phoff), int(phnum), int(shoff), int(shnum)
	f.dynamic, f.interp, f.rpath, f.null = -1, -1, -1, -1
	for i := range f.phnum {
		switch f.phdrType(i) {
		case elf.PT_DYNAMIC:
			f.dynamic = i
		case elf.PT_INTERP:
			f.interp = i
		}
	}
	if f.dynamic < 0 {
		return nil
	}
	return f.parseDynamic()
}

func (f *elfFile) parseDynamic() error {
	header := f.phdr(f.dynamic)
	offset, size := f.u64(header+8), f.u64(header+32)
	if err := f.span(offset, size); err != nil {
		return err
	}
	f.dynStart, f.dynCount = int(offset), int(size/dynSize)
	var soname, libPath uint64
	hasSoname := false
	for i := range f.dynCount {
		value := f.u64(f.dynStart + i*dynSize + 8)
		switch elf.DynTag(f.u64(f.dynStart + i*dynSize)) {
		case elf.DT_NEEDED:
			f.needed++
		case elf.DT_STRTAB:
			f.straddr = value
		case elf.DT_STRSZ:
			f.strsize = int(value)
		case elf.DT_SONAME:
			soname, hasSoname = value, true
		case elf.DT_RPATH, elf.DT_RUNPATH:
			f.rpath, libPath = i, value
		case elf.DT_NULL:
			if f.null < 0 {
				f.null = i
			}
		}
	}
	strtab, ok := f.offsetOf(f.straddr)
	if !ok || f.strsize < 0 {
		return errors.New("damaged ELF file: its dynamic strings are in no segment")
	}
	if err := f.span(strtab, uint64(f.strsize)); err != nil {
		return err
	}
	f.strtab = int(strtab)
	if hasSoname {
		f.soname = f.str(soname)
	}
	if f.rpath >= 0 {
		f.libPath = f.str(libPath)
	}
	return nil
}

// str reads a dynamic string.
func (f *elfFile) str(at uint64) string {
	if at >= uint64(f.strsize) {
		return ""
	}
	text, _, _ := bytes.Cut(f.data[f.strtab+int(at):f.strtab+f.strsize], []byte{0})
	return string(text)
}

// offsetOf translates an address in memory to an offset in the file.
func (f *elfFile) offsetOf(address uint64) (uint64, bool) {
	for i := range f.phnum {
		if f.phdrType(i) != elf.PT_LOAD {
			continue
		}
		header := f.phdr(i)
		offset, start, size := f.u64(header+8), f.u64(header+16), f.u64(header+32)
		if address >= start && address-start < size {
			return offset + address - start, true
		}
	}
	return 0, false
}

// libPathBelow gives the file's present library path, moved below prefix.
func (f *elfFile) libPathBelow(prefix string) string {
	var dirs []string
	for _, dir := range strings.Split(f.libPath, ":") {
		switch {
		case dir == "":
		case path.IsAbs(dir):
			dirs = append(dirs, path.Join(prefix, mergeUsr(strings.TrimPrefix(path.Clean(dir), "/"))))
		default: // $ORIGIN/…
			dirs = append(dirs, dir)
		}
	}
	return strings.Join(dirs, ":")
}

// rewrite returns a copy of the file with another loader and library path.
func (f *elfFile) rewrite(loader, libPath string) ([]byte, error) {
	align, end := uint64(0x1000), uint64(0)
	for i := range f.phnum {
		if f.phdrType(i) == elf.PT_LOAD {
			header := f.phdr(i)
			align = max(align, f.u64(header+48))
			end = max(end, f.u64(header+16)+f.u64(header+40))
		}
	}
	if align&(align-1) != 0 {
		return nil, errors.New("damaged ELF file: an alignment is no power of two")
	}

	// The new segment: the loader, if the file names one, then the strings.
	offset := (uint64(len(f.data)) + 15) &^ 15
	address := (end+align-1)&^(align-1) + offset&(align-1)
	var segment []byte
	if f.interp >= 0 {
		segment = append(append(segment, loader...), 0)
	}
	table := uint64(len(segment))
	segment = append(segment, f.data[f.strtab:f.strtab+f.strsize]...)
	libPathAt := uint64(len(segment)) - table
	segment = append(append(segment, libPath...), 0)
	strsize := uint64(len(segment)) - table

	data := make([]byte, offset, offset+uint64(len(segment)))
	copy(data, f.data)
	out := *f
	out.data = append(data, segment...)

	if f.interp >= 0 {
		old := f.phdr(f.interp)
		out.moveSection(f.u64(old+16), elf.SHT_PROGBITS, offset, address, table)
		out.setSegment(old, elf.PT_INTERP, offset, address, table, 1)
	}
	out.moveSection(f.straddr, elf.SHT_STRTAB, offset+table, address+table, strsize)
	if err := out.setDynamic(address+table, strsize, libPathAt); err != nil {
		return nil, err
	}
	if err := out.addLoad(offset, address, uint64(len(segment)), align); err != nil {
		return nil, err
	}
	return out.data, nil
}

// setDynamic enters the new table of strings and the library path into the
// dynamic section.
func (f *elfFile) setDynamic(strtab, strsize, libPath uint64) error {
	slot := f.rpath
	if slot < 0 {
		// One DT_NULL must remain, for it ends the section.
		if f.null < 0 || f.null+1 >= f.dynCount {
			return errors.New("the ELF file's dynamic section has no room for a library path")
		}
		slot = f.null
	}
	for i := range f.dynCount {
		switch at := f.dynStart + i*dynSize; elf.DynTag(f.u64(at)) {
		case elf.DT_STRTAB:
			f.put64(at+8, strtab)
		case elf.DT_STRSZ:
			f.put64(at+8, strsize)
		}
	}
	// DT_RPATH, unlike DT_RUNPATH, also serves the libraries that a library
	// needs, and plugins.
	f.put64(f.dynStart+slot*dynSize, uint64(elf.DT_RPATH))
	f.put64(f.dynStart+slot*dynSize+8, libPath)
	return nil
}

// moveSection points the header of the section of that type at old, an address, to
// a new place, for tools that go by section headers.
func (f *elfFile) moveSection(old uint64, kind elf.SectionType, offset, address, size uint64) {
	for i := range f.shnum {
		at := f.shoff + i*shdrSize
		if elf.SectionType(f.u32(at+4)) == kind && f.u64(at+16) == old && elf.SectionFlag(f.u64(at+8))&elf.SHF_ALLOC != 0 {
			f.put64(at+16, address)
			f.put64(at+24, offset)
			f.put64(at+32, size)
			return
		}
	}
}

// setSegment writes a read-only program header at an offset.
func (f *elfFile) setSegment(at int, kind elf.ProgType, offset, address, size, align uint64) {
	binary.LittleEndian.PutUint32(f.data[at:], uint32(kind))
	binary.LittleEndian.PutUint32(f.data[at+4:], uint32(elf.PF_R))
	f.put64(at+8, offset)
	f.put64(at+16, address)
	f.put64(at+24, address)
	f.put64(at+32, size)
	f.put64(at+40, size)
	f.put64(at+48, align)
}

// addLoad turns a note into a segment that is mapped. The loader wants those
// in order of address, so the new one follows the last.
func (f *elfFile) addLoad(offset, address, size, align uint64) error {
	spare, last := -1, -1
	for i := range f.phnum {
		switch f.phdrType(i) {
		case elf.PT_NOTE:
			if spare < 0 {
				spare = i
			}
		case elf.PT_LOAD:
			last = i
		}
	}
	if spare < 0 {
		return errors.New("the ELF file has no note to make room in its program headers")
	}
	headers := f.data[f.phoff : f.phoff+f.phnum*phdrSize]
	if spare < last {
		copy(headers[spare*phdrSize:last*phdrSize], headers[(spare+1)*phdrSize:(last+1)*phdrSize])
		spare = last
	} else if spare > last+1 {
		copy(headers[(last+2)*phdrSize:(spare+1)*phdrSize], headers[(last+1)*phdrSize:spare*phdrSize])
		spare = last + 1
	}
	f.setSegment(f.phdr(spare), elf.PT_LOAD, offset, address, size, align)
	return nil
}
