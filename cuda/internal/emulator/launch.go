package emulator

import (
	"errors"
	"fmt"
	"reflect"
	"slices"
	"strings"
	"sync"
	"testing"
	"unsafe"

	"github.com/gradientlearning/cola/cuda/internal/dl"
)

// Launch runs one kernel, and fails the test with the emulator's report if there is one.
//
// An argument is int32, uint32, int64, uint64 or float32, or, for a pointer, a slice of the
// element type ([]uint16 for bf16), or nil. A kernel works on copies of the slices, in memory
// as a GPU would give it, aligned and with zones around it that nobody may write to; they come
// back after it. The same slice twice is the same memory.
func Launch(t testing.TB, library, kernel string, grid, block [3]int, shared int, s Schedule, args ...any) {
	t.Helper()
	if err := Run(library, kernel, grid, block, shared, s, args...); err != nil {
		t.Fatalf("%v (schedule: %v)", err, s)
	}
}

// LaunchAll runs one kernel by every one of [Schedules], each time on the arguments as they
// are, and fails the test unless all leave the same bits.
func LaunchAll(t testing.TB, library, kernel string, grid, block [3]int, shared int, args ...any) {
	t.Helper()
	if err := RunAll(library, kernel, grid, block, shared, args...); err != nil {
		t.Fatal(err)
	}
}

// RunAll is [LaunchAll] with an error instead of a test.
func RunAll(library, kernel string, grid, block [3]int, shared int, args ...any) error {
	before := cloneSlices(args)
	for i, s := range Schedules() {
		mine := args
		if i > 0 {
			mine = cloneSlices(before)
		}
		if err := Run(library, kernel, grid, block, shared, s, mine...); err != nil {
			return fmt.Errorf("%w (schedule: %v)", err, s)
		}
		for k := range args {
			if at := firstDifference(args[k], mine[k]); at >= 0 {
				return fmt.Errorf("kernel %s: element %d of argument %d is %v by schedule %v, and %v by %v", kernel, at, k,
					reflect.ValueOf(args[k]).Index(at), Schedules()[0], reflect.ValueOf(mine[k]).Index(at), s)
			}
		}
	}
	return nil
}

// Run is [Launch] with an error instead of a test.
func Run(library, kernel string, grid, block [3]int, shared int, s Schedule, args ...any) error {
	l, err := open(library)
	if err != nil {
		return err
	}
	types, err := l.parameters(kernel)
	if err != nil {
		return err
	}
	if len(types) != len(args) {
		return fmt.Errorf("kernel %s has %d parameters, and was given %d arguments", kernel, len(types), len(args))
	}
	p := newParameters(l, len(args))
	defer p.release()
	for i, a := range args {
		if err := p.set(i, types[i], a); err != nil {
			return fmt.Errorf("kernel %s: argument %d: %w", kernel, i, err)
		}
	}
	if err := l.launch(kernel, grid, block, shared, s, p); err != nil {
		return err
	}
	p.copyBack()
	return nil
}

// library is an open one, with the functions of native/api.cpp.
type library struct {
	signature, allocate, release, copy, run dl.Func
}

var opened sync.Map // from path to func() (*library, error)

func open(path string) (*library, error) {
	once, _ := opened.LoadOrStore(path, sync.OnceValues(func() (*library, error) {
		file, err := dl.Open(path)
		if err != nil {
			return nil, err
		}
		l := &library{}
		return l, file.Bind([]dl.Binding{
			{Name: "emu_signature", Func: &l.signature},
			{Name: "emu_allocate", Func: &l.allocate},
			{Name: "emu_release", Func: &l.release},
			{Name: "emu_copy", Func: &l.copy},
			{Name: "emu_launch", Func: &l.run},
		})
	}))
	return once.(func() (*library, error))()
}

// parameters returns the types of a kernel's parameters, in the letters of
// native/emu_kernel.h.
func (l *library) parameters(kernel string) ([]string, error) {
	name, text := dl.CString(kernel), make([]byte, 512)
	if int32(l.signature.Call(uintptr(unsafe.Pointer(&name[0])), uintptr(unsafe.Pointer(&text[0])), uintptr(len(text)))) != 0 {
		return nil, fmt.Errorf("there is no kernel %s", kernel)
	}
	return strings.Fields(dl.String(&text[0])), nil
}

func (l *library) launch(kernel string, grid, block [3]int, shared int, s Schedule, p *parameters) error {
	name, report := dl.CString(kernel), make([]byte, 2048)
	g, b := dimensions(grid), dimensions(block)
	r := l.run.Call(uintptr(unsafe.Pointer(&name[0])), uintptr(unsafe.Pointer(&g[0])), uintptr(unsafe.Pointer(&b[0])),
		uintptr(shared), uintptr(unsafe.Pointer(&p.addresses[0])), uintptr(s.order), uintptr(s.seed),
		uintptr(unsafe.Pointer(&report[0])), uintptr(len(report)))
	if int32(r) != 0 {
		return errors.New(dl.String(&report[0]))
	}
	return nil
}

func dimensions(d [3]int) [3]uint32 {
	return [3]uint32{uint32(max(d[0], 0)), uint32(max(d[1], 0)), uint32(max(d[2], 0))}
}

// cloneSlices copies every slice once, however often it is there.
func cloneSlices(args []any) []any {
	clones := map[unsafe.Pointer]any{}
	out := slices.Clone(args)
	for i, a := range args {
		v := reflect.ValueOf(a)
		if v.Kind() != reflect.Slice {
			continue
		}
		if _, ok := clones[v.UnsafePointer()]; !ok {
			c := reflect.MakeSlice(v.Type(), v.Len(), v.Len())
			reflect.Copy(c, v)
			clones[v.UnsafePointer()] = c.Interface()
		}
		out[i] = clones[v.UnsafePointer()]
	}
	return out
}

// firstDifference returns where two slices differ in their bits, or -1.
func firstDifference(a, b any) int {
	x, y := asBytes(a), asBytes(b)
	for i := range x {
		if x[i] != y[i] {
			return i / int(reflect.TypeOf(a).Elem().Size())
		}
	}
	return -1
}

// asBytes returns the memory of a slice; nil for anything else.
func asBytes(a any) []byte {
	v := reflect.ValueOf(a)
	if v.Kind() != reflect.Slice || v.Len() == 0 {
		return nil
	}
	return unsafe.Slice((*byte)(v.UnsafePointer()), v.Len()*int(v.Type().Elem().Size()))
}
