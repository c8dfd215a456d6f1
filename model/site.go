package model

import (
	"github.com/gradientlearning/cola/adapter"
	"github.com/gradientlearning/cola/linalg"
)

// Mode says how a pass treats adapters.
type Mode string

// The modes.
const (
	// Detached adds g_w(x) to the forward pass but cuts its gradient to x, which is wrong
	// at every site but the last. It is kept because cola verify must show that.
	Detached Mode = "detached"
	// Unmerged adds g_w(x), each owner's rows through its own adapters. Exact.
	Unmerged Mode = "unmerged"
	// Merged computes with (W₀ + ΔW̄)x and knows no adapters. Exact.
	Merged Mode = "merged"
)

// Sink is where tuples leave a pass. The tensors are the device's, hold the rows of all
// owners in their order, must not be changed, and are valid during the call: whoever needs
// them longer copies, as [linalg.Device.Fetch] does.
type Sink interface {
	// Input gets x as soon as it exists in the forward pass, once for each group of sites
	// that share it, under the group's first site: (n, in), or at a conv2d site the
	// feature map (n, H, W, C), or at an embedding site the ids (n) in I32. Owner k's rows
	// are rows[k].
	Input(site int, x *linalg.Tensor, rows []Rows)
	// Gradient gets g = ∂L/∂ĥ as soon as it exists in the backward pass, once for each
	// site: (n, out), or at a conv2d site (n, Ho, Wo, out). Owner k's rows are rows[k].
	Gradient(site int, g *linalg.Tensor, rows []Rows)
}

// pass is one run of a batch through the model.
type pass struct {
	*Tape
	sites       []*layer
	owners      []Owner
	mode        Mode
	sink        Sink       // nil: no g is wanted
	quiet       bool       // nothing leaves yet: what is computed now is computed again
	checkpoints int        // every so many blocks one keeps its inputs alone; 0: none does
	blocks      int        // that have begun
	classical   *classical // nil: nothing but the hidden representations is differentiated
	cache       *cache     // of keys and values, while text is generated; else nil

	loans  []*linalg.Tensor // what was put on the device for the pass
	settle func()           // lets go of the owners' adapters there
}

// linear runs a linear layer on x (n, in).
func (p *pass) linear(l *linear, x *Var) *Var { return p.apply(l.layer, x) }

// linearAdded is W·x + b + residual, in one operation of the device where nothing comes
// between.
func (p *pass) linearAdded(l *linear, x, residual *Var) *Var {
	if !p.lasts(l.layer) {
		return p.Add(p.linear(l, x), residual)
	}
	y := p.empty(x.Value.Rows(), l.layer.site.Out)
	return p.added(p.applyTo(l.layer, y, x, linalg.Epilogue{Residual: residual.Value}, linalg.Backward{}), residual)
}

// mlp is down(f(up(x))) + residual. What up(x) is, f makes of it as the product leaves the device,
// and backwards g goes through f likewise; of f's result nothing stays.
func (p *pass) mlp(up, down *linear, x, residual *Var, f activation) *Var {
	if f.relu || !p.lasts(up.layer) || !p.lasts(down.layer) {
		return p.linearAdded(down, p.Activate(p.linear(up, x), f), residual)
	}
	n := x.Value.Rows()
	y, saved := p.empty(n, up.layer.site.Out), p.empty(n, up.layer.site.Out)
	h := p.applyTo(up.layer, y, x, linalg.Epilogue{Activation: f.kind, Saved: saved}, linalg.Backward{})
	through := &Var{Value: y, gradient: h.gradient, rows: h.rows} // whose gradient is h's, by way of f
	v := p.applyTo(down.layer, p.empty(n, down.layer.site.Out), through,
		linalg.Epilogue{Residual: residual.Value}, linalg.Backward{Activation: f.kind, Saved: saved})
	p.dev.Free(y)
	return p.added(p.keep(v, h), residual)
}

// lasts reports whether a layer's product is its result: no adapter adds to it.
func (p *pass) lasts(l *layer) bool { return l.index < 0 || p.classical == nil && p.mode == Merged }

// apply runs a layer on x: as a site where it is one, else
//
//	h = W·x + b, and backwards ∂L/∂x += Wᵀ·∂L/∂h
func (p *pass) apply(l *layer, x *Var) *Var {
	return p.applyTo(l, p.empty(x.Value.Rows()*l.site.Positions(), l.site.Out), x, linalg.Epilogue{}, linalg.Backward{})
}

// applyTo is apply into y, with what the epilogue makes of h, and what b makes of the gradient. The
// result is h itself where the epilogue has an activation, and y where it has none.
func (p *pass) applyTo(l *layer, y *linalg.Tensor, x *Var, e linalg.Epilogue, b linalg.Backward) *Var {
	e.Bias = l.workingBias
	if l.index >= 0 {
		return p.site(l, y, x, e, b)
	}
	dx, packed := x.gradient, l.packed
	p.dev.Linear(y, x.Value, packed, e)
	h := y
	if e.Saved != nil {
		h = e.Saved
	}
	return p.result(h, func(g *linalg.Tensor) {
		p.add(dx, func(sum *linalg.Tensor, accumulate bool) {
			b.Accumulate = accumulate
			p.dev.LinearBackward(sum, g, packed, b)
		})
	}, x)
}

