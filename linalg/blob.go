package linalg

import (
	"fmt"
	"math"
	"math/bits"
	"slices"
)

// Blob is a named tensor as raw little-endian bytes: what safetensors files hold
// and what the wire carries. Data has DType.Size()·Π Shape bytes.
type Blob struct {
	Name  string
	DType DType
	Shape []int
	Data  []byte
}

// Blob returns a host tensor under a name.
func (t *Tensor) Blob(name string) Blob {
	data := make([]byte, 0, t.Len()*t.dtype.Size())
	return Blob{Name: name, DType: t.dtype, Shape: slices.Clone(t.shape), Data: AppendBytes(data, t)}
}

// Tensor returns the blob as a host tensor. A shape that overflows or does not fit the
// data is an error that names the blob.
func (b Blob) Tensor() (*Tensor, error) {
	if err := b.Check(); err != nil {
		return nil, err
	}
	t := New(b.DType, b.Shape...)
	SetBytes(t, b.Data)
	return t, nil
}

// View returns the blob as a host tensor that shares its memory where elements lie there as
// the machine wants them, and is a copy elsewhere. It must not be changed. The errors are
// those of [Blob.Tensor].
func (b Blob) View() (*Tensor, error) {
	if err := b.Check(); err != nil {
		return nil, err
	}
	if t, ok := view(b.DType, b.Data, b.Shape); ok {
		return t, nil
	}
	return b.Tensor()
}

// Check returns an error that names the blob where the type is unknown, the shape is not
// possible or the data are not as long as the two say.
func (b Blob) Check() error {
	size, err := b.Size()
	if err == nil && size != len(b.Data) {
		err = fmt.Errorf("tensor %q: shape %v of %v takes %d bytes, there are %d", b.Name, b.Shape, b.DType, size, len(b.Data))
	}
	return err
}

// Size returns how many bytes of data the type and the shape say; the errors are those of
// [Blob.Check].
func (b Blob) Size() (int, error) {
	size := uint64(b.DType.Size())
	if size == 0 {
		return 0, fmt.Errorf("tensor %q: unknown type %v", b.Name, b.DType)
	}
	empty := false
	for _, d := range b.Shape {
		// An empty tensor's other dimensions must be possible too: row lengths are
		// products of some of them.
		hi, lo := bits.Mul64(size, uint64(max(d, 1)))
		if d < 0 || hi != 0 || lo > math.MaxInt {
			return 0, fmt.Errorf("tensor %q: shape %v is not possible", b.Name, b.Shape)
		}
		size, empty = lo, empty || d == 0
	}
	if empty {
		return 0, nil
	}
	return int(size), nil
}
