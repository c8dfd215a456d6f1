package model_test

import (
	"math"
	"path/filepath"
	"runtime"
	"slices"
	"sync"
	"testing"
	"weak"

	"github.com/gradientlearning/cola/linalg"
	"github.com/gradientlearning/cola/model"
)

// far is the CPU behind a wall: its tensors have memory of their own, which panics when it
// is used as a host tensor, and host tensors are refused. A model that runs on it moves
// everything explicitly.
type far struct {
	cpu linalg.Device

	mu   sync.Mutex
	made [][]int // the shapes of F32 tensors
}

func newFar() *far { return &far{cpu: linalg.NewCPU()} }

// farMemory holds the elements of a tensor as a host tensor.
type farMemory struct{ host *linalg.Tensor }

func (farMemory) Device() string { return "far" }

// in unwraps a tensor of the device, in the shape that it has now.
func in(t *linalg.Tensor) *linalg.Tensor {
	if t == nil {
		return nil
	}
	return t.Memory().(farMemory).host.Reshape(t.Shape()...)
}

func inParts(parts []linalg.LowRank) []linalg.LowRank {
	unwrapped := slices.Clone(parts)
	for i, p := range unwrapped {
		unwrapped[i].A, unwrapped[i].B = in(p.A), in(p.B)
	}
	return unwrapped
}

func out(host *linalg.Tensor) *linalg.Tensor {
	return linalg.NewOnDevice(host.DType(), farMemory{host}, host.Shape()...)
}

func (d *far) Name() string { return "far" }

func (d *far) New(dtype linalg.DType, shape ...int) *linalg.Tensor {
	d.mu.Lock()
	defer d.mu.Unlock()
	if dtype == linalg.F32 {
		d.made = append(d.made, slices.Clone(shape))
	}
	return out(linalg.New(dtype, shape...))
}

func (d *far) Empty(dtype linalg.DType, shape ...int) *linalg.Tensor {
	t := d.New(dtype, shape...)
	poison(t)
	return t
}

// Free poisons: whoever uses what was freed gets NaN.
func (d *far) Free(t *linalg.Tensor) { poison(t) }

func poison(t *linalg.Tensor) {
	if t.DType() == linalg.F32 {
		for i := range in(t).F32() {
			in(t).F32()[i] = float32(math.NaN())
		}
	}
}

