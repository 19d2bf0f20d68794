package main

import (
	"bufio"
	"errors"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"strings"
)

// largeInput is a kind of input of growing size.
type largeInput struct {
	name, unit string
	largest    int
	// expr evaluates one of a size; file, if not nil, writes what it reads.
	expr func(n int, file string) string
	file func(name string, n int) error
}

const (
	sizeSteps  = 6 // how many sizes,
	sizeFactor = 4 // each so many times as large as the one before
	// A series ends where the next size is likely to take so many seconds of CPU.
	sizeLimit = 40
)

// largeInputs are those of docs/performance.md.
var largeInputs = []largeInput{
	{name: "foldl' over a list", unit: "integers", largest: 10_000_000, expr: func(n int, _ string) string {
		return fmt.Sprintf("builtins.foldl' (a: b: a + b) 0 (builtins.genList (x: x) %d)", n)
	}},
	{name: "listToAttrs", unit: "names", largest: 1_000_000, expr: func(n int, _ string) string {
		return fmt.Sprintf(`builtins.length (builtins.attrNames (builtins.listToAttrs (builtins.genList (x: { name = "n${toString x}"; value = x; }) %d)))`, n)
	}},
	{name: "fromJSON", unit: "bytes", largest: 100_000_000, file: writeJSON, expr: func(_ int, file string) string {
		return fmt.Sprintf("builtins.length (builtins.fromJSON (builtins.readFile %s))", file)
	}},
	{name: "a string, by doubling", unit: "bytes", largest: 1 << 30, expr: func(n int, _ string) string {
		return fmt.Sprintf(`builtins.stringLength (builtins.foldl' (s: _: s + s) "x" (builtins.genList (x: x) %d))`, int(math.Log2(float64(n))))
	}},
	{name: "// of a new name each", unit: "times", largest: 1_000_000, expr: func(n int, _ string) string {
		return fmt.Sprintf(`builtins.length (builtins.attrNames (builtins.foldl' (s: x: s // { "n${toString x}" = x; }) { } (builtins.genList (x: x) %d)))`, n)
	}},
	{name: "// of the same name", unit: "times", largest: 1_000_000, expr: func(n int, _ string) string {
		return fmt.Sprintf(`(builtins.foldl' (s: x: s // { n = x; }) { } (builtins.genList (x: x) %d)).n`, n)
	}},
	{name: "a chain of thunks", unit: "thunks", largest: 100_000, expr: func(n int, _ string) string {
		return fmt.Sprintf(`(builtins.foldl' (a: _: { v = a.v + 1; }) { v = 0; } (builtins.genList (x: x) %d)).v`, n)
	}},
	{name: "genericClosure", unit: "elements", largest: 1_000_000, expr: func(n int, _ string) string {
		return fmt.Sprintf(`builtins.length (builtins.genericClosure { startSet = [ { key = 0; } ]; operator = x: if x.key == %d then [ ] else [ { key = x.key + 1; } ]; })`, n-1)
	}},
}

// writeJSON writes a list of sets of about n bytes. It does not gather them: a
// child's peak memory begins with its parent's.
func writeJSON(name string, n int) error {
	f, err := os.Create(name)
	if err != nil {
		return err
	}
	w := bufio.NewWriter(f)
	written, _ := fmt.Fprint(w, "[")
	for i := 0; written < n-1; i++ {
		comma := ","
		if i == 0 {
			comma = ""
		}
		k, _ := fmt.Fprintf(w, `%s{"name":"package-%d","version":"1.%d","size":%d,"free":true,"deps":["a","b%d"]}`, comma, i, i%100, i*37, i%1000)
		written += k
	}
	fmt.Fprint(w, "]")
	return errors.Join(w.Flush(), f.Close())
}

// sizeSeries are the measurements of one program on one kind of input, by size.
type sizeSeries struct {
	sizes   []int
	samples []sample
	end     string // why larger ones are left out
}

// exponent is k of the cost n^k that fits the larger half of what takes long
// enough to be told from noise.
func (s sizeSeries) exponent() float64 {
	var xs, ys []float64
	for i, x := range s.samples {
		if x.cpu > 0.02 {
			xs, ys = append(xs, math.Log(float64(s.sizes[i]))), append(ys, math.Log(x.cpu))
		}
	}
	if len(xs) > 3 {
		xs, ys = xs[len(xs)-3:], ys[len(ys)-3:]
	}
	if len(xs) < 2 {
		return math.NaN()
	}
	var mx, my, sxy, sxx float64
	for i := range xs {
		mx, my = mx+xs[i]/float64(len(xs)), my+ys[i]/float64(len(ys))
	}
	for i := range xs {
		sxy, sxx = sxy+(xs[i]-mx)*(ys[i]-my), sxx+(xs[i]-mx)*(xs[i]-mx)
	}
	return sxy / sxx
}

