package cuda

import "github.com/gradientlearning/cola/linalg"

// The ways in which kernels share their work among threads. The bits of a result never depend
// on the grid: a block's size comes from the width of a row, and from nothing else.

// blockThreads is the size of a block where nothing asks for another.
const blockThreads = 256

// most is the largest grid dimension along y; kernels walk on where there is more.
const most = 1 << 15

// named returns the kernel's name for the types of these tensors, as cola_add_bf16.
func named(kernel string, tensors ...*linalg.Tensor) string {
	for _, t := range tensors {
		kernel += "_" + t.DType().String()
	}
	return kernel
}

// overElements launches a kernel in which a thread has one pack of n elements.
func (d *Device) overElements(kernel string, n, pack int, args ...any) {
	d.launch(kernel, grid1(n, blockThreads*pack), [3]int{blockThreads, 1, 1}, 0, args...)
}

// overRows launches a kernel in which a block has a row of so many columns: ROW_THREADS of
// kernels/pack.h says with how many threads.
func (d *Device) overRows(kernel string, rows, cols int, args ...any) {
	const mostThreads = 512
	d.launch(kernel, [3]int{rows, 1, 1}, [3]int{min(32*max(1, (cols+1023)/1024), mostThreads), 1, 1}, 0, args...)
}

// overCells launches a kernel in which a warp has 32 packs of a row, and a block some rows:
// cells of kernels/pack.h.
func (d *Device) overCells(kernel string, rows, cols, pack int, args ...any) {
	grid := grid1(rows, blockThreads/32)
	grid[1] = min((cols+32*pack-1)/(32*pack), most)
	d.launch(kernel, grid, [3]int{blockThreads, 1, 1}, 0, args...)
}

// overImages launches a kernel in which a thread has one of n elements of an image:
// kernels/image.cu.
func (d *Device) overImages(kernel string, images, n int, args ...any) {
	grid := grid1(n, blockThreads)
	grid[1] = min(images, most)
	d.launch(kernel, grid, [3]int{blockThreads, 1, 1}, 0, args...)
}

// flag is a bool as kernels take it.
func flag(b bool) int32 {
	if b {
		return 1
	}
	return 0
}
