package model_test

import (
	"math/rand/v2"
	"testing"

	"github.com/gradientlearning/cola/adapter"
	"github.com/gradientlearning/cola/linalg"
	"github.com/gradientlearning/cola/model"
)

// dollyLengths are every eighth of the 64-quantiles of the tokens of databricks-dolly-15k's
// 14,203 examples, prompt and response, as GPT-2 counts them, cut at 512.
var dollyLengths = []int{26, 42, 62, 86, 118, 167, 240, 409, 18, 33, 50, 71, 97, 134, 190, 512}

// BenchmarkDollyLengths compares a pass over texts of their real lengths with one over the
// same texts padded to the longest, as others compute it: the tokens per second are those
// of the real tokens in both.
func BenchmarkDollyLengths(b *testing.B) {
	base := newBase(b, model.Config{Random: true, Path: folder(b,
		`{"model_type":"gpt2","vocab_size":5000,"n_positions":512,"n_embd":192,"n_layer":4,"n_head":6}`)})
	adapters := newAdapters(b, base, "ada", adapter.Spec{Kind: adapter.LowRank, Rank: 8})
	for name, length := range map[string]func(n int) int{
		"packed": func(n int) int { return n },
		"padded": func(int) int { return 512 },
	} {
		b.Run(name, func(b *testing.B) {
			batch := &model.Batch{Owners: []model.Owner{{Participant: "ada", Hi: len(dollyLengths), Scale: 1, Adapters: adapters}}}
			rows, real := 0, 0
			for _, n := range dollyLengths {
				batch.Starts = append(batch.Starts, int32(rows))
				rows, real = rows+length(n), real+n
			}
			batch.Inputs, batch.Labels = linalg.New(linalg.I32, rows), linalg.New(linalg.I32, rows)
			for e, n := range dollyLengths { // padding has no label
				for i := n; i < length(n); i++ {
					batch.Labels.I32()[int(batch.Starts[e])+i] = model.Ignored
				}
			}
			for b.Loop() {
				must[model.Result](b)(base.Pass(batch, model.Unmerged, discard{}))
			}
			b.ReportMetric(float64(real)*float64(b.N)/b.Elapsed().Seconds(), "tokens/s")
		})
	}
}

// BenchmarkChangingLengths is a pass over eight texts, others in every turn, as rounds of training
// are: B/op is what it cannot find in the memory of the passes before.
func BenchmarkChangingLengths(b *testing.B) {
	base := newBase(b, model.Config{Random: true, Path: folder(b,
		`{"model_type":"gpt2","vocab_size":5000,"n_positions":512,"n_embd":384,"n_layer":4,"n_head":6}`)})
	r, tokens := rand.New(rand.NewPCG(1, 2)), 0
	b.ReportAllocs()
	for b.Loop() {
		batch, rows := &model.Batch{Owners: []model.Owner{{Participant: "ada", Hi: 8, Scale: 1}}}, 0
		for range 8 {
			batch.Starts = append(batch.Starts, int32(rows))
			rows += dollyLengths[r.IntN(len(dollyLengths))]
		}
		batch.Inputs, batch.Labels = linalg.New(linalg.I32, rows), linalg.New(linalg.I32, rows)
		must[model.Result](b)(base.Pass(batch, model.Merged, discard{}))
		tokens += rows
	}
	b.ReportMetric(float64(tokens)/b.Elapsed().Seconds(), "tokens/s")
}
