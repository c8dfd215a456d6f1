package sim_test

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/gradientlearning/cola/coordinator"
	"github.com/gradientlearning/cola/data"
	"github.com/gradientlearning/cola/internal/sim"
	"github.com/gradientlearning/cola/linalg"
	"github.com/gradientlearning/cola/protocol"
)

// runOn runs a job of text on devices.
func runOn(t testing.TB, job coordinator.Job, devices ...linalg.Device) (*coordinator.Result, error) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	train := newTexts(taskOf(job), 60, 1)
	names := sim.Names(job.Participants)
	return sim.Federate(ctx, sim.Config{Job: job, Test: newTexts(taskOf(job), 12, 2), Devices: devices}, names,
		func(i int) data.Dataset { return data.ByLabel(train, i%4, 4) })
}

// TestReplicasGiveTheBitsOfOne spreads participants over devices: more than one each, one each,
// and fewer participants than devices.
func TestReplicasGiveTheBitsOfOne(t *testing.T) {
	for name := range textModels {
		for kind, change := range textVariants() {
			if name != "gpt2" && kind != "alone" {
				continue
			}
			t.Run(name+"/"+kind, func(t *testing.T) {
				t.Parallel()
				job := textJob(t, name)
				change(&job)
				want, err := runOn(t, job, linalg.NewCPU())
				if err != nil {
					t.Fatal(err)
				}
				for _, n := range []int{2, 4, 5} {
					var devices []linalg.Device
					for range n {
						devices = append(devices, linalg.NewCPU())
					}
					got, err := runOn(t, job, devices...)
					if err != nil {
						t.Fatal(err)
					}
					if got.AdaptersSHA256 != want.AdaptersSHA256 || fmt.Sprint(got.TestLoss) != fmt.Sprint(want.TestLoss) {
						t.Errorf("adapters %s and losses %v on %d devices, %s and %v on one", got.AdaptersSHA256, got.TestLoss, n, want.AdaptersSHA256, want.TestLoss)
					}
				}
			})
		}
	}
}

// scarce is a device whose memory runs out: the allocations from fail on do not succeed until
// somebody asks why, and the next many neither.
type scarce struct {
	linalg.Device
	fail, many int
	made       int
	err        error
}

func (s *scarce) allocate() {
	if s.made++; s.made >= s.fail && s.made < s.fail+s.many {
		s.err = fmt.Errorf("allocation %d: %w", s.made, linalg.ErrOutOfMemory)
	}
}

func (s *scarce) New(dtype linalg.DType, shape ...int) *linalg.Tensor {
	s.allocate()
	return s.Device.New(dtype, shape...)
}

func (s *scarce) Empty(dtype linalg.DType, shape ...int) *linalg.Tensor {
	s.allocate()
	return s.Device.Empty(dtype, shape...)
}

func (s *scarce) Fetch(src *linalg.Tensor, as linalg.DType) func() (*linalg.Tensor, error) {
	if err := s.err; err != nil {
		return func() (*linalg.Tensor, error) { return nil, err }
	}
	return s.Device.Fetch(src, as)
}

func (s *scarce) Err() error {
	err := s.err
	s.err = nil
	return err
}

// TestMemoryRunsOut lets an allocation of a pass fail, anywhere in it: the pass is done again
// with less memory, what was sent is not sent twice, and no bit changes.
func TestMemoryRunsOut(t *testing.T) {
	job := textJob(t, "gpt2")
	job.Collaboration = coordinator.Alone
	counting := &scarce{Device: linalg.NewCPU()}
	want, err := runOn(t, job, counting)
	if err != nil {
		t.Fatal(err)
	}
	refused := 0
	for fail := 1; fail < counting.made; fail += counting.made / 60 {
		got, err := runOn(t, job, &scarce{Device: linalg.NewCPU(), fail: fail, many: 1})
		if f, ok := errors.AsType[*protocol.Fault](err); ok && f.Code == protocol.CodeOutOfMemory {
			refused++ // for the model itself, or for what is merged into it, there is no way with less
			continue
		}
		if err != nil {
			t.Fatalf("allocation %d of %d fails: %v", fail, counting.made, err)
		}
		if got.AdaptersSHA256 != want.AdaptersSHA256 || fmt.Sprint(got.TestLoss) != fmt.Sprint(want.TestLoss) {
			t.Errorf("allocation %d of %d fails: adapters %s, undisturbed %s", fail, counting.made, got.AdaptersSHA256, want.AdaptersSHA256)
		}
	}
	if refused > 25 {
		t.Errorf("of 60 failures %d were fatal", refused)
	}
	_, err = runOn(t, job, &scarce{Device: linalg.NewCPU(), fail: counting.made / 2, many: 1 << 30})
	f, ok := errors.AsType[*protocol.Fault](err)
	if !ok || f.Code != protocol.CodeOutOfMemory || f.Fix != coordinator.MemoryFix {
		t.Errorf("without memory: %v", err)
	}
}
