package kernels

import (
	"cmp"
	"slices"
	"strconv"
)

// Attention says which kernels compute an attention of heads of one type and width.
type Attention struct {
	Type   string // f32 or bf16
	Dim    int
	Tensor bool // by tensor cores
}

// Span is one sequence, and means what that of package linalg does.
type Span struct{ QueryLo, QueryHi, KeyLo, KeyHi int }

// A block of threads has AttentionThreads, and is told what it works on by AttentionBlock numbers.
const (
	AttentionThreads = 128
	AttentionBlock   = 6
)

// ForAttention chooses the fastest. steps are the distances in elements from the beginning of
// tensors to the first columns of queries, keys and values, and from row to row: panels of tensor
// cores are fetched eight elements at a time.
func ForAttention(dtype string, dim int, steps ...int) Attention {
	tensor := dtype == "bf16" && dim%8 == 0 && dim <= 128
	for _, step := range steps {
		tensor = tensor && step%8 == 0
	}
	return Attention{Type: dtype, Dim: dim, Tensor: tensor}
}

// Kernel returns the name of the forward kernel (""), or of that for "dq" or "dkv"; how many blocks
// share a row, which is grid z; and the bytes of dynamic shared memory, of which the files say what
// is in them.
func (a Attention) Kernel(step string) (name string, parts, shared int) {
	width := 64
	if a.Dim > 64 {
		width = 128
	}
	name = "cola_attention"
	if a.Tensor {
		name += "_tensor"
	}
	if step != "" {
		name += "_" + step
	}
	name += "_" + strconv.Itoa(width)
	if !a.Tensor {
		return name + "_" + a.Type, (a.Dim + width - 1) / width, 0
	}
	row, tile := 2*width, tileRows
	if width == 64 && step != "dkv" {
		tile = 64
	}
	switch step {
	case "dq":
		shared = (2*64 + 4*tile) * row
	case "dkv":
		shared = (2*64+4*tile)*row + 4*tile*4
	default:
		shared = (64 + 2*tile) * row
	}
	return name, 1, shared
}

// tileRows is how many queries are multiplied at once for keys' gradients, of which a whole number of
// times may be left out.
const tileRows = 32

// rows returns how many queries, or keys, a block has of its own.
func (a Attention) rows() int {
	if a.Tensor {
		return 64
	}
	return 32
}

// block is what attention.h calls so: some queries and some keys of one span, of which
// query r sees key c if c < first + r·step.
type block struct{ query, queries, key, keys, first, step int }

// QueryBlocks lists the blocks of the kernels that have queries of their own, forward and for dq,
// with the keys that any of these sees.
func (a Attention) QueryBlocks(causal bool, spans []Span) []int32 {
	size, blocks := a.rows(), []block(nil)
	for _, s := range spans {
		first, step := sight(causal, s)
		for lo := 0; lo < s.QueryHi-s.QueryLo; lo += size {
			b := block{query: s.QueryLo + lo, queries: min(size, s.QueryHi-s.QueryLo-lo), key: s.KeyLo, first: first + lo*step, step: step}
			b.keys = max(0, b.first+(b.queries-1)*step)
			blocks = append(blocks, b)
		}
	}
	return list(blocks)
}

// KeyBlocks lists the blocks of the kernels that have keys of their own, for dk and dv, with the
// queries from the first tile on in which one sees a key.
func (a Attention) KeyBlocks(causal bool, spans []Span) []int32 {
	size, blocks := a.rows(), []block(nil)
	for _, s := range spans {
		first, step := sight(causal, s)
		for lo := 0; lo < s.KeyHi-s.KeyLo; lo += size {
			skip := max(0, (lo+1-first)*step) / tileRows * tileRows
			if s.QueryLo+skip >= s.QueryHi {
				continue
			}
			blocks = append(blocks, block{
				query: s.QueryLo + skip, queries: s.QueryHi - s.QueryLo - skip,
				key: s.KeyLo + lo, keys: min(size, s.KeyHi-s.KeyLo-lo), first: first + skip*step - lo, step: step,
			})
		}
	}
	return list(blocks)
}

// sight returns how many keys a span's first query sees, negative where some after it see
// none either, and how many more each of the others does.
func sight(causal bool, s Span) (first, step int) {
	keys := s.KeyHi - s.KeyLo
	if causal {
		return keys - (s.QueryHi - s.QueryLo) + 1, 1
	}
	return keys, 0
}

// list writes blocks as the kernels read them. Those with most work come first, so that the
// last ones to be begun are short.
func list(blocks []block) []int32 {
	slices.SortStableFunc(blocks, func(a, b block) int { return cmp.Compare(b.queries*b.keys, a.queries*a.keys) })
	words := make([]int32, 0, AttentionBlock*len(blocks))
	for _, b := range blocks {
		for _, v := range []int{b.query, b.queries, b.key, b.keys, b.first, b.step} {
			words = append(words, int32(v))
		}
	}
	return words
}
