package model

import "github.com/gradientlearning/cola/linalg"

// The primitive operations. Each makes its result, and its backward step stands in its body.
// Closures take the tensors and gradients that they need, never a Var, and what they take of
// values the operation keeps.

// Product is y = x·wᵀ for x (n, in) and w (out, in): dx += g·w, dw += gᵀ·x.
func (t *Tape) Product(x, w *Var) *Var {
	xv, wv, dx, dw := x.Value, w.Value, x.gradient, w.gradient
	y := t.empty(xv.Rows(), wv.Rows())
	t.dev.MatMul(y, xv, wv, linalg.MatMul{TransB: true})
	v := t.result(y, func(g *linalg.Tensor) {
		t.add(dx, func(sum *linalg.Tensor, accumulate bool) {
			t.dev.MatMul(sum, g, wv, linalg.MatMul{Accumulate: accumulate})
		})
		t.add(dw, func(sum *linalg.Tensor, accumulate bool) {
			t.dev.MatMul(sum, g, xv, linalg.MatMul{TransA: true, Accumulate: accumulate})
		})
	}, x, w)
	if dw != nil { // only it needs x
		t.keep(v, x)
	}
	return t.keep(v, w)
}

// Add is y = a + b for a and b of one shape: da += g, db += g.
func (t *Tape) Add(a, b *Var) *Var {
	y := t.empty(a.Value.Shape()...)
	t.dev.Add(y, a.Value, b.Value)
	return t.result(y, t.addBackward(a, b), a, b)
}

// added is Add for a sum that lies in the memory of a already.
func (t *Tape) added(a, b *Var) *Var { return t.view(a.Value, t.addBackward(a, b), a, b) }

func (t *Tape) addBackward(a, b *Var) func(g *linalg.Tensor) {
	da, db := a.gradient, b.gradient
	return func(g *linalg.Tensor) {
		t.add(db, func(sum *linalg.Tensor, accumulate bool) {
			if accumulate {
				t.dev.Axpy(sum, 1, g)
			} else {
				t.dev.Copy(sum, g)
			}
		})
		t.give(da, g)
	}
}

// Scale is y = s·x: dx += s·g.
func (t *Tape) Scale(x *Var, s float32) *Var {
	dx := x.gradient
	y := t.copyOf(x.Value)
	t.dev.Scale(y, s)
	return t.result(y, func(g *linalg.Tensor) {
		t.dev.Scale(g, s)
		t.give(dx, g)
	}, x)
}

// AddBias is y = x + b on every row: dx += g, db += Σ over rows of g.
func (t *Tape) AddBias(x, b *Var) *Var {
	dx, db := x.gradient, b.gradient
	y := t.copyOf(x.Value)
	t.dev.AddBias(y, b.Value)
	return t.result(y, func(g *linalg.Tensor) {
		t.add(db, func(sum *linalg.Tensor, accumulate bool) { t.dev.AddBiasBackward(sum, g, accumulate) })
		t.give(dx, g)
	}, x, b)
}

// ReLU is y = max(x, 0): dx += g where y > 0.
func (t *Tape) ReLU(x *Var) *Var {
	dx := x.gradient
	y := t.empty(x.Value.Shape()...)
	t.dev.ReLU(y, x.Value)
	v := t.result(y, func(g *linalg.Tensor) {
		t.dev.ReLUBackward(g, g, y)
		t.give(dx, g)
	}, x)
	return t.keep(v, v)
}

// Unfold lays out the patches of x (n, H, W, C) as rows (n·Ho·Wo, C·K·K): dx += foldᵀ(g).
func (t *Tape) Unfold(x *Var, conv linalg.Conv) *Var {
	dx, n := x.gradient, x.Value.Rows()
	y := t.empty(n*conv.Positions(), conv.Columns())
	t.dev.Unfold(y, x.Value, conv)
	v := t.result(y, func(g *linalg.Tensor) {
		t.add(dx, func(sum *linalg.Tensor, accumulate bool) { t.dev.UnfoldBackward(sum, g, conv, accumulate) })
	}, x)
	v.rows = rescale(x.rows, n, y.Rows())
	return v
}

