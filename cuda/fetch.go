package cuda

import (
	"errors"
	"fmt"
	"runtime"
	"slices"
	"sync"

	"github.com/gradientlearning/cola/linalg"
)

// What leaves the GPU while it computes goes in three steps. The compute stream copies the
// tensor, converted, into memory of its own, so that the tensor may change or go at once. The
// copy stream brings that into pinned memory, piece by piece. From there a piece is moved into
// the host's tensor by whoever waits for it or, where pinned memory is short, by whoever wants
// to fetch the next: so nothing waits for somebody who never comes.

// fetches are the pieces on their way.
type fetches struct {
	limit  int64 // of pinned bytes at once
	held   int64
	flying []*piece // in the order in which they arrive
	ready  *event   // the compute stream's, when a piece is there to be copied
}

// delivery is a tensor on its way.
type delivery struct {
	c      *context
	dtype  linalg.DType
	shape  []int
	pieces []*piece

	once sync.Once
	host *linalg.Tensor
	data []byte // of host
}

// piece is a part of a delivery, as long as one pinned buffer.
type piece struct {
	of      *delivery
	lo      int // of its first byte
	pinned  *pinned
	staging *linalg.Tensor // of the delivery, with its last piece; else nil

	arrive sync.Once
	err    error
}

// DefaultPinned is how much travels at once where [Options] say nothing.
const DefaultPinned = 256 << 20

func (f *fetches) init(limit int64) {
	if f.limit = limit; limit <= 0 {
		f.limit = DefaultPinned
	}
}

// Fetch begins to bring src to the host as another dtype.
func (d *Device) Fetch(src *linalg.Tensor, as linalg.DType) func() (*linalg.Tensor, error) {
	staging := d.Empty(as, src.Shape()...)
	if as == src.DType() {
		d.Copy(staging, src)
	} else {
		d.convert(staging, src)
	}
	f := &delivery{c: d.context, dtype: as, shape: slices.Clone(src.Shape())}
	d.do("Fetch", func() error { return d.send(f, staging) })
	if len(f.pieces) == 0 { // nothing is on its way from there
		d.Free(staging)
	}
	if err := d.failed; err != nil {
		return func() (*linalg.Tensor, error) { return nil, err }
	}
	return f.wait
}

// send puts all pieces of a delivery on their way.
func (d *Device) send(f *delivery, staging *linalg.Tensor) error {
	total := int(bytesOf(staging))
	if total == 0 {
		return nil
	}
	if err := d.fetches.mark(d.context); err != nil {
		return err
	}
	at := d.pointer(staging)
	for lo := 0; lo < total; lo += chunk {
		n := min(chunk, total-lo)
		if err := d.room(int64(n)); err != nil {
			return err
		}
		b, err := d.ring.take(n)
		if err != nil {
			return err
		}
		p := &piece{of: f, lo: lo, pinned: b}
		if lo+n == total {
			p.staging = staging
		}
		f.pieces = append(f.pieces, p)
		d.fetches.held += int64(len(b.whole))
		d.fetches.flying = append(d.fetches.flying, p)
		if err := d.toHost(b, at+devicePointer(lo), d.copies); err != nil {
			return err
		}
	}
	return nil
}

// mark lets the copy stream wait for what the compute stream has been given.
func (f *fetches) mark(c *context) (err error) {
	if f.ready == nil {
		if f.ready, err = c.newEvent(); err != nil {
			return err
		}
	}
	if err := f.ready.record(c.compute); err != nil {
		return err
	}
	return c.copies.wait(f.ready)
}

// room takes back the buffers of pieces that have arrived, and makes the oldest ones arrive
// while there is no place for n bytes more.
func (d *Device) room(n int64) error {
	f := &d.fetches
	for len(f.flying) > 0 {
		oldest := f.flying[0]
		there, err := oldest.pinned.last.done()
		if err != nil {
			return err
		}
		if !there && f.held+n <= f.limit {
			return nil
		}
		if err := d.land(); err != nil {
			return err
		}
	}
	return nil
}

// land makes the oldest piece arrive, and takes back what it travelled with.
func (d *Device) land() error {
	f := &d.fetches
	p := f.flying[0]
	f.flying = slices.Delete(f.flying, 0, 1)
	p.land()
	f.held -= int64(len(p.pinned.whole))
	d.ring.giveNow(p.pinned)
	if p.staging != nil {
		d.Free(p.staging)
	}
	return p.err
}

// settle makes everything arrive.
func (d *Device) settle() error {
	for len(d.fetches.flying) > 0 {
		if err := d.land(); err != nil {
			return err
		}
	}
	if e := d.fetches.ready; e != nil {
		d.fetches.ready = nil
		return e.close()
	}
	return nil
}

// land moves a piece into the host's tensor when it has arrived.
func (p *piece) land() {
	p.arrive.Do(func() {
		if p.err = p.pinned.wait(); p.err == nil {
			copy(p.of.destination()[p.lo:], p.pinned.bytes)
		}
	})
}

// destination returns the bytes of the host's tensor.
func (f *delivery) destination() []byte {
	f.once.Do(func() {
		f.host = linalg.New(f.dtype, f.shape...)
		f.data = linalg.Bytes(f.host)
	})
	return f.data
}

// wait returns the tensor when all of it has arrived.
func (f *delivery) wait() (*linalg.Tensor, error) {
	err := f.c.beside(func() error {
		for _, p := range f.pieces {
			if p.land(); p.err != nil {
				return p.err
			}
		}
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("fetch: %w", err)
	}
	f.destination()
	return f.host, nil
}

// beside runs f, which calls the driver, on a thread that has the context. Unlike [context.try]
// it may run while the goroutine that computes is elsewhere in the driver, and keeps no account.
func (c *context) beside(f func() error) error {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	if err := c.driver.call(&c.driver.ctxSetCurrent, c.handle); err != nil {
		return err
	}
	err := f()
	if c.o.strict {
		return errors.Join(err, c.driver.call(&c.driver.ctxSetCurrent, 0))
	}
	return err
}
