package model

import "github.com/gradientlearning/cola/linalg"

// The primitive operations of language models; see operation.go for the rules.

// Embed is y = table[ids], of a layer that is frozen and no site.
func (t *Tape) Embed(table *linalg.Tensor, ids *Var) *Var {
	y := t.dev.New(linalg.F32, ids.Value.Rows(), table.Cols())
	t.dev.Gather(y, table, ids.Value)
	return &Var{Value: y, rows: ids.rows}
}

// Select is y[i] = x[rows[i]] for rows (n) in I32: dx[rows[i]] += g[i].
func (t *Tape) Select(x *Var, rows *linalg.Tensor) *Var {
	dx := x.gradient
	y := t.dev.New(linalg.F32, rows.Rows(), x.Value.Cols())
	t.dev.Gather(y, x.Value, rows)
	v := t.result(y, func(g *linalg.Tensor) {
		t.add(dx, func(sum *linalg.Tensor, _ bool) { t.dev.GatherBackward(sum, g, rows) })
	}, x)
	v.rows = nil // the caller knows whose they are
	return v
}

// Columns is y = x[:, lo:lo+width]: dx[:, lo:lo+width] += g.
func (t *Tape) Columns(x *Var, lo, width int) *Var {
	dx := x.gradient
	y := t.dev.New(linalg.F32, x.Value.Rows(), width)
	t.dev.CopyColumns(y, x.Value, 0, lo, width, false)
	return t.result(y, func(g *linalg.Tensor) {
		t.add(dx, func(sum *linalg.Tensor, accumulate bool) { t.dev.CopyColumns(sum, g, lo, 0, width, accumulate) })
	}, x)
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
	y := t.dev.New(linalg.F32, xv.Shape()...)
	stats := t.dev.New(linalg.F32, xv.Rows(), 2)
	t.dev.LayerNorm(y, stats, xv, weight, bias, eps)
	return t.result(y, func(g *linalg.Tensor) {
		t.add(dx, func(sum *linalg.Tensor, accumulate bool) {
			t.dev.LayerNormBackward(sum, g, xv, stats, weight, accumulate)
		})
	}, x)
}

// RMSNorm is y = x/√(mean of x² + ε)·w on every row.
func (t *Tape) RMSNorm(x *Var, weight *linalg.Tensor, eps float32) *Var {
	dx, xv := x.gradient, x.Value
	y := t.dev.New(linalg.F32, xv.Shape()...)
	stats := t.dev.New(linalg.F32, xv.Rows())
	t.dev.RMSNorm(y, stats, xv, weight, eps)
	return t.result(y, func(g *linalg.Tensor) {
		t.add(dx, func(sum *linalg.Tensor, accumulate bool) {
			t.dev.RMSNormBackward(sum, g, xv, stats, weight, accumulate)
		})
	}, x)
}

// Activate is y = f(x), element by element: dx += g·f′(x).
func (t *Tape) Activate(x *Var, f activation) *Var {
	if f.relu {
		return t.ReLU(x)
	}
	dx, xv := x.gradient, x.Value
	y := t.dev.New(linalg.F32, xv.Shape()...)
	t.dev.Activate(y, xv, f.kind)
	return t.result(y, func(g *linalg.Tensor) {
		t.dev.ActivateBackward(g, g, xv, f.kind)
		t.give(dx, g)
	}, x)
}

// SwiGLU is y = silu(gate)·up, element by element.
func (t *Tape) SwiGLU(gate, up *Var) *Var {
	dgate, dup, gv, uv := gate.gradient, up.gradient, gate.Value, up.Value
	y := t.dev.New(linalg.F32, gv.Shape()...)
	t.dev.SwiGLU(y, gv, uv)
	return t.result(y, func(g *linalg.Tensor) {
		a, b := t.dev.New(linalg.F32, gv.Shape()...), t.dev.New(linalg.F32, uv.Shape()...)
		t.dev.SwiGLUBackward(a, b, g, gv, uv)
		t.give(dgate, a)
		t.give(dup, b)
	}, gate, up)
}

