package model

import (
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strconv"

	"github.com/gradientlearning/cola/linalg"
)

// The header of a llama2.c file: seven i32, little-endian. A negative vocabulary says that
// the head has a weight of its own. The weights follow as f32, one kind of tensor for all
// layers at a time, then cosines and sines of the positions, which are computed here.
type llama2cHeader struct {
	Width, Inner, Layers, Heads, KeyHeads, Vocabulary, Context int32
}

const llama2cHeaderBytes = 28

// readLlama2cHeader reads a header and says whether it can be one.
func readLlama2cHeader(r io.Reader, path string) (llama2cHeader, error) {
	var h llama2cHeader
	if err := binary.Read(r, binary.LittleEndian, &h); err != nil {
		return h, fmt.Errorf("%s is no llama2.c file: its header: %w", path, err)
	}
	sizes := []int32{h.Width, h.Inner, h.Layers, h.Heads, h.KeyHeads, h.Context}
	if slices.Min(sizes) < 1 || slices.Max(sizes) > maxWidth || h.Vocabulary == 0 || h.Layers > maxLayers || h.Width%h.Heads != 0 {
		return h, fmt.Errorf("%s is no llama2.c file: its header says %+v", path, h)
	}
	return h, nil
}

// llama2cConfig is the configuration that a file's header stands for.
func llama2cConfig(path string) (*fields, error) {
	file, err := os.Open(path)
	if err != nil {
		return nil, fmt.Errorf("the base model: %w", err)
	}
	h, err := readLlama2cHeader(file, path)
	if err = errors.Join(err, file.Close()); err != nil {
		return nil, err
	}
	number := func(n int32) json.Number { return json.Number(strconv.Itoa(int(n))) }
	return &fields{path: path, asked: map[string]bool{}, values: map[string]any{
		"model_type": "llama", "hidden_size": number(h.Width), "intermediate_size": number(h.Inner),
		"num_hidden_layers": number(h.Layers), "num_attention_heads": number(h.Heads), "num_key_value_heads": number(h.KeyHeads),
		"vocab_size": number(max(h.Vocabulary, -h.Vocabulary)), "max_position_embeddings": number(h.Context),
		"rms_norm_eps": json.Number("1e-5"), "tie_word_embeddings": h.Vocabulary > 0,
	}}, nil
}

// ConfigFile returns the config.json of a model of text: its own, or the one that the header
// of a llama2.c file stands for.
func (b *Base) ConfigFile() ([]byte, error) {
	if filepath.Ext(b.config.Path) != ".bin" {
		return os.ReadFile(filepath.Join(b.config.Path, "config.json"))
	}
	f, err := llama2cConfig(b.config.Path)
	if err != nil {
		return nil, err
	}
	f.values["architectures"] = []string{"LlamaForCausalLM"}
	return json.MarshalIndent(f.values, "", "  ")
}

// loadLlama2c fills a Llama's parameters from a file.
func loadLlama2c(n network, list []parameter, path string) (err error) {
	m := n.(*llama)
	content, err := os.ReadFile(path)
	if err != nil {
		return fmt.Errorf("the base model's weights: %w", err)
	}
	values, err := llama2cFloats(content, list, m, path)
	if err != nil {
		return err
	}
	take := func(p **linalg.Tensor) {
		t := linalg.FromF32(values[:(*p).Len()], (*p).Shape()...)
		values = values[t.Len():]
		*p = t
	}
	each := func(tensor func(b *llamaBlock) **linalg.Tensor) {
		for _, b := range m.Blocks {
			take(tensor(b))
		}
	}
	take(&m.Tokens.Weight)
	each(func(b *llamaBlock) **linalg.Tensor { return &b.Norm1.Weight })
	each(func(b *llamaBlock) **linalg.Tensor { return &b.Query.Weight })
	each(func(b *llamaBlock) **linalg.Tensor { return &b.Key.Weight })
	each(func(b *llamaBlock) **linalg.Tensor { return &b.Value.Weight })
	each(func(b *llamaBlock) **linalg.Tensor { return &b.Output.Weight })
	each(func(b *llamaBlock) **linalg.Tensor { return &b.Norm2.Weight })
	each(func(b *llamaBlock) **linalg.Tensor { return &b.Gate.Weight })
	each(func(b *llamaBlock) **linalg.Tensor { return &b.Down.Weight })
	each(func(b *llamaBlock) **linalg.Tensor { return &b.Up.Weight })
	take(&m.Final.Weight)
	values = values[m.context*m.Blocks[0].heads.width:]
	if m.LMHead != nil && !m.LMHead.tied {
		take(&m.LMHead.Weight)
	}
	for _, b := range m.Blocks {
		b.Query.Weight = halves(b.Query.Weight, b.heads.width)
		b.Key.Weight = halves(b.Key.Weight, b.heads.width)
	}
	for _, p := range list {
		if err := checkFinite(p.name, *p.value); err != nil {
			return fmt.Errorf("%s: %w", path, err)
		}
	}
	return nil
}

// llama2cFloats returns the file's numbers behind the header, of which there must be as
// many as the model takes.
func llama2cFloats(content []byte, list []parameter, m *llama, path string) ([]float32, error) {
	if m.Score != nil {
		return nil, fmt.Errorf("%s is a language model: task = %q needs a model with a head for classes", path, sequenceClassification)
	}
	want := m.context * m.Blocks[0].heads.width
	for _, p := range list {
		want += (*p.value).Len()
	}
	if got := len(content) - llama2cHeaderBytes; got != 4*want {
		return nil, fmt.Errorf("%s has %d bytes of weights, its header says %d: download it again", path, got, 4*want)
	}
	t := linalg.New(linalg.F32, want)
	linalg.SetBytes(t, content[llama2cHeaderBytes:])
	return t.F32(), nil
}

// halves reorders the rows of each head from neighbouring pairs, which llama2.c rotates, to
// pairs (j, j + width/2), which are rotated here.
func halves(w *linalg.Tensor, width int) *linalg.Tensor {
	out := linalg.New(linalg.F32, w.Shape()...)
	for i := range w.Rows() {
		head, j := i/width*width, i%width
		to := head + j/2
		if j%2 == 1 {
			to += width / 2
		}
		copy(out.RowRange(to, to+1).F32(), w.RowRange(i, i+1).F32())
	}
	return out
}
