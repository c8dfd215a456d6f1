package model

import (
	"errors"
	"fmt"
	"math"
	"slices"

	"github.com/gradientlearning/cola/adapter"
	"github.com/gradientlearning/cola/linalg"
)

// Base is a base model on a device: frozen. It is for one goroutine.
type Base struct {
	dev        linalg.Device
	config     Config
	network    network
	parameters []Parameter // pristine, on the host
	layers     []*layer
}

// New puts the model that a configuration declares on a device, with random weights from
// the seed or those of a file.
func New(dev linalg.Device, c Config) (*Base, error) {
	if err := c.Validate(); err != nil {
		return nil, err
	}
	c = c.withDefaults()
	n := declare(c)
	b := &Base{dev: dev, config: c, network: n, parameters: parameters(n), layers: layers(n)}
	if c.Weights == "" {
		randomise(b.parameters, c.Seed)
	} else if err := load(c.Weights, b.parameters); err != nil {
		return nil, err
	}
	for _, l := range b.layers {
		l.weight, l.bias = onDevice(dev, l.weight), onDevice(dev, l.bias)
		l.packed = dev.Pack(l.weight)
	}
	return b, nil
}

// onDevice copies a host tensor to the device; a device that computes on the host uses
// the tensor itself.
func onDevice(dev linalg.Device, t *linalg.Tensor) *linalg.Tensor {
	if dev.New(t.DType(), 0).Memory() == nil {
		return t
	}
	d := dev.New(t.DType(), t.Shape()...)
	dev.Upload(d, t)
	return d
}

// onHost copies a tensor to the host; one that is there already is returned itself.
func onHost(dev linalg.Device, t *linalg.Tensor) *linalg.Tensor {
	if t.Memory() == nil {
		return t
	}
	h := linalg.New(t.DType(), t.Shape()...)
	dev.Download(h, t)
	return h
}

// Config returns the configuration, with the paper's widths filled in.
func (b *Base) Config() Config { return b.config }

// Device returns the device that the model is on.
func (b *Base) Device() linalg.Device { return b.dev }

// Sites returns the sites, in the order in which x reaches them.
func (b *Base) Sites() []adapter.Site {
	sites := make([]adapter.Site, len(b.layers))
	for i, l := range b.layers {
		sites[i] = l.site
	}
	return sites
}

// Parameters returns the pristine parameters, on the host. They must not be changed.
func (b *Base) Parameters() []Parameter { return slices.Clone(b.parameters) }

// Bytes returns the memory of the parameters: pristine ones and what is multiplied with.
func (b *Base) Bytes() int64 {
	var n int64
	for _, p := range b.parameters {
		n += int64(p.Value.Len()) * 4
	}
	for _, l := range b.layers {
		n += l.packed.Bytes() + int64(l.weight.Len()+l.bias.Len())*4
	}
	return n
}

// Batch is an aggregated batch: rows of several owners behind each other, no padding.
type Batch struct {
	Inputs *linalg.Tensor // (examples, …) on the host
	Labels *linalg.Tensor // (examples) I32 on the host
	// Starts are the first rows of packed sequences; nil where each row is an example.
	Starts []int32
	Owners []Owner
}

// Owner is a participant's range of examples in a batch.
type Owner struct {
	Participant string
	Lo, Hi      int
	// Adapters by site, for unmerged and detached passes; none in merged mode.
	Adapters []adapter.Adapter
	// Scale is the factor on each row's gradient of the loss: 1/own rows for a loss
	// that is the mean over its own rows.
	Scale float32
}

// Result is what a pass tells of each owner.
type Result struct {
	Loss    []float64 // mean over the owner's rows
	Correct []int     // rows whose largest logit is the label's
}

// DivergedError says that an owner's loss is not finite.
type DivergedError struct{ Participant string }

// Error names the participant.
func (e *DivergedError) Error() string {
	return fmt.Sprintf("the loss of participant %s is not finite", e.Participant)
}

// Pass runs forward and backward over a batch. Tuples leave through the sink. An owner
// whose loss is not finite ends the pass, before anything leaves backwards, with an error
// that wraps a *DivergedError.
func (b *Base) Pass(batch *Batch, mode Mode, sink Sink) (Result, error) {
	if sink == nil {
		return Result{}, errors.New("a pass needs a sink")
	}
	result, tape, err := b.forward(batch, siteRouter{mode: mode, sink: sink, capture: true})
	if err != nil {
		return Result{}, err
	}
	tape.run()
	return result, nil
}

// Evaluate runs forward only.
func (b *Base) Evaluate(batch *Batch, mode Mode) (Result, error) {
	result, _, err := b.forward(batch, siteRouter{mode: mode})
	return result, err
}

// Logits runs forward and returns the logits (examples, classes), on the host.
func (b *Base) Logits(batch *Batch, mode Mode) (*linalg.Tensor, error) {
	if err := b.check(batch, mode, false); err != nil {
		return nil, err
	}
	tape := b.tape(batch, siteRouter{mode: mode})
	return onHost(b.dev, b.network.forward(tape, tape.input(onDevice(b.dev, batch.Inputs))).Value), nil
}

// tape returns an empty tape for one pass.
func (b *Base) tape(batch *Batch, r siteRouter) *Tape {
	r.layers, r.owners = b.layers, batch.Owners
	return &Tape{dev: b.dev, sites: r}
}

