package data

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/gradientlearning/cola/data/table"
)

// maxClasses bounds the classes of a file whose labels are numbers.
const maxClasses = 1 << 16

// ofColumns returns the preset of a file whose columns, after mapping, have the names that
// [OpenText] lists. The first row says what is asked, where the options do not.
func ofColumns(first table.Row, o TextOptions) (preset, error) {
	p := preset{task: o.Task, classes: len(o.Labels), categories: o.Labels, marker: o.Marker, newTokens: 128}
	if p.task == "" {
		switch {
		case first.Has("label") || first.Has("score"):
			p.task = SequenceClassification
		case first.Has("source"):
			p.task = SequenceToSequence
		default:
			p.task = CausalLM
		}
	}
	switch p.task {
	case SequenceClassification:
		p.samples = classified(first, o.Labels)
		if !first.Has("label") {
			p.classes, p.categories = 1, nil
		}
	case SequenceToSequence:
		p.samples = pair("source", "target")
	case CausalLM:
		p.categories = nil
		if p.prompts = first.Has("prompt") || !first.Has("text"); p.prompts {
			p.samples = pair("prompt", "response")
		} else {
			p.samples = alone
		}
	default:
		return preset{}, fmt.Errorf("%q is not a task of text: use %s, %s or %s", p.task, SequenceClassification, SequenceToSequence, CausalLM)
	}
	return p, nil
}

// classified reads a text, or two, with a label or a score.
func classified(first table.Row, labels []string) func(table.Row) ([]sample, error) {
	scored := !first.Has("label") && first.Has("score")
	return func(row table.Row) ([]sample, error) {
		text, err := row.Text("text")
		if err != nil {
			return nil, err
		}
		s := sample{source: text}
		if row.Has("text2") {
			second, err := row.Text("text2")
			if err != nil {
				return nil, err
			}
			s.source += " " + second
		}
		switch {
		case scored:
			s.number, err = row.Number("score")
		case labels != nil:
			s.label, err = oneOf(row, "label", labels)
		default:
			s.label, err = class(row)
		}
		return []sample{s}, err
	}
}

// class returns a label that is a number.
func class(row table.Row) (int, error) {
	number, err := row.Number("label")
	if err != nil {
		return 0, fmt.Errorf("%w: where labels have names, list the names in the order of the model's classes", err)
	}
	label := int(number)
	if float64(label) != number || label < 0 || label >= maxClasses {
		return 0, row.Errorf("label", "%v is not a class: classes are whole numbers from 0 to %d", number, maxClasses-1)
	}
	return label, nil
}

// pair reads a text and what is to be written for it.
func pair(source, target string) func(table.Row) ([]sample, error) {
	return func(row table.Row) ([]sample, error) {
		a, err := row.Text(source)
		b, err2 := row.Text(target)
		return written(a, b, 0), errors.Join(err, err2)
	}
}

// alone reads a text that is learnt as it is.
func alone(row table.Row) ([]sample, error) {
	text, err := row.Text("text")
	return []sample{{source: text}}, err
}

// openColumns tokenises files by their columns.
func openColumns(files []string, rows table.Options, o TextOptions) (*Text, error) {
	var p preset
	for row, err := range table.Rows(files[0], rows) {
		if err == nil {
			p, err = ofColumns(row, o)
		}
		if err != nil {
			return nil, fmt.Errorf("read data: %w", err)
		}
		break
	}
	if p.samples == nil {
		return nil, fmt.Errorf("%s: there is not one row", files[0])
	}
	b := newBuilder(p, o.Tokenizer, o.Rules)
	var kinds []string
	if p.task != SequenceClassification {
		b.samples = withCategory(p.samples, &kinds)
	}
	if err := b.read(files, rows); err != nil {
		return nil, err
	}
	b.number(kinds)
	if b.task == SequenceClassification && b.classes == 0 {
		b.classes = int(slices.Max(b.text.labels)) + 1
	}
	return b.finish()
}

// withCategory keeps the category of each row, of files that have any.
func withCategory(samples func(table.Row) ([]sample, error), kinds *[]string) func(table.Row) ([]sample, error) {
	return func(row table.Row) ([]sample, error) {
		if row.Has("category") {
			kind, err := row.Text("category")
			if err != nil {
				return nil, err
			}
			*kinds = append(*kinds, strings.TrimSpace(kind))
		} else if len(*kinds) > 0 {
			_, err := row.Text("category")
			return nil, err
		}
		return samples(row)
	}
}

// number gives the categories of all examples their place in the order of their names.
func (b *builder) number(kinds []string) {
	if len(kinds) == 0 {
		return
	}
	names := map[string]int32{}
	for _, kind := range kinds {
		names[kind] = 0
	}
	b.text.names = slices.Sorted(maps.Keys(names))
	for i, name := range b.text.names {
		names[name] = int32(i)
	}
	b.text.categories = make([]int32, len(kinds))
	for i, kind := range kinds {
		b.text.categories[i] = names[kind]
	}
}
