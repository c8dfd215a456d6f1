package cuda

import (
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/gradientlearning/cola/cuda/internal/dl"
	"github.com/gradientlearning/cola/cuda/internal/emulator"
	"github.com/gradientlearning/cola/linalg"
)

// useDriver has one test use the fake driver or, where COLA_REQUIRE_CUDA=1, the real one.
func useDriver(t *testing.T) {
	t.Helper()
	if os.Getenv("COLA_REQUIRE_CUDA") != "1" {
		fakeDriver(t)
	}
}

// fakeDriver makes the fake driver that of this process, for one test.
func fakeDriver(t *testing.T) *emulator.Fake {
	t.Helper()
	if os.Getenv("COLA_REQUIRE_CUDA") == "1" {
		t.Skip("COLA_REQUIRE_CUDA=1: only the fake driver can be told to fail")
	}
	if _, err := dl.Open(""); errors.Is(err, dl.ErrUnsupported) {
		t.Skip(err)
	}
	return emulator.OpenFake(t, emulator.Build(t, emulator.Options{}))
}

// strictly opens the GPU so that calls without the context fail wherever they are made.
func strictly(t *testing.T) *context {
	t.Helper()
	c, err := open(0, options{strict: true})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if _, err := c.close(); err != nil && !errors.Is(err, errClosed) {
			t.Errorf("close: %v", err)
		}
	})
	return c
}

// in runs f in the context and fails the test if it does.
func in(t *testing.T, c *context, f func() error) {
	t.Helper()
	if err := c.try("test", f); err != nil {
		t.Fatal(err)
	}
}

// block takes memory for one test.
func block(t *testing.T, c *context, bytes int64) (at devicePointer) {
	t.Helper()
	in(t, c, func() (err error) {
		at, err = c.pool.take(bytes)
		return err
	})
	return at
}

func TestOpenSaysWhyNot(t *testing.T) {
	fake := fakeDriver(t)
	library := os.Getenv(envDriver)
	for name, tt := range map[string]struct {
		prepare func(t *testing.T)
		want    string
	}{
		"no driver": {
			func(t *testing.T) { t.Setenv(envDriver, "/no/libcuda.so.1") },
			"no NVIDIA GPU can be used: COLA_LIBCUDA: /no/libcuda.so.1: cannot open shared object file",
		},
		"another library": {
			func(t *testing.T) { t.Setenv(envDriver, "libm.so.6") },
			"libm.so.6 has no function cuInit, cuDriverGetVersion, nor 39 others: it is no CUDA driver, or an old one",
		},
		"an old driver": {
			func(*testing.T) { fake.Set("driver", 12030) },
			library + " supports CUDA up to 12.3, and cola needs 12.4",
		},
		"no version": {
			func(*testing.T) { fake.Set("driver", 0) },
			library + " says that it supports CUDA version 0: it is no CUDA driver",
		},
		"no GPU":     {func(*testing.T) { fake.Set("devices", 0) }, "cuInit: no CUDA-capable device is detected (CUDA_ERROR_NO_DEVICE, 100)"},
		"an old GPU": {func(*testing.T) { fake.Set("capability", 61) }, "has compute capability 6.1, and cola needs 7.0 (Volta) or newer"},
		"no cuBLASLt": {
			func(t *testing.T) { t.Setenv(envBLAS, "/no/libcublasLt.so.13") },
			"COLA_LIBCUBLASLT: /no/libcublasLt.so.13: cannot open",
		},
	} {
		t.Run(name, func(t *testing.T) {
			defer fake.Reset()
			tt.prepare(t)
			c, err := open(0, options{strict: true})
			if err == nil {
				_, err = c.close()
				t.Fatalf("it opened, and closed with %v", err)
			}
			if !errors.Is(err, ErrUnavailable) || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("the error is %v, want %s", err, tt.want)
			}
			if left := fake.Leaks(); left != "" {
				t.Errorf("left over: %s", left)
			}
		})
	}
	if _, err := open(3, options{}); !errors.Is(err, ErrUnavailable) || !strings.Contains(err.Error(), "cuDeviceGet: invalid device ordinal") {
		t.Errorf("opening GPU 3 of 1: %v", err)
	}
}

// TestOpenWithAnyCallFailing lets each function that open calls fail the first time, and
// looks whether the error names it and all is given back.
func TestOpenWithAnyCallFailing(t *testing.T) {
	fake := fakeDriver(t)
	const code = 801 // CUDA_ERROR_NOT_SUPPORTED, and nothing to the other libraries
	bindings := slices.Concat((&driver{}).bindings(), (&compiler{}).bindings(), (&blas{}).bindings())
	for _, b := range bindings {
		if slices.Contains([]string{"cublasLtGetVersion", "cuDriverGetVersion", "nvrtcVersion"}, b.Name) {
			continue // their answers count, see TestOpenSaysWhyNot
		}
		fake.Fail(b.Name, 1, code)
		c, err := open(0, options{strict: true, jit: jitCompiler})
		if err == nil {
			_, err = c.close()
		}
		if err == nil { // it is not called until something is computed
			fake.Reset()
			continue
		}
		if e, ok := errors.AsType[*Error](err); !ok || e.Call != b.Name || e.Code != code {
			t.Errorf("%s fails: the error is %v", b.Name, err)
		}
		destroys := strings.Contains(b.Name, "Destroy") || strings.Contains(b.Name, "Free") || strings.Contains(b.Name, "Release") || b.Name == "cuModuleUnload"
		if left := fake.Leaks(); left != "" && !destroys {
			t.Errorf("%s fails: left over: %s", b.Name, left)
		}
		fake.Reset()
	}
}

