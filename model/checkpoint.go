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

// named are the parameters under the names that files have for them.
func (b *Base) named() []parameter {
	list := slices.Clone(b.parameters)
	for i, p := range list {
		list[i].name = b.checkpointName(p)
	}
	return list
}

// Blobs returns the pristine parameters in checkpoint order, names and layout, as F32.
func (b *Base) Blobs() []linalg.Blob {
	var blobs []linalg.Blob
	for _, p := range b.named() {
		blobs = append(blobs, p.turn(b.pristine(p)).Blob(p.name))
	}
	return blobs
}

// MergedBlobs returns the parameters W₀ + ΔW as [Base.Blobs] returns the pristine ones. A
// delta of a table that a head is tied to is an error: a checkpoint cannot hold both.
func (b *Base) MergedBlobs(deltas []Delta) ([]linalg.Blob, error) {
	if err := b.checkDeltas(deltas); err != nil {
		return nil, err
	}
	sums := map[**linalg.Tensor]*linalg.Tensor{} // by the parameter that it is added to
	for i, l := range b.sites {
		if deltas[i].Weight != nil && b.shared(l) {
			return nil, fmt.Errorf("site %s: its table is the head's too, and only one of the two is adapted: leave the site out, or keep the adapter apart", l.site.Name)
		}
		sums[l.weight], sums[l.bias] = deltas[i].Weight, deltas[i].Bias
	}
	var blobs []linalg.Blob
	for _, p := range b.named() {
		value := b.pristine(p)
		if d := sums[p.value]; d != nil {
			if d.Memory() != nil {
				d = download(b.dev, d)
			}
			for i, v := range d.F32() {
				value.F32()[i] += v
			}
		}
		blobs = append(blobs, p.turn(value).Blob(p.name))
	}
	return blobs, nil
}

// shared reports whether several layers have the layer's weight.
func (b *Base) shared(l *layer) bool {
	n := 0
	for _, other := range b.layers {
		if *other.weight == *l.weight {
			n++
		}
	}
	return n > 1
}

// checkpointName is the name that files written here have for a parameter.
func (b *Base) checkpointName(p parameter) string {
	if a, ok := b.network.(interface{ aliases(name string) []string }); ok {
		return a.aliases(p.name)[0]
	}
	return p.name
}

// Save writes the pristine parameters as a safetensors file: of an image classifier one
// that [Config] can name as its weights, of a model of text one that belongs beside its
// config.json as model.safetensors.
func (b *Base) Save(path string) error {
	if b.config.Path != "" {
		return safetensors.WriteFile(path, b.Blobs(), map[string]string{"format": "pt"})
	}
	return safetensors.WriteFile(path, b.Blobs(), map[string]string{"format": "cola-model", "type": b.config.Type})
}
