package data

import (
	"slices"

	"github.com/gradientlearning/cola/linalg"
)

// Texts is a data set of text, or a part of one: what a model writes for its examples can be
// compared with what people wrote.
type Texts interface {
	Dataset
	// Example returns example i as an evaluation needs it.
	Example(i int) Example
}

// Example is one example of text.
type Example struct {
	// Prompt is what a model reads, or goes on from: of causal-lm without the response.
	Prompt []int32
	// References are texts that are right answers, all that the data set has for the
	// example; none of a classification, or where there is no prompt.
	References []string
	// NewTokens is how many tokens an answer may have: as many as in the ColA paper.
	NewTokens int
	// Where is the file and the line that the example is from.
	Where string
}

// Text is a data set of tokenised text.
type Text struct {
	format     Format
	tokens     spans
	targets    spans     // of seq2seq-lm
	from       []int32   // of causal-lm: where the loss begins in each example
	labels     []int32   // of seq-cls with classes
	numbers    []float32 // of a regression
	categories []int32
	names      []string // of the categories

	prompts    spans // of causal-lm with prompts: they may be longer than in training
	references [][]string
	places     []string
	newTokens  int
	truncated  int
}

// spans are many lists of ids behind each other.
type spans struct {
	ids  []int32
	ends []int
}

func (s *spans) add(ids []int32) {
	s.ids = append(s.ids, ids...)
	s.ends = append(s.ends, len(s.ids))
}

// at returns list i; it may not be changed.
func (s *spans) at(i int) []int32 {
	from := 0
	if i > 0 {
		from = s.ends[i-1]
	}
	return s.ids[from:s.ends[i]:s.ends[i]]
}

// pack returns the lists at the indices behind each other, and where each begins.
func (s *spans) pack(indices []int) (ids *linalg.Tensor, starts []int32) {
	starts = make([]int32, len(indices))
	n := 0
	for row, i := range indices {
		starts[row] = int32(n)
		n += len(s.at(i))
	}
	ids = linalg.New(linalg.I32, n)
	for row, i := range indices {
		copy(ids.I32()[starts[row]:], s.at(i))
	}
	return ids, starts
}

// Len returns the number of examples.
func (t *Text) Len() int { return len(t.tokens.ends) }

// Format returns the task, the classes and what the tokens are.
func (t *Text) Format() Format { return t.format }

// Categories returns the names of the categories that [Text.Label] numbers; of a
// classification the names of its classes. It is nil where there are none.
func (t *Text) Categories() []string { return slices.Clone(t.names) }

// Truncated returns how many examples lost tokens to the rules.
func (t *Text) Truncated() int { return t.truncated }

// Tokens returns the number of tokens that a model reads in all examples, targets included.
func (t *Text) Tokens() int { return len(t.tokens.ids) + len(t.targets.ids) }

// Label returns the class of example i, or else its category.
func (t *Text) Label(i int) int {
	switch {
	case t.labels != nil:
		return int(t.labels[i])
	case t.categories != nil:
		return int(t.categories[i])
	}
	return 0
}

// Example returns example i as an evaluation needs it.
func (t *Text) Example(i int) Example {
	e := Example{Prompt: t.tokens.at(i), NewTokens: t.newTokens, Where: t.places[i]}
	if t.prompts.ends != nil {
		e.Prompt = t.prompts.at(i)
	}
	if t.references != nil {
		e.References = t.references[i]
	}
	return e
}

// Batch returns the examples at the indices.
func (t *Text) Batch(indices []int) Batch {
	b := Batch{}
	b.Inputs, b.Starts = t.tokens.pack(indices)
	switch {
	case t.format.Task == SequenceToSequence:
		b.Labels, b.LabelStarts = t.targets.pack(indices)
	case t.format.Task == CausalLM:
		b.Labels = linalg.New(linalg.I32, b.Inputs.Shape()[0])
		labels := b.Labels.I32()
		copy(labels, b.Inputs.I32())
		for row, i := range indices {
			prompt := labels[b.Starts[row]:][:t.from[i]]
			for j := range prompt {
				prompt[j] = Ignored
			}
		}
	case t.numbers != nil:
		b.Labels = linalg.New(linalg.F32, len(indices))
		for row, i := range indices {
			b.Labels.F32()[row] = t.numbers[i]
		}
	default:
		b.Labels = linalg.New(linalg.I32, len(indices))
		for row, i := range indices {
			b.Labels.I32()[row] = t.labels[i]
		}
	}
	return b
}
