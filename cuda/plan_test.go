package cuda_test

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/gradientlearning/cola/adapter"
	"github.com/gradientlearning/cola/cuda"
	"github.com/gradientlearning/cola/internal/plan"
	"github.com/gradientlearning/cola/linalg"
	"github.com/gradientlearning/cola/model"
)

// nothing is a sink that takes nothing.
type nothing struct{}

func (nothing) Input(int, *linalg.Tensor, []model.Rows)    {}
func (nothing) Gradient(int, *linalg.Tensor, []model.Rows) {}

// What is predicted of the GPU's memory, which is the most at any time, is what is taken, within
// 3 %. A pass may end with a little less: blocks for its large values make the pool let go of
// others.
func TestPlannedMemory(t *testing.T) {
	useGPU(t)
	dir := t.TempDir()
	config := `{"model_type":"gpt2","vocab_size":1024,"n_positions":128,"n_embd":128,"n_layer":3,"n_head":2}`
	if err := os.WriteFile(filepath.Join(dir, "config.json"), []byte(config), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, c := range []model.Config{{}, {Precision: linalg.BF16Products}, {Precision: linalg.BF16Products, Checkpoints: 1}} {
		c.Path, c.Random = dir, true
		p := must[*plan.Prediction](t)(plan.Predict(plan.Config{
			Model: c, Mode: model.Merged, X: linalg.BF16, G: linalg.BF16,
			PackedBytes: cuda.PackedBytes, HiddenType: cuda.HiddenType, Pooled: cuda.Pooled, Whole: true,
			Loads: []plan.Load{{Participant: "p", Texts: []int{100, 128, 60}, Adapter: adapter.Spec{Kind: adapter.Linear}}},
		}))
		d := newDevice(t, cuda.Options{})
		before := d.Held()
		b := must[*model.Base](t)(model.New(d, c))
		if err := d.Trim(); err != nil {
			t.Fatal(err)
		}
		compare := func(what string, predicted int64) {
			t.Helper()
			const small = 26 * 8 << 10 // norms and biases, each of which has a block of its own
			held := d.Held() - before
			if off := float64(held)/float64(predicted) - 1; off < -0.05 || float64(held-small)/float64(predicted)-1 > 0.03 {
				t.Errorf("%v, checkpoints %d: %s take %d bytes, %d were predicted: off by %.1f %%", c.Precision, c.Checkpoints, what, held, predicted, 100*off)
			}
		}
		compare("weights", p.OnDevice)
		const tokens = 288
		batch := &model.Batch{
			Inputs: linalg.New(linalg.I32, tokens), Labels: linalg.New(linalg.I32, tokens), Starts: []int32{0, 100, 228},
			Owners: []model.Owner{{Participant: "p", Hi: 3, Scale: 1}},
		}
		must[model.Result](t)(b.Pass(batch, model.Merged, nothing{}))
		compare("weights and a pass", p.Device())
	}
}
