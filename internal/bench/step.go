package bench

import (
	"errors"
	"fmt"

	"github.com/gradientlearning/cola/adapter"
	"github.com/gradientlearning/cola/linalg"
	"github.com/gradientlearning/cola/model"
)

// Step says which step of the coordinator to measure: forward, backward of the hidden
// representations, and every participant's tuples handed over. Weights are random.
type Step struct {
	// Model is the base model; of it Path is what Arch says, and the weights are drawn.
	Model model.Config
	// Arch names a published model, or a folder with a config.json.
	Arch string
	// Texts are the tokens of each text of one participant, Targets those of what a model
	// for seq2seq-lm writes; one number for all texts.
	Texts   []int
	Targets int
	// Participants have so many texts each, and an adapter of their own.
	Participants int
	Adapter      adapter.Spec
	// Mixed gives participants different adapters: ranks 4, 8, 16, a linear and an MLP in turn.
	Mixed bool
	Mode  model.Mode
	// Against is a second mode, which is measured in turn with the first; empty: none.
	Against model.Mode
	Repeats Repeats
}

// StepReport is what came out.
type StepReport struct {
	Machine
	Arch         string      `json:"arch"`
	Mode         model.Mode  `json:"mode"`
	Precision    string      `json:"precision"`
	Participants int         `json:"participants"`
	Tokens       int         `json:"tokens"` // of all texts, and of their targets
	Rows         int         `json:"tuple_rows"`
	Seconds      Times       `json:"seconds"`
	Best         float64     `json:"seconds_best"`
	Median       float64     `json:"seconds_median"`
	Rate         float64     `json:"tokens_per_second"`  // of the median
	Memory       int64       `json:"peak_memory_bytes"`  // resident, while steps ran
	Setup        int64       `json:"setup_memory_bytes"` // resident at most, before
	Heap         int64       `json:"heap_peak_bytes"`    // Go's, while steps ran
	Weights      int64       `json:"weights_bytes"`
	Planned      int64       `json:"planned_memory_bytes"` // as cola plan has it, without what waits to be sent
	Objects      float64     `json:"allocations_per_step"`
	Allocated    float64     `json:"allocated_bytes_per_step"`
	Flops        float64     `json:"flops_per_step"`
	Peak         float64     `json:"peak_gflops"`
	Floor        float64     `json:"floor_seconds"` // the step's operations at the peak
	Share        float64     `json:"share_of_floor"`
	Other        *OtherTimes `json:"against,omitempty"`
}

// OtherTimes are those of the second mode.
type OtherTimes struct {
	Mode   model.Mode `json:"mode"`
	Best   float64    `json:"seconds_best"`
	Median float64    `json:"seconds_median"`
	Speed  float64    `json:"relative_speed"` // of the first mode: its tokens a second over this one's
}

// Validate says what is wrong with the numbers.
func (s Step) Validate() error {
	errs := []error{s.Repeats.Validate()}
	if s.Participants < 1 {
		errs = append(errs, fmt.Errorf("%d participants: at least 1 is needed", s.Participants))
	}
	for _, m := range []model.Mode{s.Mode, s.Against} {
		if m != model.Merged && m != model.Unmerged && (m != "" || s.Mode == "") {
			errs = append(errs, fmt.Errorf("mode %q: use merged or unmerged", m))
		}
	}
	if s.Mode == model.Merged && s.Against == "" && (s.Mixed || s.Adapter.Kind == adapter.MLP) {
		errs = append(errs, errors.New("an mlp adapter cannot be merged: use mode unmerged"))
	}
	return errors.Join(append(errs, s.Adapter.Validate())...)
}

// Run measures.
func (s Step) Run(dev linalg.Device) (*StepReport, error) {
	if err := s.Validate(); err != nil {
		return nil, err
	}
	folder, remove, err := Folder(s.Arch)
	if err != nil {
		return nil, err
	}
	defer remove()
	s.Model.Path, s.Model.Random = folder, false
	report := &StepReport{Machine: thisMachine(dev), Arch: s.Arch, Mode: s.Mode, Precision: s.Model.Precision.String(), Participants: s.Participants}
	if err := s.predict(report); err != nil {
		return nil, err
	}
	base, err := load(dev, s.Model)
	if err != nil {
		return nil, err
	}
	report.Weights = base.Bytes()
	runs, err := s.prepare(dev, base, report)
	if err != nil {
		return nil, err
	}
	return report, s.measure(report, runs)
}

// predict runs the step on devices that compute nothing, which finds out what is wrong with
// it before any weight is drawn.
func (s Step) predict(report *StepReport) error {
	c := newCounter()
	base, err := model.Declare(c, s.Model)
	if err != nil {
		return err
	}
	batch, err := s.batch(base, s.Mode)
	if err != nil {
		return err
	}
	report.Tokens = batch.Inputs.Rows()
	if batch.LabelStarts != nil {
		report.Tokens += batch.Labels.Rows()
	}
	if _, err := base.Pass(batch, s.Mode, discard{}); err != nil {
		return err
	}
	report.Flops = c.flops
	report.Planned, err = s.plan()
	return err
}

// discard is a sink that takes nothing.
type discard struct{}

func (discard) Input(int, *linalg.Tensor, []model.Rows)    {}
func (discard) Gradient(int, *linalg.Tensor, []model.Rows) {}

// prepare makes a step of each mode.
func (s Step) prepare(dev linalg.Device, base *model.Base, report *StepReport) ([]func() error, error) {
	var runs []func() error
	for _, mode := range []model.Mode{s.Mode, s.Against} {
		if mode == "" {
			continue
		}
		batch, err := s.batch(base, mode)
		if err != nil {
			return nil, err
		}
		sites := base.Sites()
		runs = append(runs, func() error {
			tuples := newSink(dev, sites)
			_, err := base.Pass(batch, mode, tuples)
			err = errors.Join(err, tuples.end())
			report.Rows = tuples.rows
			return err
		})
	}
	return runs, nil
}

// measure takes the steps in turn with the processor's peak.
func (s Step) measure(report *StepReport, runs []func() error) error {
	top := newPeak()
	report.Setup = residentPeak()
	forgetPeak()
	heap := watchHeap()
	var objects, bytes uint64
	first := runs[0]
	runs[0] = func() error {
		o, b := allocations()
		err := first()
		after, afterBytes := allocations()
		objects, bytes = after-o, afterBytes-b // of the last step: the first ones fill pools
		return err
	}
	times, err := inTurn(s.Repeats, append(runs, top.measure)...)
	report.Heap, report.Memory = heap.end(), residentPeak()
	if err != nil {
		return err
	}
	report.Seconds, report.Best, report.Median = times[0], times[0].Best(), times[0].Median()
	report.Rate = float64(report.Tokens) / report.Median
	report.Objects, report.Allocated = float64(objects), float64(bytes)
	peak := top.median(s.Repeats)
	report.Peak, report.Floor = 1e-9*peak, report.Flops/peak
	report.Share = report.Floor / report.Median
	if s.Against != "" {
		other := times[1]
		report.Other = &OtherTimes{Mode: s.Against, Best: other.Best(), Median: other.Median(), Speed: other.Median() / report.Median}
	}
	return nil
}
