package data

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/gradientlearning/cola/data/table"
)

// preset says what to make of the rows of a published data set.
type preset struct {
	task Task
	// folders are names that published forms give the folder of this set among others, beside
	// its own.
	folders []string
	// classes of seq-cls; 1: a regression.
	classes int
	// categories are what a split by label goes by; of seq-cls the names of the classes.
	categories []string
	// prompts says that causal-lm has a prompt and a response.
	prompts bool
	// marker is the end of each prompt, with the space before it.
	marker string
	// newTokens is how many tokens the ColA paper generates.
	newTokens int
	// targetBound is how many tokens it keeps of a target; 0: as many as of a text.
	targetBound int
	// together says that rows with the same source are one question: each one's target is a
	// reference of all.
	together bool
	// samples returns what is in a row.
	samples func(table.Row) ([]sample, error)
}

// presets are the tasks of the ColA paper by name. Texts, prompts and targets are put
// together as its code does.
var presets = map[string]preset{
	"cola": glue([]string{"unacceptable", "acceptable"}, "sentence"),
	"mnli": glue([]string{"entailment", "neutral", "contradiction"}, "premise", "hypothesis"),
	"mrpc": glue([]string{"not_equivalent", "equivalent"}, "sentence1", "sentence2"),
	"qnli": glue([]string{"entailment", "not_entailment"}, "question", "sentence"),
	"qqp":  glue([]string{"not_duplicate", "duplicate"}, "question1", "question2"),
	"rte":  glue([]string{"entailment", "not_entailment"}, "sentence1", "sentence2"),
	"sst2": glue([]string{"negative", "positive"}, "sentence"),
	"stsb": glue(nil, "sentence1", "sentence2"),

	"fpb": {
		task: SequenceToSequence, folders: []string{"sentences_allagree"}, categories: phraseBankLabels,
		newTokens: 10, targetBound: 3, samples: phraseBank,
	},
	"wikisql": {task: SequenceToSequence, newTokens: 128, samples: wikiSQL},
	"samsum":  {task: SequenceToSequence, newTokens: 128, samples: dialogue},
	"e2e":     {task: SequenceToSequence, newTokens: 128, together: true, samples: restaurant},
	"webnlg": {
		task: SequenceToSequence, folders: []string{"webnlg_challenge_2017"}, categories: webNLGCategories,
		newTokens: 128, samples: webNLG,
	},
	"dart":  {task: SequenceToSequence, newTokens: 128, samples: dart},
	"dolly": {task: CausalLM, categories: dollyCategories, prompts: true, marker: " response: ", newTokens: 40, samples: dolly},
}

// Presets returns the names of the tasks of the ColA paper that [OpenText] knows.
func Presets() []string { return slices.Sorted(maps.Keys(presets)) }

// either returns the first of the names that the row has a column for, or else the first.
func either(row table.Row, names ...string) string {
	for _, name := range names {
		if row.Has(name) {
			return name
		}
	}
	return names[0]
}

// oneOf returns the index of a cell among names; a whole number is the index itself.
func oneOf(row table.Row, column string, names []string) (int, error) {
	text, err := row.Text(column)
	if err != nil {
		return 0, err
	}
	if i := slices.Index(names, strings.TrimSpace(text)); i >= 0 {
		return i, nil
	}
	number, err := row.Number(column)
	if err != nil {
		return 0, row.Errorf(column, "%q is none of %s", text, strings.Join(names, ", "))
	}
	if i := int(number); float64(i) == number && i >= 0 && i < len(names) {
		return i, nil
	}
	return 0, row.Errorf(column, "the label is %s and there are 0 to %d (%s)", text, len(names)-1, strings.Join(names, ", "))
}

// texts returns the texts of a cell: a list of texts, a list of objects with the field, or an
// object with a list in the field.
func texts(row table.Row, column, field string) ([]string, error) {
	v, ok := row.Value(column)
	if object, isObject := v.(table.Object); ok && isObject {
		_, named := object.Get(field)
		if !named {
			return nil, row.Errorf(column, "it has no %q", field)
		}
		return row.Texts(row.Column(column) + "." + field)
	}
	list, err := row.List(column)
	if err != nil {
		return nil, err
	}
	found := make([]string, 0, len(list))
	for i, e := range list {
		if object, ok := e.(table.Object); ok {
			e, _ = object.Get(field)
		}
		text, ok := e.(string)
		if !ok {
			return nil, row.Errorf(column, "entry %d is %s, not text", i+1, table.Kind(e))
		}
		found = append(found, text)
	}
	return found, nil
}

// read tokenises all rows of files.
func (b *builder) read(files []string, o table.Options) error {
	var sources []string
	for _, file := range files {
		for row, err := range table.Rows(file, o) {
			if err != nil {
				return fmt.Errorf("read data: %w", err)
			}
			samples, err := b.samples(row)
			if err != nil {
				return err
			}
			for _, s := range samples {
				if err := b.add(s, row.Where()); err != nil {
					return err
				}
				if b.together {
					sources = append(sources, s.source)
				}
			}
		}
	}
	b.share(sources)
	return nil
}

// share gives examples of the same source each other's references.
func (b *builder) share(sources []string) {
	all := map[string][]string{}
	for i, source := range sources {
		all[source] = append(all[source], b.text.references[i]...)
	}
	for i, source := range sources {
		b.text.references[i] = all[source]
	}
}
