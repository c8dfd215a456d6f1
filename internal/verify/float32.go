package verify

import (
	"context"
	"fmt"

	"github.com/gradientlearning/cola/adapter"
	"github.com/gradientlearning/cola/internal/oracle"
	"github.com/gradientlearning/cola/linalg"
	"github.com/gradientlearning/cola/model"
)

// gatherFloat32 lets the product's own code compute both sides of every comparison.
func gatherFloat32(ctx context.Context, f *fixture) (evidence, error) {
	var e evidence
	for _, step := range []func(*fixture, *evidence) error{unmergedPasses, alonePasses, mergedPasses, jointPass} {
		if err := ctx.Err(); err != nil {
			return e, err
		}
		f.base.Unmerge()
		if err := step(f, &e); err != nil {
			return e, err
		}
	}
	f.base.Unmerge()
	return e, nil
}

// unmergedPasses run all participants' rows through one tape and one pass.
func unmergedPasses(f *fixture, e *evidence) error {
	tape, _, err := f.base.Classical(f.share(f.unmerged), false)
	if err != nil {
		return fmt.Errorf("classical: %w", err)
	}
	tuples, err := f.pass(f.unmerged, model.Unmerged)
	if err != nil {
		return err
	}
	cut, err := f.pass(f.unmerged, model.Detached)
	if err != nil {
		return err
	}
	e.together = bits(tuples)
	for k, p := range f.unmerged {
		e.classical = append(e.classical, siteGradients(tape.Adapters[k]))
		e.unmerged = append(e.unmerged, f.learn(p.own, tuples[k], jacobian))
		e.detached = append(e.detached, f.learn(p.own, cut[k], jacobian))
		e.quadratic = append(e.quadratic, f.learn(p.own, tuples[k], quadratic))
	}
	return nil
}

// alonePasses run every participant's rows by themselves; on the one with linear adapters
// the layers' own parameters are on the tape as well.
func alonePasses(f *fixture, e *evidence) error {
	for k := range f.unmerged {
		alone := f.unmerged[k : k+1]
		tuples, err := f.pass(alone, model.Unmerged)
		if err != nil {
			return err
		}
		e.separated = append(e.separated, bits(tuples)...)
		if k != linearAt {
			continue
		}
		tape, _, err := f.base.Classical(f.share(alone), true)
		if err != nil {
			return fmt.Errorf("classical with the base model's parameters: %w", err)
		}
		var base [][]oracle.Matrix
		for _, site := range f.base.Sites() {
			weight, bias := tape.Base[site.Name+".weight"], tape.Base[site.Name+".bias"]
			base = append(base, doubles([]*linalg.Tensor{weight.Reshape(site.Out, site.In), bias}))
		}
		e.baseTape, e.hidden = gradients{base}, gradients{base}
		e.auxiliary = gradients{siteGradients(tape.Adapters[0])}
		// A linear adapter with bias is a layer of the same form as its site's, and its
		// gradient does not depend on its parameters: it is f_θ of Proposition 1.
		e.base = gradients{f.learn(alone[0].own, tuples[0], jacobian)}
	}
	return nil
}

// mergedPasses run all participants' rows through W₀ + ΔW̄, and each one's through a tape
// on which its own adapter takes its share of the way.
func mergedPasses(f *fixture, e *evidence) error {
	mean := make([]model.Delta, len(f.base.Sites()))
	for _, p := range f.merged {
		if err := addDeltas(f, mean, 1/float32(len(f.merged)), p.own); err != nil {
			return err
		}
	}
	tuples, err := f.mergedPass(mean, f.merged)
	if err != nil {
		return err
	}
	for k, p := range f.merged {
		e.merged = append(e.merged, f.learn(p.own, tuples[k], jacobian))
		without := cloneDeltas(mean)
		if err := addDeltas(f, without, -1, p.own); err != nil {
			return err
		}
		if err := f.base.Merge(without); err != nil {
			return err
		}
		tape, _, err := f.base.Classical(f.share(f.merged[k:k+1]), false)
		if err != nil {
			return fmt.Errorf("classical on a merged model: %w", err)
		}
		e.mergedTape = append(e.mergedTape, siteGradients(tape.Adapters[0]))
	}
	return nil
}

// jointPass merges one participant alone.
func jointPass(f *fixture, e *evidence) error {
	one := f.merged[:1]
	tape, _, err := f.base.Classical(f.share(one), false)
	if err != nil {
		return fmt.Errorf("classical: %w", err)
	}
	deltas := make([]model.Delta, len(f.base.Sites()))
	if err := addDeltas(f, deltas, 1, one[0].own); err != nil {
		return err
	}
	tuples, err := f.mergedPass(deltas, one)
	if err != nil {
		return err
	}
	e.joint = gradients{f.learn(one[0].own, tuples[0], jacobian)}
	e.jointTape = gradients{siteGradients(tape.Adapters[0])}
	return nil
}

// share is the batch of the participants' rows, one after the other, every loss
// normalised by its own rows.
func (f *fixture) share(participants []participant) *model.Batch {
	var batches []oracle.Batch
	batch := &model.Batch{}
	lo := 0
	for _, p := range participants {
		rows := len(p.batch.Labels)
		batches = append(batches, p.batch)
		batch.Owners = append(batch.Owners, model.Owner{
			Participant: p.name, Lo: lo, Hi: lo + rows, Adapters: p.own, Scale: 1 / float32(rows),
		})
		lo += rows
	}
	batch.Inputs, batch.Labels = tensors(batches, f.base.Config().Input)
	return batch
}

