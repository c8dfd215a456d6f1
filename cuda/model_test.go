package cuda_test

import (
	"math"
	"path/filepath"
	"slices"
	"testing"

	"github.com/gradientlearning/cola/adapter"
	"github.com/gradientlearning/cola/cuda"
	"github.com/gradientlearning/cola/internal/golden"
	"github.com/gradientlearning/cola/linalg"
	"github.com/gradientlearning/cola/model"
)

const goldenFolders = "../model/testdata/golden"

// architectures are folders of one model of each architecture.
var architectures = []string{"gpt2", "bert", "roberta", "bart", "llama"}

func readGolden(t testing.TB, name string) *golden.Folder {
	t.Helper()
	return must[*golden.Folder](t)(golden.Read(filepath.Join(goldenFolders, name)))
}

// Models whose numbers were computed by transformers and peft: logits, losses, tuples of every
// site, gradients and trained adapters, as the CPU is held against them.
func TestGoldenModels(t *testing.T) {
	useGPU(t)
	folders, err := filepath.Glob(filepath.Join(goldenFolders, "*", "golden.json"))
	if err != nil || len(folders) < len(architectures) {
		t.Fatalf("%d folders, %v", len(folders), err)
	}
	for _, path := range folders {
		name := filepath.Base(filepath.Dir(path))
		if testing.Short() && !slices.Contains(architectures, name) {
			continue
		}
		t.Run(name, func(t *testing.T) {
			d := newDevice(t, cuda.Options{})
			report := must[*golden.Report](t)(golden.Compare(d, readGolden(t, name)))
			noError(t, d)
			for _, row := range report.Rows {
				if !(row.Error <= 1e-4) {
					t.Errorf("%s is off by %.2g", row.Tensor, row.Error)
				}
			}
		})
	}
}

// captured is a sink that fetches everything in float32.
type captured struct {
	dev  linalg.Device
	wait []func() (*linalg.Tensor, error)
}

func (c *captured) Input(_ int, x *linalg.Tensor, _ []model.Rows) { c.take(x) }

func (c *captured) Gradient(_ int, g *linalg.Tensor, _ []model.Rows) { c.take(g) }

func (c *captured) take(t *linalg.Tensor) {
	as := linalg.F32
	if t.DType() == linalg.I32 {
		as = linalg.I32
	}
	c.wait = append(c.wait, c.dev.Fetch(t, as))
}

// adapters are of mixed kinds at the sites of a model, and add something.
func adapters(t testing.TB, sites []adapter.Site) []adapter.Adapter {
	t.Helper()
	kinds := []adapter.Spec{{Kind: adapter.LowRank, Rank: 3}, {Kind: adapter.Linear}, {Kind: adapter.MLP, Hidden: []int{5}}}
	var list []adapter.Adapter
	for i, site := range sites {
		a := must[adapter.Adapter](t)(adapter.New(site, kinds[i%len(kinds)], adapter.Rand(1, "ada", site.Name)))
		for j, p := range a.Params() {
			copy(p.Value.F32(), normal(uint64(100*i+j), linalg.F32, p.Value.Shape()...).F32())
			linalg.NewCPU().Scale(p.Value, 0.1)
		}
		list = append(list, a)
	}
	return list
}

// run returns the loss, and all tuples one after the other, of a pass of a golden folder's batch.
func run(t testing.TB, dev linalg.Device, f *golden.Folder, c model.Config, mode model.Mode) (float64, []*linalg.Tensor) {
	t.Helper()
	c.Path, c.Task = f.Path, f.Task
	b := must[*model.Base](t)(model.New(dev, c))
	batch := f.Batch()
	if mode == model.Unmerged {
		batch.Owners[0].Adapters = adapters(t, b.Sites())
	}
	batch.Owners[0].Scale = 1 / float32(must[[]int](t)(b.Predictions(batch, mode))[0])
	s := &captured{dev: dev}
	result := must[model.Result](t)(b.Pass(batch, mode, s))
	var tuples []*linalg.Tensor
	for _, wait := range s.wait {
		tuples = append(tuples, must[*linalg.Tensor](t)(wait()))
	}
	return result.Loss[0], tuples
}

// distance is ‖got − want‖ over ‖want‖.
func distance(got, want *linalg.Tensor) float64 {
	if want.DType() == linalg.I32 {
		return 0
	}
	difference, norm := 0.0, 0.0
	for i, w := range want.F32() {
		d := float64(got.F32()[i] - w)
		difference, norm = difference+d*d, norm+float64(w)*float64(w)
	}
	return math.Sqrt(difference / norm)
}

// In bfloat16 every architecture comes about as close to float32 as the CPU does, which rounds
// the factors of products and nothing else.
func TestModelsInBF16(t *testing.T) {
	useGPU(t)
	for _, name := range architectures {
		for _, mode := range []model.Mode{model.Merged, model.Unmerged} {
			t.Run(name+"/"+string(mode), func(t *testing.T) {
				f := readGolden(t, name)
				want, wantTuples := run(t, linalg.NewCPU(), f, model.Config{}, mode)
				_, rounded := run(t, linalg.NewCPU(), f, model.Config{Precision: linalg.BF16Products}, mode)
				for _, checkpoints := range []int{0, 1} {
					c := model.Config{Precision: linalg.BF16Products, Checkpoints: checkpoints}
					got, tuples := run(t, newDevice(t, cuda.Options{}), f, c, mode)
					if !(math.Abs(got-want) <= 0.01*want) {
						t.Errorf("the loss is %g, in float32 %g", got, want)
					}
					if checkpoints == 0 { // else they come in another order
						for i := range tuples {
							off, rounding := distance(tuples[i], wantTuples[i]), distance(rounded[i], wantTuples[i])
							if !(off <= 0.02+3*rounding) {
								t.Errorf("tensor %d is off by %.2g of its norm, on the CPU by %.2g", i, off, rounding)
							}
						}
					}
				}
			})
		}
	}
}

