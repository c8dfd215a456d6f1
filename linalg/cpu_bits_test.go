package linalg_test

import (
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"hash"
	"math"
	"runtime"
	"testing"

	"github.com/gradientlearning/cola/linalg"
	"github.com/gradientlearning/cola/linalg/kernel"
)

// bitsOfAPass is the SHA-256 of everything that [pass] computes: on every processor, at every
// level of its kernels, with any number of threads. BF16Products alone promise less, and are
// not in it. Whoever means to change what an operation
// computes changes it; nobody else.
const bitsOfAPass = "cb7ace486c2602dc04c86350c35c6c1cd7978b773168eec256c852505290e205"

// TestCPUBits holds the promise that models rest on: the same job gives the same bits
// wherever it runs.
func TestCPUBits(t *testing.T) {
	for _, level := range kernel.Levels() {
		for _, threads := range []int{1, 3} {
			t.Run(fmt.Sprint(level, " ", threads), func(t *testing.T) {
				restore, err := kernel.Use(level)
				if err != nil {
					t.Fatal(err)
				}
				defer restore()
				defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(threads))
				p := &pass{dev: linalg.NewCPU(), sum: sha256.New()}
				p.run()
				if got := fmt.Sprintf("%x", p.sum.Sum(nil)); got != bitsOfAPass {
					t.Errorf("the bits of a pass are %s, want %s; after each operation they were\n%s", got, bitsOfAPass, p.trace)
				}
			})
		}
	}
}

// A pass is what models do, forward and backward: a block of pre-norm attention and a block of
// gated and ungated activations over the rows of three sequences, and a loss.
type pass struct {
	dev       linalg.Device
	precision linalg.Precision // of frozen matrices
	seed      uint64
	sum       hash.Hash
	trace     string
}

// Sizes that no vector and no tile divides.
const (
	passRows, passWidth, passInner, passVocabulary = 37, 92, 205, 131
	passHeads, passKVHeads, passDim                = 4, 2, 23
)

// next returns a tensor of numbers from −1 to 1, another one each time: of bits that are the
// generator's, so that no function's rounding comes into it.
func (p *pass) next(shape ...int) *linalg.Tensor {
	p.seed++
	return random(p.seed, shape...)
}

// keep adds the bits of what an operation computed, and returns the first of it.
func (p *pass) keep(name string, results ...*linalg.Tensor) *linalg.Tensor {
	for _, t := range results {
		for _, v := range t.F32() {
			binary.Write(p.sum, binary.LittleEndian, math.Float32bits(v)) //nolint:errcheck // a hash takes everything
		}
	}
	p.trace += fmt.Sprintf("%x %s\n", p.sum.Sum(nil)[:4], name)
	return results[0]
}

func (p *pass) linear(name string, x *linalg.Tensor, out int) (y *linalg.Tensor, w linalg.Packed) {
	w = p.dev.Pack(p.next(out, x.Cols()), p.precision)
	y = p.dev.New(linalg.F32, x.Rows(), out)
	p.dev.Linear(y, x, w, linalg.Epilogue{Bias: p.next(out)})
	p.dev.Scale(y, 0.25)
	return p.keep(name, y), w
}

func (p *pass) back(name string, g *linalg.Tensor, w linalg.Packed) *linalg.Tensor {
	_, in := w.Shape()
	dx := p.dev.New(linalg.F32, g.Rows(), in)
	p.dev.LinearBackward(dx, g, w, linalg.Backward{})
	p.dev.LinearBackward(dx, g, w, linalg.Backward{Accumulate: true})
	return p.keep(name+" backward", dx)
}

