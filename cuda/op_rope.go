package cuda

import (
	"fmt"

	"github.com/gradientlearning/cola/linalg"
)

// RoPE turns the pairs of each head by the angles of the row's position. A row whose position
// is not in the table becomes NaN.
func (d *Device) RoPE(y, x, positions, table *linalg.Tensor, inverse bool) {
	mustBeHidden("RoPE", y, x)
	mustBe("RoPE", linalg.I32, positions)
	mustBe("RoPE", linalg.F32, table)
	dim, cols := table.Cols(), x.Cols()
	mustEqual("RoPE", positions.Len(), x.Rows())
	mustEqual("RoPE", y.Len(), x.Len())
	if dim == 0 || dim%2 != 0 || cols%dim != 0 {
		panic(fmt.Sprintf("linalg.RoPE: heads of %d numbers in rows of %d", dim, cols))
	}
	sign := float32(1)
	if inverse {
		sign = -1
	}
	packs := cols / dim * ((dim/2 + pack(x) - 1) / pack(x)) // of the halves of a row's heads
	d.overCells(named("cola_rope", x), x.Rows(), packs, 1,
		y, x, positions, table, int64(x.Rows()), int32(cols), int32(dim), int32(table.Rows()), sign)
}