func (d *far) Upload(dst, src *linalg.Tensor)   { d.cpu.Upload(in(dst), src) }
func (d *far) Download(dst, src *linalg.Tensor) { d.cpu.Download(dst, in(src)) }
func (d *far) Fetch(src *linalg.Tensor, as linalg.DType) func() (*linalg.Tensor, error) {
	return d.cpu.Fetch(in(src), as)
}
func (d *far) Hidden(p linalg.Precision) linalg.DType { return d.cpu.Hidden(p) }
func (d *far) Err() error                             { return nil }
func (d *far) Rows(t *linalg.Tensor, lo, hi int) *linalg.Tensor {
	return out(d.cpu.Rows(in(t), lo, hi))
}
func (d *far) Zero(t *linalg.Tensor)                              { d.cpu.Zero(in(t)) }
func (d *far) Add(y, a, b *linalg.Tensor)                         { d.cpu.Add(in(y), in(a), in(b)) }
func (d *far) Axpy(y *linalg.Tensor, a float32, x *linalg.Tensor) { d.cpu.Axpy(in(y), a, in(x)) }
func (d *far) Scale(y *linalg.Tensor, a float32)                  { d.cpu.Scale(in(y), a) }
func (d *far) MatMul(c, a, b *linalg.Tensor, op linalg.MatMul)    { d.cpu.MatMul(in(c), in(a), in(b), op) }
func (d *far) Linear(y, x *linalg.Tensor, w linalg.Packed, e linalg.Epilogue) {
	e.Bias, e.Saved, e.Residual = in(e.Bias), in(e.Saved), in(e.Residual)
	d.cpu.Linear(in(y), in(x), w.(farPacked).Packed, e)
}
func (d *far) LowRank(y, x *linalg.Tensor, parts []linalg.LowRank) {
	d.cpu.LowRank(in(y), in(x), inParts(parts))
}
func (d *far) LowRankBackward(dx, g *linalg.Tensor, parts []linalg.LowRank) {
	d.cpu.LowRankBackward(in(dx), in(g), inParts(parts))
}
func (d *far) LinearBackward(dx, g *linalg.Tensor, w linalg.Packed, b linalg.Backward) {
	if b.Saved != nil {
		b.Saved = in(b.Saved)
	}
	d.cpu.LinearBackward(in(dx), in(g), w.(farPacked).Packed, b)
}
func (d *far) AddBias(y, b *linalg.Tensor) { d.cpu.AddBias(in(y), in(b)) }
func (d *far) AddBiasBackward(db, g *linalg.Tensor, accumulate bool) {
	d.cpu.AddBiasBackward(in(db), in(g), accumulate)
}
func (d *far) ReLU(y, x *linalg.Tensor)                     { d.cpu.ReLU(in(y), in(x)) }
func (d *far) ReLUBackward(dx, g, y *linalg.Tensor)         { d.cpu.ReLUBackward(in(dx), in(g), in(y)) }
func (d *far) Unfold(cols, x *linalg.Tensor, c linalg.Conv) { d.cpu.Unfold(in(cols), in(x), c) }
func (d *far) UnfoldBackward(dx, cols *linalg.Tensor, c linalg.Conv, accumulate bool) {
	d.cpu.UnfoldBackward(in(dx), in(cols), c, accumulate)
}
func (d *far) MaxPool(y, argmax, x *linalg.Tensor, size int) {
	d.cpu.MaxPool(in(y), in(argmax), in(x), size)
}
func (d *far) MaxPoolBackward(dx, g, argmax *linalg.Tensor) {
	d.cpu.MaxPoolBackward(in(dx), in(g), in(argmax))
}
func (d *far) MeanPool(y, x *linalg.Tensor)          { d.cpu.MeanPool(in(y), in(x)) }
func (d *far) MeanPoolBackward(dx, g *linalg.Tensor) { d.cpu.MeanPoolBackward(in(dx), in(g)) }
func (d *far) CrossEntropy(loss, dlogits, logits, labels, scale *linalg.Tensor) {
	d.cpu.CrossEntropy(in(loss), in(dlogits), in(logits), in(labels), in(scale))
}
func (d *far) Pack(w *linalg.Tensor, p linalg.Precision) linalg.Packed {
	return farPacked{d.cpu.Pack(in(w), p)}
}

type farPacked struct{ linalg.Packed }

func (p farPacked) Set(w *linalg.Tensor) { p.Packed.Set(in(w)) }

// downloads is a sink that takes the device's tensors home.
type downloads struct {
	*tuples
	dev linalg.Device
}

func (s downloads) home(t *linalg.Tensor) *linalg.Tensor {
	host := linalg.New(t.DType(), t.Shape()...)
	s.dev.Download(host, t)
	return host
}

func (s downloads) Input(site int, x *linalg.Tensor, rows []model.Rows) {
	s.tuples.Input(site, s.home(x), rows)
}
func (s downloads) Gradient(site int, g *linalg.Tensor, rows []model.Rows) {
	s.tuples.Gradient(site, s.home(g), rows)
}

