package model_test

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"

	"github.com/gradientlearning/cola/linalg"
	"github.com/gradientlearning/cola/linalg/safetensors"
	"github.com/gradientlearning/cola/model"
)

// A model mapped from its file, transposed or not and of any type, is to the bit the one whose
// numbers are on the heap: as loaded, merged, unmerged, saved and replicated, on the host and
// on a device with memory of its own.
func TestMappedIsOnTheHeap(t *testing.T) {
	for _, dtype := range []linalg.DType{linalg.F32, linalg.F16, linalg.BF16} {
		eachTiny(t, func(t *testing.T, c model.Config) {
			c.Targets = []string{"all-linear"}
			if c.Task == "seq-cls" { // then no head is tied to the table
				c.Targets = append(c.Targets, `re:.*(wte|word_embeddings|embed_tokens)`)
			}
			heap, random := newBase(t, c), c
			c = saved(t, c)
			var list []linalg.Blob
			byName := map[string]linalg.Blob{}
			for _, blob := range weightsOf(t, c) {
				blob = must[*linalg.Tensor](t)(blob.Tensor()).Convert(dtype).Blob(blob.Name)
				list, byName[blob.Name] = append(list, blob), blob
			}
			write(t, c, "model.safetensors", list)
			if err := heap.Load(byName); err != nil {
				t.Fatal(err)
			}
			mapped := newBase(t, c)
			far := must[*model.Base](t)(model.New(newFar(), c))
			all := map[string]*model.Base{
				"mapped": mapped, "mapped, far": far, "a replica": must[*model.Base](t)(mapped.Replica(linalg.NewCPU())),
			}
			if mapped.Bytes() >= newBase(t, random).Bytes() || mapped.Mapped() == 0 || heap.Mapped() != 0 {
				t.Errorf("%d bytes and %d mapped, on the heap %d and %d", mapped.Bytes(), mapped.Mapped(), heap.Bytes(), heap.Mapped())
			}
			batch := newTexts(heap, 2)
			update := deltas(t, heap, newAdapters(t, heap, "ada", kinds[1]))
			same := func(when string) {
				t.Helper()
				want := logits(t, heap, batch, model.Merged)
				for name, b := range all {
					if !sameBits(logits(t, b, batch, model.Merged), want) {
						t.Errorf("%v, %s, %s: the logits differ", dtype, name, when)
					}
				}
			}
			same("loaded")
			for _, b := range append([]*model.Base{heap}, mapped, far, all["a replica"]) {
				if err := b.Merge(update); err != nil {
					t.Fatal(err)
				}
			}
			same("merged")
			for _, b := range append([]*model.Base{heap}, mapped, far, all["a replica"]) {
				b.Unmerge()
			}
			same("unmerged")
			for what, save := range map[string]func(b *model.Base, path string) error{
				"pristine": (*model.Base).Save,
				"merged":   func(b *model.Base, path string) error { return b.SaveMerged(path, update) },
			} {
				want := file(t, heap, save)
				for name, b := range all {
					if !bytes.Equal(file(t, b, save), want) {
						t.Errorf("%v, %s: the %s file differs", dtype, name, what)
					}
				}
			}
			for _, p := range heap.Parameters() {
				if !sameBits(mapped.Parameter(p.Name), p.Value) {
					t.Errorf("%v: %s differs", dtype, p.Name)
				}
			}
		})
	}
}

// file returns the bytes of what save writes.
func file(t *testing.T, b *model.Base, save func(b *model.Base, path string) error) []byte {
	t.Helper()
	path := filepath.Join(t.TempDir(), "saved.safetensors")
	if err := save(b, path); err != nil {
		t.Fatal(err)
	}
	return must[[]byte](t)(os.ReadFile(path))
}

// What SaveMerged writes is the model with the update merged.
func TestSaveMerged(t *testing.T) {
	eachTiny(t, func(t *testing.T, c model.Config) {
		c = saved(t, c)
		b := newBase(t, c)
		batch := newTexts(b, 2)
		update := deltas(t, b, newAdapters(t, b, "ada", kinds[1]))
		if err := b.Merge(update); err != nil {
			t.Fatal(err)
		}
		want := logits(t, b, batch, model.Merged)
		path := filepath.Join(c.Path, "model.safetensors")
		if err := b.SaveMerged(path, update); err != nil { // over the file that it is mapped from
			t.Fatal(err)
		}
		if !sameBits(logits(t, newBase(t, c), batch, model.Merged), want) {
			t.Error("the saved model is not the merged one")
		}
		b.Unmerge()
		if err := b.Merge(update); err != nil || !sameBits(logits(t, b, batch, model.Merged), want) {
			t.Errorf("the model changed with the name of its file: %v", err)
		}
		if err := b.SaveMerged(path, update[1:]); err == nil || !strings.Contains(err.Error(), "deltas for") {
			t.Errorf("a delta too few: %v", err)
		}
	})
}

// drawn writes the weights that a model with random weights has, and returns the model of that
// file.
func drawn(t testing.TB, c model.Config, dtype linalg.DType) model.Config {
	t.Helper()
	f := must[*os.File](t)(os.Create(filepath.Join(c.Path, "model.safetensors")))
	if err := errors.Join(model.Draw(f, c, dtype), f.Close()); err != nil {
		t.Fatal(err)
	}
	c.Random = false
	return c
}

