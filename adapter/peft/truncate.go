package peft

import (
	"fmt"
	"math"

	"github.com/gradientlearning/cola/adapter"
	"github.com/gradientlearning/cola/linalg"
)

// Truncated is a low-rank adapter in the place of another, and what was lost.
type Truncated struct {
	Adapter adapter.Adapter
	// Bias (out) is what the other adds besides ΔW·x, or nil: a low-rank adapter has none.
	Bias *linalg.Tensor
	// Error is ‖ΔW − s·B·A‖/‖ΔW‖ in the Frobenius norm, 0 where ΔW is zero.
	Error float64
	// Energy is the share Σ_r σ²/Σ σ² of ΔW's squared singular values that was kept.
	Energy float64
}

// Truncate returns the low-rank adapter of the given rank that is nearest to an adapter's
// ΔW, by its singular value decomposition. Rank 0, and any from min(in, out) up, gives the
// exact one of rank min(in, out), one of whose factors is ΔW and the other the identity. A
// low-rank adapter of no higher rank is returned as it is. An adapter that is not linear in
// x is an error that wraps [adapter.ErrNotMergeable].
func Truncate(site adapter.Site, a adapter.Adapter, rank int) (*Truncated, error) {
	if spec := a.Spec(); spec.Kind == adapter.LowRank && (rank <= 0 || rank >= spec.Rank) {
		return &Truncated{Adapter: a, Energy: 1}, nil
	}
	weight, bias, err := a.Delta(linalg.NewCPU())
	if err != nil {
		return nil, fmt.Errorf("site %s: %w", site.Name, err)
	}
	out, in := weight.Rows(), weight.Cols()
	t := &Truncated{Bias: bias, Energy: 1}
	var left, right *linalg.Tensor // whose product stands for weight
	switch full := min(out, in); {
	case rank < 0:
		return nil, fmt.Errorf("site %s: rank %d: use 1 to %d, or 0 for all", site.Name, rank, full)
	case (rank == 0 || rank >= full) && out <= in:
		rank, left, right = full, identity(full), weight
	case rank == 0 || rank >= full:
		rank, left, right = full, weight, identity(full)
	default:
		if left, right, t.Energy, err = linalg.TruncatedSVD(weight, rank); err != nil {
			return nil, fmt.Errorf("site %s: %w", site.Name, err)
		}
		t.Error = distance(weight, left, right)
	}
	if site.Kind == adapter.SiteEmbedding { // weight is the table (in, out): Aᵀ·Bᵀ
		left, right = transposed(right), transposed(left)
	}
	site.Head = false // a head's adapter is always linear
	t.Adapter, err = lowRank(site, adapter.Spec{Kind: adapter.LowRank, Rank: rank, Scale: 1}, right, left)
	return t, err
}

// identity returns I (n, n).
func identity(n int) *linalg.Tensor {
	t := linalg.New(linalg.F32, n, n)
	for i := range n {
		t.F32()[i*n+i] = 1
	}
	return t
}

// distance returns ‖w − left·right‖/‖w‖.
func distance(w, left, right *linalg.Tensor) float64 {
	product := linalg.New(linalg.F32, w.Rows(), w.Cols())
	linalg.NewCPU().MatMul(product, left, right, linalg.MatMul{})
	lost, all := 0.0, 0.0
	for i, v := range w.F32() {
		d := float64(v) - float64(product.F32()[i])
		lost, all = lost+float64(d*d), all+float64(float64(v)*float64(v))
	}
	if all == 0 {
		return 0
	}
	return math.Sqrt(lost / all)
}
