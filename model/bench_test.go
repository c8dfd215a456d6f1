package model_test

import (
	"fmt"
	"testing"

	"github.com/gradientlearning/cola/linalg"
	"github.com/gradientlearning/cola/model"
)

// discard is a sink that drops everything.
type discard struct{}

func (discard) Input(int, *linalg.Tensor, []model.Rows)    {}
func (discard) Gradient(int, *linalg.Tensor, []model.Rows) {}

// BenchmarkPass runs the paper's models on images of MNIST's size, merged and unmerged with
// one low-rank adapter a site and owner.
func BenchmarkPass(b *testing.B) {
	for _, c := range []struct {
		kind string
		rows int
	}{{"linear", 256}, {"mlp", 256}, {"cnn", 8}} {
		base := newBase(b, model.Config{Type: c.kind, Input: []int{28, 28, 1}, Classes: 10})
		merged := newBatch(base, c.rows/2, c.rows/2)
		unmerged := adapted(b, base, newBatch(base, c.rows/2, c.rows/2))
		for mode, batch := range map[model.Mode]*model.Batch{model.Merged: merged, model.Unmerged: unmerged} {
			b.Run(fmt.Sprintf("%s/%s/%d", c.kind, mode, c.rows), func(b *testing.B) {
				b.ReportAllocs()
				for b.Loop() {
					if _, err := base.Pass(batch, mode, discard{}); err != nil {
						b.Fatal(err)
					}
				}
				b.ReportMetric(float64(c.rows)*float64(b.N)/b.Elapsed().Seconds(), "examples/s")
			})
		}
	}
}

// BenchmarkMerge makes the working copy anew.
func BenchmarkMerge(b *testing.B) {
	for _, kind := range []string{"mlp", "cnn"} {
		base := newBase(b, model.Config{Type: kind, Input: []int{28, 28, 1}, Classes: 10})
		d := deltas(b, base, newAdapters(b, base, "ada", kinds[1]))
		b.Run(kind, func(b *testing.B) {
			for b.Loop() {
				if err := base.Merge(d); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
