package model

import (
	"errors"
	"fmt"
	"math"
	"slices"
	"strings"

	"github.com/gradientlearning/cola/linalg"
	"github.com/gradientlearning/cola/linalg/safetensors"
)

// loadFile fills parameters, which are on the host, from a safetensors file.
func loadFile(list []parameter, path string) (err error) {
	f, err := safetensors.Open(path)
	if err != nil {
		return fmt.Errorf("the base model's weights: %w", err)
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	values, err := read(list, f.Names(), f.Tensor, func(name string) []int {
		info, _ := f.Info(name)
		return info.Shape
	})
	if err != nil {
		return fmt.Errorf("%s does not hold this model: %w", path, err)
	}
	for i, p := range list {
		*p.value = values[i]
	}
	return nil
}

// read returns the parameters' values, widened to F32. What is missing, mis-shaped, not to
// be read or not used is named, all in one error.
func read(list []parameter, names []string, tensor func(name string) (linalg.Blob, error), shape func(name string) []int) ([]*linalg.Tensor, error) {
	var missing, shaped, unusable, unused []string
	values := make([]*linalg.Tensor, len(list))
	wanted := map[string]bool{}
	for i, p := range list {
		wanted[p.name] = true
		if !slices.Contains(names, p.name) {
			missing = append(missing, p.name)
			continue
		}
		if got, want := shape(p.name), (*p.value).Shape(); !slices.Equal(got, want) {
			shaped = append(shaped, fmt.Sprintf("%s %v instead of %v", p.name, got, want))
			continue
		}
		blob, err := tensor(p.name)
		if err == nil {
			values[i], err = widen(blob)
		}
		if err != nil {
			unusable = append(unusable, err.Error())
		}
	}
	for _, name := range names {
		if !wanted[name] {
			unused = append(unused, name)
		}
	}
	var wrong []string
	for _, c := range []struct {
		what  string
		names []string
	}{{"missing: ", missing}, {"mis-shaped: ", shaped}, {"unusable: ", unusable}, {"unused: ", unused}} {
		if len(c.names) > 0 {
			wrong = append(wrong, c.what+strings.Join(c.names, ", "))
		}
	}
	if len(wrong) > 0 {
		return nil, errors.New("tensors " + strings.Join(wrong, "; "))
	}
	return values, nil
}

// widen returns a blob of floating-point numbers as F32; all must be finite.
func widen(blob linalg.Blob) (*linalg.Tensor, error) {
	t, err := blob.Tensor()
	if err != nil {
		return nil, err
	}
	if t.DType() == linalg.I32 {
		return nil, fmt.Errorf("tensor %q is of type I32: convert it to F32, F16 or BF16", blob.Name)
	}
	t = t.Convert(linalg.F32)
	for _, v := range t.F32() {
		if math.IsNaN(float64(v)) || math.IsInf(float64(v), 0) {
			return nil, fmt.Errorf("tensor %q holds a number that is not finite", blob.Name)
		}
	}
	return t, nil
}

// Load replaces the pristine parameters by blobs of the same names and shapes, of dtype
// F32, F16 or BF16; nothing stays merged. What is missing, mis-shaped, unusable or unused is
// named, all in one error, and then nothing is changed.
func (b *Base) Load(blobs map[string]linalg.Blob) error {
	var names []string
	for name := range blobs {
		names = append(names, name)
	}
	slices.Sort(names)
	values, err := read(b.parameters, names,
		func(name string) (linalg.Blob, error) {
			blob := blobs[name]
			blob.Name = name // for messages
			return blob, nil
		},
		func(name string) []int { return blobs[name].Shape })
	if err != nil {
		return err
	}
	for i, p := range b.parameters {
		b.dev.Upload(*p.value, values[i])
	}
	for _, l := range b.layers {
		l.packed.Set(l.weight)
		l.workingBias, l.merged = l.bias, false
	}
	return nil
}

// Blobs returns the pristine parameters in checkpoint order, as F32.
func (b *Base) Blobs() []linalg.Blob {
	var blobs []linalg.Blob
	for _, p := range b.Parameters() {
		blobs = append(blobs, p.Value.Blob(p.Name))
	}
	return blobs
}

// Save writes the pristine parameters as a safetensors file that [Config] can name as its
// weights.
func (b *Base) Save(path string) error {
	return safetensors.WriteFile(path, b.Blobs(), map[string]string{"format": "cola-model", "type": b.config.Type})
}
