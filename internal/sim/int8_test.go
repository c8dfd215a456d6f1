package sim_test

import (
	"context"
	"math"
	"testing"
	"time"

	"github.com/gradientlearning/cola/adapter"
	"github.com/gradientlearning/cola/coordinator"
	"github.com/gradientlearning/cola/data"
	"github.com/gradientlearning/cola/internal/sim"
)

// TestInt8TrainsLikeF32 trains the same jobs with tuples as f32 and as int8. The loss on the test
// set, and of text on the texts that are learnt, falls to the same but for 2 % of its fall.
func TestInt8TrainsLikeF32(t *testing.T) {
	images := func(form string) *coordinator.Result {
		job := smallJob()
		job.Rounds, job.Batch, job.Wire.X, job.Wire.G = 60, 16, form, form
		job.Eval.Examples = 0
		return federate(t, job, nil, everyone())
	}
	text := func(form string) *coordinator.Result {
		ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
		defer cancel()
		job := textJob(t, "gpt2")
		job.Rounds, job.Batch, job.Wire.X, job.Wire.G = 150, 10, form, form
		job.Adapter.Kind, job.Model.Targets, job.Optimizer.LearningRate = adapter.Linear, []string{"all-linear"}, 3e-2
		job.Eval.Examples = 0
		train := newTexts(data.CausalLM, 40, 1)
		names := sim.Names(job.Participants)
		result, err := sim.Federate(ctx, sim.Config{Job: job, Test: train, Tokenizer: "f00d"}, names, func(i int) data.Dataset {
			return data.ByLabel(train, i, len(names))
		})
		if err != nil {
			t.Fatal(err)
		}
		return result
	}
	for name, c := range map[string]struct {
		train func(form string) *coordinator.Result
		begin float64 // the loss of one who knows nothing
	}{"images": {images, math.Log(4)}, "text": {text, math.Log(23)}} {
		t.Run(name, func(t *testing.T) {
			exact, rounded := c.train("f32"), c.train("int8")
			f32, int8s := exact.TestLoss["p0"], rounded.TestLoss["p0"]
			t.Logf("from %.3f the loss falls to %.5f as f32, to %.5f as int8; %d and %d bytes were sent", c.begin, f32, int8s, exact.BytesSent, rounded.BytesSent)
			if f32 > 0.95*c.begin {
				t.Fatalf("the loss falls from %g to %g: nothing was learnt", c.begin, f32)
			}
			if math.Abs(int8s-f32) > 0.02*(c.begin-f32) || exact.AdaptersSHA256 == rounded.AdaptersSHA256 {
				t.Errorf("loss %g as f32, %g as int8", f32, int8s)
			}
		})
	}
}
