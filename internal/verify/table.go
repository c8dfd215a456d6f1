package verify

import (
	"fmt"
	"io"
	"slices"
	"strings"
)

// explained says in a line what each check expects.
var explained = map[Check]string{
	Detached:       "control: must be wrong before the last site",
	Unmerged:       "tuples give the classical gradient",
	Merged:         "own rows through the mean of all adapters",
	Joint:          "one participant merged",
	Proposition1:   "the layers' own weights and biases",
	Equation5:      "through h and through the adapter",
	Isolation:      "share of bits that others change",
	OracleUnmerged: "device against float64",
	OracleMerged:   "device against float64",
	Quadratic:      "what the literal quadratic loses",
}

// WriteTable prints the report for people, within 100 columns: a block for each check of
// each model, a line for each site, a number for each participant and precision.
func (r Report) WriteTable(w io.Writer) error {
	var b strings.Builder
	fmt.Fprintf(&b, "Relative difference ‖a−b‖/‖a‖ of a, the classical gradient, and b, gradient learning; seed %d.\n", r.Seed)
	b.WriteString("A column for each participant, by its adapter: float32 on the device | float64 by the oracle.\n")
	for lo := 0; lo < len(r.Rows); {
		hi := lo
		for hi < len(r.Rows) && r.Rows[hi].Model == r.Rows[lo].Model && r.Rows[hi].Check == r.Rows[lo].Check {
			hi++
		}
		if lo == 0 || r.Rows[lo].Model != r.Rows[lo-1].Model {
			fmt.Fprintf(&b, "\n%s\n", r.Rows[lo].Model)
		}
		writeBlock(&b, r.Rows[lo:hi])
		lo = hi
	}
	failed := r.Failed()
	fmt.Fprintf(&b, "\n%d of %d expectations hold\n", r.expectations()-len(failed), r.expectations())
	for _, row := range failed {
		fmt.Fprintf(&b, "FAILED %s: %s at %s, %s adapter of %s in %s: %.3g, expected %s\n",
			row.Model, row.Check, row.Site, row.Kind, row.Participant, row.Precision, row.Difference, row.expected())
	}
	_, err := io.WriteString(w, b.String())
	return err
}

// expectations counts the rows that are not for information.
func (r Report) expectations() int {
	n := 0
	for _, row := range r.Rows {
		if row.Expect != None {
			n++
		}
	}
	return n
}

// writeBlock prints the rows of one check of one model: sites down, participants across.
func writeBlock(b *strings.Builder, rows []Row) {
	type column struct {
		participant string
		precision   Precision
	}
	var columns []column
	var sites []string
	cells := map[column]map[string]Row{}
	for _, row := range rows {
		c := column{row.Participant, row.Precision}
		if cells[c] == nil {
			cells[c] = map[string]Row{}
			columns = append(columns, c)
		}
		cells[c][row.Site] = row
		if !slices.Contains(sites, row.Site) {
			sites = append(sites, row.Site)
		}
	}

	fmt.Fprintf(b, "  %s: %s\n    %-12s", rows[0].Check, explained[rows[0].Check], "")
	for i, c := range columns {
		fmt.Fprintf(b, "%s %9s", rule(i > 0 && columns[i-1].precision != c.precision), cells[c][sites[0]].Kind)
	}
	b.WriteString("\n")
	for _, site := range sites {
		fmt.Fprintf(b, "    %-12s", site)
		var expected []string
		for i, c := range columns {
			row := cells[c][site]
			mark := ""
			if !row.OK {
				mark = "!"
			}
			fmt.Fprintf(b, "%s %9s", rule(i > 0 && columns[i-1].precision != c.precision), mark+number(row.Difference))
			if e := row.expected(); !slices.Contains(expected, e) {
				expected = append(expected, e)
			}
		}
		fmt.Fprintf(b, "  %s\n", strings.Join(expected, ", "))
	}
}

// number prints a difference in few columns: equal is 0.
func number(v float64) string {
	if v == 0 {
		return "0"
	}
	return fmt.Sprintf("%.1e", v)
}

// rule parts the columns of two precisions.
func rule(here bool) string {
	if here {
		return " |"
	}
	return ""
}
