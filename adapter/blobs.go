package adapter

import (
	"fmt"
	"slices"

	"github.com/gradientlearning/cola/linalg"
)

// Blobs returns an adapter's parameters as "<site>.<param>", in canonical order.
func Blobs(site Site, a Adapter) []linalg.Blob {
	var blobs []linalg.Blob
	for _, p := range a.Params() {
		blobs = append(blobs, p.Value.Blob(site.Name+"."+p.Name))
	}
	return blobs
}

// Load sets an adapter's parameters from exactly the blobs that [Blobs] names. A tensor
// that is missing, unknown, of another shape or not finite is an error that names it,
// and the adapter stays as it was.
func Load(site Site, a Adapter, blobs map[string]linalg.Blob) error {
	targets := map[string]*linalg.Tensor{}
	for _, p := range a.Params() {
		targets[site.Name+"."+p.Name] = p.Value
	}
	return load(targets, blobs)
}

// LoadTensors is [Load] from tensors on the host.
func LoadTensors(site Site, a Adapter, tensors map[string]*linalg.Tensor) error {
	targets := map[string]*linalg.Tensor{}
	for _, p := range a.Params() {
		targets[site.Name+"."+p.Name] = p.Value
	}
	return set(targets, tensors)
}

// load copies blobs into the tensors of the same names, all or none.
func load(targets map[string]*linalg.Tensor, blobs map[string]linalg.Blob) error {
	values, err := decode(blobs)
	if err != nil {
		return err
	}
	return set(targets, values)
}

// decode returns blobs as tensors on the host.
func decode(blobs map[string]linalg.Blob) (map[string]*linalg.Tensor, error) {
	values := make(map[string]*linalg.Tensor, len(blobs))
	for name, blob := range blobs {
		value, err := blob.Tensor()
		if err != nil {
			return nil, err
		}
		values[name] = value
	}
	return values, nil
}

// set copies values into the tensors of the same names, all or none.
func set(targets, values map[string]*linalg.Tensor) error {
	for name := range values {
		if targets[name] == nil {
			return fmt.Errorf("tensor %q is not part of the adapter", name)
		}
	}
	for name, target := range targets {
		value, ok := values[name]
		if !ok {
			return fmt.Errorf("tensor %q is missing", name)
		}
		if value.DType() != target.DType() || !slices.Equal(value.Shape(), target.Shape()) {
			return fmt.Errorf("tensor %q is %v %v, expected %v %v", name, value.DType(), value.Shape(), target.DType(), target.Shape())
		}
		if value.DType() == linalg.F32 {
			if err := finite(value.F32()); err != nil {
				return fmt.Errorf("tensor %q: %w", name, err)
			}
		}
	}
	for name, target := range targets {
		if target.DType() == linalg.I32 {
			copy(target.I32(), values[name].I32())
			continue
		}
		copy(target.F32(), values[name].F32())
	}
	return nil
}

// finite says where a number is NaN or infinite.
func finite(v []float32) error {
	for i, f := range v {
		if !(f-f == 0) { // NaN and infinities only
			return fmt.Errorf("element %d is %g", i, f)
		}
	}
	return nil
}
