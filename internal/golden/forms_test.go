package golden_test

import (
	"encoding/binary"
	"slices"
	"strings"
	"testing"

	"github.com/gradientlearning/cola/internal/golden"
	"github.com/gradientlearning/cola/linalg"
)

// compared changes a copy of a folder and compares it.
func compared(t *testing.T, folder string, change func(tensors map[string]linalg.Blob)) *golden.Report {
	t.Helper()
	dir, tensors := copied(t, folder)
	change(tensors)
	replace(t, dir, tensors)
	f, err := golden.Read(dir)
	if err != nil {
		t.Fatal(err)
	}
	report, err := golden.Compare(linalg.NewCPU(), f)
	if err != nil {
		t.Fatal(err)
	}
	return report
}

// worst is the largest error of all.
func worst(r *golden.Report) (row golden.Row) {
	for _, one := range r.Rows {
		if one.Error >= row.Error {
			row = one
		}
	}
	return row
}

// What may be left out, and other forms of the same, change nothing.
func TestOtherForms(t *testing.T) {
	for name, c := range map[string]struct {
		folder string
		change func(x map[string]linalg.Blob)
	}{
		"no decoder_input_ids": {"bart", func(x map[string]linalg.Blob) { delete(x, "decoder_input_ids") }},
		"labels in a column": {"bert", func(x map[string]linalg.Blob) {
			b := x["labels"]
			b.Shape = append(slices.Clone(b.Shape), 1)
			x["labels"] = b
		}},
		"g without x": {"gpt2", func(x map[string]linalg.Blob) {
			for name := range x {
				if strings.HasPrefix(name, "x.") || strings.HasPrefix(name, "grad_") || strings.HasPrefix(name, "trained_") {
					delete(x, name)
				}
			}
		}},
	} {
		r := compared(t, c.folder, c.change)
		if w := worst(r); !(w.Error < 1e-4) || len(r.Ignored) > 0 {
			t.Errorf("%s: %s is off by %.2g; not compared: %v", name, w.Tensor, w.Error, r.Ignored)
		}
		if _, ok := r.Worst("g"); !ok {
			t.Errorf("%s: no g was compared", name)
		}
	}
}

// Adapters take part wherever they are: at heads and embeddings too.
func TestEveryAdapterTakesPart(t *testing.T) {
	for folder, site := range map[string]string{
		"bert-head-adapter": "classifier", "gpt2-embeddings": "transformer.wpe", "llama-embedding-head": "lm_head", "gpt2": "transformer.h.1.attn.c_attn",
	} {
		r := compared(t, folder, func(x map[string]linalg.Blob) {
			b := x["lora_B."+site]
			b.Data = make([]byte, len(b.Data))
			x["lora_B."+site] = b
		})
		if w, _ := r.Worst("logits"); !(w.Error > 1e-3) {
			t.Errorf("%s: without the adapter at %s the logits are off by %.2g", folder, site, w.Error)
		}
	}
}

// A tensor that nothing compares is named.
func TestIgnored(t *testing.T) {
	extra := "trained_lora_A.transformer.h.9.attn.c_attn"
	r := compared(t, "gpt2", func(x map[string]linalg.Blob) {
		x[extra] = linalg.New(linalg.F32, 2).Blob(extra)
		x["token_type_ids"] = linalg.New(linalg.I32, 3, 7).Blob("token_type_ids")
	})
	if want := []string{"token_type_ids", extra}; !slices.Equal(r.Ignored, want) {
		t.Errorf("not compared: %v, want %v", r.Ignored, want)
	}
}

// Notes say what in a folder nobody can repeat without padding.
func TestNotes(t *testing.T) {
	for _, c := range []struct {
		folder, want string
		change       func(x map[string]linalg.Blob)
	}{
		{"gpt2", "", func(map[string]linalg.Blob) {}},
		{"bart", "", func(map[string]linalg.Blob) {}},
		{"gpt2-left-odd", "padding stands before tokens", func(map[string]linalg.Blob) {}},
		{"bert-masked", "labels at padding", func(x map[string]linalg.Blob) {
			data := x["labels"].Data // text 1 has 4 of 7 tokens
			binary.LittleEndian.PutUint32(data[4*(7+6):], 5)
		}},
		{"llama", "the gradient of lora_B.model.layers.1.self_attn.q_proj is all zeros", func(x map[string]linalg.Blob) {
			const name = "grad_lora_B.model.layers.1.self_attn.q_proj"
			zeros := linalg.New(linalg.F32, x[name].Shape...)
			x[name] = zeros.Blob(name)
		}},
	} {
		got := strings.Join(compared(t, c.folder, c.change).Notes, "; ")
		if !strings.HasPrefix(got, c.want) || (c.want == "") != (got == "") {
			t.Errorf("%s: notes %q, want %q", c.folder, got, c.want)
		}
	}
}
