package linalgtest

import (
	"fmt"
	"math"
	"slices"

	"github.com/gradientlearning/cola/linalg"
	"github.com/gradientlearning/cola/linalg/reference"
)

// productShapes are (m, n, k): empty ones, single rows, odd sizes, and either side of the
// block sizes that kernels like.
var productShapes = [][3]int{
	{0, 5, 3}, {4, 0, 3}, {4, 5, 0}, {1, 1, 1}, {1, 7, 5}, {2, 3, 1}, {17, 33, 65}, {64, 64, 64}, {67, 130, 129}, {260, 10, 31},
}

func checkMatMul(s *suite) error {
	for _, shape := range productShapes {
		for _, transA := range []bool{false, true} {
			for _, transB := range []bool{false, true} {
				if err := checkMatMulShape(s, shape[0], shape[1], shape[2], transA, transB); err != nil {
					return err
				}
			}
		}
	}
	return nil
}

func checkMatMulShape(s *suite, m, n, k int, transA, transB bool) error {
	aShape, bShape := []int{m, k}, []int{k, n}
	if transA {
		slices.Reverse(aShape)
	}
	if transB {
		slices.Reverse(bShape)
	}
	a, aw := s.random(aShape...)
	b, bw := s.random(bShape...)
	for _, accumulate := range []bool{false, true} {
		for _, alpha := range []float32{0, 1, -0.37} { // 0 means 1
			factor := float64(alpha)
			if alpha == 0 {
				factor = 1
			}
			_, cw := s.random(m, n)
			c := s.destination(accumulate, cw, m, n)
			magnitude := absolute(cw)
			reference.MatMul(magnitude, absolute(aw), absolute(bw), m, n, k, transA, transB, math.Abs(factor), accumulate)
			reference.MatMul(cw, aw, bw, m, n, k, transA, transB, factor, accumulate)
			op := linalg.MatMul{TransA: transA, TransB: transB, Alpha: alpha, Accumulate: accumulate}
			s.dev.MatMul(c, a, b, op)
			what := fmt.Sprintf("MatMul (%d, %d) over %d, %+v", m, n, k, op)
			if err := s.compare(what, c, cw, magnitude, float64(k+4)*s.bounds.Unit); err != nil {
				return err
			}
		}
	}
	return nil
}

func checkLinear(s *suite) error {
	for _, shape := range productShapes {
		n, out, in := shape[0], shape[1], shape[2]
		x, xw := s.random(n, in)
		g, gw := s.random(n, out)
		w, ww := s.random(out, in)
		bias, biasw := s.random(out)
		packed := s.dev.Pack(w, linalg.F32Products)
		for _, withBias := range []bool{false, true} {
			b, bw := bias, biasw
			if !withBias {
				b, bw = nil, nil
			}
			yw, magnitude := make([]float64, n*out), make([]float64, n*out)
			reference.Linear(yw, xw, ww, bw, n, in, out)
			reference.Linear(magnitude, absolute(xw), absolute(ww), absolute(bw), n, in, out)
			y := s.destination(false, nil, n, out)
			s.dev.Linear(y, x, packed, linalg.Epilogue{Bias: b})
			if err := s.compare(fmt.Sprintf("Linear %v bias %v", shape, withBias), y, yw, magnitude, float64(in+4)*s.bounds.Unit); err != nil {
				return err
			}
		}
		for _, accumulate := range []bool{false, true} {
			_, dw := s.random(n, in)
			dx := s.destination(accumulate, dw, n, in)
			magnitude := absolute(dw)
			reference.LinearBackward(magnitude, absolute(gw), absolute(ww), n, in, out, accumulate)
			reference.LinearBackward(dw, gw, ww, n, in, out, accumulate)
			s.dev.LinearBackward(dx, g, packed, linalg.Backward{Accumulate: accumulate})
			what := fmt.Sprintf("LinearBackward %v accumulate %v", shape, accumulate)
			if err := s.compare(what, dx, dw, magnitude, float64(out+4)*s.bounds.Unit); err != nil {
				return err
			}
		}
	}
	return nil
}