// RoPE rotates each head's pairs by the angles that the table has for the rows' positions;
// backwards it rotates g by their negatives.
func (t *Tape) RoPE(x *Var, positions, table *linalg.Tensor) *Var {
	dx := x.gradient
	y := t.dev.New(linalg.F32, x.Value.Shape()...)
	t.dev.RoPE(y, x.Value, positions, table, false)
	return t.result(y, func(g *linalg.Tensor) {
		t.dev.RoPE(g, g, positions, table, true)
		t.give(dx, g)
	}, x)
}

// Attention is softmax(q·kᵀ·scale)·v by heads and sequences. No matrix of weights is kept:
// backwards they are computed again from y and the rows' log-sum-exp.
func (t *Tape) Attention(q, k, v *Var, a linalg.Attention) *Var {
	dq, dk, dv, qv, kv, vv := q.gradient, k.gradient, v.gradient, q.Value, k.Value, v.Value
	y := t.dev.New(linalg.F32, qv.Rows(), a.Heads*a.Dim)
	lse := t.dev.New(linalg.F32, qv.Rows(), a.Heads)
	t.dev.Attention(y, lse, qv, kv, vv, a)
	return t.result(y, func(g *linalg.Tensor) {
		sum := func(d *gradient, like *linalg.Tensor) *linalg.Tensor {
			if d == nil { // the device computes all three
				return t.dev.New(linalg.F32, like.Shape()...)
			}
			if d.sum == nil {
				d.sum = t.dev.New(linalg.F32, d.shape...)
			}
			return d.sum
		}
		t.dev.AttentionBackward(sum(dq, qv), sum(dk, kv), sum(dv, vv), g, y, lse, qv, kv, vv, a)
	}, q, k, v)
}

// SquaredError returns each row's (pred − target)² (n) for pred (n, 1). It ends a tape as
// [Tape.CrossEntropy] does, with the gradient 2·scale·(pred − target).
func (t *Tape) SquaredError(pred *Var, target, scale *linalg.Tensor) *linalg.Tensor {
	loss := t.dev.New(linalg.F32, pred.Value.Rows())
	var g *linalg.Tensor
	if d := pred.gradient; d != nil {
		g = t.dev.New(linalg.F32, pred.Value.Shape()...)
		t.steps = append(t.steps, func() { t.give(d, g) })
	}
	t.dev.SquaredError(loss, g, pred.Value, target, scale)
	return loss
}

// headRows is how many rows a head computes at a time: all logits of a batch never exist at
// once.
const headRows = 64

// HeadLoss is the cross-entropy of a head: logits = x·Wᵀ + b for x (n, d) and W
// (vocabulary, d). It returns each row's loss and the index of its largest logit, and ends
// a tape as [Tape.CrossEntropy] does; the gradient of x is computed in the same sweep.
func (t *Tape) HeadLoss(x *Var, w linalg.Packed, bias, labels, scale *linalg.Tensor) (loss, largest *linalg.Tensor) {
	n, d := x.Value.Rows(), x.gradient
	vocabulary, _ := w.Shape()
	loss, largest = t.dev.New(linalg.F32, n), t.dev.New(linalg.I32, n)
	var dx *linalg.Tensor
	if d != nil {
		dx = t.dev.New(linalg.F32, x.Value.Shape()...)
		t.steps = append(t.steps, func() { t.give(d, dx) })
	}
	for lo := 0; lo < n; lo += headRows {
		hi := min(lo+headRows, n)
		part := func(all *linalg.Tensor) *linalg.Tensor { return t.dev.Rows(all, lo, hi) }
		logits := t.dev.New(linalg.F32, hi-lo, vocabulary)
		t.dev.Linear(logits, part(x.Value), w, bias)
		t.dev.Argmax(part(largest), logits)
		if dx == nil {
			t.dev.CrossEntropy(part(loss), nil, logits, part(labels), part(scale))
			continue
		}
		t.dev.CrossEntropy(part(loss), logits, logits, part(labels), part(scale))
		t.dev.LinearBackward(part(dx), logits, w, false)
	}
	return loss, largest
}
