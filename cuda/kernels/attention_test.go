package kernels_test

import (
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/gradientlearning/cola/cuda/internal/emulator"
	"github.com/gradientlearning/cola/cuda/kernels"
	"github.com/gradientlearning/cola/linalg"
	"github.com/gradientlearning/cola/linalg/reference"
)

// family is one implementation of attention.
type family struct {
	name   string
	dtype  linalg.DType
	tensor bool
	unit   float64
}

var families = []family{
	{name: "f32", dtype: linalg.F32, unit: 0x1p-22},
	{name: "bf16", dtype: linalg.BF16, unit: 0x1p-8},
	{name: "tensor", dtype: linalg.BF16, tensor: true, unit: 0x1p-8},
}

// takes reports whether the family has kernels for heads of a width.
func (f family) takes(dim int) bool {
	return !f.tensor || kernels.ForAttention(f.dtype.String(), dim).Tensor
}

// problem is an attention with its inputs, as the kernels read them and in float64.
type problem struct {
	a             linalg.Attention
	f             family
	queries, keys int
	q, k, v, g    []float64
}

func newProblem(f family, a linalg.Attention, queries, keys int, seed uint64) *problem {
	p := &problem{a: a, f: f, queries: queries, keys: keys}
	r := rand.New(rand.NewPCG(seed, 7))
	random := func(n int, by float64) []float64 {
		x := make([]float64, n)
		for i := range x {
			x[i] = by * (2*r.Float64() - 1)
		}
		return f.values(f.elements(x))
	}
	p.q, p.g = random(queries*a.Heads*a.Dim, 3), random(queries*a.Heads*a.Dim, 1)
	p.k, p.v = random(keys*a.KVHeads*a.Dim, 1), random(keys*a.KVHeads*a.Dim, 1)
	return p
}

// elements returns numbers as a kernel takes them, and values what those stand for.
func (f family) elements(x []float64) any {
	t := linalg.New(linalg.F32, len(x))
	for i, v := range x {
		t.F32()[i] = float32(v)
	}
	if f.dtype == linalg.F32 {
		return t.F32()
	}
	return t.Convert(linalg.BF16).Bits()
}

func (f family) values(elements any) []float64 {
	numbers, ok := elements.([]float32)
	if !ok {
		narrow := linalg.New(linalg.BF16, len(elements.([]uint16)))
		copy(narrow.Bits(), elements.([]uint16))
		numbers = narrow.Convert(linalg.F32).F32()
	}
	x := make([]float64, len(numbers))
	for i, v := range numbers {
		x[i] = float64(v)
	}
	return x
}

// launch runs one kernel of a family by all schedules or, if it is to be quick, by one.
func (p *problem) launch(t *testing.T, quick bool, step string, heads int, blocks []int32, args ...any) {
	t.Helper()
	name, parts, shared := p.kernels().Kernel(step)
	args = append(args, blocks, int32(p.a.Heads), int32(p.a.KVHeads), int32(p.a.Dim), int32(p.a.Heads*p.a.Dim), int32(p.a.KVHeads*p.a.Dim), p.a.Scale)
	grid, size := [3]int{len(blocks) / kernels.AttentionBlock, heads, parts}, [3]int{kernels.AttentionThreads, 1, 1}
	if grid[0] == 0 {
		return
	}
	library := emulator.Build(t, emulator.Options{})
	if quick {
		emulator.Launch(t, library, name, grid, size, shared, emulator.Random(5), args...)
	} else {
		emulator.LaunchAll(t, library, name, grid, size, shared, args...)
	}
}

func (p *problem) kernels() kernels.Attention {
	return kernels.Attention{Type: p.f.dtype.String(), Dim: p.a.Dim, Tensor: p.f.tensor}
}

func (p *problem) spans() (spans []kernels.Span) {
	for _, s := range p.a.Spans {
		spans = append(spans, kernels.Span(s))
	}
	return spans
}

// forward and backward return what the kernels make of destinations that were 3 and 1.
func (p *problem) forward(t *testing.T, quick bool) (y any, lse []float32) {
	t.Helper()
	y, lse = p.f.elements(repeated(len(p.q), 3)), narrowed(repeated(p.queries*p.a.Heads, 3))
	p.launch(t, quick, "", p.a.Heads, p.kernels().QueryBlocks(p.a.Causal, p.spans()), y, lse, p.f.elements(p.q), p.f.elements(p.k), p.f.elements(p.v))
	return y, lse
}

