package report

import (
	"fmt"
	"math"
	"strconv"
	"strings"
)

// frame is where a chart's plot lies in its drawing, in the units of the SVG view box.
type frame struct {
	Width, Height            int
	Left, Top, Right, Bottom int // edges of the plot
	Steps                    int // along the rounds, at least
}

// The two sizes of charts.
var (
	wide  = frame{Width: 480, Height: 250, Left: 52, Top: 12, Right: 462, Bottom: 212, Steps: 4}
	small = frame{Width: 320, Height: 190, Left: 56, Top: 12, Right: 298, Bottom: 156, Steps: 2}
)

// chart is a drawing of lines over rounds, ready for the page's template.
type chart struct {
	frame
	ID, Title, Summary string
	XTicks, YTicks     []tick
	Lines              []line
}

// tick is a labelled position on an axis.
type tick struct {
	At    string
	Label string
}

// line is one mode's curve.
type line struct {
	Mode  string
	Style int // which colour and dash the page gives it
	Path  string
	Dots  []dot
}

// dot is a measured point; pointing at it shows its Label.
type dot struct{ X, Y, Label string }

// series is the data of a line.
type series struct {
	mode   string
	style  int
	points []xy
	dots   bool
}

// xy is a value at a round.
type xy struct {
	round int
	value float64
}

// newChart draws the series over 0 to top; label writes a value for people. It
// returns nil if there is nothing to draw.
func newChart(f frame, id, title string, all []series, top float64, label func(float64) string) *chart {
	last := 0
	var summary []string
	for _, s := range all {
		if n := len(s.points); n > 0 {
			last = max(last, s.points[n-1].round)
			summary = append(summary, fmt.Sprintf("%s ends at %s", s.mode, label(s.points[n-1].value)))
		}
	}
	if last == 0 {
		return nil
	}
	step := niceStep(top, 4)
	top = step * math.Ceil(top/step-1e-9)
	x := func(round int) string {
		return coordinate(float64(f.Left) + float64(round)/float64(last)*float64(f.Right-f.Left))
	}
	y := func(v float64) string {
		return coordinate(float64(f.Bottom) - v/top*float64(f.Bottom-f.Top))
	}
	c := &chart{frame: f, ID: id, Title: title, Summary: strings.Join(summary, ", ") + "."}
	for i := 0; float64(i)*step <= top*(1+1e-9); i++ {
		c.YTicks = append(c.YTicks, tick{At: y(float64(i) * step), Label: axisLabel(float64(i)*step, label)})
	}
	stride := max(1, int(niceStep(float64(last), f.Steps)))
	for round := 0; round <= last; round += stride {
		c.XTicks = append(c.XTicks, tick{At: x(round), Label: strconv.Itoa(round)})
	}
	for _, s := range all {
		l := line{Mode: s.mode, Style: s.style}
		var path strings.Builder
		for i, p := range s.points {
			verb := "L"
			if i == 0 {
				verb = "M"
			}
			px, py := x(p.round), y(p.value)
			path.WriteString(verb + px + " " + py)
			if s.dots {
				l.Dots = append(l.Dots, dot{X: px, Y: py, Label: fmt.Sprintf("%s, round %d: %s", s.mode, p.round, label(p.value))})
			}
		}
		if l.Path = path.String(); l.Path != "" {
			c.Lines = append(c.Lines, l)
		}
	}
	return c
}

// axisLabel is label without the digits that a tick does not need: "80%", "0.5".
func axisLabel(v float64, label func(float64) string) string {
	text := label(v)
	if share, ok := strings.CutSuffix(text, "%"); ok {
		return strings.TrimSuffix(share, ".0") + "%"
	}
	return strconv.FormatFloat(v, 'g', 4, 64)
}

// niceStep returns the distance of ticks, 1, 2 or 5 times a power of ten, with at
// least so many steps up to top.
func niceStep(top float64, least int) float64 {
	most := top / float64(least)
	power := math.Pow(10, math.Floor(math.Log10(most)))
	switch m := most / power; {
	case m >= 5:
		return 5 * power
	case m >= 2:
		return 2 * power
	}
	return power
}

// coordinate writes a position: a tenth of a unit is finer than a screen shows.
func coordinate(v float64) string { return strconv.FormatFloat(v, 'f', 1, 64) }

// thin replaces runs of neighbours by their mean, so that a line has at most limit
// points. Values that are not finite are left out.
func thin(points []xy, limit int) []xy {
	run := (len(points) + limit - 1) / limit
	var out []xy
	for lo := 0; lo < len(points); lo += run {
		sum, n := 0.0, 0
		hi := min(lo+run, len(points))
		for _, p := range points[lo:hi] {
			if !math.IsNaN(p.value) && !math.IsInf(p.value, 0) {
				sum += p.value
				n++
			}
		}
		if n > 0 {
			out = append(out, xy{round: points[hi-1].round, value: sum / float64(n)})
		}
	}
	return out
}
