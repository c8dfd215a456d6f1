package model

import (
	"fmt"

	"github.com/gradientlearning/cola/adapter"
	"github.com/gradientlearning/cola/linalg"
)

// classical holds the parameters that are on the tape. Adapters are built from the tape's
// primitive operations: nothing of package adapter's own mathematics takes part.
type classical struct {
	adapters [][][]*Var // by owner, site, parameter
	weights  []*Var     // by site, of the working copy
	biases   []*Var
}

// Gradients are classical gradients of the loss Σ Scale·loss over rows, on the host.
type Gradients struct {
	// Adapters by owner and site, in the order of Adapter.Params.
	Adapters [][][]*linalg.Tensor
	// Base by parameter name; nil unless asked for.
	Base map[string]*linalg.Tensor
}

// Classical differentiates the loss of a batch with respect to the parameters of every
// owner's adapters, all of it on one tape and unmerged: the reference that gradient
// learning is compared with. The base model's part is the working copy, merged or not. With
// trainBase the base parameters are differentiated too, at their working values; that is
// for models all of whose parameters are at sites, as in those for images. Adapters of
// embeddings are not differentiated here. Other errors are those of [Base.Pass].
func (b *Base) Classical(batch *Batch, trainBase bool) (Gradients, Result, error) {
	if err := b.check(batch, Unmerged); err != nil {
		return Gradients{}, Result{}, err
	}
	if err := b.checkClassical(trainBase); err != nil {
		return Gradients{}, Result{}, err
	}
	p := b.newPass(batch, Unmerged)
	defer p.close()
	p.classical = b.variables(p.Tape, p.owners, trainBase)
	result, err := b.run(p, batch)
	if err != nil {
		return Gradients{}, Result{}, err
	}
	g := Gradients{Adapters: make([][][]*linalg.Tensor, len(batch.Owners))}
	for k, sites := range p.classical.adapters {
		g.Adapters[k] = make([][]*linalg.Tensor, len(sites))
		for s, params := range sites {
			for _, v := range params {
				g.Adapters[k][s] = append(g.Adapters[k][s], download(b.dev, v.Gradient()))
			}
		}
	}
	if trainBase {
		g.Base = b.baseGradients(p.classical)
	}
	return g, result, nil
}

func (b *Base) checkClassical(trainBase bool) error {
	atSites := 0
	for _, l := range b.sites {
		if l.site.Kind == adapter.SiteEmbedding {
			return fmt.Errorf("site %s: the classical gradient of an embedding's adapter is not computed: leave the site out", l.site.Name)
		}
		atSites++
		if *l.bias != nil {
			atSites++
		}
	}
	if trainBase && atSites != len(b.parameters) {
		return fmt.Errorf("%d of the model's %d parameters are at sites: the classical gradient of the base is for models where all are", atSites, len(b.parameters))
	}
	return nil
}

// baseGradients are the gradients of the base parameters, in their own shapes.
func (b *Base) baseGradients(c *classical) map[string]*linalg.Tensor {
	list := map[string]*linalg.Tensor{}
	for i, l := range b.sites {
		list[l.site.Name+".weight"] = download(b.dev, c.weights[i].Gradient())
		list[l.site.Name+".bias"] = download(b.dev, c.biases[i].Gradient())
	}
	for _, p := range b.parameters {
		list[p.name] = list[p.name].Reshape((*p.value).Shape()...)
	}
	return list
}

// variables puts the parameters on the tape.
func (b *Base) variables(t *Tape, owners []Owner, trainBase bool) *classical {
	c := &classical{}
	for _, o := range owners {
		sites := make([][]*Var, len(o.Adapters))
		for s, a := range o.Adapters {
			for _, param := range a.Params() {
				sites[s] = append(sites[s], t.Parameter(param.Value))
			}
		}
		c.adapters = append(c.adapters, sites)
	}
	frozenOrNot := t.Input
	if trainBase {
		frozenOrNot = t.Parameter
	}
	for _, l := range b.sites {
		c.weights = append(c.weights, frozenOrNot(b.workingWeight(l)))
		var bias *Var
		if l.workingBias != nil {
			bias = frozenOrNot(l.workingBias)
		}
		c.biases = append(c.biases, bias)
	}
	return c
}

// workingWeight returns the matrix that a layer multiplies with, from its packed form where
// something is merged: I·W.
func (b *Base) workingWeight(l *layer) *linalg.Tensor {
	if !l.merged {
		w := l.whole(*l.weight)
		return place(b.dev, w.Reshape(w.Rows(), w.Cols()))
	}
	identity := linalg.New(linalg.F32, l.site.Out, l.site.Out)
	for i := range l.site.Out {
		identity.F32()[i*l.site.Out+i] = 1
	}
	w := b.dev.New(linalg.F32, l.site.Out, l.site.In)
	b.dev.LinearBackward(w, upload(b.dev, identity), l.packed, linalg.Backward{})
	return w
}

// classicalSite is site with everything on the tape.
func (p *pass) classicalSite(l *layer, x *Var) *Var {
	i := l.index
	if l.site.Kind == adapter.SiteConv2D {
		x = p.Unfold(x, l.site.Conv)
	}
	y := p.Product(x, p.classical.weights[i])
	if b := p.classical.biases[i]; b != nil {
		y = p.AddBias(y, b)
	}
	var parts []*Var
	for k, o := range p.owners {
		part := p.Input(p.dev.New(p.hidden, x.rows[k].Hi-x.rows[k].Lo, l.site.Out))
		if len(o.Adapters) > 0 {
			part = p.classicalAdapter(o.Adapters[i].Spec(), p.classical.adapters[k][i], p.Rows(x, x.rows[k].Lo, x.rows[k].Hi))
		}
		parts = append(parts, part)
	}
	y = p.Add(y, p.Stack(parts...))
	return p.Reshape(y, l.outputShape(y.Value.Rows())...)
}

// classicalAdapter is one adapter from primitive operations.
func (p *pass) classicalAdapter(spec adapter.Spec, params []*Var, x *Var) *Var {
	switch spec.Kind {
	case adapter.LowRank: // s·(x·Aᵀ)·Bᵀ
		y := p.Product(p.Product(x, params[0]), params[1])
		if spec.Scale != 0 { // 0 means 1
			y = p.Scale(y, float32(spec.Scale))
		}
		return y
	case adapter.Linear: // x·ΔWᵀ + b
		y := p.Product(x, params[0])
		if len(params) == 2 {
			y = p.AddBias(y, params[1])
		}
		return y
	case adapter.MLP: // linear layers with ReLU between
		for i := 0; i < len(params); i += 2 {
			if i > 0 {
				x = p.ReLU(x)
			}
			x = p.AddBias(p.Product(x, params[i]), params[i+1])
		}
		return x
	}
	panic(fmt.Sprintf("model: an adapter of kind %q", spec.Kind))
}