func (p *pass) run() {
	x := p.dev.New(linalg.F32, passRows, passWidth)
	ids := make([]int32, passRows)
	for i := range ids {
		ids[i] = int32(i * i % 50)
	}
	p.dev.Gather(x, p.next(50, passWidth), linalg.FromI32(ids, passRows))
	p.attention(x)
	p.precision = linalg.BF16Weights
	p.activations(x)
	p.precision = linalg.F32Products
	logits, head := p.linear("head", x, passVocabulary)
	for i := range ids {
		ids[i] = int32(i * 29 % passVocabulary)
	}
	ids[5] = linalg.Ignored
	loss := p.dev.New(linalg.F32, passRows)
	p.dev.CrossEntropy(loss, logits, logits, linalg.FromI32(ids, passRows), p.next(passRows))
	p.keep("CrossEntropy", loss, logits)
	g := p.back("head", logits, head)
	p.products(x, g)
	p.images()
}

// attention adds to x what a block of attention makes of it, and takes it back through it.
func (p *pass) attention(x *linalg.Tensor) {
	dev := p.dev
	like := func(t *linalg.Tensor) *linalg.Tensor { return dev.New(linalg.F32, t.Rows(), t.Cols()) }
	h, stats, weight, bias := like(x), dev.New(linalg.F32, passRows, 2), p.next(passWidth), p.next(passWidth)
	dev.LayerNorm(h, stats, x, weight, bias, 1e-5)
	p.keep("LayerNorm", h, stats)
	q, wq := p.linear("q", h, passHeads*passDim)
	k, wk := p.linear("k", h, passKVHeads*passDim)
	v, wv := p.linear("v", h, passKVHeads*passDim)
	a := linalg.Attention{Heads: passHeads, KVHeads: passKVHeads, Dim: passDim, Scale: 0.2, Causal: true, Spans: []linalg.Span{
		{QueryHi: 11, KeyHi: 11}, {QueryLo: 11, QueryHi: 12, KeyLo: 11, KeyHi: 12}, {QueryLo: 12, QueryHi: passRows, KeyLo: 12, KeyHi: passRows},
	}}
	y, lse := like(q), dev.New(linalg.F32, passRows, passHeads)
	g := p.next(passRows, passHeads*passDim)
	for _, a.Causal = range []bool{false, true} {
		dev.Attention(y, lse, q, k, v, a)
		p.keep("Attention", y, lse)
		dq, dk, dv := like(q), like(k), like(v)
		dev.AttentionBackward(dq, dk, dv, g, y, lse, q, k, v, a)
		p.keep("Attention backward", dq, dk, dv)
		dev.Axpy(q, 0.3, dq)
		dev.Axpy(k, 0.3, dk)
		dev.Axpy(v, 0.3, dv)
	}
	o, wo := p.linear("o", y, passWidth)
	dx := like(x)
	dev.LayerNormBackward(dx, p.back("o", o, wo), x, stats, weight, false)
	for _, branch := range []struct {
		g *linalg.Tensor
		w linalg.Packed
	}{{q, wq}, {k, wk}, {v, wv}} {
		dev.LayerNormBackward(dx, p.back("qkv", branch.g, branch.w), x, stats, weight, true)
	}
	p.keep("LayerNorm backward", dx)
	dev.Axpy(x, 0.7, o)
	dev.Axpy(x, -0.1, dx)

	positions := make([]int32, passRows)
	for i := range positions {
		positions[i] = int32(i % 25)
	}
	turned, table := dev.New(linalg.F32, passRows, passWidth), p.next(25, 46)
	for _, inverse := range []bool{false, true} {
		dev.RoPE(turned, x, linalg.FromI32(positions, passRows), table, inverse)
		p.keep("RoPE", turned)
	}
}