func (p *problem) backward(t *testing.T, quick bool, y any, lse []float32) (dq, dk, dv any) {
	t.Helper()
	dq, dk, dv = p.f.elements(repeated(len(p.q), 1)), p.f.elements(repeated(len(p.k), 1)), p.f.elements(repeated(len(p.v), 1))
	g, q, k, v := p.f.elements(p.g), p.f.elements(p.q), p.f.elements(p.k), p.f.elements(p.v)
	dots := make([]float32, p.queries*p.a.Heads)
	emulator.LaunchAll(t, emulator.Build(t, emulator.Options{}), "cola_attention_dots_"+p.f.dtype.String(), [3]int{(len(dots) + 3) / 4, 1, 1},
		[3]int{128, 1, 1}, 0, dots, g, y, int64(len(dots)), int32(p.a.Dim))
	p.launch(t, quick, "dq", p.a.Heads, p.kernels().QueryBlocks(p.a.Causal, p.spans()), dq, g, lse, dots, q, k, v)
	p.launch(t, quick, "dkv", p.a.KVHeads, p.kernels().KeyBlocks(p.a.Causal, p.spans()), dk, dv, g, lse, dots, q, k, v)
	return dq, dk, dv
}

// check compares the kernels with the reference.
func (p *problem) check(t *testing.T, quick, shareKeys bool) {
	t.Helper()
	yw, lsew := repeated(len(p.q), 3), repeated(p.queries*p.a.Heads, 3)
	reference.Attention(yw, lsew, p.q, p.k, p.v, p.a)
	size := p.sizes()
	y, lse := p.forward(t, quick)
	p.compare(t, "y", p.f.values(y), yw, size.y)
	for i, w := range lsew {
		if got := float64(lse[i]); !same(got, w, 1e-5*(1+math.Abs(w))) {
			t.Fatalf("lse %d is %v, want %v", i, got, w)
		}
	}
	if shareKeys {
		return
	}
	dq, dk, dv := p.backward(t, quick, y, lse)
	dqw, dkw, dvw := repeated(len(p.q), 1), repeated(len(p.k), 1), repeated(len(p.v), 1)
	reference.AttentionBackward(dqw, dkw, dvw, p.g, p.q, p.k, p.v, p.a)
	p.compare(t, "dq", p.f.values(dq), dqw, size.q)
	p.compare(t, "dk", p.f.values(dk), dkw, size.k)
	p.compare(t, "dv", p.f.values(dv), dvw, size.v)
}

func (p *problem) compare(t *testing.T, what string, got, want, size []float64) {
	t.Helper()
	for i, w := range want {
		allowed := 0.0 // what no span covers stays
		if size[i] != 0 {
			allowed = 4*p.f.unit*size[i] + p.f.unit*math.Abs(w)
		}
		if !same(got[i], w, allowed) {
			t.Fatalf("%s %d is %v, want %v: off by %.3g, allowed is %.3g", what, i, got[i], w, math.Abs(got[i]-w), allowed)
		}
	}
}

func same(got, want, allowed float64) bool {
	if math.IsNaN(want) {
		return math.IsNaN(got)
	}
	return got == want || math.Abs(got-want) <= allowed
}

// sizes are the sums that results are made of with all their terms taken as positive: what
// rounding errors are relative to.
func (p *problem) sizes() (s struct{ y, q, k, v []float64 }) {
	a, width := p.a, p.a.Dim
	s.y, s.q, s.k, s.v = make([]float64, len(p.q)), make([]float64, len(p.q)), make([]float64, len(p.k)), make([]float64, len(p.k))
	for _, span := range a.Spans {
		for i := span.QueryLo; i < span.QueryHi; i++ {
			keys := span.KeyHi - span.KeyLo
			if a.Causal {
				keys = max(0, keys-(span.QueryHi-1-i))
			}
			for h := range a.Heads {
				row := (i*a.Heads + h) * width
				key := func(j int) int { return ((span.KeyLo+j)*a.KVHeads + h*a.KVHeads/a.Heads) * width }
				weights, total := make([]float64, keys), 0.0
				for j := range weights {
					weights[j] = math.Exp(float64(a.Scale) * dot(p.q[row:row+width], p.k[key(j):], false))
					total += weights[j]
				}
				for d := range width {
					s.y[row+d] = 1e-30
					for j, w := range weights {
						s.y[row+d] += w / total * math.Abs(p.v[key(j)+d])
					}
				}
				mean := dot(p.g[row:row+width], s.y[row:], true)
				for j, w := range weights {
					slope := float64(a.Scale) * w / total * (dot(p.g[row:row+width], p.v[key(j):], true) + mean)
					for d := range width {
						s.q[row+d] += slope * math.Abs(p.k[key(j)+d])
						s.k[key(j)+d] += slope * math.Abs(p.q[row+d])
						s.v[key(j)+d] += w / total * math.Abs(p.g[row+d])
					}
				}
			}
		}
	}
	return s
}

