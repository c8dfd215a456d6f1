package model

import (
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"math"
	"math/rand/v2"
	"reflect"
	"strings"

	"github.com/gradientlearning/cola/adapter"
	"github.com/gradientlearning/cola/linalg"
)

// network is an architecture: what it computes from a batch's inputs to its logits.
type network interface {
	// forward returns the logits (examples, classes).
	forward(t *Tape, x *Var) *Var
}

// declare returns the architecture that a configuration names, its parameters still to be
// filled in.
func declare(c Config) network {
	switch c.Type {
	case "linear":
		return newLinear(c)
	case "mlp":
		return newMLP(c)
	case "cnn":
		return newCNN(c)
	}
	panic("model: configuration was not validated: type " + c.Type)
}

// linear is a fully connected layer: a site.
type linear struct {
	Weight *linalg.Tensor `tensor:"weight"` // (out, in)
	Bias   *linalg.Tensor `tensor:"bias"`   // (out)
	site   int
}

func newLinearLayer(site, in, out int) *linear {
	return &linear{Weight: linalg.New(linalg.F32, out, in), Bias: linalg.New(linalg.F32, out), site: site}
}

// conv2D is a convolution: a site. Its weight is (out, C, K, K), as PyTorch has it.
type conv2D struct {
	Weight   *linalg.Tensor `tensor:"weight"`
	Bias     *linalg.Tensor `tensor:"bias"`
	site     int
	geometry linalg.Conv
}

func newConv2D(site int, geometry linalg.Conv, out int) *conv2D {
	k := geometry.Kernel
	return &conv2D{
		Weight: linalg.New(linalg.F32, out, geometry.Channels, k, k), Bias: linalg.New(linalg.F32, out), site: site, geometry: geometry,
	}
}

// Parameter is a tensor of the base model under its checkpoint name.
type Parameter struct {
	Name  string
	Value *linalg.Tensor
}

// parameters walks over an architecture in the order of its fields. Tags name the
// tensors; a slice's elements are numbered: "layers.0.weight".
func parameters(n network) []Parameter {
	var list []Parameter
	walk(reflect.ValueOf(n).Elem(), "", func(name string, field reflect.Value) {
		list = append(list, Parameter{name, field.Interface().(*linalg.Tensor)})
	}, nil)
	return list
}

// layers returns the sites of an architecture, in order of their numbers.
func layers(n network) []*layer {
	var list []*layer
	walk(reflect.ValueOf(n).Elem(), "", nil, func(name string, v any) {
		switch v := v.(type) {
		case *linear:
			list = append(list, &layer{
				site:   adapter.Site{Name: name, Kind: adapter.SiteLinear, In: v.Weight.Cols(), Out: v.Weight.Rows(), Bias: true, Group: v.site},
				weight: v.Weight, bias: v.Bias,
			})
		case *conv2D:
			list = append(list, &layer{
				site: adapter.Site{
					Name: name, Kind: adapter.SiteConv2D, In: v.geometry.Columns(), Out: v.Weight.Rows(), Bias: true, Conv: v.geometry, Group: v.site,
				},
				weight: v.Weight.Reshape(v.Weight.Rows(), v.geometry.Columns()), bias: v.Bias,
			})
		}
	})
	return list
}

// walk visits the tagged fields of a struct, depth first: tensors and the layers that
// hold them.
func walk(v reflect.Value, prefix string, tensor func(string, reflect.Value), part func(string, any)) {
	for i := range v.NumField() {
		tag, ok := v.Type().Field(i).Tag.Lookup("tensor")
		if !ok {
			continue
		}
		field := v.Field(i)
		switch {
		case field.Kind() == reflect.Slice:
			for j := range field.Len() {
				descend(field.Index(j), prefix+strings.ReplaceAll(tag, "{i}", fmt.Sprint(j)), tensor, part)
			}
		case field.Type() == reflect.TypeFor[*linalg.Tensor]():
			if tensor != nil {
				tensor(prefix+tag, field)
			}
		default:
			descend(field, prefix+tag, tensor, part)
		}
	}
}

func descend(v reflect.Value, name string, tensor func(string, reflect.Value), part func(string, any)) {
	if part != nil {
		part(name, v.Interface())
	}
	walk(v.Elem(), name+".", tensor, part)
}

// randomise draws every parameter as PyTorch's nn.Linear and nn.Conv2d do, U(−b, b) with
// b = 1/√fan_in for weight and bias alike. A parameter's numbers depend on the seed and
// its own name only.
func randomise(list []Parameter, seed uint64) {
	fanIn := map[string]int{}
	for _, p := range list {
		if layer, ok := strings.CutSuffix(p.Name, "weight"); ok {
			fanIn[layer] = p.Value.Cols()
		}
	}
	for _, p := range list {
		key := sha256.Sum256(append(binary.LittleEndian.AppendUint64([]byte("cola base model\x00"), seed), p.Name...))
		r := rand.New(rand.NewChaCha8(key))
		bound := 1 / math.Sqrt(float64(fanIn[p.Name[:strings.LastIndexByte(p.Name, '.')+1]]))
		for i := range p.Value.F32() {
			p.Value.F32()[i] = float32((2*r.Float64() - 1) * bound)
		}
	}
}
