package data

import (
	"cmp"
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
)

// view is some examples of another set, in an order of its own.
type view struct {
	Dataset
	indices []int
	format  Format
}

// textView is a part of a set of text.
type textView struct {
	*view
	texts Texts
}

// Example returns example i as an evaluation needs it.
func (v *textView) Example(i int) Example { return v.texts.Example(v.indices[i]) }

// newView returns the examples at the indices. The classes of images are those that it
// holds; a part of [Texts] is Texts.
func newView(ds Dataset, indices []int) Dataset {
	v := &view{Dataset: ds, indices: indices, format: ds.Format()}
	if v.format.Task == ImageClassification {
		v.format.Classes = 0
		for _, i := range indices {
			v.format.Classes = max(v.format.Classes, ds.Label(i)+1)
		}
	}
	if texts, ok := ds.(Texts); ok {
		return &textView{v, texts}
	}
	return v
}

// Len returns the number of examples.
func (v *view) Len() int { return len(v.indices) }

// Format returns the set's, with the classes of the view.
func (v *view) Format() Format { return v.format }

// Label returns the class of example i.
func (v *view) Label(i int) int { return v.Dataset.Label(v.indices[i]) }

// Batch returns the examples at the indices.
func (v *view) Batch(indices []int) Batch {
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
	return slice(ds, shuffled(ds.Len(), seed), part, parts)
}

// ByCategory returns the examples whose label, or category, leaves the remainder part when
// divided by parts: with as many parts as categories each part has one, whole. Parts may be
// empty, and are as large as their categories are.
func ByCategory(ds Dataset, part, parts int) Dataset {
	if part < 0 || part >= parts {
		panic(fmt.Sprintf("data: part %d of %d", part, parts))
	}
	return newView(ds, slices.DeleteFunc(identity(ds.Len()), func(i int) bool { return ds.Label(i)%parts != part }))
}

// Split returns two parts of a set: held out is the share of the examples, rounded to the
// nearest number, that a random order begins with, the same for the same seed; train is the
// rest. Both keep the order of the set. Of a share outside 0 to 1 everything is in one part.
func Split(ds Dataset, share float64, seed uint64) (train, held Dataset) {
	order := shuffled(ds.Len(), seed)
	n := max(0, min(len(order), int(math.Round(share*float64(len(order))))))
	slices.Sort(order[:n])
	slices.Sort(order[n:])
	return newView(ds, order[n:]), newView(ds, order[:n])
}

// shuffled returns 0, 1, … n−1 in a random order.
func shuffled(n int, seed uint64) []int {
	order := identity(n)
	r := rand.New(rand.NewPCG(seed, 0))
	r.Shuffle(n, func(i, j int) { order[i], order[j] = order[j], order[i] })
	return order
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
