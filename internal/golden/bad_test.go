package golden_test

import (
	"encoding/binary"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/gradientlearning/cola/internal/golden"
	"github.com/gradientlearning/cola/linalg"
	"github.com/gradientlearning/cola/linalg/safetensors"
)

// copied is a copy of a golden folder, and its tensors by name.
func copied(t *testing.T, name string) (dir string, tensors map[string]linalg.Blob) {
	t.Helper()
	dir = t.TempDir()
	if err := os.CopyFS(dir, os.DirFS(filepath.Join(folders, name))); err != nil {
		t.Fatal(err)
	}
	f, err := safetensors.Open(filepath.Join(dir, "golden.safetensors"))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close() //nolint:errcheck // it is read only
	tensors = map[string]linalg.Blob{}
	for _, n := range f.Names() {
		if tensors[n], err = f.Tensor(n); err != nil {
			t.Fatal(err)
		}
	}
	return dir, tensors
}

func replace(t *testing.T, dir string, tensors map[string]linalg.Blob) {
	t.Helper()
	var blobs []linalg.Blob
	for _, b := range tensors {
		blobs = append(blobs, b)
	}
	if err := safetensors.WriteFile(filepath.Join(dir, "golden.safetensors"), blobs, nil); err != nil {
		t.Fatal(err)
	}
}

// writeJSON replaces a copy's golden.json.
func writeJSON(t *testing.T, dir, text string) {
	t.Helper()
	if err := os.WriteFile(filepath.Join(dir, "golden.json"), []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}

// What does not fit is said, with the tensor's name.
func TestBadFolders(t *testing.T) {
	for _, c := range []struct {
		folder, want string
		change       func(t *testing.T, dir string, tensors map[string]linalg.Blob)
	}{
		{"gpt2", `"input_ids" is missing`, func(_ *testing.T, _ string, x map[string]linalg.Blob) { delete(x, "input_ids") }},
		{"gpt2", `"labels" is missing`, func(_ *testing.T, _ string, x map[string]linalg.Blob) { delete(x, "labels") }},
		{"gpt2", `"loss" of floating-point`, func(_ *testing.T, _ string, x map[string]linalg.Blob) { delete(x, "loss") }},
		{"gpt2", `"attention_mask" is [1 2]`, func(_ *testing.T, _ string, x map[string]linalg.Blob) {
			x["attention_mask"] = linalg.New(linalg.I32, 1, 2).Blob("attention_mask")
		}},
		{"gpt2", "text 0 has no token", func(_ *testing.T, _ string, x map[string]linalg.Blob) {
			x["attention_mask"] = linalg.New(linalg.I32, 3, 7).Blob("attention_mask")
		}},
		{"gpt2", "give integers", func(_ *testing.T, _ string, x map[string]linalg.Blob) {
			x["input_ids"] = linalg.New(linalg.F32, 3, 7).Blob("input_ids")
		}},
		{"gpt2", `"x.transformer.h.0.attn.c_attn" is [1 1]`, func(_ *testing.T, _ string, x map[string]linalg.Blob) {
			x["x.transformer.h.0.attn.c_attn"] = linalg.New(linalg.F32, 1, 1).Blob("x.transformer.h.0.attn.c_attn")
		}},
		{"gpt2", `"lora_B.transformer.h.0.attn.c_attn" is missing`, func(_ *testing.T, _ string, x map[string]linalg.Blob) {
			delete(x, "lora_B.transformer.h.0.attn.c_attn")
		}},
		{"gpt2", "is no layer of this gpt2", func(_ *testing.T, _ string, x map[string]linalg.Blob) {
			x["x.q_proj"] = linalg.New(linalg.F32, 3, 7, 2).Blob("x.q_proj")
		}},
		{"gpt2", `"logits" is [2 2]`, func(_ *testing.T, _ string, x map[string]linalg.Blob) {
			x["logits"] = linalg.New(linalg.F32, 2, 2).Blob("logits")
		}},
		{"gpt2", `"loss" is [2]: give one number`, func(_ *testing.T, _ string, x map[string]linalg.Blob) {
			x["loss"] = linalg.New(linalg.F32, 2).Blob("loss")
		}},
		{"gpt2", `"g.transformer.h.0.attn.c_attn" is [3 7 0]: it holds nothing`, func(_ *testing.T, _ string, x map[string]linalg.Blob) {
			x["g.transformer.h.0.attn.c_attn"] = linalg.Blob{Name: "g.transformer.h.0.attn.c_attn", DType: linalg.F32, Shape: []int{3, 7, 0}}
		}},
		{"gpt2", `"x.transformer.h.0.attn.c_attn" is of i32, cola has f32`, func(_ *testing.T, _ string, x map[string]linalg.Blob) {
			x["x.transformer.h.0.attn.c_attn"] = linalg.New(linalg.I32, 3, 7).Blob("x.transformer.h.0.attn.c_attn")
		}},
		{"gpt2", `"x.transformer.h.0.attn.c_attn" holds a number that is not finite`, func(_ *testing.T, _ string, x map[string]linalg.Blob) {
			v := linalg.New(linalg.F32, 3, 7, 12)
			v.F32()[0] = float32(math.NaN())
			x["x.transformer.h.0.attn.c_attn"] = v.Blob("x.transformer.h.0.attn.c_attn")
		}},
		{"gpt2-embeddings", `"x.transformer.wte" is [7 3]`, func(_ *testing.T, _ string, x map[string]linalg.Blob) {
			x["x.transformer.wte"] = linalg.New(linalg.I32, 7, 3).Blob("x.transformer.wte")
		}},
		{"gpt2", `"lora_A.transformer.h.1.attn.c_attn" is missing: A and B belong together`, func(_ *testing.T, _ string, x map[string]linalg.Blob) {
			delete(x, "lora_A.transformer.h.1.attn.c_attn")
		}},
		{"gpt2", `"lora_A.transformer.h.1.attn.c_attn" is i32`, func(_ *testing.T, _ string, x map[string]linalg.Blob) {
			x["lora_A.transformer.h.1.attn.c_attn"] = linalg.New(linalg.I32, 3, 12).Blob("lora_A.transformer.h.1.attn.c_attn")
		}},
		{"gpt2", "the rank in golden.json is 3", func(_ *testing.T, _ string, x map[string]linalg.Blob) {
			x["lora_A.transformer.h.1.attn.c_attn"] = linalg.New(linalg.F32, 4, 12).Blob("lora_A.transformer.h.1.attn.c_attn")
		}},
		{"gpt2", "rank = 3, alpha = 0", func(t *testing.T, dir string, _ map[string]linalg.Blob) {
			writeJSON(t, dir, `{"task":"causal-lm","rank":3}`)
		}},
		{"gpt2", "steps = 0", func(t *testing.T, dir string, _ map[string]linalg.Blob) {
			writeJSON(t, dir, `{"task":"causal-lm","rank":3,"alpha":6,"optimizer":{"name":"adamw","lr":0.1}}`)
		}},
		{"gpt2", `optimizer in golden.json: `, func(t *testing.T, dir string, _ map[string]linalg.Blob) {
			writeJSON(t, dir, `{"task":"causal-lm","rank":3,"alpha":6,"optimizer":{"name":"lion","lr":0.1,"steps":1}}`)
		}},
		{"bart", "give a target to each of the 3 texts", func(_ *testing.T, _ string, x map[string]linalg.Blob) {
			x["labels"] = linalg.New(linalg.I32, 2, 6).Blob("labels")
			delete(x, "decoder_input_ids")
		}},
		{"bart", `"decoder_input_ids" is [3 5]`, func(_ *testing.T, _ string, x map[string]linalg.Blob) {
			x["decoder_input_ids"] = linalg.New(linalg.I32, 3, 5).Blob("decoder_input_ids")
		}},
		{"gpt2-left-odd", "padded on the left and its first token has a label", func(_ *testing.T, _ string, x map[string]linalg.Blob) {
			x["labels"] = linalg.New(linalg.I32, 3, 6).Blob("labels")
		}},
		{"bert", "give one to each of the 3 texts", func(_ *testing.T, _ string, x map[string]linalg.Blob) {
			x["labels"] = linalg.New(linalg.I32, 2).Blob("labels")
		}},
		{"bart", "target 0 has no label", func(_ *testing.T, _ string, x map[string]linalg.Blob) {
			labels := linalg.New(linalg.I32, 3, 6)
			for i := range labels.I32() {
				labels.I32()[i] = -100
			}
			x["labels"] = labels.Blob("labels")
		}},
		{"gpt2", "use causal-lm", func(t *testing.T, dir string, _ map[string]linalg.Blob) {
			writeJSON(t, dir, `{"task":"image"}`)
		}},
		{"gpt2", "golden.json", func(t *testing.T, dir string, _ map[string]linalg.Blob) {
			writeJSON(t, dir, `{`)
		}},
	} {
		dir, tensors := copied(t, c.folder)
		c.change(t, dir, tensors)
		replace(t, dir, tensors)
		f, err := golden.Read(dir)
		if err == nil {
			_, err = golden.Compare(linalg.NewCPU(), f)
		}
		if err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("error %v, want %q", err, c.want)
		}
	}
	if _, err := golden.Read(t.TempDir()); err == nil {
		t.Error("an empty folder was read")
	}
}

