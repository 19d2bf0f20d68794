// Plot draws cost against size from what internal/bench -sizes has written:
//
//	go run . SIZES.tsv PICTURE.svg
//
// Each kind of input has a diagram of its own, with both axes logarithmic: a
// cost of n^k is a straight line whose slope is k. The thin lines show how n
// and n log n would go on from the first measurement that is not mostly start-up.
package main

import (
	"encoding/csv"
	"fmt"
	"image/color"
	"math"
	"os"
	"strconv"

	"gonum.org/v1/plot"
	"gonum.org/v1/plot/font"
	"gonum.org/v1/plot/plotter"
	"gonum.org/v1/plot/vg"
	"gonum.org/v1/plot/vg/draw"
	"gonum.org/v1/plot/vg/vgsvg"
)

const (
	columns       = 2
	width, height = 9 * vg.Inch, 2.6 * vg.Inch // of all columns, of a row
	// startUp is the CPU time in seconds below which a process mostly starts.
	startUp = 0.03
)

// input is a kind of input with the measurements of each program.
type input struct {
	name, unit string
	series     map[string]plotter.XYs
}

func main() {
	if len(os.Args) != 3 {
		fmt.Fprintln(os.Stderr, "usage: plot SIZES.tsv PICTURE.svg")
		os.Exit(1)
	}
	if err := run(os.Args[1], os.Args[2]); err != nil {
		fmt.Fprintln(os.Stderr, "plot:", err)
		os.Exit(1)
	}
}

func run(from, to string) error {
	inputs, err := read(from)
	if err != nil {
		return err
	}
	rows := (len(inputs) + columns - 1) / columns
	canvas := vgsvg.New(width, height*vg.Length(rows))
	tiles := draw.Tiles{Cols: columns, Rows: rows, PadX: vg.Millimeter * 6, PadY: vg.Millimeter * 4,
		PadRight: vg.Millimeter * 6, PadTop: vg.Millimeter * 2}
	for i, in := range inputs {
		p, err := in.diagram(i == 0)
		if err != nil {
			return fmt.Errorf("%s: %w", in.name, err)
		}
		p.Draw(tiles.At(draw.New(canvas), i%columns, i/columns))
	}
	f, err := os.Create(to)
	if err != nil {
		return err
	}
	defer f.Close()
	_, err = canvas.WriteTo(f)
	return err
}

// read reads the table: input, unit, program, size, wall, CPU, memory.
func read(name string) ([]*input, error) {
	f, err := os.Open(name)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	r := csv.NewReader(f)
	r.Comma = '\t'
	r.LazyQuotes = true
	records, err := r.ReadAll()
	if err != nil {
		return nil, err
	}
	var inputs []*input
	for _, rec := range records[1:] {
		size, err := strconv.ParseFloat(rec[3], 64)
		if err != nil {
			return nil, err
		}
		cpu, err := strconv.ParseFloat(rec[5], 64)
		if err != nil {
			return nil, err
		}
		if len(inputs) == 0 || inputs[len(inputs)-1].name != rec[0] {
			inputs = append(inputs, &input{rec[0], rec[1], map[string]plotter.XYs{}})
		}
		in := inputs[len(inputs)-1]
		// The reference's wrapper may take all of a short run.
		in.series[rec[2]] = append(in.series[rec[2]], plotter.XY{X: size, Y: max(cpu, 0.001)})
	}
	return inputs, nil
}

var (
	ours   = color.RGBA{R: 0x1f, G: 0x77, B: 0xb4, A: 0xff}
	theirs = color.RGBA{R: 0xd6, G: 0x4b, B: 0x1e, A: 0xff}
	guide  = color.Gray{Y: 0xa0}
)

func (in *input) diagram(legend bool) (*plot.Plot, error) {
	p := plot.New()
	p.Title.Text = in.name
	p.Title.TextStyle.Font.Size = 11
	p.X.Label.Text, p.Y.Label.Text = in.unit, "CPU time, s"
	for _, a := range []*plot.Axis{&p.X, &p.Y} {
		a.Scale, a.Tick.Marker = plot.LogScale{}, plot.LogTicks{Prec: -1}
		a.Label.TextStyle.Font.Size, a.Tick.Label.Font.Size = 9, 8
	}
	p.Legend.Top, p.Legend.Left = true, true
	p.Legend.TextStyle.Font = font.From(p.Legend.TextStyle.Font, 8)
	lines, err := in.guides()
	if err != nil {
		return nil, err
	}
	for _, name := range []string{"n", "n log n"} {
		if l := lines[name]; l != nil {
			p.Add(l)
			if legend {
				p.Legend.Add(name, l)
			}
		}
	}
	for _, s := range []struct {
		name  string
		color color.Color
	}{{"reference", theirs}, {"glang", ours}} {
		xys := in.series[s.name]
		if len(xys) == 0 {
			continue
		}
		line, points, err := plotter.NewLinePoints(xys)
		if err != nil {
			return nil, err
		}
		line.Color, points.Color = s.color, s.color
		line.Width, points.Shape, points.Radius = vg.Points(1.5), draw.CircleGlyph{}, vg.Points(2)
		p.Add(line, points)
		if legend {
			p.Legend.Add(s.name, line, points)
		}
	}
	return p, nil
}

// guides are lines of cost n and n log n from where glang's begins to grow.
func (in *input) guides() (map[string]*plotter.Line, error) {
	xys := in.series["glang"]
	first := 0
	for first < len(xys)-2 && xys[first].Y < startUp {
		first++
	}
	costs := map[string]func(n float64) float64{
		"n":       func(n float64) float64 { return n },
		"n log n": func(n float64) float64 { return n * math.Log(n) },
	}
	lines := map[string]*plotter.Line{}
	for name, cost := range costs {
		var points plotter.XYs
		for _, xy := range xys[first:] {
			points = append(points, plotter.XY{X: xy.X, Y: xys[first].Y * cost(xy.X) / cost(xys[first].X)})
		}
		line, err := plotter.NewLine(points)
		if err != nil {
			return nil, err
		}
		line.Color, line.Width = guide, vg.Points(0.75)
		if name == "n log n" {
			line.Dashes = []vg.Length{vg.Points(4), vg.Points(2)}
		}
		lines[name] = line
	}
	return lines, nil
}
