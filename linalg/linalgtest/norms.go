package linalgtest

import (
	"fmt"
	"math"

	"github.com/gradientlearning/cola/linalg"
	"github.com/gradientlearning/cola/linalg/reference"
)

// normShapes are rows, columns, and what is added to all numbers of a row: norms subtract.
var normShapes = []struct {
	n, c   int
	offset float64
}{{0, 4, 0}, {1, 1, 0}, {1, 7, 0}, {33, 3, 0}, {5, 130, 0}, {70, 768, 0}, {3, 9, 1e4}, {3, 9, -1e4}}

const normEpsilon = 1e-5

// normRows returns random rows about an offset, exact in float32.
func (s *suite) normRows(n, c int, offset float64) []float64 {
	_, x := s.random(n, c)
	for i := range x {
		x[i] = float64(float32(x[i] + offset))
	}
	return x
}

func checkLayerNorm(s *suite) error {
	for _, shape := range normShapes {
		n, c := shape.n, shape.c
		xw := s.normRows(n, c, shape.offset)
		x := s.upload(xw, n, c)
		weight, ww := s.random(c)
		bias, bw := s.random(c)
		bound := float64(c+12) * s.bounds.Unit
		for _, withBias := range []bool{false, true} {
			b, bs := bias, bw
			if !withBias {
				b, bs = nil, nil
			}
			yw, statsw := make([]float64, n*c), make([]float64, 2*n)
			reference.LayerNorm(yw, statsw, xw, ww, bs, n, normEpsilon)
			y, stats := s.destination(false, nil, n, c), s.destination(false, nil, n, 2)
			s.dev.LayerNorm(y, stats, x, weight, b, normEpsilon)
			size, statsSize := layerNormSizes(xw, statsw, ww, bs, n)
			what := fmt.Sprintf("LayerNorm %v bias %v", shape, withBias)
			if err := s.compare(what, y, yw, size, bound); err != nil {
				return err
			}
			if err := s.compare(what+" stats", stats, statsw, statsSize, bound); err != nil {
				return err
			}
		}
		statsw := make([]float64, 2*n)
		reference.LayerNorm(make([]float64, n*c), statsw, xw, ww, nil, n, normEpsilon)
		err := checkNormBackward(s, fmt.Sprintf("LayerNormBackward %v", shape), norm{s.dev.LayerNormBackward, reference.LayerNormBackward, 2}, xw, rounded(statsw), ww, n)
		if err != nil {
			return err
		}
	}
	return nil
}

// layerNormSizes returns what rounding errors of y and of stats are relative to: before the
// mean is taken off, numbers may be large.
func layerNormSizes(x, stats, weight, bias []float64, n int) (y, s []float64) {
	c := len(weight)
	y, s = make([]float64, n*c), make([]float64, 2*n)
	for i := range n {
		r, mean, most := stats[2*i+1], 0.0, 0.0
		for _, v := range x[i*c : (i+1)*c] {
			mean += math.Abs(v) / float64(c)
			most = max(most, math.Abs(v))
		}
		s[2*i], s[2*i+1] = mean, r*(1+most*r)
		for j, w := range weight {
			y[i*c+j] = 2 * (most + mean) * r * math.Abs(w)
			if bias != nil {
				y[i*c+j] += math.Abs(bias[j])
			}
		}
	}
	return y, s
}

func checkRMSNorm(s *suite) error {
	for _, shape := range normShapes {
		n, c := shape.n, shape.c
		xw := s.normRows(n, c, shape.offset)
		weight, ww := s.random(c)
		yw, statsw := make([]float64, n*c), make([]float64, n)
		reference.RMSNorm(yw, statsw, xw, ww, n, normEpsilon)
		y, stats := s.destination(false, nil, n, c), s.destination(false, nil, n)
		s.dev.RMSNorm(y, stats, s.upload(xw, n, c), weight, normEpsilon)
		bound := float64(c+8) * s.bounds.Unit
		if err := s.compare(fmt.Sprintf("RMSNorm %v", shape), y, yw, absolute(yw), bound); err != nil {
			return err
		}
		if err := s.compare(fmt.Sprintf("RMSNorm %v stats", shape), stats, statsw, statsw, bound); err != nil {
			return err
		}
		err := checkNormBackward(s, fmt.Sprintf("RMSNormBackward %v", shape), norm{s.dev.RMSNormBackward, reference.RMSNormBackward, 1}, xw, rounded(statsw), ww, n)
		if err != nil {
			return err
		}
	}
	return nil
}

// checkNormBackward compares a norm's backward step, from the same statistics.
func checkNormBackward(s *suite, what string, step norm, xw, statsw, ww []float64, n int) error {
	c := len(ww)
	g, gw := s.random(n, c)
	x, stats, weight := s.upload(xw, n, c), s.upload(statsw, step.statsShape(n)...), s.upload(ww, c)
	for _, accumulate := range []bool{false, true} {
		_, dw := s.random(n, c)
		dx := s.destination(accumulate, dw, n, c)
		magnitude := step.sizes(dw, gw, xw, statsw, ww, n, accumulate)
		step.reference(dw, gw, xw, statsw, ww, n, accumulate)
		step.device(dx, g, x, stats, weight, accumulate)
		if err := s.compare(fmt.Sprintf("%s accumulate %v", what, accumulate), dx, dw, magnitude, float64(c+12)*s.bounds.Unit); err != nil {
			return err
		}
	}
	return nil
}

// sizes returns r·(|h| + mean|h| + |x̂|·mean|h·x̂|), and |dx| where it is added to.
func (step norm) sizes(dx, g, x, stats, weight []float64, n int, accumulate bool) []float64 {
	c := len(weight)
	out := make([]float64, n*c)
	for i := range n {
		mean, r := 0.0, stats[i*step.stats+step.stats-1]
		if step.stats == 2 {
			mean = math.Abs(stats[2*i])
		}
		meanH, meanHX := 0.0, 0.0
		for j, w := range weight {
			h := math.Abs(g[i*c+j] * w)
			meanH += h / float64(c)
			meanHX += h * (math.Abs(x[i*c+j]) + mean) * r / float64(c)
		}
		for j, w := range weight {
			out[i*c+j] = r * (math.Abs(g[i*c+j]*w) + meanH + (math.Abs(x[i*c+j])+mean)*r*meanHX)
			if accumulate {
				out[i*c+j] += math.Abs(dx[i*c+j])
			}
		}
	}
	return out
}

// norm is the backward step of one of the norms, on the device and in float64.
type norm struct {
	device    func(dx, g, x, stats, weight *linalg.Tensor, accumulate bool)
	reference func(dx, g, x, stats, weight []float64, n int, accumulate bool)
	stats     int // numbers for each row
}

func (step norm) statsShape(n int) []int {
	if step.stats == 1 {
		return []int{n}
	}
	return []int{n, step.stats}
}
