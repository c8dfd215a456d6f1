// The operations of language models, as plain loops.
package linalg

import "math"

type Activation int

const (
	GELU Activation = iota
	GELUTanh
	SiLU
	Tanh
	QuickGELU
)

type Span struct{ QueryLo, QueryHi, KeyLo, KeyHi int }
type Attention struct {
	Heads, KVHeads, Dim int
	Scale               float32
	Causal              bool
	Spans               []Span
}

func (cpu) Copy(dst, src *Tensor) { copyTensor("Copy", dst, src) }
func (cpu) CopyColumns(dst, src *Tensor, to, from, width int, acc bool) {
	dc, sc := dst.Cols(), src.Cols()
	for i := 0; i < src.Rows(); i++ {
		for j := 0; j < width; j++ {
			if acc {
				dst.f32[i*dc+to+j] += src.f32[i*sc+from+j]
			} else {
				dst.f32[i*dc+to+j] = src.f32[i*sc+from+j]
			}
		}
	}
}
func (cpu) Gather(y, x, rows *Tensor) {
	x = x.Convert(F32)
	c := x.Cols()
	for i, r := range rows.I32() {
		copy(y.f32[i*c:(i+1)*c], x.f32[int(r)*c:(int(r)+1)*c])
	}
}
func (cpu) GatherBackward(dx, g, rows *Tensor) {
	c := dx.Cols()
	for i, r := range rows.I32() {
		for j := 0; j < c; j++ {
			dx.f32[int(r)*c+j] += g.f32[i*c+j]
		}
	}
}
func (cpu) LayerNorm(y, stats, x, w, b *Tensor, eps float32) {
	c := x.Cols()
	for i := 0; i < x.Rows(); i++ {
		r := x.f32[i*c : (i+1)*c]
		m := 0.0
		for _, v := range r {
			m += float64(v)
		}
		m /= float64(c)
		s := 0.0
		for _, v := range r {
			s += (float64(v) - m) * (float64(v) - m)
		}
		inv := 1 / math.Sqrt(s/float64(c)+float64(eps))
		stats.f32[2*i], stats.f32[2*i+1] = float32(m), float32(inv)
		for j, v := range r {
			y.f32[i*c+j] = float32((float64(v)-m)*inv*float64(w.f32[j]) + float64(b.f32[j]))
		}
	}
}
func (cpu) LayerNormBackward(dx, g, x, stats, w *Tensor, acc bool) {
	c := x.Cols()
	for i := 0; i < x.Rows(); i++ {
		m, inv := float64(stats.f32[2*i]), float64(stats.f32[2*i+1])
		a, b := 0.0, 0.0
		for j := 0; j < c; j++ {
			gw := float64(g.f32[i*c+j]) * float64(w.f32[j])
			xh := (float64(x.f32[i*c+j]) - m) * inv
			a += gw
			b += gw * xh
		}
		for j := 0; j < c; j++ {
			gw := float64(g.f32[i*c+j]) * float64(w.f32[j])
			xh := (float64(x.f32[i*c+j]) - m) * inv
			v := float32(inv * (gw - a/float64(c) - xh*b/float64(c)))
			if acc {
				dx.f32[i*c+j] += v
			} else {
				dx.f32[i*c+j] = v
			}
		}
	}
}
func (cpu) RMSNorm(y, stats, x, w *Tensor, eps float32) {
	c := x.Cols()
	for i := 0; i < x.Rows(); i++ {
		s := 0.0
		for _, v := range x.f32[i*c : (i+1)*c] {
			s += float64(v) * float64(v)
		}
		inv := 1 / math.Sqrt(s/float64(c)+float64(eps))
		stats.f32[i] = float32(inv)
		for j := 0; j < c; j++ {
			y.f32[i*c+j] = float32(float64(x.f32[i*c+j]) * inv * float64(w.f32[j]))
		}
	}
}
func (cpu) RMSNormBackward(dx, g, x, stats, w *Tensor, acc bool) {
	c := x.Cols()
	for i := 0; i < x.Rows(); i++ {
		inv := float64(stats.f32[i])
		b := 0.0
		for j := 0; j < c; j++ {
			b += float64(g.f32[i*c+j]) * float64(w.f32[j]) * float64(x.f32[i*c+j]) * inv
		}
		for j := 0; j < c; j++ {
			v := float32(inv * (float64(g.f32[i*c+j])*float64(w.f32[j]) - float64(x.f32[i*c+j])*inv*b/float64(c)))
			if acc {
				dx.f32[i*c+j] += v
			} else {
				dx.f32[i*c+j] = v
			}
		}
	}
}
func act(v float64, f Activation) (y, d float64) {
	switch f {
	case GELU:
		p := 0.5 * (1 + math.Erf(v/math.Sqrt2))
		return v * p, p + v*math.Exp(-v*v/2)/math.Sqrt(2*math.Pi)
	case GELUTanh:
		k := math.Sqrt(2 / math.Pi)
		t := math.Tanh(k * (v + 0.044715*v*v*v))
		return 0.5 * v * (1 + t), 0.5*(1+t) + 0.5*v*(1-t*t)*k*(1+3*0.044715*v*v)
	case SiLU:
		s := 1 / (1 + math.Exp(-v))
		return v * s, s * (1 + v*(1-s))
	case Tanh:
		t := math.Tanh(v)
		return t, 1 - t*t
	}
	s := 1 / (1 + math.Exp(-1.702*v))
	return v * s, s + v*1.702*s*(1-s)
}
func (cpu) Activate(y, x *Tensor, f Activation) {
	for i, v := range x.f32 {
		a, _ := act(float64(v), f)
		y.f32[i] = float32(a)
	}
}
func (cpu) ActivateBackward(dx, g, x *Tensor, f Activation) {
	for i, v := range x.f32 {
		_, d := act(float64(v), f)
		dx.f32[i] = float32(float64(g.f32[i]) * d)
	}
}
func (cpu) SwiGLU(y, gate, up *Tensor) {
	for i, v := range gate.f32 {
		a, _ := act(float64(v), SiLU)
		y.f32[i] = float32(a * float64(up.f32[i]))
	}
}
func (cpu) SwiGLUBackward(dgate, dup, g, gate, up *Tensor) {
	for i, v := range gate.f32 {
		a, d := act(float64(v), SiLU)
		dup.f32[i] = float32(a * float64(g.f32[i]))
		dgate.f32[i] = float32(d * float64(g.f32[i]) * float64(up.f32[i]))
	}
}
func (cpu) RoPE(y, x, pos, table *Tensor, inverse bool) {
	d := table.Cols()
	c := x.Cols()
	for i := 0; i < x.Rows(); i++ {
		t := table.f32[int(pos.i32[i])*d : (int(pos.i32[i])+1)*d]
		for h := 0; h < c; h += d {
			for j := 0; j < d/2; j++ {
				a, b := x.f32[i*c+h+j], x.f32[i*c+h+j+d/2]
				co, si := t[j], t[j+d/2]
				if inverse {
					si = -si
				}
				y.f32[i*c+h+j] = a*co - b*si
				y.f32[i*c+h+j+d/2] = b*co + a*si
			}
		}
	}
}
func weights(q, k *Tensor, a Attention, s Span, i, h int) []float64 {
	n := s.KeyHi - s.KeyLo
	if a.Causal {
		n = n - (s.QueryHi - s.QueryLo) + (i - s.QueryLo) + 1
	}
	w := make([]float64, n)
	kh := h / (a.Heads / a.KVHeads)
	for j := range w {
		for d := 0; d < a.Dim; d++ {
			w[j] += float64(q.f32[i*a.Heads*a.Dim+h*a.Dim+d]) * float64(k.f32[(s.KeyLo+j)*a.KVHeads*a.Dim+kh*a.Dim+d])
		}
		w[j] *= float64(a.Scale)
	}
	m := math.Inf(-1)
	for _, v := range w {
		m = max(m, v)
	}
	sum := 0.0
	for j := range w {
		w[j] = math.Exp(w[j] - m)
		sum += w[j]
	}
	for j := range w {
		w[j] /= sum
	}
	return w
}
func (cpu) Attention(y, lse, q, k, v *Tensor, a Attention) {
	for _, s := range a.Spans {
		for i := s.QueryLo; i < s.QueryHi; i++ {
			for h := 0; h < a.Heads; h++ {
				w := weights(q, k, a, s, i, h)
				kh := h / (a.Heads / a.KVHeads)
				for d := 0; d < a.Dim; d++ {
					t := 0.0
					for j, p := range w {
						t += p * float64(v.f32[(s.KeyLo+j)*a.KVHeads*a.Dim+kh*a.Dim+d])
					}
					y.f32[i*a.Heads*a.Dim+h*a.Dim+d] = float32(t)
				}
			}
		}
	}
}
func (cpu) AttentionBackward(dq, dk, dv, g, y, lse, q, k, v *Tensor, a Attention) {
	for _, s := range a.Spans {
		for i := s.QueryLo; i < s.QueryHi; i++ {
			for h := 0; h < a.Heads; h++ {
				w := weights(q, k, a, s, i, h)
				kh := h / (a.Heads / a.KVHeads)
				qo := i*a.Heads*a.Dim + h*a.Dim
				dot := 0.0
				for d := 0; d < a.Dim; d++ {
					dot += float64(g.f32[qo+d]) * float64(y.f32[qo+d])
				}
				for j, p := range w {
					ko := (s.KeyLo+j)*a.KVHeads*a.Dim + kh*a.Dim
					dp := 0.0
					for d := 0; d < a.Dim; d++ {
						dp += float64(g.f32[qo+d]) * float64(v.f32[ko+d])
						dv.f32[ko+d] += float32(p * float64(g.f32[qo+d]))
					}
					ds := p * (dp - dot) * float64(a.Scale)
					for d := 0; d < a.Dim; d++ {
						dq.f32[qo+d] += float32(ds * float64(k.f32[ko+d]))
						dk.f32[ko+d] += float32(ds * float64(q.f32[qo+d]))
					}
				}
			}
		}
	}
}
func (cpu) SquaredError(loss, dp, pred, target, scale *Tensor) {
	for i := range loss.f32 {
		e := pred.f32[i] - target.f32[i]
		loss.f32[i] = e * e
		if dp != nil {
			dp.f32[i] = 2 * scale.f32[i] * e
		}
	}
}
func (cpu) Argmax(index, x *Tensor) {
	c := x.Cols()
	for i := range index.i32 {
		b := 0
		for j := 1; j < c; j++ {
			if x.f32[i*c+j] > x.f32[i*c+b] {
				b = j
			}
		}
		index.i32[i] = int32(b)
	}
}
