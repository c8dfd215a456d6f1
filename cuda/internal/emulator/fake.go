package emulator

import (
	"testing"
	"unsafe"

	"github.com/gradientlearning/cola/cuda/internal/dl"
)

// Fake controls the fake driver in a library of [Build]. The process has one such driver
// for each library, so tests that use it do not run beside each other.
//
// What it does is the worst that CUDA allows. Work in a stream is done when somebody waits
// for it, and no sooner; copies read pinned memory then, and any other at once. A thread
// without a current context is refused (201). New memory is full of NaN, freed memory of
// 0xDD, and writes out of either are errors (700), as are all that the emulator reports of
// kernels (719); cuGetErrorString has the report. From then on every call fails.
//
// A process that a test starts has the settings of its environment:
// COLA_FAKE=NAME=VALUE,…,fail=CALL:NTH:CODE.
type Fake struct {
	reset, set, fail, leaks dl.Func
}

// OpenFake resets the driver, makes it that of this process's environment for the duration
// of the test, and fails the test if something was not given back at its end.
func OpenFake(t testing.TB, library string) *Fake {
	t.Helper()
	file, err := dl.Open(library)
	if err != nil {
		t.Fatal(err)
	}
	f := &Fake{}
	err = file.Bind([]dl.Binding{
		{Name: "fake_reset", Func: &f.reset},
		{Name: "fake_set", Func: &f.set},
		{Name: "fake_fail", Func: &f.fail},
		{Name: "fake_leaks", Func: &f.leaks},
	})
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"COLA_LIBCUDA", "COLA_LIBNVRTC", "COLA_LIBCUBLASLT"} {
		t.Setenv(name, library)
	}
	f.Reset()
	t.Cleanup(func() {
		if left := f.Leaks(); left != "" {
			t.Errorf("the driver was not given back:\n%s", left)
		}
		f.Reset()
	})
	return f
}

// Reset forgets everything: objects, memory, failures and settings.
func (f *Fake) Reset() { f.reset.Call() }

// Fail makes a function, by its C name, fail with a code when it is called for the nth
// time from now.
func (f *Fake) Fail(call string, nth, code int) {
	name := dl.CString(call)
	f.fail.Call(uintptr(unsafe.Pointer(&name[0])), uintptr(nth), uintptr(code))
}

// Set changes a setting: memory (bytes of the device), driver (the CUDA version, 13000),
// devices (0 or 1), capability (90), pools (1 if it has them), or algorithms (0 if libcublasLt
// finds none for products with an epilogue). It panics if there is no such setting.
func (f *Fake) Set(setting string, value int64) {
	name := dl.CString(setting)
	if int32(f.set.Call(uintptr(unsafe.Pointer(&name[0])), uintptr(value))) != 0 {
		panic("emulator: the fake driver has no setting " + setting)
	}
}

// MemoryLimit sets how many bytes the device has.
func (f *Fake) MemoryLimit(bytes int64) { f.Set("memory", bytes) }

// Schedule sets the schedule of kernels, which is [Ascending] at first.
func (f *Fake) Schedule(s Schedule) {
	f.Set("schedule", int64(s.order))
	f.Set("seed", int64(s.seed))
}

// Leaks returns a line for every kind of object that was made and not given back.
func (f *Fake) Leaks() string {
	text := make([]byte, 2048)
	f.leaks.Call(uintptr(unsafe.Pointer(&text[0])), uintptr(len(text)))
	return dl.String(&text[0])
}
