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

// read returns the parameters' values in the layout of checkpoints, widened to F32. What is missing, mis-shaped, not to
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
		if got, want := shape(p.name), p.shape(); !slices.Equal(got, want) {
			shaped = append(shaped, fmt.Sprintf("%s %v instead of %v", p.name, got, want))
			continue
		}
		blob, err := tensor(p.name)
		if err == nil {
			values[i], err = widen(blob)
		}
		if err != nil {
			unusable = append(unusable, err.Error())
			continue
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
	values, err := read(b.named(), names,
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
		b.parameters[i].held = held{turned: p.transposed}
		if p.onHost {
			*p.value = values[i]
		} else {
			b.parameters[i].pristine = values[i]
			b.dev.Upload(*p.value, values[i])
		}
	}
	b.attach()
	b.restore()
	return nil
}
