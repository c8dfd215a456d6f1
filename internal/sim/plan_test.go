package sim_test

import (
	"context"
	"math"
	"os"
	"path/filepath"
	"testing"

	"github.com/gradientlearning/cola/coordinator"
	"github.com/gradientlearning/cola/data"
	"github.com/gradientlearning/cola/internal/plan"
	"github.com/gradientlearning/cola/internal/sim"
	"github.com/gradientlearning/cola/protocol"
)

// What cola plan says of bytes is what a federation sends, within 3 %, in every mode, and in every
// form.
func TestBytesAreAsPlanned(t *testing.T) {
	config := `{"model_type":"gpt2","vocab_size":23,"n_positions":16,"n_embd":96,"n_layer":3,"n_head":3}`
	for form, collaboration := range map[protocol.Form]coordinator.Collaboration{
		protocol.AsF32: coordinator.Alone, protocol.AsBF16: coordinator.Collaborative, protocol.AsInt8: coordinator.Collaborative,
	} {
		job := textJob(t, "gpt2")
		job.Wire.X, job.Wire.G = form.String(), form.String()
		if err := os.WriteFile(filepath.Join(job.Model.Path, "config.json"), []byte(config), 0o600); err != nil {
			t.Fatal(err)
		}
		job.Rounds, job.Batch, job.Wire.Compress, job.Eval = 8, 6, false, coordinator.EvalConfig{Keep: "last", MaxLength: 16, Rules: "default"}
		job = sim.JobFor(job, collaboration)
		train := newTexts(data.CausalLM, 60, 1)
		names := sim.Names(job.Participants)
		own := func(i int) data.Dataset { return data.ByLabel(train, i, len(names)) }
		result, err := sim.Federate(context.Background(), sim.Config{Job: job, Tokenizer: "f00d"}, names, own)
		if err != nil {
			t.Fatal(err)
		}
		var sent, received int64
		for round := range job.Rounds {
			p, err := plan.Predict(roundOf(job, form, names, own, round))
			if err != nil {
				t.Fatal(err)
			}
			for _, traffic := range p.Participants {
				sent += traffic.Tuples + traffic.Commit
				received += traffic.Batch + traffic.Update
			}
		}
		for what, pair := range map[string][2]int64{"sent": {result.BytesSent, sent}, "received": {result.BytesReceived, received}} {
			if off := math.Abs(float64(pair[0])/float64(pair[1]) - 1); off > 0.03 {
				t.Errorf("%s as %v: %d bytes %s, %d were planned: off by %.1f %%", collaboration, form, pair[0], what, pair[1], 100*off)
			}
		}
	}
}

// roundOf describes a round of a job: the texts that the participants' samplers draw.
func roundOf(job coordinator.Job, form protocol.Form, names []string, own func(i int) data.Dataset, round uint64) plan.Config {
	c := plan.Config{
		Model: job.ModelConfig(), Mode: job.EffectiveMode(), X: form.Host(), G: form.Host(), DropZeroRows: true,
		Wire:      plan.Wire{X: form.Size, G: form.Size},
		Broadcast: job.Collaboration == coordinator.Collaborative && job.Wire.Broadcast == "commit",
	}
	for i, name := range names {
		ds := own(i)
		l := plan.Load{Participant: name, Adapter: job.Spec(name)}
		for _, j := range data.NewSampler(ds.Len(), job.Batch, job.Seed, name).Batch(round) {
			l.Texts = append(l.Texts, ds.Batch([]int{j}).Inputs.Rows())
		}
		c.Loads = append(c.Loads, l)
	}
	return c
}
