package golden

import (
	"fmt"
	"math"
	"slices"

	"github.com/gradientlearning/cola/adapter"
	"github.com/gradientlearning/cola/linalg"
	"github.com/gradientlearning/cola/model"
)

// Kinds are what is compared, in this order.
var Kinds = []string{"logits", "loss", "x", "g", "grad_lora_A", "grad_lora_B", "trained_lora_A", "trained_lora_B", "losses"}

// Row is one tensor's comparison.
type Row struct {
	Kind   string  `json:"kind"`
	Tensor string  `json:"tensor"`
	Error  float64 `json:"error"` // max|a − b| / max|b|, with b of the folder; max|a − b| where b is all zeros
}

// Report is the comparison of a folder.
type Report struct {
	Folder string `json:"folder"`
	Type   string `json:"model_type"`
	Task   string `json:"task"`
	Rows   []Row  `json:"rows"`
	// Losses are those of the optimizer's steps, each before its step; nil: there was none.
	Losses []float64 `json:"losses,omitempty"`
	// Ignored are tensors of the folder that were neither used nor compared.
	Ignored []string `json:"ignored,omitempty"`
	// Notes are reasons in the folder for which numbers may differ from those that are
	// computed without padding.
	Notes []string `json:"notes,omitempty"`
}

// Worst returns the row of a kind with the largest error, and whether there is one.
func (r *Report) Worst(kind string) (Row, bool) {
	worst, found := Row{Error: -1}, false
	for _, row := range r.Rows {
		if row.Kind == kind && row.Error > worst.Error {
			worst, found = row, true
		}
	}
	return worst, found
}

// Compare runs the folder's batch through the folder's model, with its adapters unmerged,
// and compares everything that both have. Tensors that do not fit are errors.
func Compare(dev linalg.Device, f *Folder) (*Report, error) {
	config := model.Config{Path: f.Path, Task: f.Task, Precision: f.Precision, Targets: f.layers("x.", "g.", "lora_A.")}
	if f.Task == "seq-cls" && f.tensors["labels"].DType() == linalg.F32 {
		config.Classes = 1
	}
	base, err := model.New(dev, config)
	if err != nil {
		return nil, err
	}
	c := &comparison{folder: f, base: base, dev: dev, report: &Report{Folder: f.Path, Type: base.Config().Type, Task: f.Task}}
	if err := c.run(); err != nil {
		return nil, fmt.Errorf("%s: %w", f.Path, err)
	}
	c.report.Ignored, c.report.Notes = c.ignored(), f.notes()
	return c.report, nil
}

// comparison is one folder beside its model.
type comparison struct {
	folder   *Folder
	base     *model.Base
	dev      linalg.Device
	report   *Report
	adapters []adapter.Adapter
	inputs   map[int]*linalg.Tensor // by site, of every site
	outputs  map[int]*linalg.Tensor
}

func (c *comparison) run() error {
	if err := c.makeAdapters(); err != nil {
		return err
	}
	batch := c.folder.Batch()
	batch.Owners[0].Adapters = c.adapters
	counts, err := c.base.Predictions(batch, model.Unmerged)
	if err != nil {
		return err
	}
	batch.Owners[0].Scale = 1 / float32(max(counts[0], 1))
	if err := c.compareLogits(batch); err != nil {
		return err
	}
	result, err := c.pass(batch)
	if err != nil {
		return err
	}
	loss := linalg.FromF32([]float32{float32(result.Loss[0])}, 1)
	if err := c.add("loss", "loss", loss, c.folder.tensors["loss"].Reshape(1)); err != nil {
		return err
	}
	if err := c.compareTuples(); err != nil {
		return err
	}
	if err := c.compareGradients(); err != nil {
		return err
	}
	return c.compareTrained(batch)
}

