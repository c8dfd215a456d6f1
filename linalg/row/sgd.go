package row

// SGD are the coefficients of a step:
//
//	g ← g + Decay·w;  m ← Momentum·m + g;  w ← w − Rate·m
//
// With Nesterov w moves by g + Momentum·m instead, and without a momentum by g. At First m
// becomes g whatever it was.
type SGD struct {
	Decay, Rate, Momentum float32
	Nesterov, First       bool
}

// Step changes w and m by the gradient g; m is nil where there is no momentum.
func (c SGD) Step(w, m, g []float32) {
	n := whole(len(w))
	switch r := (&row{scalars: [7]float32{c.Decay, c.Rate, c.Momentum}, count: n}); {
	case n == 0:
	case m == nil:
		r.rows[0], r.rows[1] = &w[0], &g[0]
		r.sgd()
	case c.First:
		n = 0 // once
	default:
		r.rows[0], r.rows[1], r.rows[2] = &w[0], &m[0], &g[0]
		if c.Nesterov {
			r.sgdNesterov()
		} else {
			r.sgdMomentum()
		}
	}
	for i := n; i < len(w); i++ {
		d := g[i] + float32(c.Decay*w[i])
		if m != nil {
			if c.First {
				m[i] = d
			} else {
				m[i] = float32(c.Momentum*m[i]) + d
			}
			if c.Nesterov {
				d += float32(c.Momentum * m[i])
			} else {
				d = m[i]
			}
		}
		w[i] -= float32(c.Rate * d)
	}
}
