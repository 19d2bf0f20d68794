package sandbox

import (
	"encoding/binary"
	"errors"
)

// The init gets its plan as bytes on a memory file: counted strings and
// counted lists of them. encoding/json and gob were left aside for their
// start-up cost, which every build would pay.

type encoder struct{ b []byte }

func (e *encoder) uint(n uint64) { e.b = binary.AppendUvarint(e.b, n) }

func (e *encoder) string(s string) {
	e.uint(uint64(len(s)))
	e.b = append(e.b, s...)
}

func (e *encoder) bool(v bool) {
	n := uint64(0)
	if v {
		n = 1
	}
	e.uint(n)
}

func (e *encoder) strings(l []string) {
	e.uint(uint64(len(l)))
	for _, s := range l {
		e.string(s)
	}
}

type decoder struct {
	b   []byte
	err error
}

var errPlan = errors.New("malformed build plan")

func (d *decoder) uint() uint64 {
	n, k := binary.Uvarint(d.b)
	if k <= 0 {
		d.err, d.b = errPlan, nil
		return 0
	}
	d.b = d.b[k:]
	return n
}

func (d *decoder) string() string {
	n := d.uint()
	if n > uint64(len(d.b)) {
		d.err, d.b = errPlan, nil
		return ""
	}
	s := string(d.b[:n])
	d.b = d.b[n:]
	return s
}

func (d *decoder) bool() bool { return d.uint() != 0 }

func (d *decoder) strings() []string {
	var l []string
	for n := d.uint(); n > 0 && d.err == nil; n-- {
		l = append(l, d.string())
	}
	return l
}

// plan is a Spec as the init needs it, with what the parent found out.
type plan struct {
	Spec
	root bool // started by root: become the mapped user once paths are open
}

func (p *plan) encode() []byte {
	e := &encoder{b: make([]byte, 0, 4096)}
	e.string(p.Dir)
	e.string(p.StoreDir)
	e.string(p.RealStore)
	e.strings(p.Inputs)
	e.uint(uint64(len(p.Binds)))
	for _, b := range p.Binds {
		e.string(b.Source)
		e.string(b.Target)
		e.bool(b.Optional)
		e.bool(b.Writable)
	}
	e.uint(uint64(len(p.Files)))
	for _, f := range p.Files {
		e.string(f.Path)
		e.string(f.Content)
	}
	e.string(p.Shell)
	e.string(p.Path)
	e.strings(p.Args)
	e.strings(p.Env)
	e.string(p.Platform)
	e.uint(uint64(p.Network))
	e.string(p.ShmSize)
	e.bool(p.AllowNewPrivileges)
	e.bool(p.NoSyscallFilter)
	e.uint(p.Limits.MemoryBytes)
	e.uint(p.Limits.Processes)
	e.bool(p.root)
	return e.b
}

func decodePlan(b []byte) (*plan, error) {
	d := &decoder{b: b}
	p := &plan{}
	p.Dir = d.string()
	p.StoreDir = d.string()
	p.RealStore = d.string()
	p.Inputs = d.strings()
	for n := d.uint(); n > 0 && d.err == nil; n-- {
		p.Binds = append(p.Binds, Bind{d.string(), d.string(), d.bool(), d.bool()})
	}
	for n := d.uint(); n > 0 && d.err == nil; n-- {
		p.Files = append(p.Files, File{d.string(), d.string()})
	}
	p.Shell = d.string()
	p.Path = d.string()
	p.Args = d.strings()
	p.Env = d.strings()
	p.Platform = d.string()
	p.Network = Network(d.uint())
	p.ShmSize = d.string()
	p.AllowNewPrivileges = d.bool()
	p.NoSyscallFilter = d.bool()
	p.Limits.MemoryBytes = d.uint()
	p.Limits.Processes = d.uint()
	p.root = d.bool()
	return p, d.err
}
