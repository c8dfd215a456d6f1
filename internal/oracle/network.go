package oracle

import "fmt"

// Conv is the geometry of a convolution with a square kernel over images in (height,
// width, channels) order.
type Conv struct {
	Height, Width, Channels int // of the input
	Kernel, Stride, Padding int
}

// Output returns the height and width of the result.
func (c Conv) Output() (height, width int) {
	return (c.Height+2*c.Padding-c.Kernel)/c.Stride + 1, (c.Width+2*c.Padding-c.Kernel)/c.Stride + 1
}

// Layer is one adapted layer of the base model and what follows it up to the next:
// h = x·Wᵀ + b, then ReLU, max-pool and mean-pool where they are asked for.
type Layer struct {
	Name   string
	Weight Matrix // (out, in); at a convolution in = channels·kernel², order (C, ky, kx)
	Bias   Matrix // (1, out)
	Conv   *Conv  // nil at a linear layer
	ReLU   bool
	Pool   int  // windows of Pool × Pool, non-overlapping; 0: none
	Mean   bool // global average over positions
}

// Network is a base model: its layers in order, each of them a site.
type Network struct {
	Layers []Layer
}

// Classifier declares an image classifier of the paper with all parameters zero; input
// is (height, width, channels).
//
//   - linear: one linear layer from the pixels to the classes.
//   - mlp: Linear + ReLU for every hidden width, then a linear layer.
//   - cnn: convolution 3×3, padding 1, + ReLU for every hidden width, max-pool 2 after
//     each but the last, the global average, then a linear layer.
//
// Names are left empty.
func Classifier(kind string, input [3]int, classes int, hidden []int) (Network, error) {
	var net Network
	height, width, channels := input[0], input[1], input[2]
	in := height * width * channels
	switch kind {
	case "linear":
	case "mlp":
		for _, out := range hidden {
			net.Layers = append(net.Layers, Layer{Weight: NewMatrix(out, in), Bias: NewMatrix(1, out), ReLU: true})
			in = out
		}
	case "cnn":
		for i, out := range hidden {
			conv := Conv{Height: height, Width: width, Channels: channels, Kernel: 3, Stride: 1, Padding: 1}
			layer := Layer{Weight: NewMatrix(out, channels*9), Bias: NewMatrix(1, out), Conv: &conv, ReLU: true}
			if i < len(hidden)-1 {
				layer.Pool = 2
				height, width = height/2, width/2
			} else {
				layer.Mean = true
			}
			net.Layers = append(net.Layers, layer)
			channels = out
		}
		in = channels
	default:
		return Network{}, fmt.Errorf("oracle: unknown model %q: use linear, mlp or cnn", kind)
	}
	net.Layers = append(net.Layers, Layer{Weight: NewMatrix(classes, in), Bias: NewMatrix(1, classes)})
	return net, nil
}

// Displaced returns the network with the given deltas, times s, added to its weights and
// biases, layer by layer; parameters are copied, the receiver stays as it is.
func (n Network) Displaced(s float64, deltas []Delta) Network {
	moved := Network{Layers: make([]Layer, len(n.Layers))}
	for i, layer := range n.Layers {
		layer.Weight, layer.Bias = layer.Weight.Clone(), layer.Bias.Clone()
		layer.Weight.AddScaled(s, deltas[i].Weight)
		if deltas[i].Bias.Data != nil {
			layer.Bias.AddScaled(s, deltas[i].Bias)
		}
		moved.Layers[i] = layer
	}
	return moved
}

// Merged returns W₀ + (1/K)·Σ_k ΔW_k: the network with the mean of the participants'
// adapters merged into it. adapters is [participant][layer].
func (n Network) Merged(adapters [][]*Adapter) (Network, error) {
	merged := n
	for _, own := range adapters {
		deltas, err := Deltas(own)
		if err != nil {
			return Network{}, err
		}
		merged = merged.Displaced(1/float64(len(adapters)), deltas)
	}
	return merged, nil
}

// patches returns, for n images of the convolution's input shape, which element of the
// images each element of the unfolded rows (n·Ho·Wo, C·K·K) is: −1 in the padding.
func (c Conv) patches(n int) (index []int, rows, cols int) {
	ho, wo := c.Output()
	rows, cols = n*ho*wo, c.Channels*c.Kernel*c.Kernel
	index = make([]int, 0, rows*cols)
	for i := range n {
		for oy := range ho {
			for ox := range wo {
				for ch := range c.Channels {
					for ky := range c.Kernel {
						for kx := range c.Kernel {
							y, x := oy*c.Stride+ky-c.Padding, ox*c.Stride+kx-c.Padding
							if y < 0 || y >= c.Height || x < 0 || x >= c.Width {
								index = append(index, -1)
								continue
							}
							index = append(index, ((i*c.Height+y)*c.Width+x)*c.Channels+ch)
						}
					}
				}
			}
		}
	}
	return index, rows, cols
}

// maxima returns, for maps (n·h·w, channels), which element each element of the pooled
// maps (n·(h/size)·(w/size), channels) is: the first of equals. Rows and columns of
// positions that fill no window are dropped.
func maxima(maps Matrix, height, width, size int) (index []int, rows int) {
	n := maps.Rows / (height * width)
	rows = n * (height / size) * (width / size)
	index = make([]int, 0, rows*maps.Cols)
	for i := range n {
		for py := range height / size {
			for px := range width / size {
				for ch := range maps.Cols {
					best := -1
					for wy := range size {
						for wx := range size {
							at := ((i*height+py*size+wy)*width+px*size+wx)*maps.Cols + ch
							if best < 0 || maps.Data[at] > maps.Data[best] {
								best = at
							}
						}
					}
					index = append(index, best)
				}
			}
		}
	}
	return index, rows
}
