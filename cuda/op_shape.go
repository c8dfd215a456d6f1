package cuda

import (
	"fmt"

	"github.com/gradientlearning/cola/linalg"
)

// Shapes and types that do not fit are the programmer's mistakes, and panic in the words of
// linalg's CPU. What a kernel would have to read first, such as labels and row numbers, is
// checked by the kernel, which makes NaN of a row that it cannot compute.

func mustEqual(op string, got, want int) {
	if got != want {
		panic(fmt.Sprintf("linalg.%s: %d elements meet %d", op, got, want))
	}
}

// mustBe wants tensors of one type; those that are nil are left out.
func mustBe(op string, want linalg.DType, tensors ...*linalg.Tensor) {
	for _, t := range tensors {
		if t != nil && t.DType() != want {
			panic(fmt.Sprintf("linalg.%s: a tensor of %v where %v is wanted", op, t.DType(), want))
		}
	}
}

// mustBeHidden wants tensors of x's type, which is that of hidden representations.
func mustBeHidden(op string, x *linalg.Tensor, others ...*linalg.Tensor) {
	if x.DType() != linalg.BF16 {
		mustBe(op, linalg.F32, x)
	}
	mustBe(op, x.DType(), others...)
}

// pack returns how many elements a thread moves together, if those of all tensors are moved
// together: 16 bytes of the smallest, as in kernels/pack.h.
func pack(tensors ...*linalg.Tensor) int {
	n := 4
	for _, t := range tensors {
		n = max(n, 16/t.DType().Size())
	}
	return n
}
