package cuda

import (
	"fmt"
	"unsafe"

	"github.com/gradientlearning/cola/cuda/internal/dl"
)

// devicePointer is an address in the GPU's memory: a CUdeviceptr. It is no Go pointer and
// is never made one.
type devicePointer uint64

// driver has the entry points of libcuda that cola calls.
//
// Names with _v2 are what cuda.h makes of the plain ones: those without it are older
// functions with other parameters, which libcuda keeps for old programs.
type driver struct {
	lib     *dl.Library
	version int // 1000·major + 10·minor of the CUDA that it supports, as cuDriverGetVersion says

	init, driverGetVersion, getErrorName, getErrorString dl.Func

	deviceGetCount, deviceGet, deviceGetName, deviceGetAttribute, deviceTotalMem dl.Func
	primaryCtxRetain, primaryCtxRelease, ctxSetCurrent                           dl.Func

	streamCreate, streamDestroy, streamSynchronize, streamWaitEvent      dl.Func
	eventCreate, eventDestroy, eventRecord, eventQuery, eventSynchronize dl.Func

	memAlloc, memFree, memGetInfo, memHostAlloc, memFreeHost                                 dl.Func
	deviceGetDefaultMemPool, memPoolSetAttribute, memPoolTrimTo, memAllocAsync, memFreeAsync dl.Func
	memcpyHtoDAsync, memcpyDtoHAsync, memcpyDtoDAsync, memsetD8Async                         dl.Func

	moduleLoadDataEx, moduleUnload, moduleGetFunction dl.Func
	funcSetAttribute, funcGetParamInfo, launchKernel  dl.Func
}

// oldest is the CUDA version that a driver must support: 12.4 came with driver 550, has
// cuFuncGetParamInfo, and takes PTX 8.4.
const oldest = 12040

// newest bounds what cuDriverGetVersion may say, so that a library which is no CUDA driver
// is refused before anything else of it is called.
const newest = 100000

func (d *driver) bindings() []dl.Binding {
	return []dl.Binding{
		{Name: "cuInit", Func: &d.init},
		{Name: "cuDriverGetVersion", Func: &d.driverGetVersion},
		{Name: "cuGetErrorName", Func: &d.getErrorName},
		{Name: "cuGetErrorString", Func: &d.getErrorString},
		{Name: "cuDeviceGetCount", Func: &d.deviceGetCount},
		{Name: "cuDeviceGet", Func: &d.deviceGet},
		{Name: "cuDeviceGetName", Func: &d.deviceGetName},
		{Name: "cuDeviceGetAttribute", Func: &d.deviceGetAttribute},
		{Name: "cuDeviceTotalMem_v2", Func: &d.deviceTotalMem},
		{Name: "cuDevicePrimaryCtxRetain", Func: &d.primaryCtxRetain},
		{Name: "cuDevicePrimaryCtxRelease_v2", Func: &d.primaryCtxRelease},
		{Name: "cuCtxSetCurrent", Func: &d.ctxSetCurrent},
		{Name: "cuStreamCreate", Func: &d.streamCreate},
		{Name: "cuStreamDestroy_v2", Func: &d.streamDestroy},
		{Name: "cuStreamSynchronize", Func: &d.streamSynchronize},
		{Name: "cuStreamWaitEvent", Func: &d.streamWaitEvent},
		{Name: "cuEventCreate", Func: &d.eventCreate},
		{Name: "cuEventDestroy_v2", Func: &d.eventDestroy},
		{Name: "cuEventRecord", Func: &d.eventRecord},
		{Name: "cuEventQuery", Func: &d.eventQuery},
		{Name: "cuEventSynchronize", Func: &d.eventSynchronize},
		{Name: "cuMemAlloc_v2", Func: &d.memAlloc},
		{Name: "cuMemFree_v2", Func: &d.memFree},
		{Name: "cuMemGetInfo_v2", Func: &d.memGetInfo},
		{Name: "cuMemHostAlloc", Func: &d.memHostAlloc},
		{Name: "cuMemFreeHost", Func: &d.memFreeHost},
		{Name: "cuDeviceGetDefaultMemPool", Func: &d.deviceGetDefaultMemPool},
		{Name: "cuMemPoolSetAttribute", Func: &d.memPoolSetAttribute},
		{Name: "cuMemPoolTrimTo", Func: &d.memPoolTrimTo},
		{Name: "cuMemAllocAsync", Func: &d.memAllocAsync},
		{Name: "cuMemFreeAsync", Func: &d.memFreeAsync},
		{Name: "cuMemcpyHtoDAsync_v2", Func: &d.memcpyHtoDAsync},
		{Name: "cuMemcpyDtoHAsync_v2", Func: &d.memcpyDtoHAsync},
		{Name: "cuMemcpyDtoDAsync_v2", Func: &d.memcpyDtoDAsync},
		{Name: "cuMemsetD8Async", Func: &d.memsetD8Async},
		{Name: "cuModuleLoadDataEx", Func: &d.moduleLoadDataEx},
		{Name: "cuModuleUnload", Func: &d.moduleUnload},
		{Name: "cuModuleGetFunction", Func: &d.moduleGetFunction},
		{Name: "cuFuncSetAttribute", Func: &d.funcSetAttribute},
		{Name: "cuFuncGetParamInfo", Func: &d.funcGetParamInfo},
		{Name: "cuLaunchKernel", Func: &d.launchKernel},
	}
}

