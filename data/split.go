package data

import (
	"cmp"
	"fmt"
	"math/rand/v2"
	"slices"

	"github.com/gradientlearning/cola/linalg"
)

// view is some examples of another set, in an order of its own.
type view struct {
	Dataset
	indices []int
	classes int
}

// newView returns the examples at the indices. Its classes are those that it holds.
func newView(ds Dataset, indices []int) Dataset {
	v := &view{Dataset: ds, indices: indices}
	for _, i := range indices {
		v.classes = max(v.classes, ds.Label(i)+1)
	}
	return v
}

// Len returns the number of examples.
func (v *view) Len() int { return len(v.indices) }

// Classes returns 1 + the largest label in the view.
func (v *view) Classes() int { return v.classes }

// Label returns the class of example i.
func (v *view) Label(i int) int { return v.Dataset.Label(v.indices[i]) }

// Batch returns the examples at the indices.
func (v *view) Batch(indices []int) (inputs, labels *linalg.Tensor) {
	inner := make([]int, len(indices))
	for j, i := range indices {
		inner[j] = v.indices[i]
	}
	return v.Dataset.Batch(inner)
}

// ByLabel returns part of parts of the examples sorted by label: each participant has a
// few classes only. Parts differ by at most one example in size, and every example is
// in exactly one.
func ByLabel(ds Dataset, part, parts int) Dataset {
	order := identity(ds.Len())
	slices.SortStableFunc(order, func(a, b int) int { return cmp.Compare(ds.Label(a), ds.Label(b)) })
	return slice(ds, order, part, parts)
}

// Shuffled returns part of parts of the examples in a random order, the same for the same
// seed: each participant has some of everything. Parts are as even as [ByLabel]'s.
func Shuffled(ds Dataset, part, parts int, seed uint64) Dataset {
	order := identity(ds.Len())
	r := rand.New(rand.NewPCG(seed, 0))
	r.Shuffle(len(order), func(i, j int) { order[i], order[j] = order[j], order[i] })
	return slice(ds, order, part, parts)
}

// Head returns the first n examples, or all if there are not so many.
func Head(ds Dataset, n int) Dataset { return newView(ds, identity(min(n, ds.Len()))) }

// identity returns 0, 1, … n−1.
func identity(n int) []int {
	order := make([]int, n)
	for i := range order {
		order[i] = i
	}
	return order
}

// slice returns part of parts of the examples in the given order.
func slice(ds Dataset, order []int, part, parts int) Dataset {
	if part < 0 || part >= parts {
		panic(fmt.Sprintf("data: part %d of %d", part, parts))
	}
	return newView(ds, order[part*len(order)/parts:(part+1)*len(order)/parts])
}