// What Draw writes is what a model with random weights has.
func TestDraw(t *testing.T) {
	eachTiny(t, func(t *testing.T, c model.Config) {
		want := values(newBase(t, c))
		for _, dtype := range []linalg.DType{linalg.F32, linalg.BF16} {
			got := values(newBase(t, drawn(t, c, dtype)))
			if len(got) != len(want) {
				t.Errorf("%d parameters, want %d", len(got), len(want))
			}
			for name, v := range want {
				if !sameBits(got[name], v.Convert(dtype).Convert(linalg.F32)) {
					t.Errorf("%s of %v differs", name, dtype)
				}
			}
		}
		full := errors.New("the disk is full")
		if err := model.Draw(failing{full}, c, linalg.F32); !errors.Is(err, full) {
			t.Errorf("error %v", err)
		}
	})
	if err := model.Draw(failing{}, small[0], linalg.F32); err == nil || !strings.Contains(err.Error(), "models of text") {
		t.Errorf("an image classifier: %v", err)
	}
}

type failing struct{ err error }

func (f failing) Write([]byte) (int, error) { return 0, f.err }

// While a model of files is loaded, merged and saved, the heap gets its working copy and one
// matrix at a time, whatever the layout and the type of the files.
func TestHeapOfMappedModels(t *testing.T) {
	if testing.Short() {
		t.Skip("the heap of other tests and the race detector would be counted")
	}
	const width, vocabulary = 256, 33000 // a table of more than 32 MB: it is looked up in pieces
	c := model.Config{Random: true, Targets: []string{"attn.c_attn"}, Path: folder(t,
		`{"model_type":"gpt2","vocab_size":33000,"n_positions":64,"n_embd":256,"n_layer":6,"n_head":4}`)}
	for _, dtype := range []linalg.DType{linalg.F32, linalg.F16} {
		c := drawn(t, c, dtype)
		const matrix = 4 * 4 * width * width // the largest in a block
		const table = 4 * vocabulary * width
		allocated, live := heapOf(t, func() any { return newBase(t, c) })
		b := newBase(t, c)
		most := b.Bytes() + 2*matrix
		if dtype != linalg.F32 {
			most += table // of the head, widened
		}
		if allocated > most+1<<20 || live > b.Bytes()+1<<20 {
			t.Errorf("%v: loading allocates %d bytes and leaves %d, of a model of %d", dtype, allocated, live, b.Bytes())
		}
		if want := int64(dtype.Size()) * (64*width + vocabulary*width + 6*12*width*width); b.Mapped() != want {
			t.Errorf("%v: %d bytes are mapped, want %d", dtype, b.Mapped(), want)
		}
		update := deltas(t, b, newAdapters(t, b, "ada", kinds[0]))
		allocated, live = heapOf(t, func() any {
			if err := b.Merge(update); err != nil {
				t.Fatal(err)
			}
			b.Unmerge()
			return b.SaveMerged(filepath.Join(c.Path, "merged.safetensors"), update)
		})
		if most := int64(4*matrix + table + 4*6*12*width*width*2); allocated > most || live > 4*matrix {
			t.Errorf("%v: merging and saving allocate %d bytes and leave %d", dtype, allocated, live)
		}
		batch := newTexts(b, 9)
		random := c
		random.Random = true
		if dtype == linalg.F32 && !sameBits(logits(t, b, batch, model.Merged), logits(t, newBase(t, random), batch, model.Merged)) {
			t.Error("the logits differ from those of the model on the heap")
		}
	}
}

// heapOf returns what do allocates, and how much the heap has more while what it returns is
// held.
func heapOf(t *testing.T, do func() any) (allocated, live int64) {
	t.Helper()
	var before, after runtime.MemStats
	runtime.GC()
	runtime.GC() // what pools hold goes with the second
	runtime.ReadMemStats(&before)
	kept := do()
	if err, failed := kept.(error); failed {
		t.Fatal(err)
	}
	runtime.GC()
	runtime.GC()
	runtime.ReadMemStats(&after)
	runtime.KeepAlive(kept)
	return int64(after.TotalAlloc - before.TotalAlloc), int64(after.HeapAlloc) - int64(before.HeapAlloc)
}

// A file whose data begin anywhere is read all the same, transposed or not.
func TestUnalignedFile(t *testing.T) {
	c := saved(t, tinyConfig(t, "gpt2"))
	b := newBase(t, c)
	batch := newTexts(b, 2)
	want := logits(t, b, batch, model.Merged)
	path := filepath.Join(c.Path, "model.safetensors")
	content := must[[]byte](t)(os.ReadFile(path))
	header := int(content[0]) | int(content[1])<<8 | int(content[2])<<16
	moved := slices.Concat(content[:8+header], []byte{' '}, content[8+header:])
	moved[0], moved[1], moved[2] = byte(header+1), byte((header+1)>>8), byte((header+1)>>16)
	if err := os.WriteFile(path+".moved", moved, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Rename(path+".moved", path); err != nil {
		t.Fatal(err)
	}
	if _, err := safetensors.Map(path); err != nil {
		t.Fatal(err)
	}
	if !sameBits(logits(t, newBase(t, c), batch, model.Merged), want) {
		t.Error("the logits differ")
	}
}
