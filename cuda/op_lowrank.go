package cuda

import (
	"fmt"
	"math"

	"github.com/gradientlearning/cola/linalg"
)

// LowRank computes y += s·(x·Aᵀ)·Bᵀ on the rows of every part, all parts in two launches.
func (d *Device) LowRank(y, x *linalg.Tensor, parts []linalg.LowRank) {
	d.lowRank("LowRank", y, x, parts, false)
}

// LowRankBackward computes dx += s·(g·B)·A on the rows of every part.
func (d *Device) LowRankBackward(dx, g *linalg.Tensor, parts []linalg.LowRank) {
	d.lowRank("LowRankBackward", dx, g, parts, true)
}

// lowRank adds to what has the rows of to, from what has those of from.
func (d *Device) lowRank(op string, to, from *linalg.Tensor, parts []linalg.LowRank, backward bool) {
	mustBeHidden(op, from, to)
	most := 0
	for _, p := range parts {
		if backward {
			mustAdapt(op, p, to, from)
		} else {
			mustAdapt(op, p, from, to)
		}
		most = max(most, p.A.Rows())
	}
	n, in, out := from.Rows(), from.Cols(), to.Cols()
	if n == 0 || most == 0 {
		return
	}
	// A block has 32 rows of u and ranks, and then 128 columns; tensor cores need 64 and 256 to be busy.
	inner, outer, rows, columns := named("cola_lowrank_inner", from), named("cola_lowrank_outer", to), 32, 128
	if from.DType() == linalg.BF16 && in%8 == 0 && out%2 == 0 {
		inner, outer, rows, columns = "cola_lowrank_tensor_inner", "cola_lowrank_tensor_outer", 64, 256
	}
	const (
		ranks   = 32
		segment = 512 // SEGMENT of kernels/lowrank.h
		words   = 8   // of a block of the list
	)
	blocks, segments := d.adapterBlocks(parts, rows), (in+segment-1)/segment
	grid, threads := [3]int{blocks.Len() / words, (most + ranks - 1) / ranks, segments}, [3]int{128, 1, 1}
	u := d.Empty(linalg.F32, segments, n, most)
	d.launch(inner, grid, threads, 0, u, from, blocks, int64(n), int32(in), int32(most), flag(backward))
	grid[1], grid[2] = (out+columns-1)/columns, 1
	d.launch(outer, grid, threads, 0, to, u, blocks, int64(n), int32(out), int32(most), int32(segments), flag(backward))
	d.Free(u)
}

// mustAdapt panics where a part does not fit in (n, in) and out (n, out).
func mustAdapt(op string, p linalg.LowRank, in, out *linalg.Tensor) {
	mustBe(op, linalg.F32, p.A, p.B)
	if in.Rows() != out.Rows() || p.Lo < 0 || p.Hi < p.Lo || p.Hi > in.Rows() ||
		p.A.Cols() != in.Cols() || p.B.Rows() != out.Cols() || p.A.Rows() != p.B.Cols() {
		panic(fmt.Sprintf("linalg.%s: rows %d to %d of %v and %v, A %v, B %v", op, p.Lo, p.Hi, in.Shape(), out.Shape(), p.A.Shape(), p.B.Shape()))
	}
}

// adapterBlocks returns the list of blocks of so many rows, as lowrank.h has it.
func (d *Device) adapterBlocks(parts []linalg.LowRank, size int) *linalg.Tensor {
	key := make([]int64, 0, 2+6*len(parts))
	key = append(key, tableOfLowRank, int64(size))
	for _, p := range parts {
		key = append(key, int64(d.pointer(p.A)), int64(d.pointer(p.B)), int64(p.Lo), int64(p.Hi), int64(p.A.Rows()), int64(math.Float32bits(p.Scale)))
	}
	return d.table(key, func() (list []int32) {
		for _, p := range parts {
			a, b := d.pointer(p.A), d.pointer(p.B)
			for lo := p.Lo; lo < p.Hi; lo += size {
				list = append(list, int32(a), int32(a>>32), int32(b), int32(b>>32),
					int32(lo), int32(min(size, p.Hi-lo)), int32(p.A.Rows()), int32(math.Float32bits(p.Scale)))
			}
		}
		return list
	})
}