func dot(x, y []float64, absolute bool) (sum float64) {
	for d, v := range x {
		if absolute {
			sum += math.Abs(v * y[d])
		} else {
			sum += v * y[d]
		}
	}
	return sum
}

func narrowed(x []float64) []float32 {
	y := make([]float32, len(x))
	for i, v := range x {
		y[i] = float32(v)
	}
	return y
}

// packed returns spans of such numbers of queries and keys, one behind the other.
func packed(lengths ...[2]int) (spans []linalg.Span) {
	q, k := 0, 0
	for _, l := range lengths {
		spans = append(spans, linalg.Span{QueryLo: q, QueryHi: q + l[0], KeyLo: k, KeyHi: k + l[1]})
		q, k = q+l[0], k+l[1]
	}
	return spans
}

var attentionCases = []struct {
	name           string
	heads, kv, dim int
	queries, keys  int
	spans          []linalg.Span
	shareKeys      bool
}{
	{name: "one token", heads: 1, kv: 1, dim: 8, queries: 1, keys: 1, spans: packed([2]int{1, 1})},
	{name: "no spans", heads: 2, kv: 2, dim: 8, queries: 3, keys: 2},
	{name: "odd lengths", heads: 2, kv: 2, dim: 16, queries: 152, keys: 152, spans: packed([2]int{17, 17}, [2]int{1, 1}, [2]int{33, 33}, [2]int{100, 100}, [2]int{1, 1})},
	{name: "grouped queries", heads: 4, kv: 2, dim: 32, queries: 46, keys: 46, spans: packed([2]int{13, 13}, [2]int{33, 33})},
	{name: "long", heads: 1, kv: 1, dim: 64, queries: 129, keys: 129, spans: packed([2]int{129, 129})},
	{name: "width 80", heads: 2, kv: 1, dim: 80, queries: 35, keys: 35, spans: packed([2]int{35, 35})},
	{name: "width 128", heads: 1, kv: 1, dim: 128, queries: 70, keys: 70, spans: packed([2]int{70, 70})},
	{name: "more keys than queries", heads: 2, kv: 1, dim: 8, queries: 39, keys: 300, spans: packed([2]int{35, 129}, [2]int{1, 65}, [2]int{3, 106})},
	{name: "more queries than keys", heads: 1, kv: 1, dim: 8, queries: 137, keys: 42, spans: packed([2]int{65, 2}, [2]int{72, 40})},
	{name: "empty spans", heads: 2, kv: 1, dim: 8, queries: 8, keys: 9, spans: packed([2]int{0, 3}, [2]int{2, 0}, [2]int{0, 0}, [2]int{6, 6})},
	{name: "rows left out", heads: 2, kv: 2, dim: 8, queries: 20, keys: 25, spans: []linalg.Span{
		{QueryLo: 12, QueryHi: 17, KeyLo: 3, KeyHi: 8}, {QueryLo: 2, QueryHi: 9, KeyLo: 15, KeyHi: 22},
	}},
	{name: "beams", heads: 2, kv: 2, dim: 8, queries: 12, keys: 20, shareKeys: true, spans: []linalg.Span{
		{QueryLo: 0, QueryHi: 3, KeyLo: 0, KeyHi: 11}, {QueryLo: 3, QueryHi: 6, KeyLo: 0, KeyHi: 11}, {QueryLo: 6, QueryHi: 12, KeyLo: 11, KeyHi: 20},
	}},
	{name: "width 3", heads: 2, kv: 1, dim: 3, queries: 9, keys: 9, spans: packed([2]int{9, 9})},
	{name: "width 160", heads: 1, kv: 1, dim: 160, queries: 5, keys: 7, spans: packed([2]int{5, 7})},
	{name: "width 256", heads: 1, kv: 1, dim: 256, queries: 33, keys: 33, spans: packed([2]int{33, 33})},
}

