//go:build linux && (amd64 || arm64) && !nocuda

package dl

import (
	"strings"
	"unsafe"

	"github.com/ebitengine/purego"
)

// Open opens a library by path, or by the name that the loader looks up. All of it is
// resolved now, and its symbols are global: CUDA's libraries open each other by name.
func Open(name string) (*Library, error) {
	handle, err := purego.Dlopen(name, purego.RTLD_NOW|purego.RTLD_GLOBAL)
	if err != nil {
		return nil, err
	}
	return &Library{Path: name, handle: handle}, nil
}

func symbol(handle uintptr, name string) (uintptr, error) { return purego.Dlsym(handle, name) }

func call(address uintptr, args []uintptr) uintptr {
	r, _, _ := purego.SyscallN(address, args...)
	return r
}

// locate says which file a function of the library is in: dladdr, from glibc.
func (l *Library) locate(f Func) {
	dladdr, err := purego.Dlsym(purego.RTLD_DEFAULT, "dladdr")
	if err != nil {
		return
	}
	// Dl_info of <dlfcn.h>. C fills it with addresses of its own memory.
	info := new(struct {
		file   *byte
		base   uintptr
		symbol *byte
		at     uintptr
	})
	if r, _, _ := purego.SyscallN(dladdr, f.address, uintptr(unsafe.Pointer(info))); int32(r) == 0 {
		return
	}
	if file := String(info.file); strings.HasPrefix(file, "/") {
		l.Path = file
	}
}