// forward runs forward up to the loss; the tape it returns can be run backwards.
func (b *Base) forward(batch *Batch, r siteRouter) (Result, *Tape, error) {
	if err := b.check(batch, r.mode, r.classical != nil); err != nil {
		return Result{}, nil, err
	}
	tape := b.tape(batch, r)
	logits := b.network.forward(tape, tape.input(onDevice(b.dev, batch.Inputs)))
	scale := linalg.New(linalg.F32, batch.Inputs.Rows())
	for _, o := range batch.Owners {
		for i := o.Lo; i < o.Hi; i++ {
			scale.F32()[i] = o.Scale
		}
	}
	guess := onHost(b.dev, logits.Value)
	loss := onHost(b.dev, tape.CrossEntropy(logits, onDevice(b.dev, batch.Labels), onDevice(b.dev, scale)))
	result, err := summarise(batch, guess, loss.F32())
	return result, tape, err
}

// summarise adds the rows up by owner.
func summarise(batch *Batch, logits *linalg.Tensor, loss []float32) (Result, error) {
	var r Result
	classes := logits.Cols()
	for _, o := range batch.Owners {
		sum, correct := 0.0, 0
		for i := o.Lo; i < o.Hi; i++ {
			sum += float64(loss[i])
			row := logits.F32()[i*classes : (i+1)*classes]
			if largest(row) == int(batch.Labels.I32()[i]) {
				correct++
			}
		}
		if math.IsNaN(sum) || math.IsInf(sum, 0) {
			return r, &DivergedError{o.Participant}
		}
		r.Loss = append(r.Loss, sum/float64(max(1, o.Hi-o.Lo)))
		r.Correct = append(r.Correct, correct)
	}
	return r, nil
}

// largest returns the index of the first largest element.
func largest(row []float32) int {
	best := 0
	for j, v := range row {
		if v > row[best] {
			best = j
		}
	}
	return best
}

// check says what is wrong with a batch.
func (b *Base) check(batch *Batch, mode Mode, classical bool) error {
	if batch.Inputs == nil || batch.Labels == nil {
		return errors.New("a batch needs inputs and labels")
	}
	shape := batch.Inputs.Shape()
	if len(shape) != 4 || !slices.Equal(shape[1:], b.config.Input) || batch.Inputs.DType() != linalg.F32 {
		return fmt.Errorf("inputs of shape %v do not fit the model's (examples, %v)", shape, b.config.Input)
	}
	if batch.Labels.DType() != linalg.I32 || batch.Labels.Len() != shape[0] {
		return fmt.Errorf("%d labels for %d examples", batch.Labels.Len(), shape[0])
	}
	if batch.Starts != nil {
		return errors.New("images are not packed sequences: leave Starts out")
	}
	if mode != Detached && mode != Unmerged && mode != Merged {
		return fmt.Errorf("mode %q: use detached, unmerged or merged", mode)
	}
	next := 0
	for _, o := range batch.Owners {
		if o.Lo != next || o.Hi < o.Lo || o.Hi > shape[0] {
			return fmt.Errorf("participant %s owns rows %d to %d; they must follow row %d", o.Participant, o.Lo, o.Hi, next)
		}
		next = o.Hi
		if mode != Merged && len(o.Adapters) != 0 && len(o.Adapters) != len(b.layers) {
			return fmt.Errorf("participant %s has %d adapters for %d sites", o.Participant, len(o.Adapters), len(b.layers))
		}
		if mode == Merged && len(o.Adapters) != 0 && !classical {
			return fmt.Errorf("participant %s has adapters, and the pass is merged", o.Participant)
		}
		for i := o.Lo; i < o.Hi; i++ {
			if l := batch.Labels.I32()[i]; l < 0 || int(l) >= b.config.Classes {
				return fmt.Errorf("participant %s: label %d of example %d; the model has classes 0 to %d", o.Participant, l, i-o.Lo, b.config.Classes-1)
			}
		}
	}
	if next != shape[0] {
		return fmt.Errorf("rows %d to %d have no owner", next, shape[0])
	}
	return nil
}

// Delta is what is merged into one site.
type Delta struct {
	Weight *linalg.Tensor // ΔW (out, in), at a conv2d site (out, C·K·K); nil: unchanged
	Bias   *linalg.Tensor // (out); nil: unchanged
}

// Merge makes W₀ + ΔW̄ the working copy, by site, always from the pristine W₀.
func (b *Base) Merge(deltas []Delta) error {
	if len(deltas) != len(b.layers) {
		return fmt.Errorf("%d updates for %d sites", len(deltas), len(b.layers))
	}
	for i, l := range b.layers {
		d := deltas[i]
		if d.Weight != nil && !slices.Equal(d.Weight.Shape(), l.weight.Shape()) || d.Bias != nil && d.Bias.Len() != l.site.Out {
			return fmt.Errorf("the update of site %s does not have its shape, %d × %d", l.site.Name, l.site.Out, l.site.In)
		}
	}
	for i, l := range b.layers {
		l.packed.Set(b.sum(l.weight, deltas[i].Weight))
		l.mergedBias, l.mergedAnything = b.sum(l.bias, deltas[i].Bias), true
	}
	return nil
}

// sum returns base + delta in new memory, or base itself where delta is nil.
func (b *Base) sum(base, delta *linalg.Tensor) *linalg.Tensor {
	if delta == nil {
		return base
	}
	if delta.Memory() == nil {
		delta = onDevice(b.dev, delta)
	}
	s := b.dev.New(linalg.F32, base.Shape()...)
	b.dev.Axpy(s, 1, base)
	b.dev.Axpy(s, 1, delta)
	return s
}

// Unmerge makes W₀ the working copy again, to the bit.
func (b *Base) Unmerge() {
	for _, l := range b.layers {
		if l.mergedAnything {
			l.packed.Set(l.weight)
			l.mergedBias, l.mergedAnything = nil, false
		}
	}
}
