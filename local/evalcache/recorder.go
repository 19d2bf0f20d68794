package evalcache

import (
	"encoding/binary"
	"io/fs"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/zeebo/blake3"

	"github.com/seed192a40f6/glang/lang/eval"
)

// Recorder passes on what an evaluation reads and notes it down. It is safe
// for use by several goroutines.
type Recorder struct {
	inner eval.Files
	now   func() time.Time

	mu      sync.Mutex
	reads   map[request]fact
	environ map[string]string
	spoiled string
}

// request is a question about a file.
type request struct {
	op   op
	path string
}

type op uint8

const (
	opLstat op = iota + 1
	opStat
	opReadlink
	opReadFile
	opReadDir
)

// fact is the answer: what must be the same for a result to hold. Contents
// are told by the file's stamp; where that is too fresh to be trusted, by hash.
type fact struct {
	absent bool
	mode   fs.FileMode // type and permission, for opLstat and opStat
	text   string      // target of a link
	stamp  stamp
	sure   bool // an unchanged stamp means unchanged contents
	sum    [32]byte
}

// stamp tells one version of a file from another.
type stamp struct {
	dev, ino     uint64
	size         int64
	mtime, ctime int64 // nanoseconds
}

// maxReads bounds what is noted down; an evaluation that reads more (it
// copies a large tree, say) is not cached.
const maxReads = 200_000

// settled is how old a file's change must be when it is read: then every
// later change gives it a later time, however coarse the clock.
const settled = time.Second

// NewRecorder records reads of files; nil stands for those of the operating system.
func NewRecorder(files eval.Files) *Recorder {
	if files == nil {
		files = eval.OSFiles{}
	}
	return &Recorder{inner: files, now: time.Now, reads: map[request]fact{}, environ: map[string]string{}}
}

// Spoil says that the result depends on something that is not recorded: the
// time, the network, a build.
func (r *Recorder) Spoil(why string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.spoiled == "" {
		r.spoiled = why
	}
}

// Spoiled is why the result cannot be cached, or empty.
func (r *Recorder) Spoiled() string {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.spoiled
}

// Getenv records the reading of an environment variable.
func (r *Recorder) Getenv(get func(string) string) func(string) string {
	return func(name string) string {
		v := get(name)
		r.mu.Lock()
		r.environ[name] = v
		r.mu.Unlock()
		return v
	}
}

// known tells whether a request is noted already.
func (r *Recorder) known(q request) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	_, ok := r.reads[q]
	return ok
}

func (r *Recorder) note(q request, f fact) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if old, ok := r.reads[q]; ok {
		if old != f && r.spoiled == "" {
			r.spoiled = "'" + q.path + "' changed during the evaluation"
		}
		return
	}
	r.reads[q] = f
	if len(r.reads) > maxReads && r.spoiled == "" {
		r.spoiled = "it reads too many files"
	}
}

func (r *Recorder) sure(s stamp) bool { return r.now().UnixNano()-s.ctime > int64(settled) }

// Lstat implements [eval.Files].
func (r *Recorder) Lstat(name string) (fs.FileInfo, error) {
	fi, err := r.inner.Lstat(name)
	r.noteInfo(opLstat, name, fi, err)
	return fi, err
}

// Stat implements [eval.Files].
func (r *Recorder) Stat(name string) (fs.FileInfo, error) {
	fi, err := r.inner.Stat(name)
	r.noteInfo(opStat, name, fi, err)
	return fi, err
}

func (r *Recorder) noteInfo(o op, name string, fi fs.FileInfo, err error) {
	f := fact{absent: err != nil}
	if err == nil {
		f.mode = fi.Mode() & (fs.ModeType | 0o100)
	}
	r.note(request{o, name}, f)
}

// Readlink implements [eval.Files].
func (r *Recorder) Readlink(name string) (string, error) {
	t, err := r.inner.Readlink(name)
	r.note(request{opReadlink, name}, fact{absent: err != nil, text: t})
	return t, err
}

// ReadFile implements [eval.Files].
func (r *Recorder) ReadFile(name string) ([]byte, error) { return r.ReadFileInto(name, nil) }

// ReadFileInto implements [eval.FilesInto].
func (r *Recorder) ReadFileInto(name string, buf []byte) ([]byte, error) {
	q := request{opReadFile, name}
	if r.known(q) {
		return eval.ReadFileInto(r.inner, name, buf)
	}
	before := r.stamp(name)
	b, err := eval.ReadFileInto(r.inner, name, buf)
	r.noteContents(q, name, before, b[len(buf):], err)
	return b, err
}

func (r *Recorder) noteContents(q request, name string, before stamp, b []byte, err error) {
	if err != nil {
		r.note(q, fact{absent: true})
		return
	}
	f := fact{stamp: before, sum: blake3.Sum256(b)}
	if before == (stamp{}) {
		r.Spoil("'" + name + "' is no regular file")
	}
	if before != r.stamp(name) {
		r.Spoil("'" + name + "' changed during the evaluation")
	}
	f.sure = r.sure(f.stamp)
	r.note(q, f)
}

// ReadDir implements [eval.Files].
func (r *Recorder) ReadDir(name string) ([]fs.DirEntry, error) {
	q := request{opReadDir, name}
	if r.known(q) {
		return r.inner.ReadDir(name)
	}
	before := r.stamp(name)
	es, err := r.inner.ReadDir(name)
	r.noteContents(q, name, before, listing(es), err)
	return es, err
}

