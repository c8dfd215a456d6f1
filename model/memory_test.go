package model_test

import (
	"runtime"
	"testing"

	"github.com/gradientlearning/cola/linalg"
	"github.com/gradientlearning/cola/model"
)

// TestPassesMakeNoMemory holds that passes find their memory in what two larger ones made, of
// whatever lengths their texts are: what is left are small things, and what is borrowed for the
// length of an operation.
func TestPassesMakeNoMemory(t *testing.T) {
	if testing.Short() {
		t.Skip("under the race detector what is borrowed is made anew")
	}
	base := newBase(t, model.Config{Random: true, Path: folder(t,
		`{"model_type":"gpt2","vocab_size":2000,"n_positions":512,"n_embd":192,"n_layer":4,"n_head":6}`)})
	pass := func(lengths ...int) (allocated uint64) {
		batch := &model.Batch{Owners: []model.Owner{{Participant: "ada", Hi: len(lengths), Scale: 1}}}
		rows := 0
		for _, n := range lengths {
			batch.Starts = append(batch.Starts, int32(rows))
			rows += n
		}
		batch.Inputs, batch.Labels = linalg.New(linalg.I32, rows), linalg.New(linalg.I32, rows)
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		must[model.Result](t)(base.Pass(batch, model.Merged, discard{}))
		runtime.ReadMemStats(&after)
		return after.TotalAlloc - before.TotalAlloc
	}
	first := pass(512, 77, 30)
	pass(512, 77, 30)
	for _, lengths := range [][]int{{512, 77, 30}, {1}, {511, 80}, {64, 64, 64, 64}, {3, 301}, {127}, {512, 76, 30}} {
		if again := pass(lengths...); again > first/8 {
			t.Errorf("texts of %v: a pass allocates %d bytes, the first one %d", lengths, again, first)
		}
	}
}
