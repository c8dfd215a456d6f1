package peft

import (
	"errors"
	"fmt"
	"slices"

	"github.com/gradientlearning/cola/adapter"
	"github.com/gradientlearning/cola/linalg"
)

// tensor reads a tensor of the file as float32.
func (r *reader) tensor(key string) (*linalg.Tensor, error) {
	blob, err := r.weights.Tensor(key)
	if err != nil {
		return nil, err
	}
	if blob.DType == linalg.I32 {
		return nil, fmt.Errorf("tensor %q holds integers", key)
	}
	t, err := blob.Tensor()
	if err != nil {
		return nil, err
	}
	t = t.Convert(linalg.F32)
	for i, v := range t.F32() {
		if v-v != 0 { // NaN and infinities only
			return nil, fmt.Errorf("tensor %q: element %d is %g", key, i, v)
		}
	}
	return t, nil
}

// adapter makes a site's adapter of its factors.
func (r *reader) adapter(site adapter.Site, f factors) (adapter.Adapter, error) {
	if f.embedding != (site.Kind == adapter.SiteEmbedding) {
		return nil, fmt.Errorf("tensor %q is not of a layer of kind %s", f.a, site.Kind)
	}
	spec := r.config.spec(site.Name)
	a, err := r.shaped(f.a, shapeA(site, spec.Rank), spec.Rank, site.In)
	if err != nil {
		return nil, err
	}
	b, err := r.shaped(f.b, shapeB(site, spec.Rank), site.Out, spec.Rank)
	if err != nil {
		return nil, err
	}
	scale := spec.Scale
	if !(scale > 0) { // which a specification's scale is: the factor goes into B
		linalg.NewCPU().Scale(b, float32(scale))
		spec.Scale = 1
	}
	if r.config.loraBias || site.Head {
		return r.linear(site, spec, a, b, f.bias, float32(scale))
	}
	return lowRank(site, spec, a, b)
}

// lowRank returns a low-rank adapter of given factors.
func lowRank(site adapter.Site, spec adapter.Spec, a, b *linalg.Tensor) (adapter.Adapter, error) {
	made, err := adapter.New(site, spec, adapter.Rand(0, "", site.Name))
	if err != nil {
		return nil, err
	}
	return made, adapter.LoadTensors(site, made, map[string]*linalg.Tensor{site.Name + ".A": a, site.Name + ".B": b})
}

// linear returns what low-rank factors with a bias behind them are: a linear adapter with
// ΔW = s·B·A and b = s·bias. Heads, which have linear adapters only, are such too.
func (r *reader) linear(site adapter.Site, spec adapter.Spec, a, b *linalg.Tensor, bias string, scale float32) (adapter.Adapter, error) {
	plain := site
	plain.Head = false
	low, err := lowRank(plain, spec, a, b)
	if err != nil {
		return nil, err
	}
	if bias == "" && !site.Head {
		return low, nil // an embedding
	}
	if bias != "" && !site.Bias {
		return nil, errors.New("lora_bias gives it a bias that the layer does not have: train without lora_bias")
	}
	weight, _, err := low.Delta(linalg.NewCPU())
	if err != nil {
		return nil, err
	}
	made, err := adapter.New(site, adapter.Spec{Kind: adapter.Linear, Bias: true}, adapter.Rand(0, "", site.Name))
	if err != nil {
		return nil, err
	}
	tensors := map[string]*linalg.Tensor{site.Name + ".weight": weight}
	if site.Bias {
		total := linalg.New(linalg.F32, site.Out)
		tensors[site.Name+".bias"] = total
		if bias != "" {
			t, err := r.shaped(bias, []int{site.Out}, site.Out)
			if err != nil {
				return nil, err
			}
			linalg.NewCPU().Axpy(total, scale, t)
		}
	}
	return made, adapter.LoadTensors(site, made, tensors)
}

// shapeA and shapeB are the shapes of the factors in the file.
func shapeA(site adapter.Site, rank int) []int {
	if site.Kind == adapter.SiteConv2D {
		return []int{rank, site.Conv.Channels, site.Conv.Kernel, site.Conv.Kernel}
	}
	return []int{rank, site.In}
}

func shapeB(site adapter.Site, rank int) []int {
	if site.Kind == adapter.SiteConv2D {
		return []int{site.Out, rank, 1, 1}
	}
	return []int{site.Out, rank}
}

// shaped reads a tensor that has one shape in the file and another, of as many elements,
// here.
func (r *reader) shaped(key string, file []int, here ...int) (*linalg.Tensor, error) {
	if info, _ := r.weights.Info(key); !slices.Equal(info.Shape, file) {
		return nil, fmt.Errorf("tensor %q is %v, the configuration and the base model make it %v", key, info.Shape, file)
	}
	t, err := r.tensor(key)
	if err != nil {
		return nil, err
	}
	return t.Reshape(here...), nil
}

// full reads the whole tensors, and looks for those of heads.
func (r *reader) full(c *Checkpoint, sites []adapter.Site) error {
	for _, n := range r.rest {
		if c.Full[n.name] != nil {
			return fmt.Errorf("tensor %q is there twice: save one adapter in a folder", n.key)
		}
		t, err := r.tensor(n.key)
		if err != nil {
			return err
		}
		i := slices.IndexFunc(sites, func(s adapter.Site) bool { return s.Name+".weight" == n.name })
		if i >= 0 && c.Conv1D && len(t.Shape()) == 2 && !sites[i].Head && sites[i].Kind == adapter.SiteLinear && !outputs.MatchString(sites[i].Name) {
			t = transposed(t) // the base model's is (in, out)
		}
		if i >= 0 && !slices.Equal(t.Shape(), shapeOf(sites[i])) {
			return fmt.Errorf("tensor %q is %v, the base model has %v there (was its vocabulary resized?)", n.key, t.Shape(), shapeOf(sites[i]))
		}
		c.Full[n.name] = t
	}
	if c.Task != "seq-cls" {
		return nil
	}
	var missing []string
	for _, s := range sites {
		if s.Head && c.Full[s.Name+".weight"] == nil && r.selector.saves(s.Name) {
			missing = append(missing, s.Name+".weight")
		}
		if s.Head && s.Bias && c.Full[s.Name+".bias"] == nil && r.selector.saves(s.Name) {
			missing = append(missing, s.Name+".bias")
		}
	}
	if len(missing) > 0 {
		return fmt.Errorf("%s missing: the folder holds no classification head", list("tensor", missing))
	}
	return nil
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

// shapeOf is the shape of a layer's weight.
func shapeOf(site adapter.Site) []int {
	switch site.Kind {
	case adapter.SiteEmbedding:
		return []int{site.In, site.Out}
	case adapter.SiteConv2D:
		return []int{site.Out, site.Conv.Channels, site.Conv.Kernel, site.Conv.Kernel}
	}
	return []int{site.Out, site.In}
}
