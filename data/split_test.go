package data_test

import (
	"fmt"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/gradientlearning/cola/data"
	"github.com/gradientlearning/cola/linalg"
)

// fingerprint tells the examples of a synthetic set apart: by their first number.
func fingerprint(t *testing.T, ds data.Dataset) []float32 {
	t.Helper()
	all := make([]int, ds.Len())
	for i := range all {
		all[i] = i
	}
	inputs, labels := tensors(ds.Batch(all))
	prints := make([]float32, ds.Len())
	for i := range prints {
		prints[i] = inputs.F32()[i*inputs.Cols()]
		if int(labels.I32()[i]) != ds.Label(i) {
			t.Errorf("example %d is drawn with class %d, Label says %d", i, labels.I32()[i], ds.Label(i))
		}
	}
	return prints
}

// TestPartsAreAPartition checks that every example is in exactly one part, and that parts
// are as even as can be.
func TestPartsAreAPartition(t *testing.T) {
	splits := map[string]func(ds data.Dataset, part, parts int) data.Dataset{
		"by label": data.ByLabel,
		"shuffled": func(ds data.Dataset, part, parts int) data.Dataset { return data.Shuffled(ds, part, parts, 9) },
	}
	for _, n := range []int{1, 7, 60, 61} {
		whole := data.Synthetic(n, []int{1, 2, 1}, 4, 3)
		want := fingerprint(t, whole)
		slices.Sort(want)
		for name, split := range splits {
			for _, parts := range []int{1, 2, 7, 8, 61} {
				var got []float32
				smallest, largest := n, 0
				for part := range parts {
					p := split(whole, part, parts)
					smallest, largest = min(smallest, p.Len()), max(largest, p.Len())
					got = append(got, fingerprint(t, p)...)
				}
				slices.Sort(got)
				where := fmt.Sprintf("%s, %d examples in %d parts", name, n, parts)
				if !slices.Equal(got, want) {
					t.Errorf("%s: not each example once", where)
				}
				if largest-smallest > 1 {
					t.Errorf("%s: parts of %d to %d examples", where, smallest, largest)
				}
			}
		}
	}
}

func TestByLabelSortsAndKeepsOrder(t *testing.T) {
	whole := data.Synthetic(20, []int{1, 1, 1}, 4, 3)
	prints := fingerprint(t, whole)
	var got []float32
	var classes []int
	for part := range 3 {
		p := data.ByLabel(whole, part, 3)
		got = append(got, fingerprint(t, p)...)
		classes = append(classes, p.Format().Classes)
	}
	var want []float32
	for class := range 4 {
		for i := class; i < 20; i += 4 {
			want = append(want, prints[i])
		}
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("not sorted by class with the order kept within one (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff([]int{2, 3, 4}, classes); diff != "" {
		t.Errorf("1 + the largest label of each part (-want +got):\n%s", diff)
	}
}

func TestShuffled(t *testing.T) {
	whole := data.Synthetic(500, []int{1, 1, 1}, 5, 3)
	same := fingerprint(t, data.Shuffled(whole, 0, 2, 1))
	if !slices.Equal(same, fingerprint(t, data.Shuffled(whole, 0, 2, 1))) {
		t.Error("the same seed gave another order")
	}
	if slices.Equal(same, fingerprint(t, data.Shuffled(whole, 0, 2, 2))) {
		t.Error("another seed gave the same order")
	}
	for class, n := range counts(data.Shuffled(whole, 0, 2, 1)) {
		if n < 30 || n > 70 {
			t.Errorf("half of the data has %d of the 100 examples of class %d", n, class)
		}
	}
}

func TestHead(t *testing.T) {
	whole := data.Synthetic(10, []int{1, 1, 1}, 5, 3)
	prints := fingerprint(t, whole)
	for _, n := range []int{0, 3, 10, 11} {
		if got, want := fingerprint(t, data.Head(whole, n)), prints[:min(n, 10)]; !slices.Equal(got, want) {
			t.Errorf("the first %d examples are %v, want %v", n, got, want)
		}
	}
	if got := fingerprint(t, data.Head(data.ByLabel(whole, 1, 2), 2)); !slices.Equal(got, []float32{prints[7], prints[3]}) {
		t.Errorf("a view of a view holds %v, want %v", got, []float32{prints[7], prints[3]})
	}
}

func TestPartOutOfRangePanics(t *testing.T) {
	for _, part := range []int{-1, 2} {
		func() {
			defer func() {
				if recover() == nil {
					t.Errorf("part %d of 2 is no programmer's error?", part)
				}
			}()
			data.ByLabel(data.Synthetic(4, []int{1, 1, 1}, 2, 1), part, 2)
		}()
	}
}

// tensors returns the inputs and labels of a batch of images.
func tensors(b data.Batch) (inputs, labels *linalg.Tensor) { return b.Inputs, b.Labels }

func TestByCategory(t *testing.T) {
	whole := data.Synthetic(20, []int{2, 2, 1}, 5, 1)
	seen := 0
	for part := range 5 {
		p := data.ByCategory(whole, part, 5)
		seen += p.Len()
		for i := range p.Len() {
			if p.Label(i) != part {
				t.Errorf("part %d has an example of %d", part, p.Label(i))
			}
		}
	}
	if seen != 20 {
		t.Errorf("%d examples in all parts", seen)
	}
	if p := data.ByCategory(whole, 1, 2); p.Len() != 8 || p.Label(0) != 1 || p.Label(1) != 3 {
		t.Errorf("one of two parts has %d examples", p.Len())
	}
	defer func() {
		if recover() == nil {
			t.Error("part 2 of 2 is taken")
		}
	}()
	data.ByCategory(whole, 2, 2)
}

func TestSplitHoldsOut(t *testing.T) {
	whole := data.Synthetic(50, []int{2, 2, 1}, 5, 1)
	for share, want := range map[float64]int{0: 0, 0.1: 5, 0.25: 13, 1: 50, -1: 0, 2: 50} {
		train, held := data.Split(whole, share, 7)
		if held.Len() != want || train.Len() != 50-want {
			t.Errorf("a share of %v holds %d out and leaves %d", share, held.Len(), train.Len())
		}
		all := append(fingerprint(t, train), fingerprint(t, held)...)
		slices.Sort(all)
		sorted := fingerprint(t, whole)
		slices.Sort(sorted)
		if diff := cmp.Diff(sorted, all); diff != "" {
			t.Errorf("a share of %v loses or repeats examples (-want +got):\n%s", share, diff)
		}
	}
	_, first := data.Split(whole, 0.2, 7)
	_, again := data.Split(whole, 0.2, 7)
	_, other := data.Split(whole, 0.2, 8)
	if !slices.Equal(fingerprint(t, first), fingerprint(t, again)) || slices.Equal(fingerprint(t, first), fingerprint(t, other)) {
		t.Error("what is held out does not follow from the seed")
	}
}
