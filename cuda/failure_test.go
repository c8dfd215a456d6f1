package cuda_test

import (
	"errors"
	"slices"
	"strings"
	"testing"

	"github.com/gradientlearning/cola/cuda"
	"github.com/gradientlearning/cola/cuda/internal/emulator"
	"github.com/gradientlearning/cola/linalg"
	"github.com/gradientlearning/cola/model"
)

// An allocation that fails in a pass is an error of the pass, which says that memory ran out;
// the next one is as if nothing had been. Whatever fails, all is given back in the end.
func TestPassWithoutMemory(t *testing.T) {
	fake := newFake(t)
	f := readGolden(t, "gpt2")
	d := newDevice(t, cuda.Options{})
	b := must[*model.Base](t)(model.New(d, model.Config{Path: f.Path}))
	batch := f.Batch()
	batch.Owners[0].Scale = 1
	want := must[model.Result](t)(b.Pass(batch, model.Merged, &captured{dev: d}))
	for nth := 1; nth < 40; nth += 3 {
		if err := d.Trim(); err != nil {
			t.Fatal(err)
		}
		// Two in a row: after the first, the device gives back what it keeps and asks again.
		fake.Fail("cuMemAllocAsync", nth, 2)
		fake.Fail("cuMemAllocAsync", nth+1, 2)
		s := &captured{dev: d}
		_, err := b.Pass(batch, model.Merged, s)
		for _, wait := range s.wait {
			if _, failed := wait(); failed != nil && !errors.Is(failed, linalg.ErrOutOfMemory) {
				t.Errorf("allocation %d fails: a tuple: %v", nth, failed)
			}
		}
		if err == nil {
			continue // it was not asked for so many
		}
		if !errors.Is(err, linalg.ErrOutOfMemory) || !strings.Contains(err.Error(), "asked for") {
			t.Fatalf("allocation %d fails: %v", nth, err)
		}
		got, err := b.Pass(batch, model.Merged, &captured{dev: d})
		if err != nil || got.Loss[0] != want.Loss[0] {
			t.Errorf("after allocation %d failed: loss %v, %v, want %v", nth, got.Loss, err, want.Loss)
		}
	}
}

// A kernel that goes wrong takes the GPU along: the error names what failed and what ran, and
// everything after it fails the same way.
func TestLostGPU(t *testing.T) {
	fake := newFake(t)
	d, err := cuda.Open(0, cuda.Options{})
	if err != nil {
		t.Fatal(err)
	}
	x := put(d, normal(1, linalg.F32, 4, 8))
	d.Scale(x, 2)
	wait := d.Fetch(x, linalg.F32)
	fake.Fail("cuLaunchKernel", 1, 700)
	d.ReLU(x, x)
	err = d.Err()
	var e *cuda.Error
	if !errors.As(err, &e) || !e.Sticky() || e.Call != "cuLaunchKernel" || e.Lib != "libcuda" || !slices.Contains(e.Launches, "cola_scale_f32") {
		t.Fatalf("the error is %v", err)
	}
	for _, part := range []string{"cola_relu_f32", "launched last", "CUDA_ERROR_ILLEGAL_ADDRESS, 700", "restart"} {
		if !strings.Contains(err.Error(), part) {
			t.Errorf("%q lacks %q", err, part)
		}
	}
	_, _ = wait() // it returns, whatever became of it
	if _, err := d.Fetch(x, linalg.F32)(); err == nil || d.Err() == nil {
		t.Error("the failure is forgotten")
	}
	if err := d.Close(); err == nil {
		t.Error("a lost GPU closes without a word")
	}
	fake.Reset() // what lived in it went with it
}

func TestUnavailable(t *testing.T) {
	for _, c := range []struct {
		name, want string
		change     func(t *testing.T, f *emulator.Fake)
	}{
		{"driver too old", "12.0", func(_ *testing.T, f *emulator.Fake) { f.Set("driver", 12000) }},
		{"no device", "no CUDA-capable device", func(_ *testing.T, f *emulator.Fake) { f.Set("devices", 0) }},
		{"device too old", "compute capability 6.1", func(_ *testing.T, f *emulator.Fake) { f.Set("capability", 61) }},
		{"no cuBLASLt", "libcublasLt", func(t *testing.T, _ *emulator.Fake) { t.Setenv("COLA_LIBCUBLASLT", "/nowhere/libcublasLt.so.12") }},
		{"no driver", "libcuda", func(t *testing.T, _ *emulator.Fake) { t.Setenv("COLA_LIBCUDA", "/nowhere/libcuda.so.1") }},
	} {
		t.Run(c.name, func(t *testing.T) {
			c.change(t, newFake(t))
			_, err := cuda.Open(0, cuda.Options{})
			if !errors.Is(err, cuda.ErrUnavailable) || !strings.Contains(err.Error(), c.want) {
				t.Errorf("%v", err)
			}
		})
	}
}
