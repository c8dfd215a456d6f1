package adapter

import (
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"strings"

	"github.com/gradientlearning/cola/linalg"
	"github.com/gradientlearning/cola/linalg/safetensors"
)

// The values of a file's metadata "format".
const (
	formatAdapters = "cola"        // adapters; "adapters" has their specifications
	formatMerged   = "cola-merged" // a merged update: "<site>.weight" and "<site>.bias"
)

// ErrNoAdapters says that a file holds no adapters of cola's.
var ErrNoAdapters = errors.New("not a file of cola's adapters (adapter.safetensors, merged.safetensors; cola import makes one of a PEFT folder)")

// File is what an adapter.safetensors or a merged.safetensors holds.
type File struct {
	Sites    []Site // those of the model that the file has something for
	Adapters []Adapter
	Merged   bool
	Metadata map[string]string
}

// fileSpec is a specification as files have it.
type fileSpec struct {
	Site   string  `json:"site"`
	Kind   Kind    `json:"adapter"`
	Rank   int     `json:"rank,omitempty"`
	Scale  float64 `json:"scale,omitempty"`
	Hidden []int   `json:"hidden,omitempty"`
	Bias   bool    `json:"bias,omitempty"`
}

// WriteFile writes adapters as one safetensors file, from which [ReadFile] makes them again.
// Metadata of the caller's own may not be called "format" or "adapters".
func WriteFile(path string, sites []Site, adapters []Adapter, metadata map[string]string) error {
	var blobs []linalg.Blob
	var specs []fileSpec
	for i, a := range adapters {
		s := a.Spec()
		blobs = append(blobs, Blobs(sites[i], a)...)
		bias := s.Kind == Linear && len(a.Params()) == 2
		specs = append(specs, fileSpec{Site: sites[i].Name, Kind: s.Kind, Rank: s.Rank, Scale: s.Scale, Hidden: s.Hidden, Bias: bias})
	}
	text, err := json.Marshal(specs)
	if err != nil {
		return fmt.Errorf("%s: %w", path, err)
	}
	all := map[string]string{}
	maps.Copy(all, metadata)
	all["format"], all["adapters"] = formatAdapters, string(text)
	return safetensors.WriteFile(path, blobs, all)
}

// WriteMerged writes a merged update: of every site ΔW̄ as "<site>.weight" and, where there
// is one, Δb̄ as "<site>.bias".
func WriteMerged(path string, blobs []linalg.Blob, metadata map[string]string) error {
	all := map[string]string{}
	maps.Copy(all, metadata)
	all["format"] = formatMerged
	return safetensors.WriteFile(path, blobs, all)
}

// ReadFile reads adapters or a merged update, which becomes linear adapters, for the layers
// of a model. Layers that the model lacks, tensors that are missing, over or mis-shaped, and
// numbers that are not finite are errors that name them.
func ReadFile(path string, layers []Site) (file *File, err error) {
	f, err := safetensors.Open(path)
	if err != nil {
		return nil, fmt.Errorf("adapters: %w", err)
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	file = &File{Metadata: f.Metadata()}
	blobs := map[string]linalg.Blob{}
	for _, name := range f.Names() {
		if blobs[name], err = f.Tensor(name); err != nil {
			return nil, err
		}
	}
	specs, err := file.specs(f.Names())
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	for _, s := range specs {
		if err := file.add(s, layers, blobs); err != nil {
			return nil, fmt.Errorf("%s: %w", path, err)
		}
	}
	if len(blobs) > 0 {
		return nil, fmt.Errorf("%s: tensors of no adapter: %s", path, strings.Join(slices.Sorted(maps.Keys(blobs)), ", "))
	}
	return file, nil
}

// specs are the specifications of the adapters in a file.
func (f *File) specs(names []string) ([]fileSpec, error) {
	var specs []fileSpec
	switch f.Metadata["format"] {
	case formatAdapters:
		if err := json.Unmarshal([]byte(f.Metadata["adapters"]), &specs); err != nil {
			return nil, fmt.Errorf("%w: its specifications: %w", ErrNoAdapters, err)
		}
		return specs, nil
	case formatMerged:
		f.Merged = true
		for _, name := range names {
			if site, ok := strings.CutSuffix(name, ".weight"); ok {
				specs = append(specs, fileSpec{Site: site, Kind: Linear, Bias: slices.Contains(names, site+".bias")})
			}
		}
		return specs, nil
	}
	return nil, ErrNoAdapters
}

// add makes one adapter, and takes its tensors out of blobs.
func (f *File) add(s fileSpec, layers []Site, blobs map[string]linalg.Blob) error {
	i := slices.IndexFunc(layers, func(l Site) bool { return l.Name == s.Site })
	if i < 0 {
		return fmt.Errorf("site %s: the model has no such layer: use the base model that the adapters were fitted to", s.Site)
	}
	site := layers[i]
	if site.Head && !s.Bias {
		site.Bias = false
	}
	a, err := New(site, Spec{Kind: s.Kind, Rank: s.Rank, Scale: s.Scale, Hidden: s.Hidden, Bias: s.Bias}, rand.New(rand.NewPCG(0, 0)))
	if err != nil {
		return fmt.Errorf("site %s: %w", s.Site, err)
	}
	own := map[string]linalg.Blob{}
	for _, p := range a.Params() {
		name := s.Site + "." + p.Name
		if b, ok := blobs[name]; ok {
			own[name] = b
			delete(blobs, name)
		}
	}
	if err := Load(site, a, own); err != nil {
		return err
	}
	f.Sites, f.Adapters = append(f.Sites, layers[i]), append(f.Adapters, a)
	return nil
}

// For returns the file's adapters in the order of sites, with one that adds nothing at a
// site that the file has nothing for. A site of the file that is not among them is an
// error.
func (f *File) For(sites []Site) ([]Adapter, error) {
	list := make([]Adapter, len(sites))
	used := 0
	for i, site := range sites {
		if j := slices.IndexFunc(f.Sites, func(s Site) bool { return s.Name == site.Name }); j >= 0 {
			list[i], used = f.Adapters[j], used+1
			continue
		}
		a, err := New(site, Spec{Kind: Linear, Bias: true}, rand.New(rand.NewPCG(0, 0)))
		if err != nil {
			return nil, fmt.Errorf("site %s: %w", site.Name, err)
		}
		list[i] = a
	}
	if used != len(f.Sites) {
		return nil, fmt.Errorf("%d of the %d adapters are at sites that were not asked for", len(f.Sites)-used, len(f.Sites))
	}
	return list, nil
}
