package cuda

import (
	"fmt"
	"runtime"
	"slices"
	"weak"

	"github.com/gradientlearning/cola/linalg"
)

// memory is what stands behind a tensor of the GPU, and behind its views.
type memory struct {
	c     *context
	at    devicePointer
	whole *memory // of a view: what it is a view of; else nil
	loan  *loan   // nil: the tensor has no elements, or memory ran out
}

// loan is a block that is lent to a tensor.
type loan struct {
	block  *linalg.Block[devicePointer]
	pooled bool                 // the block is the pool's
	holder weak.Pointer[memory] // when nothing reaches it any more, nobody will free the block
	freed  bool
}

// Device names the GPU.
func (m *memory) Device() string { return fmt.Sprintf("cuda:%d", m.c.info.Ordinal) }

func (m *memory) place() (*context, devicePointer) { return m.c, m.at }

// blocks is the memory behind tensors: a pool of whole blocks, which the driver finds in a
// microsecond. Package internal/plan counts with the same pool, so that what it predicts is taken.
type blocks struct {
	c     *context
	pool  linalg.Pool[devicePointer]
	loans []*loan
	after int   // sweep when there are so many
	short error // what the driver said last, asked for memory
}

// word is the unit of the pool's blocks, in bytes.
const word = 4

func (b *blocks) init(c *context) {
	b.c, b.after = c, leastSweep
	b.pool.Make = func(n int) (devicePointer, bool) {
		at, err := b.take(n)
		return at, err == nil
	}
	b.pool.Drop = b.release
}

// take asks the driver for so many words, and remembers what it says where it has none.
func (b *blocks) take(words int) (at devicePointer, err error) {
	at, b.short = b.c.pool.take(int64(words) * word)
	return at, b.short
}

// block returns a block of so many words; nil if there is no memory for it.
func (b *blocks) block(words int, pooled bool) *linalg.Block[devicePointer] {
	if pooled {
		return b.pool.Get(words)
	}
	at, err := b.take(words)
	if err != nil {
		return nil
	}
	return &linalg.Block[devicePointer]{Memory: at, Len: words}
}

// leastSweep is how many loans are looked through at least.
const leastSweep = 1 << 10

// Pooled says of which tensors a GPU keeps the memory for the next ones: of all.
func Pooled(linalg.DType, int) bool { return true }

// lend returns memory for so many bytes. Where the GPU has none left, what nobody reaches and
// what waits is given back, and it is asked once more. What is not pooled is not lent again: that
// is for what stays, such as weights.
func (b *blocks) lend(bytes int, pooled bool) *memory {
	m := &memory{c: b.c}
	if bytes == 0 || b.c.failed != nil {
		return m
	}
	if len(b.loans) >= b.after {
		b.sweep()
		b.after = max(leastSweep, 2*len(b.loans))
	}
	words := (bytes + word - 1) / word
	var block *linalg.Block[devicePointer]
	b.c.do("allocate", func() error {
		if block = b.block(words, pooled); block != nil {
			return nil
		}
		if err := b.reclaim(); err != nil {
			return err
		}
		if block = b.block(words, pooled); block == nil {
			return b.c.pool.explain(b.short, int64(bytes))
		}
		return nil
	})
	if block == nil {
		return m
	}
	m.at, m.loan = block.Memory, &loan{block: block, pooled: pooled, holder: weak.Make(m)}
	b.loans = append(b.loans, m.loan)
	b.c.pool.account(int64(block.Len)*word, 1)
	return m
}

// end ends a loan.
func (b *blocks) end(l *loan) {
	l.freed = true
	b.c.pool.account(int64(l.block.Len)*word, -1)
	b.giveBack(l)
}

// giveBack gives a block to where it is from.
func (b *blocks) giveBack(l *loan) {
	if l.pooled {
		b.pool.Put(l.block)
	} else {
		b.release(l.block.Memory)
	}
}