// tuple is what the sink caught at a site, as unfolded rows.
type tuple struct{ x, g *linalg.Tensor }

// pass runs one pass and returns the tuples by participant and site.
func (f *fixture) pass(participants []participant, mode model.Mode) ([][]tuple, error) {
	batch := f.share(participants)
	if mode == model.Merged {
		for i := range batch.Owners {
			batch.Owners[i].Adapters = nil
		}
	}
	caught := &catch{inputs: map[int]*linalg.Tensor{}, outputs: map[int]*linalg.Tensor{}}
	if _, err := f.base.Pass(batch, mode, caught); err != nil {
		return nil, fmt.Errorf("%s pass: %w", mode, err)
	}
	tuples := make([][]tuple, len(participants))
	for k, owner := range batch.Owners {
		for s, site := range f.base.Sites() {
			x, g := caught.inputs[s], caught.outputs[s]
			if x == nil || g == nil {
				return nil, fmt.Errorf("%s pass: no tuple left site %s", mode, site.Name)
			}
			x = site.Unfold(f.device, x.RowRange(owner.Lo, owner.Hi))
			g = g.RowRange(owner.Lo, owner.Hi)
			tuples[k] = append(tuples[k], tuple{x.Reshape(x.Len()/site.In, site.In), g.Reshape(g.Len()/site.Out, site.Out)})
		}
	}
	return tuples, nil
}

// mergedPass runs a pass of the model with the deltas merged into it.
func (f *fixture) mergedPass(deltas []model.Delta, participants []participant) ([][]tuple, error) {
	if err := f.base.Merge(deltas); err != nil {
		return nil, fmt.Errorf("merge: %w", err)
	}
	return f.pass(participants, model.Merged)
}

// catch is a sink that keeps copies. Every site of the models here has its own input.
type catch struct{ inputs, outputs map[int]*linalg.Tensor }

// Input keeps a copy of x.
func (c *catch) Input(site int, x *linalg.Tensor, _ []model.Rows) { c.inputs[site] = x.Clone() }

// Gradient keeps a copy of g.
func (c *catch) Gradient(site int, g *linalg.Tensor, _ []model.Rows) { c.outputs[site] = g.Clone() }

// learn computes one gradient a site from the site's tuple.
func (f *fixture) learn(adapters []adapter.Adapter, tuples []tuple,
	gradient func(dev linalg.Device, a adapter.Adapter, t tuple) []*linalg.Tensor) [][]oracle.Matrix {
	list := make([][]oracle.Matrix, len(tuples))
	for s, t := range tuples {
		list[s] = doubles(gradient(f.device, adapters[s], t))
	}
	return list
}

// jacobian is the vector–Jacobian product Jᵀg.
func jacobian(dev linalg.Device, a adapter.Adapter, t tuple) []*linalg.Tensor {
	var grads []*linalg.Tensor
	for _, p := range a.Params() {
		grads = append(grads, dev.New(linalg.F32, p.Value.Shape()...))
	}
	a.Gradient(dev, grads, t.x, t.g)
	return grads
}

// quadratic is the gradient of the literal ½‖g_w(x) − target‖² with target = g_w̄(x) − g
// rounded to float32, at w = w̄: its residual is not quite g.
func quadratic(dev linalg.Device, a adapter.Adapter, t tuple) []*linalg.Tensor {
	target := dev.New(linalg.F32, t.g.Shape()...)
	a.Apply(dev, target, t.x)
	residual := target.Clone()
	dev.Axpy(target, -1, t.g)
	dev.Axpy(residual, -1, target)
	return jacobian(dev, a, tuple{t.x, residual})
}

// addDeltas adds scale times every adapter's delta, in place.
func addDeltas(f *fixture, deltas []model.Delta, scale float32, adapters []adapter.Adapter) error {
	for s, a := range adapters {
		weight, bias, err := a.Delta(f.device)
		if err != nil {
			return fmt.Errorf("delta of site %s: %w", f.base.Sites()[s].Name, err)
		}
		deltas[s].Weight = addScaled(f.device, deltas[s].Weight, scale, weight)
		deltas[s].Bias = addScaled(f.device, deltas[s].Bias, scale, bias)
	}
	return nil
}

func addScaled(dev linalg.Device, sum *linalg.Tensor, scale float32, t *linalg.Tensor) *linalg.Tensor {
	if t == nil {
		return sum
	}
	if sum == nil {
		sum = dev.New(linalg.F32, t.Shape()...)
	}
	dev.Axpy(sum, scale, t)
	return sum
}

func cloneDeltas(deltas []model.Delta) []model.Delta {
	list := make([]model.Delta, len(deltas))
	for s, d := range deltas {
		list[s].Weight = d.Weight.Clone()
		if d.Bias != nil {
			list[s].Bias = d.Bias.Clone()
		}
	}
	return list
}

// siteGradients are one participant's gradients on a tape.
func siteGradients(tape [][]*linalg.Tensor) [][]oracle.Matrix {
	list := make([][]oracle.Matrix, len(tape))
	for s, grads := range tape {
		list[s] = doubles(grads)
	}
	return list
}

// bits are tuples in a form in which their bits can be compared.
func bits(tuples [][]tuple) gradients {
	list := make(gradients, len(tuples))
	for k, own := range tuples {
		for _, t := range own {
			list[k] = append(list[k], doubles([]*linalg.Tensor{t.x, t.g}))
		}
	}
	return list
}
