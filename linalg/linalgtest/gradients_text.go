package linalgtest

import (
	"fmt"

	"github.com/gradientlearning/cola/linalg"
	"github.com/gradientlearning/cola/linalg/reference"
)

// checkTextDifferences is checkFiniteDifferences for the operations of language models.
func checkTextDifferences(s *suite) error {
	for _, c := range []check{
		{"LayerNormBackward", layerNormDifferences}, {"RMSNormBackward", rmsNormDifferences}, {"ActivateBackward", activateDifferences},
		{"SwiGLUBackward", swigluDifferences}, {"RoPE inverse", ropeDifferences}, {"GatherBackward", gatherDifferences},
		{"CopyColumns", columnsDifferences}, {"SquaredError", squaredDifferences}, {"AttentionBackward", attentionDifferences},
	} {
		if err := c.run(s); err != nil {
			return fmt.Errorf("%s against finite differences: %w", c.name, err)
		}
	}
	return nil
}

func layerNormDifferences(s *suite) error {
	const n, c = 4, 7
	x, xw := s.random(n, c)
	g, gw := s.random(n, c)
	weight, ww := s.random(c)
	bias, bw := s.random(c)
	y, stats, dx := s.dev.New(linalg.F32, n, c), s.dev.New(linalg.F32, n, 2), s.dev.New(linalg.F32, n, c)
	s.dev.LayerNorm(y, stats, x, weight, bias, normEpsilon)
	s.dev.LayerNormBackward(dx, g, x, stats, weight, false)
	ignored := make([]float64, 2*n)
	return s.matchDifferences(dx, xw, gw, c, func(y, x []float64) { reference.LayerNorm(y, ignored, x, ww, bw, n, normEpsilon) })
}

func rmsNormDifferences(s *suite) error {
	const n, c = 4, 7
	x, xw := s.random(n, c)
	g, gw := s.random(n, c)
	weight, ww := s.random(c)
	y, stats, dx := s.dev.New(linalg.F32, n, c), s.dev.New(linalg.F32, n), s.dev.New(linalg.F32, n, c)
	s.dev.RMSNorm(y, stats, x, weight, normEpsilon)
	s.dev.RMSNormBackward(dx, g, x, stats, weight, false)
	ignored := make([]float64, n)
	return s.matchDifferences(dx, xw, gw, c, func(y, x []float64) { reference.RMSNorm(y, ignored, x, ww, n, normEpsilon) })
}

func activateDifferences(s *suite) error {
	for _, c := range activations {
		xw := s.spread(5, 40)
		g, gw := s.random(40)
		dx := s.dev.New(linalg.F32, 40)
		s.dev.ActivateBackward(dx, g, s.upload(xw, 40), c.f)
		if err := s.matchDifferences(dx, xw, gw, 4, func(y, x []float64) { reference.Activate(y, x, c.f) }); err != nil {
			return fmt.Errorf("%s: %w", c.name, err)
		}
	}
	return nil
}

func swigluDifferences(s *suite) error {
	aw := s.spread(5, 40)
	up, uw := s.random(40)
	g, gw := s.random(40)
	da, du := s.dev.New(linalg.F32, 40), s.dev.New(linalg.F32, 40)
	s.dev.SwiGLUBackward(da, du, g, s.upload(aw, 40), up)
	if err := s.matchDifferences(da, aw, gw, 4, func(y, a []float64) { reference.SwiGLU(y, a, uw) }); err != nil {
		return err
	}
	return s.matchDifferences(du, uw, gw, 4, func(y, u []float64) { reference.SwiGLU(y, aw, u) })
}

func ropeDifferences(s *suite) error {
	const n, heads, dim, longest = 4, 2, 6, 9
	places := []int{8, 0, 3, 3}
	tw := rotations(longest, dim)
	_, xw := s.random(n, heads*dim)
	g, gw := s.random(n, heads*dim)
	s.dev.RoPE(g, g, s.uploadInts(places, n), s.upload(tw, longest, dim), true)
	return s.matchDifferences(g, xw, gw, 2, func(y, x []float64) { reference.RoPE(y, x, places, tw, heads, dim, false) })
}

func gatherDifferences(s *suite) error {
	const m, c = 5, 3
	rows := []int{4, 0, 4, 4, 1, 3}
	_, xw := s.random(m, c)
	g, gw := s.random(len(rows), c)
	dx := s.dev.New(linalg.F32, m, c)
	s.dev.GatherBackward(dx, g, s.uploadInts(rows, len(rows)))
	return s.matchDifferences(dx, xw, gw, 3, func(y, x []float64) { reference.Gather(y, x, rows, c) })
}

// columnsDifferences takes the way back of a copy of columns: a copy that accumulates.
func columnsDifferences(s *suite) error {
	const n, wide, width = 3, 7, 4
	_, xw := s.random(n, wide)
	g, gw := s.random(n, width)
	dx := s.dev.New(linalg.F32, n, wide)
	s.dev.CopyColumns(dx, g, 2, 0, width, true)
	return s.matchDifferences(dx, xw, gw, 1, func(y, x []float64) { reference.CopyColumns(y, x, n, width, wide, 0, 2, width, false) })
}

// squaredDifferences takes the scale of each row as the weight of its loss.
func squaredDifferences(s *suite) error {
	const n = 6
	pred, pw := s.random(n, 1)
	target, tw := s.random(n)
	scale, sw := s.random(n)
	loss, d := s.dev.New(linalg.F32, n), s.dev.New(linalg.F32, n, 1)
	s.dev.SquaredError(loss, d, pred, target, scale)
	return s.matchDifferences(d, pw, sw, 4, func(y, p []float64) { reference.SquaredError(y, nil, p, tw, nil) })
}

func attentionDifferences(s *suite) error {
	for _, causal := range []bool{false, true} {
		a := linalg.Attention{Heads: 4, KVHeads: 2, Dim: 3, Scale: 0.75, Causal: causal, Spans: packedSpans([2]int{3, 5}, [2]int{4, 2}, [2]int{2, 2})}
		const queries, keys = 9, 9
		p := s.attention(a, queries, keys)
		width, narrow := a.Heads*a.Dim, a.KVHeads*a.Dim
		q, k, v, g := s.upload(p.q, queries, width), s.upload(p.k, keys, narrow), s.upload(p.v, keys, narrow), s.upload(p.g, queries, width)
		y, lse := s.dev.New(linalg.F32, queries, width), s.dev.New(linalg.F32, queries, a.Heads)
		dq, dk, dv := s.dev.New(linalg.F32, queries, width), s.dev.New(linalg.F32, keys, narrow), s.dev.New(linalg.F32, keys, narrow)
		s.dev.Attention(y, lse, q, k, v, a)
		s.dev.AttentionBackward(dq, dk, dv, g, y, lse, q, k, v, a)
		ignored := make([]float64, queries*a.Heads)
		forward := func(y, _ []float64) { reference.Attention(y, ignored, p.q, p.k, p.v, a) }
		for _, c := range []struct {
			name string
			got  *linalg.Tensor
			x    []float64
		}{{"dq", dq, p.q}, {"dk", dk, p.k}, {"dv", dv, p.v}} {
			if err := s.matchDifferences(c.got, c.x, p.g, 5, forward); err != nil {
				return fmt.Errorf("causal %v: %s: %w", causal, c.name, err)
			}
		}
	}
	return nil
}
