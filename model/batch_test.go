package model_test

import (
	"errors"
	"math"
	"strings"
	"testing"

	"github.com/gradientlearning/cola/adapter"
	"github.com/gradientlearning/cola/linalg"
	"github.com/gradientlearning/cola/model"
)

// Every way in refuses a batch that does not fit, and says who and what.
func TestBadBatches(t *testing.T) {
	b := newBase(t, small[1])
	device := linalg.NewOnDevice(linalg.F32, someMemory{}, 4, 4, 3, 2)
	for want, spoil := range map[string]func(batch *model.Batch){
		"needs inputs and labels":                             func(batch *model.Batch) { batch.Inputs = nil },
		"a batch needs inputs":                                func(batch *model.Batch) { batch.Labels = nil },
		"must be on the host":                                 func(batch *model.Batch) { batch.Inputs = device },
		"no examples":                                         func(batch *model.Batch) { batch.Inputs = linalg.New(linalg.F32, 0, 4, 3, 2) },
		"inputs [5 3 4 2] of f32 do not fit":                  func(batch *model.Batch) { batch.Inputs = batch.Inputs.Reshape(5, 3, 4, 2) },
		"inputs [5 24] of f32 do not fit":                     func(batch *model.Batch) { batch.Inputs = batch.Inputs.Reshape(5, 24) },
		"inputs [5 4 3 2] of bf16 do not fit":                 func(batch *model.Batch) { batch.Inputs = linalg.New(linalg.BF16, 5, 4, 3, 2) },
		"labels [4] of i32 do not fit 5":                      func(batch *model.Batch) { batch.Labels = linalg.New(linalg.I32, 4) },
		"labels [5] of f32 do not fit 5":                      func(batch *model.Batch) { batch.Labels = linalg.New(linalg.F32, 5) },
		"leave the starts out":                                func(batch *model.Batch) { batch.Starts = []int32{0} },
		"participant p1: label 5 of its example 1":            func(batch *model.Batch) { batch.Labels.I32()[3] = 5 },
		"participant p0: label -1 of its example 0":           func(batch *model.Batch) { batch.Labels.I32()[0] = -1 },
		"examples 2 to 4 have no owner":                       func(batch *model.Batch) { batch.Owners = batch.Owners[:1] },
		"examples 0 to 4 have no owner":                       func(batch *model.Batch) { batch.Owners = nil },
		"participant p1 owns examples from 3":                 func(batch *model.Batch) { batch.Owners[1].Lo = 3 },
		"participant p1 owns examples from 1, participant p0": func(batch *model.Batch) { batch.Owners[1].Lo = 1 },
		"participant p1 owns examples 2 to 5 of 5":            func(batch *model.Batch) { batch.Owners[1].Hi = 6 },
		"participant p1 owns examples 2 to 1 of 5":            func(batch *model.Batch) { batch.Owners[1].Hi = 2 },
		"participant p0: the scale of its loss is NaN":        func(batch *model.Batch) { batch.Owners[0].Scale = float32(math.NaN()) },
		"participant p1: 2 adapters for 3 sites":              func(batch *model.Batch) { batch.Owners[1].Adapters = batch.Owners[0].Adapters[:2] },
		"participant p1: no adapter for site head": func(batch *model.Batch) {
			batch.Owners[1].Adapters = []adapter.Adapter{batch.Owners[0].Adapters[0], batch.Owners[0].Adapters[1], nil}
		},
	} {
		batch := newBatch(b, 2, 3)
		batch.Owners[0].Adapters = newAdapters(t, b, "p0", kinds[0])
		spoil(batch)
		_, passErr := b.Pass(batch, model.Unmerged, newTuples())
		_, evaluateErr := b.Evaluate(batch, model.Detached)
		_, logitsErr := b.Logits(batch, model.Unmerged)
		_, _, classicalErr := b.Classical(batch, false)
		for _, err := range []error{passErr, evaluateErr, logitsErr, classicalErr} {
			if err == nil || !strings.Contains(err.Error(), want) {
				t.Errorf("error %v, want %q", err, want)
			}
		}
	}
}

