package dl

import (
	"fmt"
	"runtime"
	"strings"
	"unsafe"
)

// Library is an open shared library.
type Library struct {
	// Path is the file that the loader took, as it says itself; the name that was asked
	// for where it does not say.
	Path   string
	handle uintptr
}

// Func is a C function of a library.
type Func struct {
	Name    string
	address uintptr
}

// Binding says where the address of a function is kept.
type Binding struct {
	Name string
	Func *Func
}

// Bind resolves every function of the table. The error names what the library lacks: a call
// of a function that was not resolved would be a jump to address 0.
func (l *Library) Bind(table []Binding) error {
	var missing []string
	for _, b := range table {
		address, err := symbol(l.handle, b.Name)
		if err != nil {
			missing = append(missing, b.Name)
			continue
		}
		*b.Func = Func{Name: b.Name, address: address}
	}
	for _, b := range table {
		if b.Func.address != 0 {
			l.locate(*b.Func)
			break
		}
	}
	if len(missing) > 3 { // another library, rather than an old one
		missing = append(missing[:2], fmt.Sprintf("nor %d others", len(missing)-2))
	}
	if missing != nil {
		return fmt.Errorf("%s has no function %s", l.Path, strings.Join(missing, ", "))
	}
	return nil
}

// Call calls the function with integers and addresses, and returns what it left in the
// first result register. Of a C int only the lower 32 bits count, in both directions. There
// may be 32 arguments; cublasLtMatmul has 16, which purego takes since v0.11.0.
//
// Addresses of Go objects are written as uintptr(unsafe.Pointer(&x)) in the call itself:
// the pragma then moves x to the heap, where objects stay where they are, and keeps it
// alive until the function returns. C must not keep the address for longer.
//
//go:uintptrescapes
func (f *Func) Call(args ...uintptr) uintptr { return call(f.address, args) }

// CallList is Call with arguments that the caller prepared, without an allocation. The
// caller keeps what they point to alive, on the heap, until it returns; naming it in keep
// does that.
func (f *Func) CallList(args []uintptr, keep any) uintptr {
	r := call(f.address, args)
	runtime.KeepAlive(keep)
	return r
}

// CallString calls a function that returns a C string, and copies it.
func (f *Func) CallString(args ...uintptr) string {
	r := call(f.address, args)
	return String(*(**byte)(unsafe.Pointer(&r))) // the address is in C's memory
}
