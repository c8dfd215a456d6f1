package cuda

import (
	"errors"
	"unsafe"

	"github.com/gradientlearning/cola/linalg"
)

// resident is the memory of a tensor that is on a GPU.
type resident interface {
	linalg.Memory
	// place returns where the tensor's first element is, and on which GPU.
	place() (*context, devicePointer)
}

// pointer returns the address of a tensor's first element. It panics where the tensor is
// not on this GPU.
func (c *context) pointer(t *linalg.Tensor) devicePointer {
	if m, ok := t.Memory().(resident); ok {
		if owner, at := m.place(); owner == c {
			return at
		}
	}
	panic("cuda: a tensor that is not on " + c.info.Name)
}

// memory returns how many bytes of the GPU are free, and how many it has. Blocks that the
// pool keeps count as taken.
func (c *context) memory() (free, total int64, err error) {
	err = c.driver.call(&c.driver.memGetInfo, uintptr(unsafe.Pointer(&free)), uintptr(unsafe.Pointer(&total)))
	return free, total, err
}

// fill sets bytes to a value, in the order of the compute stream.
func (c *context) fill(dst devicePointer, value byte, bytes int64) error {
	if bytes == 0 {
		return nil
	}
	return c.driver.call(&c.driver.memsetD8Async, uintptr(dst), uintptr(value), uintptr(bytes), c.compute.handle)
}

// copy copies between places in the GPU's memory, in the order of the compute stream.
func (c *context) copy(dst, src devicePointer, bytes int64) error {
	if bytes == 0 {
		return nil
	}
	return c.driver.call(&c.driver.memcpyDtoDAsync, uintptr(dst), uintptr(src), uintptr(bytes), c.compute.handle)
}

// chunk is how much of a transfer goes through one pinned buffer: long enough for the bus
// to be at its best, short enough that the processor fills the next one meanwhile.
const chunk = 4 << 20

// upload copies src to the GPU, in the order of the compute stream. It returns when src may
// be changed.
func (c *context) upload(dst devicePointer, src []byte) error {
	for len(src) > 0 {
		b, err := c.ring.take(min(len(src), chunk))
		if err != nil {
			return err
		}
		n := copy(b.bytes, src)
		if err := errors.Join(c.toDevice(dst, b, c.compute), c.ring.give(b, c.compute)); err != nil {
			return err
		}
		dst, src = dst+devicePointer(n), src[n:]
	}
	return nil
}

// download copies from the GPU to dst, in the order of the compute stream, and returns when
// dst is filled. While the processor empties one buffer, the next is on its way.
func (c *context) download(dst []byte, src devicePointer) (err error) {
	var flying *pinned // on its way to the beginning of dst
	for started := 0; err == nil && len(dst) > 0; {
		var next *pinned
		if started < len(dst) {
			if next, err = c.ring.take(min(len(dst)-started, chunk)); err == nil {
				err = c.toHost(next, src+devicePointer(started), c.compute)
				started += len(next.bytes)
			}
		}
		if flying != nil {
			err = errors.Join(err, flying.wait())
			n := copy(dst, flying.bytes)
			c.ring.giveNow(flying)
			dst, src, started = dst[n:], src+devicePointer(n), started-n
		}
		flying = next
	}
	if flying != nil { // after a failure
		c.ring.giveNow(flying)
	}
	return err
}

// toDevice queues the copy of a pinned buffer to the GPU. The buffer must stay as it is
// until the stream has come so far.
func (c *context) toDevice(dst devicePointer, b *pinned, s *stream) error {
	return c.driver.call(&c.driver.memcpyHtoDAsync, uintptr(dst), b.address(), uintptr(len(b.bytes)), s.handle)
}

// toHost queues the copy from the GPU to a pinned buffer; [pinned.wait] says when it is
// there.
func (c *context) toHost(b *pinned, src devicePointer, s *stream) error {
	if err := c.driver.call(&c.driver.memcpyDtoHAsync, b.address(), uintptr(src), uintptr(len(b.bytes)), s.handle); err != nil {
		return err
	}
	return b.last.record(s)
}
