package cuda

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"unsafe"

	"github.com/gradientlearning/cola/cuda/internal/dl"
	"github.com/gradientlearning/cola/cuda/kernels"
)

// compiler is libnvrtc, NVIDIA's run-time compiler: CUDA C++ in, machine code for exactly
// one kind of GPU out. It needs no GPU.
type compiler struct {
	lib          *dl.Library
	major, minor int

	version, getErrorString, getNumSupportedArchs, getSupportedArchs dl.Func
	createProgram, compileProgram, destroyProgram                    dl.Func
	getProgramLogSize, getProgramLog, getCUBINSize, getCUBIN         dl.Func
}

func (n *compiler) bindings() []dl.Binding {
	return []dl.Binding{
		{Name: "nvrtcVersion", Func: &n.version},
		{Name: "nvrtcGetErrorString", Func: &n.getErrorString},
		{Name: "nvrtcGetNumSupportedArchs", Func: &n.getNumSupportedArchs},
		{Name: "nvrtcGetSupportedArchs", Func: &n.getSupportedArchs},
		{Name: "nvrtcCreateProgram", Func: &n.createProgram},
		{Name: "nvrtcCompileProgram", Func: &n.compileProgram},
		{Name: "nvrtcDestroyProgram", Func: &n.destroyProgram},
		{Name: "nvrtcGetProgramLogSize", Func: &n.getProgramLogSize},
		{Name: "nvrtcGetProgramLog", Func: &n.getProgramLog},
		{Name: "nvrtcGetCUBINSize", Func: &n.getCUBINSize},
		{Name: "nvrtcGetCUBIN", Func: &n.getCUBIN},
	}
}

// loadCompiler finds a libnvrtc whose machine code a driver for that CUDA major version
// loads; 0 stands for any.
func loadCompiler(driverMajor int) (*compiler, error) {
	n := &compiler{}
	search := toolkitSearch(envCompiler, "libnvrtc", driverMajor, "cu13/lib", "cuda_nvrtc/lib")
	_, err := search.Find(func(lib *dl.Library) error {
		*n = compiler{lib: lib}
		if err := lib.Bind(n.bindings()); err != nil {
			return err
		}
		var major, minor int32
		n.version.Call(uintptr(unsafe.Pointer(&major)), uintptr(unsafe.Pointer(&minor)))
		n.major, n.minor = int(major), int(minor)
		return checkMajor(lib.Path, n.major, n.minor, driverMajor)
	})
	if err != nil {
		return nil, err
	}
	n.preload()
	return n, nil
}

// preload opens the library that libnvrtc opens by its bare name when it compiles, and that
// the loader does not find in the folder of a Python package. Where it is elsewhere, or the
// loader knows it, there is nothing to do.
func (n *compiler) preload() {
	path := filepath.Join(filepath.Dir(n.lib.Path), fmt.Sprintf("libnvrtc-builtins.so.%d.%d", n.major, n.minor))
	if _, err := os.Stat(path); err == nil {
		_, _ = dl.Open(path) // if it does not open, the compiler's log says so
	}
}

// name identifies the compiler: what it makes depends on it.
func (n *compiler) name() string { return fmt.Sprintf("nvrtc %d.%d", n.major, n.minor) }

// target returns the architecture to compile for: the GPU's own, or the newest that the
// compiler knows with the same major number, whose machine code the GPU runs too.
func (n *compiler) target(capability int) (arch int, err error) {
	var count int32
	if err := n.call(&n.getNumSupportedArchs, uintptr(unsafe.Pointer(&count))); err != nil {
		return 0, err
	}
	known := make([]int32, max(count, 1))
	if err := n.call(&n.getSupportedArchs, uintptr(unsafe.Pointer(&known[0]))); err != nil {
		return 0, err
	}
	for _, a := range known[:count] {
		if int(a)/10 == capability/10 && int(a) <= capability {
			arch = max(arch, int(a))
		}
	}
	if arch == 0 {
		return 0, fmt.Errorf("%s compiles for no GPU of compute capability %d.%d, only for %v", n.name(), capability/10, capability%10, known[:count])
	}
	return arch, nil
}

