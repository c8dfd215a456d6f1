package linalg

import "fmt"

// DType is the storage type of a tensor's elements. Arithmetic is done in F32;
// BF16 and F16 are for storage and transport, I32 for labels and indices.
type DType uint8

// The storage types. The values are written on the wire: never renumber them.
const (
	F32  DType = 1 // IEEE 754 binary32
	BF16 DType = 2 // the upper half of a binary32
	F16  DType = 3 // IEEE 754 binary16
	I32  DType = 4 // two's complement
)

// Size returns the bytes of one element, or 0 for an unknown type.
func (d DType) Size() int {
	switch d {
	case F32, I32:
		return 4
	case BF16, F16:
		return 2
	}
	return 0
}

// String returns the name that job files, messages and safetensors use in lower case.
func (d DType) String() string {
	switch d {
	case F32:
		return "f32"
	case BF16:
		return "bf16"
	case F16:
		return "f16"
	case I32:
		return "i32"
	}
	return fmt.Sprintf("dtype(%d)", uint8(d))
}

// ParseDType is the inverse of [DType.String].
func ParseDType(s string) (DType, error) {
	for _, d := range []DType{F32, BF16, F16, I32} {
		if d.String() == s {
			return d, nil
		}
	}
	return 0, fmt.Errorf("unknown dtype %q: use f32, bf16, f16 or i32", s)
}