// A model on a device with memory of its own gives the same bits as on the host.
func TestDeviceWithItsOwnMemory(t *testing.T) {
	for _, c := range small {
		near := newBase(t, c)
		dev := newFar()
		b := must[*model.Base](t)(model.New(dev, c))
		if b.Device() != dev {
			t.Error("the model is on another device")
		}
		for name, v := range values(b) {
			if !sameBits(v, values(near)[name]) {
				t.Errorf("%s, %s: differs on the device", c.Type, name)
			}
		}
		batch := newBatch(near, 3, 2)
		d := deltas(t, near, newAdapters(t, near, "ada", kinds[1]))
		far := slices.Clone(d)
		far[0].Weight = dev.New(linalg.F32, d[0].Weight.Shape()...) // a delta may be on the device already
		dev.Upload(far[0].Weight, d[0].Weight)
		if err := near.Merge(d); err != nil {
			t.Fatal(err)
		}
		if err := b.Merge(far); err != nil {
			t.Fatal(err)
		}
		want, wantTuples := pass(t, near, batch, model.Merged)
		s := downloads{newTuples(), dev}
		got := must[model.Result](t)(b.Pass(batch, model.Merged, s))
		if !slices.Equal(got.Loss, want.Loss) || !slices.Equal(got.Correct, want.Correct) {
			t.Errorf("%s: %+v on the device, %+v on the host", c.Type, got, want)
		}
		for i := range b.Sites() {
			if !sameBits(s.x[i], wantTuples.x[i]) || !sameBits(s.g[i], wantTuples.g[i]) {
				t.Errorf("%s: the tuple of site %d differs on the device", c.Type, i)
			}
		}
		if !sameBits(logits(t, b, batch, model.Merged), logits(t, near, batch, model.Merged)) {
			t.Errorf("%s: the logits differ on the device", c.Type)
		}
		wantGrads, _ := classical(t, near, batch, true)
		gotGrads, _ := classical(t, b, batch, true)
		for name, g := range wantGrads.Base {
			if !sameBits(gotGrads.Base[name], g) {
				t.Errorf("%s: the classical gradient of %s differs on the device", c.Type, name)
			}
		}
		path := filepath.Join(t.TempDir(), "model.safetensors")
		if err := b.Save(path); err != nil {
			t.Fatal(err)
		}
		if err := near.Load(blobs(b)); err != nil {
			t.Fatal(err)
		}
	}
}

// A pass allocates nothing in the shape of a parameter: frozen ones have no gradient.
func TestFrozenParametersGetNoGradient(t *testing.T) {
	for _, c := range small {
		dev := newFar()
		b := must[*model.Base](t)(model.New(dev, c))
		batch := newBatch(b, 13) // no parameter has 13 rows
		count := func(run func()) int {
			dev.made = nil
			run()
			n := 0
			for _, site := range b.Sites() {
				for _, shape := range dev.made {
					if slices.Equal(shape, []int{site.Out, site.In}) || slices.Equal(shape, []int{site.Out}) {
						n++
					}
				}
			}
			return n
		}
		frozen := count(func() { must[model.Result](t)(b.Pass(batch, model.Merged, downloads{newTuples(), dev})) })
		if frozen != 0 {
			t.Errorf("%s: a pass made %d tensors in the shape of parameters", c.Type, frozen)
		}
		if trained := count(func() { classical(t, b, batch, true) }); trained < 2*len(b.Sites()) {
			t.Errorf("%s: the classical tape made %d, at least %d were expected", c.Type, trained, 2*len(b.Sites()))
		}
	}
}

// patchwork is a device that remembers the patches it laid out, without keeping them.
type patchwork struct {
	linalg.Device
	patches []weak.Pointer[linalg.Tensor]
}

func (d *patchwork) Unfold(cols, x *linalg.Tensor, c linalg.Conv) {
	d.patches = append(d.patches, weak.Make(cols))
	d.Device.Unfold(cols, x, c)
}

// forgetting is a sink that counts the patches in memory when the backward pass begins.
type forgetting struct {
	dev         *patchwork
	made, alive int
	began       bool
}

func (*forgetting) Input(int, *linalg.Tensor, []model.Rows) {}

func (s *forgetting) Gradient(int, *linalg.Tensor, []model.Rows) {
	if s.began {
		return
	}
	s.began = true
	runtime.GC()
	s.made = len(s.dev.patches)
	for _, p := range s.dev.patches {
		if p.Value() != nil {
			s.alive++
		}
	}
}

// Without gradients of weights no GEMM's input is kept: patches, nine times as large as the
// image, are gone when the backward pass begins.
func TestPatchesAreNotKept(t *testing.T) {
	dev := &patchwork{Device: linalg.NewCPU()}
	b := must[*model.Base](t)(model.New(dev, small[2]))
	for mode, batch := range map[model.Mode]*model.Batch{
		model.Merged: newBatch(b, 2, 1), model.Unmerged: adapted(t, b, newBatch(b, 2, 1)),
	} {
		dev.patches = nil
		s := &forgetting{dev: dev}
		must[model.Result](t)(b.Pass(batch, mode, s))
		if s.made != 3 || s.alive != 0 {
			t.Errorf("%s: %d of %d patches are kept for the backward pass", mode, s.alive, s.made)
		}
	}
}
