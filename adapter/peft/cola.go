package peft

import (
	"encoding/json"
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"strings"

	"github.com/gradientlearning/cola/adapter"
	"github.com/gradientlearning/cola/linalg"
	"github.com/gradientlearning/cola/linalg/safetensors"
)

// The names of the files in a folder of cola's own format.
const (
	ColaConfigName  = "cola_config.json"
	ColaWeightsName = "cola_model.safetensors"
)

// colaFormat and colaVersion say what a cola_config.json is. What a version means never
// changes.
const (
	colaFormat  = "cola-adapter"
	colaVersion = 1
)

// colaConfig is cola_config.json.
type colaConfig struct {
	Base    *string    `json:"base_model_name_or_path"`
	Format  string     `json:"format"`
	Sites   []colaSite `json:"sites"`
	Task    *string    `json:"task"`
	Version int        `json:"version"`
}

// colaSite is one adapted layer. Tensors are named "<name>.<parameter>".
type colaSite struct {
	Adapter adapter.Kind `json:"adapter"`
	Bias    bool         `json:"bias"` // a linear adapter's
	Head    bool         `json:"head"`
	Hidden  []int        `json:"hidden"` // of an MLP
	In      int          `json:"in"`
	Kind    string       `json:"kind"`
	Name    string       `json:"name"`
	Out     int          `json:"out"`
	Rank    int          `json:"rank"`
	Scale   float64      `json:"scale"`
}

// WriteCola writes a folder in cola's own format, which holds adapters of every kind
// exactly. Heads are adapters like the others there; Full is PEFT's and must be empty.
func WriteCola(folder string, c *Checkpoint) error {
	if len(c.Sites) != len(c.Adapters) || len(c.Full) > 0 {
		return fmt.Errorf("%d sites have %d adapters and %d whole tensors: this format holds adapters", len(c.Sites), len(c.Adapters), len(c.Full))
	}
	config := colaConfig{Format: colaFormat, Version: colaVersion, Sites: []colaSite{}}
	if c.Base != "" {
		config.Base = &c.Base
	}
	if c.Task != "" {
		config.Task = &c.Task
	}
	var blobs []linalg.Blob
	for i, site := range c.Sites {
		spec, params := c.Adapters[i].Spec(), c.Adapters[i].Params()
		if spec.Kind == adapter.LowRank && spec.Scale == 0 {
			spec.Scale = 1
		}
		config.Sites = append(config.Sites, colaSite{
			Adapter: spec.Kind, Bias: spec.Kind == adapter.Linear && len(params) == 2, Head: site.Head, Hidden: spec.Hidden, In: site.In,
			Kind: string(site.Kind), Name: site.Name, Out: site.Out, Rank: spec.Rank, Scale: spec.Scale,
		})
		blobs = append(blobs, adapter.Blobs(site, c.Adapters[i])...)
	}
	data, err := indented(config)
	if err != nil {
		return err
	}
	slices.SortFunc(blobs, func(a, b linalg.Blob) int { return strings.Compare(a.Name, b.Name) })
	return writeFolder(folder, ColaConfigName, data, ColaWeightsName, blobs, map[string]string{"format": "pt"})
}

// ReadCola reads a folder that [WriteCola] wrote. Sites are all layers of the base model that
// could be adapted. Layers that it does not have so, and tensors that are missing,
// unexpected or of another shape, are errors that name them.
func ReadCola(folder string, sites []adapter.Site) (*Checkpoint, error) {
	config, err := readSmall(filepath.Join(folder, ColaConfigName))
	if err != nil {
		return nil, err
	}
	weights, err := safetensors.Open(filepath.Join(folder, ColaWeightsName))
	if err != nil {
		return nil, err
	}
	c, err := DecodeCola(config, weights, sites)
	if err = errors.Join(err, weights.Close()); err != nil {
		return nil, fmt.Errorf("%s: %w", folder, err)
	}
	return c, nil
}

