package coordinator_test

import (
	"errors"
	"fmt"
	"io"
	"math"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/gradientlearning/cola/coordinator"
	"github.com/gradientlearning/cola/data"
	"github.com/gradientlearning/cola/protocol"
)

// bestJob has four commits, each of them validated, and ends with the best.
func bestJob(collaboration coordinator.Collaboration) coordinator.Job {
	job := testJob()
	job.Collaboration, job.Rounds, job.Interval = collaboration, 4, 1
	job.Eval = coordinator.EvalConfig{Every: 1, Keep: "best", Validation: "its own"}
	return job
}

// startBest starts a job with ada and ben, whose adapters are worse the farther they are from
// zero: ada's best version is the second, ben's the third, that of both the second. The test
// set is the validation set too, so that every loss is told.
func startBest(t *testing.T, job coordinator.Job, dir string) (b *bench, ada, ben *scripted) {
	t.Helper()
	b = newBench(t, job, dir)
	b.cfg.Test = data.Synthetic(12, []int{2, 2, 1}, 3, 1)
	b.cfg.Validation = b.cfg.Test
	ada, ben = b.participant("ada", 1), b.participant("ben", 1)
	ada.levels = map[uint64]float32{1: 3, 2: 0.001, 3: 1.5, 4: 6}
	ben.levels = map[uint64]float32{1: 3, 2: 1, 3: 0.5, 4: 5}
	return b.start(), ada, ben
}

// lossAt is the loss that a participant was told of a commit.
func lossAt(s *scripted, round uint64) float64 {
	for _, e := range s.evals {
		if e.Round == round {
			return e.Loss
		}
	}
	return math.Inf(1) // of the last, which only the end is told of
}

// checkBest compares what a participant was told with the losses that it was told: best of
// the commits so far is the one with the least.
func checkBest(t *testing.T, s *scripted) (best uint64) {
	t.Helper()
	for _, c := range s.commits {
		if !c.Final && (best == 0 || lossAt(s, c.Version) < lossAt(s, best)) {
			best = c.Version
		}
		if c.Best != best {
			t.Errorf("%s: after commit %d it would end with %d, the best is %d", s.name, c.Version, c.Best, best)
		}
	}
	if end := lossAt(s, 4); end != lossAt(s, best) {
		t.Errorf("%s: the job ends with a loss of %g, commit %d had %g", s.name, end, best, lossAt(s, best))
	}
	return best
}

func TestEndsWithTheBestCommit(t *testing.T) {
	for _, dir := range []string{"", t.TempDir()} {
		b, ada, ben := startBest(t, bestJob(coordinator.Collaborative), dir)
		b.together(ada, ben)
		best := checkBest(t, ada)
		if checkBest(t, ben) != best || best == 4 {
			t.Errorf("best commit %d", best)
		}
		final := ada.commits[len(ada.commits)-1]
		want := (ada.levels[best] + ben.levels[best]) / 2
		for _, s := range final.Sections {
			if got := s.Tensor.F32()[0]; math.Abs(float64(got-want)) > 1e-6 {
				t.Errorf("final %s is %g, that of commit %d %g", s.Name, got, best, want)
			}
		}
		alone, ada, ben := startBest(t, bestJob(coordinator.Alone), "")
		alone.together(ada, ben)
		if a, z := checkBest(t, ada), checkBest(t, ben); a == z {
			t.Errorf("alone, each has its own best commit: %d and %d", a, z)
		}
	}
}

