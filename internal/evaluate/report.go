package evaluate

import (
	"encoding/json"
	"fmt"
	"io"
	"math"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/gradientlearning/cola/data/metric"
)

// Report is what an evaluation found.
type Report struct {
	// Kinds are the models that examples were scored with, in the order of columns.
	Kinds []Kind `json:"kinds"`
	// Scores are their names: loss, and the metrics that the examples have something for.
	Scores []string `json:"scores"`
	// Participants have a line each.
	Participants []Line `json:"participants"`
	// Overall is of all participants' examples as one set; of a kind that not everyone has
	// it is of those who do.
	Overall Line `json:"overall"`
}

// Line is the scores of one participant by kind and name.
type Line struct {
	Name     string                     `json:"name"`
	Examples int                        `json:"examples"`
	Scores   map[Kind]map[string]Number `json:"scores"`
}

// Number is a score; what is not finite, such as the correlation of a constant, is null in
// JSON.
type Number float64

// MarshalJSON writes a number, or null.
func (n Number) MarshalJSON() ([]byte, error) {
	if v := float64(n); math.IsNaN(v) || math.IsInf(v, 0) {
		return []byte("null"), nil
	}
	return json.Marshal(float64(n))
}

// lossName is the score that every model has: the mean over predictions in nats, or of a
// regression of squares.
const lossName = "loss"

// report scores the outcomes.
func (e *evaluation) report(metrics []metric.Metric) (Report, error) {
	var r Report
	for _, kind := range []Kind{Base, Alone, Merged, Collaborative} {
		if e.outcomes[kind] != nil {
			r.Kinds = append(r.Kinds, kind)
		}
	}
	r.Overall = Line{Name: "overall", Scores: map[Kind]map[string]Number{}}
	for _, s := range e.shares {
		line := Line{Name: s.name, Examples: len(s.indices), Scores: map[Kind]map[string]Number{}}
		for _, kind := range r.Kinds {
			if o := e.outcomes[kind][s.name]; o != nil {
				var err error
				if line.Scores[kind], err = o.scores(metrics); err != nil {
					return Report{}, fmt.Errorf("%s of %s: %w", kind, s.name, err)
				}
			}
		}
		r.Participants = append(r.Participants, line)
		r.Overall.Examples += line.Examples
	}
	for _, kind := range r.Kinds {
		var all outcome
		for _, s := range e.shares {
			if o := e.outcomes[kind][s.name]; o != nil {
				all.add(o)
			}
		}
		var err error
		if r.Overall.Scores[kind], err = all.scores(metrics); err != nil {
			return Report{}, fmt.Errorf("%s: %w", kind, err)
		}
	}
	r.Scores = []string{lossName}
	for _, m := range metrics {
		if _, ok := r.Overall.Scores[Base][m.Name]; ok {
			r.Scores = append(r.Scores, m.Name)
		}
	}
	return r, nil
}

// add appends another participant's outcome.
func (o *outcome) add(p *outcome) {
	o.Classes, o.Labels = append(o.Classes, p.Classes...), append(o.Labels, p.Labels...)
	o.Values, o.Targets = append(o.Values, p.Values...), append(o.Targets, p.Targets...)
	o.Texts, o.References = append(o.Texts, p.Texts...), append(o.References, p.References...)
	o.Loss, o.Tokens = o.Loss+p.Loss, o.Tokens+p.Tokens
	o.examples, o.loss, o.count = o.examples+p.examples, o.loss+p.loss, o.count+p.count
}

// scores are the loss and the metrics that apply.
func (o *outcome) scores(metrics []metric.Metric) (map[string]Number, error) {
	list := map[string]Number{lossName: Number(o.loss / float64(o.count))}
	for _, m := range metrics {
		if !m.Applies(o.Outcome) {
			continue
		}
		value, err := m.Score(o.Outcome)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", m.Name, err)
		}
		list[m.Name] = Number(value)
	}
	return list, nil
}

// WriteTable writes a table a score: a line a participant, a column a kind.
func (r Report) WriteTable(w io.Writer) error {
	var b strings.Builder
	for i, score := range r.Scores {
		if i > 0 {
			b.WriteByte('\n')
		}
		header := []string{score, "examples"}
		for _, kind := range r.Kinds {
			header = append(header, string(kind))
		}
		rows := [][]string{header}
		for _, line := range append(slices.Clone(r.Participants), r.Overall) {
			rows = append(rows, line.row(r.Kinds, score))
		}
		align(&b, rows)
	}
	_, err := io.WriteString(w, b.String())
	return err
}

// align writes rows in columns, the first on its left and the others on their right.
func align(b *strings.Builder, rows [][]string) {
	widths := make([]int, len(rows[0]))
	for _, row := range rows {
		for i, cell := range row {
			widths[i] = max(widths[i], utf8.RuneCountInString(cell))
		}
	}
	for _, row := range rows {
		fmt.Fprintf(b, "%-*s", widths[0], row[0])
		for i, cell := range row[1:] {
			fmt.Fprintf(b, "  %*s", widths[i+1], cell)
		}
		b.WriteByte('\n')
	}
}

// row is a line of a table.
func (l Line) row(kinds []Kind, score string) []string {
	row := []string{l.Name, fmt.Sprint(l.Examples)}
	for _, kind := range kinds {
		cell := "-"
		if v, ok := l.Scores[kind][score]; ok {
			cell = fmt.Sprintf("%.4f", float64(v))
		}
		row = append(row, cell)
	}
	return row
}
