package oracle

// Batch is one participant's rows.
type Batch struct {
	Inputs Matrix // (n, height·width·channels), channels innermost
	Labels []int
}

// Gradients are the derivatives of a participant's loss, all from one graph.
type Gradients struct {
	Loss     float64    // mean cross entropy over the participant's own rows
	Adapters [][]Matrix // by layer, in the order of the adapter's parameters
	Weight   []Matrix   // ∂L/∂W by layer
	Bias     []Matrix   // ∂L/∂b by layer

	// The three sides of Eq. 5, by layer: ∂L/∂h at the layer's own output, ∂L/∂Δh at the
	// auxiliary output and ∂L/∂ĥ at their sum. Auxiliary has no elements without an adapter.
	Hidden, Auxiliary, Sum []Matrix
}

// Classical differentiates the mean cross entropy of the batch with respect to everything,
// on one graph with ĥ = x·Wᵀ + b + g_w(x) at every layer. adapters is by layer; nil is
// the bare network.
func (n Network) Classical(adapters []*Adapter, batch Batch) Gradients {
	g := &graph{}
	grads := Gradients{Adapters: make([][]Matrix, len(n.Layers))}
	var weights, biases, hidden, auxiliary, sums []*node
	leaves := make([][]*node, len(n.Layers))
	x := g.constant(batch.Inputs)
	for i, layer := range n.Layers {
		weights, biases = append(weights, g.leaf(layer.Weight)), append(biases, g.leaf(layer.Bias))
		if layer.Conv != nil {
			index, rows, cols := layer.Conv.patches(len(batch.Labels))
			x = g.gather(x, index, rows, cols)
		}
		h := g.addRow(g.product(x, weights[i]), biases[i])
		hidden = append(hidden, h)
		if adapters != nil {
			leaves[i] = adapters[i].leaves(g, true)
			auxiliary = append(auxiliary, adapters[i].onGraph(g, x, leaves[i]))
			h = g.addScaled(h, 1, auxiliary[i])
		}
		sums = append(sums, h)
		x = layer.after(g, h)
	}
	loss := g.crossEntropy(x, batch.Labels)
	g.backward(loss)

	grads.Loss = loss.value.Data[0]
	for i := range n.Layers {
		grads.Adapters[i] = gradients(leaves[i])
	}
	grads.Weight, grads.Bias = gradients(weights), gradients(biases)
	grads.Hidden, grads.Auxiliary, grads.Sum = gradients(hidden), gradients(auxiliary), gradients(sums)
	return grads
}

// after computes what follows a layer's output up to the next layer's input. A
// convolution's maps leave as whole images, or as rows of channels after the mean.
func (l Layer) after(g *graph, h *node) *node {
	if l.ReLU {
		h = g.relu(h)
	}
	if l.Conv == nil {
		return h
	}
	height, width := l.Conv.Output()
	if l.Pool > 0 {
		index, rows := maxima(h.value, height, width, l.Pool)
		h = g.gather(h, index, rows, h.value.Cols)
		height, width = height/l.Pool, width/l.Pool
	}
	if l.Mean {
		h = g.meanRows(h, height*width)
	}
	return h
}
