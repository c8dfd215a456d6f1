package oracle

import "math"

// Kinks returns how near the forward pass comes to a place where the loss has no
// derivative: the smallest distance of an adapted output from ReLU's corner, or between
// the two largest of a max-pool window where the larger one passes the ReLU, in units
// of the layer's root mean square. Rounding that is coarser than this may take the other
// side, and gradients then differ by more than rounding.
func (n Network) Kinks(adapters []*Adapter, batch Batch) float64 {
	traces, _ := n.forward(adapters, batch)
	nearest := math.Inf(1)
	for l, layer := range n.Layers {
		if !layer.ReLU {
			continue
		}
		out := traces[l].out
		nearest = min(nearest, corner(out))
		if layer.Pool > 0 {
			nearest = min(nearest, poolGap(out, *layer.Conv, layer.Pool)/rootMeanSquare(out))
		}
		if adapters != nil {
			nearest = min(nearest, adapters[l].kinks(traces[l].x))
		}
	}
	return nearest
}

// kinks is the distance of an MLP adapter's hidden values from ReLU's corner, in units of
// each layer's root mean square.
func (a *Adapter) kinks(x Matrix) float64 {
	nearest := math.Inf(1)
	if a.Kind != MLP {
		return nearest
	}
	for l := 2; l < len(a.Params); l += 2 {
		hidden := (&Adapter{Kind: MLP, Params: a.Params[:l]}).Apply(x)
		nearest = min(nearest, corner(hidden))
	}
	return nearest
}

// poolGap returns the smallest distance between the largest and the second largest of a
// window, over the windows whose largest is positive.
func poolGap(maps Matrix, conv Conv, size int) float64 {
	height, width := conv.Output()
	index, _ := maxima(maps, height, width, size)
	rest := maps.Clone()
	for _, at := range index {
		rest.Data[at] = math.Inf(-1)
	}
	second, _ := maxima(rest, height, width, size)
	gap := math.Inf(1)
	for i, at := range index {
		if maps.Data[at] > 0 {
			gap = min(gap, maps.Data[at]-maps.Data[second[i]])
		}
	}
	return gap
}

// corner returns the smallest magnitude of m's elements beside their root mean square.
func corner(m Matrix) float64 {
	nearest := math.Inf(1)
	for _, v := range m.Data {
		nearest = min(nearest, math.Abs(v))
	}
	return nearest / rootMeanSquare(m)
}

func rootMeanSquare(m Matrix) float64 {
	sum := 0.0
	for _, v := range m.Data {
		sum += v * v
	}
	return math.Sqrt(sum / float64(len(m.Data)))
}
