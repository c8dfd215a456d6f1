package gguf

import (
	"fmt"
	"regexp"
	"strings"

	"github.com/gradientlearning/cola/adapter"
	"github.com/gradientlearning/cola/linalg"
)

// Model is what of a base model decides about names and order.
type Model struct {
	// Architecture is llama.cpp's: "llama", which Mistral's models are too, or "gpt2".
	Architecture string
	// Heads and KVHeads are the numbers of query and of key heads of a llama. Unused by gpt2.
	Heads, KVHeads int
}

// blocks matches layers of a block; weights and tables are the names there and beside them.
var (
	blocks  = map[string]*regexp.Regexp{"llama": regexp.MustCompile(`^model\.layers\.(\d+)\.(.+)$`), "gpt2": regexp.MustCompile(`^transformer\.h\.(\d+)\.(.+)$`)}
	weights = map[string]map[string]string{
		"llama": {
			"self_attn.q_proj": "attn_q", "self_attn.k_proj": "attn_k", "self_attn.v_proj": "attn_v", "self_attn.o_proj": "attn_output",
			"mlp.gate_proj": "ffn_gate", "mlp.up_proj": "ffn_up", "mlp.down_proj": "ffn_down",
		},
		"gpt2": {"attn.c_attn": "attn_qkv", "attn.c_proj": "attn_output", "mlp.c_fc": "ffn_up", "mlp.c_proj": "ffn_down"},
	}
	tables = map[string]map[string]string{
		"llama": {"model.embed_tokens": "token_embd", "lm_head": "output"},
		"gpt2":  {"transformer.wte": "token_embd"},
	}
)

// check says what is wrong with a model.
func (m Model) check() error {
	if weights[m.Architecture] == nil {
		return fmt.Errorf("architecture %q: llama.cpp's adapters are written for llama and gpt2", m.Architecture)
	}
	if m.Architecture == "llama" && (m.Heads < 1 || m.KVHeads < 1) {
		return fmt.Errorf("a llama with %d heads and %d key heads", m.Heads, m.KVHeads)
	}
	return nil
}

// tensor returns llama.cpp's name of a site's weight, and whether it has one.
func (m Model) tensor(site adapter.Site) (string, bool) {
	if site.Head || site.Kind == adapter.SiteConv2D {
		return "", false
	}
	if name, ok := tables[m.Architecture][site.Name]; ok {
		return name + ".weight", (name == "token_embd") == (site.Kind == adapter.SiteEmbedding)
	}
	match := blocks[m.Architecture].FindStringSubmatch(site.Name)
	if match == nil || site.Kind != adapter.SiteLinear {
		return "", false
	}
	name, ok := weights[m.Architecture][match[2]]
	return "blk." + match[1] + "." + name + ".weight", ok
}

// heads returns the number of heads by which llama.cpp permutes the rows of a site's weight,
// 0 where it does not.
func (m Model) heads(site adapter.Site) int {
	switch {
	case m.Architecture != "llama":
		return 0
	case strings.HasSuffix(site.Name, ".self_attn.q_proj"):
		return m.Heads
	case strings.HasSuffix(site.Name, ".self_attn.k_proj"):
		return m.KVHeads
	}
	return 0
}

// permuted returns b with the rows of each head in llama.cpp's order, where row 2i+h of a
// head is row h·d/2+i of the one here, d rows a head; back is the way back.
func permuted(b *linalg.Tensor, heads int, back bool) (*linalg.Tensor, error) {
	if heads == 0 {
		return b, nil
	}
	rows, cols := b.Rows(), b.Cols()
	if rows%(2*heads) != 0 {
		return nil, fmt.Errorf("%d rows are no %d heads of an even size", rows, heads)
	}
	out, half := linalg.New(linalg.F32, rows, cols), rows/heads/2
	for head := range heads {
		for h := range 2 {
			for i := range half {
				here, there := (head*2+h)*half+i, head*2*half+2*i+h
				if back {
					here, there = there, here
				}
				copy(out.F32()[there*cols:(there+1)*cols], b.F32()[here*cols:(here+1)*cols])
			}
		}
	}
	return out, nil
}

// transposed returns tᵀ.
func transposed(t *linalg.Tensor) *linalg.Tensor {
	out := linalg.New(linalg.F32, t.Cols(), t.Rows())
	for i := range t.Rows() {
		for j := range t.Cols() {
			out.F32()[j*t.Rows()+i] = t.F32()[i*t.Cols()+j]
		}
	}
	return out
}
