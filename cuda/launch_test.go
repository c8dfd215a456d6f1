package cuda

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"unsafe"

	"github.com/gradientlearning/cola/cuda/kernels"
	"github.com/gradientlearning/cola/linalg"
)

// bytesOf32 sees numbers as bytes.
func bytesOf32(x []float32) []byte {
	return unsafe.Slice((*byte)(unsafe.Pointer(unsafe.SliceData(x))), 4*len(x))
}

// numbers puts float32s on the GPU.
func numbers(t *testing.T, c *context, x ...float32) devicePointer {
	t.Helper()
	at := block(t, c, int64(4*len(x)))
	in(t, c, func() error { return c.upload(at, bytesOf32(x)) })
	return at
}

// values brings n float32s back.
func values(t *testing.T, c *context, at devicePointer, n int) []float32 {
	t.Helper()
	x := make([]float32, n)
	in(t, c, func() error { return c.download(bytesOf32(x), at) })
	return x
}

// add launches y = a + b.
func add(c *context, y, a, b devicePointer, n int) {
	c.launch("cola_add_f32", grid1(n, 64), grid1(64, 1), 0, y, a, b, int64(n))
}

// place is the memory of a tensor that a test makes.
type place struct {
	c  *context
	at devicePointer
}

func (*place) Device() string { return "a test's" }

func (p *place) place() (*context, devicePointer) { return p.c, p.at }

func TestLaunch(t *testing.T) {
	useDriver(t)
	c := strictly(t)
	a, b := numbers(t, c, 1, 2, 3), numbers(t, c, 10, 20, 30)
	add(c, a, a, b, 3)
	c.launch("cola_scale_f32", grid1(3, 64), grid1(64, 1), 0, b, float32(0.5), int64(3))
	add(c, a, a, b, 3)
	c.launch("cola_scale_f32", [3]int{0, 1, 1}, grid1(64, 1), 0, a, float32(9), int64(0)) // nothing to do
	if got, want := fmt.Sprint(values(t, c, a, 3)), "[16 32 48]"; got != want || c.Err() != nil {
		t.Errorf("the sums are %s, want %s; %v", got, want, c.Err())
	}
}

func TestLaunchTakesNoMemory(t *testing.T) {
	useDriver(t)
	c := strictly(t)
	a := numbers(t, c, 1)
	c.o.strict = false // as outside of tests
	x := linalg.NewOnDevice(linalg.F32, &place{c, a}, 1)
	for name, launch := range map[string]func(){
		"add":   func() { add(c, a, a, a, 1) },
		"scale": func() { c.launch("cola_scale_f32", grid1(1, 64), grid1(64, 1), 0, x, float32(2), int64(1)) },
	} {
		if n := testing.AllocsPerRun(50, launch); n != 0 {
			t.Errorf("%s: %v allocations a launch", name, n)
		}
	}
	if c.Err() != nil {
		t.Error(c.Err())
	}
}

func TestWrongLaunchesPanic(t *testing.T) {
	useDriver(t)
	c := strictly(t)
	other := linalg.New(linalg.F32, 1)
	a := numbers(t, c, 1)
	for want, args := range map[string][]any{
		"cuda: kernel cola_scale_f32 has 3 parameters, not 2":                        {a, float32(1)},
		"cuda: parameter 1 of kernel cola_scale_f32 has 4 bytes, and the argument 8": {a, int64(1), int64(1)},
		"cuda: parameter 2 of kernel cola_scale_f32 has 8 bytes, and the argument 0": {a, float32(1), 1},
		"cuda: a tensor that is not on " + c.info.Name:                               {other, float32(1), int64(1)},
	} {
		func() {
			defer func() {
				if got := recover(); got != want {
					t.Errorf("panicked with %v, want %s", got, want)
				}
			}()
			c.launch("cola_scale_f32", grid1(1, 1), grid1(1, 1), 0, args...)
		}()
	}
	if c.depth != 0 {
		t.Errorf("after the panics the goroutine is in %d calls", c.depth)
	}
	in(t, c, c.synchronise)
}

