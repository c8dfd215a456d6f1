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
// owners in their order, must not be changed, and are valid until the pass returns.
type Sink interface {
	// Input gets x as soon as it exists in the forward pass, once for each group of sites
	// that share it, under the group's first site: (n, in), or at a conv2d site the
	// feature map (n, H, W, C).
	Input(site int, x *linalg.Tensor)
	// Gradient gets g = ∂L/∂ĥ as soon as it exists in the backward pass, once for each
	// site: (n, out), or at a conv2d site (n, Ho, Wo, out).
	Gradient(site int, g *linalg.Tensor)
}

// layer is what the base model has at a site, on the device.
type layer struct {
	site         adapter.Site
	weight, bias *linalg.Tensor // pristine W₀ (out, in) and b₀ (out)
	packed       linalg.Packed  // the working copy: W₀, or W₀ + ΔW̄
	workingBias  *linalg.Tensor // b₀ itself, or b₀ + Δb̄
	merged       bool
}

// pass is one run of a batch through the model.
type pass struct {
	*Tape
	layers    []*layer
	owners    []Owner
	mode      Mode
	sink      Sink       // nil: no g is wanted
	classical *classical // nil: nothing but the hidden representations is differentiated
}

// site runs site i on x:
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
func (p *pass) site(i int, x *Var) *Var {
	if p.classical != nil {
		return p.classicalSite(i, x)
	}
	l := p.layers[i]
	if p.sink != nil && (i == 0 || p.layers[i-1].site.Group != l.site.Group) {
		p.sink.Input(i, x.Value)
	}
	in := l.site.Unfold(p.dev, x.Value)
	y := p.dev.New(linalg.F32, in.Rows(), l.site.Out)
	p.dev.Linear(y, in, l.packed, l.workingBias)
	p.eachAdapter(i, x.rows, func(a adapter.Adapter, r rows) {
		a.Apply(p.dev, p.dev.Rows(y, r.lo, r.hi), p.dev.Rows(in, r.lo, r.hi))
	})
	n := y.Rows()
	v := &Var{Value: y.Reshape(l.outputShape(n)...), rows: x.rows}
	if x.gradient == nil && p.sink == nil {
		return v
	}
	dx, owned := x.gradient, x.rows
	var kept *linalg.Tensor
	if p.mode == Unmerged && dx != nil {
		kept = x.Value
	}
	p.record(v, func(g *linalg.Tensor) {
		if p.sink != nil {
			p.sink.Gradient(i, g)
		}
		p.add(dx, func(sum *linalg.Tensor, accumulate bool) {
			p.siteBackward(i, sum, g.Reshape(n, l.site.Out), kept, owned, accumulate)
		})
	})
	return v
}

// siteBackward is the way from g (n, out) to dx; x is nil where no adapter takes part.
func (p *pass) siteBackward(i int, dx, g, x *linalg.Tensor, owned []rows, accumulate bool) {
	l := p.layers[i]
	if l.site.Kind != adapter.SiteConv2D {
		p.dev.LinearBackward(dx, g, l.packed, accumulate)
		p.adaptersBackward(i, dx, g, x, owned)
		return
	}
	patches := p.dev.New(linalg.F32, g.Rows(), l.site.In)
	p.dev.LinearBackward(patches, g, l.packed, false)
	p.adaptersBackward(i, patches, g, x, owned)
	p.dev.UnfoldBackward(dx, patches, l.site.Conv, accumulate)
}

// adaptersBackward adds what goes through the adapters to dx (n, in).
func (p *pass) adaptersBackward(i int, dx, g, x *linalg.Tensor, owned []rows) {
	if x == nil {
		return
	}
	var in *linalg.Tensor
	p.eachAdapter(i, owned, func(a adapter.Adapter, r rows) {
		if in == nil {
			in = p.layers[i].site.Unfold(p.dev, x)
		}
		a.Backward(p.dev, p.dev.Rows(dx, r.lo, r.hi), p.dev.Rows(in, r.lo, r.hi), p.dev.Rows(g, r.lo, r.hi))
	})
}

// eachAdapter calls do for every owner's adapter at site i, with its unfolded rows. In
// merged mode no owner has any.
func (p *pass) eachAdapter(i int, owned []rows, do func(a adapter.Adapter, r rows)) {
	n := p.layers[i].site.Positions()
	for k, o := range p.owners {
		if r := owned[k]; len(o.Adapters) > 0 && r.hi > r.lo {
			do(o.Adapters[i], rows{r.lo * n, r.hi * n})
		}
	}
}

// outputShape is the shape of the layer's output with so many unfolded rows.
func (l *layer) outputShape(n int) []int {
	if l.site.Kind != adapter.SiteConv2D {
		return []int{n, l.site.Out}
	}
	h, w := l.site.Conv.Output()
	return []int{n / l.site.Positions(), h, w, l.site.Out}
}
