package sim_test

import (
	"context"
	"fmt"
	"testing"

	"github.com/gradientlearning/cola/coordinator"
	"github.com/gradientlearning/cola/data"
	"github.com/gradientlearning/cola/internal/sim"
)

// The figures of docs/performance.md. Each names the command that prints it.

// tinyJob is a job whose pass takes next to no time, so that what is measured is the rest.
func tinyJob(participants int, rounds uint64) coordinator.Job {
	job := coordinator.DefaultJob()
	job.Name, job.Participants, job.Rounds, job.Batch = "tiny", participants, rounds, 8
	job.Model = coordinator.ModelConfig{Type: "mlp", Input: []int{8, 8, 1}, Classes: 4, Hidden: []int{16}}
	job.Adapter.Kind, job.Adapter.Rank = "low-rank", 4
	job.Optimizer.LearningRate = 1e-3
	job.Eval = coordinator.EvalConfig{}
	return job
}

func runJob(b *testing.B, job coordinator.Job, network sim.Network, train data.Dataset) *coordinator.Result {
	b.Helper()
	names := sim.Names(job.Participants)
	result, err := sim.Federate(context.Background(), sim.Config{Job: job, Network: network}, names, func(i int) data.Dataset {
		return data.ByLabel(train, i, len(names))
	})
	if err != nil {
		b.Fatal(err)
	}
	return result
}

// BenchmarkRounds is rounds a second with a tiny model over TLS on loopback.
func BenchmarkRounds(b *testing.B) {
	for _, participants := range []int{1, 8, 64} {
		b.Run(fmt.Sprintf("participants=%d", participants), func(b *testing.B) {
			train := data.Synthetic(64*participants, []int{8, 8, 1}, 4, 1)
			network := &sim.Loopback{Dir: b.TempDir()}
			rounds, seconds := 0.0, 0.0
			for b.Loop() {
				result := runJob(b, tinyJob(participants, 200), network, train)
				rounds += float64(result.Rounds)
				seconds += result.Total.Seconds()
			}
			b.ReportMetric(rounds/seconds, "rounds/s")
			b.ReportMetric(1e3*seconds/rounds, "ms/round")
		})
	}
}

// BenchmarkCoordinatorMemory is what the coordinator's process holds at most, in merged
// mode with linear adapters of the MNIST MLP, beside what participants in the same
// process take: the difference between the rows is what a participant costs.
func BenchmarkCoordinatorMemory(b *testing.B) {
	for _, participants := range []int{1, 8, 64} {
		b.Run(fmt.Sprintf("participants=%d", participants), func(b *testing.B) {
			b.ReportMetric(0, "ns/op")
			job := coordinator.DefaultJob()
			job.Participants, job.Rounds, job.Batch, job.Eval = participants, 3, 4, coordinator.EvalConfig{}
			for b.Loop() {
				held := coordinatorHeap(b, job)
				b.ReportMetric(float64(held)/(1<<20), "MiB")
			}
		})
	}
}

// BenchmarkOverhead is the share of a coordinator's own time that is not the pass, of all
// its time but waiting for participants, on the MNIST job.
func BenchmarkOverhead(b *testing.B) {
	train, err := data.Open("mnist")
	if err != nil {
		b.Skip("MNIST is not on this machine: ", err)
	}
	for _, c := range []coordinator.Collaboration{coordinator.Alone, coordinator.Joint, coordinator.Collaborative} {
		b.Run(string(c), func(b *testing.B) {
			job := sim.JobFor(coordinator.DefaultJob(), c)
			job.Rounds, job.Eval = 40, coordinator.EvalConfig{}
			for b.Loop() {
				r := runJob(b, job, nil, train)
				busy := r.Total - r.Wait
				b.ReportMetric(100*(busy-r.Pass).Seconds()/busy.Seconds(), "%overhead")
				b.ReportMetric(1e3*(busy-r.Pass).Seconds()/float64(r.Rounds), "ms-overhead/round")
				b.ReportMetric(1e3*r.Pass.Seconds()/float64(r.Rounds), "ms-pass/round")
			}
		})
	}
}

// BenchmarkTupleBytes is what a row's tuples take on the wire on MNIST, at all sites of the
// MLP, frames and all, against their elements in float32: (784+128) + (128+256) + (256+10).
func BenchmarkTupleBytes(b *testing.B) {
	train, err := data.Open("mnist")
	if err != nil {
		b.Skip("MNIST is not on this machine: ", err)
	}
	const payload = 4 * (784 + 128 + 128 + 256 + 256 + 10)
	for _, encoding := range []string{"f32", "bf16", "int8"} {
		for _, compress := range []bool{false, true} {
			b.Run(fmt.Sprintf("%s/compress=%t", encoding, compress), func(b *testing.B) {
				job := sim.JobFor(coordinator.DefaultJob(), coordinator.Alone)
				job.Rounds, job.Eval = 20, coordinator.EvalConfig{}
				job.Wire.X, job.Wire.G, job.Wire.Compress = encoding, encoding, compress
				for b.Loop() {
					r := runJob(b, job, nil, train)
					perRow := float64(r.BytesSent) / float64(int(job.Rounds)*job.Participants*job.Batch)
					b.ReportMetric(perRow, "B/row")
					b.ReportMetric(perRow/payload, "of-f32")
					b.ReportMetric(0, "ns/op")
				}
			})
		}
	}
}