// Reshape is x in another shape of as many elements.
func (t *Tape) Reshape(x *Var, shape ...int) *Var {
	dx, before := x.gradient, x.Value.Shape()
	v := t.view(x.Value.Reshape(shape...), func(g *linalg.Tensor) { t.give(dx, g.Reshape(before...)) }, x)
	v.rows = rescale(x.rows, before[0], shape[0])
	return v
}

// MaxPool takes maxima over size×size windows of x (n, H, W, C); dx += g at the maxima.
func (t *Tape) MaxPool(x *Var, size int) *Var {
	dx, s := x.gradient, x.Value.Shape()
	y := t.empty(s[0], s[1]/size, s[2]/size, s[3])
	argmax := t.dev.Empty(linalg.I32, y.Shape()...)
	t.dev.MaxPool(y, argmax, x.Value, size)
	return t.leave(t.result(y, func(g *linalg.Tensor) {
		d := t.empty(s...)
		t.dev.MaxPoolBackward(d, g, argmax)
		t.hand(dx, d)
	}, x), argmax)
}

// MeanPool averages x (n, H, W, C) over positions, to (n, C): dx += g/(H·W) everywhere.
func (t *Tape) MeanPool(x *Var) *Var {
	dx, s := x.gradient, x.Value.Shape()
	y := t.empty(s[0], s[3])
	t.dev.MeanPool(y, x.Value)
	return t.result(y, func(g *linalg.Tensor) {
		d := t.empty(s...)
		t.dev.MeanPoolBackward(d, g)
		t.hand(dx, d)
	}, x)
}

// Rows is rows lo to hi-1 of x: dx += g on those rows.
func (t *Tape) Rows(x *Var, lo, hi int) *Var {
	dx := x.gradient
	v := t.view(t.dev.Rows(x.Value, lo, hi), func(g *linalg.Tensor) {
		t.addTo(dx, func(sum *linalg.Tensor) { t.dev.Axpy(t.dev.Rows(sum, lo, hi), 1, g) })
	}, x)
	v.rows = nil // one owner's, or part of it
	return v
}

// Stack puts matrices of as many columns on top of each other.
func (t *Tape) Stack(parts ...*Var) *Var {
	n := 0
	places := make([]Rows, len(parts))
	gradients := make([]*gradient, len(parts))
	for i, p := range parts {
		places[i] = Rows{n, n + p.Value.Rows()}
		gradients[i] = p.gradient
		n = places[i].Hi
	}
	y := t.empty(n, parts[0].Value.Cols())
	for i, p := range parts {
		t.dev.Copy(t.dev.Rows(y, places[i].Lo, places[i].Hi), p.Value)
	}
	v := t.result(y, func(g *linalg.Tensor) {
		for i, d := range gradients {
			part := t.dev.Rows(g, places[i].Lo, places[i].Hi)
			t.addTo(d, func(sum *linalg.Tensor) { t.dev.Axpy(sum, 1, part) })
		}
	}, parts...)
	v.rows = nil // the parts' owners, if any, are not the stack's
	return v
}

// CrossEntropy returns each row's loss (n). It ends a tape: its backward step, the first to
// run, gives logits the gradient scale·(softmax − onehot) on every row.
func (t *Tape) CrossEntropy(logits *Var, labels, scale *linalg.Tensor) *linalg.Tensor {
	loss := t.dev.New(linalg.F32, logits.Value.Rows())
	g := t.endWith(logits)
	t.dev.CrossEntropy(loss, g, logits.Value, labels, scale)
	return loss
}

// endWith returns memory for the gradient of x, which an operation that ends the tape writes
// at once and the first backward step hands on; nil where none is wanted.
func (t *Tape) endWith(x *Var) *linalg.Tensor {
	d := x.gradient
	if d == nil {
		return nil
	}
	g := t.empty(x.Value.Shape()...)
	t.steps = append(t.steps, &step{run: func() { t.hand(d, g) }})
	return g
}

// copyOf returns the value in memory of its own.
func (t *Tape) copyOf(value *linalg.Tensor) *linalg.Tensor {
	y := t.empty(value.Shape()...)
	t.dev.Copy(y, value)
	return y
}
