package oracle

import "fmt"

// Kind names a family of adapters.
type Kind string

// The kinds of adapters.
const (
	LowRank Kind = "low-rank" // g(x) = s·x·Aᵀ·Bᵀ; parameters A (r, in), B (out, r)
	Linear  Kind = "linear"   // g(x) = x·ΔWᵀ (+ b); parameters ΔW (out, in), b (1, out)
	MLP     Kind = "mlp"      // linear layers with ReLU between; parameters W, b, W, b, …
)

// Adapter is one auxiliary model g_w at one site.
type Adapter struct {
	Kind   Kind
	Scale  float64  // s of a low-rank adapter
	Params []Matrix // in the order given at the kinds
}

// Delta is what an adapter that is linear in x adds to a layer: g(x) = x·Weightᵀ + Bias.
type Delta struct {
	Weight Matrix // (out, in)
	Bias   Matrix // (1, out), without elements where the adapter has none
}

// Deltas returns the delta of every adapter; an MLP has none.
func Deltas(adapters []*Adapter) ([]Delta, error) {
	deltas := make([]Delta, len(adapters))
	for i, a := range adapters {
		switch a.Kind {
		case LowRank:
			down, up := a.Params[0], a.Params[1]
			deltas[i].Weight = NewMatrix(up.Rows, down.Cols)
			deltas[i].Weight.AddScaled(a.Scale, mul(up, down))
		case Linear:
			deltas[i].Weight = a.Params[0]
			if len(a.Params) == 2 {
				deltas[i].Bias = a.Params[1]
			}
		default:
			return nil, fmt.Errorf("oracle: an adapter of kind %q is not linear in x and cannot be merged", a.Kind)
		}
	}
	return deltas, nil
}

// Apply returns g_w(x) (n, out).
func (a *Adapter) Apply(x Matrix) Matrix {
	g := &graph{}
	return a.onGraph(g, g.constant(x), a.leaves(g, false)).value
}

// Gradient returns Jᵀg for every parameter: the gradient that is learned from the tuple
// (x, g), written out by hand.
func (a *Adapter) Gradient(x, g Matrix) []Matrix {
	grads, _ := a.products(x, g)
	return grads
}

// products returns the vector–Jacobian products of g with the parameters and with x.
func (a *Adapter) products(x, g Matrix) (params []Matrix, dx Matrix) {
	switch a.Kind {
	case LowRank:
		down, up := a.Params[0], a.Params[1]
		scaled := NewMatrix(g.Rows, g.Cols)
		scaled.AddScaled(a.Scale, g)
		gUp := mul(scaled, up) // s·g·B (n, r)
		return []Matrix{tmul(gUp, x), tmul(scaled, mulT(x, down))}, mul(gUp, down)
	case Linear:
		params = []Matrix{tmul(g, x)}
		if len(a.Params) == 2 {
			params = append(params, columnSums(g))
		}
		return params, mul(g, a.Params[0])
	}
	return a.mlpProducts(x, g)
}

// mlpProducts is products for an MLP: forward with every layer's input kept, then back.
func (a *Adapter) mlpProducts(x, g Matrix) (params []Matrix, dx Matrix) {
	depth := len(a.Params) / 2
	inputs := make([]Matrix, depth)
	for l := range depth {
		inputs[l] = x
		x = mulT(x, a.Params[2*l])
		for i := range x.Rows {
			row := x.Row(i)
			for o := range row {
				row[o] = max(row[o]+a.Params[2*l+1].Data[o], 0) // the last one is not used
			}
		}
	}
	params = make([]Matrix, 2*depth)
	for l := depth - 1; l >= 0; l-- {
		params[2*l], params[2*l+1] = tmul(g, inputs[l]), columnSums(g)
		g = mul(g, a.Params[2*l])
		if l > 0 {
			maskZeros(g, inputs[l])
		}
	}
	return params, g
}

// maskZeros sets g to 0 where y, the output of a ReLU, is 0.
func maskZeros(g, y Matrix) {
	for i, v := range y.Data {
		if v <= 0 {
			g.Data[i] = 0
		}
	}
}

// Quadratic returns the gradient of the literal ½‖g_w(x) − (g_w̄(x) − g)‖² at w = w̄, by a
// graph: the same as [Adapter.Gradient] in exact arithmetic. The target is rounded to
// float64 as it stands, so digits are lost where g is small beside g_w(x).
func (a *Adapter) Quadratic(x, g Matrix) []Matrix {
	target := a.Apply(x)
	target.AddScaled(-1, g)
	gr := &graph{}
	leaves := a.leaves(gr, true)
	out := a.onGraph(gr, gr.constant(x), leaves)
	gr.backward(gr.halfSquares(gr.addScaled(out, -1, gr.constant(target))))
	return gradients(leaves)
}

// leaves puts the parameters on the graph, to be differentiated or not.
func (a *Adapter) leaves(g *graph, differentiated bool) []*node {
	nodes := make([]*node, len(a.Params))
	for i, p := range a.Params {
		if differentiated {
			nodes[i] = g.leaf(p)
		} else {
			nodes[i] = g.constant(p)
		}
	}
	return nodes
}

// onGraph computes g_w(x) on the graph with the parameters w.
func (a *Adapter) onGraph(g *graph, x *node, w []*node) *node {
	switch a.Kind {
	case LowRank:
		y := g.product(g.product(x, w[0]), w[1])
		return g.addScaled(g.constant(NewMatrix(y.value.Rows, y.value.Cols)), a.Scale, y)
	case Linear:
		y := g.product(x, w[0])
		if len(w) == 2 {
			y = g.addRow(y, w[1])
		}
		return y
	}
	for l := 0; l < len(w); l += 2 {
		if l > 0 {
			x = g.relu(x)
		}
		x = g.addRow(g.product(x, w[l]), w[l+1])
	}
	return x
}

func gradients(nodes []*node) []Matrix {
	grads := make([]Matrix, len(nodes))
	for i, v := range nodes {
		grads[i] = v.grad
	}
	return grads
}
