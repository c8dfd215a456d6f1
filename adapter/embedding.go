package adapter

import (
	"math/rand/v2"

	"github.com/gradientlearning/cola/linalg"
)

// At an embedding site x is token ids (n) in I32, of which g_w(x) is what it is elsewhere of
// their one-hot rows: ids pick columns of A, or rows of the table. Ids have no gradient.

// lowRankTable is g(ids) = s·A[:, ids]ᵀ·Bᵀ with A (r, vocabulary) and B (width, r), as PEFT's
// lora_embedding_A and lora_embedding_B.
type lowRankTable struct {
	spec Spec
	a, b *linalg.Tensor
}

// newLowRankTable sets A to zero, so that the adapter begins as nothing, and draws B from
// N(0, 1), as PEFT does.
func newLowRankTable(site Site, spec Spec, r *rand.Rand) *lowRankTable {
	l := &lowRankTable{spec: spec, a: linalg.New(linalg.F32, spec.Rank, site.In), b: linalg.New(linalg.F32, site.Out, spec.Rank)}
	for i := range l.b.F32() {
		l.b.F32()[i] = float32(r.NormFloat64())
	}
	return l
}

func (l *lowRankTable) Spec() Spec { return l.spec }

func (l *lowRankTable) Params() []Param { return []Param{{"A", l.a}, {"B", l.b}} }

func (l *lowRankTable) scale() float32 { return float32(l.spec.scale()) }

// inner returns u = A[:, ids]ᵀ (n, r).
func (l *lowRankTable) inner(dev linalg.Device, ids *linalg.Tensor) *linalg.Tensor {
	at, one := dev.Empty(linalg.F32, l.a.Cols(), l.spec.Rank), identity(dev, l.spec.Rank)
	dev.MatMul(at, l.a, one, linalg.MatMul{TransA: true})
	u := dev.Empty(linalg.F32, ids.Rows(), l.spec.Rank)
	dev.Gather(u, at, ids)
	free(dev, at, one)
	return u
}

// identity returns I (n, n): a product with it is the exact copy of a transposed matrix.
func identity(dev linalg.Device, n int) *linalg.Tensor {
	host := linalg.New(linalg.F32, n, n)
	for i := range n {
		host.F32()[i*n+i] = 1
	}
	t := dev.New(linalg.F32, n, n)
	dev.Upload(t, host)
	return t
}

// Apply computes y += s·u·Bᵀ.
func (l *lowRankTable) Apply(dev linalg.Device, y, x *linalg.Tensor) {
	u := l.inner(dev, x)
	dev.MatMul(y, u, l.b, linalg.MatMul{TransB: true, Alpha: l.scale(), Accumulate: true})
	dev.Free(u)
}

// Backward does nothing: ids have no gradient. dx may be nil.
func (l *lowRankTable) Backward(_ linalg.Device, _, _, _ *linalg.Tensor) {}

// Gradient computes dA[:, ids[i]] += s·(g·B)[i]ᵀ, in order of i, and dB += s·gᵀ·u.
func (l *lowRankTable) Gradient(dev linalg.Device, grads []*linalg.Tensor, x, g *linalg.Tensor) {
	gb := dev.New(linalg.F32, g.Rows(), l.spec.Rank)
	dev.MatMul(gb, g, l.b, linalg.MatMul{})
	dat := dev.New(linalg.F32, l.a.Cols(), l.spec.Rank)
	dev.GatherBackward(dat, gb, x)
	dev.MatMul(grads[0], identity(dev, l.spec.Rank), dat, linalg.MatMul{TransB: true, Alpha: l.scale(), Accumulate: true})
	dev.MatMul(grads[1], g, l.inner(dev, x), linalg.MatMul{TransA: true, Alpha: l.scale(), Accumulate: true})
}

// Delta returns what is added to the table, s·Aᵀ·Bᵀ (vocabulary, width).
func (l *lowRankTable) Delta(dev linalg.Device) (weight, bias *linalg.Tensor, err error) {
	weight = dev.New(linalg.F32, l.a.Cols(), l.b.Rows())
	dev.MatMul(weight, l.a, l.b, linalg.MatMul{TransA: true, TransB: true, Alpha: l.scale()})
	return weight, nil, nil
}

// table is g(ids) = ΔW[ids] with ΔW (vocabulary, width), zero at first.
type table struct {
	spec   Spec
	weight *linalg.Tensor
}

func newTable(site Site, spec Spec) *table {
	return &table{spec: spec, weight: linalg.New(linalg.F32, site.In, site.Out)}
}

func (t *table) Spec() Spec { return t.spec }

func (t *table) Params() []Param { return []Param{{"weight", t.weight}} }

// Apply computes y += ΔW[ids].
func (t *table) Apply(dev linalg.Device, y, x *linalg.Tensor) {
	rows := dev.Empty(y.DType(), x.Rows(), t.weight.Cols())
	dev.Gather(rows, t.weight, x)
	dev.Axpy(y, 1, rows)
	dev.Free(rows)
}

// Backward does nothing: ids have no gradient. dx may be nil.
func (t *table) Backward(_ linalg.Device, _, _, _ *linalg.Tensor) {}

// Gradient computes dΔW[ids[i]] += g[i], in order of i.
func (t *table) Gradient(dev linalg.Device, grads []*linalg.Tensor, x, g *linalg.Tensor) {
	dev.GatherBackward(grads[0], g, x)
}

// Delta returns the adapter itself.
func (t *table) Delta(linalg.Device) (weight, bias *linalg.Tensor, err error) {
	return t.weight, nil, nil
}
