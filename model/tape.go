package model

import "github.com/gradientlearning/cola/linalg"

// Var is a value on the tape. Its gradient exists only where something upstream needs
// one.
type Var struct {
	Value *linalg.Tensor
	grad  *linalg.Tensor
	needs bool // a gradient
	owned bool // grad holds something: the next one is added
}

// Needs reports whether a gradient of the Var is wanted.
func (v *Var) Needs() bool { return v.needs }

// Tape records a forward pass and runs it backwards: every operation appends its
// backward step. It serves one pass.
type Tape struct {
	dev   linalg.Device
	steps []func()
	sites siteRouter
}

// input returns a Var without a gradient.
func (t *Tape) input(value *linalg.Tensor) *Var { return &Var{Value: value} }

// parameter returns a Var whose gradient is wanted.
func (t *Tape) parameter(value *linalg.Tensor) *Var { return &Var{Value: value, needs: true} }

// result returns the Var of an operation on sources, and appends its backward step if
// any of them needs a gradient.
func (t *Tape) result(value *linalg.Tensor, backward func(g *linalg.Tensor), sources ...*Var) *Var {
	v := &Var{Value: value}
	for _, s := range sources {
		v.needs = v.needs || s.needs
	}
	if v.needs {
		t.steps = append(t.steps, func() {
			if v.owned {
				backward(v.grad)
			}
			v.grad, v.Value = nil, nil // both are garbage from here on
		})
	}
	return v
}

// accumulate hands a gradient to a Var: add must write (or add to) the tensor it is
// given, as its second argument says.
func (t *Tape) accumulate(v *Var, add func(dst *linalg.Tensor, accumulate bool)) {
	if !v.needs {
		return
	}
	if v.grad == nil {
		v.grad = t.dev.New(linalg.F32, v.Value.Shape()...)
	}
	add(v.grad, v.owned)
	v.owned = true
}

// accumulateTensor adds a tensor that the Var may keep.
func (t *Tape) accumulateTensor(v *Var, g *linalg.Tensor) {
	if v.needs && !v.owned {
		v.grad, v.owned = g, true
		return
	}
	t.accumulate(v, func(dst *linalg.Tensor, _ bool) { t.dev.Axpy(dst, 1, g) })
}

// run runs the backward steps, last first.
func (t *Tape) run() {
	for i := len(t.steps) - 1; i >= 0; i-- {
		t.steps[i]()
		t.steps[i] = nil
	}
}

// Product is x·wᵀ for x (n, in) and w (out, in), both Vars.
func (t *Tape) Product(x, w *Var) *Var {
	xv, wv := x.Value, w.Value
	y := t.dev.New(linalg.F32, xv.Rows(), wv.Rows())
	t.dev.MatMul(y, xv, wv, linalg.MatMul{TransB: true})
	return t.result(y, func(g *linalg.Tensor) {
		t.accumulate(x, func(dx *linalg.Tensor, add bool) { t.dev.MatMul(dx, g, wv, linalg.MatMul{Accumulate: add}) })
		t.accumulate(w, func(dw *linalg.Tensor, add bool) {
			t.dev.MatMul(dw, g, xv, linalg.MatMul{TransA: true, Accumulate: add})
		})
	}, x, w)
}

// Add is a + s·b.
func (t *Tape) Add(a *Var, s float32, b *Var) *Var {
	y := t.dev.New(linalg.F32, a.Value.Shape()...)
	t.dev.Axpy(y, 1, a.Value)
	t.dev.Axpy(y, s, b.Value)
	return t.result(y, func(g *linalg.Tensor) {
		scaled := func(v *Var, s float32) {
			t.accumulate(v, func(d *linalg.Tensor, add bool) {
				if !add {
					t.dev.Zero(d)
				}
				t.dev.Axpy(d, s, g)
			})
		}
		scaled(a, 1)
		scaled(b, s)
	}, a, b)
}

// AddBias is x + b on every row.
func (t *Tape) AddBias(x, b *Var) *Var {
	y := t.dev.New(linalg.F32, x.Value.Shape()...)
	t.dev.Axpy(y, 1, x.Value)
	t.dev.AddBias(y, b.Value)
	return t.result(y, func(g *linalg.Tensor) {
		t.accumulate(b, func(db *linalg.Tensor, add bool) { t.dev.AddBiasBackward(db, g, add) })
		t.accumulate(x, func(dx *linalg.Tensor, add bool) {
			if !add {
				t.dev.Zero(dx)
			}
			t.dev.Axpy(dx, 1, g)
		})
	}, x, b)
}

