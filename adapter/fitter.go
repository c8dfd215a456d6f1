package adapter

import (
	"errors"
	"fmt"
	"slices"

	"github.com/gradientlearning/cola/linalg"
)

// ErrDiverged says that a gradient or an update is not finite.
var ErrDiverged = errors.New("numbers are not finite")

// FitReport says what a fit did.
type FitReport struct {
	// GradientNorm is ‖∂ℓ/∂w‖ before clipping, at w = w̄; 0 for the closed forms.
	GradientNorm float64
	// Before and After are ℓ(w) before and after the fit: ½‖g‖² and ½‖g_w(x) − g_w̄(x) + g‖².
	// They are 0 with solver gradient, which never forms ℓ.
	Before, After float64
}

// Fitter fits one adapter at one site: it takes the tuples of an interval, solves their
// regression, and keeps the optimizer's state.
type Fitter struct {
	dev       linalg.Device
	site      Site
	adapter   Adapter
	solver    SolverConfig
	optimizer *optimizer
	grads     []*linalg.Tensor // solver gradient: Σ Jᵀg of the tuples so far; nil before the first
	added     bool             // something to grads: they may not be zero
	last      *tuple           // solver gradient: the tuple that is not in grads yet
	xs, gs    []*linalg.Tensor // the other solvers: the tuples
}

// NewFitter returns a fitter without tuples. A solver that does not solve for the
// adapter's kind is an error.
func NewFitter(dev linalg.Device, site Site, a Adapter, opt OptimizerConfig, solver SolverConfig) (*Fitter, error) {
	if err := errors.Join(opt.Validate(), solver.Validate()); err != nil {
		return nil, err
	}
	if need := closedForm[solver.Name]; need != "" && need != a.Spec().Kind {
		return nil, fmt.Errorf("solver %s solves %s adapters only, not %s", solver.Name, need, a.Spec().Kind)
	}
	if site.Kind == SiteEmbedding && closedForm[solver.Name] != "" {
		return nil, fmt.Errorf("solver %s at embedding %q: use gradient or steps, there is no closed form for ids", solver.Name, site.Name)
	}
	f := &Fitter{dev: dev, site: site, adapter: a, solver: solver, optimizer: newOptimizer(opt, a.Params())}
	return f, nil
}

// closedForm is the kind that each closed-form solver solves.
var closedForm = map[string]Kind{"ridge": Linear, "reduced-rank": LowRank}

// zeros returns tensors of the parameters' shapes.
func (f *Fitter) zeros() []*linalg.Tensor {
	var list []*linalg.Tensor
	for _, p := range f.adapter.Params() {
		list = append(list, linalg.New(linalg.F32, p.Value.Shape()...))
	}
	return list
}

// Adapter returns the adapter that is fitted.
func (f *Fitter) Adapter() Adapter { return f.adapter }

// Add takes one batch's tuple, x as captured and g, of which weight is made. At a conv2d
// site x is (n, H, W, C) and g (n, Ho, Wo, out), at an embedding x is ids (n) in I32, all
// of them below the vocabulary. The tuple itself is kept, so that the caller leaves it alone
// until Fit, Settle or Reset. With solver gradient that is the last one: of the others there is only
// Σ Jᵀ(weight·g).
func (f *Fitter) Add(x, g *linalg.Tensor, weight float32) {
	t := &tuple{x, g, weight}
	if f.solver.Name != "gradient" {
		x, g = f.rows(t)
		f.xs, f.gs = append(f.xs, x), append(f.gs, g)
		return
	}
	f.Settle()
	f.last = t
}

// Settle adds a tuple that waits for Fit to the gradient, and keeps it no longer. To let it wait is
// less work in all, since sites go side by side then ([FitAll]), and a gradient may go with its step;
// to settle is for who would only wait for the next tuple now.
func (f *Fitter) Settle() {
	if f.last != nil {
		f.accumulate()
	}
}

// tuple is what was added, as it came.
type tuple struct {
	x, g   *linalg.Tensor
	weight float32
}

// rows returns a tuple as rows, of which weight is made.
func (f *Fitter) rows(t *tuple) (x, g *linalg.Tensor) {
	x = f.site.Unfold(f.dev, t.x)
	g = t.g.Reshape(x.Rows(), f.site.Out)
	if t.weight != 1 {
		g = g.Clone()
		f.dev.Scale(g, t.weight)
	}
	return x, g
}

