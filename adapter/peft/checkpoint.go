package peft

import (
	"fmt"

	"github.com/gradientlearning/cola/adapter"
	"github.com/gradientlearning/cola/linalg"
)

// The names of the files in a folder of PEFT's.
const (
	ConfigName  = "adapter_config.json"
	WeightsName = "adapter_model.safetensors"
)

// Checkpoint is what a folder holds.
type Checkpoint struct {
	// Task is "seq-cls", "causal-lm", "seq2seq-lm", or empty: another, or none.
	Task string
	// Base names the base model, as a path or on the hub; it may be empty.
	Base string
	// Conv1D says that the base model stores the weights of its linear layers as (in, out),
	// as GPT-2 does (fan_in_fan_out). It changes nothing of the adapters.
	Conv1D bool
	// Sites are those that are adapted, in the model's order, and Adapters theirs.
	Sites    []adapter.Site
	Adapters []adapter.Adapter
	// Full are tensors that stand in the place of the base model's, by the base model's
	// names: classification heads ("classifier.dense.weight"), trained biases, and
	// embeddings that were saved with their adapters. They are float32.
	Full map[string]*linalg.Tensor
}

// tasks are PEFT's names of cola's.
var tasks = map[string]string{"seq-cls": "SEQ_CLS", "causal-lm": "CAUSAL_LM", "seq2seq-lm": "SEQ_2_SEQ_LM"}

// AddFull puts a linear adapter's site into the checkpoint as full tensors: weight + ΔW and
// bias + Δb with weight (out, in) and bias (out) or nil of the base model. Classification
// heads are written so.
func (c *Checkpoint) AddFull(site adapter.Site, a adapter.Adapter, weight, bias *linalg.Tensor) error {
	dw, db, err := a.Delta(linalg.NewCPU())
	if err != nil {
		return fmt.Errorf("site %s: %w", site.Name, err)
	}
	if weight.Rows() != dw.Rows() || weight.Cols() != dw.Cols() || bias == nil && db != nil {
		return fmt.Errorf("site %s: the base model's weight is %v, with bias: %t; the adapter does not fit it", site.Name, weight.Shape(), bias != nil)
	}
	c.setFull(site.Name+".weight", weight, dw)
	if bias != nil {
		c.setFull(site.Name+".bias", bias, db)
	}
	return nil
}

// AddBias puts bias + delta, both (out), into the checkpoint as the site's trained bias.
func (c *Checkpoint) AddBias(site adapter.Site, bias, delta *linalg.Tensor) {
	c.setFull(site.Name+".bias", bias, delta)
}

func (c *Checkpoint) setFull(name string, base, delta *linalg.Tensor) {
	if c.Full == nil {
		c.Full = map[string]*linalg.Tensor{}
	}
	c.Full[name] = sum(base, delta, 1)
}

// sum returns base + sign·delta; delta may be nil.
func sum(base, delta *linalg.Tensor, sign float32) *linalg.Tensor {
	total := base.Clone()
	if delta != nil {
		for i, v := range delta.F32() {
			total.F32()[i] += float32(sign * v)
		}
	}
	return total
}

// Linear is the inverse of AddFull: the linear adapter that turns weight and bias of the
// base model into the checkpoint's full tensors of the site.
func (c *Checkpoint) Linear(site adapter.Site, weight, bias *linalg.Tensor) (adapter.Adapter, error) {
	a, err := adapter.New(site, adapter.Spec{Kind: adapter.Linear, Bias: true}, adapter.Rand(0, "", site.Name))
	if err != nil {
		return nil, err
	}
	for _, p := range a.Params() {
		base, full := weight, c.Full[site.Name+"."+p.Name]
		if p.Name == "bias" {
			base = bias
		}
		if base == nil || full == nil || full.Len() != p.Value.Len() || base.Len() != p.Value.Len() {
			return nil, fmt.Errorf("tensor %q: the folder and the base model do not both have it, with %v elements", site.Name+"."+p.Name, p.Value.Shape())
		}
		copy(p.Value.F32(), sum(full, base, -1).F32())
	}
	return a, nil
}
