package linalg

import "fmt"

// Unfold lays the patches of x out as rows of cols, column order (C, ky, kx).
func (cpu) Unfold(cols, x *Tensor, conv Conv) {
	checkConv("Unfold", cols, x, conv)
	xs, out := x.F32(), cols.F32()
	perImage, width := conv.Positions()*conv.Columns(), conv.Height*conv.Width*conv.Channels
	parallel(x.Rows(), rowGrain(perImage), func(lo, hi int) {
		for i := lo; i < hi; i++ {
			image, rows := xs[i*width:(i+1)*width], out[i*perImage:(i+1)*perImage]
			clear(rows) // what lies in the padding
			conv.eachPixel(func(column, pixel int) {
				kk := conv.Kernel * conv.Kernel
				for c := range conv.Channels {
					rows[column+c*kk] = image[pixel+c]
				}
			})
		}
	})
}

// UnfoldBackward adds every patch back to where it came from.
func (cpu) UnfoldBackward(dx, cols *Tensor, conv Conv, accumulate bool) {
	checkConv("UnfoldBackward", cols, dx, conv)
	xs, in := dx.F32(), cols.F32()
	if !accumulate {
		clear(xs)
	}
	perImage, width := conv.Positions()*conv.Columns(), conv.Height*conv.Width*conv.Channels
	parallel(dx.Rows(), rowGrain(perImage), func(lo, hi int) {
		for i := lo; i < hi; i++ {
			image, rows := xs[i*width:(i+1)*width], in[i*perImage:(i+1)*perImage]
			conv.eachPixel(func(column, pixel int) {
				kk := conv.Kernel * conv.Kernel
				for c := range conv.Channels {
					image[pixel+c] += rows[column+c*kk]
				}
			})
		}
	})
}

// eachPixel calls do for every pair of an unfolded element of channel 0 and the pixel it
// comes from, in a fixed order. Pixels in the padding are left out.
func (c Conv) eachPixel(do func(column, pixel int)) {
	ho, wo := c.Output()
	for oy := range ho {
		for ox := range wo {
			row := (oy*wo + ox) * c.Columns()
			for ky := range c.Kernel {
				y := oy*c.Stride + ky - c.Padding
				if y < 0 || y >= c.Height {
					continue
				}
				for kx := range c.Kernel {
					x := ox*c.Stride + kx - c.Padding
					if x >= 0 && x < c.Width {
						do(row+ky*c.Kernel+kx, (y*c.Width+x)*c.Channels)
					}
				}
			}
		}
	}
}

func checkConv(op string, cols, x *Tensor, conv Conv) {
	padded := min(conv.Height, conv.Width) + 2*conv.Padding
	if conv.Kernel < 1 || conv.Stride < 1 || conv.Padding < 0 || conv.Kernel > padded {
		panic(fmt.Sprintf("linalg.%s: no convolution has the geometry %+v", op, conv))
	}
	if x.Cols() != conv.Height*conv.Width*conv.Channels || cols.Rows() != x.Rows()*conv.Positions() || cols.Cols() != conv.Columns() {
		panic(fmt.Sprintf("linalg.%s: columns %v and images %v of %+v", op, cols.shape, x.shape, conv))
	}
}
