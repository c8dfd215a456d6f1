package evaluate

import (
	"context"
	"errors"
	"fmt"

	"github.com/gradientlearning/cola/adapter"
	"github.com/gradientlearning/cola/data/metric"
	"github.com/gradientlearning/cola/linalg"
	"github.com/gradientlearning/cola/model"
)

// Run scores every participant's examples with the models that there are.
func Run(ctx context.Context, c Config) (Report, error) {
	if err := c.check(); err != nil {
		return Report{}, err
	}
	shares, err := c.shares()
	if err != nil {
		return Report{}, err
	}
	metrics, err := c.metrics()
	if err != nil {
		return Report{}, err
	}
	if c.Together == 0 {
		c.Together = defaultTogether
	}
	e := evaluation{ctx: ctx, Config: c, shares: shares, outcomes: map[Kind]map[string]*outcome{}}
	if err := e.run(); err != nil {
		return Report{}, err
	}
	return e.report(metrics)
}

// evaluation is a run.
type evaluation struct {
	Config
	ctx      context.Context
	shares   []share
	outcomes map[Kind]map[string]*outcome // by kind and participant
}

// outcome is what a model said of a participant's examples.
type outcome struct {
	metric.Outcome
	examples int
	loss     float64 // summed over predictions
	count    int     // predictions
}

// run scores with one model after the other. The base model is as it was afterwards.
func (e *evaluation) run() error {
	defer e.Base.Unmerge()
	e.Base.Unmerge()
	if err := e.score(Base, model.Merged, nil); err != nil {
		return err
	}
	if len(e.Alone) > 0 {
		if err := e.score(Alone, model.Unmerged, e.Alone); err != nil {
			return err
		}
	}
	if len(e.Alone) > 1 {
		deltas, err := e.mean()
		if err == nil {
			err = e.merged(Merged, deltas)
		}
		if err != nil && !errors.Is(err, adapter.ErrNotMergeable) { // there is none of those
			return err
		}
	}
	if e.Collaborative != nil {
		deltas, err := deltasOf(e.Collaborative)
		if err != nil {
			return err
		}
		return e.merged(Collaborative, deltas)
	}
	return nil
}

// merged scores with deltas in the weights.
func (e *evaluation) merged(kind Kind, deltas []model.Delta) error {
	if err := e.Base.Merge(deltas); err != nil {
		return err
	}
	return e.score(kind, model.Merged, nil)
}

// deltasOf returns what adapters, which are on the host, add to each site.
func deltasOf(adapters []adapter.Adapter) ([]model.Delta, error) {
	host := linalg.NewCPU()
	list := make([]model.Delta, len(adapters))
	for i, a := range adapters {
		var err error
		if list[i].Weight, list[i].Bias, err = a.Delta(host); err != nil {
			return nil, err
		}
	}
	return list, nil
}

// mean returns the mean of all participants' deltas, in the order of the participants.
func (e *evaluation) mean() ([]model.Delta, error) {
	dev := linalg.NewCPU()
	sum := make([]model.Delta, len(e.Base.Sites()))
	share := 1 / float32(len(e.Alone))
	add := func(total **linalg.Tensor, part *linalg.Tensor) {
		if part == nil {
			return
		}
		if *total == nil {
			*total = dev.New(linalg.F32, part.Shape()...)
		}
		dev.Axpy(*total, share, part)
	}
	for _, s := range e.shares {
		deltas, err := deltasOf(e.Alone[s.name])
		if err != nil {
			return nil, fmt.Errorf("participant %s: %w", s.name, err)
		}
		for i, d := range deltas {
			add(&sum[i].Weight, d.Weight)
			add(&sum[i].Bias, d.Bias)
		}
	}
	return sum, nil
}

// score runs everyone's examples through the model in its present state; with adapters by
// participant only theirs.
func (e *evaluation) score(kind Kind, mode model.Mode, adapters map[string][]adapter.Adapter) error {
	e.outcomes[kind] = map[string]*outcome{}
	var left []share
	for _, s := range e.shares {
		switch {
		case adapters == nil && e.Categories == nil && len(left) > 0: // the same examples, and the same model
			e.outcomes[kind][s.name] = e.outcomes[kind][left[0].name]
		case adapters == nil || adapters[s.name] != nil:
			left = append(left, s)
			e.outcomes[kind][s.name] = &outcome{}
		}
	}
	for len(left) > 0 {
		if err := e.ctx.Err(); err != nil {
			return err
		}
		var indices []int
		var owners []model.Owner
		var rest []share
		room := max(1, e.Together/len(left))
		for _, s := range left {
			n := min(room, len(s.indices))
			owners = append(owners, model.Owner{
				Participant: s.name, Lo: len(indices), Hi: len(indices) + n, Adapters: adapters[s.name], Scale: 1,
			})
			indices = append(indices, s.indices[:n]...)
			if s.indices = s.indices[n:]; len(s.indices) > 0 {
				rest = append(rest, s)
			}
		}
		left = rest
		if err := e.pass(e.outcomes[kind], indices, owners, mode); err != nil {
			return fmt.Errorf("%s: %w", kind, err)
		}
	}
	return nil
}
