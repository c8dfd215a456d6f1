package data

import "github.com/gradientlearning/cola/linalg"

// Task says what a model is asked, and with it what a batch holds.
type Task string

// The tasks.
const (
	ImageClassification    Task = "image-cls"  // the class of an image
	SequenceClassification Task = "seq-cls"    // the class of a text, or a number
	CausalLM               Task = "causal-lm"  // the next token of a text
	SequenceToSequence     Task = "seq2seq-lm" // a text for a text
)

// Dataset is a labelled set of examples that batches are drawn from.
type Dataset interface {
	// Len returns the number of examples.
	Len() int
	// Format says what a model must be like to take the examples.
	Format() Format
	// Label returns what a split by label sorts example i by: its class, or the category
	// of a text; 0 where there is none.
	Label(i int) int
	// Batch returns the examples at the indices, in their order, preprocessed.
	Batch(indices []int) Batch
}

// Format is what a model must fit.
type Format struct {
	Task Task
	// Shape of one image: (height, width, channels); nil for text.
	Shape []int
	// Classes is 1 + the largest label; 1 for a regression, 0 for language models.
	Classes int
	// Vocabulary is 1 + the largest token id that may come; 0 for images.
	Vocabulary int
	// Longest is the number of tokens of the longest example, or target; 0 for images.
	Longest int
	// Tokenizer is the fingerprint of what made the ids; empty for images.
	Tokenizer string
}

// Regression reports whether labels are numbers.
func (f Format) Regression() bool { return f.Task == SequenceClassification && f.Classes == 1 }

// Batch is some examples behind each other, never padded.
type Batch struct {
	// Inputs are images (examples, height, width, channels) in F32, or the ids (tokens) of
	// texts in I32.
	Inputs *linalg.Tensor
	// Starts are the first tokens of the texts in Inputs; nil for images.
	Starts []int32
	// Labels depend on the task:
	//
	//	image-cls   classes (examples), I32
	//	seq-cls     classes (examples), I32; of a regression numbers, F32
	//	causal-lm   ids (tokens), I32: a token's own, which the token before it is to
	//	            predict; −100 where no loss is wanted
	//	seq2seq-lm  ids (target tokens), I32, or −100
	Labels *linalg.Tensor
	// LabelStarts are the first target tokens of the texts, of seq2seq-lm alone.
	LabelStarts []int32
}

// Ignored is the label that stands for no loss.
const Ignored = -100
