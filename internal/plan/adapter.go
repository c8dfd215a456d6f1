package plan

import (
	"fmt"

	"github.com/gradientlearning/cola/adapter"
	"github.com/gradientlearning/cola/linalg"
)

// parameters are the shapes of an adapter's parameters at a site, without making any.
func parameters(site adapter.Site, spec adapter.Spec) (map[string][]int, error) {
	if site.Head {
		spec = adapter.Spec{Kind: adapter.Linear, Bias: true}
	}
	if err := spec.Validate(); err != nil {
		return nil, err
	}
	shapes := map[string][]int{}
	switch spec.Kind {
	case adapter.LowRank:
		shapes["A"], shapes["B"] = []int{spec.Rank, site.In}, []int{site.Out, spec.Rank}
	case adapter.Linear:
		shapes["weight"] = []int{site.Out, site.In}
		if spec.Bias && site.Bias {
			shapes["bias"] = []int{site.Out}
		}
	case adapter.MLP:
		in := site.In
		for i, out := range append(append([]int{}, spec.Hidden...), site.Out) {
			shapes[fmt.Sprintf("layers.%d.weight", i)], shapes[fmt.Sprintf("layers.%d.bias", i)] = []int{out, in}, []int{out}
			in = out
		}
	}
	return shapes, nil
}

// dry is an adapter without parameters, which takes for a pass what one with them takes.
type dry struct {
	adapter.Adapter
	widths []int // of what lies between x and y
}

// planned are the adapters of a participant.
func planned(sites []adapter.Site, spec adapter.Spec) []adapter.Adapter {
	list := make([]adapter.Adapter, len(sites))
	for i, site := range sites {
		d := dry{}
		switch {
		case site.Head:
		case spec.Kind == adapter.LowRank:
			d.widths = []int{spec.Rank}
		case spec.Kind == adapter.MLP:
			d.widths = spec.Hidden
		}
		list[i] = d
	}
	return list
}

// between holds what lies between x and y for n rows.
func (d dry) between(dev linalg.Device, n int) {
	var held []*linalg.Tensor
	for _, w := range d.widths {
		held = append(held, dev.New(linalg.F32, n, w))
	}
	for _, t := range held {
		dev.Scale(t, 1)
	}
}

// Apply holds what an adapter's forward pass holds.
func (d dry) Apply(dev linalg.Device, y, _ *linalg.Tensor) { d.between(dev, y.Rows()) }

// Backward holds what its backward pass holds.
func (d dry) Backward(dev linalg.Device, _, _, g *linalg.Tensor) { d.between(dev, g.Rows()) }
