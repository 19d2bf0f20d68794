//go:build unix

package debian

import (
	"bytes"
	"debug/elf"
	"encoding/binary"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// elfSpec describes the ELF file that makeELF makes.
type elfSpec struct {
	interp  string
	soname  string
	runpath string
	needed  []string
	nulls   int
	// noteFirst puts the note before the loaded segment, as some linkers do.
	noteFirst, noNote bool
}

// makeELF makes a small dynamic ELF file: one loaded segment that is the whole
// file, and section headers for .interp and .dynstr.
func makeELF(spec elfSpec) []byte {
	const base = 0x400000
	dynstr := []byte{0}
	add := func(s string) uint64 {
		at := len(dynstr)
		dynstr = append(append(dynstr, s...), 0)
		return uint64(at)
	}
	type entry struct {
		tag   elf.DynTag
		value uint64
	}
	var dynamic []entry
	for _, lib := range spec.needed {
		dynamic = append(dynamic, entry{elf.DT_NEEDED, add(lib)})
	}
	if spec.soname != "" {
		dynamic = append(dynamic, entry{elf.DT_SONAME, add(spec.soname)})
	}
	if spec.runpath != "" {
		dynamic = append(dynamic, entry{elf.DT_RUNPATH, add(spec.runpath)})
	}
	const headers = ehdrSize + 4*phdrSize
	interpAt := uint64(headers)
	strAt := interpAt + uint64(len(spec.interp)) + 1
	dynAt := (strAt + uint64(len(dynstr)) + 7) &^ 7
	dynamic = append(dynamic, entry{elf.DT_STRTAB, base + strAt}, entry{elf.DT_STRSZ, uint64(len(dynstr))})
	for range spec.nulls {
		dynamic = append(dynamic, entry{})
	}
	shAt := dynAt + uint64(len(dynamic))*dynSize
	shstr := "\x00.interp\x00.dynstr\x00.dynamic\x00.shstrtab\x00"
	shstrAt := shAt + 5*shdrSize
	end := shstrAt + uint64(len(shstr))

	var out bytes.Buffer
	put := func(values ...any) {
		for _, value := range values {
			binary.Write(&out, binary.LittleEndian, value)
		}
	}
	put([]byte("\x7fELF\x02\x01\x01\x00\x00\x00\x00\x00\x00\x00\x00\x00"))
	put(uint16(elf.ET_DYN), uint16(elf.EM_X86_64), uint32(1), uint64(base), uint64(ehdrSize), shAt)
	put(uint32(0), uint16(ehdrSize), uint16(phdrSize), uint16(4), uint16(shdrSize), uint16(5), uint16(4))
	phdr := func(kind elf.ProgType, at, size, align uint64) {
		put(uint32(kind), uint32(elf.PF_R), at, base+at, base+at, size, size, align)
	}
	interpKind, noteKind := elf.PT_INTERP, elf.PT_NOTE
	if spec.interp == "" {
		interpKind = elf.PT_NULL
	}
	if spec.noNote {
		noteKind = elf.PT_GNU_STACK
	}
	phdr(interpKind, interpAt, uint64(len(spec.interp))+1, 1)
	if spec.noteFirst {
		phdr(noteKind, 0, 0, 4)
	}
	phdr(elf.PT_LOAD, 0, end, 0x1000)
	phdr(elf.PT_DYNAMIC, dynAt, uint64(len(dynamic))*dynSize, 8)
	if !spec.noteFirst {
		phdr(noteKind, 0, 0, 4)
	}
	put([]byte(spec.interp), byte(0), dynstr)
	put(make([]byte, int(dynAt)-out.Len()))
	for _, e := range dynamic {
		put(uint64(e.tag), e.value)
	}
	shdr := func(name uint32, kind elf.SectionType, flags elf.SectionFlag, at, size uint64, link uint32, entry uint64) {
		address := uint64(0)
		if flags != 0 {
			address = base + at
		}
		put(name, uint32(kind), uint64(flags), address, at, size, link, uint32(0), uint64(1), entry)
	}
	shdr(0, elf.SHT_NULL, 0, 0, 0, 0, 0)
	shdr(1, elf.SHT_PROGBITS, elf.SHF_ALLOC, interpAt, uint64(len(spec.interp))+1, 0, 0)
	shdr(9, elf.SHT_STRTAB, elf.SHF_ALLOC, strAt, uint64(len(dynstr)), 0, 0)
	shdr(17, elf.SHT_DYNAMIC, elf.SHF_ALLOC, dynAt, uint64(len(dynamic))*dynSize, 2, dynSize)
	shdr(26, elf.SHT_STRTAB, 0, shstrAt, uint64(len(shstr)), 0, 0)
	put([]byte(shstr))
	return out.Bytes()
}

var elsewhere = Location{Prefix: "/store/tools", Runtime: "/store/runtime"}

func TestRelocateELF(t *testing.T) {
	const libPath = "/store/runtime/usr/lib/x86_64-linux-gnu:/store/tools/usr/lib/x86_64-linux-gnu"
	for name, test := range map[string]struct {
		spec    elfSpec
		libPath string
	}{
		"program":    {elfSpec{interp: "/lib64/ld-linux-x86-64.so.2", needed: []string{"libc.so.6"}, nulls: 3}, libPath},
		"library":    {elfSpec{soname: "libz.so.1", needed: []string{"libc.so.6"}, nulls: 3}, libPath},
		"note first": {elfSpec{interp: "/lib64/ld-linux-x86-64.so.2", needed: []string{"libc.so.6"}, nulls: 2, noteFirst: true}, libPath},
		"own path":   {elfSpec{needed: []string{"x"}, nulls: 1, runpath: "/usr/lib/perl:/lib/y:$ORIGIN/z"}, "/store/tools/usr/lib/perl:/store/tools/usr/lib/y:$ORIGIN/z:" + libPath},
	} {
		t.Run(name, func(t *testing.T) {
			before := makeELF(test.spec)
			original := bytes.Clone(before)
			after, err := relocateELF(before, elsewhere)
			if err != nil {
				t.Fatal(err)
			}
			if !bytes.Equal(before, original) {
				t.Error("the argument was changed")
			}
			f, err := elf.NewFile(bytes.NewReader(after))
			if err != nil {
				t.Fatal(err)
			}
			rpath, err := f.DynString(elf.DT_RPATH)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff([]string{test.libPath}, rpath); diff != "" {
				t.Error(diff)
			}
			needed, err := f.DynString(elf.DT_NEEDED)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(test.spec.needed, needed); diff != "" {
				t.Error(diff)
			}
			checkSegments(t, f, after)
			if test.spec.interp == "" {
				return
			}
			for _, p := range f.Progs {
				if p.Type == elf.PT_INTERP {
					text := string(after[p.Off : p.Off+p.Filesz])
					if text != "/store/runtime/usr/lib/x86_64-linux-gnu/ld-linux-x86-64.so.2\x00" {
						t.Errorf("interpreter %q", text)
					}
				}
			}
		})
	}
}

// checkSegments checks what a loader demands: loaded segments in order and
// apart, offsets that agree with addresses, and the string table mapped.
func checkSegments(t *testing.T, f *elf.File, data []byte) {
	t.Helper()
	var end uint64
	strtab, err := f.DynValue(elf.DT_STRTAB)
	if err != nil {
		t.Fatal(err)
	}
	mapped, loads := false, 0
	for _, p := range f.Progs {
		if p.Type != elf.PT_LOAD {
			continue
		}
		loads++
		if p.Vaddr < end {
			t.Errorf("segment at %#x begins before the end of the last, %#x", p.Vaddr, end)
		}
		if p.Vaddr%p.Align != p.Off%p.Align {
			t.Errorf("segment at %#x has offset %#x with alignment %#x", p.Vaddr, p.Off, p.Align)
		}
		if p.Off+p.Filesz > uint64(len(data)) {
			t.Errorf("segment at %#x lies outside the file", p.Vaddr)
		}
		end = p.Vaddr + p.Memsz
		if strtab[0] >= p.Vaddr && strtab[0] < end {
			mapped = true
		}
	}
	if !mapped || loads != 2 {
		t.Errorf("string table mapped: %v; %d loaded segments", mapped, loads)
	}
	if s := f.Section(".dynstr"); s == nil || s.Addr != strtab[0] {
		t.Errorf("section .dynstr is not at %#x: %+v", strtab[0], s)
	}
}

func TestRelocateELFLeavesAlone(t *testing.T) {
	for name, data := range map[string][]byte{
		"empty":      nil,
		"text":       []byte("#!/bin/sh\n"),
		"loader":     makeELF(elfSpec{soname: "ld-linux-x86-64.so.2", needed: []string{"x"}, nulls: 3}),
		"libc":       makeELF(elfSpec{soname: "libc.so.6", needed: []string{"ld-linux-x86-64.so.2"}, nulls: 3}),
		"no library": makeELF(elfSpec{nulls: 3}),
	} {
		got, err := relocateELF(data, elsewhere)
		if err != nil || !bytes.Equal(got, data) {
			t.Errorf("%s: changed, or error %v", name, err)
		}
	}
}

func TestRelocateELFErrors(t *testing.T) {
	for name, spec := range map[string]elfSpec{
		"no room": {needed: []string{"x"}, nulls: 1},
		"no note": {needed: []string{"x"}, nulls: 2, noNote: true},
	} {
		if _, err := relocateELF(makeELF(spec), elsewhere); err == nil {
			t.Errorf("%s: no error", name)
		}
	}
}

// A damaged file is an error or left alone, never a panic.
func FuzzRelocateELF(f *testing.F) {
	f.Add(makeELF(elfSpec{interp: "/lib64/ld", needed: []string{"a", "b"}, nulls: 3, runpath: "/x"}))
	f.Add(makeELF(elfSpec{soname: "x", needed: []string{"a"}, nulls: 3, noteFirst: true}))
	f.Fuzz(func(t *testing.T, data []byte) {
		relocateELF(data, elsewhere)
	})
}

func TestRelocateELFDamaged(t *testing.T) {
	good := makeELF(elfSpec{interp: "/lib64/ld", needed: []string{"a", "b"}, nulls: 3, runpath: "/x"})
	for i := range good {
		for _, value := range []byte{0, 1, 0x7f, 0xff} {
			data := bytes.Clone(good)
			data[i] = value
			relocateELF(data, elsewhere)
			relocateELF(data[:i], elsewhere)
		}
	}
}

// A real program still runs, with the loader and libraries of this machine
// named anew.
func TestRelocateRealProgram(t *testing.T) {
	if runtime.GOOS != "linux" || runtime.GOARCH != "amd64" {
		t.Skip("needs Linux on x86-64")
	}
	program, err := filepath.EvalSymlinks("/bin/echo")
	if err != nil {
		t.Skip("needs a program to relocate: ", err)
	}
	data, err := os.ReadFile(program)
	if err != nil {
		t.Skip("needs a program to relocate: ", err)
	}
	if _, err := os.Stat("/usr/lib/x86_64-linux-gnu/ld-linux-x86-64.so.2"); err != nil {
		t.Skip("needs Debian's layout of libraries")
	}
	relocated, err := relocateELF(data, Location{Prefix: "/nonexistent", Runtime: "/"})
	if err != nil {
		t.Fatal(err)
	}
	if bytes.Equal(relocated, data) {
		t.Skip("/bin/echo is linked statically")
	}
	file := filepath.Join(t.TempDir(), "echo")
	if err := os.WriteFile(file, relocated, 0o755); err != nil {
		t.Fatal(err)
	}
	out, err := exec.Command(file, "it runs").CombinedOutput()
	if err != nil || string(out) != "it runs\n" {
		t.Errorf("got %q, %v", out, err)
	}
}
