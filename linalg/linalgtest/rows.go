package linalgtest

import (
	"bytes"
	"fmt"
	"slices"

	"github.com/gradientlearning/cola/linalg"
)

// rowOp is an operation that maps rows to rows.
type rowOp struct {
	name string
	ins  []*linalg.Tensor // on the host, as many rows each
	// run returns as many output elements for each row, from inputs on the device.
	run func(ins []*linalg.Tensor) []*linalg.Tensor
}

// rowOps returns every operation of that kind: products on the first number of rows, what
// is simpler on the second, and on so many images.
func (s *suite) rowOps(products, vectors, images int) []rowOp {
	ops := slices.Concat(s.productOps(products, 70, 130), s.productOps(products, 150, 10), s.vectorOps(vectors, 130))
	return slices.Concat(ops, s.textOps(vectors, 130), s.imageOps(images))
}

// host returns random numbers in a host tensor.
func (s *suite) host(shape ...int) *linalg.Tensor {
	t, _ := s.random(shape...)
	return s.toHost(t)
}

func (s *suite) productOps(n, in, out int) []rowOp {
	x, g, y := s.host(n, in), s.host(n, out), s.host(n, out)
	w, wt, bias := s.toDevice(s.host(out, in)), s.toDevice(s.host(in, out)), s.toDevice(s.host(out))
	packed := s.dev.Pack(w, s.precision)
	low, residual, before := s.lowRanks(n, in, out), s.host(n, out), s.host(n, out)
	matMul := func(name string, b *linalg.Tensor, op linalg.MatMul) rowOp {
		return rowOp{name, []*linalg.Tensor{y, x}, func(ins []*linalg.Tensor) []*linalg.Tensor {
			s.dev.MatMul(ins[0], ins[1], b, op)
			return ins[:1]
		}}
	}
	return []rowOp{
		matMul("MatMul", wt, linalg.MatMul{}),
		matMul("MatMul TransB", w, linalg.MatMul{TransB: true}),
		matMul("MatMul TransB Alpha Accumulate", w, linalg.MatMul{TransB: true, Alpha: 0.3, Accumulate: true}),
		{"Linear", []*linalg.Tensor{y, x}, func(ins []*linalg.Tensor) []*linalg.Tensor {
			s.dev.Linear(ins[0], ins[1], packed, linalg.Epilogue{Bias: bias})
			return ins[:1]
		}},
		{"LinearBackward Accumulate", []*linalg.Tensor{x, g}, func(ins []*linalg.Tensor) []*linalg.Tensor {
			s.dev.LinearBackward(ins[0], ins[1], packed, linalg.Backward{Accumulate: true})
			return ins[:1]
		}},
		{"Linear with an epilogue", []*linalg.Tensor{y, x, before, residual}, func(ins []*linalg.Tensor) []*linalg.Tensor {
			s.dev.Linear(ins[0], ins[1], packed, linalg.Epilogue{Bias: bias, Activation: linalg.GELU, Saved: ins[2], Residual: ins[3]})
			return []*linalg.Tensor{ins[0], ins[2]}
		}},
		{"LowRank and LowRankBackward", []*linalg.Tensor{y, x, g}, func(ins []*linalg.Tensor) []*linalg.Tensor {
			parts := []linalg.LowRank{low[1]}
			parts[0].Lo, parts[0].Hi = 0, ins[0].Rows()
			s.dev.LowRank(ins[0], ins[1], parts)
			s.dev.LowRankBackward(ins[1], ins[2], parts)
			return ins[:2]
		}},
	}
}

func (s *suite) vectorOps(n, cols int) []rowOp {
	x, y, g := s.host(n, cols), s.host(n, cols), s.host(n, cols)
	bias := s.toDevice(s.host(cols))
	labels := linalg.New(linalg.I32, n)
	for i := range labels.I32() {
		labels.I32()[i] = int32(s.rng.IntN(cols))
	}
	return []rowOp{
		{"Add", []*linalg.Tensor{y, x}, func(ins []*linalg.Tensor) []*linalg.Tensor {
			sum := s.dev.Empty(ins[0].DType(), ins[0].Shape()...)
			s.dev.Add(sum, ins[0], ins[1])
			return []*linalg.Tensor{sum}
		}},
		{"Axpy", []*linalg.Tensor{y, x}, func(ins []*linalg.Tensor) []*linalg.Tensor {
			s.dev.Axpy(ins[0], 0.3, ins[1])
			return ins[:1]
		}},
		{"Scale", []*linalg.Tensor{y}, func(ins []*linalg.Tensor) []*linalg.Tensor {
			s.dev.Scale(ins[0], 0.3)
			return ins
		}},
		{"AddBias", []*linalg.Tensor{y}, func(ins []*linalg.Tensor) []*linalg.Tensor {
			s.dev.AddBias(ins[0], bias)
			return ins
		}},
		{"ReLU and ReLUBackward", []*linalg.Tensor{x, g}, func(ins []*linalg.Tensor) []*linalg.Tensor {
			s.dev.ReLU(ins[0], ins[0])
			s.dev.ReLUBackward(ins[1], ins[1], ins[0])
			return ins
		}},
		{"CrossEntropy", []*linalg.Tensor{s.host(n), x, labels, s.host(n)}, func(ins []*linalg.Tensor) []*linalg.Tensor {
			s.dev.CrossEntropy(ins[0], ins[1], ins[1], ins[2], ins[3])
			return ins[:2]
		}},
	}
}

