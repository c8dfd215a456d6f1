package linalgtest

import (
	"fmt"
	"math"

	"github.com/gradientlearning/cola/linalg"
	"github.com/gradientlearning/cola/linalg/reference"
)

// activations are all of them, by name.
var activations = []struct {
	name string
	f    linalg.Activation
}{
	{"GELU", linalg.GELU}, {"GELUTanh", linalg.GELUTanh}, {"SiLU", linalg.SiLU}, {"Tanh", linalg.Tanh}, {"QuickGELU", linalg.QuickGELU},
}

// spread returns random numbers up to a bound, exact in float32.
func (s *suite) spread(bound float64, shape ...int) []float64 {
	_, x := s.random(shape...)
	for i := range x {
		x[i] *= bound
	}
	return rounded(x)
}

// spreads are about the origin, over all of the curves, and where every exponential overflows.
var spreads = []float64{1, 8, 1e4}

func checkActivate(s *suite) error {
	for _, c := range activations {
		for _, shape := range vectorShapes {
			for _, bound := range spreads {
				xw := s.spread(bound, shape...)
				copy(xw, []float64{0, math.NaN()})
				if err := checkActivateOf(s, fmt.Sprintf("%s %v to %v", c.name, shape, bound), c.f, xw, shape); err != nil {
					return err
				}
			}
		}
	}
	return nil
}

func checkActivateOf(s *suite, what string, f linalg.Activation, xw []float64, shape []int) error {
	yw, dw := make([]float64, len(xw)), make([]float64, len(xw))
	g, gw := s.random(shape...)
	reference.Activate(yw, xw, f)
	reference.ActivateBackward(dw, gw, xw, f)
	ySize, dSize := make([]float64, len(xw)), make([]float64, len(xw))
	for i, x := range xw {
		ySize[i] = 1 + math.Abs(x)
		dSize[i] = (1 + min(math.Abs(x), 8)) * math.Abs(gw[i]) // the curves are straight from 8 on
	}
	x := s.upload(xw, shape...)
	y, dx := s.destination(false, nil, shape...), s.destination(false, nil, shape...)
	s.dev.Activate(y, x, f)
	s.dev.ActivateBackward(dx, g, x, f)
	s.dev.ActivateBackward(g, g, x, f) // in place, as the interface permits
	s.dev.Activate(x, x, f)
	for _, c := range []struct {
		name       string
		got        *linalg.Tensor
		want, size []float64
	}{{"Activate", y, yw, ySize}, {"ActivateBackward", dx, dw, dSize}, {"Activate in place", x, yw, ySize}, {"ActivateBackward in place", g, dw, dSize}} {
		if err := s.compare(c.name+" "+what, c.got, c.want, c.size, s.bounds.Function); err != nil {
			return err
		}
	}
	return nil
}

func checkSwiGLU(s *suite) error {
	for _, shape := range vectorShapes {
		for _, bound := range spreads {
			aw := s.spread(bound, shape...)
			up, uw := s.random(shape...)
			g, gw := s.random(shape...)
			yw, daw, duw := make([]float64, len(aw)), make([]float64, len(aw)), make([]float64, len(aw))
			reference.SwiGLU(yw, aw, uw)
			reference.SwiGLUBackward(daw, duw, gw, aw, uw)
			ySize, daSize, duSize := make([]float64, len(aw)), make([]float64, len(aw)), make([]float64, len(aw))
			for i, a := range aw {
				ySize[i] = (1 + math.Abs(a)) * math.Abs(uw[i])
				daSize[i] = (1 + min(math.Abs(a), 8)) * math.Abs(gw[i]*uw[i])
				duSize[i] = (1 + math.Abs(a)) * math.Abs(gw[i])
			}
			gate := s.upload(aw, shape...)
			y, da, du := s.destination(false, nil, shape...), s.destination(false, nil, shape...), s.destination(false, nil, shape...)
			s.dev.SwiGLU(y, gate, up)
			s.dev.SwiGLUBackward(da, du, g, gate, up)
			for _, c := range []struct {
				name       string
				got        *linalg.Tensor
				want, size []float64
			}{{"SwiGLU", y, yw, ySize}, {"SwiGLUBackward gate", da, daw, daSize}, {"SwiGLUBackward up", du, duw, duSize}} {
				if err := s.compare(fmt.Sprintf("%s %v to %v", c.name, shape, bound), c.got, c.want, c.size, s.bounds.Function); err != nil {
					return err
				}
			}
		}
	}
	return nil
}

// rotations returns a table of RoPE in float32: angles p·base^(−2j/dim).
func rotations(positions, dim int) []float64 {
	table := make([]float64, positions*dim)
	for p := range positions {
		for j := range dim / 2 {
			angle := float64(p) * math.Pow(10000, -2*float64(j)/float64(dim))
			table[p*dim+j], table[p*dim+dim/2+j] = math.Cos(angle), math.Sin(angle)
		}
	}
	return rounded(table)
}

func checkRoPE(s *suite) error {
	const longest = 50
	for _, c := range []struct{ n, heads, dim int }{{0, 2, 4}, {1, 1, 2}, {7, 3, 6}, {33, 2, 64}} {
		tw := rotations(longest, c.dim)
		places := make([]int, c.n)
		for i := range places {
			places[i] = s.rng.IntN(longest)
		}
		table, positions := s.upload(tw, longest, c.dim), s.uploadInts(places, c.n)
		for _, inverse := range []bool{false, true} {
			x, xw := s.random(c.n, c.heads*c.dim)
			yw := make([]float64, len(xw))
			reference.RoPE(yw, xw, places, tw, c.heads, c.dim, inverse)
			y := s.destination(false, nil, c.n, c.heads*c.dim)
			s.dev.RoPE(y, x, positions, table, inverse)
			s.dev.RoPE(x, x, positions, table, inverse) // in place, as the interface permits
			for name, got := range map[string]*linalg.Tensor{"RoPE": y, "RoPE in place": x} {
				if err := s.compare(fmt.Sprintf("%s %+v inverse %v", name, c, inverse), got, yw, filled(len(yw), 2), 3*s.bounds.Unit); err != nil {
					return err
				}
			}
		}
	}
	return nil
}
