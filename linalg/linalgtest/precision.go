package linalgtest

import (
	"fmt"
	"slices"

	"github.com/gradientlearning/cola/linalg"
	"github.com/gradientlearning/cola/linalg/reference"
)

// checkPrecision holds matrices kept in bfloat16 against float64 loops over rounded numbers:
// those of the matrix, and with products of bfloat16 those of the rows, too. In float32
// products the kept matrix must be as good as its rounded numbers, to the bit.
func checkPrecision(s *suite) error {
	for _, shape := range append(slices.Clone(productShapes), [3]int{70, 37, 65}, [3]int{33, 32, 64}) {
		n, out, in := shape[0], shape[1], shape[2]
		x, xw := s.random(n, in)
		g, gw := s.random(n, out)
		w, ww := s.random(out, in)
		bias, biasw := s.random(out)
		ww = inBF16(ww)
		rounded := s.dev.Pack(s.upload(ww, out, in), linalg.F32Products)
		for _, precision := range []linalg.Precision{linalg.BF16Weights, linalg.BF16Products} {
			what := fmt.Sprintf("%v %v", precision, shape)
			packed := s.dev.Pack(w, precision)
			y, dx := s.destination(false, nil, n, out), s.destination(false, nil, n, in)
			s.dev.Linear(y, x, packed, linalg.Epilogue{Bias: bias})
			s.dev.LinearBackward(dx, g, packed, linalg.Backward{})
			xr, gr := xw, gw
			if precision == linalg.BF16Products {
				xr, gr = inBF16(xw), inBF16(gw)
			} else {
				same, dsame := s.destination(false, nil, n, out), s.destination(false, nil, n, in)
				s.dev.Linear(same, x, rounded, linalg.Epilogue{Bias: bias})
				s.dev.LinearBackward(dsame, g, rounded, linalg.Backward{})
				if !slices.Equal(s.toHost(y).F32(), s.toHost(same).F32()) || !slices.Equal(s.toHost(dx).F32(), s.toHost(dsame).F32()) {
					return fmt.Errorf("%s: not the bits of the rounded matrix in float32", what)
				}
			}
			yw, dw := make([]float64, n*out), make([]float64, n*in)
			ySize, dSize := make([]float64, n*out), make([]float64, n*in)
			reference.Linear(yw, xr, ww, biasw, n, in, out)
			reference.Linear(ySize, absolute(xr), absolute(ww), absolute(biasw), n, in, out)
			reference.LinearBackward(dw, gr, ww, n, in, out, false)
			reference.LinearBackward(dSize, absolute(gr), absolute(ww), n, in, out, false)
			if err := s.compare("Linear "+what, y, yw, ySize, float64(in+4)*s.bounds.Unit); err != nil {
				return err
			}
			if err := s.compare("LinearBackward "+what, dx, dw, dSize, float64(out+4)*s.bounds.Unit); err != nil {
				return err
			}
		}
	}
	return nil
}

// inBF16 returns numbers rounded to the nearest bfloat16.
func inBF16(x []float64) []float64 {
	t := linalg.New(linalg.F32, len(x))
	for i, v := range x {
		t.F32()[i] = float32(v)
	}
	rounded := make([]float64, len(x))
	for i, v := range t.Convert(linalg.BF16).Convert(linalg.F32).F32() {
		rounded[i] = float64(v)
	}
	return rounded
}
