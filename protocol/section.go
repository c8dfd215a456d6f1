package protocol

import (
	"fmt"

	"github.com/gradientlearning/cola/linalg"
)

// Section is one tensor behind a message's header. The sender sets all fields; the
// receiver finds the Tensor decoded on the host: F32 whatever float type it travelled
// as, or I32.
type Section struct {
	Name   string
	Tensor *linalg.Tensor
	// Rows are those of Tensor that travel, in ascending order; nil means all. The receiver's
	// Tensor has no others.
	Rows []int
	// As is how the elements travel; 0 means in the tensor's own type. A tensor of BF16
	// travels as it is, and is for the receiver what an F32 one is that was rounded.
	As Form
	// Seed decides how AsInt8 rounds: the same tensor under the same seed gives the same bytes.
	// The product of two tensors is right in the mean only if their seeds differ.
	Seed uint64
	// Compress shuffles bytes and compresses with zstd where that pays.
	Compress bool

	prepared *prepared
}

// Form returns how the elements travel: as As says, or in the tensor's own type.
func (s Section) Form() Form {
	if s.As == 0 {
		return Form(s.Tensor.DType())
	}
	return s.As
}

// prepared is a section in the form in which it travels. The payload is in pieces, so that rows
// travel from where they are.
type prepared struct {
	prefix  []byte
	payload [][]byte
}

// Prepare encodes the section once for many sends. Its tensor must not change any more.
func (s *Section) Prepare() error {
	p, err := s.encode()
	if err != nil {
		return err
	}
	s.prepared = p
	return nil
}

// Encoding is a job's choice of how sections travel.
type Encoding struct {
	X        Form `msgpack:"x"`        // of captured inputs
	G        Form `msgpack:"g"`        // of gradients
	Compress bool `msgpack:"compress"` // byte-shuffle and zstd where it pays
}

// Inputs is how a participant's batches travel where they are floats: as captured inputs do, but
// in BF16 where those are int8. What is right in the mean is so behind a product, and not behind
// the model, which is not linear in its inputs.
func (e Encoding) Inputs() Form {
	if e.X == AsInt8 {
		return AsBF16
	}
	return e.X
}

// Version returns the lowest version of the protocol that has the encoding.
func (e Encoding) Version() uint16 {
	if e.X == AsInt8 || e.G == AsInt8 {
		return 3
	}
	return MinVersion
}

// Validate says whether this release knows the encoding.
func (e Encoding) Validate() error {
	for _, f := range []Form{e.X, e.G} {
		if !f.carries(linalg.F32) {
			return fmt.Errorf("floats do not travel as %v", f)
		}
	}
	return nil
}
