package protocol

import (
	"fmt"

	"github.com/gradientlearning/cola/linalg"
)

// Form is how a tensor's elements travel. The values are written on the wire: never renumber
// them; those of types that tensors have are the types' own.
type Form uint8

// The forms. A float tensor travels in any but AsI32, and arrives as F32.
const (
	AsF32  = Form(linalg.F32)
	AsBF16 = Form(linalg.BF16) // rounded to nearest even
	AsI32  = Form(linalg.I32)  // of int32 tensors
	// AsInt8 is integers of 8 bits in blocks of 64 along a row, each block with a scale in
	// bfloat16, rounded at random so that the mean is right: see [linalg.Int8Bytes] and
	// [Section.Seed]. It takes 8.25 bits an element. Since version 3 of the protocol.
	AsInt8 Form = 5
)

// String returns the name that job files use.
func (f Form) String() string {
	if f == AsInt8 {
		return "int8"
	}
	return linalg.DType(f).String()
}

// ParseForm is the inverse of [Form.String], for the forms of floats.
func ParseForm(s string) (Form, error) {
	for _, f := range []Form{AsF32, AsBF16, AsInt8} {
		if f.String() == s {
			return f, nil
		}
	}
	return 0, fmt.Errorf("%q is no form in which floats travel: use \"f32\", \"bf16\" or \"int8\"", s)
}

// Host returns the type that a device is asked for where a float tensor travels in this form: it
// may round to bfloat16 itself; int8 is rounded on the host.
func (f Form) Host() linalg.DType {
	if f == AsInt8 {
		return linalg.F32
	}
	return linalg.DType(f)
}

// Size returns the bytes of the elements of a tensor in this form.
func (f Form) Size(shape []int) int64 {
	if f == AsInt8 {
		return int64(linalg.Int8Size(shape))
	}
	return int64(linalg.Elements(shape)) * int64(f.unit())
}

// unit is the bytes that compression lays out by significance.
func (f Form) unit() int {
	if f == AsInt8 {
		return 1
	}
	return linalg.DType(f).Size()
}

// carries says whether a tensor of a type may travel in this form.
func (f Form) carries(dtype linalg.DType) bool {
	switch f {
	case AsI32:
		return dtype == linalg.I32
	case AsF32, AsBF16, AsInt8:
		return dtype == linalg.F32
	}
	return false
}
