package cuda

import (
	"errors"
	"fmt"
	"math"
	"unsafe"

	"github.com/gradientlearning/cola/linalg"
)

// maxParams is how many parameters a kernel may have.
const maxParams = 24

// kernel is one function of the GPU, with what a launch needs, made once: cuLaunchKernel
// reads the arguments through an array of their addresses and copies them before it returns,
// so that the next launch may use the same.
type kernel struct {
	name     string
	function uintptr
	sizes    []uint64 // of each parameter, in bytes
	shared   int      // the most dynamic shared memory that was asked for

	values  [maxParams]uint64
	params  [maxParams]uintptr // addresses of values; the kernel is on the heap and stays there
	arglist [11]uintptr        // of cuLaunchKernel
}

// newKernel asks the driver for the kernel's parameters, so that a launch can be held
// against them.
func newKernel(d *driver, name string, function uintptr) (*kernel, error) {
	k := &kernel{name: name, function: function}
	for i := range maxParams + 1 {
		var offset, size uint64
		err := d.call(&d.funcGetParamInfo, function, uintptr(i), uintptr(unsafe.Pointer(&offset)), uintptr(unsafe.Pointer(&size)))
		if e, ok := errors.AsType[*Error](err); ok && e.Code == codeInvalidValue {
			break // behind the last
		}
		if err != nil {
			return nil, err
		}
		if i == maxParams || size > 8 {
			return nil, fmt.Errorf("cuda: kernel %s has more than %d parameters, or one of more than 8 bytes", name, maxParams)
		}
		k.sizes = append(k.sizes, size)
	}
	for i := range k.params {
		k.params[i] = uintptr(unsafe.Pointer(&k.values[i]))
	}
	return k, nil
}

// launch runs a kernel on the compute stream, with so many blocks of so many threads and so
// many bytes of dynamic shared memory. Arguments are a devicePointer, a tensor of this GPU
// (nil for a null pointer), int32, uint32, int64, uint64 or float32; a number or size of
// them that does not fit the kernel panics. An empty grid is nothing to do.
//
// A launch takes no memory from Go's heap, and does not wait: what the kernel does wrong,
// a later call reports, and [context.Err] with it.
func (c *context) launch(name string, grid, block [3]int, shared int, args ...any) {
	if c.failed != nil || grid[0] == 0 || grid[1] == 0 || grid[2] == 0 {
		return
	}
	if c.failed = c.enter(name); c.failed != nil {
		return
	}
	defer c.leave()
	k, err := c.program.kernel(name)
	if err != nil {
		c.failed = c.explain(name, err)
		return
	}
	if len(args) != len(k.sizes) {
		panic(fmt.Sprintf("cuda: kernel %s has %d parameters, not %d", name, len(k.sizes), len(args)))
	}
	for i, arg := range args {
		bits, size := c.argument(arg)
		if size != k.sizes[i] {
			panic(fmt.Sprintf("cuda: parameter %d of kernel %s has %d bytes, and the argument %d", i, name, k.sizes[i], size))
		}
		k.values[i] = bits
	}
	if err := c.run(k, grid, block, shared); err != nil {
		c.failed = c.explain(name, err)
	}
}

// argument returns the bits of an argument and its size; size 0 stands for a type that no
// kernel takes.
func (c *context) argument(arg any) (bits, size uint64) {
	switch v := arg.(type) {
	case devicePointer:
		return uint64(v), 8
	case *linalg.Tensor:
		if v == nil {
			return 0, 8
		}
		return uint64(c.pointer(v)), 8
	case int32:
		return uint64(uint32(v)), 4
	case uint32:
		return uint64(v), 4
	case float32:
		return uint64(math.Float32bits(v)), 4
	case int64:
		return uint64(v), 8
	case uint64:
		return v, 8
	}
	return 0, 0
}

// run queues a kernel whose values are set.
func (c *context) run(k *kernel, grid, block [3]int, shared int) error {
	d := c.driver
	if shared > k.shared {
		const maxDynamicShared = 8 // CU_FUNC_ATTRIBUTE_MAX_DYNAMIC_SHARED_SIZE_BYTES; 48 KiB without asking
		if err := d.call(&d.funcSetAttribute, k.function, maxDynamicShared, uintptr(shared)); err != nil {
			return err
		}
		k.shared = shared
	}
	k.arglist = [...]uintptr{
		k.function, uintptr(grid[0]), uintptr(grid[1]), uintptr(grid[2]), uintptr(block[0]), uintptr(block[1]), uintptr(block[2]),
		uintptr(shared), c.compute.handle, uintptr(unsafe.Pointer(&k.params)), 0,
	}
	c.program.last[c.program.count%len(c.program.last)] = k.name
	c.program.count++
	if err := d.check(d.launchKernel.Name, d.launchKernel.CallList(k.arglist[:], k)); err != nil {
		return err
	}
	if c.o.synchronous {
		return c.compute.synchronise()
	}
	return nil
}

// grid1 is a grid of one dimension in which each block does per of n.
func grid1(n, per int) [3]int { return [3]int{(n + per - 1) / per, 1, 1} }
