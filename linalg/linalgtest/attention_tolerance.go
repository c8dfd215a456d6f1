package linalgtest

import "math"

// tolerances are how far the results of an attention may be off, element by element.
type tolerances struct{ y, lse, q, k, v []float64 }

// tolerances follows the rounding errors through an attention. A score, a sum of Dim
// products, is off by δ; so a weight is off by the factor e^δ, and what is summed up with
// weights by that and the error of the sum. Gradients are added to numbers of up to 1.
func (p attending) tolerances(bounds Bounds) tolerances {
	a := p.a
	t := tolerances{make([]float64, len(p.q)), make([]float64, p.queries*a.Heads), make([]float64, len(p.q)), make([]float64, len(p.k)), make([]float64, len(p.k))}
	queriesOfKey := 0
	for _, span := range a.Spans {
		queriesOfKey = max(queriesOfKey, (span.QueryHi-span.QueryLo)*a.Heads/a.KVHeads)
		for i := span.QueryLo; i < span.QueryHi; i++ {
			keys := span.KeyHi - span.KeyLo
			if a.Causal {
				keys = max(0, keys-(span.QueryHi-1-i))
			}
			for h := range a.Heads {
				p.tolerancesOf(&t, bounds, i, h, span.KeyLo, keys, queriesOfKey)
			}
		}
	}
	for _, gradient := range [][]float64{t.q, t.k, t.v} {
		for i, v := range gradient {
			if v != 0 { // rows outside of the spans stay exactly
				gradient[i] += float64(queriesOfKey+8) * bounds.Unit
			}
		}
	}
	return t
}

// tolerancesOf adds the share of query i of head h, which sees so many keys from first on.
func (p attending) tolerancesOf(t *tolerances, bounds Bounds, i, h, first, keys, queriesOfKey int) {
	const least = 1e-30 // weights below may vanish
	a := p.a
	row, dim := (i*a.Heads+h)*a.Dim, a.Dim
	column := func(j int) int { return ((first+j)*a.KVHeads + h*a.KVHeads/a.Heads) * dim }
	scores, top, size := make([]float64, keys), math.Inf(-1), 0.0
	for j := range scores {
		sum := 0.0
		for d := range dim {
			x := p.q[row+d] * p.k[column(j)+d] * float64(a.Scale)
			scores[j] += x
			sum += math.Abs(x)
		}
		top, size = max(top, scores[j]), max(size, sum)
	}
	total := 0.0
	for j, score := range scores {
		scores[j] = math.Exp(score - top)
		total += scores[j]
	}
	// The log-sum-exp is about as large as the scores, and rounded like them.
	delta := float64(dim+6) * bounds.Unit * size
	factor := math.Expm1(2*delta + 4*bounds.Function + float64(dim+keys+queriesOfKey+12)*bounds.Unit)
	t.lse[i*a.Heads+h] = delta + bounds.Function*(2+size)
	result := make([]float64, dim) // Σ P|v|
	for j := range scores {
		scores[j] = scores[j]/total + least
		for d := range dim {
			result[d] += scores[j] * math.Abs(p.v[column(j)+d])
		}
	}
	dot := 0.0
	for d, y := range result {
		t.y[row+d] = factor * y
		dot += math.Abs(p.g[row+d]) * y
	}
	for j, weight := range scores {
		slope := 0.0
		for d := range dim {
			slope += math.Abs(p.g[row+d] * p.v[column(j)+d])
		}
		slope = factor * weight * (slope + dot) * math.Abs(float64(a.Scale))
		for d := range dim {
			t.q[row+d] += slope * math.Abs(p.k[column(j)+d])
			t.k[column(j)+d] += slope * math.Abs(p.q[row+d])
			t.v[column(j)+d] += factor * weight * math.Abs(p.g[row+d])
		}
	}
}
