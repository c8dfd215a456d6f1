package verify

import (
	"context"

	"github.com/gradientlearning/cola/internal/oracle"
)

// gatherFloat64 lets the oracle compute both sides of every comparison, one
// participant after the other.
func gatherFloat64(ctx context.Context, f *fixture) (evidence, error) {
	var e evidence
	for k, p := range f.unmerged {
		if err := ctx.Err(); err != nil {
			return e, err
		}
		tape := f.network.Classical(p.double, p.batch)
		tuples, _ := f.network.Tuples(p.double, p.batch, false)
		cut, _ := f.network.Tuples(p.double, p.batch, true)
		e.classical = append(e.classical, tape.Adapters)
		e.unmerged = append(e.unmerged, learn(p.double, tuples, (*oracle.Adapter).Gradient))
		e.detached = append(e.detached, learn(p.double, cut, (*oracle.Adapter).Gradient))
		e.quadratic = append(e.quadratic, learn(p.double, tuples, (*oracle.Adapter).Quadratic))
		if k == linearAt {
			e.baseTape, e.base = original(f.network, tape, tuples)
			e.hidden, e.auxiliary = equation5(tape, tuples)
		}
	}
	for _, p := range f.merged {
		if err := ctx.Err(); err != nil {
			return e, err
		}
		deltas, err := oracle.Deltas(p.double)
		if err != nil {
			return e, err
		}
		tuples, _ := f.mean.Tuples(nil, p.batch, false)
		e.merged = append(e.merged, learn(p.double, tuples, (*oracle.Adapter).Gradient))
		e.mergedTape = append(e.mergedTape, f.mean.Displaced(-1, deltas).Classical(p.double, p.batch).Adapters)
	}

	one := f.merged[0]
	alone, err := f.network.Merged([][]*oracle.Adapter{one.double})
	if err != nil {
		return e, err
	}
	tuples, _ := alone.Tuples(nil, one.batch, false)
	e.joint = gradients{learn(one.double, tuples, (*oracle.Adapter).Gradient)}
	e.jointTape = gradients{f.network.Classical(one.double, one.batch).Adapters}
	return e, nil
}

// learn computes one gradient a site from the site's tuple.
func learn(adapters []*oracle.Adapter, tuples []oracle.Tuple,
	gradient func(a *oracle.Adapter, x, g oracle.Matrix) []oracle.Matrix) [][]oracle.Matrix {
	list := make([][]oracle.Matrix, len(tuples))
	for s, t := range tuples {
		list[s] = gradient(adapters[s], t.X, t.G)
	}
	return list
}

// original returns the two sides of Proposition 1 on the layers' own parameters: what
// an auxiliary model f_θ of the layer's own form learns from the tuple. The quadratic's
// residual is (f_θ(x) − h) + g, whose first term is exactly 0 at the current θ.
func original(n oracle.Network, tape oracle.Gradients, tuples []oracle.Tuple) (classical, learned gradients) {
	classical, learned = make(gradients, 1), make(gradients, 1)
	for s, t := range tuples {
		theta := &oracle.Adapter{Kind: oracle.Linear, Params: []oracle.Matrix{n.Layers[s].Weight, n.Layers[s].Bias}}
		classical[0] = append(classical[0], []oracle.Matrix{tape.Weight[s], tape.Bias[s]})
		learned[0] = append(learned[0], theta.Gradient(t.X, t.G))
	}
	return classical, learned
}

// equation5 returns ∂L/∂h twice, and ∂L/∂Δh beside ∂L/∂ĥ as the pass captures it.
func equation5(tape oracle.Gradients, tuples []oracle.Tuple) (hidden, others gradients) {
	hidden, others = make(gradients, 1), make(gradients, 1)
	for s, t := range tuples {
		hidden[0] = append(hidden[0], []oracle.Matrix{tape.Hidden[s], tape.Hidden[s]})
		others[0] = append(others[0], []oracle.Matrix{tape.Auxiliary[s], t.G})
	}
	return hidden, others
}
