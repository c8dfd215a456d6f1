package model_test

import (
	"math"
	"math/rand/v2"
	"testing"

	"github.com/gradientlearning/cola/adapter"
	"github.com/gradientlearning/cola/linalg"
	"github.com/gradientlearning/cola/model"
)

// Linear adapters, merged, from scratch, have the loss curve of plain full training on the
// tape: to 1e-5 over 200 steps of SGD. The one moves ΔW by tuples and multiplies with
// W₀ + ΔW, the other moves W itself.
//
// Where the largest two inputs of a max-pool agree to the last bit, the two may choose
// differently and follow different, equally right gradients from there. The wider a network
// and the larger its steps, the sooner that happens: at the cnn's widths in the paper and a
// rate of 0.03 after some tens of steps, at 0.003 not once in 200 from three seeds.
func TestLinearAdaptersTrainTheWholeModel(t *testing.T) {
	const rows, cycle = 4, 4
	paperSteps := 200
	if testing.Short() {
		paperSteps = 20
	}
	for _, c := range []struct {
		name   string
		config model.Config
		steps  int
		rate   float32
	}{
		{"linear", model.Config{Type: "linear", Input: []int{8, 8, 1}, Classes: 10}, 200, 0.01},
		{"mlp", model.Config{Type: "mlp", Input: []int{8, 8, 1}, Classes: 10}, 200, 0.01},
		{"cnn", model.Config{Type: "cnn", Input: []int{8, 8, 1}, Classes: 10, Hidden: []int{16, 24, 32, 40}}, 200, 0.03},
		{"cnn of the paper", model.Config{Type: "cnn", Input: []int{8, 8, 1}, Classes: 10}, paperSteps, 0.003},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			full, frozen := newBase(t, c.config), newBase(t, c.config)
			own := zeroAdapters(t, frozen)
			examples := easyExamples(full, cycle*rows)
			var first, last, worst float64
			for step := range c.steps {
				lo := step % cycle * rows
				batch := &model.Batch{
					Inputs: examples.Inputs.RowRange(lo, lo+rows), Labels: examples.Labels.RowRange(lo, lo+rows),
					Owners: []model.Owner{{Participant: "ada", Hi: rows, Scale: 1.0 / rows}},
				}
				want := trainFully(t, full, batch, c.rate)
				got := trainAdapters(t, frozen, own, batch, c.rate)
				worst = max(worst, math.Abs(got-want)/want)
				if math.Abs(got-want) > 1e-5*want {
					t.Fatalf("step %d: loss %.9g with adapters, %.9g with full training", step, got, want)
				}
				if step < cycle {
					first += want
				}
				if step >= c.steps-cycle {
					last += want
				}
			}
			t.Logf("mean loss %.3g first, %.3g last; largest relative difference %.2g", first/cycle, last/cycle, worst)
			if last > 0.995*first {
				t.Errorf("nothing was learned that could be compared: mean loss %g first, %g last", first/cycle, last/cycle)
			}
		})
	}
}

// zeroAdapters are linear adapters with bias as they begin.
func zeroAdapters(t *testing.T, b *model.Base) []adapter.Adapter {
	var list []adapter.Adapter
	for _, s := range b.Sites() {
		list = append(list, must[adapter.Adapter](t)(adapter.New(s, adapter.Spec{Kind: adapter.Linear, Bias: true}, adapter.Rand(1, "ada", s.Name))))
	}
	return list
}

// easyExamples are noisy copies of one pattern for each class.
func easyExamples(b *model.Base, n int) *model.Batch {
	batch := newBatch(b, n)
	r := rand.New(rand.NewPCG(8, 8))
	patterns := normal(r, 1, append([]int{b.Config().Classes}, b.Config().Input...)...)
	for i := range n {
		label := int(batch.Labels.I32()[i])
		for j, v := range patterns.RowRange(label, label+1).F32() {
			x := batch.Inputs.RowRange(i, i+1).F32()
			x[j] = 2*v + 0.2*x[j]
		}
	}
	return batch
}

// trainFully takes one step of SGD on the base model's own parameters.
func trainFully(t *testing.T, b *model.Base, batch *model.Batch, rate float32) float64 {
	t.Helper()
	grads, result := classical(t, b, batch, true)
	next := map[string]linalg.Blob{}
	for _, p := range b.Parameters() {
		b.Device().Axpy(p.Value, -rate, grads.Base[p.Name])
		next[p.Name] = p.Value.Blob(p.Name)
	}
	if err := b.Load(next); err != nil {
		t.Fatal(err)
	}
	return result.Loss[0]
}

// trainAdapters takes one step of SGD on merged adapters, from tuples.
func trainAdapters(t *testing.T, b *model.Base, own []adapter.Adapter, batch *model.Batch, rate float32) float64 {
	t.Helper()
	if err := b.Merge(deltas(t, b, own)); err != nil {
		t.Fatal(err)
	}
	result, s := pass(t, b, batch, model.Merged)
	for i, a := range own {
		for j, g := range learn(b, s, i, batch.Owners[0], a) {
			b.Device().Axpy(a.Params()[j].Value, -rate, g)
		}
	}
	return result.Loss[0]
}
