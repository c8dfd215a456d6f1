package linalgtest

import (
	"fmt"

	"github.com/gradientlearning/cola/linalg"
	"github.com/gradientlearning/cola/linalg/reference"
)

// lowRanks returns adapters of several ranks that share n rows out between them, all but the
// last row; one has no rows.
func (s *suite) lowRanks(n, in, out int) []linalg.LowRank {
	ends := []int{0, n / 3, n / 3, max(n-1, n/3)}
	var parts []linalg.LowRank
	for i, rank := range []int{1, 8, 19} {
		a, _ := s.random(rank, in)
		b, _ := s.random(out, rank)
		parts = append(parts, linalg.LowRank{Lo: ends[i], Hi: ends[i+1], A: a, B: b, Scale: float32(i) + 0.5})
	}
	return parts
}

// checkLowRank holds groups of low-rank adapters against two products in float64 for each;
// rows of none must stay as they are, to the bit.
func checkLowRank(s *suite) error {
	for _, shape := range [][3]int{{1, 3, 2}, {7, 5, 3}, {67, 33, 40}, {130, 70, 129}} {
		n, out, in := shape[0], shape[1], shape[2]
		x, xw := s.random(n, in)
		g, gw := s.random(n, out)
		y, yw := s.random(n, out)
		dx, dw := s.random(n, in)
		ySize, dSize := absolute(yw), absolute(dw)
		parts := s.lowRanks(n, in, out)
		for _, p := range parts {
			rows, rank, scale := p.Hi-p.Lo, p.A.Rows(), float64(p.Scale)
			a, b := s.double(p.A), s.double(p.B)
			own := func(all []float64, width int) []float64 { return all[p.Lo*width : p.Hi*width] }
			apply := func(y, dx, x, g, a, b []float64) {
				u := make([]float64, rows*rank)
				reference.MatMul(u, own(x, in), a, rows, rank, in, false, true, 1, false)
				reference.MatMul(own(y, out), u, b, rows, out, rank, false, true, scale, true)
				reference.MatMul(u, own(g, out), b, rows, rank, out, false, false, 1, false)
				reference.MatMul(own(dx, in), u, a, rows, in, rank, false, false, scale, true)
			}
			apply(yw, dw, xw, gw, a, b)
			apply(ySize, dSize, absolute(xw), absolute(gw), absolute(a), absolute(b))
		}
		s.dev.LowRank(y, x, parts)
		s.dev.LowRankBackward(dx, g, parts)
		if err := s.compare(fmt.Sprintf("LowRank %v", shape), y, yw, ySize, float64(in+30)*s.bounds.Unit); err != nil {
			return err
		}
		if err := s.compare(fmt.Sprintf("LowRankBackward %v", shape), dx, dw, dSize, float64(out+30)*s.bounds.Unit); err != nil {
			return err
		}
	}
	return checkLowRankGrouping(s)
}

// checkLowRankGrouping wants the bits of a part that is alone.
func checkLowRankGrouping(s *suite) error {
	const n, in, out = 150, 66, 70
	x, _ := s.random(n, in)
	start, _ := s.random(n, out)
	parts := s.lowRanks(n, in, out)
	together, single := s.toDevice(s.toHost(start)), s.toDevice(s.toHost(start))
	s.dev.LowRank(together, x, parts)
	for _, p := range parts {
		s.dev.LowRank(single, x, []linalg.LowRank{p})
	}
	if string(s.bits(together)) != string(s.bits(single)) {
		return fmt.Errorf("LowRank: parts together are not the bits of each part alone")
	}
	return nil
}

// double returns a tensor's numbers.
func (s *suite) double(t *linalg.Tensor) []float64 {
	host := s.toHost(t).F32()
	wide := make([]float64, len(host))
	for i, v := range host {
		wide[i] = float64(v)
	}
	return wide
}