// activations adds to x what a block of every activation makes of it, and takes it back.
func (p *pass) activations(x *linalg.Tensor) {
	dev := p.dev
	h, stats, weight := dev.New(linalg.F32, passRows, passWidth), dev.New(linalg.F32, passRows), p.next(passWidth)
	dev.RMSNorm(h, stats, x, weight, 1e-6)
	p.keep("RMSNorm", h, stats)
	up, wu := p.linear("up", h, passInner)
	gate, _ := p.linear("gate", h, passInner)
	g := p.next(passRows, passInner)
	act, dact := dev.New(linalg.F32, passRows, passInner), dev.New(linalg.F32, passRows, passInner)
	sum := dev.New(linalg.F32, passRows, passInner)
	for _, f := range []linalg.Activation{linalg.GELU, linalg.GELUTanh, linalg.SiLU, linalg.Tanh, linalg.QuickGELU} {
		dev.Scale(up, 1.5) // from where a function bends to where it is flat
		dev.Activate(act, up, f)
		dev.ActivateBackward(dact, g, up, f)
		p.keep(fmt.Sprint("activation ", f), act, dact)
		dev.Axpy(sum, 0.5, act)
		dev.Axpy(sum, 0.5, dact)
	}
	dev.SwiGLU(act, gate, up)
	dgate, dup := dev.New(linalg.F32, passRows, passInner), dev.New(linalg.F32, passRows, passInner)
	dev.SwiGLUBackward(dgate, dup, g, gate, up)
	p.keep("SwiGLU", act, dgate, dup)
	dev.ReLU(act, sum)
	dev.ReLUBackward(dact, g, act)
	p.keep("ReLU", act, dact)
	down, wd := p.linear("down", sum, passWidth)
	dev.Axpy(x, 0.1, down)
	g = p.back("down", x, wd)
	dev.Axpy(g, 1, dup)
	dx := dev.New(linalg.F32, passRows, passWidth)
	dev.RMSNormBackward(dx, p.back("up", g, wu), x, stats, weight, false)
	p.keep("RMSNorm backward", dx)
	dev.Axpy(x, -0.01, dx)
}

// products takes the sums that adapters' gradients are made of, and what is left.
func (p *pass) products(x, g *linalg.Tensor) {
	dev := p.dev
	dw := p.next(passWidth, passWidth)
	dev.MatMul(dw, g, x, linalg.MatMul{TransA: true, Alpha: -0.3, Accumulate: true})
	p.keep("MatMul gᵀx", dw)
	y := p.next(passRows, passWidth)
	dev.MatMul(y, x, dw, linalg.MatMul{TransB: true, Alpha: 0.1, Accumulate: true})
	dev.MatMul(y, g, dw, linalg.MatMul{Accumulate: true})
	p.keep("MatMul", y)
	bias := p.next(passWidth)
	dev.AddBias(y, bias)
	dev.AddBiasBackward(bias, y, true)
	p.keep("bias", y, bias)
	loss, dpred := dev.New(linalg.F32, passRows), dev.New(linalg.F32, passRows, 1)
	dev.SquaredError(loss, dpred, p.next(passRows, 1), p.next(passRows), p.next(passRows))
	p.keep("SquaredError", loss, dpred)
}

// images takes a convolution and its pooling.
func (p *pass) images() {
	dev := p.dev
	conv := linalg.Conv{Height: 9, Width: 8, Channels: 5, Kernel: 3, Stride: 1, Padding: 1}
	x := p.next(2, 9, 8, 5)
	cols := dev.New(linalg.F32, 2*conv.Positions(), conv.Columns())
	dev.Unfold(cols, x, conv)
	y, w := p.linear("conv", cols, 7)
	pooled, argmax := dev.New(linalg.F32, 2, 4, 4, 7), dev.New(linalg.I32, 2, 4, 4, 7)
	y4 := linalg.FromF32(y.F32(), 2, 9, 8, 7)
	dev.MaxPool(pooled, argmax, y4, 2)
	mean := dev.New(linalg.F32, 2, 7)
	dev.MeanPool(mean, pooled)
	dev.MeanPoolBackward(pooled, mean)
	dev.MaxPoolBackward(y4, pooled, argmax)
	p.keep("pool", mean, pooled, y)
	dev.UnfoldBackward(x, p.back("conv", y, w), conv, true)
	p.keep("Unfold backward", x)
}