// site runs a site on x, into y as applyTo does:
//
//	ĥ = W·x + b + g_w(x)
//
// with W and b of the working copy, and of g_w each owner's on its own rows (nothing in
// merged mode). Backwards g goes to the sink, and
//
//	∂L/∂x += Wᵀg + (∂g_w/∂x)ᵀg
//
// the second term in unmerged mode only. W and b are frozen, so that no GEMM's input is
// kept; x is kept only where an adapter's backward may need it. Patches never are: they
// are laid out again.
func (p *pass) site(l *layer, y *linalg.Tensor, x *Var, e linalg.Epilogue, b linalg.Backward) *Var {
	if p.classical != nil {
		p.dev.Free(y)
		return p.classicalSite(l, x)
	}
	p.emit(l, x)
	in := l.site.Unfold(p.dev, x.Value)
	p.dev.Linear(y, in, l.packed, e)
	adapter.Apply(p.dev, y, in, p.parts(l, x.rows))
	p.fold(in, x.Value)
	n, h := y.Rows(), y
	if e.Saved != nil {
		h = e.Saved
	}
	v := &Var{Value: h.Reshape(l.outputShape(n)...), rows: x.rows}
	p.own(v)
	if x.gradient == nil && p.sink == nil {
		return v
	}
	dx, owned := x.gradient, x.rows
	var kept *linalg.Tensor
	if p.mode == Unmerged && dx != nil {
		kept = x.Value
	}
	p.record(v, func(g *linalg.Tensor) {
		p.gradient(l, g, owned)
		p.add(dx, func(sum *linalg.Tensor, accumulate bool) {
			b.Accumulate = accumulate
			p.siteBackward(l, sum, g.Reshape(n, l.site.Out), kept, owned, b)
		})
	})
	if kept != nil {
		p.keep(v, x)
	}
	return v
}

// emit hands the sink x, at the first site of those that share it.
func (p *pass) emit(l *layer, x *Var) {
	i := l.index
	if p.sink != nil && !p.quiet && (i == 0 || p.sites[i-1].site.Group != l.site.Group) {
		p.sink.Input(i, x.Value, x.rows)
	}
}

// gradient hands the sink g.
func (p *pass) gradient(l *layer, g *linalg.Tensor, owned []Rows) {
	if p.sink != nil {
		p.sink.Gradient(l.index, g, owned)
	}
}

// siteBackward is the way from g (n, out) to dx; x is nil where no adapter takes part.
func (p *pass) siteBackward(l *layer, dx, g, x *linalg.Tensor, owned []Rows, b linalg.Backward) {
	if l.site.Kind != adapter.SiteConv2D {
		p.dev.LinearBackward(dx, g, l.packed, b)
		p.adaptersBackward(l, dx, g, x, owned)
		return
	}
	patches := p.empty(g.Rows(), l.site.In)
	p.dev.LinearBackward(patches, g, l.packed, linalg.Backward{})
	p.adaptersBackward(l, patches, g, x, owned)
	p.dev.UnfoldBackward(dx, patches, l.site.Conv, b.Accumulate)
	p.dev.Free(patches)
}

// adaptersBackward adds what goes through the adapters to dx (n, in).
func (p *pass) adaptersBackward(l *layer, dx, g, x *linalg.Tensor, owned []Rows) {
	if x == nil {
		return
	}
	if parts := p.parts(l, owned); len(parts) > 0 {
		in := l.site.Unfold(p.dev, x)
		adapter.Backward(p.dev, dx, in, g, parts)
		p.fold(in, x)
	}
}

// fold lets go of the rows that x was laid out as, if they are not x itself.
func (p *pass) fold(in, x *linalg.Tensor) {
	if in != x {
		p.dev.Free(in)
	}
}

// parts are the owners' adapters at a site, with their unfolded rows. In merged mode no owner
// has any.
func (p *pass) parts(l *layer, owned []Rows) []adapter.Part {
	var parts []adapter.Part
	n := l.site.Positions()
	for k, o := range p.owners {
		if r := owned[k]; len(o.Adapters) > 0 && r.Hi > r.Lo {
			parts = append(parts, adapter.Part{Adapter: o.Adapters[l.index], Lo: r.Lo * n, Hi: r.Hi * n})
		}
	}
	return parts
}

// outputShape is the shape of the layer's output with so many unfolded rows.
func (l *layer) outputShape(n int) []int {
	if l.site.Kind != adapter.SiteConv2D {
		return []int{n, l.site.Out}
	}
	h, w := l.site.Conv.Output()
	return []int{n / l.site.Positions(), h, w, l.site.Out}
}

// embeddingSite looks ids (n) up in the table of a site: ĥ = table[ids] + g_w(ids). Ids have
// no gradient: backwards g goes to the sink and no further.
func (p *pass) embeddingSite(l *layer, ids *Var) *Var {
	p.emit(l, ids)
	y := p.lookUp(l, ids)
	adapter.Apply(p.dev, y.Value, ids.Value, p.parts(l, ids.rows))
	if p.sink != nil {
		owned := ids.rows
		p.record(y, func(g *linalg.Tensor) {
			p.gradient(l, g, owned)
		})
	}
	return y
}