// makeAdapters makes the folder's LoRA matrices adapters; at other sites nothing is added.
// A classification head's adapter is linear in cola's own training, but LoRA may be at one.
func (c *comparison) makeAdapters() error {
	for _, site := range c.base.Sites() {
		a, b := c.folder.tensors["lora_A."+site.Name], c.folder.tensors["lora_B."+site.Name]
		spec := adapter.Spec{Kind: adapter.Linear, Bias: true}
		if a != nil {
			site.Head = false
			spec = adapter.Spec{Kind: adapter.LowRank, Rank: c.folder.Rank, Scale: c.folder.Alpha / float64(c.folder.Rank)}
		}
		made, err := adapter.New(site, spec, adapter.Rand(0, "golden", site.Name))
		if err != nil {
			return err
		}
		if spec.Kind == adapter.LowRank {
			if err := adapter.LoadTensors(site, made, map[string]*linalg.Tensor{site.Name + ".A": a, site.Name + ".B": b}); err != nil {
				return err
			}
		}
		c.adapters = append(c.adapters, made)
	}
	return nil
}

// pass captures x and g of every site.
func (c *comparison) pass(batch *model.Batch) (model.Result, error) {
	c.inputs, c.outputs = map[int]*linalg.Tensor{}, map[int]*linalg.Tensor{}
	return c.base.Pass(batch, model.Unmerged, c)
}

// Input keeps x for all sites of its group.
func (c *comparison) Input(site int, x *linalg.Tensor, _ []model.Rows) {
	host := c.host(x)
	for i, s := range c.base.Sites() {
		if s.Group == c.base.Sites()[site].Group {
			c.inputs[i] = host
		}
	}
}

// Gradient keeps g.
func (c *comparison) Gradient(site int, g *linalg.Tensor, _ []model.Rows) {
	c.outputs[site] = c.host(g)
}

// host returns a copy on the host, of values in the type that folders have.
func (c *comparison) host(t *linalg.Tensor) *linalg.Tensor {
	host := linalg.New(t.DType(), t.Shape()...)
	c.dev.Download(host, t)
	if t.DType() == linalg.I32 {
		return host
	}
	return host.Convert(linalg.F32)
}

func (c *comparison) compareLogits(batch *model.Batch) error {
	logits, err := c.base.Logits(batch, model.Unmerged)
	if err != nil {
		return err
	}
	want, ok := c.folder.rows("logits", c.folder.tensors["logits"], logits.Rows())
	if !ok {
		return fmt.Errorf("tensor \"logits\" is %v, and the texts are %d: give (texts, length, vocabulary) or (texts, classes)", c.folder.tensors["logits"].Shape(), c.folder.texts)
	}
	return c.add("logits", "logits", logits, want)
}

// compareTuples compares x and g where the folder has them.
func (c *comparison) compareTuples() error {
	for i, site := range c.base.Sites() {
		for kind, got := range map[string]*linalg.Tensor{"x": c.inputs[i], "g": c.outputs[i]} {
			stored := c.folder.tensors[kind+"."+site.Name]
			if stored == nil {
				continue
			}
			want, ok := c.folder.rows(site.Name, stored, got.Rows())
			if !ok {
				return fmt.Errorf("tensor %q is %v: give (texts, length, width), of an embedding's x (texts, length)", kind+"."+site.Name, stored.Shape())
			}
			if err := c.add(kind, kind+"."+site.Name, got, want); err != nil {
				return err
			}
		}
	}
	return nil
}

// compareGradients compares what is learned from the tuples with the folder's gradients.
func (c *comparison) compareGradients() error {
	for i, site := range c.base.Sites() {
		if c.adapters[i].Spec().Kind != adapter.LowRank {
			continue
		}
		var grads []*linalg.Tensor
		for _, p := range c.adapters[i].Params() {
			grads = append(grads, linalg.New(linalg.F32, p.Value.Shape()...))
		}
		c.adapters[i].Gradient(linalg.NewCPU(), grads, c.inputs[i], c.outputs[i])
		for j, half := range []string{"A", "B"} {
			name := "grad_lora_" + half + "." + site.Name
			if want := c.folder.tensors[name]; want != nil {
				if err := c.add("grad_lora_"+half, name, grads[j], want); err != nil {
					return err
				}
			}
		}
	}
	return nil
}

