package adapter

import (
	"errors"

	"github.com/gradientlearning/cola/linalg"
)

// Kind names a family of adapters.
type Kind string

// The kinds of adapters.
const (
	LowRank Kind = "low-rank" // g(x) = s·x·Aᵀ·Bᵀ, equal to LoRA
	Linear  Kind = "linear"   // g(x) = x·ΔWᵀ + b, the full matrix
	MLP     Kind = "mlp"      // linear layers with ReLU between; not mergeable
)

// Spec says which adapter to make.
type Spec struct {
	Kind Kind
	// Rank of a low-rank adapter; 8 in the paper.
	Rank int
	// Scale s of a low-rank adapter (LoRA's alpha/rank); 1 in the paper; 0 means 1.
	Scale float64
	// Hidden widths of an MLP; 128, 256 in the paper.
	Hidden []int
	// Bias gives a linear adapter a bias where the site has one.
	Bias bool
}

// Param is one tensor of an adapter.
type Param struct {
	Name  string // "A", "B", "weight", "bias", "layers.0.weight"
	Value *linalg.Tensor
}

// ErrNotMergeable is returned by Delta for adapters that are not linear in x.
var ErrNotMergeable = errors.New("adapter is not linear in x and cannot be merged")

// Adapter is one auxiliary model g_w at one site. x is (n, in), y and g are (n, out),
// always unfolded rows; at an embedding site x is ids (n) in I32. Implementations hold
// parameters only, never a batch.
type Adapter interface {
	// Spec returns what the adapter was made from.
	Spec() Spec
	// Params returns the parameters in canonical order. The tensors are the
	// adapter's own: changing them changes the adapter.
	Params() []Param
	// Apply computes y += g_w(x).
	Apply(dev linalg.Device, y, x *linalg.Tensor)
	// Backward computes dx += (∂g_w/∂x)ᵀ g; nothing at an embedding site, where dx may be
	// nil: ids have no gradient.
	Backward(dev linalg.Device, dx, x, g *linalg.Tensor)
	// Gradient computes grads[i] += (∂g_w/∂w_i)ᵀ g for every parameter in order.
	Gradient(dev linalg.Device, grads []*linalg.Tensor, x, g *linalg.Tensor)
	// Delta returns ΔW (out, in) and the bias (out) or nil, such that
	// g_w(x) = x·ΔWᵀ + bias, or ErrNotMergeable. At an embedding site ΔW is what is added
	// to the table (vocabulary, width): g_w(ids) = ΔW[ids].
	Delta(dev linalg.Device) (weight, bias *linalg.Tensor, err error)
}