// ReLU is max(x, 0).
func (t *Tape) ReLU(x *Var) *Var {
	y := t.dev.New(linalg.F32, x.Value.Shape()...)
	t.dev.ReLU(y, x.Value)
	return t.result(y, func(g *linalg.Tensor) {
		t.dev.ReLUBackward(g, g, y)
		t.accumulateTensor(x, g)
	}, x)
}

// Unfold lays out the patches of x (n, H, W, C) as rows (n·Ho·Wo, C·K·K).
func (t *Tape) Unfold(x *Var, conv linalg.Conv) *Var {
	cols := t.dev.New(linalg.F32, x.Value.Rows()*conv.Positions(), conv.Columns())
	t.dev.Unfold(cols, x.Value, conv)
	return t.result(cols, func(g *linalg.Tensor) {
		t.accumulate(x, func(dx *linalg.Tensor, add bool) { t.dev.UnfoldBackward(dx, g, conv, add) })
	}, x)
}

// Reshape is x in another shape.
func (t *Tape) Reshape(x *Var, shape ...int) *Var {
	before := x.Value.Shape()
	return t.result(x.Value.Reshape(shape...), func(g *linalg.Tensor) {
		t.accumulateTensor(x, g.Reshape(before...))
	}, x)
}

// MaxPool takes maxima over size×size windows of x (n, H, W, C).
func (t *Tape) MaxPool(x *Var, size int) *Var {
	s := x.Value.Shape()
	y := t.dev.New(linalg.F32, s[0], s[1]/size, s[2]/size, s[3])
	argmax := t.dev.New(linalg.I32, y.Shape()...)
	t.dev.MaxPool(y, argmax, x.Value, size)
	return t.result(y, func(g *linalg.Tensor) {
		dx := t.dev.New(linalg.F32, s...)
		t.dev.MaxPoolBackward(dx, g, argmax)
		t.accumulateTensor(x, dx)
	}, x)
}

// MeanPool averages x (n, H, W, C) over positions: (n, C).
func (t *Tape) MeanPool(x *Var) *Var {
	s := x.Value.Shape()
	y := t.dev.New(linalg.F32, s[0], s[3])
	t.dev.MeanPool(y, x.Value)
	return t.result(y, func(g *linalg.Tensor) {
		dx := t.dev.New(linalg.F32, s...)
		t.dev.MeanPoolBackward(dx, g)
		t.accumulateTensor(x, dx)
	}, x)
}

// Rows is rows lo to hi-1 of x.
func (t *Tape) Rows(x *Var, lo, hi int) *Var {
	return t.result(t.dev.Rows(x.Value, lo, hi), func(g *linalg.Tensor) {
		t.accumulate(x, func(dx *linalg.Tensor, add bool) {
			if !add {
				t.dev.Zero(dx)
			}
			t.dev.Axpy(t.dev.Rows(dx, lo, hi), 1, g)
		})
	}, x)
}

// Stack puts Vars on top of each other.
func (t *Tape) Stack(parts ...*Var) *Var {
	rows := 0
	for _, p := range parts {
		rows += p.Value.Rows()
	}
	y := t.dev.New(linalg.F32, rows, parts[0].Value.Cols())
	ranges := make([][2]int, len(parts))
	lo := 0
	for i, p := range parts {
		ranges[i] = [2]int{lo, lo + p.Value.Rows()}
		t.dev.Axpy(t.dev.Rows(y, lo, ranges[i][1]), 1, p.Value)
		lo = ranges[i][1]
	}
	return t.result(y, func(g *linalg.Tensor) {
		for i, p := range parts {
			t.accumulate(p, func(d *linalg.Tensor, add bool) {
				if !add {
					t.dev.Zero(d)
				}
				t.dev.Axpy(d, 1, t.dev.Rows(g, ranges[i][0], ranges[i][1]))
			})
		}
	}, parts...)
}

// CrossEntropy returns each row's loss (n), which is not differentiated further: its
// backward step begins the run with ∂/∂logits = scale·(softmax − onehot) on every row.
func (t *Tape) CrossEntropy(logits *Var, labels, scale *linalg.Tensor) *linalg.Tensor {
	loss := t.dev.New(linalg.F32, logits.Value.Rows())
	if !logits.needs {
		t.dev.CrossEntropy(loss, nil, logits.Value, labels, nil)
		return loss
	}
	d := t.dev.New(linalg.F32, logits.Value.Shape()...)
	t.dev.CrossEntropy(loss, d, logits.Value, labels, scale)
	t.steps = append(t.steps, func() { t.accumulateTensor(logits, d) })
	return loss
}