func TestAttention(t *testing.T) {
	for _, f := range families {
		for _, c := range attentionCases {
			if !f.takes(c.dim) {
				continue
			}
			for _, causal := range []bool{false, true} {
				t.Run(fmt.Sprintf("%s/%s/causal %v", f.name, c.name, causal), func(t *testing.T) {
					a := linalg.Attention{Heads: c.heads, KVHeads: c.kv, Dim: c.dim, Scale: float32(1 / math.Sqrt(float64(c.dim))), Causal: causal, Spans: c.spans}
					newProblem(f, a, c.queries, c.keys, 1).check(t, c.queries*c.heads > 100, c.shareKeys)
				})
			}
		}
	}
}

// TestAttentionNotFinite wants NaN in the results of the queries that see it, and in no others.
func TestAttentionNotFinite(t *testing.T) {
	for _, f := range families {
		for _, dim := range []int{8, 72} { // kernels for widths to 64 and to 128
			a := linalg.Attention{Heads: 2, KVHeads: 1, Dim: dim, Scale: 0.2, Causal: true, Spans: packed([2]int{5, 5}, [2]int{90, 90}, [2]int{3, 3})}
			for name, in := range map[string]func(p *problem) []float64{
				"query":    func(p *problem) []float64 { return p.q[20*2*dim+4:] },
				"key":      func(p *problem) []float64 { return p.k[75*dim+2:] },
				"value":    func(p *problem) []float64 { return p.v[40*dim+7:] },
				"gradient": func(p *problem) []float64 { return p.g[30*2*dim:] },
			} {
				t.Run(fmt.Sprintf("%s/%s/width %d", f.name, name, dim), func(t *testing.T) {
					p := newProblem(f, a, 98, 98, 2)
					in(p)[0] = math.NaN()
					p.check(t, true, false)
				})
			}
		}
	}
}

// TestAttentionIndependence wants the bits that a sequence has among others when it is alone;
// and those that a query has among others when it is asked alone.
func TestAttentionIndependence(t *testing.T) {
	for _, f := range families {
		for _, causal := range []bool{false, true} {
			t.Run(fmt.Sprintf("%s/causal %v", f.name, causal), func(t *testing.T) {
				a := linalg.Attention{Heads: 2, KVHeads: 1, Dim: 8, Scale: 0.35, Causal: causal, Spans: packed([2]int{40, 40}, [2]int{70, 150}, [2]int{5, 2})}
				p := newProblem(f, a, 115, 192, 3)
				whole := p.results(t)
				for _, s := range a.Spans {
					for i, got := range p.alone(s.QueryLo, s.QueryHi, s.KeyLo, s.KeyHi).results(t) {
						lo, hi, of := s.QueryLo, s.QueryHi, p.queries
						if i > 2 {
							lo, hi, of = s.KeyLo, s.KeyHi, p.keys
						}
						each := len(whole[i]) / of
						if !slices.Equal(got, whole[i][lo*each:hi*each]) {
							t.Fatalf("output %d of span %+v alone differs", i, s)
						}
					}
				}
				for _, q := range []int{0, 33, 41, 75, 109} {
					s := a.Spans[min(q/40, 1)]
					last := s.KeyHi
					if causal {
						last -= s.QueryHi - 1 - q
					}
					for i, got := range p.alone(q, q+1, s.KeyLo, last).results(t)[:3] {
						each := len(whole[i]) / p.queries
						if !slices.Equal(got, whole[i][q*each:(q+1)*each]) {
							t.Fatalf("output %d of query %d alone differs", i, q)
						}
					}
				}
			})
		}
	}
}

// results returns y, lse, dq, dk and dv in float64, in which all their values are exact.
func (p *problem) results(t *testing.T) [][]float64 {
	t.Helper()
	y, lse := p.forward(t, true)
	dq, dk, dv := p.backward(t, true, y, lse)
	wide := make([]float64, len(lse))
	for i, v := range lse {
		wide[i] = float64(v)
	}
	return [][]float64{p.f.values(y), wide, p.f.values(dq), p.f.values(dk), p.f.values(dv)}
}

// alone returns the problem of some queries and keys, and nothing else.
func (p *problem) alone(queryLo, queryHi, keyLo, keyHi int) *problem {
	width, narrow := p.a.Heads*p.a.Dim, p.a.KVHeads*p.a.Dim
	part := &problem{a: p.a, f: p.f, queries: queryHi - queryLo, keys: keyHi - keyLo}
	part.a.Spans = packed([2]int{part.queries, part.keys})
	part.q, part.g = p.q[queryLo*width:queryHi*width], p.g[queryLo*width:queryHi*width]
	part.k, part.v = p.k[keyLo*narrow:keyHi*narrow], p.v[keyLo*narrow:keyHi*narrow]
	return part
}