// compareTrained trains the adapters from tuples for as many steps as the folder's were,
// and compares them.
func (c *comparison) compareTrained(batch *model.Batch) error {
	o := c.folder.Optimizer
	if o == nil {
		return nil
	}
	var fitters []*adapter.Fitter
	for i, site := range c.base.Sites() {
		if c.adapters[i].Spec().Kind != adapter.LowRank {
			fitters = append(fitters, nil)
			continue
		}
		f, err := adapter.NewFitter(linalg.NewCPU(), site, c.adapters[i], adapter.OptimizerConfig{
			Name: o.Name, LearningRate: o.LearningRate, Beta1: o.Betas[0], Beta2: o.Betas[1], Epsilon: o.Epsilon, WeightDecay: o.WeightDecay,
		}, adapter.SolverConfig{Name: "gradient"})
		if err != nil {
			return fmt.Errorf("optimizer in golden.json: %w", err)
		}
		fitters = append(fitters, f)
	}
	for range o.Steps {
		result, err := c.pass(batch)
		if err != nil {
			return err
		}
		c.report.Losses = append(c.report.Losses, result.Loss[0])
		for i, f := range fitters {
			if f == nil {
				continue
			}
			f.Add(c.inputs[i], c.outputs[i], 1)
			if _, err := f.Fit(o.LearningRate); err != nil {
				return err
			}
		}
	}
	if err := c.compareLosses(); err != nil {
		return err
	}
	for i, site := range c.base.Sites() {
		for _, p := range c.adapters[i].Params() {
			name := "trained_lora_" + p.Name + "." + site.Name
			if want := c.folder.tensors[name]; want != nil {
				if err := c.add("trained_lora_"+p.Name, name, p.Value, want); err != nil {
					return err
				}
			}
		}
	}
	return nil
}

// compareLosses compares the losses of all steps where the folder has them.
func (c *comparison) compareLosses() error {
	want := c.folder.tensors["losses"]
	if want == nil {
		return nil
	}
	got := linalg.New(linalg.F32, len(c.report.Losses))
	for i, v := range c.report.Losses {
		got.F32()[i] = float32(v)
	}
	return c.add("losses", "losses", got, want)
}

// add compares two tensors.
func (c *comparison) add(kind, name string, got, want *linalg.Tensor) error {
	if got.DType() != want.DType() {
		return fmt.Errorf("tensor %q is of %v, cola has %v there", name, want.DType(), got.DType())
	}
	if got.Rows() != want.Rows() || got.Len() != want.Len() {
		return fmt.Errorf("tensor %q has %v without padding, cola has %v", name, want.Shape(), got.Shape())
	}
	gotValues, wantValues := values(got), values(want)
	difference, size := 0.0, 0.0
	for i, w := range wantValues {
		if math.IsNaN(w) || math.IsInf(w, 0) {
			return fmt.Errorf("tensor %q holds a number that is not finite, outside of padding", name)
		}
		d := math.Abs(gotValues[i] - w)
		if math.IsNaN(d) || math.IsInf(d, 0) {
			d = math.MaxFloat32 // JSON has no infinity
		}
		difference, size = max(difference, d), max(size, math.Abs(w))
	}
	row := Row{Kind: kind, Tensor: name, Error: difference}
	if size > 0 {
		row.Error = difference / size
	}
	c.report.Rows = append(c.report.Rows, row)
	return nil
}

// values are a tensor's numbers, or ids.
func values(t *linalg.Tensor) []float64 {
	list := make([]float64, t.Len())
	if t.DType() == linalg.I32 {
		for i, v := range t.I32() {
			list[i] = float64(v)
		}
		return list
	}
	for i, v := range t.F32() {
		list[i] = float64(v)
	}
	return list
}

// ignored lists the tensors of the folder that nothing asked for.
func (c *comparison) ignored() []string {
	known := map[string]bool{"input_ids": true, "attention_mask": true, "labels": true, "decoder_input_ids": c.folder.Task == "seq2seq-lm"}
	for _, row := range c.report.Rows {
		known[row.Tensor] = true
	}
	for _, site := range c.base.Sites() {
		known["lora_A."+site.Name], known["lora_B."+site.Name] = true, true
	}
	var list []string
	for name := range c.folder.tensors {
		if !known[name] {
			list = append(list, name)
		}
	}
	slices.Sort(list)
	return list
}
