package report

import (
	_ "embed"
	"fmt"
	"html/template"
	"io"
	"strings"
)

const (
	curvePoints = 240 // of a loss curve, the rest is averaged
	mostPeople  = 24  // that get a chart of their own
)

//go:embed page.html
var pageText string

// page is what the template shows.
type page struct {
	Title, Headline string
	Figure, Label   string // what the report leads with, at the beginning of a sentence and in the table
	Modes           []legend
	Charts          []*chart // of all participants together
	People          []*chart // one each
	Left            int      // participants without a chart of their own
	Rows            []row
	Digests         []digest
}

type legend struct {
	Name  string
	Style int
}

type digest struct{ Mode, SHA256 string }

// styles is the number of line styles in the page; more modes than that share.
const styles = 4

// WriteHTML writes the report as one page that needs nothing else: no script, no font,
// no image from anywhere. It reads in light and dark, on paper, and by ear.
func WriteHTML(w io.Writer, r Report, title string) error {
	t, err := template.New("page").Parse(pageText)
	if err != nil {
		return fmt.Errorf("report page: %w", err)
	}
	label := r.figure().label
	p := page{Title: title, Headline: r.headline(), Figure: strings.ToUpper(label[:1]) + label[1:], Label: label, Rows: r.rows()}
	for i, name := range r.order() {
		p.Modes = append(p.Modes, legend{Name: name, Style: i % styles})
		p.Digests = append(p.Digests, digest{Mode: name, SHA256: r.Modes[name].AdaptersSHA256})
	}
	p.Charts = r.charts()
	p.People, p.Left = r.personCharts()
	if err := t.Execute(w, p); err != nil {
		return fmt.Errorf("write the report as a page: %w", err)
	}
	return nil
}

// charts returns the charts over all participants that there is data for.
func (r Report) charts() []*chart {
	var losses, figures []series
	f := r.figure()
	for i, name := range r.order() {
		var loss []xy
		for _, p := range r.Modes[name].Curve {
			loss = append(loss, xy{p.Round, p.Loss})
		}
		losses = append(losses, series{mode: name, style: i % styles, points: thin(loss, curvePoints)})
		figures = append(figures, series{mode: name, style: i % styles, points: f.meanCurve(r.Modes[name]), dots: true})
	}
	return present(
		f.chart(wide, f.id, f.title, figures),
		newChart(wide, "loss", "Training loss, mean over participants", losses, highest(losses), number))
}

// personCharts returns each participant's figure, with a mode of one model for all (joint)
// in every chart, and how many participants got none.
func (r Report) personCharts() (charts []*chart, left int) {
	people, f := r.people(), r.figure()
	if len(people) < 2 {
		return nil, 0
	}
	for k, person := range people {
		if k == mostPeople {
			return present(charts...), len(people) - k
		}
		var all []series
		for i, name := range r.order() {
			all = append(all, series{mode: name, style: i % styles, points: f.curve(r.Modes[name], person), dots: true})
		}
		charts = append(charts, f.chart(small, fmt.Sprintf("person-%d", k), person, all))
	}
	return present(charts...), 0
}

// present leaves out the charts that had nothing to draw.
func present(charts ...*chart) []*chart {
	var out []*chart
	for _, c := range charts {
		if c != nil {
			out = append(out, c)
		}
	}
	return out
}
