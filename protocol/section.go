package protocol

import "github.com/gradientlearning/cola/linalg"

// Section is one tensor behind a message's header. The sender sets all fields; the
// receiver finds the Tensor decoded on the host: F32 whatever float type it travelled
// as, or I32.
type Section struct {
	Name   string
	Tensor *linalg.Tensor
	// As is the type of the elements on the wire: F32 or BF16 (rounded to nearest
	// even) for a float tensor, I32 for an int32 one. 0 means the tensor's own. A tensor of
	// BF16 travels as it is, and is for the receiver what an F32 one is that was rounded.
	As linalg.DType
	// Compress shuffles bytes and compresses with zstd where that pays.
	Compress bool

	prepared *prepared
}

// prepared is a section in the form in which it travels.
type prepared struct{ prefix, payload []byte }

// Prepare encodes the section once for many sends. Its tensor must not change any more.
func (s *Section) Prepare() error {
	prefix, payload, err := s.encode()
	if err != nil {
		return err
	}
	s.prepared = &prepared{prefix, payload}
	return nil
}

// Encoding is a job's choice of how sections travel.
type Encoding struct {
	X        linalg.DType `msgpack:"x"`        // of captured inputs and batches that are floats
	G        linalg.DType `msgpack:"g"`        // of gradients
	Compress bool         `msgpack:"compress"` // byte-shuffle and zstd where it pays
}
