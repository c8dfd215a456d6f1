package model

import (
	"slices"

	"github.com/gradientlearning/cola/linalg"
)

// The primitive operations of language models; see operation.go for the rules.

// Embed is y = table[ids], of a layer that is frozen and no site.
func (t *Tape) Embed(table *linalg.Tensor, ids *Var) *Var {
	y := t.empty(ids.Value.Rows(), table.Cols())
	t.dev.Gather(y, table, ids.Value)
	v := &Var{Value: y, rows: ids.rows}
	t.own(v)
	return v
}

// Select is y[i] = x[rows[i]] for rows (n) in I32: dx[rows[i]] += g[i].
func (t *Tape) Select(x *Var, rows *linalg.Tensor) *Var {
	dx := x.gradient
	y := t.empty(rows.Rows(), x.Value.Cols())
	t.dev.Gather(y, x.Value, rows)
	v := t.result(y, func(g *linalg.Tensor) {
		t.addTo(dx, func(sum *linalg.Tensor) { t.dev.GatherBackward(sum, g, rows) })
	}, x)
	v.rows = nil // the caller knows whose they are
	return v
}

// Norm is LayerNorm where there is a bias, else RMSNorm.
func (t *Tape) Norm(x *Var, n *norm) *Var {
	if n.Bias == nil {
		return t.RMSNorm(x, n.Weight, n.eps)
	}
	return t.LayerNorm(x, n.Weight, n.Bias, n.eps)
}

// LayerNorm is y = (x − mean)/√(var + ε)·w + b on every row.
func (t *Tape) LayerNorm(x *Var, weight, bias *linalg.Tensor, eps float32) *Var {
	dx, xv := x.gradient, x.Value
	y := t.empty(xv.Shape()...)
	stats := t.dev.Empty(linalg.F32, xv.Rows(), 2)
	t.dev.LayerNorm(y, stats, xv, weight, bias, eps)
	return t.leave(t.keep(t.result(y, func(g *linalg.Tensor) {
		t.add(dx, func(sum *linalg.Tensor, accumulate bool) {
			t.dev.LayerNormBackward(sum, g, xv, stats, weight, accumulate)
		})
	}, x), x), stats)
}

// RMSNorm is y = x/√(mean of x² + ε)·w on every row.
func (t *Tape) RMSNorm(x *Var, weight *linalg.Tensor, eps float32) *Var {
	dx, xv := x.gradient, x.Value
	y := t.empty(xv.Shape()...)
	stats := t.dev.Empty(linalg.F32, xv.Rows())
	t.dev.RMSNorm(y, stats, xv, weight, eps)
	return t.leave(t.keep(t.result(y, func(g *linalg.Tensor) {
		t.add(dx, func(sum *linalg.Tensor, accumulate bool) {
			t.dev.RMSNormBackward(sum, g, xv, stats, weight, accumulate)
		})
	}, x), x), stats)
}

// Activate is y = f(x), element by element: dx += g·f′(x).
func (t *Tape) Activate(x *Var, f activation) *Var {
	if f.relu {
		return t.ReLU(x)
	}
	dx, xv := x.gradient, x.Value
	y := t.empty(xv.Shape()...)
	t.dev.Activate(y, xv, f.kind)
	return t.keep(t.result(y, func(g *linalg.Tensor) {
		t.dev.ActivateBackward(g, g, xv, f.kind)
		t.give(dx, g)
	}, x), x)
}

// SwiGLU is y = silu(gate)·up, element by element.
func (t *Tape) SwiGLU(gate, up *Var) *Var {
	dgate, dup, gv, uv := gate.gradient, up.gradient, gate.Value, up.Value
	y := t.empty(gv.Shape()...)
	t.dev.SwiGLU(y, gv, uv)
	return t.keep(t.result(y, func(g *linalg.Tensor) {
		a, b := t.empty(gv.Shape()...), t.empty(uv.Shape()...)
		t.dev.SwiGLUBackward(a, b, g, gv, uv)
		t.hand(dgate, a)
		t.hand(dup, b)
	}, gate, up), gate, up)
}

// RoPE rotates each head's pairs by the angles that the table has for the rows' positions;
// backwards it rotates g by their negatives.
func (t *Tape) RoPE(x *Var, positions, table *linalg.Tensor) *Var {
	dx := x.gradient
	y := t.empty(x.Value.Shape()...)
	t.dev.RoPE(y, x.Value, positions, table, false)
	return t.result(y, func(g *linalg.Tensor) {
		t.dev.RoPE(g, g, positions, table, true)
		t.give(dx, g)
	}, x)
}

