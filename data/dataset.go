package data

import "github.com/gradientlearning/cola/linalg"

// Dataset is a labelled set of examples that batches are drawn from.
type Dataset interface {
	// Len returns the number of examples.
	Len() int
	// Shape returns the dimensions of one input: (height, width, channels).
	Shape() []int
	// Classes returns the number of classes: 1 + the largest label.
	Classes() int
	// Label returns the class of example i.
	Label(i int) int
	// Batch returns the examples at the indices, in their order: inputs
	// (len(indices), Shape...) in F32, preprocessed, and labels (len(indices)) in I32.
	Batch(indices []int) (inputs, labels *linalg.Tensor)
}
