package participant

import (
	"fmt"
	"slices"

	"github.com/gradientlearning/cola/adapter"
	"github.com/gradientlearning/cola/data"
	"github.com/gradientlearning/cola/linalg"
	"github.com/gradientlearning/cola/protocol"
)

// training is a participant's part in a job: its adapters, their fitters, and where in
// the job it is.
type training struct {
	cfg      Config
	wire     protocol.Job
	sites    []adapter.Site
	specs    []adapter.Spec
	fitters  []*adapter.Fitter
	schedule adapter.ScheduleConfig
	sampler  *data.Sampler

	version  uint64 // of the committed state, 0 at first
	prepared uint64 // the version that the fitters' state is meant for, 0 if it is the committed one
	best     uint64 // the version that the job would end with, by the last message of the coordinator

	opened     *protocol.Open  // the round that tuples are taken for
	taken      map[string]bool // sites whose tuples of the round are here
	roundsDone uint64          // rounds of the interval whose tuples are here
	examples   int             // of the interval
}

// newTraining checks what the coordinator declares and makes the adapters.
func newTraining(cfg Config, w *protocol.Welcome) (*training, error) {
	t := &training{cfg: cfg, wire: w.Job, schedule: adapter.ScheduleConfig{Name: w.Job.Schedule.Name, Warmup: w.Job.Schedule.Warmup}}
	bad := func(format string, args ...any) error {
		return protocol.Faultf(protocol.CodeProtocol, "use a coordinator of the same release", "the job cannot be taken up: "+format, args...)
	}
	if w.Job.Interval < 1 || w.Job.Rounds < 1 || w.Job.Batch < 1 {
		return nil, bad("%d rounds of %d rows, interval %d", w.Job.Rounds, w.Job.Batch, w.Job.Interval)
	}
	if err := w.Job.Encoding.Validate(); err != nil {
		return nil, bad("%w", err)
	}
	if len(w.Adapters) != len(w.Sites) || len(w.Sites) == 0 {
		return nil, bad("%d adapters for %d sites", len(w.Adapters), len(w.Sites))
	}
	if err := t.schedule.Validate(); err != nil {
		return nil, bad("%w", err)
	}
	for i, s := range w.Sites {
		site, err := siteOf(s)
		if err != nil {
			return nil, bad("%w", err)
		}
		a := w.Adapters[i]
		t.sites = append(t.sites, site)
		t.specs = append(t.specs, adapter.Spec{Kind: adapter.Kind(a.Kind), Rank: a.Rank, Scale: a.Scale, Hidden: a.Hidden, Bias: a.Bias})
	}
	rows := w.Job.Batch
	if cfg.MaxRows > 0 {
		rows = min(rows, cfg.MaxRows)
	}
	t.sampler = data.NewSampler(cfg.Data.Len(), rows, w.Job.Seed, cfg.Name)
	if err := t.begin(); err != nil {
		return nil, bad("%w", err)
	}
	return t, nil
}

// siteOf checks a site that came over the wire.
func siteOf(s protocol.Site) (adapter.Site, error) {
	site := adapter.Site{Name: s.Name, Kind: adapter.SiteKind(s.Kind), In: s.In, Out: s.Out, Bias: s.Bias, Group: s.Group, Head: s.Head}
	const most = 1 << 30 // the product fits an int64
	if s.In < 1 || s.Out < 1 || s.In > most || s.Out > most || int64(s.In)*int64(s.Out) > 1<<32 {
		return site, fmt.Errorf("site %q of %d × %d", s.Name, s.Out, s.In)
	}
	switch site.Kind {
	case adapter.SiteLinear, adapter.SiteEmbedding:
		return site, nil
	case adapter.SiteConv2D:
		if len(s.Conv) != 6 || slices.Min(s.Conv[:5]) < 1 || slices.Max(s.Conv) > 1<<16 || s.Conv[5] < 0 {
			return site, fmt.Errorf("site %q with convolution %v", s.Name, s.Conv)
		}
		site.Conv = linalg.Conv{Height: s.Conv[0], Width: s.Conv[1], Channels: s.Conv[2], Kernel: s.Conv[3], Stride: s.Conv[4], Padding: s.Conv[5]}
		if h, w := site.Conv.Output(); site.Conv.Columns() != s.In || h < 1 || w < 1 {
			return site, fmt.Errorf("site %q with %d inputs and convolution %v", s.Name, s.In, s.Conv)
		}
		return site, nil
	}
	return site, fmt.Errorf("site %q of kind %q", s.Name, s.Kind)
}

