package model_test

import (
	"math"
	"math/rand/v2"
	"testing"

	"github.com/gradientlearning/cola/linalg"
	"github.com/gradientlearning/cola/model"
)

// Every primitive operation against finite differences of the loss, at all its sources.
func TestOperationsAgainstFiniteDifferences(t *testing.T) {
	conv := linalg.Conv{Height: 4, Width: 5, Channels: 2, Kernel: 3, Stride: 1, Padding: 1}
	strided := linalg.Conv{Height: 4, Width: 5, Channels: 2, Kernel: 2, Stride: 2}
	for _, c := range []struct {
		name   string
		shapes [][]int
		build  func(t *model.Tape, v []*model.Var) *model.Var // logits: any matrix
	}{
		{"Product", [][]int{{4, 3}, {5, 3}}, func(t *model.Tape, v []*model.Var) *model.Var { return t.Product(v[0], v[1]) }},
		{"Product of itself", [][]int{{4, 3}}, func(t *model.Tape, v []*model.Var) *model.Var { return t.Product(v[0], v[0]) }},
		{"Add", [][]int{{4, 3}, {4, 3}}, func(t *model.Tape, v []*model.Var) *model.Var { return t.Add(v[0], v[1]) }},
		{"Add to itself", [][]int{{4, 3}}, func(t *model.Tape, v []*model.Var) *model.Var { return t.Add(v[0], v[0]) }},
		{"Scale", [][]int{{4, 3}}, func(t *model.Tape, v []*model.Var) *model.Var { return t.Scale(v[0], -1.5) }},
		{"AddBias", [][]int{{4, 3}, {3}}, func(t *model.Tape, v []*model.Var) *model.Var { return t.AddBias(v[0], v[1]) }},
		{"ReLU", [][]int{{4, 3}}, func(t *model.Tape, v []*model.Var) *model.Var { return t.ReLU(v[0]) }},
		{"Unfold", [][]int{{2, 4, 5, 2}}, func(t *model.Tape, v []*model.Var) *model.Var { return t.Unfold(v[0], conv) }},
		{"Unfold with a stride", [][]int{{2, 4, 5, 2}}, func(t *model.Tape, v []*model.Var) *model.Var { return t.Unfold(v[0], strided) }},
		{"MaxPool", [][]int{{2, 4, 5, 3}}, func(t *model.Tape, v []*model.Var) *model.Var {
			return t.Reshape(t.MaxPool(v[0], 2), 2, 12)
		}},
		{"MeanPool", [][]int{{3, 4, 5, 2}}, func(t *model.Tape, v []*model.Var) *model.Var { return t.MeanPool(v[0]) }},
		{"Reshape", [][]int{{3, 4}}, func(t *model.Tape, v []*model.Var) *model.Var { return t.Reshape(v[0], 2, 6) }},
		{"Rows", [][]int{{5, 3}}, func(t *model.Tape, v []*model.Var) *model.Var { return t.Rows(v[0], 1, 4) }},
		{"Stack", [][]int{{2, 3}, {1, 3}, {3, 3}}, func(t *model.Tape, v []*model.Var) *model.Var {
			return t.Stack(v[0], v[1], t.Rows(v[2], 0, 2), t.Rows(v[2], 1, 3))
		}},
		{"several consumers", [][]int{{4, 4}, {4}}, func(t *model.Tape, v []*model.Var) *model.Var {
			// Each consumer of h hands its gradient back in another way.
			h := t.AddBias(v[0], v[1])
			flat := t.Reshape(t.Reshape(h, 16, 1), 4, 4)
			return t.Add(t.Add(t.ReLU(h), flat), t.Add(h, t.Scale(t.Product(h, v[0]), 0.5)))
		}},
	} {
		t.Run(c.name, func(t *testing.T) {
			r := rand.New(rand.NewPCG(3, uint64(len(c.name))))
			var sources []*linalg.Tensor
			for _, s := range c.shapes {
				sources = append(sources, normal(r, 1, s...))
			}
			_, want := lossOf(sources, c.build)
			for i, source := range sources {
				for j, v := range source.F32() {
					const step = 1.0 / 256
					source.F32()[j] = v + step
					up, _ := lossOf(sources, c.build)
					source.F32()[j] = v - step
					down, _ := lossOf(sources, c.build)
					source.F32()[j] = v
					if slope, got := (up-down)/(2*step), float64(want[i].F32()[j]); math.Abs(slope-got) > 2e-3 {
						t.Errorf("source %d, element %d: gradient %g, finite difference %g", i, j, got, slope)
					}
				}
			}
		})
	}
}

// lossOf builds logits on a tape and returns the weighted loss and the sources' gradients.
func lossOf(sources []*linalg.Tensor, build func(t *model.Tape, v []*model.Var) *model.Var) (float64, []*linalg.Tensor) {
	tape := model.NewTape(linalg.NewCPU(), linalg.F32)
	var vars []*model.Var
	for _, s := range sources {
		vars = append(vars, tape.Parameter(s))
	}
	logits := build(tape, vars)
	n := logits.Value.Rows()
	labels, scale := linalg.New(linalg.I32, n), linalg.New(linalg.F32, n)
	for i := range n {
		labels.I32()[i] = int32(i % logits.Value.Cols())
		scale.F32()[i] = float32(i+1) / 4
	}
	loss := tape.CrossEntropy(logits, labels, scale)
	tape.Backward()
	sum := 0.0
	for i, v := range loss.F32() {
		sum += float64(scale.F32()[i]) * float64(v)
	}
	var grads []*linalg.Tensor
	for _, v := range vars {
		grads = append(grads, v.Gradient())
	}
	return sum, grads
}

// What is not a parameter gets no gradient, and what nothing reaches has none.
func TestOnlyParametersGetGradients(t *testing.T) {
	dev := linalg.NewCPU()
	tape := model.NewTape(dev, linalg.F32)
	r := rand.New(rand.NewPCG(1, 1))
	x, frozen, w, unused := tape.Input(normal(r, 1, 2, 3)), tape.Input(normal(r, 1, 3)), tape.Parameter(normal(r, 1, 3, 3)), tape.Parameter(normal(r, 1, 2))
	tape.CrossEntropy(tape.AddBias(tape.Product(x, w), frozen), linalg.New(linalg.I32, 2), linalg.FromF32([]float32{1, 1}, 2))
	tape.Backward()
	if x.Gradient() != nil || frozen.Gradient() != nil || unused.Gradient() != nil {
		t.Error("a gradient that nobody wants, or that nothing gave")
	}
	if w.Gradient() == nil {
		t.Error("the parameter has no gradient")
	}
}
