package cuda

import (
	"errors"
	"math/bits"
	"slices"
	"unsafe"
)

// pinned is memory of the host that the GPU reads and writes by itself, while the
// processor does something else. It is the driver's, outside Go's heap.
type pinned struct {
	bytes []byte // as many as were asked for
	whole []byte
	last  *event // behind the work that uses it
}

func (b *pinned) address() uintptr { return uintptr(unsafe.Pointer(unsafe.SliceData(b.whole))) }

// wait waits for the work that [context.toHost] or [ring.give] put before the buffer's event.
func (b *pinned) wait() error { return b.last.synchronise() }

// ring hands out pinned buffers and takes them back, in turn: making one costs a call of
// the system that pins every page. Sizes are powers of two, from one page up.
type ring struct {
	c     *context
	sizes map[int]*turns
}

// turns is the buffers of one size.
type turns struct {
	idle []*pinned // in the order in which they were given back
	all  []*pinned
}

// depth is how many buffers of a size are made before one that is still in the GPU's hands
// is waited for: one that is filled, one on its way, two that have room for jitter.
const depth = 4

func newRing(c *context) *ring { return &ring{c: c, sizes: map[int]*turns{}} }

// take returns a buffer of so many bytes that nothing uses. It makes one while there are
// fewer than depth of its size, or where the caller holds all of them.
func (r *ring) take(bytes int) (*pinned, error) {
	size := pinnedSize(bytes)
	t := r.sizes[size]
	if t == nil {
		t = &turns{}
		r.sizes[size] = t
	}
	b, err := t.next()
	if err == nil && b == nil {
		b, err = r.make(size)
	}
	if err != nil {
		return nil, err
	}
	r.c.open.pinned++
	b.bytes = b.whole[:bytes]
	return b, nil
}

// next returns the buffer whose turn it is, nil where one should be made.
func (t *turns) next() (*pinned, error) {
	if len(t.idle) == 0 {
		return nil, nil
	}
	b := t.idle[0]
	ready, err := b.last.done()
	if err == nil && !ready {
		if len(t.all) < depth {
			return nil, nil
		}
		err = b.wait()
	}
	if err != nil {
		return nil, err
	}
	t.idle = slices.Delete(t.idle, 0, 1)
	return b, nil
}

// give takes a buffer back that the work which is now in the stream still uses.
func (r *ring) give(b *pinned, s *stream) error {
	err := b.last.record(s)
	r.giveNow(b)
	return err
}

// giveNow takes a buffer back that nothing uses any more.
func (r *ring) giveNow(b *pinned) {
	t := r.sizes[len(b.whole)]
	t.idle = append(t.idle, b)
	r.c.open.pinned--
}

// make asks the driver for a buffer.
func (r *ring) make(size int) (*pinned, error) {
	const portable = 1 // CU_MEMHOSTALLOC_PORTABLE: pinned for every context of the process
	d := r.c.driver
	var address *byte // C's memory: the collector leaves it alone
	if err := d.call(&d.memHostAlloc, uintptr(unsafe.Pointer(&address)), uintptr(size), portable); err != nil {
		return nil, err
	}
	b := &pinned{whole: unsafe.Slice(address, size)}
	var err error
	if b.last, err = r.c.newEvent(); err != nil {
		return nil, errors.Join(err, r.unmake(b))
	}
	r.sizes[size].all = append(r.sizes[size].all, b)
	return b, nil
}

// unmake gives a buffer back to the driver.
func (r *ring) unmake(b *pinned) error {
	var err error
	if b.last != nil {
		err = b.last.close()
	}
	return errors.Join(err, r.c.driver.call(&r.c.driver.memFreeHost, b.address()))
}

// close gives all buffers back to the driver, also those that are held.
func (r *ring) close() error {
	var errs []error
	for _, t := range r.sizes {
		for _, b := range t.all {
			errs = append(errs, r.unmake(b))
		}
	}
	clear(r.sizes)
	return errors.Join(errs...)
}

// pinnedSize returns the power of two that holds so many bytes, one page at least.
func pinnedSize(bytes int) int {
	const page = 4096
	if bytes <= page {
		return page
	}
	return 1 << bits.Len(uint(bytes-1))
}