// nLogN is the exponent that n log n looks like at the end of a series.
func (s sizeSeries) nLogN() float64 {
	n := float64(s.sizes[len(s.sizes)-1])
	return 1 + 1/math.Log(n/sizeFactor)
}

// measureSizes measures all kinds of input that match, prints a table and
// writes each measurement to a file, as tests/bench/plot reads it.
func measureSizes(file, glang, reference, floor string, match func(string) bool, n int) error {
	dir, err := os.MkdirTemp("", "sizes")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	var out strings.Builder
	out.WriteString("input\tunit\tprogram\tsize\twall s\tcpu s\tMB\n")
	fmt.Println("| work | size | wall s | reference | CPU s | reference | MB | reference | grows as n^ | reference | n log n |")
	fmt.Println("| --- | --- | --- | --- | --- | --- | --- | --- | --- | --- | --- |")
	for _, in := range largeInputs {
		if !match(in.name) {
			continue
		}
		own, err := in.series(dir, glang, "", []string{"--no-eval-cache"}, n)
		if err != nil {
			return err
		}
		theirs := sizeSeries{end: "not measured"}
		if reference != "" {
			if theirs, err = in.series(dir, reference, floor, nil, n); err != nil {
				return err
			}
		}
		for i, s := range []sizeSeries{own, theirs} {
			for j, x := range s.samples {
				fmt.Fprintf(&out, "%s\t%s\t%s\t%d\t%.4f\t%.4f\t%.1f\n", in.name, in.unit, []string{"glang", "reference"}[i], s.sizes[j], x.wall, x.cpu, x.rss)
			}
		}
		if len(own.samples) == 0 {
			return fmt.Errorf("%s: %s", in.name, own.end)
		}
		a, b := own.last(in.largest), theirs.last(in.largest)
		fmt.Printf("| %s | %d %s | %s | %s | %s | %s | %s | %s | %.2f | %.2f | %.2f |\n", in.name, in.largest, in.unit,
			a[0], b[0], a[1], b[1], a[2], b[2], own.exponent(), theirs.exponent(), own.nLogN())
	}
	return os.WriteFile(file, []byte(out.String()), 0o666)
}

// last are the figures of the largest size, or why there are none.
func (s sizeSeries) last(largest int) [3]string {
	k := len(s.samples) - 1
	if k < 0 || s.sizes[k] != largest {
		return [3]string{s.end, "", ""}
	}
	x := s.samples[k]
	return [3]string{fmt.Sprintf("%.2f", x.wall), fmt.Sprintf("%.2f", x.cpu), fmt.Sprintf("%.0f", x.rss)}
}

// errorLine is what a command said had gone wrong.
func errorLine(err error) string {
	for line := range strings.Lines(err.Error()) {
		if _, text, ok := strings.Cut(line, "error: "); ok {
			return strings.TrimSpace(text)
		}
	}
	return err.Error()
}

// series measures a program. What fails or takes too long ends it.
func (in largeInput) series(dir, command, floor string, own []string, n int) (sizeSeries, error) {
	var s sizeSeries
	for step := sizeSteps - 1; step >= 0; step-- {
		size := in.largest / int(math.Pow(sizeFactor, float64(step)))
		file := filepath.Join(dir, "input")
		if in.file != nil {
			if err := in.file(file, size); err != nil {
				return s, err
			}
		}
		args := append(own[:len(own):len(own)], "--eval", "--readonly-mode", "-E", in.expr(size, file))
		var samples []sample
		for range n {
			x, err := runOnce(command, args)
			if err != nil {
				s.end = fmt.Sprintf("%d refused: %s", size, errorLine(err))
				return s, nil
			}
			if floor != "" {
				f, err := runOnce(floor, nil)
				if err != nil {
					return s, err
				}
				x.wall, x.cpu = max(x.wall-f.wall, 0.0001), max(x.cpu-f.cpu, 0.0001)
			}
			samples = append(samples, x)
		}
		s.sizes, s.samples = append(s.sizes, size), append(s.samples, median(samples))
		if k := len(s.samples) - 1; k > 0 && s.samples[k].cpu*s.samples[k].cpu/s.samples[k-1].cpu > sizeLimit {
			s.end = fmt.Sprintf("%.1f s for %d already", s.samples[k].cpu, size)
			return s, nil
		}
	}
	return s, nil
}
