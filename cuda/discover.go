package cuda

import (
	"errors"
	"fmt"
	"unsafe"

	"github.com/gradientlearning/cola/cuda/internal/dl"
)

// Report is what [Discover] found.
type Report struct {
	Driver   Component    `json:"driver"`   // libcuda; its version is that of the CUDA which it supports
	Compiler Component    `json:"compiler"` // libnvrtc; without it the embedded PTX is used
	BLAS     Component    `json:"blas"`     // libcublasLt
	Devices  []DeviceInfo `json:"devices"`
}

// Component is one of NVIDIA's libraries.
type Component struct {
	Library string `json:"library"`
	Version string `json:"version,omitempty"`
	Path    string `json:"path,omitempty"`    // the file that was opened
	Problem string `json:"problem,omitempty"` // why it cannot be used; empty where it can
	Fix     string `json:"fix,omitempty"`     // what to do about it
}

// DeviceInfo is a GPU.
type DeviceInfo struct {
	Ordinal         int    `json:"ordinal"` // as in --device cuda:N
	Name            string `json:"name"`
	Major           int    `json:"compute_capability_major"`
	Minor           int    `json:"compute_capability_minor"`
	Memory          int64  `json:"memory_bytes"`
	Multiprocessors int    `json:"multiprocessors"`
	SharedMemory    int    `json:"shared_memory_bytes"` // the most that a block of threads can have
	Problem         string `json:"problem,omitempty"`   // why cola cannot use it; empty where it can

	pools bool // cuMemAllocAsync works
}

const (
	// oldestCapability is 7.0, Volta: the first whose threads of a warp are independent, which
	// the kernels' collectives are written for.
	oldestCapability = 70
	// oldestBF16 is 8.0, Ampere: the first with bfloat16 in its tensor cores, and with
	// asynchronous copies into shared memory.
	oldestBF16 = 80
)

// capability returns the compute capability as it is written in sm_80.
func (i *DeviceInfo) capability() int { return 10*i.Major + i.Minor }

// Discover looks for NVIDIA's libraries and GPUs. It opens the libraries, and no GPU. What
// is missing is in the report, with what to do about it.
func Discover() Report {
	r := Report{Driver: Component{Library: libDriver}, Compiler: Component{Library: libCompiler}, BLAS: Component{Library: libBLAS}, Devices: []DeviceInfo{}}
	d, err := loadDriver()
	major := 0
	if err == nil {
		major = d.version / 1000
		r.Driver.Path, r.Driver.Version = d.lib.Path, versionText(d.version)
		r.Devices, err = d.devices()
	}
	r.Driver.fail(err, advice(err))
	n, err := loadCompiler(major)
	if err == nil {
		r.Compiler.Path, r.Compiler.Version = n.lib.Path, fmt.Sprintf("%d.%d", n.major, n.minor)
	}
	r.Compiler.fail(err, "none is needed, since compiled kernels are embedded; for kernels made for this GPU, pip install "+wheel("nvidia-cuda-nvrtc", major))
	b, err := loadBLAS(major)
	if err == nil {
		r.BLAS.Path, r.BLAS.Version = b.lib.Path, fmt.Sprintf("%d.%d.%d", b.version/10000, b.version/100%100, b.version%100)
	}
	r.BLAS.fail(err, "pip install "+wheel("nvidia-cublas", major)+", in an environment that is active or with --user; or install the CUDA toolkit")
	return r
}

// Usable says whether a GPU can be opened.
func (r *Report) Usable() bool {
	if r.Driver.Problem != "" || r.BLAS.Problem != "" {
		return false
	}
	for _, d := range r.Devices {
		if d.Problem == "" {
			return true
		}
	}
	return false
}