// Attention is softmax(q·kᵀ·scale)·v by heads and sequences. q, k and v may be columns of one
// value, which gets the gradients of all three. No matrix of weights is kept: backwards they are
// computed again from y and the rows' log-sum-exp.
func (t *Tape) Attention(q, k, v *Var, a linalg.Attention) *Var {
	dq, dk, dv, qv, kv, vv := q.gradient, k.gradient, v.gradient, q.Value, k.Value, v.Value
	y := t.empty(qv.Rows(), a.Heads*a.Dim)
	if !a.Cover(qv.Rows()) {
		t.dev.Zero(y)
	}
	lse := t.dev.New(linalg.F32, qv.Rows(), a.Heads)
	t.dev.Attention(y, lse, qv, kv, vv, a)
	w := t.result(y, func(g *linalg.Tensor) {
		wanted, values := [3]*gradient{dq, dk, dv}, [3]*linalg.Tensor{qv, kv, vv}
		a.Set = fills(a, qv, kv, vv) && !slices.ContainsFunc(wanted[:], func(d *gradient) bool { return d != nil && d.sum != nil })
		fresh := func(shape []int) *linalg.Tensor {
			if a.Set {
				return t.empty(shape...)
			}
			return t.dev.New(t.hidden, shape...)
		}
		var sums [3]*linalg.Tensor
		for i, d := range wanted {
			switch {
			case d == nil: // the device computes all three
				sums[i] = fresh(values[i].Shape())
				defer t.dev.Free(sums[i])
				continue
			case d.sum == nil: // and of columns of one value in one
				d.sum = fresh(d.shape)
			}
			sums[i] = d.sum
		}
		t.dev.AttentionBackward(sums[0], sums[1], sums[2], g, y, lse, qv, kv, vv, a)
	}, q, k, v)
	return t.leave(t.keep(w, q, k, v, w), lse)
}

// fills reports whether the columns of q, k and v are all that there are of these values.
func fills(a linalg.Attention, q, k, v *linalg.Tensor) bool {
	width, narrow := a.Heads*a.Dim, a.KVHeads*a.Dim
	if q == k && k == v {
		return q.Cols() == width+2*narrow
	}
	return q.Cols() == width && k.Cols() == narrow && v.Cols() == narrow
}

// SquaredError returns each row's (pred − target)² (n) for pred (n, 1). It ends a tape as
// [Tape.CrossEntropy] does, with the gradient 2·scale·(pred − target).
func (t *Tape) SquaredError(pred *Var, target, scale *linalg.Tensor) *linalg.Tensor {
	loss := t.dev.New(linalg.F32, pred.Value.Rows())
	g := t.endWith(pred)
	t.dev.SquaredError(loss, g, pred.Value, target, scale)
	return loss
}

// headElements is how many logits a head computes at a time, about: all of a batch never
// exist at once. Each time the head's weights are fetched from memory, so a part is not short.
const headElements = 12 << 20

// HeadLoss is the cross-entropy of a head: logits = x·Wᵀ + b for x (n, d) and W
// (vocabulary, d). It returns each row's loss and the index of its largest logit, and ends
// a tape as [Tape.CrossEntropy] does; the gradient of x is computed in the same sweep.
func (t *Tape) HeadLoss(x *Var, w linalg.Packed, bias, labels, scale *linalg.Tensor) (loss, largest *linalg.Tensor) {
	n := x.Value.Rows()
	vocabulary, _ := w.Shape()
	loss, largest = t.dev.New(linalg.F32, n), t.dev.New(linalg.I32, n)
	dx := t.endWith(x)
	parts := max(1, (n*vocabulary+headElements-1)/headElements)
	rows := (n + parts - 1) / parts
	memory := t.empty(rows, vocabulary)
	defer t.dev.Free(memory)
	for lo := 0; lo < n; lo += rows {
		hi := min(lo+rows, n)
		part := func(all *linalg.Tensor) *linalg.Tensor { return t.dev.Rows(all, lo, hi) }
		logits := t.dev.Rows(memory, 0, hi-lo)
		t.dev.Linear(logits, part(x.Value), w, linalg.Epilogue{Bias: bias})
		if dx == nil {
			linalg.Score(t.dev, part(loss), part(largest), nil, logits, part(labels), part(scale))
		} else {
			linalg.Score(t.dev, part(loss), part(largest), logits, logits, part(labels), part(scale))
			t.dev.LinearBackward(part(dx), logits, w, linalg.Backward{})
		}
	}
	return loss, largest
}
