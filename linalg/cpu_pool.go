package linalg

import "fmt"

// MaxPool takes the maximum over size×size windows.
func (cpu) MaxPool(y, argmax, x *Tensor, size int) {
	h, w, c := imageShape("MaxPool", x)
	ho, wo := h/size, w/size
	if y.Rows() != x.Rows() || y.Cols() != ho*wo*c || argmax.Len() != y.Len() {
		panic(fmt.Sprintf("linalg.MaxPool: %v from %v by %d", y.shape, x.shape, size))
	}
	index := argmax.I32()
	parallel(x.Rows(), rowGrain(h*w*c), func(lo, hi int) {
		for i := lo; i < hi; i++ {
			image, out := rowOf(x, i), rowOf(y, i)
			for oy := range ho {
				for ox := range wo {
					o := (oy*wo + ox) * c
					maxWindow(out[o:o+c], index[i*len(out)+o:], image, (oy*size*w+ox*size)*c, w*c, size)
				}
			}
		}
	})
}

// maxWindow takes the maximum of every channel over the window of an image whose first
// element is at corner and whose lines are stride elements apart. NaN wins.
func maxWindow(best []float32, index []int32, image []float32, corner, stride, size int) {
	c := len(best)
	for ky := range size {
		for kx := range size {
			at := corner + ky*stride + kx*c
			for ch, v := range image[at : at+c] {
				top := best[ch]
				if ky+kx == 0 || v > top || v != v && top == top {
					best[ch], index[ch] = v, int32(at+ch)
				}
			}
		}
	}
}

// MaxPoolBackward sets dx = 0 and adds g at the maxima.
func (cpu) MaxPoolBackward(dx, g, argmax *Tensor) {
	index := argmax.I32()
	mustEqual("MaxPoolBackward", len(index), g.Len())
	mustEqual("MaxPoolBackward", dx.Rows(), g.Rows())
	for _, at := range index {
		if at < 0 || int(at) >= dx.Cols() {
			panic(fmt.Sprintf("linalg.MaxPoolBackward: argmax %d in an image of %d", at, dx.Cols()))
		}
	}
	parallel(dx.Rows(), rowGrain(dx.Cols()), func(lo, hi int) {
		for i := lo; i < hi; i++ {
			image, grad := rowOf(dx, i), rowOf(g, i)
			clear(image)
			for o, v := range grad {
				image[index[i*len(grad)+o]] += v
			}
		}
	})
}

// MeanPool is the global average over positions.
func (cpu) MeanPool(y, x *Tensor) {
	h, w, c := imageShape("MeanPool", x)
	mustEqual("MeanPool", y.Cols(), c)
	mustEqual("MeanPool", y.Rows(), x.Rows())
	n := float32(h * w)
	parallel(x.Rows(), rowGrain(h*w*c), func(lo, hi int) {
		for i := lo; i < hi; i++ {
			image, out := rowOf(x, i), rowOf(y, i)
			clear(out)
			for p := range h * w {
				for ch, v := range image[p*c : (p+1)*c] {
					out[ch] += v
				}
			}
			for ch := range out {
				out[ch] /= n
			}
		}
	})
}

// MeanPoolBackward computes dx = g/(H·W) at every position.
func (cpu) MeanPoolBackward(dx, g *Tensor) {
	h, w, c := imageShape("MeanPoolBackward", dx)
	mustEqual("MeanPoolBackward", g.Cols(), c)
	mustEqual("MeanPoolBackward", g.Rows(), dx.Rows())
	n := float32(h * w)
	parallel(dx.Rows(), rowGrain(h*w*c), func(lo, hi int) {
		for i := lo; i < hi; i++ {
			image, grad := rowOf(dx, i), rowOf(g, i)
			for p := range h * w {
				for ch, v := range grad {
					image[p*c+ch] = v / n
				}
			}
		}
	})
}

func imageShape(op string, x *Tensor) (h, w, c int) {
	if len(x.shape) != 4 {
		panic(fmt.Sprintf("linalg.%s: %v is not (n, height, width, channels)", op, x.shape))
	}
	return x.shape[1], x.shape[2], x.shape[3]
}
