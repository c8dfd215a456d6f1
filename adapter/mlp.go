package adapter

import (
	"fmt"
	"math"
	"math/rand/v2"

	"github.com/gradientlearning/cola/linalg"
)

// mlp is g(x) = h_L, h_l = relu(h_{l−1})·W_lᵀ + b_l, h_0 = x without the ReLU: linear
// layers of the hidden widths and out, with ReLU between.
type mlp struct {
	spec   Spec
	layers []mlpLayer
}

type mlpLayer struct{ weight, bias *linalg.Tensor }

// newMLP draws layers as PyTorch's nn.Linear does, U(−1/√in, 1/√in), but for the last,
// which is zero: the adapter begins as nothing.
func newMLP(site Site, spec Spec, r *rand.Rand) *mlp {
	m := &mlp{spec: spec}
	in := site.In
	for _, out := range append(append([]int(nil), spec.Hidden...), site.Out) {
		layer := mlpLayer{linalg.New(linalg.F32, out, in), linalg.New(linalg.F32, out)}
		if len(m.layers) < len(spec.Hidden) {
			uniform(layer.weight, 1/math.Sqrt(float64(in)), r)
			uniform(layer.bias, 1/math.Sqrt(float64(in)), r)
		}
		m.layers = append(m.layers, layer)
		in = out
	}
	return m
}

func (m *mlp) Spec() Spec { return m.spec }

func (m *mlp) Params() []Param {
	var list []Param
	for i, l := range m.layers {
		list = append(list, Param{fmt.Sprintf("layers.%d.weight", i), l.weight}, Param{fmt.Sprintf("layers.%d.bias", i), l.bias})
	}
	return list
}

// forward returns the input of each layer and the output of the last, in x's type.
func (m *mlp) forward(dev linalg.Device, x *linalg.Tensor) (inputs []*linalg.Tensor, y *linalg.Tensor) {
	for i, l := range m.layers {
		inputs = append(inputs, x)
		y = dev.Empty(x.DType(), x.Rows(), l.weight.Rows())
		dev.MatMul(y, x, l.weight, linalg.MatMul{TransB: true})
		dev.AddBias(y, l.bias)
		if i < len(m.layers)-1 {
			dev.ReLU(y, y)
		}
		x = y
	}
	return inputs, y
}

// Apply computes y += g(x).
func (m *mlp) Apply(dev linalg.Device, y, x *linalg.Tensor) {
	inputs, out := m.forward(dev, x)
	dev.Axpy(y, 1, out)
	free(dev, append(inputs[1:], out)...)
}

// backward hands g back through the layers: each(i, in, g) sees the gradient g of layer
// i's output and its input, last layer first, and what is returned is that of x, in memory of
// its own.
func (m *mlp) backward(dev linalg.Device, x, g *linalg.Tensor, each func(i int, in, g *linalg.Tensor)) *linalg.Tensor {
	inputs, out := m.forward(dev, x)
	for i := len(m.layers) - 1; i >= 0; i-- {
		each(i, inputs[i], g)
		dx := dev.Empty(g.DType(), g.Rows(), m.layers[i].weight.Cols())
		dev.MatMul(dx, g, m.layers[i].weight, linalg.MatMul{})
		if i > 0 {
			dev.ReLUBackward(dx, dx, inputs[i])
		}
		if i < len(m.layers)-1 { // the first g is the caller's
			dev.Free(g)
		}
		g = dx
	}
	free(dev, append(inputs[1:], out)...)
	return g
}

// Backward computes dx += (∂g/∂x)ᵀ·g.
func (m *mlp) Backward(dev linalg.Device, dx, x, g *linalg.Tensor) {
	d := m.backward(dev, x, g, func(int, *linalg.Tensor, *linalg.Tensor) {})
	dev.Axpy(dx, 1, d)
	dev.Free(d)
}

// Gradient computes dW_l += g_lᵀ·h_{l−1} and db_l += Σ g_l.
func (m *mlp) Gradient(dev linalg.Device, grads []*linalg.Tensor, x, g *linalg.Tensor) {
	dev.Free(m.backward(dev, x, g, func(i int, in, g *linalg.Tensor) {
		dev.MatMul(grads[2*i], g, in, linalg.MatMul{TransA: true, Accumulate: true})
		dev.AddBiasBackward(grads[2*i+1], g, true)
	}))
}

// Delta returns ErrNotMergeable.
func (m *mlp) Delta(linalg.Device) (weight, bias *linalg.Tensor, err error) {
	return nil, nil, ErrNotMergeable
}