// someMemory stands for a device's.
type someMemory struct{}

func (someMemory) Device() string { return "elsewhere" }

func TestBadPasses(t *testing.T) {
	b := newBase(t, small[1])
	for want, run := range map[string]func() error{
		"needs inputs": func() error { _, err := b.Evaluate(nil, model.Merged); return err },
		"needs a sink": func() error { _, err := b.Pass(newBatch(b, 1), model.Merged, nil); return err },
		`mode "fused"`: func() error { _, err := b.Evaluate(newBatch(b, 1), "fused"); return err },
		"participant p0: a merged pass takes no adapters": func() error {
			_, err := b.Evaluate(adapted(t, b, newBatch(b, 1)), model.Merged)
			return err
		},
	} {
		if err := run(); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("error %v, want %q", err, want)
		}
	}
}

// A loss that is not finite names its participant, and no gradient leaves.
func TestDiverged(t *testing.T) {
	eachSmall(t, func(t *testing.T, b *model.Base) {
		for _, v := range []float64{math.NaN(), math.Inf(1), 3e38} {
			batch := newBatch(b, 2, 3)
			for i := range batch.Inputs.RowRange(4, 5).F32() {
				batch.Inputs.RowRange(4, 5).F32()[i] = float32(v)
			}
			if v == 3e38 { // overflows on the way
				batch.Owners[1].Adapters = newAdapters(t, b, "p1", kinds[1])
				for _, p := range batch.Owners[1].Adapters[0].Params() {
					for i := range p.Value.F32() {
						p.Value.F32()[i] = float32(math.Copysign(10, float64(p.Value.F32()[i])))
					}
				}
			}
			s := newTuples()
			_, err := b.Pass(batch, model.Unmerged, s)
			diverged, ok := errors.AsType[*model.DivergedError](err)
			if !ok || diverged.Participant != "p1" || !strings.Contains(err.Error(), "p1") {
				t.Errorf("input %g: error %v, want p1's", v, err)
			}
			if len(s.g) > 0 {
				t.Errorf("input %g: gradients left for %d sites", v, len(s.g))
			}
		}
	})
}

// A loss beyond float32 diverged too, though nothing on the way was infinite.
func TestInfiniteLoss(t *testing.T) {
	b := newBase(t, small[0])
	batch := newBatch(b, 1, 1)
	batch.Labels.I32()[1] = 1
	d := make([]model.Delta, 1)
	d[0].Bias = linalg.FromF32([]float32{3e38, -3e38, 0, 0, 0}, 5)
	if err := b.Merge(d); err != nil {
		t.Fatal(err)
	}
	batch.Labels.I32()[0] = 0
	_, err := b.Evaluate(batch, model.Merged)
	if diverged, ok := errors.AsType[*model.DivergedError](err); !ok || diverged.Participant != "p1" {
		t.Errorf("error %v, want p1's", err)
	}
}

// Of equal logits the first counts: a model that says nothing predicts class 0.
func TestEqualLogits(t *testing.T) {
	b := newBase(t, small[0])
	zero := blobs(b)
	for name, blob := range zero {
		clear(blob.Data)
		zero[name] = blob
	}
	if err := b.Load(zero); err != nil {
		t.Fatal(err)
	}
	batch := newBatch(b, 3)
	copy(batch.Labels.I32(), []int32{0, 4, 0})
	result := must[model.Result](t)(b.Evaluate(batch, model.Merged))
	if result.Correct[0] != 2 || math.Abs(result.Loss[0]-math.Log(5)) > 1e-6 {
		t.Errorf("%d correct with loss %g, want 2 with log 5", result.Correct[0], result.Loss[0])
	}
}