// begin makes adapters in their initial state.
func (t *training) begin() error {
	o, s := t.wire.Optimizer, t.wire.Solver
	fitters := make([]*adapter.Fitter, len(t.sites))
	for i, site := range t.sites {
		a, err := adapter.New(site, t.specs[i], adapter.Rand(t.wire.Seed, t.cfg.Name, site.Name))
		if err != nil {
			return fmt.Errorf("site %s: %w", site.Name, err)
		}
		fitters[i], err = adapter.NewFitter(t.cfg.Device, site, a,
			adapter.OptimizerConfig{
				Name: o.Name, LearningRate: o.LearningRate, Momentum: o.Momentum, Nesterov: o.Nesterov,
				Beta1: o.Beta1, Beta2: o.Beta2, Epsilon: o.Epsilon, WeightDecay: o.WeightDecay, ClipNorm: o.ClipNorm,
			},
			adapter.SolverConfig{Name: s.Name, Steps: s.Steps, Ridge: s.Ridge})
		if err != nil {
			return fmt.Errorf("site %s: %w", site.Name, err)
		}
	}
	t.fitters = fitters
	t.version, t.prepared = 0, 0
	t.reset()
	return nil
}

// reset forgets the tuples of the interval.
func (t *training) reset() {
	for _, f := range t.fitters {
		f.Reset()
	}
	t.opened, t.taken, t.roundsDone, t.examples = nil, nil, 0, 0
}

// open returns the batch of a round. The first round of an interval begins it again.
func (t *training) open(o *protocol.Open, ds data.Dataset) (*protocol.Batch, error) {
	if o.Start > o.Round || o.Round >= o.End || o.End > t.wire.Rounds || o.End-o.Start > t.wire.Interval {
		return nil, t.protocolFault(o.Round, "round %d of interval %d to %d", o.Round, o.Start, o.End)
	}
	if o.Round == o.Start {
		t.reset()
	}
	if o.Round != o.Start+t.roundsDone {
		return nil, t.protocolFault(o.Round, "round %d was opened, %d was due", o.Round, o.Start+t.roundsDone)
	}
	t.opened, t.taken = o, map[string]bool{}
	indices := t.sampler.Batch(o.Round)
	t.examples += len(indices)
	return &protocol.Batch{Round: o.Round, Sections: t.sections(ds.Batch(indices))}, nil
}

// sections are a batch as it travels.
func (t *training) sections(b data.Batch) []protocol.Section {
	list := []protocol.Section{{Name: "inputs", Tensor: b.Inputs}, {Name: "labels", Tensor: b.Labels}}
	if b.Inputs.DType() == linalg.F32 {
		list[0].As = t.wire.Encoding.Inputs()
	}
	add := func(name string, starts []int32) {
		if starts != nil {
			list = append(list, protocol.Section{Name: name, Tensor: linalg.FromI32(starts, len(starts))})
		}
	}
	add("starts", b.Starts)
	add("label_starts", b.LabelStarts)
	list[0].Compress = t.wire.Encoding.Compress
	for i := range list[1:] {
		list[1+i].Compress = t.wire.Encoding.Compress && b.Starts != nil // labels of images are too few to pay
	}
	return list
}

func (t *training) protocolFault(round uint64, format string, args ...any) error {
	f := protocol.Faultf(protocol.CodeProtocol, "use a coordinator of the same release", format, args...)
	f.Round = round + 1
	return f
}

// tuples takes one group's tuples. The last ones of the interval are followed by the
// fit, and by the update that it returns.
func (t *training) tuples(m *protocol.Tuples) (*protocol.Update, error) {
	if t.opened == nil || m.Round != t.opened.Round {
		return nil, nil // of a round that was opened again since
	}
	if len(m.Sections) < 2 || m.Sections[0].Name != "x" {
		return nil, t.protocolFault(m.Round, "tuples with %d sections", len(m.Sections))
	}
	x := m.Sections[0].Tensor
	// I batches fitted together are one batch of I times the rows.
	weight := 1 / float32(t.opened.End-t.opened.Start)
	for _, s := range m.Sections[1:] {
		i := slices.IndexFunc(t.sites, func(site adapter.Site) bool { return "g."+site.Name == s.Name })
		if i < 0 || t.sites[i].Group != m.Group || t.taken[s.Name] {
			return nil, t.protocolFault(m.Round, "tuples %q in group %d", s.Name, m.Group)
		}
		if err := checkTuple(t.sites[i], x, s.Tensor); err != nil {
			return nil, t.protocolFault(m.Round, "%w", err)
		}
		t.taken[s.Name] = true
		t.fitters[i].Add(x, s.Tensor, weight)
		if !m.Last { // more are on their way, and nothing else is to be done
			t.fitters[i].Settle()
		}
	}
	if !m.Last {
		return nil, nil
	}
	if len(t.taken) != len(t.sites) {
		return nil, t.protocolFault(m.Round, "tuples of %d sites came, of %d are due", len(t.taken), len(t.sites))
	}
	t.roundsDone++
	if m.Round+1 < t.opened.End {
		for _, f := range t.fitters { // while the next round's batch is on its way
			f.Settle()
		}
		return nil, nil
	}
	return t.fit(m.Round)
}

