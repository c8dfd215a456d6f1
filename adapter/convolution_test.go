package adapter_test

import (
	"math/rand/v2"
	"testing"

	"github.com/gradientlearning/cola/adapter"
	"github.com/gradientlearning/cola/linalg"
)

// TestPatchesByHand fits feature maps and patches that are laid out here, in the order
// (channel, kernel row, kernel column) of PyTorch's unfold, at strides and paddings.
func TestPatchesByHand(t *testing.T) {
	const n = 2
	for _, c := range []linalg.Conv{
		{Height: 4, Width: 5, Channels: 2, Kernel: 3, Stride: 1, Padding: 1},
		{Height: 5, Width: 6, Channels: 3, Kernel: 2, Stride: 2},
		{Height: 7, Width: 5, Channels: 1, Kernel: 3, Stride: 2, Padding: 1},
	} {
		h, w := c.Output()
		maps := adapter.Site{Name: "convs.0", Kind: adapter.SiteConv2D, In: c.Channels * c.Kernel * c.Kernel, Out: 4, Bias: true, Conv: c}
		flat := maps
		flat.Kind = adapter.SiteLinear
		r := rand.New(rand.NewPCG(3, 3))
		x, g := linalg.New(linalg.F32, n, c.Height, c.Width, c.Channels), linalg.New(linalg.F32, n, h, w, 4)
		randomise(r, 1, x, g)
		for name, spec := range specs {
			a, b := newFitter(t, maps, spec, optimizers["adam"], adapter.DefaultSolver()), newFitter(t, flat, spec, optimizers["adam"], adapter.DefaultSolver())
			a.Add(x, g, 0.5)
			b.Add(patches(x, c), g.Reshape(n*h*w, 4), 0.5)
			for _, f := range []*adapter.Fitter{a, b} {
				if _, err := f.Fit(0.1); err != nil {
					t.Fatal(err)
				}
			}
			if digest(a, maps) != digest(b, maps) {
				t.Errorf("%s, %+v: feature maps and patches are fitted differently", name, c)
			}
		}
	}
}

// patches are the rows that a convolution multiplies with.
func patches(x *linalg.Tensor, c linalg.Conv) *linalg.Tensor {
	h, w := c.Output()
	rows := linalg.New(linalg.F32, x.Rows()*h*w, c.Channels*c.Kernel*c.Kernel)
	at := 0
	for n := range x.Rows() {
		for oy := range h {
			for ox := range w {
				for channel := range c.Channels {
					for ky := range c.Kernel {
						for kx := range c.Kernel {
							y, xx := oy*c.Stride+ky-c.Padding, ox*c.Stride+kx-c.Padding
							if y >= 0 && y < c.Height && xx >= 0 && xx < c.Width {
								rows.F32()[at] = x.F32()[((n*c.Height+y)*c.Width+xx)*c.Channels+channel]
							}
							at++
						}
					}
				}
			}
		}
	}
	return rows
}
