package verify

import (
	"fmt"

	"github.com/gradientlearning/cola/adapter"
	"github.com/gradientlearning/cola/internal/oracle"
	"github.com/gradientlearning/cola/linalg"
	"github.com/gradientlearning/cola/model"
)

// What crosses the border between the product and the oracle: values only.

// oracleNetwork declares base's architecture anew, by its configuration alone, and copies
// the parameters of its sites into it.
func oracleNetwork(base *model.Base) (oracle.Network, error) {
	config := base.Config()
	network, err := oracle.Classifier(config.Type, [3]int(config.Input), config.Classes, config.Hidden)
	if err != nil {
		return network, err
	}
	if len(network.Layers) != len(base.Sites()) {
		return network, fmt.Errorf("the model has %d sites, the oracle %d layers", len(base.Sites()), len(network.Layers))
	}
	values := map[string]*linalg.Tensor{}
	for _, p := range base.Parameters() {
		values[p.Name] = p.Value
	}
	for i, site := range base.Sites() {
		layer := &network.Layers[i]
		layer.Name = site.Name
		for name, into := range map[string]oracle.Matrix{".weight": layer.Weight, ".bias": layer.Bias} {
			if err := fill(into, site.Name+name, values[site.Name+name]); err != nil {
				return network, err
			}
		}
	}
	return network, nil
}

// fill copies a tensor's elements into a matrix that has as many.
func fill(into oracle.Matrix, name string, from *linalg.Tensor) error {
	if from == nil {
		return fmt.Errorf("the model has no parameter %s", name)
	}
	m := double(from, into.Cols)
	if m.Rows != into.Rows || from.Len() != len(into.Data) {
		return fmt.Errorf("parameter %s has shape %v, the oracle's is (%d, %d)", name, from.Shape(), into.Rows, into.Cols)
	}
	copy(into.Data, m.Data)
	return nil
}

// double returns a host tensor's elements as a matrix with so many columns.
func double(t *linalg.Tensor, cols int) oracle.Matrix {
	m := oracle.NewMatrix(t.Len()/cols, cols)
	for i := range m.Data {
		m.Data[i] = float64(t.F32()[i])
	}
	return m
}

// doubles returns parameters or their gradients as matrices: (rows, columns), or one row
// where they have one dimension.
func doubles(tensors []*linalg.Tensor) []oracle.Matrix {
	list := make([]oracle.Matrix, len(tensors))
	for i, t := range tensors {
		cols := t.Len()
		if len(t.Shape()) > 1 {
			cols = t.Cols()
		}
		list[i] = double(t, cols)
	}
	return list
}

// oracleAdapter copies an adapter's parameters; their order is the canonical one.
func oracleAdapter(a adapter.Adapter) (*oracle.Adapter, error) {
	spec := a.Spec()
	var values []*linalg.Tensor
	var names []string
	for _, p := range a.Params() {
		values, names = append(values, p.Value), append(names, p.Name)
	}
	switch {
	case spec.Kind == adapter.LowRank && fmt.Sprint(names) == "[A B]":
		scale := spec.Scale
		if scale == 0 {
			scale = 1
		}
		return &oracle.Adapter{Kind: oracle.LowRank, Scale: scale, Params: doubles(values)}, nil
	case spec.Kind == adapter.Linear && (fmt.Sprint(names) == "[weight bias]" || fmt.Sprint(names) == "[weight]"):
		return &oracle.Adapter{Kind: oracle.Linear, Params: doubles(values)}, nil
	case spec.Kind == adapter.MLP && len(names)%2 == 0:
		return &oracle.Adapter{Kind: oracle.MLP, Params: doubles(values)}, nil
	}
	return nil, fmt.Errorf("the oracle has no adapter of kind %q with parameters %v", spec.Kind, names)
}

// tensors returns a participant's rows as the model takes them: images (n, H, W, C).
func tensors(batches []oracle.Batch, shape []int) (inputs, labels *linalg.Tensor) {
	var pixels []float32
	var classes []int32
	for _, b := range batches {
		for _, v := range b.Inputs.Data {
			pixels = append(pixels, float32(v))
		}
		for _, l := range b.Labels {
			classes = append(classes, int32(l))
		}
	}
	dims := append([]int{len(classes)}, shape...)
	return linalg.FromF32(pixels, dims...), linalg.FromI32(classes, len(classes))
}
