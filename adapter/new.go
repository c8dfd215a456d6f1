package adapter

import (
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"slices"

	"github.com/gradientlearning/cola/linalg"
)

// maxWidth bounds ranks and hidden widths, so that a wrong one fails here and not in the
// allocator.
const maxWidth = 1 << 20

// maxParameters bounds an adapter: 16 GiB in float32. Sites and specifications reach a
// participant over the network, and widths that are each in bounds can still multiply to
// what no machine holds.
const maxParameters = 1 << 32

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

// fits says whether an adapter for the site is of a size that can be made.
func (s Spec) fits(site Site) error {
	const most = 1 << 30 // the products below fit an int64
	if site.In < 1 || site.Out < 1 || site.In > most || site.Out > most {
		return fmt.Errorf("site %q of %d × %d cannot be adapted", site.Name, site.Out, site.In)
	}
	var widths []int // of the layers, from x to y
	switch s.Kind {
	case LowRank:
		widths = []int{s.Rank}
	case MLP:
		widths = s.Hidden
	}
	total, in := int64(0), site.In
	for _, out := range append(slices.Clone(widths), site.Out) {
		total += int64(in) * int64(out)
		if total > maxParameters {
			return fmt.Errorf("a %s adapter of %v at site %q (%d × %d) has more than %d parameters", s.Kind, widths, site.Name, site.Out, site.In, int64(maxParameters))
		}
		in = out
	}
	return nil
}

// New makes an adapter for a site, in the state where it adds nothing. A head's is always
// linear, with a bias where the head has one. Random parameters are drawn from r in canonical order. A
// specification that is not valid, too large at this site, or an MLP at an embedding is
// an error.
func New(site Site, spec Spec, r *rand.Rand) (Adapter, error) {
	if site.Head {
		spec = Spec{Kind: Linear, Bias: true}
	}
	if err := spec.Validate(); err != nil {
		return nil, err
	}
	if err := spec.fits(site); err != nil {
		return nil, err
	}
	embedding := site.Kind == SiteEmbedding
	switch {
	case spec.Kind == LowRank && embedding:
		return newLowRankTable(site, spec, r), nil
	case spec.Kind == LowRank:
		return newLowRank(site, spec, r), nil
	case spec.Kind == Linear && embedding:
		return newTable(site, spec), nil
	case spec.Kind == Linear:
		return newLinear(site, spec), nil
	case embedding:
		return nil, fmt.Errorf("an %s adapter at embedding %q: use low-rank or linear, its input is ids", spec.Kind, site.Name)
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
