package main

import (
	"errors"
	"fmt"
	"image/color"
	"os"
	"path/filepath"
	"strings"

	"gonum.org/v1/plot"
	"gonum.org/v1/plot/font"
	"gonum.org/v1/plot/plotter"
	"gonum.org/v1/plot/vg"
	"gonum.org/v1/plot/vg/draw"
	_ "gonum.org/v1/plot/vg/vgimg" // PNG
	_ "gonum.org/v1/plot/vg/vgsvg" // SVG
)

// Colours that everybody can tell apart (Okabe and Ito 2008), on white: on a dark page the plot is a card.
var (
	blue = color.RGBA{0, 114, 178, 255}
	grey = color.RGBA{130, 130, 130, 255}
)

// drawing writes a plot to a file, SVG or PNG by its name: over what is offered, what is answered, how soon, and what is refused.
func (r *report) drawing(path string) error {
	series := func(of func(stage) float64) (all plotter.XYs) {
		for _, s := range r.Stages {
			all = append(all, plotter.XY{X: 100 * s.Share, Y: of(s)})
		}
		return all
	}
	var ticks []plot.Tick
	for _, s := range r.Stages {
		ticks = append(ticks, plot.Tick{Value: 100 * s.Share, Label: fmt.Sprint(100 * s.Share)})
	}
	last := 100 * r.Stages[len(r.Stages)-1].Share
	level := func(y float64) plotter.XYs { return plotter.XYs{{X: 0, Y: y}, {X: last, Y: y}} }
	panels := []struct {
		title, bound string
		measured     plotter.XYs
		level        plotter.XYs
	}{
		{"answered a second", "what 16 clients get", series(func(s stage) float64 { return s.Answered }), level(r.Sixteen.Answered)},
		{"p95 of what is answered, ms", "twice the unloaded p95", series(func(s stage) float64 { return s.P95 }), level(2 * r.Unloaded.P95)},
		{"refused with 429, %", "", series(func(s stage) float64 { return 100 * s.Refused }), nil},
	}
	plot.DefaultFont = font.Font{Typeface: "Liberation", Variant: "Sans"}
	plots := make([][]*plot.Plot, len(panels))
	var faults []error
	for i, panel := range panels {
		p := plot.New()
		p.Title.Text, p.X.Min, p.Y.Min = panel.title, 0, 0
		if i == len(panels)-1 {
			p.X.Label.Text = "offered, % of what 16 clients get"
		}
		p.X.Tick.Marker = plot.ConstantTicks(ticks)
		p.Add(plotter.NewGrid())
		line, points, err := plotter.NewLinePoints(panel.measured)
		faults = append(faults, err)
		if err == nil {
			line.Color, line.Width, points.Color, points.Shape = blue, vg.Points(1.5), blue, draw.CircleGlyph{}
			p.Add(line, points)
		}
		if panel.level != nil {
			bound, err := plotter.NewLine(panel.level)
			faults = append(faults, err)
			if err == nil {
				bound.Color, bound.Dashes = grey, []vg.Length{vg.Points(4), vg.Points(3)}
				p.Add(bound)
				p.Legend.Add(panel.bound, bound)
				p.Legend.Top, p.Legend.Left = i > 0, i > 0
			}
		}
		p.Y.Max *= 1.1
		plots[i] = []*plot.Plot{p}
	}
	if err := errors.Join(faults...); err != nil {
		return err
	}
	canvas, err := draw.NewFormattedCanvas(16*vg.Centimeter, 20*vg.Centimeter, strings.TrimPrefix(filepath.Ext(path), "."))
	if err != nil {
		return fmt.Errorf("%s: %w", path, err)
	}
	edge := vg.Points(8)
	tiles := draw.Tiles{Rows: len(plots), Cols: 1, PadY: vg.Points(14), PadTop: edge, PadBottom: edge, PadLeft: edge, PadRight: edge}
	whole := draw.New(canvas)
	whole.SetColor(color.White)
	whole.Fill(whole.Path())
	for i, row := range plot.Align(plots, tiles, whole) {
		plots[i][0].Draw(row[0])
	}
	file, err := os.Create(path)
	if err != nil {
		return err
	}
	_, err = canvas.WriteTo(file)
	return errors.Join(err, file.Close())
}
