package emulator

import (
	"fmt"
	"runtime"
	"testing"
	"unsafe"

	"github.com/gradientlearning/cola/cuda/internal/dl"
)

// Results of libcuda that the tests ask for.
const (
	invalidValue   = 1
	outOfMemory    = 2
	notInitialised = 3
	noDevice       = 100
	invalidContext = 201
	notFound       = 500
	notReady       = 600
	illegalAddress = 700
	noResources    = 701
	launchFailed   = 719
)

// driver calls the fake driver as C programs would.
type driver struct {
	t    *testing.T
	file *dl.Library
	fake *Fake
}

// newDriver opens the fake driver in a library with the kernels of testdata, in a context of
// this thread.
func newDriver(t *testing.T) *driver {
	t.Helper()
	d := bareDriver(t)
	var context uintptr
	d.want(0, "cuInit", 0)
	d.want(0, "cuDevicePrimaryCtxRetain", uintptr(unsafe.Pointer(&context)), 0)
	runtime.LockOSThread()
	d.want(0, "cuCtxSetCurrent", context)
	t.Cleanup(func() {
		d.call("cuCtxSetCurrent", 0)
		runtime.UnlockOSThread()
		d.call("cuDevicePrimaryCtxRelease_v2", 0)
	})
	return d
}

func bareDriver(t *testing.T) *driver {
	t.Helper()
	library := buildTestdata(t, false)
	f := OpenFake(t, library)
	file, err := dl.Open(library)
	if err != nil {
		t.Fatal(err)
	}
	return &driver{t, file, f}
}

//go:uintptrescapes
func (d *driver) call(name string, args ...uintptr) int {
	d.t.Helper()
	var f dl.Func
	if err := d.file.Bind([]dl.Binding{{Name: name, Func: &f}}); err != nil {
		d.t.Fatal(err)
	}
	return int(int32(f.Call(args...)))
}

//go:uintptrescapes
func (d *driver) want(code int, name string, args ...uintptr) {
	d.t.Helper()
	if got := d.call(name, args...); got != code {
		d.t.Errorf("%s returns %d (%s), want %d", name, got, d.words(got), code)
	}
}

func (d *driver) words(code int) string {
	var text *byte
	d.call("cuGetErrorString", uintptr(code), uintptr(unsafe.Pointer(&text)))
	return dl.String(text)
}

func (d *driver) stream() (s uintptr) {
	d.t.Helper()
	d.want(0, "cuStreamCreate", uintptr(unsafe.Pointer(&s)), 1)
	d.t.Cleanup(func() { d.call("cuStreamDestroy_v2", s) })
	return s
}

func (d *driver) event() (e uintptr) {
	d.t.Helper()
	d.want(0, "cuEventCreate", uintptr(unsafe.Pointer(&e)), 2)
	d.t.Cleanup(func() { d.call("cuEventDestroy_v2", e) })
	return e
}

func (d *driver) memory(bytes int) (p uintptr) {
	d.t.Helper()
	d.want(0, "cuMemAlloc_v2", uintptr(unsafe.Pointer(&p)), uintptr(bytes))
	d.t.Cleanup(func() { d.call("cuMemFree_v2", p) })
	return p
}

// pinned returns pinned memory of n floats.
func (d *driver) pinned(n int) []float32 {
	d.t.Helper()
	var p *float32
	d.want(0, "cuMemHostAlloc", uintptr(unsafe.Pointer(&p)), uintptr(4*n), 0)
	d.t.Cleanup(func() { d.call("cuMemFreeHost", uintptr(unsafe.Pointer(p))) })
	return unsafe.Slice(p, n)
}

func (d *driver) upload(p uintptr, x []float32, s uintptr) {
	d.t.Helper()
	d.want(0, "cuMemcpyHtoDAsync_v2", p, uintptr(unsafe.Pointer(&x[0])), uintptr(4*len(x)), s)
}

// download returns n floats; memory of Go's is not pinned, so the copy waits.
func (d *driver) download(p uintptr, n int, s uintptr) []float32 {
	d.t.Helper()
	x := make([]float32, n)
	d.want(0, "cuMemcpyDtoHAsync_v2", uintptr(unsafe.Pointer(&x[0])), p, uintptr(4*n), s)
	return x
}

// program loads the kernels, compiled by the fake compiler or not.
func (d *driver) function(kernel string) (f uintptr) {
	d.t.Helper()
	image, err := d.compile("faulty.cu", "--gpu-architecture=sm_90", "--fmad=false")
	if err != nil {
		d.t.Fatal(err)
	}
	var module uintptr
	d.want(0, "cuModuleLoadDataEx", uintptr(unsafe.Pointer(&module)), uintptr(unsafe.Pointer(&image[0])), 0, 0, 0)
	d.t.Cleanup(func() { d.call("cuModuleUnload", module) })
	d.want(0, "cuModuleGetFunction", uintptr(unsafe.Pointer(&f)), module, uintptr(unsafe.Pointer(unsafe.SliceData(dl.CString(kernel)))))
	for _, other := range []string{"none", "sums_f32"} { // the second is in another file
		d.want(notFound, "cuModuleGetFunction", uintptr(unsafe.Pointer(&f)), module, uintptr(unsafe.Pointer(unsafe.SliceData(dl.CString(other)))))
	}
	return f
}

// compile returns what the fake compiler makes of a file of testdata; the error is its log.
func (d *driver) compile(name string, options ...string) ([]byte, error) {
	d.t.Helper()
	text, err := testdata.ReadFile("testdata/" + name)
	if err != nil {
		d.t.Fatal(err)
	}
	return d.compileText(name, string(text), options...)
}

func (d *driver) compileText(name, text string, options ...string) ([]byte, error) {
	d.t.Helper()
	var program uintptr
	var opts []*byte
	for _, o := range options {
		opts = append(opts, unsafe.SliceData(dl.CString(o)))
	}
	opts = append(opts, nil)
	d.want(0, "nvrtcCreateProgram", uintptr(unsafe.Pointer(&program)), uintptr(unsafe.Pointer(unsafe.SliceData(dl.CString(text)))),
		uintptr(unsafe.Pointer(unsafe.SliceData(dl.CString(name)))), 0, 0, 0)
	defer d.want(0, "nvrtcDestroyProgram", uintptr(unsafe.Pointer(&program)))
	if code := d.call("nvrtcCompileProgram", program, uintptr(len(options)), uintptr(unsafe.Pointer(&opts[0]))); code != 0 {
		return nil, fmt.Errorf("%d: %s", code, d.text("nvrtcGetProgramLog", program))
	}
	return d.text("nvrtcGetCUBIN", program), nil
}

// text returns what a function of the compiler writes, whose size another says.
func (d *driver) text(name string, program uintptr) []byte {
	d.t.Helper()
	var size uint64
	d.want(0, name+"Size", program, uintptr(unsafe.Pointer(&size)))
	text := make([]byte, size)
	d.want(0, name, program, uintptr(unsafe.Pointer(&text[0])))
	return text
}

func (d *driver) launch(f uintptr, threads, shared int, s, y, x uintptr) int {
	d.t.Helper()
	values := &[2]uintptr{y, x}
	addresses := &[2]uintptr{uintptr(unsafe.Pointer(&values[0])), uintptr(unsafe.Pointer(&values[1]))}
	code := d.call("cuLaunchKernel", f, 1, 1, 1, uintptr(threads), 1, 1, uintptr(shared), s, uintptr(unsafe.Pointer(addresses)), 0)
	*values = [2]uintptr{} // they were read
	return code
}
