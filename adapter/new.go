package adapter

import (
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"math"
	"math/rand/v2"

	"github.com/gradientlearning/cola/linalg"
)

// maxWidth bounds ranks and hidden widths, so that a wrong one fails here and not in the
// allocator.
const maxWidth = 1 << 20

// Validate says what is wrong with a specification.
func (s Spec) Validate() error {
	switch s.Kind {
	case LowRank:
		if s.Rank < 1 || s.Rank > maxWidth {
			return fmt.Errorf("rank = %d must be at least 1", s.Rank)
		}
		if math.IsNaN(s.Scale) || math.IsInf(s.Scale, 0) || s.Scale < 0 {
			return fmt.Errorf("scale = %g must be positive", s.Scale)
		}
	case Linear:
	case MLP:
		if len(s.Hidden) == 0 {
			return errors.New("hidden names no widths, for example [128, 256]")
		}
		for _, w := range s.Hidden {
			if w < 1 || w > maxWidth {
				return fmt.Errorf("hidden = %v: widths must be at least 1", s.Hidden)
			}
		}
	default:
		return fmt.Errorf("kind = %q: use low-rank, linear or mlp", s.Kind)
	}
	return nil
}

func (s Spec) scale() float64 {
	if s.Scale == 0 {
		return 1
	}
	return s.Scale
}

// New makes an adapter for a site, in the state where it adds nothing. A head's is always
// linear with bias. Random parameters are drawn from r in canonical order.
func New(site Site, spec Spec, r *rand.Rand) (Adapter, error) {
	if site.Head {
		spec = Spec{Kind: Linear, Bias: true}
	}
	if err := spec.Validate(); err != nil {
		return nil, err
	}
	switch spec.Kind {
	case LowRank:
		return newLowRank(site, spec, r), nil
	case Linear:
		return newLinear(site, spec), nil
	default:
		return newMLP(site, spec, r), nil
	}
}

// Rand returns the source that a participant's adapter at a site is drawn from: ChaCha8
// keyed by SHA-256 of the seed (u64 LE) and both names, each behind its length (u64 LE).
func Rand(seed uint64, participant, site string) *rand.Rand {
	key := binary.LittleEndian.AppendUint64(nil, seed)
	for _, name := range []string{participant, site} {
		key = binary.LittleEndian.AppendUint64(key, uint64(len(name)))
		key = append(key, name...)
	}
	return rand.New(rand.NewChaCha8(sha256.Sum256(key)))
}

// uniform fills t with U(−bound, bound).
func uniform(t *linalg.Tensor, bound float64, r *rand.Rand) {
	for i := range t.F32() {
		t.F32()[i] = float32((2*r.Float64() - 1) * bound)
	}
}
