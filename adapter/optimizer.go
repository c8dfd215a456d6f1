package adapter

import (
	"errors"
	"fmt"
	"math"
	"slices"

	"github.com/gradientlearning/cola/linalg"
	"github.com/gradientlearning/cola/linalg/row"
)

// OptimizerConfig names an optimizer and its settings, with PyTorch's meaning:
//
//	sgd:   g ← g + λw;  m ← μm + g (m = g at first);  g ← g + μm with Nesterov, else m;  w ← w − ηg
//	adam:  g ← g + λw;  m ← β₁m + (1−β₁)g;  v ← β₂v + (1−β₂)g²;  w ← w − η·m̂/(√v̂ + ε)
//	adamw: w ← w − ηλw;  then as adam without the decay in g
//
// with m̂ = m/(1−β₁ᵗ), v̂ = v/(1−β₂ᵗ). The gradient of an adapter is clipped first:
// g ← g·min(1, c/(‖g‖ + 10⁻⁶)), the norm over all its parameters.
type OptimizerConfig struct {
	Name         string  // sgd, adam or adamw
	LearningRate float64 // η, before the schedule
	Momentum     float64 // μ of sgd; 0 is none
	Nesterov     bool    // of sgd with momentum
	Beta1, Beta2 float64 // of adam and adamw
	Epsilon      float64 // of adam and adamw
	WeightDecay  float64 // λ
	ClipNorm     float64 // c; 0 is off
}

// DefaultOptimizer returns the paper's AdamW for text.
func DefaultOptimizer() OptimizerConfig {
	return OptimizerConfig{Name: "adamw", LearningRate: 3e-4, Beta1: 0.9, Beta2: 0.999, Epsilon: 1e-8, WeightDecay: 5e-4}
}

// Validate says what is wrong with the settings.
func (o OptimizerConfig) Validate() error {
	var errs []error
	if o.Name != "sgd" && o.Name != "adam" && o.Name != "adamw" {
		errs = append(errs, fmt.Errorf("name = %q: use sgd, adam or adamw", o.Name))
	}
	positive := func(key string, v float64) {
		if !(v > 0) || math.IsInf(v, 0) {
			errs = append(errs, fmt.Errorf("%s = %g must be above 0", key, v))
		}
	}
	notNegative := func(key string, v float64) {
		if !(v >= 0) || math.IsInf(v, 0) {
			errs = append(errs, fmt.Errorf("%s = %g must be at least 0", key, v))
		}
	}
	share := func(key string, v float64) {
		if !(v >= 0 && v < 1) {
			errs = append(errs, fmt.Errorf("%s = %g must be at least 0 and below 1", key, v))
		}
	}
	positive("learning_rate", o.LearningRate)
	share("momentum", o.Momentum)
	if o.Name != "sgd" {
		share("beta1", o.Beta1)
		share("beta2", o.Beta2)
		positive("epsilon", o.Epsilon)
	}
	if o.Name == "sgd" && o.Nesterov && o.Momentum == 0 {
		errs = append(errs, errors.New("nesterov needs a momentum above 0"))
	}
	notNegative("weight_decay", o.WeightDecay)
	notNegative("clip_norm", o.ClipNorm)
	return errors.Join(errs...)
}

// optimizer is the state of one adapter's optimizer. Its arithmetic is on the host, in
// float32 with coefficients that were computed in float64, element by element.
type optimizer struct {
	cfg    OptimizerConfig
	params []Param
	steps  *linalg.Tensor   // (1) I32: how many were taken
	first  []*linalg.Tensor // momentum, or Adam's m; nil where there is none
	second []*linalg.Tensor // Adam's v; nil where there is none
	bounds bounds           // of both
}

func newOptimizer(cfg OptimizerConfig, params []Param) *optimizer {
	o := &optimizer{cfg: cfg, params: params, steps: linalg.New(linalg.I32, 1)}
	like := func() []*linalg.Tensor {
		list := make([]*linalg.Tensor, len(params))
		for i, p := range params {
			list[i] = linalg.New(linalg.F32, p.Value.Shape()...)
		}
		return list
	}
	if cfg.Name != "sgd" || cfg.Momentum > 0 {
		o.first = like()
	}
	if cfg.Name != "sgd" {
		o.second = like()
	}
	return o
}

