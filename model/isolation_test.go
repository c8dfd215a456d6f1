package model_test

import (
	"runtime"
	"slices"
	"testing"

	"github.com/gradientlearning/cola/linalg"
	"github.com/gradientlearning/cola/model"
)

// A participant gets the same bits alone as among others, for any number of threads: its
// loss, its x, its g.
func TestIsolation(t *testing.T) {
	modes := []model.Mode{model.Detached, model.Unmerged, model.Merged}
	configs := append(slices.Clone(small), model.Config{Type: "mlp", Input: []int{12, 12, 1}, Classes: 10})
	for _, c := range configs {
		b := newBase(t, c)
		together := newBatch(b, 5, 1, 37, 6)
		if err := b.Merge(deltas(t, b, newAdapters(t, b, "all", kinds[0]))); err != nil {
			t.Fatal(err)
		}
		for _, mode := range modes {
			batch := *together
			batch.Owners = slices.Clone(together.Owners)
			if mode != model.Merged {
				adapted(t, b, &batch)
			}
			var first *tuples
			for _, threads := range []int{2, 1} {
				restore := runtime.GOMAXPROCS(threads)
				result, s := pass(t, b, &batch, mode)
				if first == nil {
					first = s
				}
				for i := range b.Sites() {
					if !sameBits(s.x[i], first.x[i]) || !sameBits(s.g[i], first.g[i]) {
						t.Errorf("%s, %s: site %d differs between 2 threads and %d", c.Type, mode, i, threads)
					}
				}
				for k, o := range batch.Owners {
					alone := &model.Batch{
						Inputs: batch.Inputs.RowRange(o.Lo, o.Hi), Labels: batch.Labels.RowRange(o.Lo, o.Hi),
						Owners: []model.Owner{{Participant: o.Participant, Hi: o.Hi - o.Lo, Adapters: o.Adapters, Scale: o.Scale}},
					}
					own, ownTuples := pass(t, b, alone, mode)
					if own.Loss[0] != result.Loss[k] || own.Correct[0] != result.Correct[k] {
						t.Errorf("%s, %s, %s: loss %v alone, %v together", c.Type, mode, o.Participant, own.Loss[0], result.Loss[k])
					}
					for i := range b.Sites() {
						mine := func(t *linalg.Tensor) *linalg.Tensor { return t.RowRange(o.Lo, o.Hi) }
						if !sameBits(ownTuples.x[i], mine(s.x[i])) || !sameBits(ownTuples.g[i], mine(s.g[i])) {
							t.Errorf("%s, %s, %s: the tuple of site %d differs alone and together, %d threads", c.Type, mode, o.Participant, i, threads)
						}
					}
				}
				runtime.GOMAXPROCS(restore)
			}
		}
	}
}
