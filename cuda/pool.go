package cuda

import (
	"errors"
	"fmt"
	"math"
	"unsafe"
)

// pool is where the GPU's memory comes from. What is lent to tensors, and kept between them,
// is the business of blocks; here a block is taken from the driver and given back.
type pool struct {
	c      *context
	handle uintptr // the driver's own pool; 0 where the device has none
	blocks map[devicePointer]int64
}

// newPool uses the driver's pool where there is one: its cuMemAllocAsync takes a
// microsecond and its cuMemFreeAsync does not wait for the GPU, as cuMemFree does. The
// release threshold keeps memory with this process until it is trimmed.
func newPool(c *context) (*pool, error) {
	p := &pool{c: c, blocks: map[devicePointer]int64{}}
	if !c.info.pools {
		return p, nil
	}
	d := c.driver
	if err := d.call(&d.deviceGetDefaultMemPool, uintptr(unsafe.Pointer(&p.handle)), uintptr(c.device)); err != nil {
		return nil, err
	}
	const releaseThreshold = 4 // CU_MEMPOOL_ATTR_RELEASE_THRESHOLD
	keep := uint64(math.MaxUint64)
	return p, d.call(&d.memPoolSetAttribute, p.handle, releaseThreshold, uintptr(unsafe.Pointer(&keep)))
}

// take asks the driver for a block, aligned to 256 bytes, that holds whatever the memory
// held. It is ready for the compute stream; another stream has to wait for that one.
func (p *pool) take(bytes int64) (block devicePointer, err error) {
	d := p.c.driver
	if p.handle == 0 {
		err = d.call(&d.memAlloc, uintptr(unsafe.Pointer(&block)), uintptr(bytes))
	} else {
		err = d.call(&d.memAllocAsync, uintptr(unsafe.Pointer(&block)), uintptr(bytes), p.c.compute.handle)
	}
	if err != nil {
		return 0, err
	}
	p.blocks[block] = bytes
	return block, nil
}

// release gives a block back to the driver when the compute stream has come so far.
func (p *pool) release(block devicePointer) error {
	delete(p.blocks, block)
	d := p.c.driver
	if p.handle == 0 {
		return d.call(&d.memFree, uintptr(block)) // which waits for the whole GPU
	}
	return d.call(&d.memFreeAsync, uintptr(block), p.c.compute.handle)
}

// trim gives what was released, and the driver keeps, back to the system.
func (p *pool) trim() error {
	if p.handle == 0 {
		return nil
	}
	if err := p.c.compute.synchronise(); err != nil { // a block is free when its turn comes
		return err
	}
	return p.c.driver.call(&p.c.driver.memPoolTrimTo, p.handle, 0)
}

// account counts blocks of a size that are lent to tensors, n more or, if negative, fewer.
func (p *pool) account(size int64, n int) {
	p.c.open.blocks += n
	p.c.open.bytes += int64(n) * size
}

// explain says how the memory stands to one who got none.
func (p *pool) explain(err error, bytes int64) error {
	e, ok := errors.AsType[*Error](err)
	if !ok || !IsOutOfMemory(err) {
		return err
	}
	e.Detail = fmt.Sprintf("%s asked for, %s in use here", sizeText(bytes), sizeText(p.c.open.bytes))
	if free, total, err := p.c.memory(); err == nil {
		e.Detail += fmt.Sprintf(", %s of %s free", sizeText(free), sizeText(total))
	}
	return err
}

// close gives all blocks back, also those that are lent.
func (p *pool) close() error {
	var errs []error
	for block := range p.blocks {
		errs = append(errs, p.release(block))
	}
	return errors.Join(append(errs, p.trim())...)
}

// sizeText writes a number of bytes for people.
func sizeText(bytes int64) string {
	switch {
	case bytes >= 1<<30:
		return fmt.Sprintf("%.1f GiB", float64(bytes)/(1<<30))
	case bytes >= 1<<20:
		return fmt.Sprintf("%.1f MiB", float64(bytes)/(1<<20))
	}
	return fmt.Sprintf("%d bytes", bytes)
}