// Steps take no memory from the driver once its blocks have found their places.
func TestStepsAllocateOnce(t *testing.T) {
	useGPU(t)
	f := readGolden(t, "llama")
	d := newDevice(t, cuda.Options{})
	b := must[*model.Base](t)(model.New(d, model.Config{Path: f.Path, Precision: linalg.BF16Products}))
	batch := f.Batch()
	batch.Owners[0].Scale = 1
	for _, a := range adapters(t, b.Sites()) {
		placed, _ := adapter.Place(d, a)
		batch.Owners[0].Adapters = append(batch.Owners[0].Adapters, placed)
	}
	free := func() int64 {
		n, _, err := d.Memory()
		if err != nil {
			t.Fatal(err)
		}
		return n
	}
	var after []int64
	for range 6 {
		s := &captured{dev: d}
		must[model.Result](t)(b.Pass(batch, model.Unmerged, s))
		for _, wait := range s.wait {
			must[*linalg.Tensor](t)(wait())
		}
		after = append(after, free())
	}
	if after[2] != after[5] {
		t.Errorf("free after each step: %v", after)
	}
}

// What a model writes on the GPU is what it writes on the CPU, greedily and with beams, each owner
// with its adapters.
func TestGeneration(t *testing.T) {
	useGPU(t)
	for _, name := range []string{"gpt2", "bart", "llama"} {
		f := readGolden(t, name)
		d := newDevice(t, cuda.Options{})
		for _, beams := range []int{1, 2} {
			var written [][]model.Continuation
			for i, dev := range []linalg.Device{linalg.NewCPU(), d, d} {
				c := model.Config{Path: f.Path, Task: f.Task}
				if i == 2 { // it need not write the same, in bfloat16
					c.Precision = linalg.BF16Products
				}
				b := must[*model.Base](t)(model.New(dev, c))
				ids := linalg.FromI32([]int32{5, 6, 7, 5, 8}, 5)
				p := &model.Prompts{Inputs: ids, Starts: []int32{0, 3}, Owners: []model.Owner{
					{Participant: "ada", Lo: 0, Hi: 1, Adapters: adapters(t, b.Sites())}, {Participant: "ben", Lo: 1, Hi: 2},
				}}
				g := must[model.Generation](t)(b.Generation())
				g.MaxNew, g.Beams, g.LengthPenalty, g.RepetitionPenalty = 4, beams, 1, 1
				written = append(written, must[[]model.Continuation](t)(b.Generate(t.Context(), p, model.Unmerged, g)))
			}
			for i, want := range written[0] {
				if got := written[1][i]; !slices.Equal(got.IDs, want.IDs) {
					t.Errorf("%s, %d beams, text %d: %v on the GPU, %v on the CPU", name, beams, i, got.IDs, want.IDs)
				}
				if len(written[2][i].IDs) == 0 {
					t.Errorf("%s, %d beams, text %d: nothing in bfloat16", name, beams, i)
				}
			}
		}
		noError(t, d)
	}
}

// Models of images, convolutions and all, compute on the GPU what they compute on the CPU.
func TestImages(t *testing.T) {
	useGPU(t)
	d := newDevice(t, cuda.Options{})
	for _, c := range []model.Config{
		{Type: "linear", Input: []int{4, 3, 2}, Classes: 5},
		{Type: "mlp", Input: []int{4, 3, 2}, Classes: 5, Hidden: []int{11, 7}},
		{Type: "cnn", Input: []int{9, 8, 2}, Classes: 5, Hidden: []int{6, 9, 8}},
	} {
		for _, mode := range []model.Mode{model.Merged, model.Unmerged} {
			var losses []float64
			var tuples [][]*linalg.Tensor
			for _, dev := range []linalg.Device{linalg.NewCPU(), d} {
				b := must[*model.Base](t)(model.New(dev, c))
				batch := &model.Batch{
					Inputs: normal(1, linalg.F32, append([]int{3}, c.Input...)...), Labels: linalg.FromI32([]int32{0, 4, 2}, 3),
					Owners: []model.Owner{{Participant: "p", Hi: 3, Scale: 1}},
				}
				if mode == model.Unmerged {
					batch.Owners[0].Adapters = adapters(t, b.Sites())
				}
				s := &captured{dev: dev}
				losses = append(losses, must[model.Result](t)(b.Pass(batch, mode, s)).Loss[0])
				var list []*linalg.Tensor
				for _, wait := range s.wait {
					list = append(list, must[*linalg.Tensor](t)(wait()))
				}
				tuples = append(tuples, list)
			}
			if !(math.Abs(losses[1]-losses[0]) <= 1e-5*losses[0]) {
				t.Errorf("%s, %s: the loss is %g on the GPU, %g on the CPU", c.Type, mode, losses[1], losses[0])
			}
			for i, want := range tuples[0] {
				near(t, c.Type+" "+string(mode), tuples[1][i], want, 1e-4)
			}
		}
	}
	noError(t, d)
}
