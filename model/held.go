package model

import "github.com/gradientlearning/cola/linalg"

// A pristine W₀ stays as its file has it: in its type, transposed or not, and in the file's own
// pages. Whoever packs or merges it gets it brought into the model's layout, one matrix at a
// time, and its pages go back to the system afterwards: while passes run, nothing of the
// weights is in memory but their working copy.

// held is how a pristine parameter is kept on the host.
type held struct {
	turned  bool   // it is Wᵀ, as checkpoints have it
	mapped  bool   // from a file: the memory is the system's
	release func() // gives the memory of a mapped one back; nil: it is not mapped
}

// done says that a parameter was read, and will not be for a while.
func (h held) done() {
	if h.release != nil {
		h.release()
	}
}

// whole returns a held tensor in the model's layout and in F32: t itself where it is so.
func (h held) whole(t *linalg.Tensor) *linalg.Tensor {
	if !h.turned {
		return t.Convert(linalg.F32)
	}
	return transposed(t)
}

// transposed returns a matrix (in, out) as (out, in), in F32.
func transposed(t *linalg.Tensor) *linalg.Tensor {
	out := linalg.New(linalg.F32, t.Cols(), t.Rows())
	linalg.Transpose(out, t)
	return out
}

// scratch is memory of the host in which one matrix after the other is turned or widened.
type scratch struct{ memory []float32 }

// matrix returns a tensor of F32, of anything, which is valid until the next one is made.
func (s *scratch) matrix(shape ...int) *linalg.Tensor {
	n := linalg.Elements(shape)
	if n > len(s.memory) {
		s.memory = make([]float32, n)
	}
	return linalg.FromF32(s.memory[:n], shape...)
}

// withPristine calls do with W₀ (out, in), on the host: in F32 if it is wanted, else in any
// type. It is not to be kept.
func (l *layer) withPristine(s *scratch, wide bool, do func(w *linalg.Tensor)) {
	w := *l.weight
	switch {
	case w.Memory() != nil: // declared: there are no numbers
	case l.turned:
		w = s.matrix(w.Cols(), w.Rows())
		linalg.Transpose(w, *l.weight)
	case wide && w.DType() != linalg.F32:
		w = s.matrix(w.Shape()...)
		linalg.Widen(w, *l.weight)
	}
	do(w.Reshape(w.Rows(), w.Cols()))
	l.done()
}

// attach ties what shares a weight, and tells every layer how its own is held.
func (b *Base) attach() {
	if t, ok := b.network.(interface{ tie() }); ok {
		t.tie()
	}
	of := map[*linalg.Tensor]held{}
	for _, p := range b.parameters {
		if p.onHost {
			of[*p.value] = p.held
		}
	}
	for _, l := range b.layers {
		l.held = of[*l.weight]
	}
}
