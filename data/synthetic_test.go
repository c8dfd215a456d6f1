package data_test

import (
	"math"
	"slices"
	"testing"

	"github.com/gradientlearning/cola/data"
)

func TestSyntheticIsRepeatable(t *testing.T) {
	a, b := open(t, "synthetic:30:2x3x1:3:7"), data.Synthetic(30, []int{2, 3, 1}, 3, 7)
	if !slices.Equal(fingerprint(t, a), fingerprint(t, b)) {
		t.Error("the same seed made other examples")
	}
	if slices.Equal(fingerprint(t, a), fingerprint(t, data.Synthetic(30, []int{2, 3, 1}, 3, 8))) {
		t.Error("another seed made the same examples")
	}
	one, _ := tensors(a.Batch([]int{17}))
	many, _ := tensors(a.Batch([]int{3, 17, 3}))
	if !slices.Equal(one.F32(), many.F32()[6:12]) || !slices.Equal(many.F32()[:6], many.F32()[12:]) {
		t.Error("an example depends on what it is drawn with")
	}
	if a.Len() != 30 || a.Format().Classes != 3 || !slices.Equal(a.Format().Shape, []int{2, 3, 1}) {
		t.Errorf("%d examples of %d classes, shape %v", a.Len(), a.Format().Classes, a.Format().Shape)
	}
	if got := data.Synthetic(2, []int{1, 1, 1}, 5, 1).Format().Classes; got != 2 {
		t.Errorf("two examples have %d classes", got)
	}
}

// TestSyntheticCanBeLearnt classifies one set by the class means of another.
func TestSyntheticCanBeLearnt(t *testing.T) {
	const classes, size = 4, 64
	shape := []int{8, 8, 1}
	all := data.NewSampler(400, 400, 1, "").Batch(0)
	inputs, labels := tensors(data.Synthetic(400, shape, classes, 1).Batch(all))
	var means [classes][size]float64
	for row, class := range labels.I32() {
		for j := range size {
			means[class][j] += float64(inputs.F32()[row*size+j]) / 100
		}
	}
	inputs, labels = tensors(data.Synthetic(400, shape, classes, 2).Batch(all))
	correct := 0
	for row, class := range labels.I32() {
		nearest, least := -1, math.Inf(1)
		for c := range classes {
			distance := 0.0
			for j := range size {
				d := float64(inputs.F32()[row*size+j]) - means[c][j]
				distance += d * d
			}
			if distance < least {
				nearest, least = c, distance
			}
		}
		if nearest == int(class) {
			correct++
		}
	}
	if accuracy := data.Accuracy(correct, 400); accuracy < 0.99 {
		t.Errorf("class means of one seed name %.1f %% of another's examples rightly", 100*accuracy)
	}
}
