package gguf

import (
	"errors"
	"fmt"
	"io"
	"maps"
	"math"
	"os"
	"slices"
	"strings"

	"github.com/gradientlearning/cola/adapter"
	"github.com/gradientlearning/cola/linalg"
)

// ReadFile reads a file of adapters for a model. Sites are all layers that it could adapt;
// those that are, and their adapters, are returned in that order. Metadata that is not of
// such adapters, a tensor without its other half or of another shape, and weights that the
// model does not have are errors that name them.
func ReadFile(path string, m Model, sites []adapter.Site) ([]adapter.Site, []adapter.Adapter, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, nil, err
	}
	stat, err := f.Stat()
	if err != nil {
		return nil, nil, errors.Join(err, f.Close())
	}
	adapted, adapters, err := Read(f, stat.Size(), m, sites)
	if err = errors.Join(err, f.Close()); err != nil {
		return nil, nil, fmt.Errorf("%s: %w", path, err)
	}
	return adapted, adapters, nil
}

// Read is [ReadFile] of an open file of the given size.
func Read(r io.ReaderAt, size int64, m Model, sites []adapter.Site) (adapted []adapter.Site, adapters []adapter.Adapter, err error) {
	if err := m.check(); err != nil {
		return nil, nil, err
	}
	f, err := parse(r, size)
	if err != nil {
		return nil, nil, err
	}
	if err := f.check(m); err != nil {
		return nil, nil, err
	}
	for _, site := range sites {
		name, ok := m.tensor(site)
		nameA, nameB := name+".lora_a", name+".lora_b"
		a, hasA := f.tensors[nameA]
		b, hasB := f.tensors[nameB]
		if !ok || !hasA && !hasB {
			continue
		}
		if !hasA || !hasB {
			return nil, nil, fmt.Errorf("of tensors %q and %q one is missing", nameA, nameB)
		}
		wantA, wantB := [2]int{b.cols, site.In}, [2]int{site.Out, b.cols}
		if site.Kind == adapter.SiteEmbedding {
			wantA = [2]int{site.In, b.cols}
		}
		if [2]int{a.rows, a.cols} != wantA || [2]int{b.rows, b.cols} != wantB {
			return nil, nil, fmt.Errorf("tensors %q of %d × %d and %q of %d × %d do not fit site %s of %d × %d",
				nameA, a.rows, a.cols, nameB, b.rows, b.cols, site.Name, site.Out, site.In)
		}
		made, err := f.adapter(r, m, site, nameA, nameB)
		if err != nil {
			return nil, nil, fmt.Errorf("site %s: %w", site.Name, err)
		}
		adapted, adapters = append(adapted, site), append(adapters, made)
		delete(f.tensors, nameA)
		delete(f.tensors, nameB)
	}
	if len(f.tensors) > 0 {
		return nil, nil, fmt.Errorf("the model has no weight of tensor %q: check that the adapter was made for it", slices.Sorted(maps.Keys(f.tensors))[0])
	}
	if len(adapted) == 0 {
		return nil, nil, errors.New("the file adapts nothing")
	}
	return adapted, adapters, nil
}

// check looks at the metadata.
func (f *file) check(m Model) error {
	for _, want := range [][2]string{{"general.type", "adapter"}, {"adapter.type", "lora"}, {"general.architecture", m.Architecture}} {
		if got := f.texts[want[0]]; got != want[1] {
			return fmt.Errorf("%s is %q, expected %q", want[0], got, want[1])
		}
	}
	for key := range f.others {
		if strings.HasPrefix(key, "adapter.alora.") {
			return fmt.Errorf("%s is set: the adapter acts behind its invocation tokens only", key)
		}
	}
	if alpha := float64(f.floats["adapter.lora.alpha"]); math.IsNaN(alpha) || math.IsInf(alpha, 0) {
		return fmt.Errorf("adapter.lora.alpha is %g", alpha)
	}
	return nil
}

// adapter makes a site's adapter. An alpha of 0 stands for a scale of 1.
func (f *file) adapter(r io.ReaderAt, m Model, site adapter.Site, nameA, nameB string) (adapter.Adapter, error) {
	a, err := f.read(r, nameA)
	if err != nil {
		return nil, err
	}
	b, err := f.read(r, nameB)
	if err != nil {
		return nil, err
	}
	if site.Kind == adapter.SiteEmbedding {
		a = transposed(a)
	}
	if b, err = permuted(b, m.heads(site), true); err != nil {
		return nil, err
	}
	spec := adapter.Spec{Kind: adapter.LowRank, Rank: b.Cols(), Scale: 1}
	alpha := f.floats["adapter.lora.alpha"]
	if alpha > 0 {
		spec.Scale = float64(alpha) / float64(spec.Rank)
	} else if alpha < 0 { // a scale is positive: the sign goes into B
		spec.Scale = -float64(alpha) / float64(spec.Rank)
		linalg.NewCPU().Scale(b, -1)
	}
	made, err := adapter.New(site, spec, adapter.Rand(0, "", site.Name))
	if err != nil {
		return nil, err
	}
	return made, adapter.LoadTensors(site, made, map[string]*linalg.Tensor{site.Name + ".A": a, site.Name + ".B": b})
}