// state returns the optimizer's tensors by the name behind "<site>.".
func (o *optimizer) state() []Param {
	list := []Param{{"steps", o.steps}}
	names := [2]string{"momentum", ""}
	if o.second != nil {
		names = [2]string{"m", "v"}
	}
	for j, moments := range [][]*linalg.Tensor{o.first, o.second} {
		for i, t := range moments {
			list = append(list, Param{o.params[i].Name + "." + names[j], t})
		}
	}
	return list
}

// possible says what no optimizer leaves behind: a negative count, or mean squares below
// zero, which would be NaN in the next step. Tensors are named behind prefix.
func (o *optimizer) possible(prefix string, values map[string]*linalg.Tensor) error {
	if v := values[prefix+"steps"]; v != nil && v.DType() == linalg.I32 && v.Len() == 1 && v.I32()[0] < 0 {
		return fmt.Errorf("tensor %q counts %d steps", prefix+"steps", v.I32()[0])
	}
	for i := range o.second {
		name := prefix + o.params[i].Name + ".v"
		if v := values[name]; v != nil && v.DType() == linalg.F32 && v.Len() > 0 && slices.Min(v.F32()) < 0 {
			return fmt.Errorf("tensor %q holds a mean square below zero", name)
		}
	}
	return nil
}

// norm returns the 2-norm over all gradients.
func norm(grads []*linalg.Tensor) float64 {
	sum := 0.0
	for _, g := range grads {
		sum += linalg.SquareSum(g.F32())
	}
	return math.Sqrt(sum)
}

// step moves the parameters against the gradients, and leaves zeros in these: they are read
// for the last time, and go over from step to step. after is its outlook.
func (o *optimizer) step(grads []*linalg.Tensor, gradNorm, rate float64, after bounds) {
	if c := o.cfg.ClipNorm; c > 0 && gradNorm > 0 {
		if factor := c / (gradNorm + 1e-6); factor < 1 {
			for _, g := range grads {
				clip(g.F32(), factor)
			}
		}
	}
	o.bounds = after
	move := o.begin(rate)
	const block = 1 << 11 // stays in cache
	for i := range o.params {
		g := grads[i].F32()
		linalg.Parallel(len(g), func(lo, hi int) {
			for ; lo < hi; lo += block {
				end := min(lo+block, hi)
				move(i, lo, g[lo:end])
				clear(g[lo:end])
			}
		})
	}
}

// begin counts a step, and returns what moves the elements of parameter i from lo on, as many
// as g has, against their gradient g. Every element is to be moved once.
func (o *optimizer) begin(rate float64) (move func(i, lo int, g []float32)) {
	o.steps.I32()[0]++
	if o.cfg.Name == "sgd" {
		return func(i, lo int, g []float32) { o.sgd(i, lo, g, rate) }
	}
	adam := o.adam(rate)
	return func(i, lo int, g []float32) {
		hi := lo + len(g)
		adam.Step(o.params[i].Value.F32()[lo:hi], o.first[i].F32()[lo:hi], o.second[i].F32()[lo:hi], g)
	}
}

func clip(g []float32, factor float64) {
	linalg.Parallel(len(g), func(lo, hi int) {
		for i, v := range g[lo:hi] {
			g[lo+i] = float32(float64(v) * factor)
		}
	})
}

// sgd moves the elements of parameter i from lo on.
func (o *optimizer) sgd(i, lo int, g []float32, rate float64) {
	hi := lo + len(g)
	var m []float32
	if o.first != nil {
		m = o.first[i].F32()[lo:hi]
	}
	step := row.SGD{
		Decay: float32(o.cfg.WeightDecay), Rate: float32(rate), Momentum: float32(o.cfg.Momentum),
		Nesterov: o.cfg.Nesterov, First: o.steps.I32()[0] == 1,
	}
	step.Step(o.params[i].Value.F32()[lo:hi], m, g)
}

// adam returns the coefficients of the step that was counted last.
func (o *optimizer) adam(rate float64) row.Adam {
	c, t := o.cfg, float64(o.steps.I32()[0])
	step := row.Adam{
		Keep: 1, Beta1: float32(c.Beta1), Beta2: float32(c.Beta2), Epsilon: float32(c.Epsilon),
		Rate: float32(rate / (1 - math.Pow(c.Beta1, t))), Root: float32(1 / math.Sqrt(1-math.Pow(c.Beta2, t))),
	}
	if c.Name == "adamw" {
		step.Keep = float32(1 - rate*c.WeightDecay)
	} else {
		step.Decay = float32(c.WeightDecay)
	}
	return step
}