// listing is what a folder holds, as bytes.
func listing(es []fs.DirEntry) []byte {
	var lines []string
	for _, e := range es {
		lines = append(lines, e.Name()+"\x00"+e.Type().String())
	}
	slices.Sort(lines)
	return []byte(strings.Join(lines, "\x00"))
}

// Open implements [eval.Files]. The file's contents are recorded as if it had
// been read whole.
func (r *Recorder) Open(name string) (fs.File, error) {
	q := request{opReadFile, name}
	if !r.known(q) {
		before := r.stamp(name)
		if before.size > 64<<20 {
			r.Spoil("'" + name + "' is large and read in pieces")
		} else {
			b, err := r.inner.ReadFile(name)
			r.noteContents(q, name, before, b, err)
		}
	}
	return r.inner.Open(name)
}

// stamp is that of a file or folder, zero for anything else.
func (r *Recorder) stamp(name string) stamp { return stampOf(r.inner, name) }

func stampOf(files eval.Files, name string) stamp {
	fi, err := files.Stat(name)
	if err != nil || !fi.Mode().IsRegular() && !fi.IsDir() {
		return stamp{}
	}
	return fileStamp(fi)
}

// holds tells whether the answer to a request is still the same.
func (f *fact) holds(files eval.Files, q request) bool {
	switch q.op {
	case opLstat, opStat:
		var fi fs.FileInfo
		var err error
		if q.op == opLstat {
			fi, err = files.Lstat(q.path)
		} else {
			fi, err = files.Stat(q.path)
		}
		if err != nil || f.absent {
			return (err != nil) == f.absent
		}
		return fi.Mode()&(fs.ModeType|0o100) == f.mode
	case opReadlink:
		t, err := files.Readlink(q.path)
		return (err != nil) == f.absent && t == f.text
	}
	s := stampOf(files, q.path)
	if f.sure && s == f.stamp {
		return true
	}
	if q.op == opReadFile && !f.absent && s.size != f.stamp.size {
		return false // and it may be too long to be read
	}
	var b []byte
	var err error
	if q.op == opReadDir {
		var es []fs.DirEntry
		es, err = files.ReadDir(q.path)
		b = listing(es)
	} else {
		b, err = files.ReadFile(q.path)
	}
	if err != nil || f.absent {
		return (err != nil) == f.absent
	}
	return blake3.Sum256(b) == f.sum
}

// encode writes the facts for the database.
func (r *Recorder) encode() []byte {
	r.mu.Lock()
	defer r.mu.Unlock()
	var b []byte
	str := func(s string) {
		b = binary.AppendUvarint(b, uint64(len(s)))
		b = append(b, s...)
	}
	b = binary.AppendUvarint(b, uint64(len(r.environ)))
	for k, v := range r.environ {
		str(k)
		str(v)
	}
	b = binary.AppendUvarint(b, uint64(len(r.reads)))
	for q, f := range r.reads {
		flags := byte(0)
		if f.absent {
			flags |= 1
		}
		if f.sure {
			flags |= 2
		}
		b = append(b, byte(q.op), flags)
		str(q.path)
		switch {
		case f.absent:
		case q.op == opReadlink:
			str(f.text)
		case q.op == opLstat || q.op == opStat:
			b = binary.AppendUvarint(b, uint64(f.mode))
		default:
			for _, n := range []uint64{f.stamp.dev, f.stamp.ino, uint64(f.stamp.size), uint64(f.stamp.mtime), uint64(f.stamp.ctime)} {
				b = binary.AppendUvarint(b, n)
			}
			b = append(b, f.sum[:]...)
		}
	}
	return b
}

// decoder reads what encode wrote; bad is set where it is something else.
type decoder struct {
	b   []byte
	bad bool
}

func (d *decoder) num() uint64 {
	n, size := binary.Uvarint(d.b)
	if size <= 0 {
		d.bad = true
		return 0
	}
	d.b = d.b[size:]
	return n
}

func (d *decoder) bytes(n uint64) []byte {
	if n > uint64(len(d.b)) {
		d.bad = true
		return nil
	}
	x := d.b[:n]
	d.b = d.b[n:]
	return x
}

func (d *decoder) str() string { return string(d.bytes(d.num())) }

// unchanged tells whether all recorded facts still hold.
func unchanged(facts []byte, files eval.Files, getenv func(string) string) bool {
	d := decoder{b: facts}
	for n := d.num(); n > 0 && !d.bad; n-- {
		if k, v := d.str(), d.str(); getenv(k) != v {
			return false
		}
	}
	for n := d.num(); n > 0 && !d.bad; n-- {
		head := d.bytes(2)
		if d.bad {
			return false
		}
		q := request{op: op(head[0]), path: d.str()}
		f := fact{absent: head[1]&1 != 0, sure: head[1]&2 != 0}
		switch {
		case f.absent:
		case q.op == opReadlink:
			f.text = d.str()
		case q.op == opLstat || q.op == opStat:
			f.mode = fs.FileMode(d.num())
		case q.op == opReadFile || q.op == opReadDir:
			f.stamp = stamp{d.num(), d.num(), int64(d.num()), int64(d.num()), int64(d.num())}
			copy(f.sum[:], d.bytes(32))
		default:
			return false
		}
		if d.bad || !f.holds(files, q) {
			return false
		}
	}
	return !d.bad && len(d.b) == 0
}