// accumulate adds the last tuple to the gradients, if there is one.
func (f *Fitter) accumulate() {
	if f.grads == nil {
		f.grads = f.zeros()
	}
	if f.last == nil {
		return
	}
	x, g := f.rows(f.last)
	f.last, f.added = nil, true
	f.adapter.Gradient(f.dev, f.grads, x, g)
}

// Reset forgets the tuples.
func (f *Fitter) Reset() {
	if f.added {
		for _, g := range f.grads {
			f.dev.Zero(g)
		}
	}
	f.added, f.last, f.xs, f.gs = false, nil, nil, nil
}

// Fit solves the regression over the tuples that were added, at a learning rate to which
// the schedule was applied, and forgets them. Numbers that are not finite are an error
// that wraps ErrDiverged. On any error the adapter and the optimizer are as they were.
func (f *Fitter) Fit(learningRate float64) (FitReport, error) {
	defer f.Reset()
	switch f.solver.Name {
	case "gradient":
		return f.fitGradient(learningRate)
	case "steps":
		return f.fitSteps(learningRate)
	case "ridge":
		return f.fitClosed(learningRate, f.solveRidge)
	default:
		return f.fitClosed(learningRate, f.solveReducedRank)
	}
}

// stacked returns the tuples as one.
func (f *Fitter) stacked() (x, g *linalg.Tensor) {
	g = stack(f.gs, f.site.Out)
	if f.site.Kind != SiteEmbedding {
		return stack(f.xs, f.site.In), g
	}
	var ids []int32
	for _, x := range f.xs {
		ids = append(ids, x.I32()...)
	}
	return linalg.FromI32(ids, len(ids)), g
}

// fitGradient takes one optimizer step along Jᵀg, the classical gradient.
func (f *Fitter) fitGradient(rate float64) (FitReport, error) {
	w := f.optimizer.most()
	if n, done := f.fitBands(w, rate); done {
		return FitReport{GradientNorm: n}, nil
	}
	f.accumulate()
	n := norm(f.grads)
	if !isFinite(n) {
		return FitReport{}, fmt.Errorf("gradient: %w", ErrDiverged)
	}
	after, certain := f.optimizer.outlook(w, n, rate)
	step := func() error {
		f.optimizer.step(f.grads, n, rate, after)
		f.added = false
		return nil
	}
	if certain {
		return FitReport{GradientNorm: n}, step()
	}
	return FitReport{GradientNorm: n}, f.guard(step)
}

// fitSteps takes steps against the fixed target g_w̄(x) − g. The residual is formed as
// (g_w(x) − g_w̄(x)) + g, which keeps the digits of a small g; in the first step it is g.
func (f *Fitter) fitSteps(rate float64) (FitReport, error) {
	x, g := f.stacked()
	start := linalg.New(linalg.F32, g.Shape()...)
	f.adapter.Apply(f.dev, start, x)
	report := FitReport{Before: halfSquare(g)}
	err := f.guard(func() error {
		residual, grads := g, f.zeros()
		for step := range f.solver.Steps {
			f.adapter.Gradient(f.dev, grads, x, residual)
			n := norm(grads)
			if !isFinite(n) {
				return fmt.Errorf("gradient of step %d: %w", step+1, ErrDiverged)
			}
			if step == 0 {
				report.GradientNorm = n
			}
			after, _ := f.optimizer.outlook(f.optimizer.most(), n, rate)
			f.optimizer.step(grads, n, rate, after)
			residual = f.residual(x, g, start)
		}
		report.After = halfSquare(residual)
		return nil
	})
	return report, err
}

// residual returns (g_w(x) − start) + g.
func (f *Fitter) residual(x, g, start *linalg.Tensor) *linalg.Tensor {
	r := linalg.New(linalg.F32, g.Shape()...)
	f.adapter.Apply(f.dev, r, x)
	f.dev.Axpy(r, -1, start)
	f.dev.Axpy(r, 1, g)
	return r
}

