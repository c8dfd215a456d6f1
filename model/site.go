package model

import (
	"github.com/gradientlearning/cola/adapter"
	"github.com/gradientlearning/cola/linalg"
)

// Mode says how a pass treats adapters.
type Mode string

// The modes.
const (
	// Detached adds g_w(x) to the forward pass but cuts its gradient to x: wrong at all
	// sites but the last. It is kept because cola verify must show that.
	Detached Mode = "detached"
	// Unmerged adds g_w(x), each owner's rows through its own adapters. Exact.
	Unmerged Mode = "unmerged"
	// Merged computes with (W₀ + ΔW̄)x and knows no adapters. Exact.
	Merged Mode = "merged"
)

// Sink is where tuples leave a pass. Tensors belong to the device and are valid until the
// pass returns; x and g hold the rows of all owners.
type Sink interface {
	// Input gets x as soon as it exists in the forward pass, once for each group of
	// sites that share it, under the group's first site: (n, in), or at a conv2d site
	// the feature map (n, H, W, C).
	Input(site int, x *linalg.Tensor)
	// Gradient gets g during the backward pass: (n, out), or (n, Ho, Wo, out).
	Gradient(site int, g *linalg.Tensor)
}

// layer is the base model's part of a site: a frozen matrix, pristine and, in merged
// mode, as the working copy.
type layer struct {
	site           adapter.Site
	weight, bias   *linalg.Tensor // W₀ (out, in) and b₀ (out) or nil, on the device
	packed         linalg.Packed  // what is multiplied with: W₀, or W₀ + ΔW̄
	mergedBias     *linalg.Tensor // b₀ + Δb̄ while merged
	mergedAnything bool
}

// workingBias returns the bias that is added, or nil.
func (l *layer) workingBias() *linalg.Tensor {
	if l.mergedAnything {
		return l.mergedBias
	}
	return l.bias
}

// siteRouter says what happens at the sites of one pass.
type siteRouter struct {
	layers  []*layer
	owners  []Owner
	mode    Mode
	sink    Sink // or nil
	capture bool // x needs a gradient even if nothing upstream does: g must reach each site

	classical *classical // differentiate parameters on the tape; else nil
}

// Site runs site i on x: (n, in) to (n, out), or feature maps at a conv2d site.
func (t *Tape) Site(i int, x *Var) *Var {
	r, l := &t.sites, t.sites.layers[i]
	if r.classical != nil {
		return t.classicalSite(i, x)
	}
	if r.sink != nil && (i == 0 || r.layers[i-1].site.Group != l.site.Group) {
		r.sink.Input(i, x.Value)
	}
	rows := x
	if l.site.Kind == adapter.SiteConv2D {
		rows = t.Unfold(x, l.site.Conv)
	}
	y := t.adapted(i, rows)
	if l.site.Kind == adapter.SiteConv2D {
		h, w := l.site.Conv.Output()
		y = t.Reshape(y, y.Value.Rows()/l.site.Positions(), h, w, l.site.Out)
	}
	return y
}

// adapted is the site on rows x (n, in): h = x·Wᵀ + b, plus the owners' adapters where
// the mode has any. W and b are frozen: nothing of them is on the tape.
func (t *Tape) adapted(i int, x *Var) *Var {
	r, l := &t.sites, t.sites.layers[i]
	xv := x.Value
	y := t.dev.New(linalg.F32, xv.Rows(), l.site.Out)
	t.dev.Linear(y, xv, l.packed, l.workingBias())
	if r.mode != Merged {
		r.each(i, func(o Owner, a adapter.Adapter, lo, hi int) { a.Apply(t.dev, t.dev.Rows(y, lo, hi), t.dev.Rows(xv, lo, hi)) })
	}
	if r.mode == Merged {
		xv = nil // GEMM inputs are not needed for a backward pass without weight gradients
	}
	v := t.result(y, func(g *linalg.Tensor) {
		if r.sink != nil {
			r.sink.Gradient(i, r.shaped(i, g))
		}
		t.accumulate(x, func(dx *linalg.Tensor, add bool) {
			t.dev.LinearBackward(dx, g, l.packed, add)
			if r.mode == Unmerged {
				r.each(i, func(o Owner, a adapter.Adapter, lo, hi int) {
					a.Backward(t.dev, t.dev.Rows(dx, lo, hi), t.dev.Rows(xv, lo, hi), t.dev.Rows(g, lo, hi))
				})
			}
		})
	}, x, &Var{needs: r.capture})
	return v
}

// shaped returns g as the sink gets it.
func (r *siteRouter) shaped(i int, g *linalg.Tensor) *linalg.Tensor {
	s := r.layers[i].site
	if s.Kind != adapter.SiteConv2D {
		return g
	}
	h, w := s.Conv.Output()
	return g.Reshape(g.Rows()/s.Positions(), h, w, s.Out)
}

// each calls do for every owner's adapter at site i, with its range of unfolded rows.
func (r *siteRouter) each(i int, do func(o Owner, a adapter.Adapter, lo, hi int)) {
	p := r.layers[i].site.Positions()
	for _, o := range r.owners {
		if len(o.Adapters) > 0 && o.Hi > o.Lo {
			do(o, o.Adapters[i], o.Lo*p, o.Hi*p)
		}
	}
}
