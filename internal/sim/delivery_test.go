package sim_test

import (
	"context"
	"strings"
	"testing"

	"github.com/gradientlearning/cola/coordinator"
	"github.com/gradientlearning/cola/internal/sim"
)

// deliveryJob is a small language model's, with two participants of two texts each.
func deliveryJob(rounds uint64) coordinator.Job {
	job := coordinator.DefaultTextJob()
	job.Participants, job.Batch, job.Rounds, job.Wire.Compress = 2, 2, rounds, false
	job.Model.Path, job.Model.Random = "../../model/testdata/golden/gpt2", true
	return job
}

// Every round brings every participant x and g of both sites, over TLS too: 24 rows in all of
// 12 + 36 numbers a site, without each text's last, which predicts nothing.
func TestDelivery(t *testing.T) {
	const payload = 2 * 2 * 2 * 6 * (12 + 36) * 4
	for name, network := range map[string]sim.Network{"in memory": nil, "loopback": &sim.Loopback{Dir: t.TempDir()}} {
		r, err := sim.Delivery{Job: deliveryJob(4), Seq: 7, Vocabulary: 41, Network: network}.Run(context.Background())
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		if len(r.Rounds) != 3 || r.Bytes < payload || r.Bytes > payload+4<<10 {
			t.Errorf("%s: rounds %v, %v bytes for a payload of %d", name, r.Rounds, r.Bytes, payload)
		}
		for _, seconds := range r.Rounds {
			if !(seconds > 0) {
				t.Errorf("%s: a round took %v s", name, seconds)
			}
		}
	}
}

// What is wrong reaches whoever asked.
func TestDeliveryFails(t *testing.T) {
	long := sim.Delivery{Job: deliveryJob(2), Seq: 17, Vocabulary: 41}
	if _, err := long.Run(context.Background()); err == nil || !strings.Contains(err.Error(), "longest text has 17 tokens") {
		t.Errorf("texts of 17 tokens: %v", err)
	}
	nowhere := sim.Delivery{Job: deliveryJob(2), Seq: 7, Vocabulary: 41}
	nowhere.Job.Model.Path = "nowhere"
	if _, err := nowhere.Run(context.Background()); err == nil || !strings.Contains(err.Error(), "nowhere") {
		t.Errorf("no model: %v", err)
	}
	if _, err := (sim.Delivery{Job: deliveryJob(1)}).Run(context.Background()); err == nil {
		t.Error("one round was measured")
	}
}
