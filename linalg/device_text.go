package linalg

// Ignored is the label that stands for no loss.
const Ignored = -100

// TextDevice are the operations of language models; see [Device].
type TextDevice interface {
	// Copy sets dst to src, of the same dtype and shape.
	Copy(dst, src *Tensor)
	// CopyColumns computes dst[:, to:to+width] (=|+=) src[:, from:from+width].
	CopyColumns(dst, src *Tensor, to, from, width int, accumulate bool)

	// Gather takes rows: y[i] = x[rows[i]] for x (m, c) of F32, BF16 or F16, rows (n) in
	// I32 and y (n, c) in F32. It is an embedding's lookup, too.
	Gather(y, x, rows *Tensor)
	// GatherBackward computes dx[rows[i]] += g[i], in the order of i.
	GatherBackward(dx, g, rows *Tensor)

	// LayerNorm computes y = (x − μ)·r·weight + bias on every row, with the row's mean μ,
	// r = 1/√(variance + eps) and the variance Σ(x − μ)²/c. It leaves (μ, r) in stats
	// (n, 2). bias may be nil.
	LayerNorm(y, stats, x, weight, bias *Tensor, eps float32)
	// LayerNormBackward computes, with x̂ = (x − μ)·r and h = g·weight,
	// dx (=|+=) r·(h − mean(h) − x̂·mean(h·x̂)).
	LayerNormBackward(dx, g, x, stats, weight *Tensor, accumulate bool)

	// RMSNorm computes y = x·r·weight on every row, with r = 1/√(mean(x²) + eps), which it
	// leaves in stats (n).
	RMSNorm(y, stats, x, weight *Tensor, eps float32)
	// RMSNormBackward computes, with x̂ = x·r and h = g·weight,
	// dx (=|+=) r·(h − x̂·mean(h·x̂)).
	RMSNormBackward(dx, g, x, stats, weight *Tensor, accumulate bool)

	// Activate computes y = f(x); y may be x.
	Activate(y, x *Tensor, f Activation)
	// ActivateBackward computes dx = g·f′(x); dx may be g.
	ActivateBackward(dx, g, x *Tensor, f Activation)

	// SwiGLU computes y = silu(gate)·up.
	SwiGLU(y, gate, up *Tensor)
	// SwiGLUBackward computes dgate = g·up·silu′(gate) and dup = g·silu(gate).
	SwiGLUBackward(dgate, dup, g, gate, up *Tensor)

	// RoPE turns the pairs (j, j + d/2) of each head of x (n, heads·d) by the angles of the
	// row's position: table (positions, d) holds d/2 cosines and then d/2 sines for each.
	// inverse turns back, which is its backward step. y may be x.
	RoPE(y, x, positions, table *Tensor, inverse bool)

	// Attention computes, for every span and head, y = softmax(scale·q·kᵀ)·v: q and y are
	// (n, Heads·Dim), k and v (m, KVHeads·Dim), and head h reads the keys of head
	// h·KVHeads/Heads. q, k and v may be columns of wider tensors, k and v of equally wide ones,
	// or of one: see [Attention.QAt]. It leaves the logarithm of each row's sum of exponentials in lse
	// (n, Heads). Rows that no span covers stay as they are. What is not finite shows in the
	// results of the queries that see it, and in no others. Spans may share keys, as beams over
	// one source do, and no queries. A query that sees no key gets y = 0 and lse = −∞.
	Attention(y, lse, q, k, v *Tensor, a Attention)
	// AttentionBackward computes, with P = exp(scale·q·kᵀ − lse) and
	// S = P∘(g·vᵀ − rows of Σ g∘y): dq += scale·S·k, dk += scale·Sᵀ·q, dv += Pᵀ·g.
	// dq, dk and dv are as wide as q, k and v, and what they have beside these columns stays.
	// No two spans share keys here. With [Attention.Set] they are set and not added to.
	AttentionBackward(dq, dk, dv, g, y, lse, q, k, v *Tensor, a Attention)

	// SquaredError computes loss[i] = (pred[i] − target[i])² and, where dpred is not nil,
	// dpred[i] = 2·scale[i]·(pred[i] − target[i]). pred is (n, 1), the others (n).
	SquaredError(loss, dpred, pred, target, scale *Tensor)
	// Argmax sets index (n), I32, to the first of each row's largest elements.
	Argmax(index, x *Tensor)
}

// Activation is a function of one number.
type Activation int

// The activations.
const (
	GELU      Activation = iota // x·Φ(x), with the normal distribution's Φ
	GELUTanh                    // x/2·(1 + tanh(√(2/π)·(x + 0.044715·x³)))
	SiLU                        // x·σ(x)
	Tanh                        // tanh(x)
	QuickGELU                   // x·σ(1.702·x)
)

// Attention is the geometry of an attention over packed sequences.
type Attention struct {
	Heads, KVHeads int // KVHeads divides Heads
	Dim            int // of one head
	Scale          float32
	// Causal lets query i of n see keys 0 to m−n+i of m: both end together.
	Causal bool
	Spans  []Span
	// QAt, KAt and VAt are the first columns of q, k and v in their tensors, and of dq, dk and
	// dv in theirs: one product may make all three, side by side.
	QAt, KAt, VAt int
	// Set says that dq, dk and dv hold nothing yet, and that all they have are these columns:
	// they become the gradients, and 0 where no span is.
	Set bool
}

// Span is one sequence: the rows of its queries, and those of its keys and values.
type Span struct{ QueryLo, QueryHi, KeyLo, KeyHi int }

// Fits reports whether q, k and v have the columns that they must, and k and v as many rows.
func (a Attention) Fits(q, k, v *Tensor) bool {
	has := func(t *Tensor, at, heads int) bool { return at >= 0 && heads*a.Dim <= t.Cols()-at }
	return a.KVHeads > 0 && a.Heads%a.KVHeads == 0 && a.Dim > 0 && has(q, a.QAt, a.Heads) && has(k, a.KAt, a.KVHeads) && has(v, a.VAt, a.KVHeads) &&
		k.Cols() == v.Cols() && k.Rows() == v.Rows()
}

// Cover reports whether every one of n queries is in a span.
func (a Attention) Cover(n int) bool {
	for _, s := range a.Spans {
		n -= s.QueryHi - s.QueryLo
	}
	return n <= 0 // no query is in two
}

// Clear makes dq, dk and dv 0, of which several may be one tensor: what a device that adds to them
// does first where they are to be set.
func (Attention) Clear(dev Device, dq, dk, dv *Tensor) {
	dev.Zero(dq)
	if dk != dq {
		dev.Zero(dk)
	}
	if dv != dq && dv != dk {
		dev.Zero(dv)
	}
}

// coverKeys reports whether every one of n keys is in a span, of spans that share none.
func (a Attention) coverKeys(n int) bool {
	for _, s := range a.Spans {
		n -= s.KeyHi - s.KeyLo
	}
	return n <= 0
}

// keys returns how many keys query i of a span sees, counted from its first.
func (a Attention) keys(s Span, i int) int {
	n := s.KeyHi - s.KeyLo
	if a.Causal {
		n += i + 1 - (s.QueryHi - s.QueryLo)
	}
	return max(n, 0)
}

// firstQuery returns the first query of a span that sees a key, both counted from the span's
// firsts.
func (a Attention) firstQuery(s Span, key int) int {
	if !a.Causal {
		return 0
	}
	return max(key+s.QueryHi-s.QueryLo-(s.KeyHi-s.KeyLo), 0)
}
