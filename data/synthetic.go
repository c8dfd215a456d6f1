package data

import (
	"encoding/binary"
	"math/rand/v2"
	"slices"

	"github.com/gradientlearning/cola/linalg"
)

// synthetic makes its examples up as they are drawn: nothing is stored.
type synthetic struct {
	examples int
	shape    []int
	classes  int
	seed     uint64
	centres  [][]float32 // by class; the same for every seed
}

// Synthetic returns a data set for tests and measurements. Example i has the class
// i mod classes, and lies around that class's centre, with a standard deviation of 1 in
// each dimension. Centres do not depend on the seed, so that another seed is a test set.
// There are no more classes than examples.
func Synthetic(examples int, shape []int, classes int, seed uint64) Dataset {
	s := &synthetic{examples: examples, shape: slices.Clone(shape), classes: min(classes, examples), seed: seed}
	for c := range s.classes {
		r := source(0x636f6c61, uint64(c))
		centre := make([]float32, linalg.Elements(shape))
		for j := range centre {
			centre[j] = float32(r.NormFloat64())
		}
		s.centres = append(s.centres, centre)
	}
	return s
}

// source returns the random numbers of one stream of a seed: streams share none.
func source(seed, stream uint64) *rand.Rand {
	var key [32]byte
	binary.LittleEndian.PutUint64(key[:], seed)
	binary.LittleEndian.PutUint64(key[8:], stream)
	return rand.New(rand.NewChaCha8(key))
}

// Len returns the number of examples.
func (s *synthetic) Len() int { return s.examples }

// Format returns the shape and the number of classes.
func (s *synthetic) Format() Format {
	return Format{Task: ImageClassification, Shape: s.shape, Classes: s.classes}
}

// Label returns i mod classes.
func (s *synthetic) Label(i int) int { return i % s.classes }

// Batch makes the examples at the indices.
func (s *synthetic) Batch(indices []int) Batch {
	size := linalg.Elements(s.shape)
	inputs := linalg.New(linalg.F32, append([]int{len(indices)}, s.shape...)...)
	labels := linalg.New(linalg.I32, len(indices))
	for row, i := range indices {
		r := source(s.seed+1, uint64(i))
		for j, c := range s.centres[s.Label(i)] {
			inputs.F32()[row*size+j] = c + float32(r.NormFloat64())
		}
		labels.I32()[row] = int32(s.Label(i))
	}
	return Batch{Inputs: inputs, Labels: labels}
}