// sweep ends the loans to tensors that the garbage collector found nothing to reach.
func (b *blocks) sweep() {
	b.loans = slices.DeleteFunc(b.loans, func(l *loan) bool {
		if !l.freed && l.holder.Value() == nil {
			b.end(l)
		}
		return l.freed
	})
}

// reclaim gives back to the driver what nothing reaches, and what waits to be lent.
func (b *blocks) reclaim() error {
	runtime.GC()
	b.sweep()
	b.pool.Clear()
	return b.c.pool.trim()
}

// release gives a block back to the driver.
func (b *blocks) release(at devicePointer) {
	if err := b.c.try("free", func() error { return b.c.pool.release(at) }); err != nil && b.c.failed == nil {
		b.c.failed = err
	}
}

// abandon gives everything back, also what is lent.
func (b *blocks) abandon() {
	for _, l := range b.loans {
		if !l.freed {
			b.giveBack(l)
		}
	}
	b.loans = nil
	b.pool.Clear()
}

// New returns a tensor of zeros.
func (d *Device) New(dtype linalg.DType, shape ...int) *linalg.Tensor {
	t := d.Empty(dtype, shape...)
	d.Zero(t)
	return t
}

// Empty returns a tensor whose elements are whatever the memory held.
func (d *Device) Empty(dtype linalg.DType, shape ...int) *linalg.Tensor {
	if dtype.Size() == 0 {
		panic(fmt.Sprintf("linalg.New: %v", dtype))
	}
	return linalg.NewOnDevice(dtype, d.blocks.lend(linalg.Elements(shape)*dtype.Size(), true), shape...)
}

// Free gives a tensor's memory back.
func (d *Device) Free(t *linalg.Tensor) {
	if t.Memory() == nil { // on the host, where it was fetched to
		return
	}
	d.pointer(t) // it is this GPU's
	m := t.Memory().(*memory)
	switch {
	case m.whole != nil:
		panic("linalg.Free: the tensor is a view")
	case m.loan != nil && m.loan.freed:
		panic("linalg.Free: the tensor was freed before")
	case m.loan != nil:
		d.blocks.end(m.loan)
	}
}

// Rows returns a view of rows lo to hi-1.
func (d *Device) Rows(t *linalg.Tensor, lo, hi int) *linalg.Tensor {
	if lo < 0 || hi < lo || hi > t.Rows() {
		panic(fmt.Sprintf("linalg: rows %d to %d of shape %v", lo, hi, t.Shape()))
	}
	at := d.pointer(t)
	if at != 0 {
		at += devicePointer(lo * t.Cols() * t.DType().Size())
	}
	whole := t.Memory().(*memory)
	if whole.whole != nil {
		whole = whole.whole
	}
	shape := slices.Clone(t.Shape())
	shape[0] = hi - lo
	return linalg.NewOnDevice(t.DType(), &memory{c: d.context, at: at, whole: whole}, shape...)
}

// Upload copies a host tensor.
func (d *Device) Upload(dst, src *linalg.Tensor) {
	mustCopy("Upload", dst, src)
	at := d.pointer(dst)
	d.do("Upload", func() error { return d.upload(at, linalg.Bytes(src)) })
}

// Download copies to a host tensor.
func (d *Device) Download(dst, src *linalg.Tensor) {
	mustCopy("Download", dst, src)
	at := d.pointer(src)
	// These are the tensor's own bytes: what has a driver has the order of bytes that GPUs have.
	d.do("Download", func() error { return d.download(linalg.Bytes(dst), at) })
}

// mustCopy wants tensors of one type and shape.
func mustCopy(op string, dst, src *linalg.Tensor) {
	if dst.DType() != src.DType() || !slices.Equal(dst.Shape(), src.Shape()) {
		panic(fmt.Sprintf("linalg.%s: %v %v from %v %v", op, dst.DType(), dst.Shape(), src.DType(), src.Shape()))
	}
}