func (s *suite) imageOps(n int) []rowOp {
	conv := linalg.Conv{Height: 32, Width: 32, Channels: 8, Kernel: 3, Stride: 2, Padding: 1}
	image := []int{n, conv.Height, conv.Width, conv.Channels}
	ho, wo := conv.Output()
	x, cols := s.host(image...), s.host(n, ho, wo, conv.Columns())
	// unfolded is cols as a device operation wants it: one row a position.
	unfolded := func(t *linalg.Tensor) *linalg.Tensor {
		flat := s.dev.New(t.DType(), t.Rows()*conv.Positions(), conv.Columns())
		s.dev.Upload(flat, s.toHost(t).Reshape(flat.Shape()...))
		return flat
	}
	empty := func(images int, dtype linalg.DType, shape ...int) *linalg.Tensor {
		return s.dev.New(dtype, append([]int{images}, shape...)...)
	}
	return []rowOp{
		{"Unfold", []*linalg.Tensor{x}, func(ins []*linalg.Tensor) []*linalg.Tensor {
			out := s.dev.New(ins[0].DType(), ins[0].Rows()*conv.Positions(), conv.Columns())
			s.dev.Unfold(out, ins[0], conv)
			return []*linalg.Tensor{out}
		}},
		{"UnfoldBackward", []*linalg.Tensor{x, cols}, func(ins []*linalg.Tensor) []*linalg.Tensor {
			s.dev.UnfoldBackward(ins[0], unfolded(ins[1]), conv, true)
			return ins[:1]
		}},
		{"MaxPool and MaxPoolBackward", []*linalg.Tensor{x}, func(ins []*linalg.Tensor) []*linalg.Tensor {
			m, hidden := ins[0].Rows(), ins[0].DType()
			y, at := empty(m, hidden, ho, wo, conv.Channels), empty(m, linalg.I32, ho, wo, conv.Channels)
			dx := empty(m, hidden, image[1:]...)
			s.dev.MaxPool(y, at, ins[0], 2)
			s.dev.MaxPoolBackward(dx, y, at)
			return []*linalg.Tensor{y, at, dx}
		}},
		{"MeanPool and MeanPoolBackward", []*linalg.Tensor{x}, func(ins []*linalg.Tensor) []*linalg.Tensor {
			y := empty(ins[0].Rows(), ins[0].DType(), conv.Channels)
			s.dev.MeanPool(y, ins[0])
			s.dev.MeanPoolBackward(ins[0], y)
			return []*linalg.Tensor{y, ins[0]}
		}},
	}
}

// runRows runs an operation on rows lo to hi-1 and returns the bytes of each output.
func (s *suite) runRows(op rowOp, lo, hi int) [][]byte {
	ins := make([]*linalg.Tensor, len(op.ins))
	for i, t := range op.ins {
		ins[i] = s.toDevice(t.RowRange(lo, hi))
	}
	return s.allBits(op.run(ins))
}

func (s *suite) allBits(tensors []*linalg.Tensor) [][]byte {
	out := make([][]byte, len(tensors))
	for i, t := range tensors {
		out[i] = s.bits(t)
	}
	return out
}

// checkRowIndependence computes batches of every size (1 to 300 rows of products) and
// every row alone, and wants the bits that the rows have in the whole batch.
func checkRowIndependence(s *suite) error {
	for _, op := range s.rowOps(300, 40, 5) {
		n := op.ins[0].Rows()
		whole := s.runRows(op, 0, n)
		same := func(lo, hi int) error {
			for i, got := range s.runRows(op, lo, hi) {
				each := len(whole[i]) / n
				if !bytes.Equal(got, whole[i][lo*each:hi*each]) {
					return fmt.Errorf("%s: rows %d to %d differ from the same rows among %d", op.name, lo, hi-1, n)
				}
			}
			return nil
		}
		for size := 1; size <= n; size++ {
			if err := same(n-size, n); err != nil {
				return err
			}
		}
		for i := range n {
			if err := same(i, i+1); err != nil {
				return err
			}
		}
	}
	return nil
}

// checkThreads runs everything, sums over rows too, with several numbers of threads.
func checkThreads(s *suite) error {
	const n, in, out = 700, 70, 130
	ops := s.rowOps(n, n, 12)
	for _, c := range []struct{ in, out int }{{in, out}, {3, 7}} {
		ops = append(ops, rowOp{"MatMul TransA", []*linalg.Tensor{s.host(n, c.out), s.host(n, c.in)}, func(ins []*linalg.Tensor) []*linalg.Tensor {
			dw, db := s.dev.New(linalg.F32, c.out, c.in), s.dev.New(linalg.F32, c.out)
			s.dev.MatMul(dw, ins[0], ins[1], linalg.MatMul{TransA: true, Alpha: 0.3})
			s.dev.AddBiasBackward(db, ins[0], false)
			return []*linalg.Tensor{dw, db}
		}})
	}
	for _, op := range ops {
		err := sameOnThreads(op.name, func() [][]byte { return s.runRows(op, 0, op.ins[0].Rows()) })
		if err != nil {
			return err
		}
	}
	return nil
}