// Numbers that are off are seen.
func TestWrongNumbers(t *testing.T) {
	dir, tensors := copied(t, "llama")
	name := "g.model.layers.0.self_attn.v_proj"
	bits := binary.LittleEndian.Uint32(tensors[name].Data)
	binary.LittleEndian.PutUint32(tensors[name].Data, bits^1<<30)
	replace(t, dir, tensors)
	f, err := golden.Read(dir)
	if err != nil {
		t.Fatal(err)
	}
	report, err := golden.Compare(linalg.NewCPU(), f)
	if err != nil {
		t.Fatal(err)
	}
	if worst, _ := report.Worst("g"); worst.Tensor != name || !(worst.Error > 0.5) {
		t.Errorf("the worst g is %+v", worst)
	}
}

// FuzzRead reads golden.safetensors of any content.
func FuzzRead(f *testing.F) {
	f.Add([]byte("\x02\x00\x00\x00\x00\x00\x00\x00{}"))
	f.Fuzz(func(t *testing.T, content []byte) {
		dir := t.TempDir()
		for name, text := range map[string][]byte{"golden.json": []byte(`{"task":"causal-lm","rank":1,"alpha":1}`), "golden.safetensors": content} {
			if err := os.WriteFile(filepath.Join(dir, name), text, 0o600); err != nil {
				t.Fatal(err)
			}
		}
		if folder, err := golden.Read(dir); err == nil {
			folder.Batch()
		}
	})
}