func TestCloseCountsWhatIsLeft(t *testing.T) {
	useDriver(t)
	c := strictly(t)
	in(t, c, func() error {
		if _, err := c.ring.take(100); err != nil {
			return err
		}
		b, err := c.ring.take(100)
		c.ring.giveNow(b)
		return err
	})
	block(t, c, 1000)
	c.pool.account(1000, 1)
	left, err := c.close()
	if want := (objects{blocks: 1, bytes: 1000, pinned: 1}); err != nil || left != want {
		t.Errorf("left are %+v, %v, want %+v", left, err, want)
	}
	if _, err := c.close(); !errors.Is(err, errClosed) {
		t.Errorf("closing twice: %v", err)
	}
	if c.do("add", func() error { return nil }); !errors.Is(c.Err(), errClosed) {
		t.Errorf("computing on a closed GPU: %v", c.Err())
	}
}

func TestContextIsOfAThread(t *testing.T) {
	useDriver(t)
	c := strictly(t)
	err := c.fill(block(t, c, 16), 0, 16)
	if e, ok := errors.AsType[*Error](err); !ok || e.Code != 201 {
		t.Errorf("a call outside the context: %v", err)
	}
	// Many goroutines, one after the other, on whatever threads they are.
	for range 20 {
		done := make(chan error)
		go func() { done <- c.try("outer", func() error { return c.try("inner", c.synchronise) }) }()
		if err := <-done; err != nil {
			t.Fatal(err)
		}
	}
}

func TestFirstFailureStays(t *testing.T) {
	fake := fakeDriver(t)
	c := strictly(t)
	x := block(t, c, 16)
	fake.Fail("cuMemsetD8Async", 1, 1)
	c.do("zero", func() error { return c.fill(x, 0, 16) })
	c.do("later", func() error { return errors.New("later") })
	c.launch("cola_no_such_kernel", grid1(1, 1), grid1(1, 1), 0)
	if want := "cuda: zero: cuMemsetD8Async: invalid argument (CUDA_ERROR_INVALID_VALUE, 1)"; c.Err() == nil || c.Err().Error() != want {
		t.Errorf("the failure is %v, want %s", c.Err(), want)
	}
	in(t, c, c.synchronise) // the context is not lost
}

func TestStickyFailure(t *testing.T) {
	fake := fakeDriver(t)
	c := strictly(t)
	x := block(t, c, 4)
	for range 20 {
		c.launch("cola_scale_f32", grid1(1, 32), grid1(32, 1), 0, x, float32(0), int64(1))
	}
	c.launch("cola_add_f32", grid1(1, 32), grid1(32, 1), 0, x, x, x, int64(1))
	fake.Fail("cuStreamSynchronize", 1, 700)
	c.do("Download", c.synchronise)
	e, ok := errors.AsType[*Error](c.Err())
	if !ok || !e.Sticky() || e.Op != "Download" || len(e.Launches) != 16 || e.Launches[15] != "cola_add_f32" || e.Launches[14] != "cola_scale_f32" {
		t.Fatalf("the failure is %#v", c.Err())
	}
	if err := c.try("free", func() error { t.Error("something was done in a lost context"); return nil }); !errors.Is(err, e) {
		t.Errorf("what comes later fails with %v", err)
	}
	if _, err := c.close(); !errors.Is(err, e) {
		t.Errorf("close: %v", err)
	}
	c.lost = errClosed
	fake.Reset() // what it had cannot be given back
}

func TestOutOfMemory(t *testing.T) {
	fake := fakeDriver(t)
	c := strictly(t)
	fake.MemoryLimit(64 << 20)
	ask := func(bytes int64) (at devicePointer) {
		c.do("New", func() (err error) {
			at, err = c.pool.take(bytes)
			return c.pool.explain(err, bytes)
		})
		return at
	}
	x := ask(16 << 20)
	c.pool.account(16<<20, 1)
	if at := ask(1 << 40); at != 0 {
		t.Fatal("a small GPU has a terabyte")
	}
	err := c.Err()
	if want := "1024.0 GiB asked for, 16.0 MiB in use here, 1"; !errors.Is(err, linalg.ErrOutOfMemory) || !strings.Contains(err.Error(), want) {
		t.Errorf("the failure is %v, want %s", err, want)
	}
	if err := c.Err(); err != nil {
		t.Errorf("it is not forgotten: %v", err)
	}
	// What was released is there again, once the pool is trimmed.
	in(t, c, func() error { return errors.Join(c.pool.release(x), c.pool.trim()) })
	if x := ask(16 << 20); x == 0 {
		t.Errorf("no memory after a block was released: %v", c.Err())
	}
	c.pool.account(16<<20, -1)
}

