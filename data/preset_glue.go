package data

import (
	"strings"

	"github.com/gradientlearning/cola/data/table"
)

// glue returns the preset of a task of GLUE. The text is "column: text column: text" with
// the columns of the published set, whatever the file calls them: two columns may also be
// sentence1 and sentence2. The label is in "label", as a number or by name; without classes
// it is a score from 0 to 5 in "label" or "score".
func glue(classes []string, columns ...string) preset {
	p := preset{task: SequenceClassification, classes: max(len(classes), 1), categories: classes}
	p.samples = func(row table.Row) ([]sample, error) {
		var s sample
		var parts []string
		for i, column := range columns {
			from := column
			if len(columns) == 2 {
				from = either(row, column, [...]string{"sentence1", "sentence2"}[i])
			}
			text, err := row.Text(from)
			if err != nil {
				return nil, err
			}
			if strings.TrimSpace(text) == "" {
				return nil, row.Errorf(from, "there is no text: leave the row out")
			}
			parts = append(parts, column+": "+text)
		}
		s.source = strings.Join(parts, " ")
		var err error
		if classes != nil {
			s.label, err = oneOf(row, "label", classes)
			return []sample{s}, err
		}
		score := either(row, "label", "score")
		if s.number, err = row.Number(score); err == nil && (s.number < 0 || s.number > 5) {
			err = row.Errorf(score, "the score is %v, and scores go from 0 to 5", s.number)
		}
		return []sample{s}, err
	}
	return p
}
