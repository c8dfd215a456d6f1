package cuda_test

import (
	"math"
	"math/rand/v2"
	"os"
	"testing"

	"github.com/gradientlearning/cola/cuda"
	"github.com/gradientlearning/cola/cuda/internal/emulator"
	"github.com/gradientlearning/cola/linalg"
)

// insisted says that the GPU of this machine is to be tested, and not the fake one.
func insisted() bool { return os.Getenv("COLA_REQUIRE_CUDA") == "1" }

// useGPU has this process use the fake driver or, where COLA_REQUIRE_CUDA=1, the real one.
func useGPU(t testing.TB) {
	t.Helper()
	if !insisted() {
		newFake(t)
	}
}

// newFake makes the fake driver that of this process.
func newFake(t testing.TB) *emulator.Fake {
	t.Helper()
	if insisted() {
		t.Skip("COLA_REQUIRE_CUDA=1: only the fake driver can be told to fail")
	}
	return emulator.OpenFake(t, emulator.Build(t, emulator.Options{}))
}

// newDevice opens the GPU, and closes it when the test ends.
func newDevice(t testing.TB, o cuda.Options) *cuda.Device {
	t.Helper()
	d, err := cuda.Open(0, o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := d.Close(); err != nil {
			t.Errorf("close: %v", err)
		}
	})
	return d
}

func must[T any](t testing.TB) func(v T, err error) T {
	return func(v T, err error) T {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		return v
	}
}

// normal returns a host tensor of N(0, 1).
func normal(seed uint64, dtype linalg.DType, shape ...int) *linalg.Tensor {
	r := rand.New(rand.NewPCG(seed, 1))
	t := linalg.New(linalg.F32, shape...)
	for i := range t.F32() {
		t.F32()[i] = float32(r.NormFloat64())
	}
	return t.Convert(dtype)
}

// put returns a copy on the device.
func put(d linalg.Device, host *linalg.Tensor) *linalg.Tensor {
	t := d.Empty(host.DType(), host.Shape()...)
	d.Upload(t, host)
	return t
}

// get returns a copy on the host.
func get(d linalg.Device, t *linalg.Tensor) *linalg.Tensor {
	host := linalg.New(t.DType(), t.Shape()...)
	d.Download(host, t)
	return host
}

// near fails the test where numbers are off by more than tolerance, relative to the largest.
func near(t testing.TB, what string, got, want *linalg.Tensor, tolerance float64) {
	t.Helper()
	g, w := got.Convert(linalg.F32).F32(), want.Convert(linalg.F32).F32()
	if len(g) != len(w) {
		t.Fatalf("%s: %d elements, want %d", what, len(g), len(w))
	}
	worst, size := 0.0, 0.0
	for i := range w {
		worst, size = max(worst, math.Abs(float64(g[i]-w[i]))), max(size, math.Abs(float64(w[i])))
	}
	if !(worst <= tolerance*size) {
		t.Errorf("%s: off by %.3g of %.3g", what, worst, size)
	}
}

// same fails the test where bits differ.
func same(t testing.TB, what string, got, want *linalg.Tensor) {
	t.Helper()
	if g, w := string(linalg.Bytes(got)), string(linalg.Bytes(want)); got.DType() != want.DType() || g != w {
		t.Errorf("%s: the bits of %v %v differ from those of %v %v", what, got.DType(), got.Shape(), want.DType(), want.Shape())
	}
}

func noError(t testing.TB, d linalg.Device) {
	t.Helper()
	if err := d.Err(); err != nil {
		t.Fatal(err)
	}
}
