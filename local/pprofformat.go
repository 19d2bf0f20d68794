package local

import "encoding/binary"

// The format of pprof is one protocol buffer message (profile.proto). The
// library that defines it compiles regular expressions when a program starts,
// 0.2 ms of the 5 that any command takes, and the library for the wire format
// reads the program's file; of their encoders this much is needed.

// profileField is the number of a field.
type profileField int

// The numbers of the fields of a Profile.
const (
	profileSampleType profileField = 1 + iota
	profileSampleField
	_ // mappings
	profileLocation
	profileFunction
	profileStrings
	_ // what was dropped
	_ // what was kept
	profileTime
	profileDuration
	profilePeriodType
	profilePeriodField
	_ // comments
	profileDefaultType
)

// profileWriter writes a Profile, fields in any order.
type profileWriter struct {
	b     []byte
	texts []string // the table of strings; the first is ""
	index map[string]int64
}

// text is the number of a string in the table.
func (w *profileWriter) text(s string) int64 {
	if w.index == nil {
		w.index = map[string]int64{"": 0}
		w.texts = []string{""}
	}
	i, ok := w.index[s]
	if !ok {
		i = int64(len(w.texts))
		w.index[s] = i
		w.texts = append(w.texts, s)
	}
	return i
}

func appendInteger(b []byte, field profileField, n int64) []byte {
	return binary.AppendUvarint(append(b, byte(field<<3)), uint64(n))
}

// appendBytes appends a message or a text.
func appendBytes[T []byte | string](b []byte, field profileField, x T) []byte {
	b = binary.AppendUvarint(append(b, byte(field<<3|2)), uint64(len(x)))
	return append(b, x...)
}

func (w *profileWriter) integer(field profileField, n int64) {
	w.b = appendInteger(w.b, field, n)
}

func (w *profileWriter) message(field profileField, m []byte) {
	w.b = appendBytes(w.b, field, m)
}

func (w *profileWriter) valueType(field profileField, kind, unit string) {
	w.message(field, appendInteger(appendInteger(nil, 1, w.text(kind)), 2, w.text(unit)))
}

// location writes a location, which has one line, and the function it lies in,
// both by the same number.
func (w *profileWriter) location(id uint64, name, file string, line int) {
	n := w.text(name)
	f := appendInteger(nil, 1, int64(id))
	f = appendInteger(f, 2, n)
	f = appendInteger(f, 3, n) // as the system calls it
	f = appendInteger(f, 4, w.text(file))
	w.message(profileFunction, appendInteger(f, 5, int64(line)))
	at := appendInteger(appendInteger(nil, 1, int64(id)), 2, int64(line))
	w.message(profileLocation, appendBytes(appendInteger(nil, 1, int64(id)), 4, at))
}

func (w *profileWriter) sample(locations []uint64, values []int64) {
	var m []byte
	for _, l := range locations {
		m = appendInteger(m, 1, int64(l))
	}
	for _, v := range values {
		m = appendInteger(m, 2, v)
	}
	w.message(profileSampleField, m)
}

// finish is the message, with the table of strings.
func (w *profileWriter) finish() []byte {
	for _, s := range w.texts {
		w.b = appendBytes(w.b, profileStrings, s)
	}
	return w.b
}