// flags are what sources are compiled with. Results are the same on every back end because
// products are fused into sums only where a source says so; IEEE division, square root and
// subnormals are NVRTC's defaults. CUDA 12 takes a lambda for the host's unless it is told that
// there is no host.
func flags(arch int) []string {
	return []string{fmt.Sprintf("--gpu-architecture=sm_%d", arch), "--std=c++17", "--fmad=false", "--device-as-default-execution-space", "--generate-line-info"}
}

// compile returns the machine code of one source. The error has the compiler's log.
func (n *compiler) compile(source kernels.File, headers []kernels.File, options []string) (cubin []byte, err error) {
	var texts, names, opts []*byte
	for _, h := range headers {
		texts, names = append(texts, cstring(h.Text)), append(names, cstring(h.Name))
	}
	for _, o := range options {
		opts = append(opts, cstring(o))
	}
	texts, names, opts = append(texts, nil), append(names, nil), append(opts, nil) // so that each has an address
	var program uintptr
	err = n.call(&n.createProgram, uintptr(unsafe.Pointer(&program)), uintptr(unsafe.Pointer(cstring(source.Text))),
		uintptr(unsafe.Pointer(cstring(source.Name))), uintptr(len(headers)), uintptr(unsafe.Pointer(&texts[0])), uintptr(unsafe.Pointer(&names[0])))
	if err != nil {
		return nil, err
	}
	defer n.call(&n.destroyProgram, uintptr(unsafe.Pointer(&program))) //nolint:errcheck // the cubin is made, or there is a better error
	if err := n.call(&n.compileProgram, program, uintptr(len(options)), uintptr(unsafe.Pointer(&opts[0]))); err != nil {
		e := err.(*Error) //nolint:errorlint,forcetypeassert // call makes no other
		e.Op = "compile " + source.Name + " with " + strings.Join(options, " ")
		e.Log = n.log(program)
		return nil, e
	}
	var size uint64
	if err := n.call(&n.getCUBINSize, program, uintptr(unsafe.Pointer(&size))); err != nil {
		return nil, err
	}
	cubin = make([]byte, max(size, 1))
	return cubin[:size], n.call(&n.getCUBIN, program, uintptr(unsafe.Pointer(&cubin[0])))
}

// log returns what the compiler said about a program.
func (n *compiler) log(program uintptr) string {
	var size uint64
	if n.call(&n.getProgramLogSize, program, uintptr(unsafe.Pointer(&size))) != nil || size == 0 {
		return ""
	}
	log := make([]byte, size)
	if n.call(&n.getProgramLog, program, uintptr(unsafe.Pointer(&log[0]))) != nil {
		return ""
	}
	return strings.TrimRight(string(log), "\x00\n")
}

// call calls a function of the compiler; addresses are passed as for [dl.Func.Call].
//
//go:uintptrescapes
func (n *compiler) call(f *dl.Func, args ...uintptr) error {
	code := int(int32(f.Call(args...)))
	if code == 0 {
		return nil
	}
	// It names its errors, and has no words for them.
	name := "unknown"
	if text := n.getErrorString.CallString(uintptr(code)); text != "" {
		name = text
	}
	return &Error{Lib: libCompiler, Call: f.Name, Code: code, Name: name, Message: "failed"}
}

// cstring returns the address of s as C wants it.
func cstring(s string) *byte { return unsafe.SliceData(dl.CString(s)) }

// checkMajor refuses a library of the CUDA toolkit that is not known, or that is newer than
// the driver: such libraries work with drivers from their own major version on.
func checkMajor(path string, major, minor, driverMajor int) error {
	if major < majors[len(majors)-1] || major > majors[0] {
		return fmt.Errorf("%s is version %d.%d, and cola knows %d to %d", path, major, minor, majors[len(majors)-1], majors[0])
	}
	if driverMajor != 0 && major > driverMajor {
		return fmt.Errorf("%s is for drivers of CUDA %d, and this driver supports %d: update the driver, or install the library's version %d", path, major, driverMajor, driverMajor)
	}
	return nil
}