func TestUnknownKernelIsAnError(t *testing.T) {
	useDriver(t)
	c := strictly(t)
	c.launch("cola_nothing_f32", grid1(1, 1), grid1(1, 1), 0)
	if want := "cuda: the kernels (nvrtc "; c.Err() == nil || !strings.HasPrefix(c.Err().Error(), want) || !strings.HasSuffix(c.Err().Error(), "have no cola_nothing_f32") {
		t.Errorf("the failure is %v, want %s", c.Err(), want)
	}
}

func TestSynchronousLaunchNamesTheKernel(t *testing.T) {
	fake := fakeDriver(t)
	c := strictly(t)
	c.o.synchronous = true
	a := numbers(t, c, 1)
	add(c, a, a, a, 1)
	fake.Fail("cuStreamSynchronize", 1, 1)
	add(c, a, a, a, 1)
	if err := c.Err(); err == nil || !strings.HasPrefix(err.Error(), "cuda: cola_add_f32: cuStreamSynchronize: ") {
		t.Errorf("the failure is %v", err)
	}
}

func TestMoreSharedMemoryIsAskedForOnce(t *testing.T) {
	fake := fakeDriver(t)
	c := strictly(t)
	a := numbers(t, c, 1)
	fake.Fail("cuFuncSetAttribute", 3, 1)
	for _, shared := range []int{1 << 10, 60 << 10, 60 << 10, 1 << 10, 60 << 10} { // asks for the first and the second
		c.launch("cola_add_f32", grid1(1, 32), grid1(32, 1), shared, a, a, a, int64(1))
	}
	if c.Err() != nil {
		t.Error(c.Err())
	}
}

func TestWaysToMakeKernels(t *testing.T) {
	fake := fakeDriver(t)
	works := func(o options) *context {
		t.Helper()
		c, err := open(0, o)
		if err != nil {
			t.Fatal(err)
		}
		a := numbers(t, c, 21)
		add(c, a, a, a, 1)
		if got := values(t, c, a, 1); got[0] != 42 || c.Err() != nil {
			t.Errorf("with %s 21 + 21 is %v, %v", c.program.origin, got, c.Err())
		}
		if _, err := c.close(); err != nil {
			t.Error(err)
		}
		return c
	}
	cache := t.TempDir()
	o := options{strict: true, jit: jitCompiler, cache: cache}
	if c := works(o); !strings.HasPrefix(c.program.origin, "nvrtc ") || !strings.HasSuffix(c.program.origin, " for sm_90") {
		t.Errorf("the kernels are from %s", c.program.origin)
	}
	kept, err := filepath.Glob(filepath.Join(cache, "*.cubin"))
	if _, sources := split(kernels.Source()); err != nil || len(kept) != len(sources) {
		t.Fatalf("the cache has %d files of %d sources, %v", len(kept), len(sources), err)
	}
	fake.Fail("nvrtcCompileProgram", 1, 6)
	works(o) // from the cache
	if err := os.WriteFile(kept[0], []byte("torn"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := open(0, o); err == nil || !strings.Contains(err.Error(), "nvrtcCompileProgram: failed (NVRTC_ERROR_COMPILATION, 6)") {
		t.Errorf("a damaged file of the cache was used, or the compiler's failure lost: %v", err)
	}
	works(o) // compiled anew
	if _, err := open(0, options{jit: "gcc"}); err == nil || !strings.Contains(err.Error(), `COLA_CUDA_JIT is "gcc": it is nvrtc, ptx, or not set`) {
		t.Errorf("another compiler: %v", err)
	}
	if left := fake.Leaks(); left != "" {
		t.Errorf("left over: %s", left)
	}

	if _, err := kernels.PTX(); err != nil {
		t.Skip(err)
	}
	works(options{strict: true, jit: jitPTX})
	fake.Fail("nvrtcCompileProgram", 1, 6)
	if c := works(options{strict: true}); !strings.HasPrefix(c.program.origin, "embedded PTX, because: cuda: compile ") {
		t.Errorf("after a failure of the compiler the kernels are from %s", c.program.origin)
	}
	fake.Fail("nvrtcCompileProgram", 1, 6)
	fake.Fail("cuModuleLoadDataEx", 1, 218)
	if _, err := open(0, options{strict: true}); err == nil || !strings.Contains(err.Error(), "nvrtcCompileProgram") || !strings.Contains(err.Error(), "cuda: load the embedded PTX: cuModuleLoadDataEx: ") {
		t.Errorf("where neither way works the error is %v", err)
	}
}
