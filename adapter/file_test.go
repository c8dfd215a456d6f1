package adapter_test

import (
	"errors"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/gradientlearning/cola/adapter"
	"github.com/gradientlearning/cola/linalg"
	"github.com/gradientlearning/cola/linalg/safetensors"
)

var fileSites = []adapter.Site{
	{Name: "a", Kind: adapter.SiteLinear, In: 5, Out: 4, Bias: true},
	{Name: "b", Kind: adapter.SiteEmbedding, In: 9, Out: 3},
	{Name: "c", Kind: adapter.SiteLinear, In: 3, Out: 2, Bias: true, Head: true},
	{Name: "d", Kind: adapter.SiteLinear, In: 3, Out: 6},
}

// written writes one adapter of a kind of its own at each site but the last.
func written(t *testing.T) (path string, adapters []adapter.Adapter) {
	t.Helper()
	specs := []adapter.Spec{{Kind: adapter.MLP, Hidden: []int{3, 2}}, {Kind: adapter.LowRank, Rank: 2, Scale: 0.5}, {Kind: adapter.Linear, Bias: true}}
	for i, spec := range specs {
		r := adapter.Rand(1, "ada", fileSites[i].Name)
		a, err := adapter.New(fileSites[i], spec, r)
		if err != nil {
			t.Fatal(err)
		}
		for _, p := range a.Params() {
			for j := range p.Value.F32() {
				p.Value.F32()[j] = float32(r.NormFloat64())
			}
		}
		adapters = append(adapters, a)
	}
	path = filepath.Join(t.TempDir(), "adapter.safetensors")
	if err := adapter.WriteFile(path, fileSites, adapters, map[string]string{"participant": "ada"}); err != nil {
		t.Fatal(err)
	}
	return path, adapters
}

// What is written is read again, to the bit.
func TestFile(t *testing.T) {
	path, want := written(t)
	f, err := adapter.ReadFile(path, fileSites)
	if err != nil {
		t.Fatal(err)
	}
	if f.Merged || f.Metadata["participant"] != "ada" || adapter.Digest(f.Sites, f.Adapters) != adapter.Digest(fileSites[:3], want) {
		t.Errorf("read %+v", f)
	}
	all, err := f.For(fileSites)
	if err != nil {
		t.Fatal(err)
	}
	if all[0] != f.Adapters[0] || all[3].Spec().Kind != adapter.Linear || slices.ContainsFunc(all[3].Params()[0].Value.F32(), func(v float32) bool { return v != 0 }) {
		t.Errorf("for all sites: %v", all)
	}
	if _, err := f.For(fileSites[1:]); err == nil {
		t.Error("adapters at sites that were not asked for were passed over")
	}
}

// A merged update is read as linear adapters.
func TestMergedFile(t *testing.T) {
	path := filepath.Join(t.TempDir(), "merged.safetensors")
	weight := linalg.New(linalg.F32, 4, 5)
	weight.F32()[7] = 2
	blobs := []linalg.Blob{weight.Blob("a.weight"), linalg.New(linalg.F32, 4).Blob("a.bias"), linalg.New(linalg.F32, 6, 3).Blob("d.weight")}
	if err := adapter.WriteMerged(path, blobs, nil); err != nil {
		t.Fatal(err)
	}
	f, err := adapter.ReadFile(path, fileSites)
	if err != nil {
		t.Fatal(err)
	}
	if !f.Merged || len(f.Sites) != 2 || f.Adapters[0].Params()[0].Value.F32()[7] != 2 || len(f.Adapters[0].Params()) != 2 || len(f.Adapters[1].Params()) != 1 {
		t.Errorf("read %+v", f)
	}
}

// Bad files are refused with what is wrong.
func TestBadFiles(t *testing.T) {
	good, _ := written(t)
	read, err := safetensors.Open(good)
	if err != nil {
		t.Fatal(err)
	}
	defer read.Close() //nolint:errcheck // it is read only
	var blobs []linalg.Blob
	for _, name := range read.Names() {
		b, err := read.Tensor(name)
		if err != nil {
			t.Fatal(err)
		}
		blobs = append(blobs, b)
	}
	nan := linalg.New(linalg.F32, 2)
	nan.F32()[0] = float32(math.NaN())
	meta := func(format, specs string) map[string]string {
		return map[string]string{"format": format, "adapters": specs}
	}
	for _, c := range []struct {
		want     string
		blobs    []linalg.Blob
		metadata map[string]string
		layers   []adapter.Site
	}{
		{"not a file of cola's adapters", blobs, nil, fileSites},
		{"its specifications", blobs, meta("cola", "{"), fileSites},
		{"the model has no such layer", blobs, read.Metadata(), fileSites[1:]},
		{"is missing", blobs[1:], read.Metadata(), fileSites},
		{"tensors of no adapter: x", append(slices.Clone(blobs), nan.Blob("x")), read.Metadata(), fileSites},
		{"use low-rank, linear or mlp", nil, meta("cola", `[{"site":"a","adapter":"huge"}]`), fileSites},
		{"element 0 is NaN", []linalg.Blob{linalg.New(linalg.F32, 2, 3).Blob("c.weight"), nan.Blob("c.bias")}, meta("cola-merged", ""), fileSites},
		{"expected", []linalg.Blob{linalg.New(linalg.F32, 3, 2).Blob("c.weight")}, meta("cola-merged", ""), fileSites},
	} {
		path := filepath.Join(t.TempDir(), "adapter.safetensors")
		if err := safetensors.WriteFile(path, c.blobs, c.metadata); err != nil {
			t.Fatal(err)
		}
		if _, err := adapter.ReadFile(path, c.layers); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("error %v, want %q", err, c.want)
		}
	}
	if _, err := adapter.ReadFile(filepath.Join(t.TempDir(), "none"), fileSites); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("a file that is not there: %v", err)
	}
}
