package cuda

import (
	"fmt"

	"github.com/gradientlearning/cola/linalg"
)

// Device is a GPU as a [linalg.Device]. It is for one goroutine at a time, whichever; what
// [Device.Fetch] returns may be called by any.
type Device struct {
	*context
	blocks  blocks  // behind tensors
	fetches fetches // on their way to the host
	tables  tables  // what kernels work on
}

var _ linalg.Device = (*Device)(nil)

// Options say how a GPU is used. The zero value is what nearly everybody wants; the
// environment sets the rest, see the package's comment.
type Options struct {
	// Pinned is how many bytes of the host's memory tensors travel through to the host at
	// once: 0 means [DefaultPinned]. As many of the GPU's wait beside it.
	Pinned int64
}

// Open opens GPU number ordinal, as [Discover] counts them. The error wraps [ErrUnavailable]
// where no GPU can be used.
func Open(ordinal int, o Options) (*Device, error) {
	c, err := open(ordinal, environment())
	if err != nil {
		return nil, err
	}
	d := &Device{context: c}
	d.blocks.init(c)
	d.fetches.init(o.Pinned)
	return d, nil
}

// Close waits for the GPU and gives everything back. Tensors and packed matrices of the
// device are not to be used afterwards, nor what Fetch returned and was not called.
func (d *Device) Close() error {
	settled := d.try("close", d.settle)
	d.blocks.abandon()
	if _, err := d.context.close(); err != nil { // of what failed before, it knows too
		return err
	}
	return settled
}

// Name says which GPU it is.
func (d *Device) Name() string {
	return fmt.Sprintf("cuda:%d (%s, %s)", d.info.Ordinal, d.info.Name, sizeText(d.info.Memory))
}

// Hidden is bfloat16 where products are, else float32.
func (d *Device) Hidden(precision linalg.Precision) linalg.DType {
	return HiddenType(d.possible(precision))
}

// possible is the precision that a GPU does instead of what it cannot: one that multiplies no
// bfloat16 keeps matrices so, and multiplies in float32.
func (d *Device) possible(precision linalg.Precision) linalg.Precision {
	if precision == linalg.BF16Products && d.info.capability() < oldestBF16 {
		return linalg.BF16Weights
	}
	return precision
}

// HiddenType is [Device.Hidden] of every GPU that multiplies in bfloat16.
func HiddenType(precision linalg.Precision) linalg.DType {
	if precision == linalg.BF16Products {
		return linalg.BF16
	}
	return linalg.F32
}

// Memory returns how many bytes of the GPU are free, and how many it has. What the device
// keeps for its next tensors counts as taken: see Trim.
func (d *Device) Memory() (free, total int64, err error) {
	err = d.try("Memory", func() (err error) {
		free, total, err = d.memory()
		return err
	})
	return free, total, err
}

// Trim gives the driver back what no tensor holds.
func (d *Device) Trim() error {
	return d.try("Trim", d.blocks.reclaim)
}
