package bench

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"

	"github.com/gradientlearning/cola/adapter"
	"github.com/gradientlearning/cola/internal/plan"
	"github.com/gradientlearning/cola/linalg"
	"github.com/gradientlearning/cola/model"
)

// Server makes one model and measures steps of it as they are asked for: what takes turns with
// another program, or measures many steps of a large model, draws the weights once.
type Server struct {
	Model model.Config // as of a [Step]
	Arch  string
	// Plan makes a plan one of the device; nil: of the CPU.
	Plan func(*plan.Config)
}

// Request asks for one measurement.
type Request struct {
	Batch        int `json:"batch"` // texts of each participant
	Seq          int `json:"seq"`   // tokens of each text
	Participants int `json:"participants"`
	// Waiting participants have no texts in the pass. Their adapters are held all the same.
	Waiting int          `json:"waiting"`
	Mode    model.Mode   `json:"mode"`
	Adapter adapter.Kind `json:"adapter"`
	Rank    int          `json:"rank"`
	Hidden  []int        `json:"hidden"`
	// Tuples says that every participant's rows of x and g are copied to the host; without,
	// the pass alone is measured.
	Tuples  bool `json:"tuples"`
	Warmup  int  `json:"warmup"`
	Repeats int  `json:"repeats"`
}

// Answer is what was measured, or Error.
type Answer struct {
	Error   string  `json:"error,omitempty"`
	Device  string  `json:"device"`
	Tokens  int     `json:"tokens"`
	Seconds Times   `json:"seconds"`
	Flops   float64 `json:"flops_per_step"`
	Rows    int     `json:"tuple_rows"`
	Weights int64   `json:"weights_bytes"`
	// Planned is what cola plan says, without tuples that wait to be sent; on a device with
	// memory of its own, what it says of that.
	Planned int64 `json:"planned_memory_bytes"`
	// Taken is what a device with memory of its own had taken after the steps, as its driver
	// counts it, since before the model was made: it gives nothing back while they run.
	Taken int64 `json:"device_memory_bytes"`
}

// accountant is a device whose driver counts its memory.
type accountant interface {
	// Memory returns how many bytes are free, and how many there are.
	Memory() (free, total int64, err error)
	// Trim gives the driver back what no tensor holds.
	Trim() error
}

// Run answers requests until there are no more: a line {"ready": true} once the model is made,
// then a line for each.
func (s Server) Run(dev linalg.Device, in io.Reader, out io.Writer) error {
	folder, remove, err := Folder(s.Arch)
	if err != nil {
		return err
	}
	defer remove()
	s.Model.Path, s.Model.Random = folder, false
	m := &served{dev: dev}
	if m.before, err = taken(dev); err != nil {
		return err
	}
	if m.base, err = load(dev, s.Model); err != nil {
		return err
	}
	replies := json.NewEncoder(out)
	if err := replies.Encode(map[string]any{"ready": true, "weights_bytes": m.base.Bytes()}); err != nil {
		return fmt.Errorf("answer: %w", err)
	}
	for requests := json.NewDecoder(in); ; {
		var r Request
		if err := requests.Decode(&r); errors.Is(err, io.EOF) {
			return nil
		} else if err != nil {
			return fmt.Errorf("a request: %w", err)
		}
		a, err := m.answer(s, r)
		if err != nil {
			a = &Answer{Error: err.Error()}
		}
		if err := replies.Encode(a); err != nil {
			return fmt.Errorf("answer: %w", err)
		}
	}
}

// taken is how much of a device's memory is in use; 0 of one that has none of its own.
func taken(dev linalg.Device) (int64, error) {
	a, ok := dev.(accountant)
	if !ok {
		return 0, nil
	}
	if err := a.Trim(); err != nil {
		return 0, err
	}
	free, total, err := a.Memory()
	return total - free, err
}

// served is a model that is measured.
type served struct {
	dev    linalg.Device
	base   *model.Base
	before int64        // taken of the device before the model was made
	merged adapter.Spec // what the weights hold
	placed []adapter.Adapter
}

// step is the step that a request describes.
func (r Request) step(s Server) Step {
	spec := adapter.Spec{Kind: r.Adapter}
	switch r.Adapter {
	case adapter.LowRank:
		spec.Rank = r.Rank
	case adapter.MLP:
		spec.Hidden = r.Hidden
	}
	return Step{
		Model: s.Model, Arch: s.Arch, Texts: slices.Repeat([]int{r.Seq}, max(r.Batch, 0)), Targets: 1, Participants: r.Participants,
		Adapter: spec, Mode: r.Mode, Repeats: Repeats{Warmup: r.Warmup, Count: r.Repeats},
	}
}

