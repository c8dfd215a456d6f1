package model

import (
	"fmt"

	"github.com/gradientlearning/cola/adapter"
	"github.com/gradientlearning/cola/linalg"
)

// classical makes the parameters of adapters, and of the base model if asked to, Vars on
// the tape. Adapters are built from the tape's primitive operations; nothing of package
// adapter's own mathematics is used.
type classical struct {
	adapters [][][]*Var       // by owner, site, parameter
	base     map[string]*Var  // by name, where trainable
	copies   []*linalg.Tensor // by site: the working weight as a plain matrix
}

// Gradients are classical gradients of the loss, on the host.
type Gradients struct {
	// Adapters by owner and site, in the order of Adapter.Params.
	Adapters [][][]*linalg.Tensor
	// Base by parameter name; nil unless asked for.
	Base map[string]*linalg.Tensor
}

// Classical differentiates the loss of a batch with respect to the parameters of every
// owner's adapters, with everything on one tape: the reference that gradient learning is
// compared with. The base model's part is the working copy, merged or not. With trainBase
// the base parameters are differentiated too, at their working values.
func (b *Base) Classical(batch *Batch, trainBase bool) (Gradients, Result, error) {
	c := &classical{base: map[string]*Var{}}
	result, tape, err := b.forward(batch, siteRouter{mode: Unmerged, classical: b.variables(c, batch, trainBase)})
	if err != nil {
		return Gradients{}, Result{}, err
	}
	tape.run()
	g := Gradients{Adapters: make([][][]*linalg.Tensor, len(c.adapters))}
	for o, sites := range c.adapters {
		g.Adapters[o] = make([][]*linalg.Tensor, len(sites))
		for s, params := range sites {
			for _, p := range params {
				g.Adapters[o][s] = append(g.Adapters[o][s], b.gradientOf(p))
			}
		}
	}
	if trainBase {
		g.Base = map[string]*linalg.Tensor{}
		for name, v := range c.base {
			g.Base[name] = b.gradientOf(v)
		}
	}
	return g, result, nil
}

// gradientOf returns a Var's gradient: zero if nothing reached it.
func (b *Base) gradientOf(v *Var) *linalg.Tensor {
	if v.grad == nil {
		return linalg.New(linalg.F32, v.Value.Shape()...)
	}
	return onHost(b.dev, v.grad)
}

// variables puts all parameters on the tape.
func (b *Base) variables(c *classical, batch *Batch, trainBase bool) *classical {
	tape := &Tape{dev: b.dev}
	for _, o := range batch.Owners {
		sites := make([][]*Var, len(o.Adapters))
		for s, a := range o.Adapters {
			for _, p := range a.Params() {
				sites[s] = append(sites[s], tape.parameter(onDevice(b.dev, onHost(b.dev, p.Value))))
			}
		}
		c.adapters = append(c.adapters, sites)
	}
	for _, l := range b.layers {
		weight := b.working(l)
		c.copies = append(c.copies, weight)
		if trainBase {
			c.base[l.site.Name+".weight"] = tape.parameter(weight)
			c.base[l.site.Name+".bias"] = tape.parameter(l.workingBias())
		}
	}
	return c
}

// working returns the matrix that a layer multiplies with: I·W.
func (b *Base) working(l *layer) *linalg.Tensor {
	identity := linalg.New(linalg.F32, l.site.Out, l.site.Out)
	for i := range l.site.Out {
		identity.F32()[i*l.site.Out+i] = 1
	}
	w := b.dev.New(linalg.F32, l.site.Out, l.site.In)
	b.dev.LinearBackward(w, onDevice(b.dev, identity), l.packed, false)
	return w
}

// classicalSite is Site with everything on the tape.
func (t *Tape) classicalSite(i int, x *Var) *Var {
	r, l := &t.sites, t.sites.layers[i]
	c := r.classical
	rows := x
	if l.site.Kind == adapter.SiteConv2D {
		rows = t.Unfold(x, l.site.Conv)
	}
	weight, bias := c.base[l.site.Name+".weight"], c.base[l.site.Name+".bias"]
	if weight == nil {
		weight, bias = t.input(c.copies[i]), t.input(l.workingBias())
	}
	y := t.AddBias(t.Product(rows, weight), bias)
	if parts := t.classicalAdapters(i, rows); parts != nil {
		y = t.Add(y, 1, parts)
	}
	if l.site.Kind == adapter.SiteConv2D {
		h, w := l.site.Conv.Output()
		y = t.Reshape(y, y.Value.Rows()/l.site.Positions(), h, w, l.site.Out)
	}
	return y
}

// classicalAdapters is what the owners' adapters add, or nil if nobody has any.
func (t *Tape) classicalAdapters(i int, x *Var) *Var {
	r, p := &t.sites, t.sites.layers[i].site.Positions()
	var parts []*Var
	some := false
	for k, o := range r.owners {
		rows := t.Rows(x, o.Lo*p, o.Hi*p)
		if len(o.Adapters) == 0 {
			parts = append(parts, t.input(t.dev.New(linalg.F32, rows.Value.Rows(), r.layers[i].site.Out)))
			continue
		}
		some = true
		parts = append(parts, t.classicalAdapter(o.Adapters[i].Spec(), r.classical.adapters[k][i], rows))
	}
	if !some {
		return nil
	}
	return t.Stack(parts...)
}

// classicalAdapter is one adapter from primitive operations.
func (t *Tape) classicalAdapter(spec adapter.Spec, params []*Var, x *Var) *Var {
	switch spec.Kind {
	case adapter.LowRank: // s·(x·Aᵀ)·Bᵀ
		y := t.Product(t.Product(x, params[0]), params[1])
		if s := float32(spec.Scale); s != 0 && s != 1 {
			zero := t.input(t.dev.New(linalg.F32, y.Value.Shape()...))
			y = t.Add(zero, s, y)
		}
		return y
	case adapter.Linear: // x·ΔWᵀ + b
		y := t.Product(x, params[0])
		if len(params) == 2 {
			y = t.AddBias(y, params[1])
		}
		return y
	case adapter.MLP: // ReLU between
		for l := 0; l < len(params); l += 2 {
			if l > 0 {
				x = t.ReLU(x)
			}
			x = t.AddBias(t.Product(x, params[l]), params[l+1])
		}
		return x
	}
	panic(fmt.Sprintf("model: adapter of kind %q", spec.Kind))
}
