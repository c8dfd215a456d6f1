package reference

import (
	"math"

	"github.com/gradientlearning/cola/linalg"
)

// Attention computes, for query i of a span and head h, over the keys j that it sees,
//
//	score[j] = scale · Σ_d q[i,h,d]·k[j,h′,d],  h′ = h·KVHeads/Heads
//	lse[i,h] = log Σ_j exp(score[j])
//	y[i,h,d] = Σ_j exp(score[j] − lse[i,h])·v[j,h′,d]
//
// A query that sees no key gets y = 0 and lse = −∞. Rows outside of the spans stay. The slices have
// nothing beside q, k and v, and nothing asks for their first columns.
func Attention(y, lse, q, k, v []float64, a linalg.Attention) {
	eachQuery(a, func(at query) {
		p, sum := weights(q, k, a, at)
		lse[at.row*a.Heads+at.head] = sum
		for d := range a.Dim {
			o := at.column(a) + d
			y[o] = 0
			for j, w := range p {
				y[o] += w * v[at.keyColumn(a, j)+d]
			}
		}
	})
}

// AttentionBackward adds the gradients of Σ g∘y. With the weights P of the forward pass,
//
//	dP[j]       = Σ_d g[i,h,d]·v[j,h′,d]
//	dscore[j]   = P[j]·(dP[j] − Σ_l P[l]·dP[l])
//	dq[i,h,d]  += scale·Σ_j dscore[j]·k[j,h′,d]
//	dk[j,h′,d] += scale·dscore[j]·q[i,h,d]
//	dv[j,h′,d] += P[j]·g[i,h,d]
func AttentionBackward(dq, dk, dv, g, q, k, v []float64, a linalg.Attention) {
	scale := float64(a.Scale)
	eachQuery(a, func(at query) {
		p, _ := weights(q, k, a, at)
		row := at.column(a)
		dp, mean := make([]float64, len(p)), 0.0
		for j, w := range p {
			for d := range a.Dim {
				dp[j] += g[row+d] * v[at.keyColumn(a, j)+d]
			}
			mean += w * dp[j]
		}
		for j, w := range p {
			slope := w * (dp[j] - mean)
			for d := range a.Dim {
				key := at.keyColumn(a, j) + d
				dq[row+d] += scale * slope * k[key]
				dk[key] += scale * slope * q[row+d]
				dv[key] += w * g[row+d]
			}
		}
	})
}

// query is one query of one head.
type query struct {
	row, head int
	first     int // row of the first key that it sees
	keys      int // how many it sees
}

// column returns where the query lies in q.
func (at query) column(a linalg.Attention) int { return (at.row*a.Heads + at.head) * a.Dim }

// keyColumn returns where its key number j lies in k.
func (at query) keyColumn(a linalg.Attention, j int) int {
	return ((at.first+j)*a.KVHeads + at.head*a.KVHeads/a.Heads) * a.Dim
}

// eachQuery calls do for every query of every span and head. The last of n queries sees all
// m keys of its span; if causal, the one before it sees m − 1, and so on.
func eachQuery(a linalg.Attention, do func(at query)) {
	for _, s := range a.Spans {
		for i := s.QueryLo; i < s.QueryHi; i++ {
			keys := s.KeyHi - s.KeyLo
			if a.Causal {
				keys = max(keys-(s.QueryHi-1-i), 0)
			}
			for h := range a.Heads {
				do(query{row: i, head: h, first: s.KeyLo, keys: keys})
			}
		}
	}
}

// weights returns softmax(scores) of a query, and the logarithm of the sum.
func weights(q, k []float64, a linalg.Attention, at query) (p []float64, lse float64) {
	p = make([]float64, at.keys)
	top, sum := math.Inf(-1), 0.0
	for j := range p {
		for d := range a.Dim {
			p[j] += q[at.column(a)+d] * k[at.keyColumn(a, j)+d]
		}
		p[j] *= float64(a.Scale)
		top = max(top, p[j])
	}
	for j := range p {
		p[j] = math.Exp(p[j] - top)
		sum += p[j]
	}
	for j := range p {
		p[j] /= sum
	}
	return p, top + math.Log(sum)
}
