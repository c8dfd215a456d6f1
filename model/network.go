package model

import (
	"fmt"
	"reflect"
	"slices"
	"strings"

	"github.com/gradientlearning/cola/adapter"
	"github.com/gradientlearning/cola/linalg"
)

// network is an architecture: how it gets from a batch's inputs to its logits.
type network interface {
	// check says what is wrong with a batch's inputs and labels; owners were checked.
	check(b *Batch) error
	// forward returns the logits or, where there is a head of the vocabulary's size, what
	// goes into it.
	forward(p *pass, b *Batch) *Var
	// head returns the head of a language model, which the loss computes in chunks; nil:
	// forward returns logits.
	head() *linear
	// labels returns a label for each row of forward's result, on the host.
	labels(b *Batch) *linalg.Tensor
	// predicted returns the rows of forward's result that each owner has.
	predicted(b *Batch) []Rows
}

// parameter is a field of an architecture that holds a tensor.
type parameter struct {
	name       string
	value      **linalg.Tensor
	onHost     bool // a weight behind a [layer]; others are on the device
	transposed bool // in checkpoints
	held

	pristine *linalg.Tensor // on the host, of what is on the device
}

// shape is what checkpoints hold the parameter in.
func (p parameter) shape() []int {
	s := (*p.value).Shape()
	if p.transposed != p.turned {
		return []int{s[1], s[0]}
	}
	return s
}

// turn brings a tensor from the model's layout to the checkpoints'.
func (p parameter) turn(t *linalg.Tensor) *linalg.Tensor {
	if p.transposed {
		return transposed(t)
	}
	return t
}

// parameters lists an architecture's tensors in the order of its fields, under the names
// that the tags give them; the elements of a slice are numbered: "layers.0.weight".
func parameters(n network) []parameter {
	var list []parameter
	add := func(name string, value **linalg.Tensor, onHost, transposed bool) {
		if *value != nil {
			list = append(list, parameter{name: name, value: value, onHost: onHost, transposed: transposed})
		}
	}
	walk(reflect.ValueOf(n), "", func(name string, field any) bool {
		switch f := field.(type) {
		case **linear:
			if !(*f).tied {
				add(name+".weight", &(*f).Weight, true, (*f).transposed)
			}
			add(name+".bias", &(*f).Bias, false, false)
			return false
		case **conv2D:
			add(name+".weight", &(*f).Weight, true, false)
			add(name+".bias", &(*f).Bias, false, false)
			return false
		case **embedding:
			if !(*f).tied {
				add(name+".weight", &(*f).Weight, true, false)
			}
			return false
		case **linalg.Tensor:
			add(name, f, false, false)
			return false
		}
		return true
	})
	return list
}

// layers lists an architecture's layers in the order of its fields, all that a site can be,
// and tells every linear, conv2D and embedding its own.
func layers(n network) []*layer {
	var list []*layer
	add := func(s adapter.Site, weight, bias **linalg.Tensor, input int) *layer {
		l := &layer{site: s, index: -1, input: input, weight: weight, bias: bias}
		list = append(list, l)
		return l
	}
	walk(reflect.ValueOf(n), "", func(name string, field any) bool {
		switch f := field.(type) {
		case **linear:
			l := *f
			l.layer = add(adapter.Site{
				Name: name, Kind: adapter.SiteLinear, In: l.Weight.Cols(), Out: l.Weight.Rows(), Bias: l.Bias != nil, Head: l.head,
			}, &l.Weight, &l.Bias, l.input)
			l.layer.output = l.output
			return false
		case **conv2D:
			l := *f
			l.layer = add(adapter.Site{
				Name: name, Kind: adapter.SiteConv2D, In: l.Weight.Cols(), Out: l.Weight.Rows(), Bias: true, Conv: l.geometry,
			}, &l.Weight, &l.Bias, l.input)
			return false
		case **embedding:
			l := *f
			l.layer = add(adapter.Site{Name: name, Kind: adapter.SiteEmbedding, In: l.Weight.Rows(), Out: l.Weight.Cols()}, &l.Weight, new(*linalg.Tensor), l.input)
			return false
		}
		return true
	})
	return list
}

// choose makes sites of the layers that are wanted, in the order in which x reaches their
// inputs, those with the same input behind each other.
func choose(all []*layer, wanted func(*layer) bool) []*layer {
	var chosen []*layer
	first := map[int]int{} // by input: the first layer's place
	for i, l := range all {
		if !wanted(l) {
			continue
		}
		if _, ok := first[l.input]; !ok {
			first[l.input] = i
		}
		chosen = append(chosen, l)
	}
	slices.SortStableFunc(chosen, func(a, b *layer) int { return first[a.input] - first[b.input] })
	group := -1
	for i, l := range chosen {
		if i == 0 || chosen[i-1].input != l.input {
			group++
		}
		l.index, l.site.Group = i, group
	}
	return chosen
}

// walk visits the tagged fields of the struct that v points to, depth first, with their
// full names; visit gets pointers to them, and says whether to look inside.
func walk(v reflect.Value, prefix string, visit func(name string, field any) bool) {
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

// visitField visits one field, and those of the struct that it points to.
func visitField(field reflect.Value, name string, visit func(name string, field any) bool) {
	if field.IsNil() || !visit(name, field.Addr().Interface()) {
		return
	}
	if name != "" {
		name += "."
	}
	walk(field, name, visit)
}
