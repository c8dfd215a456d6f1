package verify

import (
	"context"
	"fmt"
	"math"
	"math/rand/v2"

	"github.com/gradientlearning/cola/adapter"
	"github.com/gradientlearning/cola/internal/oracle"
	"github.com/gradientlearning/cola/linalg"
	"github.com/gradientlearning/cola/model"
)

// clearance is how far, beside a layer's size, every forward pass stays from the corners of
// ReLU and max-pool: well over the rounding of a float32 sum of a few thousand terms.
const clearance = 1e-5

// fixture is a seeded model with three participants.
type fixture struct {
	name     string
	device   linalg.Device
	base     *model.Base
	network  oracle.Network // base, for the oracle
	unmerged []participant
	merged   []participant  // the same rows; adapters that can be merged
	mean     oracle.Network // with the mean of merged's adapters
}

// participant owns rows and one adapter a site.
type participant struct {
	name   string
	spec   adapter.Spec
	own    []adapter.Adapter
	double []*oracle.Adapter // own, for the oracle
	batch  oracle.Batch
}

// linearAt is the participant whose adapters are linear with bias, as the layers are.
const linearAt = 1

// roster says who takes part: the adapter unmerged and, where that is not linear in x,
// another one merged; and how many rows.
var roster = []struct {
	name             string
	unmerged, merged adapter.Spec
	rows             int
}{
	{"ada", adapter.Spec{Kind: adapter.LowRank, Rank: 4}, adapter.Spec{Kind: adapter.LowRank, Rank: 4}, 3},
	{"ben", adapter.Spec{Kind: adapter.Linear, Bias: true}, adapter.Spec{Kind: adapter.Linear, Bias: true}, 4},
	{"cyd", adapter.Spec{Kind: adapter.MLP, Hidden: []int{32, 48}}, adapter.Spec{Kind: adapter.LowRank, Rank: 2, Scale: 2}, 2},
}

func newFixture(ctx context.Context, dev linalg.Device, s subject, seed uint64) (*fixture, error) {
	config := s.config
	config.Seed = seed
	base, err := model.New(dev, config)
	if err != nil {
		return nil, err
	}
	f := &fixture{name: s.name, device: dev, base: base}
	if f.network, err = oracleNetwork(base); err != nil {
		return nil, err
	}
	var doubles [][]*oracle.Adapter
	for _, r := range roster {
		p, err := newParticipant(base.Sites(), seed, r.name, r.unmerged)
		if err != nil {
			return nil, err
		}
		q := p
		if r.merged.Kind != r.unmerged.Kind {
			if q, err = newParticipant(base.Sites(), seed, r.name, r.merged); err != nil {
				return nil, err
			}
		}
		f.unmerged, f.merged = append(f.unmerged, p), append(f.merged, q)
		doubles = append(doubles, q.double)
	}
	if f.mean, err = f.network.Merged(doubles); err != nil {
		return nil, err
	}
	for k, r := range roster {
		batch, err := f.draw(ctx, seed, k, r.rows)
		if err != nil {
			return nil, err
		}
		f.unmerged[k].batch, f.merged[k].batch = batch, batch
	}
	return f, nil
}

// newParticipant makes adapters whose parameters are all random: none is left at 0.
func newParticipant(sites []adapter.Site, seed uint64, name string, spec adapter.Spec) (participant, error) {
	p := participant{name: name, spec: spec}
	for _, site := range sites {
		rng := adapter.Rand(seed, name, site.Name)
		a, err := adapter.New(site, spec, rng)
		if err != nil {
			return p, fmt.Errorf("participant %s: site %s: %w", name, site.Name, err)
		}
		for _, param := range a.Params() {
			size := 0.1 // of a bias
			if shape := param.Value.Shape(); len(shape) > 1 {
				size = 1 / math.Sqrt(float64(param.Value.Cols()))
			}
			for i := range param.Value.F32() {
				param.Value.F32()[i] = float32(size * rng.NormFloat64())
			}
		}
		double, err := oracleAdapter(a)
		if err != nil {
			return p, fmt.Errorf("participant %s: site %s: %w", name, site.Name, err)
		}
		p.own, p.double = append(p.own, a), append(p.double, double)
	}
	return p, nil
}

// draw draws participant k's examples, each again until all forward passes that it takes
// part in are clear of corners. Pixels are float32 values: both precisions see the same.
func (f *fixture) draw(ctx context.Context, seed uint64, k, rows int) (oracle.Batch, error) {
	config := f.base.Config()
	rng := rand.New(rand.NewPCG(seed, uint64(k)))
	batch := oracle.Batch{Inputs: oracle.NewMatrix(rows, linalg.Elements(config.Input))}
	for i := range rows {
		one := oracle.Batch{Inputs: oracle.NewMatrix(1, batch.Inputs.Cols), Labels: []int{rng.IntN(config.Classes)}}
		for near := true; near; {
			if err := ctx.Err(); err != nil {
				return oracle.Batch{}, err
			}
			for j := range one.Inputs.Data {
				one.Inputs.Data[j] = float64(float32(rng.NormFloat64()))
			}
			near = f.network.Kinks(f.unmerged[k].double, one) < clearance || f.mean.Kinks(nil, one) < clearance
		}
		copy(batch.Inputs.Row(i), one.Inputs.Data)
		batch.Labels = append(batch.Labels, one.Labels[0])
	}
	return batch, nil
}