// checkPacked makes sure that a packed matrix is a copy, and that Set replaces it.
func checkPacked(s *suite) error {
	const n, in, out = 3, 5, 4
	x, xw := s.random(n, in)
	w, first := s.random(out, in)
	packed := s.dev.Pack(w, linalg.F32Products)
	if o, i := packed.Shape(); o != out || i != in {
		return fmt.Errorf("packed shape is (%d, %d), want (%d, %d)", o, i, out, in)
	}
	if packed.Bytes() < out*in*2 {
		return fmt.Errorf("a packed matrix of %d elements says that it holds %d bytes", out*in, packed.Bytes())
	}
	other, second := s.random(out, in)
	expect := func(what string, weight []float64) error {
		g, gw := s.random(n, out)
		yw, dw := make([]float64, n*out), make([]float64, n*in)
		reference.Linear(yw, xw, weight, nil, n, in, out)
		reference.LinearBackward(dw, gw, weight, n, in, out, false)
		y, dx := s.destination(false, nil, n, out), s.destination(false, nil, n, in)
		s.dev.Linear(y, x, packed, linalg.Epilogue{})
		s.dev.LinearBackward(dx, g, packed, linalg.Backward{})
		if err := s.compare("Linear after "+what, y, yw, filled(len(yw), in), (in+4)*s.bounds.Unit); err != nil {
			return err
		}
		return s.compare("LinearBackward after "+what, dx, dw, filled(len(dw), out), (out+4)*s.bounds.Unit)
	}
	s.dev.Zero(w)
	if err := expect("the source of Pack changed", first); err != nil {
		return err
	}
	packed.Set(other)
	s.dev.Zero(other)
	return expect("Set", second)
}

func checkBias(s *suite) error {
	for _, shape := range [][2]int{{0, 3}, {1, 1}, {1, 6}, {9, 5}, {130, 67}} {
		n, out := shape[0], shape[1]
		bias, bw := s.random(out)
		y, yw := s.random(n, out)
		magnitude := absolute(yw)
		reference.AddBias(magnitude, absolute(bw), n)
		reference.AddBias(yw, bw, n)
		s.dev.AddBias(y, bias)
		if err := s.compare(fmt.Sprintf("AddBias %v", shape), y, yw, magnitude, 2*s.bounds.Unit); err != nil {
			return err
		}
		g, gw := s.random(n, out)
		for _, accumulate := range []bool{false, true} {
			_, dw := s.random(out)
			d := s.destination(accumulate, dw, out)
			magnitude := absolute(dw)
			reference.AddBiasBackward(magnitude, absolute(gw), n, accumulate)
			reference.AddBiasBackward(dw, gw, n, accumulate)
			s.dev.AddBiasBackward(d, g, accumulate)
			what := fmt.Sprintf("AddBiasBackward %v accumulate %v", shape, accumulate)
			if err := s.compare(what, d, dw, magnitude, float64(n+2)*s.bounds.Unit); err != nil {
				return err
			}
		}
	}
	return nil
}

// checkPackedNarrow packs matrices that are stored in 16 bits, and replaces them by others.
func checkPackedNarrow(s *suite) error {
	const n, in, out = 5, 33, 17
	x, xw := s.random(n, in)
	g, gw := s.random(n, out)
	for _, first := range []linalg.DType{linalg.F32, linalg.BF16, linalg.F16} {
		for _, then := range []linalg.DType{linalg.F32, linalg.BF16, linalg.F16} {
			old, next := s.host(out, in).Convert(first), s.host(out, in).Convert(then)
			packed := s.dev.Pack(s.toDevice(old), linalg.F32Products)
			for _, w := range []*linalg.Tensor{old, next} {
				if w == next {
					packed.Set(s.toDevice(next))
				}
				yw, dw := make([]float64, n*out), make([]float64, n*in)
				reference.Linear(yw, xw, wide(w), nil, n, in, out)
				reference.LinearBackward(dw, gw, wide(w), n, in, out, false)
				y, dx := s.destination(false, nil, n, out), s.destination(false, nil, n, in)
				s.dev.Linear(y, x, packed, linalg.Epilogue{})
				s.dev.LinearBackward(dx, g, packed, linalg.Backward{})
				if err := s.compare(fmt.Sprintf("Linear by %v", w.DType()), y, yw, filled(len(yw), in), (in+4)*s.bounds.Unit); err != nil {
					return err
				}
				if err := s.compare(fmt.Sprintf("LinearBackward by %v", w.DType()), dx, dw, filled(len(dw), out), (out+4)*s.bounds.Unit); err != nil {
					return err
				}
			}
		}
	}
	return nil
}
