package model

import (
	"fmt"
	"reflect"
	"strings"

	"github.com/gradientlearning/cola/adapter"
	"github.com/gradientlearning/cola/linalg"
)

// network is an architecture: how it gets from a batch's inputs to its logits.
type network interface {
	// check says what is wrong with a batch's inputs and labels.
	check(b *Batch) error
	// rows returns the rows of the inputs that each owner has.
	rows(b *Batch) []rows
	// forward returns the logits, one row for each label.
	forward(p *pass, x *Var) *Var
}

// declare returns the architecture that a configuration names, its parameters zero and on
// the host.
func declare(c Config) network {
	switch c.Type {
	case "linear":
		return newLinearClassifier(c)
	case "mlp":
		return newMLPClassifier(c)
	case "cnn":
		return newCNNClassifier(c)
	}
	panic("model: the configuration was not validated: type " + c.Type)
}

// linear is a fully connected layer: a site.
type linear struct {
	Weight *linalg.Tensor `tensor:"weight"` // (out, in)
	Bias   *linalg.Tensor `tensor:"bias"`   // (out)
	site   int
}

func newLinear(site, in, out int) *linear {
	return &linear{Weight: linalg.New(linalg.F32, out, in), Bias: linalg.New(linalg.F32, out), site: site}
}

// conv2D is a convolution: a site.
type conv2D struct {
	Weight   *linalg.Tensor `tensor:"weight"` // (out, C, K, K)
	Bias     *linalg.Tensor `tensor:"bias"`   // (out)
	site     int
	geometry linalg.Conv
}

func newConv2D(site int, geometry linalg.Conv, out int) *conv2D {
	weight := linalg.New(linalg.F32, out, geometry.Channels, geometry.Kernel, geometry.Kernel)
	return &conv2D{Weight: weight, Bias: linalg.New(linalg.F32, out), site: site, geometry: geometry}
}

// parameter is a field of an architecture that holds a tensor.
type parameter struct {
	name  string
	value **linalg.Tensor
}

// parameters lists an architecture's tensors in the order of its fields, under the names
// that the tags give them; the elements of a slice are numbered: "layers.0.weight".
func parameters(n network) []parameter {
	var list []parameter
	walk(reflect.ValueOf(n), "", func(name string, field any) {
		if value, ok := field.(**linalg.Tensor); ok {
			list = append(list, parameter{name, value})
		}
	})
	return list
}

// layers lists an architecture's sites. Every layer of the models here has its own input,
// so that each is a group.
func layers(n network) []*layer {
	var list []*layer
	add := func(s adapter.Site, weight, bias *linalg.Tensor) {
		s.In, s.Out, s.Bias = weight.Cols(), weight.Rows(), true
		list = append(list, &layer{site: s, weight: weight.Reshape(s.Out, s.In), bias: bias})
	}
	walk(reflect.ValueOf(n), "", func(name string, field any) {
		switch l := field.(type) {
		case **linear:
			add(adapter.Site{Name: name, Kind: adapter.SiteLinear, Group: (*l).site}, (*l).Weight, (*l).Bias)
		case **conv2D:
			add(adapter.Site{Name: name, Kind: adapter.SiteConv2D, Group: (*l).site, Conv: (*l).geometry}, (*l).Weight, (*l).Bias)
		}
	})
	return list
}

// walk visits the tagged fields of the struct that v points to, depth first, with their
// full names; visit gets pointers to them.
func walk(v reflect.Value, prefix string, visit func(name string, field any)) {
	for i := range v.Elem().NumField() {
		tag, ok := v.Elem().Type().Field(i).Tag.Lookup("tensor")
		if !ok {
			continue
		}
		field := v.Elem().Field(i)
		if field.Kind() != reflect.Slice {
			visitField(field, prefix+tag, visit)
			continue
		}
		for j := range field.Len() {
			visitField(field.Index(j), prefix+strings.ReplaceAll(tag, "{i}", fmt.Sprint(j)), visit)
		}
	}
}

func visitField(field reflect.Value, name string, visit func(name string, field any)) {
	visit(name, field.Addr().Interface())
	if field.Type() != reflect.TypeFor[*linalg.Tensor]() {
		walk(field, name+".", visit)
	}
}