func TestWithoutPools(t *testing.T) {
	fake := fakeDriver(t)
	fake.Set("pools", 0)
	c := strictly(t)
	want := []byte("without cuMemAllocAsync")
	got := make([]byte, len(want))
	in(t, c, func() error {
		x, err := c.pool.take(int64(len(want)))
		return errors.Join(err, c.upload(x, want), c.download(got, x), c.pool.release(x), c.pool.trim())
	})
	if string(got) != string(want) {
		t.Errorf("there and back came %q", got)
	}
}

func TestDiscover(t *testing.T) {
	fake := fakeDriver(t)
	library := os.Getenv(envDriver)
	r := Discover()
	if !r.Usable() || len(r.Devices) != 1 || r.Driver.Version != "13.0" || r.Driver.Path != library || r.BLAS.Path != library || r.Compiler.Problem != "" {
		t.Fatalf("the report is %+v", r)
	}
	if d := r.Devices[0]; d.Name == "" || d.capability() != 90 || d.Memory != 1<<30 || d.Multiprocessors <= 0 || d.SharedMemory < 48<<10 {
		t.Errorf("the GPU is %+v", d)
	}
	fake.Set("devices", 0)
	if r := Discover(); r.Usable() || !strings.Contains(r.Driver.Problem, "CUDA_ERROR_NO_DEVICE") || !strings.Contains(r.Driver.Fix, "CUDA_VISIBLE_DEVICES") {
		t.Errorf("without a GPU the driver is %+v", r.Driver)
	}
	fake.Set("devices", 1)
	fake.Set("capability", 61)
	if r := Discover(); r.Usable() || !strings.Contains(r.Devices[0].Problem, "6.1") {
		t.Errorf("an old GPU is %+v", r.Devices)
	}
	t.Setenv(envBLAS, "/no.so")
	t.Setenv(envCompiler, "/no.so")
	if r := Discover(); r.Usable() || r.BLAS.Fix != "set COLA_LIBCUBLASLT to the file, or unset it" || r.Compiler.Problem == "" {
		t.Errorf("without libraries the report is %+v", r)
	}
}

// TestSearches looks at what is looked for, which depends on the driver and on the machine.
func TestSearches(t *testing.T) {
	home, venv, conda := t.TempDir(), t.TempDir(), t.TempDir()
	t.Setenv("HOME", home)
	t.Setenv("VIRTUAL_ENV", venv)
	t.Setenv("CONDA_PREFIX", conda)
	var want []string
	for _, root := range []string{filepath.Join(venv, "lib/python3.13"), filepath.Join(venv, "lib/python3.12"), filepath.Join(conda, "lib/python3.12"), filepath.Join(home, ".local/lib/python3.12")} {
		for _, wheel := range []string{"cu13/lib", "cublas/lib"} {
			dir := filepath.Join(root, "site-packages/nvidia", wheel)
			if err := os.MkdirAll(dir, 0o700); err != nil {
				t.Fatal(err)
			}
			want = append(want, dir)
		}
	}
	s := toolkitSearch("X", "libx", 12, "cu13/lib", "cublas/lib", "absent/lib")
	i := slices.Index(s.Folders, want[0])
	if i < 0 || !slices.Equal(s.Folders[i:min(i+len(want), len(s.Folders))], want) {
		t.Errorf("the folders are %q, want among them %q", s.Folders, want)
	}
	for major, names := range map[int][]string{0: {"libx.so.13", "libx.so.12"}, 12: {"libx.so.12"}, 13: {"libx.so.13", "libx.so.12"}, 14: {"libx.so.13", "libx.so.12"}} {
		if got := toolkitSearch("X", "libx", major).Names; !slices.Equal(got, names) {
			t.Errorf("for a driver of CUDA %d the names are %q, want %q", major, got, names)
		}
	}
}

func TestVersionsOfLibraries(t *testing.T) {
	for _, tt := range []struct {
		major, driver int
		want          string
	}{
		{12, 12, ""},
		{12, 13, ""},
		{13, 0, ""},
		{13, 12, "/lib/x is for drivers of CUDA 13, and this driver supports 12: update the driver, or install the library's version 12"},
		{11, 13, "/lib/x is version 11.8, and cola knows 12 to 13"},
		{14, 14, "/lib/x is version 14.8, and cola knows 12 to 13"},
	} {
		err := checkMajor("/lib/x", tt.major, 8, tt.driver)
		if (err == nil) != (tt.want == "") || err != nil && err.Error() != tt.want {
			t.Errorf("version %d under a driver of %d: %v, want %q", tt.major, tt.driver, err, tt.want)
		}
	}
}