// checkTuple says whether x and g belong to the site and to each other.
func checkTuple(site adapter.Site, x, g *linalg.Tensor) error {
	if g.DType() != linalg.F32 || len(x.Shape()) == 0 || len(g.Shape()) == 0 {
		return fmt.Errorf("tuple of site %s is not float", site.Name)
	}
	dtype, wantX, wantG := linalg.F32, []int{x.Rows(), site.In}, []int{x.Rows(), site.Out}
	switch site.Kind {
	case adapter.SiteConv2D:
		h, w := site.Conv.Output()
		wantX = []int{x.Rows(), site.Conv.Height, site.Conv.Width, site.Conv.Channels}
		wantG = []int{x.Rows(), h, w, site.Out}
	case adapter.SiteEmbedding:
		dtype, wantX = linalg.I32, []int{x.Rows()}
	}
	if x.DType() != dtype || !slices.Equal(x.Shape(), wantX) || !slices.Equal(g.Shape(), wantG) {
		return fmt.Errorf("tuple of site %s: x %v of %v and g %v, expected %v of %v and %v", site.Name, x.Shape(), x.DType(), g.Shape(), wantX, dtype, wantG)
	}
	if site.Kind != adapter.SiteEmbedding {
		return nil
	}
	for _, id := range x.I32() {
		if id < 0 || int(id) >= site.In {
			return fmt.Errorf("tuple of site %s: token id %d of a vocabulary of %d", site.Name, id, site.In)
		}
	}
	return nil
}

// fit solves the interval's regression at every site.
func (t *training) fit(round uint64) (*protocol.Update, error) {
	fits := (t.wire.Rounds + t.wire.Interval - 1) / t.wire.Interval
	rate := t.wire.Optimizer.LearningRate * t.schedule.Factor(int(t.opened.Start/t.wire.Interval), int(fits))
	if _, err := adapter.FitAll(t.fitters, rate); err != nil {
		fault := protocol.Faultf(protocol.CodeDiverged, "lower the learning rate, or set clip_norm, in the job file", "fit of %w", err)
		fault.Round = round + 1
		return nil, fault
	}
	digest := t.digest()
	t.prepared = t.opened.Version
	update := &protocol.Update{Version: t.prepared, Round: round, Rows: t.examples, Digest: digest[:]}
	for i, f := range t.fitters {
		for _, p := range f.Adapter().Params() {
			update.Sections = append(update.Sections, protocol.Section{
				Name: t.sites[i].Name + "." + p.Name, Tensor: p.Value, Compress: t.wire.CompressUpdates,
			})
		}
	}
	t.opened = nil
	return update, nil
}

// adapters returns the adapters by site.
func (t *training) adapters() []adapter.Adapter {
	list := make([]adapter.Adapter, len(t.fitters))
	for i, f := range t.fitters {
		list[i] = f.Adapter()
	}
	return list
}

func (t *training) digest() [32]byte { return adapter.Digest(t.sites, t.adapters()) }

// state returns all that is needed to go on.
func (t *training) state() []linalg.Blob {
	var blobs []linalg.Blob
	for _, f := range t.fitters {
		blobs = append(blobs, f.State()...)
	}
	return blobs
}

// restore is the inverse of state.
func (t *training) restore(state map[string]linalg.Blob) error {
	for i, f := range t.fitters {
		own := map[string]linalg.Blob{}
		for name, b := range state {
			if len(name) > len(t.sites[i].Name) && name[:len(t.sites[i].Name)+1] == t.sites[i].Name+"." {
				own[name] = b
			}
		}
		if err := f.Restore(own); err != nil {
			return err
		}
	}
	t.prepared = 0
	t.reset()
	return nil
}
