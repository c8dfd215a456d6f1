package cuda

import (
	"fmt"

	"github.com/gradientlearning/cola/linalg"
)

// CopyColumns computes dst[:, to:to+width] (=|+=) src[:, from:from+width].
func (d *Device) CopyColumns(dst, src *linalg.Tensor, to, from, width int, accumulate bool) {
	mustBeHidden("CopyColumns", dst, src)
	mustEqual("CopyColumns", dst.Rows(), src.Rows())
	if width < 0 || to < 0 || from < 0 || to+width > dst.Cols() || from+width > src.Cols() {
		panic(fmt.Sprintf("linalg.CopyColumns: %d columns from %d of %v to %d of %v", width, from, src.Shape(), to, dst.Shape()))
	}
	d.overCells(named("cola_copy_columns", dst), dst.Rows(), width, pack(dst),
		dst, src, int64(dst.Rows()), int32(dst.Cols()), int32(src.Cols()), int32(to), int32(from), int32(width), flag(accumulate))
}

// Gather computes y[i] = x[rows[i]]. A row that x has not becomes NaN.
func (d *Device) Gather(y, x, rows *linalg.Tensor) {
	mustBeHidden("Gather", y)
	if x.DType() != linalg.F16 {
		mustBeHidden("Gather", x)
	}
	mustBe("Gather", linalg.I32, rows)
	n, cols := rows.Len(), x.Cols()
	mustEqual("Gather", y.Len(), n*cols)
	d.overCells(named("cola_gather", y, x), n, cols, pack(y, x), y, x, rows, int64(n), int32(x.Rows()), int32(cols))
}

// GatherBackward computes dx[rows[i]] += g[i], in the order of i. Rows that dx has not are
// left out.
func (d *Device) GatherBackward(dx, g, rows *linalg.Tensor) {
	mustBeHidden("GatherBackward", dx)
	mustBeHidden("GatherBackward", g)
	mustBe("GatherBackward", linalg.I32, rows)
	n, cols := rows.Len(), dx.Cols()
	mustEqual("GatherBackward", g.Len(), n*cols)
	// A thread has one pack of a row; the rest of a block looks for rows.
	grid := [3]int{n, (cols + blockThreads*pack(dx, g) - 1) / (blockThreads * pack(dx, g)), 1}
	d.launch(named("cola_gather_backward", dx, g), grid, [3]int{blockThreads, 1, 1}, 0,
		dx, g, rows, int32(n), int32(dx.Rows()), int32(cols))
}