// answer measures what a request asks for. Adapters that it puts on the device are gone
// afterwards; what is merged stays for the next.
func (m *served) answer(s Server, r Request) (*Answer, error) {
	step := r.step(s)
	if err := step.Validate(); err != nil {
		return nil, err
	}
	if r.Batch < 1 || r.Seq < 1 || r.Waiting < 0 {
		return nil, fmt.Errorf("%d texts of %d tokens, %d waiting: at least 1, 1 and 0 are needed", r.Batch, r.Seq, r.Waiting)
	}
	dry := &StepReport{}
	if err := step.predict(dry); err != nil {
		return nil, err
	}
	planned, err := m.plan(s, step)
	if err != nil {
		return nil, err
	}
	defer m.release()
	batch, held, err := m.prepare(step, r.Waiting)
	if err != nil {
		return nil, err
	}
	if _, err := taken(m.dev); err != nil { // what earlier requests left goes
		return nil, err
	}
	rows := 0
	times, err := inTurn(step.Repeats, func() error {
		if !r.Tuples {
			_, err := m.base.Pass(batch, r.Mode, discard{})
			return err
		}
		tuples := newSink(m.dev, m.base.Sites())
		_, err := m.base.Pass(batch, r.Mode, tuples)
		err = errors.Join(err, tuples.end())
		rows = tuples.rows
		return err
	})
	if err != nil {
		return nil, err
	}
	a := &Answer{
		Device: m.dev.Name(), Tokens: dry.Tokens, Seconds: times[0], Flops: dry.Flops, Rows: rows,
		Weights: m.base.Bytes(), Planned: planned + held,
	}
	return a, m.count(a)
}

// plan predicts the memory of a step on the device.
func (m *served) plan(s Server, step Step) (int64, error) {
	c, err := step.planned()
	if err != nil {
		return 0, err
	}
	if s.Plan != nil {
		s.Plan(&c)
	}
	p, err := plan.Predict(c)
	if err != nil {
		return 0, err
	}
	if _, ok := m.dev.(accountant); ok {
		return p.Device(), nil
	}
	return p.Memory() - p.Tuples, nil
}

// count tells what is taken now, with the blocks that the device keeps for its next step.
func (m *served) count(a *Answer) error {
	account, ok := m.dev.(accountant)
	if !ok {
		return nil
	}
	free, total, err := account.Memory()
	a.Taken = total - free - m.before
	return err
}

// prepare makes the batch, and merges the adapters or puts everybody's on the device. Held are
// the bytes of those that wait: no plan has them.
func (m *served) prepare(step Step, waiting int) (batch *model.Batch, held int64, err error) {
	if batch, err = step.batch(m.base, model.Merged); err != nil {
		return nil, 0, err
	}
	own, err := step.adapters(m.base.Sites(), 0)
	if err != nil {
		return nil, 0, err
	}
	if step.Mode == model.Merged {
		return batch, 0, m.merge(step.Adapter, own)
	}
	m.base.Unmerge()
	m.merged = adapter.Spec{}
	for k := range step.Participants + waiting { // of one kind all have the same numbers: they are copies
		var list []adapter.Adapter
		for _, a := range own {
			placed, copied := adapter.Place(m.dev, a)
			if copied {
				m.placed = append(m.placed, placed)
			}
			list = append(list, placed)
		}
		if k < step.Participants {
			batch.Owners[k].Adapters = list
			continue
		}
		for _, a := range list {
			for _, p := range a.Params() {
				held += int64(p.Value.Len()) * int64(p.Value.DType().Size())
			}
		}
	}
	return batch, held, nil
}

// merge adds adapters to the weights, as a commit does.
func (m *served) merge(spec adapter.Spec, list []adapter.Adapter) error {
	if spec.Kind == m.merged.Kind && spec.Rank == m.merged.Rank {
		return nil
	}
	deltas := make([]model.Delta, len(list))
	for i, a := range list {
		var err error
		if deltas[i].Weight, deltas[i].Bias, err = a.Delta(linalg.NewCPU()); err != nil {
			return err
		}
	}
	m.merged = spec
	return m.base.Merge(deltas)
}

// release takes adapters from the device.
func (m *served) release() {
	for _, a := range m.placed {
		adapter.Release(m.dev, a)
	}
	m.placed = nil
}