// fail notes an error, and what helps: what the error itself says, or else the given fix.
func (c *Component) fail(err error, fix string) {
	if err == nil {
		return
	}
	c.Problem, c.Fix = err.Error(), fix
	switch missing, ok := errors.AsType[*dl.NotFoundError](err); {
	case errors.Is(err, dl.ErrUnsupported):
		c.Fix = "use a release of cola for linux on amd64 or arm64"
	case ok && missing.Overridden:
		c.Fix = "set " + missing.Search.Override + " to the file, or unset it"
	}
}

// wheel returns the Python package that brings a library for a driver: from CUDA 13 on
// their names have no number.
func wheel(name string, driverMajor int) string {
	if driverMajor == 12 {
		return name + "-cu12"
	}
	return name
}

// advice says what to do where there is no driver, or where it does not start.
func advice(err error) string {
	e, ok := errors.AsType[*Error](err)
	switch {
	case !ok:
		return "install NVIDIA's driver, 550 or newer; in a container, give it the GPU (--gpus all)"
	case e.Code == codeNoDevice:
		return "see whether nvidia-smi lists a GPU, and whether CUDA_VISIBLE_DEVICES hides it; in a container, give it the GPU (--gpus all)"
	case e.Code == codeStubLibrary:
		return "this library is the toolkit's, made for linking: take its folder out of LD_LIBRARY_PATH"
	}
	return "see whether nvidia-smi works; if it does not, load the driver's kernel module anew, or restart the machine"
}

// devices lists the GPUs, with those that cola cannot use.
func (d *driver) devices() ([]DeviceInfo, error) {
	if err := d.start(); err != nil {
		return nil, err
	}
	var count int32
	if err := d.call(&d.deviceGetCount, uintptr(unsafe.Pointer(&count))); err != nil {
		return nil, err
	}
	infos := make([]DeviceInfo, count)
	for i := range infos {
		info, _, err := d.device(i)
		if err != nil {
			return nil, err
		}
		infos[i] = info
	}
	return infos, nil
}

// device describes a GPU, and returns the driver's handle of it.
func (d *driver) device(ordinal int) (info DeviceInfo, handle int32, err error) {
	info = DeviceInfo{Ordinal: ordinal}
	if err := d.call(&d.deviceGet, uintptr(unsafe.Pointer(&handle)), uintptr(ordinal)); err != nil {
		return info, 0, err
	}
	name := make([]byte, 256)
	if err := d.call(&d.deviceGetName, uintptr(unsafe.Pointer(&name[0])), uintptr(len(name)), uintptr(handle)); err != nil {
		return info, 0, err
	}
	info.Name = dl.String(&name[0])
	if err := d.call(&d.deviceTotalMem, uintptr(unsafe.Pointer(&info.Memory)), uintptr(handle)); err != nil {
		return info, 0, err
	}
	var pools int
	for _, a := range []struct {
		attribute uintptr
		value     *int
	}{
		{16, &info.Multiprocessors}, // CU_DEVICE_ATTRIBUTE_MULTIPROCESSOR_COUNT
		{75, &info.Major},           // CU_DEVICE_ATTRIBUTE_COMPUTE_CAPABILITY_MAJOR
		{76, &info.Minor},           // CU_DEVICE_ATTRIBUTE_COMPUTE_CAPABILITY_MINOR
		{97, &info.SharedMemory},    // CU_DEVICE_ATTRIBUTE_MAX_SHARED_MEMORY_PER_BLOCK_OPTIN
		{115, &pools},               // CU_DEVICE_ATTRIBUTE_MEMORY_POOLS_SUPPORTED
	} {
		var value int32
		if err := d.call(&d.deviceGetAttribute, uintptr(unsafe.Pointer(&value)), a.attribute, uintptr(handle)); err != nil {
			return info, 0, err
		}
		*a.value = int(value)
	}
	info.pools = pools != 0
	if info.capability() < oldestCapability {
		info.Problem = fmt.Sprintf("has compute capability %d.%d, and cola needs %d.%d (Volta) or newer", info.Major, info.Minor, oldestCapability/10, oldestCapability%10)
	}
	return info, handle, nil
}
