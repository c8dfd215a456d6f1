package bench

import (
	"fmt"

	"github.com/gradientlearning/cola/adapter"
	"github.com/gradientlearning/cola/linalg"
	"github.com/gradientlearning/cola/linalg/dryrun"
	"github.com/gradientlearning/cola/model"
)

// Fit says which fit of a participant to measure: the gradient of its adapter at every site
// from a round's tuples, and a step of AdamW.
type Fit struct {
	// Arch names a published model, or a folder with a config.json, whose sites are fitted.
	Arch string
	// Targets say which layers are sites; nil: the paper's.
	Targets []string
	Tokens  int // the rows of every tuple
	Adapter adapter.Spec
	Repeats Repeats
}

// FitReport is what came out.
type FitReport struct {
	Machine
	Arch      string       `json:"arch"`
	Adapter   adapter.Kind `json:"adapter"`
	Sites     int          `json:"sites"`
	Tokens    int          `json:"tokens"`
	Seconds   Times        `json:"seconds"`
	Best      float64      `json:"seconds_best"`
	Median    float64      `json:"seconds_median"`
	Rate      float64      `json:"tokens_per_second"`
	Memory    int64        `json:"peak_memory_bytes"`
	Objects   float64      `json:"allocations_per_fit"`
	Allocated float64      `json:"allocated_bytes_per_fit"`
	Flops     float64      `json:"flops_per_fit"`
	Peak      float64      `json:"peak_gflops"`
	Floor     float64      `json:"floor_seconds"`
}

// Run measures.
func (f Fit) Run(dev linalg.Device) (*FitReport, error) {
	if err := f.Repeats.Validate(); err != nil {
		return nil, err
	}
	if f.Tokens < 1 {
		return nil, fmt.Errorf("tuples of %d tokens: at least 1 is needed", f.Tokens)
	}
	sites, err := f.sites()
	if err != nil {
		return nil, err
	}
	report := &FitReport{Machine: thisMachine(dev), Arch: f.Arch, Adapter: f.Adapter.Kind, Sites: len(sites), Tokens: f.Tokens}
	if err := f.count(sites, report); err != nil {
		return nil, err
	}
	run, err := f.prepare(dev, sites)
	if err != nil {
		return nil, err
	}
	top := newPeak()
	forgetPeak()
	var objects, bytes uint64
	times, err := inTurn(f.Repeats, func() error {
		o, b := allocations()
		err := run()
		after, afterBytes := allocations()
		objects, bytes = after-o, afterBytes-b
		return err
	}, top.measure)
	if err != nil {
		return nil, err
	}
	report.Memory, report.Objects, report.Allocated = residentPeak(), float64(objects), float64(bytes)
	report.Seconds, report.Best, report.Median = times[0], times[0].Best(), times[0].Median()
	report.Rate = float64(f.Tokens) / report.Median
	report.Peak = 1e-9 * top.median(f.Repeats)
	report.Floor = 1e-9 * report.Flops / report.Peak
	return report, nil
}

// sites are those of the architecture, but for tables, whose tuples are ids.
func (f Fit) sites() ([]adapter.Site, error) {
	folder, remove, err := Folder(f.Arch)
	if err != nil {
		return nil, err
	}
	defer remove()
	base, err := model.Declare(dryrun.New(), model.Config{Path: folder, Random: true, Targets: f.Targets})
	if err != nil {
		return nil, err
	}
	var list []adapter.Site
	for _, s := range base.Sites() {
		if s.Kind == adapter.SiteLinear {
			list = append(list, s)
		}
	}
	if len(list) == 0 {
		return nil, fmt.Errorf("none of the sites %v is a linear layer", f.Targets)
	}
	return list, nil
}

// fitter makes the fitter of a site.
func (f Fit) fitter(dev linalg.Device, site adapter.Site) (*adapter.Fitter, error) {
	a, err := adapter.New(site, f.Adapter, adapter.Rand(4, nameOf(0), site.Name))
	if err != nil {
		return nil, err
	}
	trained(a)
	return adapter.NewFitter(dev, site, a, adapter.DefaultOptimizer(), adapter.DefaultSolver())
}

// count counts the operations of the gradients.
func (f Fit) count(sites []adapter.Site, report *FitReport) error {
	c := newCounter()
	for _, site := range sites {
		a, err := adapter.New(site, f.Adapter, adapter.Rand(4, nameOf(0), site.Name))
		if err != nil {
			return err
		}
		var grads []*linalg.Tensor
		for _, p := range a.Params() {
			grads = append(grads, c.New(linalg.F32, p.Value.Shape()...))
		}
		a.Gradient(c, grads, c.New(linalg.F32, f.Tokens, site.In), c.New(linalg.F32, f.Tokens, site.Out))
	}
	report.Flops = c.flops
	return nil
}

// prepare makes tuples and fitters, and returns the fit of all sites.
func (f Fit) prepare(dev linalg.Device, sites []adapter.Site) (func() error, error) {
	var fitters []*adapter.Fitter
	var xs, gs []*linalg.Tensor
	for _, site := range sites {
		fitter, err := f.fitter(dev, site)
		if err != nil {
			return nil, err
		}
		fitters, xs, gs = append(fitters, fitter), append(xs, random(f.Tokens, site.In)), append(gs, random(f.Tokens, site.Out))
	}
	rate := adapter.DefaultOptimizer().LearningRate
	return func() error {
		for i, fitter := range fitters {
			fitter.Add(xs[i], gs[i], 1)
		}
		_, err := adapter.FitAll(fitters, rate)
		return err
	}, nil
}
