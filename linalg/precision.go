package linalg

import "fmt"

// Precision says how a frozen matrix is kept and multiplied.
type Precision int

// The precisions.
const (
	// F32Products keeps and multiplies in float32.
	F32Products Precision = iota
	// BF16Weights keeps the matrix rounded to bfloat16, in half the memory, and multiplies in
	// float32: the results are those of the rounded matrix in float32, bit for bit.
	BF16Weights
	// BF16Products keeps the matrix in bfloat16 and rounds the rows that it is multiplied with, too;
	// sums are in float32. Where the processor multiplies bfloat16 itself the last bits of a
	// result are the processor's own.
	BF16Products
)

var precisions = [...]string{F32Products: "f32", BF16Weights: "bf16-weights", BF16Products: "bf16"}

// String returns the name that [ParsePrecision] reads.
func (p Precision) String() string { return precisions[p] }

// ParsePrecision reads a precision's name: f32 (also ""), bf16-weights or bf16.
func ParsePrecision(name string) (Precision, error) {
	if name == "" {
		return F32Products, nil
	}
	for p, n := range precisions {
		if n == name {
			return Precision(p), nil
		}
	}
	return 0, fmt.Errorf("precision = %q: use f32, bf16-weights or bf16", name)
}