// fitClosed sets the parameters to the solution of the step −rate·g. Weight decay and
// clipping belong to optimizers and play no part; solve works on the tuples.
func (f *Fitter) fitClosed(rate float64, solve func(x, g *linalg.Tensor, rate float64) error) (FitReport, error) {
	x, g := f.stacked()
	if x.Rows() == 0 || rate == 0 {
		return FitReport{}, nil
	}
	if !isFinite(halfSquare(x)) || !isFinite(halfSquare(g)) {
		return FitReport{}, fmt.Errorf("tuples: %w", ErrDiverged)
	}
	start := linalg.New(linalg.F32, g.Shape()...)
	f.adapter.Apply(f.dev, start, x)
	report := FitReport{Before: halfSquare(g)}
	err := f.guard(func() error { return solve(x, g, rate) })
	if err == nil {
		report.After = halfSquare(f.residual(x, g, start))
	}
	return report, err
}

// solveRidge adds ΔW = −η·gᵀx(xᵀx + λI)⁻¹. A bias is the weight of a further column of
// ones, and is penalised like the others.
func (f *Fitter) solveRidge(x, g *linalg.Tensor, rate float64) error {
	params := f.adapter.Params()
	weight := params[0].Value
	if len(params) == 2 {
		x = withOnes(x)
	}
	dw, err := linalg.Ridge(x, g, rate, f.solver.Ridge)
	if err != nil {
		return err
	}
	for i := range weight.Rows() {
		row := dw.F32()[i*dw.Cols() : (i+1)*dw.Cols()]
		for j := range weight.Cols() {
			weight.F32()[i*weight.Cols()+j] += row[j]
		}
		if len(params) == 2 {
			params[1].Value.F32()[i] += row[weight.Cols()]
		}
	}
	return nil
}

// withOnes returns x with a column of ones behind it.
func withOnes(x *linalg.Tensor) *linalg.Tensor {
	n := x.Cols()
	out := linalg.New(linalg.F32, x.Rows(), n+1)
	for i := range x.Rows() {
		copy(out.F32()[i*(n+1):], x.F32()[i*n:(i+1)*n])
		out.F32()[i*(n+1)+n] = 1
	}
	return out
}

// solveReducedRank replaces B·A by the nearest map of its rank to the target.
func (f *Fitter) solveReducedRank(x, g *linalg.Tensor, rate float64) error {
	l := f.adapter.(*lowRank)
	current, _, err := l.Delta(f.dev)
	if err != nil {
		return err
	}
	rank := min(l.spec.Rank, f.site.In, f.site.Out)
	b, a, err := linalg.ReducedRank(x, g, current, rate, f.solver.Ridge, rank)
	if err != nil {
		return err
	}
	clear(l.a.F32())
	clear(l.b.F32())
	copy(l.a.F32(), a.F32())
	for i := range f.site.Out {
		for k := range rank {
			l.b.F32()[i*l.spec.Rank+k] = b.F32()[i*rank+k] / l.scale()
		}
	}
	return nil
}

// guard runs change, which may leave numbers that are not finite, and takes it back if it
// does or fails.
func (f *Fitter) guard(change func() error) error {
	state := f.state()
	before := copies.Get().(*stateCopy)
	defer copies.Put(before)
	before.take(state)
	bounds := f.optimizer.bounds
	err := change()
	for _, p := range state {
		if err == nil && p.Value.DType() == linalg.F32 && finite(p.Value.F32()) != nil {
			err = fmt.Errorf("parameter %s: %w", p.Name, ErrDiverged)
		}
	}
	if err != nil {
		before.giveBack(state)
		f.optimizer.bounds = bounds
	}
	return err
}

// state returns parameters and optimizer state.
func (f *Fitter) state() []Param { return slices.Concat(f.adapter.Params(), f.optimizer.state()) }

// State returns all that is needed to go on, as "<site>.<name>": the parameters, the
// optimizer's moments and its count of steps. Tuples are not part of it.
func (f *Fitter) State() []linalg.Blob {
	var blobs []linalg.Blob
	for _, p := range f.state() {
		blobs = append(blobs, p.Value.Blob(f.site.Name+"."+p.Name))
	}
	return blobs
}

// Restore is the inverse of State: all or, on an error that names the tensor, nothing.
// Tuples of before are forgotten: they belong to other parameters.
func (f *Fitter) Restore(blobs map[string]linalg.Blob) error {
	targets := map[string]*linalg.Tensor{}
	for _, p := range f.state() {
		targets[f.site.Name+"."+p.Name] = p.Value
	}
	values, err := decode(blobs)
	if err != nil {
		return err
	}
	if err := f.optimizer.possible(f.site.Name+".", values); err != nil {
		return err
	}
	if err := set(targets, values); err != nil {
		return err
	}
	f.optimizer.measure()
	f.Reset()
	return nil
}
