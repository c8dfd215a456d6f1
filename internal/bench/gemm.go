package bench

import (
	"fmt"
	"math/rand/v2"
	"time"

	"github.com/gradientlearning/cola/adapter"
	"github.com/gradientlearning/cola/linalg"
	"github.com/gradientlearning/cola/linalg/dryrun"
	"github.com/gradientlearning/cola/model"
)

// GEMM says which products with frozen matrices to measure.
type GEMM struct {
	// Arch names a published model, or a folder with a config.json: the shapes of its layers
	// are measured, each once, forwards (y = x·Wᵀ) and backwards (dx = g·W).
	Arch string
	// Tokens are the rows of x and g. A product of more than 2²⁶ elements is left out.
	Tokens    []int
	Precision linalg.Precision
	Repeats   Repeats
}

// GEMMReport is what came out.
type GEMMReport struct {
	Machine
	Arch      string    `json:"arch"`
	Precision string    `json:"precision"`
	Peak      float64   `json:"peak_gflops"` // median over the repeats
	Best      float64   `json:"peak_gflops_best"`
	Rows      []GEMMRow `json:"rows"`
	Median    float64   `json:"median_share_of_peak"`
}

// GEMMRow is one product (m, k)·(k, n) with a packed matrix.
type GEMMRow struct {
	Site      string  `json:"site"`      // a layer that has the shape
	Direction string  `json:"direction"` // forward or backward
	M         int     `json:"m"`
	K         int     `json:"k"`
	N         int     `json:"n"`
	GFLOPS    float64 `json:"gflops"` // median over the repeats
	Best      float64 `json:"gflops_best"`
	Share     float64 `json:"share_of_peak"` // of the median peak
}

// mostElements bounds x and y of a product.
const mostElements = 1 << 26

// least is how long a measurement of a product lasts at least: short products are repeated.
const least = 5 * time.Millisecond

// Run measures.
func (b GEMM) Run(dev linalg.Device) (*GEMMReport, error) {
	if err := b.Repeats.Validate(); err != nil {
		return nil, err
	}
	layers, err := shapes(b.Arch)
	if err != nil {
		return nil, err
	}
	products, err := b.products(dev, layers)
	if err != nil {
		return nil, err
	}
	peak := newPeak()
	runs := []func() error{peak.measure}
	for i, p := range products {
		runs = append(runs, p.measure)
		if i%8 == 7 { // the clock changes in the time that all take
			runs = append(runs, peak.measure)
		}
	}
	if _, err := inTurn(b.Repeats, runs...); err != nil {
		return nil, err
	}
	report := &GEMMReport{Machine: thisMachine(dev), Arch: b.Arch, Precision: b.Precision.String(), Peak: 1e-9 * Times(peak.rates).Median(), Best: 1e-9 * peak.best()}
	var shares Times
	for _, p := range products {
		times := p.times[b.Repeats.Warmup:]
		flops := 2e-9 * float64(p.row.M) * float64(p.row.K) * float64(p.row.N)
		p.row.GFLOPS, p.row.Best = flops/times.Median(), flops/times.Best()
		p.row.Share = p.row.GFLOPS / report.Peak
		shares = append(shares, p.row.Share)
		report.Rows = append(report.Rows, p.row)
	}
	report.Median = shares.Median()
	return report, nil
}

// products packs every layer's matrix once, and lists what is multiplied with it. All read
// the same numbers and write to the same place.
func (b GEMM) products(dev linalg.Device, layers []adapter.Site) ([]*product, error) {
	most := 0
	for _, l := range layers {
		for _, m := range b.Tokens {
			if m < 1 {
				return nil, fmt.Errorf("products of %d tokens: at least 1 is needed", m)
			}
			if n := m * max(l.In, l.Out); n <= mostElements {
				most = max(most, n)
			}
		}
	}
	if most == 0 {
		return nil, fmt.Errorf("no product of at most %d elements is left: ask for fewer tokens than %v", mostElements, b.Tokens)
	}
	from, to := random(most).F32(), make([]float32, most)
	view := func(data []float32, m, n int) *linalg.Tensor { return linalg.FromF32(data[:m*n], m, n) }
	var list []*product
	for _, l := range layers {
		w := dev.Pack(random(l.Out, l.In), linalg.F32Products)
		for _, m := range b.Tokens {
			if m*max(l.In, l.Out) > mostElements {
				continue
			}
			x, y, g, dx := view(from, m, l.In), view(to, m, l.Out), view(from, m, l.Out), view(to, m, l.In)
			list = append(list,
				&product{row: GEMMRow{Site: l.Name, Direction: "forward", M: m, K: l.In, N: l.Out}, run: func() { dev.Linear(y, x, w, linalg.Epilogue{}) }},
				&product{row: GEMMRow{Site: l.Name, Direction: "backward", M: m, K: l.Out, N: l.In}, run: func() { dev.LinearBackward(dx, g, w, linalg.Backward{}) }})
		}
	}
	return list, nil
}

// product is one that is measured.
type product struct {
	row   GEMMRow
	run   func()
	times Times // of one run each, with those that warm up
}

// measure runs the product often enough for the clock.
func (p *product) measure() error {
	begin := time.Now()
	for n := 1; ; n++ {
		p.run()
		if spent := time.Since(begin); spent >= least {
			p.times = append(p.times, spent.Seconds()/float64(n))
			return nil
		}
	}
}

// shapes returns a layer of every shape that a model has, in the model's order, and its head.
func shapes(arch string) ([]adapter.Site, error) {
	folder, remove, err := Folder(arch)
	if err != nil {
		return nil, err
	}
	defer remove()
	base, err := model.Declare(dryrun.New(), model.Config{Path: folder, Random: true})
	if err != nil {
		return nil, err
	}
	var list []adapter.Site
	seen := map[[2]int]bool{}
	for _, l := range base.Layers() {
		if shape := [2]int{l.Out, l.In}; l.Kind == adapter.SiteLinear && !seen[shape] {
			seen[shape] = true
			list = append(list, l)
		}
	}
	return list, nil
}

// random returns a tensor of numbers around zero, none of them zero: zeros may be skipped,
// and denormal numbers take longer.
func random(shape ...int) *linalg.Tensor {
	t := linalg.New(linalg.F32, shape...)
	r := rand.New(rand.NewPCG(uint64(t.Len()), 4))
	for i := range t.F32() {
		t.F32()[i] = float32(r.IntN(2)*2-1) * (0.5 + r.Float32())
	}
	return t
}
