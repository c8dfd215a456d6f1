package linalg

import "fmt"

// Unfold lays the patches of x out as rows of cols, column order (C, ky, kx).
func (cpu) Unfold(cols, x *Tensor, conv Conv) {
	checkConv("Unfold", cols, x, conv)
	positions, columns, kk := conv.Positions(), conv.Columns(), conv.Kernel*conv.Kernel
	parallel(x.Rows(), rowGrain(positions*columns), func(lo, hi int) {
		for i := lo; i < hi; i++ {
			image, rows := rowOf(x, i), cols.F32()[i*positions*columns:]
			for p := range positions {
				row, w := rows[p*columns:(p+1)*columns], conv.window(p)
				if !w.inside(conv) {
					clear(row) // what lies in the padding
				}
				for ky := w.top; ky < w.bottom; ky++ {
					for kx := w.left; kx < w.right; kx++ {
						column := ky*conv.Kernel + kx
						for _, v := range w.pixel(image, conv, ky, kx) {
							row[column] = v
							column += kk
						}
					}
				}
			}
		}
	})
}

// UnfoldBackward adds every patch back to where it came from: position after position,
// each in the order (ky, kx).
func (cpu) UnfoldBackward(dx, cols *Tensor, conv Conv, accumulate bool) {
	checkConv("UnfoldBackward", cols, dx, conv)
	positions, columns, kk := conv.Positions(), conv.Columns(), conv.Kernel*conv.Kernel
	parallel(dx.Rows(), rowGrain(positions*columns), func(lo, hi int) {
		for i := lo; i < hi; i++ {
			image, rows := rowOf(dx, i), cols.F32()[i*positions*columns:]
			if !accumulate {
				clear(image)
			}
			for p := range positions {
				row, w := rows[p*columns:(p+1)*columns], conv.window(p)
				for ky := w.top; ky < w.bottom; ky++ {
					for kx := w.left; kx < w.right; kx++ {
						column := ky*conv.Kernel + kx
						pixel := w.pixel(image, conv, ky, kx)
						for c := range pixel {
							pixel[c] += row[column]
							column += kk
						}
					}
				}
			}
		}
	})
}

// window is the part of the kernel that meets the image at one output position: kernel
// lines top to bottom−1 and columns left to right−1, for a kernel whose corner is at (y, x)
// of the image, which may lie in the padding.
type window struct {
	y, x                     int
	top, bottom, left, right int
}

func (c Conv) window(position int) window {
	_, wo := c.Output()
	w := window{y: position/wo*c.Stride - c.Padding, x: position%wo*c.Stride - c.Padding}
	w.top, w.bottom = max(0, -w.y), min(c.Kernel, c.Height-w.y)
	w.left, w.right = max(0, -w.x), min(c.Kernel, c.Width-w.x)
	return w
}

// inside reports whether no part of the kernel is in the padding.
func (w window) inside(c Conv) bool {
	return w.top == 0 && w.left == 0 && w.bottom == c.Kernel && w.right == c.Kernel
}

// pixel returns the channels of the image under kernel element (ky, kx).
func (w window) pixel(image []float32, c Conv, ky, kx int) []float32 {
	at := ((w.y+ky)*c.Width + w.x + kx) * c.Channels
	return image[at : at+c.Channels]
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
