package report

import (
	"fmt"
	"io"
	"strings"
	"unicode/utf8"
)

// row is one line of the table: a label and a cell a mode.
type row struct {
	Label string
	Cells []string
	Rule  bool // a line above it
}

// WriteTable writes the report for people: the test accuracy of each participant in each
// mode, of language models the test loss, their mean, and what each mode cost.
func WriteTable(w io.Writer, r Report) error {
	rows := append([]row{{Label: r.figure().label, Cells: r.order()}}, r.rows()...)
	widths := make([]int, 1+len(r.Modes))
	for _, row := range rows {
		widths[0] = max(widths[0], utf8.RuneCountInString(row.Label))
		for i, cell := range row.Cells {
			widths[i+1] = max(widths[i+1], utf8.RuneCountInString(cell))
		}
	}
	total := 0
	for _, width := range widths {
		total += width + 3
	}
	rule := strings.Repeat("─", total-3)

	var b strings.Builder
	fmt.Fprintf(&b, "%s\n\n", r.headline())
	for i, row := range rows {
		if row.Rule || i == 1 {
			fmt.Fprintln(&b, rule)
		}
		b.WriteString(pad(row.Label, widths[0], false))
		for j, cell := range row.Cells {
			b.WriteString("   " + pad(cell, widths[j+1], true))
		}
		b.WriteByte('\n')
	}
	_, err := io.WriteString(w, b.String())
	return err
}

// headline is the report on one line.
func (r Report) headline() string {
	return fmt.Sprintf("%s: %s, %s, %s", r.Task, plural(r.Participants, "participant"), plural(r.Rounds, "round"), duration(r.Seconds))
}

// rows returns the table under its heading, in the order of the modes.
func (r Report) rows() []row {
	var rows []row
	people, f := r.people(), r.figure()
	for _, person := range people {
		rows = append(rows, r.row(person, func(m *Mode) string {
			together := len(m.Accuracy) < len(people) // joint: one figure for all, the mean
			if v, ok := f.of(m, person); ok && !together {
				return f.write(v)
			}
			return absent
		}))
	}
	average := r.row("mean", func(m *Mode) string { return f.write(f.mean(m)) })
	average.Rule = len(rows) > 0
	other := r.row("test loss", func(m *Mode) string { return number(m.Loss) })
	if r.Language {
		other = r.row("token accuracy", func(m *Mode) string {
			if len(m.Losses) == 0 {
				return absent
			}
			return percent(m.AccuracyMean)
		})
	}
	rest := []row{other}
	if r.Regression {
		rest = nil
	}
	rest = append(rest,
		r.row("seconds", func(m *Mode) string { return fmt.Sprintf("%.1f", m.Seconds) }),
		r.row("sent", func(m *Mode) string { return Size(m.BytesSent) }),
		r.row("received", func(m *Mode) string { return Size(m.BytesReceived) }),
		r.row("peak memory", func(m *Mode) string { return Size(m.PeakMemory) }))
	rest[0].Rule = true
	return append(append(rows, average), rest...)
}

func (r Report) row(label string, cell func(*Mode) string) row {
	out := row{Label: label}
	for _, name := range r.order() {
		out.Cells = append(out.Cells, cell(r.Modes[name]))
	}
	return out
}

// pad fills s with spaces to the width, on the left if right-aligned.
func pad(s string, width int, right bool) string {
	space := strings.Repeat(" ", max(0, width-utf8.RuneCountInString(s)))
	if right {
		return space + s
	}
	return s + space
}

func plural(n int, noun string) string {
	if n == 1 {
		return "1 " + noun
	}
	return fmt.Sprintf("%d %ss", n, noun)
}
