package oracle

import "math"

// Tuple is what gradient learning captures at a site: unfolded input rows x (n, in) and
// the gradient g (n, out) of the loss with respect to the output rows.
type Tuple struct {
	X, G Matrix
	H    Matrix // the layer's own output x·Wᵀ + b
}

// trace is what the forward pass keeps of one layer for the way back.
type trace struct {
	x, h, out Matrix // unfolded input; own output h; adapted output ĥ
	patches   []int  // where x came from, at a convolution
	maxima    []int  // where the pooled maps came from
	input     int    // elements of the layer's input
}

// Tuples runs one forward and one backward pass of the frozen network with its adapters
// and returns the tuple of every layer and the mean loss. Only hidden representations
// are differentiated. detached leaves out the adapters' way back to x, as the
// paper's negative control does; adapters nil is the bare (or merged) network.
func (n Network) Tuples(adapters []*Adapter, batch Batch, detached bool) ([]Tuple, float64) {
	traces, logits := n.forward(adapters, batch)
	loss, g := 0.0, NewMatrix(logits.Rows, logits.Cols)
	for i, label := range batch.Labels {
		total := logSumExp(logits.Row(i))
		loss += (total - logits.Row(i)[label]) / float64(logits.Rows)
		for c, v := range logits.Row(i) {
			p := math.Exp(v - total)
			if c == label {
				p--
			}
			g.Row(i)[c] = p / float64(logits.Rows)
		}
	}

	tuples := make([]Tuple, len(n.Layers))
	for l := len(n.Layers) - 1; l >= 0; l-- {
		layer, tr := n.Layers[l], traces[l]
		g = layer.back(g, tr)
		tuples[l] = Tuple{X: tr.x, G: g, H: tr.h}
		if l == 0 {
			break
		}
		dx := mul(g, layer.Weight)
		if adapters != nil && !detached {
			_, through := adapters[l].products(tr.x, g)
			dx.AddScaled(1, through)
		}
		g = dx
		if tr.patches != nil {
			g = scatter(dx, tr.patches, tr.input)
		}
	}
	return tuples, loss
}

// forward computes the logits and keeps what the way back needs.
func (n Network) forward(adapters []*Adapter, batch Batch) ([]trace, Matrix) {
	traces := make([]trace, len(n.Layers))
	y := batch.Inputs
	for l, layer := range n.Layers {
		tr := trace{x: y, input: len(y.Data)}
		if layer.Conv != nil {
			var rows, cols int
			tr.patches, rows, cols = layer.Conv.patches(len(batch.Labels))
			tr.x = pick(y, tr.patches, rows, cols)
		}
		tr.h = mulT(tr.x, layer.Weight)
		for i := range tr.h.Rows {
			addScaledRow(tr.h.Row(i), 1, layer.Bias.Data)
		}
		tr.out = tr.h
		if adapters != nil {
			tr.out = tr.h.Clone()
			tr.out.AddScaled(1, adapters[l].Apply(tr.x))
		}
		y = layer.forwardAfter(tr.out, &tr)
		traces[l] = tr
	}
	return traces, y
}

// forwardAfter computes what follows the adapted output and keeps the maxima.
func (l Layer) forwardAfter(out Matrix, tr *trace) Matrix {
	y := out.Clone()
	if l.ReLU {
		for i, v := range y.Data {
			y.Data[i] = max(v, 0)
		}
	}
	if l.Pool > 0 {
		height, width := l.Conv.Output()
		var rows int
		tr.maxima, rows = maxima(y, height, width, l.Pool)
		y = pick(y, tr.maxima, rows, y.Cols)
	}
	if l.Mean {
		positions := l.meanPositions()
		mean := NewMatrix(y.Rows/positions, y.Cols)
		for i := range y.Rows {
			for c, v := range y.Row(i) {
				mean.Row(i / positions)[c] += v / float64(positions)
			}
		}
		y = mean
	}
	return y
}

// back takes the gradient of what follows a layer to the layer's adapted output.
func (l Layer) back(g Matrix, tr trace) Matrix {
	if l.Mean {
		positions := l.meanPositions()
		spread := NewMatrix(g.Rows*positions, g.Cols)
		for i := range spread.Rows {
			for c, v := range g.Row(i / positions) {
				spread.Row(i)[c] = v / float64(positions)
			}
		}
		g = spread
	}
	if l.Pool > 0 {
		wide := NewMatrix(tr.out.Rows, tr.out.Cols)
		for i, at := range tr.maxima {
			wide.Data[at] = g.Data[i]
		}
		g = wide
	}
	if l.ReLU {
		g = Matrix{Rows: tr.out.Rows, Cols: tr.out.Cols, Data: g.Data}.Clone()
		maskZeros(g, tr.out)
	}
	return g
}

// meanPositions returns how many positions the global average runs over.
func (l Layer) meanPositions() int {
	height, width := l.Conv.Output()
	if l.Pool > 0 {
		height, width = height/l.Pool, width/l.Pool
	}
	return height * width
}

// pick lays elements out by index, 0 where it is negative.
func pick(from Matrix, index []int, rows, cols int) Matrix {
	m := NewMatrix(rows, cols)
	for i, at := range index {
		if at >= 0 {
			m.Data[i] = from.Data[at]
		}
	}
	return m
}

// scatter is the transpose of pick: it adds every element back where it came from.
func scatter(m Matrix, index []int, elements int) Matrix {
	to := NewMatrix(1, elements)
	for i, at := range index {
		if at >= 0 {
			to.Data[at] += m.Data[i]
		}
	}
	return to
}