// DecodeCola is [ReadCola] of a cola_config.json and an open file of weights.
func DecodeCola(configuration []byte, weights *safetensors.File, sites []adapter.Site) (*Checkpoint, error) {
	var config colaConfig
	if err := json.Unmarshal(configuration, &config); err != nil {
		return nil, fmt.Errorf("%s: %w", ColaConfigName, err)
	}
	if config.Format != colaFormat || config.Version != colaVersion {
		return nil, fmt.Errorf("%s: format %q version %d: this release reads %s version %d", ColaConfigName, config.Format, config.Version, colaFormat, colaVersion)
	}
	c := &Checkpoint{}
	if config.Base != nil {
		c.Base = *config.Base
	}
	if config.Task != nil {
		c.Task = *config.Task
	}
	rest := map[string]bool{}
	for _, name := range weights.Names() {
		rest[name] = true
	}
	for _, s := range config.Sites {
		site, err := s.site(sites)
		if err != nil {
			return nil, err
		}
		if c.adapted(site.Name) {
			return nil, fmt.Errorf("%s: site %s is there twice", ColaConfigName, s.Name)
		}
		a, err := s.load(site, weights)
		if err != nil {
			return nil, fmt.Errorf("site %s: %w", s.Name, err)
		}
		for _, p := range a.Params() {
			delete(rest, site.Name+"."+p.Name)
		}
		c.Sites, c.Adapters = append(c.Sites, site), append(c.Adapters, a)
	}
	for name := range rest {
		return nil, fmt.Errorf("tensor %q is unexpected: %s has no adapter with it", name, ColaConfigName)
	}
	return c, nil
}

// site returns the base model's site that is meant.
func (s colaSite) site(sites []adapter.Site) (adapter.Site, error) {
	i := slices.IndexFunc(sites, func(site adapter.Site) bool { return site.Name == s.Name })
	if i < 0 {
		return adapter.Site{}, fmt.Errorf("the base model has no layer %q that can be adapted: check that the adapter was made for it", s.Name)
	}
	if site := sites[i]; string(site.Kind) != s.Kind || site.In != s.In || site.Out != s.Out || site.Head != s.Head || s.Bias && !site.Bias {
		return adapter.Site{}, fmt.Errorf("site %s is a %s layer of %d × %d, head: %t, in the folder, and %s, %d × %d, head: %t in the base model",
			s.Name, s.Kind, s.Out, s.In, s.Head, site.Kind, site.Out, site.In, site.Head)
	}
	return sites[i], nil
}

// load makes the site's adapter and reads its parameters. They are counted first, so that
// no more is allocated than the file holds.
func (s colaSite) load(site adapter.Site, weights *safetensors.File) (adapter.Adapter, error) {
	spec := adapter.Spec{Kind: s.Adapter, Rank: s.Rank, Scale: s.Scale, Hidden: s.Hidden, Bias: s.Bias}
	if err := spec.Validate(); err != nil {
		return nil, err
	}
	if site.Head && spec.Kind != adapter.Linear {
		return nil, fmt.Errorf("a head has a linear adapter, not a %s one", spec.Kind)
	}
	have := int64(0)
	for _, name := range weights.Names() {
		if info, _ := weights.Info(name); strings.HasPrefix(name, site.Name+".") {
			have += info.Bytes / 4
		}
	}
	if want := s.parameters(have); want > have {
		return nil, fmt.Errorf("a %s adapter of this size has more than the %d parameters in the file", spec.Kind, have)
	}
	a, err := adapter.New(site, spec, adapter.Rand(0, "", site.Name))
	if err != nil {
		return nil, err
	}
	tensors := map[string]linalg.Blob{}
	for _, p := range a.Params() {
		name := site.Name + "." + p.Name
		if tensors[name], err = weights.Tensor(name); err != nil {
			return nil, err
		}
	}
	return a, adapter.Load(site, a, tensors)
}

// parameters counts those of a valid specification, up to somewhat above most.
func (s colaSite) parameters(most int64) int64 {
	switch s.Adapter {
	case adapter.LowRank:
		return int64(s.Rank) * (int64(s.In) + int64(s.Out))
	case adapter.Linear:
		return int64(s.In) * int64(s.Out)
	}
	total, in := int64(0), int64(s.In)
	for _, out := range append(slices.Clone(s.Hidden), s.Out) {
		if total += in*int64(out) + int64(out); total > most {
			break
		}
		in = int64(out)
	}
	return total
}
