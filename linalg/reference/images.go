package reference

import (
	"math"

	"github.com/gradientlearning/cola/linalg"
)

// Unfold computes, for image i, output position (oy, ox), channel c and kernel position
// (ky, kx),
//
//	cols[(i, oy, ox), (c, ky, kx)] = x[i, oy·stride+ky−padding, ox·stride+kx−padding, c]
//
// and 0 where that lies outside of the image.
func Unfold(cols, x []float64, n int, conv linalg.Conv) {
	for i := range cols {
		cols[i] = 0
	}
	eachPatchElement(n, conv, func(col, pixel int) { cols[col] = x[pixel] })
}

// UnfoldBackward computes dx (=|+=) Unfoldᵀ(cols): every element of cols is added to the
// pixel that Unfold would have taken it from.
func UnfoldBackward(dx, cols []float64, n int, conv linalg.Conv, accumulate bool) {
	if !accumulate {
		for i := range dx {
			dx[i] = 0
		}
	}
	eachPatchElement(n, conv, func(col, pixel int) { dx[pixel] += cols[col] })
}

// eachPatchElement calls do for each element of cols that comes from a pixel.
func eachPatchElement(n int, conv linalg.Conv, do func(col, pixel int)) {
	ho, wo := conv.Output()
	col := 0
	for i := range n {
		for oy := range ho {
			for ox := range wo {
				for c := range conv.Channels {
					for ky := range conv.Kernel {
						for kx := range conv.Kernel {
							y, x := oy*conv.Stride+ky-conv.Padding, ox*conv.Stride+kx-conv.Padding
							if y >= 0 && y < conv.Height && x >= 0 && x < conv.Width {
								do(col, ((i*conv.Height+y)*conv.Width+x)*conv.Channels+c)
							}
							col++
						}
					}
				}
			}
		}
	}
}

// MaxPool computes, for images (h, w, c),
//
//	y[i, oy, ox, ch] = max over ky, kx < size of x[i, oy·size+ky, ox·size+kx, ch]
//
// and in argmax the flat index in image i of the first maximum. NaN is above all.
func MaxPool(y []float64, argmax []int, x []float64, n, h, w, c, size int) {
	o := 0
	for i := range n {
		for oy := range h / size {
			for ox := range w / size {
				for ch := range c {
					best, at := math.Inf(-1), -1
					for ky := range size {
						for kx := range size {
							p := ((oy*size+ky)*w+ox*size+kx)*c + ch
							v := x[i*h*w*c+p]
							if at < 0 || !math.IsNaN(best) && (v > best || math.IsNaN(v)) {
								best, at = v, p
							}
						}
					}
					y[o], argmax[o] = best, at
					o++
				}
			}
		}
	}
}

// MaxPoolBackward computes dx = 0, then dx[i, argmax[i, o]] += g[i, o].
func MaxPoolBackward(dx, g []float64, argmax []int, n int) {
	for i := range dx {
		dx[i] = 0
	}
	for o, v := range g {
		image := o / (len(g) / n)
		dx[image*(len(dx)/n)+argmax[o]] += v
	}
}

// MeanPool computes y[i, ch] = Σ over positions p of x[i, p, ch] / positions.
func MeanPool(y, x []float64, n, positions, c int) {
	for i := range n {
		for ch := range c {
			sum := 0.0
			for p := range positions {
				sum += x[(i*positions+p)*c+ch]
			}
			y[i*c+ch] = sum / float64(positions)
		}
	}
}

// MeanPoolBackward computes dx[i, p, ch] = g[i, ch] / positions.
func MeanPoolBackward(dx, g []float64, n, positions, c int) {
	for i := range n {
		for p := range positions {
			for ch := range c {
				dx[(i*positions+p)*c+ch] = g[i*c+ch] / float64(positions)
			}
		}
	}
}
