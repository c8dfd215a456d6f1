package sim_test

import (
	"context"
	"slices"
	"testing"

	"github.com/gradientlearning/cola/adapter"
	"github.com/gradientlearning/cola/coordinator"
	"github.com/gradientlearning/cola/internal/sim"
	"github.com/gradientlearning/cola/model"
	"github.com/gradientlearning/cola/protocol"
)

func TestRunReportsEveryCollaboration(t *testing.T) {
	job := smallJob()
	train, test := smallData(t, job)
	all := []coordinator.Collaboration{coordinator.Alone, coordinator.Joint, coordinator.Collaborative}
	rounds := map[coordinator.Collaboration]int{}
	r, err := sim.Run(context.Background(), sim.Config{
		Job: job, Collaborations: all, Train: train, Test: test,
		Observe: func(c coordinator.Collaboration, _ coordinator.Observation) { rounds[c]++ },
	})
	if err != nil {
		t.Fatal(err)
	}
	if r.Task != "small" || r.Participants != 4 || r.Rounds != 7 || r.Seconds <= 0 || len(r.Modes) != 3 {
		t.Errorf("report %+v", r)
	}
	for _, c := range all {
		m := r.Modes[string(c)]
		if rounds[c] != 7 || len(m.Curve) != 7 || !slices.Equal(m.Names, []string{"p0", "p1", "p2", "p3"}) || len(m.Accuracy) != 4 || len(m.AdaptersSHA256) != 64 {
			t.Errorf("%s: %d rounds, %+v", c, rounds[c], m)
		}
		if m.AccuracyMean <= 0 || m.Loss <= 0 || m.Seconds <= 0 || m.BytesSent <= 0 || m.BytesReceived <= 0 || m.PeakMemory <= 0 || m.Curve[2].Accuracy == nil {
			t.Errorf("%s: %+v", c, m)
		}
	}
	if r.Modes["joint"].Accuracy[0] != r.Modes["joint"].Accuracy[3] {
		t.Error("one joint model serves everyone, and they differ")
	}
}

func TestRunFails(t *testing.T) {
	job := smallJob()
	train, _ := smallData(t, job)
	run := func(change func(*coordinator.Job)) error {
		j := smallJob()
		change(&j)
		_, err := sim.Run(context.Background(), sim.Config{Job: j, Collaborations: []coordinator.Collaboration{coordinator.Collaborative}, Train: train})
		return err
	}
	for code, change := range map[protocol.Code]func(*coordinator.Job){
		protocol.CodeBadJob:   func(j *coordinator.Job) { j.Adapter.Kind = "prefix" },
		protocol.CodeBadData:  func(j *coordinator.Job) { j.Model.Input = []int{4, 4, 1} },
		protocol.CodeDiverged: func(j *coordinator.Job) { j.Optimizer.LearningRate = 1e9 },
	} {
		if err := run(change); protocol.AsFault(err).Code != code {
			t.Errorf("expected %s: %v", code, err)
		}
	}
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if _, err := sim.Run(ctx, sim.Config{Job: job, Collaborations: []coordinator.Collaboration{coordinator.Alone}, Train: train}); err == nil {
		t.Error("a cancelled run ends without an error")
	}
}

func TestJobFor(t *testing.T) {
	job := coordinator.DefaultJob()
	job.Mode = model.Merged
	if alone := sim.JobFor(job, coordinator.Alone); alone.EffectiveMode() != model.Unmerged || alone.Validate() != nil {
		t.Errorf("alone: %+v", alone)
	}
	if joint := sim.JobFor(job, coordinator.Joint); joint.Participants != 1 || joint.Batch != 8*32 || joint.Validate() != nil {
		t.Errorf("joint: %+v", joint)
	}
	job.Mode, job.Adapter.Kind = model.Detached, adapter.MLP
	if c := sim.JobFor(job, coordinator.Collaborative); c.EffectiveMode() != model.Merged {
		t.Errorf("collaborative: %+v", c)
	}
	if names := sim.Names(11); names[0] != "p00" || names[10] != "p10" || !slices.IsSorted(names) {
		t.Errorf("names %v", names)
	}
}
