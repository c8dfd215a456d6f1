package model_test

import (
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/gradientlearning/cola/linalg"
	"github.com/gradientlearning/cola/linalg/safetensors"
	"github.com/gradientlearning/cola/model"
)

// What Save writes New reads, and the model is the same to the bit.
func TestCheckpointRoundTrip(t *testing.T) {
	eachSmall(t, func(t *testing.T, b *model.Base) {
		path := filepath.Join(t.TempDir(), "model.safetensors")
		if err := b.Save(path); err != nil {
			t.Fatal(err)
		}
		c := b.Config()
		c.Weights, c.Seed = path, 99
		loaded := newBase(t, c)
		for name, v := range values(b) {
			if !sameBits(values(loaded)[name], v) {
				t.Errorf("%s changed on its way", name)
			}
		}
		batch := newBatch(b, 3)
		if !sameBits(logits(t, loaded, batch, model.Merged), logits(t, b, batch, model.Merged)) {
			t.Error("the loaded model has other logits")
		}
	})
}

// Half-precision checkpoints are widened.
func TestCheckpointsAreWidened(t *testing.T) {
	b := newBase(t, small[2])
	for _, dtype := range []linalg.DType{linalg.BF16, linalg.F16} {
		path := filepath.Join(t.TempDir(), "model.safetensors")
		var blobs []linalg.Blob
		for _, p := range b.Parameters() {
			blobs = append(blobs, p.Value.Convert(dtype).Blob(p.Name))
		}
		slices.Reverse(blobs) // the order in a file does not matter
		if err := safetensors.WriteFile(path, blobs, nil); err != nil {
			t.Fatal(err)
		}
		c := small[2]
		c.Weights = path
		loaded := values(newBase(t, c))
		for name, v := range values(b) {
			if !sameBits(loaded[name], v.Convert(dtype).Convert(linalg.F32)) {
				t.Errorf("%s of %v is not what was written", name, dtype)
			}
		}
	}
}

// blobs are a model's parameters by name.
func blobs(b *model.Base) map[string]linalg.Blob {
	m := map[string]linalg.Blob{}
	for _, blob := range b.Blobs() {
		m[blob.Name] = blob
	}
	return m
}

// Load replaces what the model computes with, and nothing stays merged.
func TestLoad(t *testing.T) {
	eachSmall(t, func(t *testing.T, b *model.Base) {
		c := b.Config()
		c.Seed = 77
		other := newBase(t, c)
		batch := newBatch(b, 3)
		if err := b.Merge(deltas(t, b, newAdapters(t, b, "ada", kinds[1]))); err != nil {
			t.Fatal(err)
		}
		if err := b.Load(blobs(other)); err != nil {
			t.Fatal(err)
		}
		if !sameBits(logits(t, b, batch, model.Merged), logits(t, other, batch, model.Merged)) {
			t.Error("the model did not become the other")
		}
		b.Unmerge()
		if !sameBits(logits(t, b, batch, model.Merged), logits(t, other, batch, model.Merged)) {
			t.Error("Unmerge brought the old parameters back")
		}
	})
}

// Everything that is wrong with a checkpoint is named in one error, and nothing is changed.
func TestBadCheckpoints(t *testing.T) {
	b := newBase(t, small[1])
	before := b.Blobs()
	bad := blobs(b)
	delete(bad, "layers.0.bias")
	delete(bad, "head.weight")
	bad["layers.0.weight"] = linalg.New(linalg.F32, 24, 11).Blob("")
	bad["layers.1.bias"] = linalg.New(linalg.I32, 7).Blob("")
	nan := linalg.New(linalg.F32, 5)
	nan.F32()[4] = float32(math.NaN())
	bad["head.bias"] = nan.Blob("")
	bad["pooler.weight"] = linalg.New(linalg.F32, 1).Blob("")
	var list []linalg.Blob
	for name, blob := range bad {
		blob.Name = name
		list = append(list, blob)
	}
	path := filepath.Join(t.TempDir(), "bad.safetensors")
	if err := safetensors.WriteFile(path, list, nil); err != nil {
		t.Fatal(err)
	}
	c := small[1]
	c.Weights = path
	_, fileErr := model.New(linalg.NewCPU(), c)
	loadErr := b.Load(bad)
	for _, err := range []error{fileErr, loadErr} {
		if err == nil {
			t.Fatal("a bad checkpoint was taken")
		}
		for _, want := range []string{
			"missing: layers.0.bias, head.weight", "mis-shaped: layers.0.weight [24 11] instead of [11 24]",
			`tensor "layers.1.bias" is of type I32`, `tensor "head.bias" holds a number that is not finite`, "unused: pooler.weight",
		} {
			if !strings.Contains(err.Error(), want) {
				t.Errorf("error %q does not say %q", err, want)
			}
		}
	}
	if !strings.Contains(fileErr.Error(), path) {
		t.Errorf("error %q does not name the file", fileErr)
	}
	for i, blob := range b.Blobs() {
		if string(blob.Data) != string(before[i].Data) {
			t.Errorf("%s changed by a refused Load", blob.Name)
		}
	}
	broken := blobs(b)
	cut := broken["head.bias"]
	cut.Data = cut.Data[:3]
	broken["head.bias"] = cut
	if err := b.Load(broken); err == nil || !strings.Contains(err.Error(), "head.bias") {
		t.Errorf("a blob with too few bytes: %v", err)
	}
}

func TestUnreadableCheckpoints(t *testing.T) {
	c := small[0]
	c.Weights = filepath.Join(t.TempDir(), "none.safetensors")
	if _, err := model.New(linalg.NewCPU(), c); err == nil || !strings.Contains(err.Error(), "none.safetensors") {
		t.Errorf("a missing file: %v", err)
	}
	if err := os.WriteFile(c.Weights, []byte("not a checkpoint"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := model.New(linalg.NewCPU(), c); err == nil || !strings.Contains(err.Error(), "none.safetensors") {
		t.Errorf("a broken file: %v", err)
	}
	if err := newBase(t, small[0]).Save(filepath.Join(c.Weights, "below", "a file")); err == nil {
		t.Error("a checkpoint was written below a file")
	}
}