// loadDriver finds libcuda, which comes with the GPU's driver and with nothing else.
func loadDriver() (*driver, error) {
	d := &driver{}
	lib, err := driverSearch().Find(func(lib *dl.Library) error {
		*d = driver{lib: lib}
		if err := lib.Bind(d.bindings()); err != nil {
			return fmt.Errorf("%w: it is no CUDA driver, or an old one", err)
		}
		var version int32
		d.driverGetVersion.Call(uintptr(unsafe.Pointer(&version)))
		d.version = int(version)
		switch {
		case d.version > 0 && d.version < oldest:
			return fmt.Errorf("%s supports CUDA up to %s, and cola needs %s", lib.Path, versionText(d.version), versionText(oldest))
		case d.version <= 0 || d.version >= newest:
			return fmt.Errorf("%s says that it supports CUDA version %d: it is no CUDA driver", lib.Path, d.version)
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	d.lib = lib
	return d, nil
}

// start initialises the driver. It fails where there is a driver and no GPU.
func (d *driver) start() error { return d.call(&d.init, 0) }

// versionText writes 12040 as 12.4.
func versionText(v int) string { return fmt.Sprintf("%d.%d", v/1000, v%1000/10) }

// call calls a function of the driver, and turns what it returned into an error. As for
// [dl.Func.Call], Go addresses are written as uintptr(unsafe.Pointer(&x)) in the call.
//
//go:uintptrescapes
func (d *driver) call(f *dl.Func, args ...uintptr) error {
	return d.check(f.Name, f.Call(args...))
}

// makeCurrent makes the context with that handle this thread's; 0 takes it from it. It is in
// the way of every operation, and so makes no list of arguments.
func (d *driver) makeCurrent(handle *uintptr) error {
	return d.check(d.ctxSetCurrent.Name, d.ctxSetCurrent.CallList(unsafe.Slice(handle, 1), handle))
}

// check turns what a function of the driver returned into an error, nil for success.
func (d *driver) check(call string, result uintptr) error {
	code := int(int32(result))
	if code == 0 {
		return nil
	}
	e := &Error{Lib: libDriver, Call: call, Code: code, Name: "unknown", Message: "an error that the driver has no words for"}
	var text *byte
	if r := d.getErrorName.Call(uintptr(code), uintptr(unsafe.Pointer(&text))); int32(r) == 0 && text != nil {
		e.Name = dl.String(text)
	}
	if r := d.getErrorString.Call(uintptr(code), uintptr(unsafe.Pointer(&text))); int32(r) == 0 && text != nil {
		e.Message = dl.String(text)
	}
	return e
}
