package linalgtest

import (
	"bytes"
	"fmt"
	"math"
	"slices"

	"github.com/gradientlearning/cola/linalg"
	"github.com/gradientlearning/cola/linalg/reference"
)

// checkTransfer moves every dtype to the device and back, whole and by rows.
func checkTransfer(s *suite) error {
	for _, dtype := range []linalg.DType{linalg.F32, linalg.BF16, linalg.F16, linalg.I32} {
		for _, shape := range [][]int{{0, 3}, {1, 1}, {5, 3}, {4, 3, 2, 7}} {
			what := fmt.Sprintf("%v %v", dtype, shape)
			zeros := linalg.Bytes(linalg.New(dtype, shape...))
			dst := s.dev.New(dtype, shape...)
			if got := s.bits(dst); !bytes.Equal(got, zeros) {
				return fmt.Errorf("new %s: it is not zero", what)
			}
			raw := make([]byte, len(zeros))
			for i := range raw {
				raw[i] = byte(s.rng.Uint32())
			}
			src, err := linalg.Blob{Name: what, DType: dtype, Shape: shape, Data: raw}.Tensor()
			if err != nil {
				return err
			}
			s.dev.Upload(dst, src)
			if got := s.bits(dst); !bytes.Equal(got, raw) {
				return fmt.Errorf("%s: what was downloaded is not what was uploaded", what)
			}
			if err := checkRowsView(s, what, dst, src); err != nil {
				return err
			}
			s.dev.Zero(dst)
			if got := s.bits(dst); !bytes.Equal(got, zeros) {
				return fmt.Errorf("zero of %s: it is not zero", what)
			}
		}
	}
	return nil
}

// checkRowsView reads and writes rows of dst, which holds src, through a view.
func checkRowsView(s *suite, what string, dst, src *linalg.Tensor) error {
	n := src.Rows()
	view := s.dev.Rows(dst, n/2, n)
	lower := linalg.AppendBytes(nil, src.RowRange(n/2, n))
	if got := s.bits(view); !bytes.Equal(got, lower) {
		return fmt.Errorf("rows of %s: the view shows something else", what)
	}
	s.dev.Zero(view)
	upper := linalg.AppendBytes(nil, src.RowRange(0, n/2))
	want := append(upper, make([]byte, len(lower))...)
	if got := s.bits(dst); !bytes.Equal(got, want) {
		return fmt.Errorf("rows of %s: zeroing the view zeroed other rows, or none", what)
	}
	return nil
}

var vectorShapes = [][]int{{0, 4}, {1}, {1, 7}, {33, 3}, {5, 4, 3, 2}}

func checkElementwise(s *suite) error {
	for _, shape := range vectorShapes {
		x, xw := s.random(shape...)
		for _, alpha := range []float32{0, 1, -0.37} {
			y, yw := s.random(shape...)
			magnitude := absolute(yw)
			before := s.upload(yw, shape...)
			sum, both := s.destination(false, nil, shape...), slices.Clone(yw)
			reference.Axpy(both, 1, xw)
			s.dev.Add(sum, before, x)
			if err := s.compare(fmt.Sprintf("Add %v", shape), sum, both, absolute(both), s.bounds.Unit); err != nil {
				return err
			}
			reference.Axpy(magnitude, math.Abs(float64(alpha)), absolute(xw))
			reference.Axpy(yw, float64(alpha), xw)
			s.dev.Axpy(y, alpha, x)
			if err := s.compare(fmt.Sprintf("Axpy %v alpha %v", shape, alpha), y, yw, magnitude, 3*s.bounds.Unit); err != nil {
				return err
			}
			z, zw := s.random(shape...)
			reference.Scale(zw, float64(alpha))
			s.dev.Scale(z, alpha)
			if err := s.compare(fmt.Sprintf("Scale %v by %v", shape, alpha), z, zw, absolute(zw), 2*s.bounds.Unit); err != nil {
				return err
			}
		}
	}
	return nil
}

func checkReLU(s *suite) error {
	for _, shape := range vectorShapes {
		_, xw := s.random(shape...)
		special := []float64{math.NaN(), math.Inf(1), math.Inf(-1), 0, math.Copysign(0, -1), 0x1p-149, -0x1p-149}
		copy(xw, special)
		yw := make([]float64, len(xw))
		reference.ReLU(yw, xw)
		_, gw := s.random(shape...)
		dw := make([]float64, len(xw))
		reference.ReLUBackward(dw, gw, yw)

		x := s.upload(xw, shape...)
		y, g := s.destination(false, nil, shape...), s.upload(gw, shape...)
		dx := s.destination(false, nil, shape...)
		s.dev.ReLU(y, x)
		s.dev.ReLUBackward(dx, g, y)
		s.dev.ReLU(x, x) // in place, as the interface permits
		s.dev.ReLUBackward(g, g, y)
		for _, c := range []struct {
			name string
			got  *linalg.Tensor
			want []float64
		}{{"ReLU", y, yw}, {"ReLUBackward", dx, dw}, {"ReLU in place", x, yw}, {"ReLUBackward in place", g, dw}} {
			if err := s.compare(fmt.Sprintf("%s %v", c.name, shape), c.got, c.want, nil, 0); err != nil {
				return err
			}
		}
	}
	return nil
}
