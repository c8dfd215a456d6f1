package row

import "math"

// Adam are the coefficients of a step:
//
//	g ← g + Decay·w;  m ← β₁m + (1−β₁)g;  v ← β₂v + (1−β₂)g²
//	w ← Keep·w − Rate·m/(√v·Root + ε)
//
// with Rate = η/(1−β₁ᵗ) and Root = 1/√(1−β₂ᵗ).
type Adam struct{ Keep, Decay, Beta1, Beta2, Rate, Root, Epsilon float32 }

// Step changes w, m and v by the gradient g.
func (c Adam) Step(w, m, v, g []float32) {
	n := whole(len(w))
	if n > 0 {
		r := &row{
			rows:    [6]*float32{&w[0], &m[0], &v[0], &g[0]},
			scalars: [7]float32{c.Keep, c.Decay, c.Beta1, c.Beta2, c.Rate, c.Root, c.Epsilon}, count: n,
		}
		r.adam()
	}
	for i := n; i < len(w); i++ {
		d := g[i] + float32(w[i]*c.Decay)
		m[i] = float32(m[i]*c.Beta1) + float32((1-c.Beta1)*d)
		v[i] = float32(v[i]*c.Beta2) + float32((1-c.Beta2)*float32(d*d))
		root := float32(math.Sqrt(float64(v[i])))
		w[i] = float32(w[i]*c.Keep) - float32(m[i]*c.Rate)/(float32(root*c.Root)+c.Epsilon)
	}
}
