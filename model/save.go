package model

import (
	"errors"
	"fmt"
	"io"
	"runtime"
	"slices"

	"github.com/gradientlearning/cola/linalg"
	"github.com/gradientlearning/cola/linalg/safetensors"
)

// named are the parameters under the names that files have for them.
func (b *Base) named() []parameter {
	list := slices.Clone(b.parameters)
	for i, p := range list {
		list[i].name = b.checkpointName(p)
	}
	return list
}

// checkpointName is the name that files written here have for a parameter.
func (b *Base) checkpointName(p parameter) string {
	if a, ok := b.network.(interface{ aliases(name string) []string }); ok {
		return a.aliases(p.name)[0]
	}
	return p.name
}

// Blobs returns the pristine parameters in checkpoint order, names and layout, as F32.
func (b *Base) Blobs() []linalg.Blob {
	var blobs []linalg.Blob
	for _, p := range b.named() {
		blobs = append(blobs, p.turn(b.pristine(p)).Blob(p.name))
	}
	return blobs
}

// outlines are the blobs of files as their headers have them: without data.
func (b *Base) outlines(dtype linalg.DType) []linalg.Blob {
	var list []linalg.Blob
	for _, p := range b.named() {
		list = append(list, linalg.Blob{Name: p.name, DType: dtype, Shape: p.shape()})
	}
	return list
}

// metadata is what files say of themselves.
func (b *Base) metadata() map[string]string {
	if b.config.Path != "" {
		return map[string]string{"format": "pt"}
	}
	return map[string]string{"format": "cola-model", "type": b.config.Type}
}

// Save writes the pristine parameters as a safetensors file, in F32 and one after the other: of
// an image classifier a file that [Config] can name as its weights, of a model of text one that
// belongs beside its config.json as model.safetensors.
func (b *Base) Save(path string) error {
	return safetensors.WriteFileEach(path, b.outlines(linalg.F32), b.metadata(), func(i int) ([]byte, error) {
		p := b.parameters[i]
		return linalg.Bytes(p.turn(b.pristine(p))), nil
	})
}

// SaveMerged writes the parameters W₀ + ΔW as [Base.Save] writes the pristine ones. A delta of a
// table that a head is tied to is an error: a checkpoint cannot hold both.
func (b *Base) SaveMerged(path string, deltas []Delta) error {
	if err := b.checkDeltas(deltas); err != nil {
		return err
	}
	sums := map[**linalg.Tensor]*linalg.Tensor{} // by the parameter that it is added to
	for i, l := range b.sites {
		if deltas[i].Weight != nil && b.shared(l) {
			return fmt.Errorf("site %s: its table is the head's too, and only one of the two is adapted: leave the site out, or keep the adapter apart", l.site.Name)
		}
		sums[l.weight], sums[l.bias] = deltas[i].Weight, deltas[i].Bias
	}
	return safetensors.WriteFileEach(path, b.outlines(linalg.F32), b.metadata(), func(i int) ([]byte, error) {
		p := b.parameters[i]
		value := b.pristine(p)
		if d := sums[p.value]; d != nil {
			if d.Memory() != nil {
				d = download(b.dev, d)
			}
			for i, v := range d.F32() {
				value.F32()[i] += v
			}
		}
		return linalg.Bytes(p.turn(value)), nil
	})
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

// Draw writes what a model of text would have as its weights with random = true, as a
// safetensors file of a float type: a few tensors at a time, whatever the model's size. It
// belongs beside the config.json.
func Draw(w io.Writer, c Config, dtype linalg.DType) error {
	if c.Path == "" {
		return errors.New("weights are drawn for models of text, which have a path")
	}
	c.Random = true
	b, err := build(linalg.NewCPU(), c)
	if err != nil {
		return err
	}
	norms(b.network)
	drawn, stop := make(chan chan []byte, runtime.GOMAXPROCS(0)), make(chan struct{})
	defer close(stop)
	go func() { // draws so many ahead of the writer
		for _, p := range b.parameters {
			value, data := *p.value, make(chan []byte, 1)
			select {
			case drawn <- data:
			case <-stop:
				return
			}
			go func() {
				p.value = &value // which nothing else holds
				draw(p, c.Seed)
				data <- linalg.Bytes(p.turn(value).Convert(dtype))
			}()
		}
	}()
	return safetensors.WriteEach(w, b.outlines(dtype), b.metadata(), func(int) ([]byte, error) { return <-<-drawn, nil })
}