// TestBestSurvivesRestarts stops the coordinator after each commit and goes on from its state
// folder, which keeps no more records than are needed.
func TestBestSurvivesRestarts(t *testing.T) {
	for _, collaboration := range []coordinator.Collaboration{coordinator.Collaborative, coordinator.Alone} {
		job := bestJob(collaboration)
		b, ada, ben := startBest(t, job, "")
		want := b.together(ada, ben)
		dir := t.TempDir()
		var states [2][]uint64
		for round := uint64(1); round <= 3; round++ {
			b, ada, ben := startBest(t, job, dir)
			ada.states, ben.states = states[0], states[1]
			stop := func(_ *scripted, m protocol.Message) bool {
				c, ok := m.(*protocol.Commit)
				return ok && c.Version == round
			}
			ada.before, ben.before = stop, stop
			ended := make(chan error, 2)
			for _, s := range []*scripted{ada, ben} {
				go func() { ended <- s.run(b.ctx) }()
			}
			for range 2 {
				if err := <-ended; !errors.Is(err, io.ErrUnexpectedEOF) { // the script's own
					t.Errorf("%s: %v", collaboration, err)
				}
			}
			b.cancel()
			<-b.ended
			states = [2][]uint64{ada.states, ben.states}
		}
		last, ada, ben := startBest(t, job, dir)
		ada.states, ben.states = states[0], states[1]
		got := last.together(ada, ben)
		if got.AdaptersSHA256 != want.AdaptersSHA256 || got.TestLoss["ada"] != want.TestLoss["ada"] || got.TestLoss["ben"] != want.TestLoss["ben"] {
			t.Errorf("%s: restarted %+v, undisturbed %+v", collaboration, got, want)
		}
		records, err := filepath.Glob(filepath.Join(dir, "commit-*.cola"))
		if err != nil || len(records) != 3 { // the last two and the best, of alone the third twice
			t.Errorf("%s: kept %v, %v", collaboration, records, err)
		}
		checkServesAgain(t, job, dir, ada, want)
	}
}

// checkServesAgain starts a finished job again, whole and with the record of its best commit
// damaged.
func checkServesAgain(t *testing.T, job coordinator.Job, dir string, ada *scripted, want *coordinator.Result) {
	t.Helper()
	b, late, _ := startBest(t, job, dir)
	late.states = ada.states
	if got := b.together(late); got.AdaptersSHA256 != want.AdaptersSHA256 || got.TestLoss["ada"] != want.TestLoss["ada"] {
		t.Errorf("served again %+v, at first %+v", got, want)
	}
	best := late.commits[0].Best
	if late.welcome.Best != best || !late.commits[0].Final {
		t.Errorf("welcome %+v, commit %+v", late.welcome, late.commits[0])
	}
	b, forgetful, _ := startBest(t, job, dir)
	forgetful.states = slices.DeleteFunc(slices.Clone(ada.states), func(v uint64) bool { return v == best })
	wantFault(t, forgetful.run(b.ctx), protocol.CodeStateLost, fmt.Sprintf("end with %d", best))
	b.cancel()
	<-b.ended
	if err := os.WriteFile(filepath.Join(dir, fmt.Sprintf("commit-%d.cola", best)), []byte("COLAREC1"), 0o600); err != nil {
		t.Fatal(err)
	}
	b, _, _ = startBest(t, job, dir)
	<-b.ended
	wantFault(t, b.err, protocol.CodeStateCorrupt, "best commit")
}

// TestBestNeedsAValidationSet also says which data do not fit.
func TestBestNeedsAValidationSet(t *testing.T) {
	b := newBench(t, bestJob(coordinator.Collaborative), "").start()
	<-b.ended
	wantFault(t, b.err, protocol.CodeBadJob, "no validation set")
	wrong := newBench(t, bestJob(coordinator.Collaborative), "")
	wrong.cfg.Validation = data.Synthetic(3, []int{9, 9, 1}, 2, 1)
	<-wrong.start().ended
	wantFault(t, wrong.err, protocol.CodeJobMismatch, "validation set")
}

// TestBestIsPartOfTheJob says which keys of [eval] decide the result.
func TestBestIsPartOfTheJob(t *testing.T) {
	job := bestJob(coordinator.Collaborative)
	last := job
	last.Eval.Keep = "last"
	every, examples := job, job
	every.Eval.Every++
	examples.Eval.Examples, examples.Eval.Data = 3, "another"
	if job.ID("") == last.ID("") || job.ID("") == every.ID("") || job.ID("") != examples.ID("") {
		t.Error("what decides which commit is best is part of the job, and nothing else of [eval]")
	}
}
