package coordinator

import (
	"errors"
	"fmt"
	"math"
	"slices"

	"github.com/gradientlearning/cola/adapter"
	"github.com/gradientlearning/cola/linalg"
	"github.com/gradientlearning/cola/model"
)

// errOutOfRange says that an update is too large to be merged: it has diverged.
var errOutOfRange = errors.New("a merged parameter is out of range (|Σ a·Δ| ≥ 2²²)")

// fixedPointScale is one, in the fixed point of merger: the resolution is 2⁻⁴⁰ ≈ 9·10⁻¹³,
// far below the float32 resolution of any parameter above 10⁻⁵, and the sum may reach
// 2²² before it is refused.
const (
	fixedPointScale = 1 << 40
	fixedPointLimit = 1 << 62
)

// merger sums weighted updates, in any order to the same bits:
//
//	ΔW̄ = Σ a_k ΔW_k / Σ a_k
//
// It holds one accumulator a site, whatever the number of participants. The terms are
// rounded to 64-bit fixed point, where addition is exact and associative.
type merger struct {
	sites   []adapter.Site
	host    linalg.Device // updates arrive on the host, and so does the sum
	weights [][]int64     // by site: (out·in), of an embedding (in·out)
	biases  [][]int64     // by site: (out), nil where the site has none
	total   float64       // Σ a_k
	members int
}

func newMerger(sites []adapter.Site) *merger {
	m := &merger{sites: sites, host: linalg.NewCPU(), weights: make([][]int64, len(sites)), biases: make([][]int64, len(sites))}
	for i, s := range sites {
		m.weights[i] = make([]int64, s.Out*s.In)
		if s.Bias || s.Head {
			m.biases[i] = make([]int64, s.Out)
		}
	}
	return m
}

// reset makes the sum empty.
func (m *merger) reset() {
	for i := range m.sites {
		clear(m.weights[i])
		clear(m.biases[i])
	}
	m.total, m.members = 0, 0
}

// add adds a participant's adapters with weight a. On error the sum is not usable
// until it is reset.
func (m *merger) add(adapters []adapter.Adapter, a float64) error {
	for i, ad := range adapters {
		weight, bias, err := ad.Delta(m.host)
		if err != nil {
			return fmt.Errorf("site %s: %w", m.sites[i].Name, err)
		}
		err = accumulate(m.weights[i], weight.F32(), a)
		if !slices.ContainsFunc(ad.Params(), func(p adapter.Param) bool { return p.Value == weight }) {
			m.host.Free(weight) // it was made for this
		}
		if err != nil {
			return fmt.Errorf("site %s: %w", m.sites[i].Name, err)
		}
		if bias == nil {
			continue
		}
		if err := accumulate(m.biases[i], bias.F32(), a); err != nil {
			return fmt.Errorf("site %s: %w", m.sites[i].Name, err)
		}
	}
	m.total += a
	m.members++
	return nil
}

// accumulate computes sum += round(a·delta·2⁴⁰).
func accumulate(sum []int64, delta []float32, a float64) error {
	for i, d := range delta {
		term := math.RoundToEven(a * float64(d) * fixedPointScale)
		if !(math.Abs(term) < fixedPointLimit) { // NaN too
			return errOutOfRange
		}
		next := sum[i] + int64(term)
		if next >= fixedPointLimit || next <= -fixedPointLimit {
			return errOutOfRange
		}
		sum[i] = next
	}
	return nil
}

// deltas returns the mean as what is merged into each site. With no members it is zero.
func (m *merger) deltas() []model.Delta {
	deltas := make([]model.Delta, len(m.sites))
	for i, s := range m.sites {
		shape := []int{s.Out, s.In}
		if s.Kind == adapter.SiteEmbedding {
			shape = []int{s.In, s.Out}
		}
		deltas[i].Weight = m.mean(m.weights[i], shape...)
		if m.biases[i] != nil {
			deltas[i].Bias = m.mean(m.biases[i], s.Out)
		}
	}
	return deltas
}

func (m *merger) mean(sum []int64, shape ...int) *linalg.Tensor {
	t := linalg.New(linalg.F32, shape...)
	if m.members == 0 {
		return t
	}
	for i, v := range sum {
		t.F32()[i] = float32(float64(v) / (fixedPointScale * m.total))
	}
	return t
}
