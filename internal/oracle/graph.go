package oracle

import "math"

// graph records operations and runs their derivatives backwards. It differentiates
// every leaf and everything that depends on one; constants get no gradient.
type graph struct {
	steps []func() // the backward step of each operation, in forward order
}

// node is a value in a graph.
type node struct {
	value Matrix
	grad  Matrix // ∂loss/∂value, without elements where nothing upstream is a leaf
}

func (v *node) tracked() bool { return v.grad.Data != nil }

// accumulate adds d to the node's gradient if it has one.
func (v *node) accumulate(d func() Matrix) {
	if v.tracked() {
		v.grad.AddScaled(1, d())
	}
}

// constant returns a node that is not differentiated.
func (*graph) constant(m Matrix) *node { return &node{value: m} }

// leaf returns a node whose gradient is wanted.
func (*graph) leaf(m Matrix) *node { return &node{value: m, grad: NewMatrix(m.Rows, m.Cols)} }

// operation returns a node that was computed from parents. back hands its gradient on.
func (g *graph) operation(value Matrix, back func(grad Matrix), parents ...*node) *node {
	v := &node{value: value}
	for _, p := range parents {
		if p.tracked() {
			v.grad = NewMatrix(value.Rows, value.Cols)
			g.steps = append(g.steps, func() { back(v.grad) })
			break
		}
	}
	return v
}

// backward runs the graph backwards from loss, a (1, 1) node, once.
func (g *graph) backward(loss *node) {
	if !loss.tracked() {
		return
	}
	loss.grad.Data[0] = 1
	for i := len(g.steps) - 1; i >= 0; i-- {
		g.steps[i]()
	}
}

// product is x·wᵀ.
func (g *graph) product(x, w *node) *node {
	return g.operation(mulT(x.value, w.value), func(grad Matrix) {
		x.accumulate(func() Matrix { return mul(grad, w.value) })
		w.accumulate(func() Matrix { return tmul(grad, x.value) })
	}, x, w)
}

// addRow adds the row b (1, cols) to every row of x.
func (g *graph) addRow(x, b *node) *node {
	y := x.value.Clone()
	for i := range y.Rows {
		addScaledRow(y.Row(i), 1, b.value.Data)
	}
	return g.operation(y, func(grad Matrix) {
		x.accumulate(func() Matrix { return grad })
		b.accumulate(func() Matrix { return columnSums(grad) })
	}, x, b)
}

// addScaled is a + s·b.
func (g *graph) addScaled(a *node, s float64, b *node) *node {
	y := a.value.Clone()
	y.AddScaled(s, b.value)
	return g.operation(y, func(grad Matrix) {
		if a.tracked() {
			a.grad.AddScaled(1, grad)
		}
		if b.tracked() {
			b.grad.AddScaled(s, grad)
		}
	}, a, b)
}

// relu is max(x, 0).
func (g *graph) relu(x *node) *node {
	y := x.value.Clone()
	for i, v := range y.Data {
		y.Data[i] = max(v, 0)
	}
	return g.operation(y, func(grad Matrix) {
		for i, v := range x.value.Data {
			if v > 0 {
				x.grad.Data[i] += grad.Data[i]
			}
		}
	}, x)
}

// gather lays elements of x out anew as (rows, cols): element i of the result is element
// index[i] of x, or 0 where the index is negative. Patches, pooling by maximum, and
// reshaping are all gathers, and the derivative of each is the same scatter.
func (g *graph) gather(x *node, index []int, rows, cols int) *node {
	y := NewMatrix(rows, cols)
	for i, from := range index {
		if from >= 0 {
			y.Data[i] = x.value.Data[from]
		}
	}
	return g.operation(y, func(grad Matrix) {
		for i, from := range index {
			if from >= 0 {
				x.grad.Data[from] += grad.Data[i]
			}
		}
	}, x)
}

// meanRows is the mean of every `positions` consecutive rows.
func (g *graph) meanRows(x *node, positions int) *node {
	y := NewMatrix(x.value.Rows/positions, x.value.Cols)
	for i := range x.value.Rows {
		addScaledRow(y.Row(i/positions), 1/float64(positions), x.value.Row(i))
	}
	return g.operation(y, func(grad Matrix) {
		for i := range x.value.Rows {
			addScaledRow(x.grad.Row(i), 1/float64(positions), grad.Row(i/positions))
		}
	}, x)
}

// crossEntropy is the mean over rows of log Σ exp(logits) − logits[label].
func (g *graph) crossEntropy(logits *node, labels []int) *node {
	loss := NewMatrix(1, 1)
	for i, label := range labels {
		row := logits.value.Row(i)
		loss.Data[0] += (logSumExp(row) - row[label]) / float64(len(labels))
	}
	return g.operation(loss, func(grad Matrix) {
		for i, label := range labels {
			row, d := logits.value.Row(i), logits.grad.Row(i)
			total := logSumExp(row)
			for c, v := range row {
				d[c] += grad.Data[0] * math.Exp(v-total) / float64(len(labels))
			}
			d[label] -= grad.Data[0] / float64(len(labels))
		}
	}, logits)
}

// halfSquares is ½‖x‖² over all elements.
func (g *graph) halfSquares(x *node) *node {
	sum := NewMatrix(1, 1)
	for _, v := range x.value.Data {
		sum.Data[0] += v * v / 2
	}
	return g.operation(sum, func(grad Matrix) {
		x.grad.AddScaled(grad.Data[0], x.value)
	}, x)
}

// logSumExp returns log Σ exp(row) without overflow.
func logSumExp(row []float64) float64 {
	top := row[0]
	for _, v := range row {
		top = max(top, v)
	}
	sum := 0.0
	for _, v := range row {
		sum += math.Exp(v - top)
	}
	return top + math.Log(sum)
}
