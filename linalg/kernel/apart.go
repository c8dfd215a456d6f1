package kernel

import (
	"sync"
	"unsafe"
)

// The rows of a tile compete for one set of the first cache where their stride is a multiple of
// what its sets go around, 4 KiB, and it has fewer places in a set than the tile has rows: what
// was fetched is gone before all of it was used. Such rows are copied apart where enough is
// multiplied with them.
const (
	sameSet   = 4096 / 4
	apartness = 16         // elements from the end of a row to the next
	fewRows   = 8          // do not compete
	worthCopy = 12 * Panel // columns
)

// collides tells whether the rows of a compete.
func (g block) collides() bool {
	return g.a.ColStride == 1 && g.a.RowStride%sameSet == 0 && g.n >= worthCopy && g.m > fewRows
}

// apart is memory for a block of a.
type apart struct {
	rows [blockElements + blockRows*apartness]float32
}

var aparts = sync.Pool{New: func() any { return new(apart) }}

func borrowApart() *apart { return aparts.Get().(*apart) }

func (b *apart) giveBack() { aparts.Put(b) }

// fill copies depth elements of a, from term p on, of rows from row on, and returns where they
// begin.
func (b *apart) fill(a Operand, row, rows, p, depth int) unsafe.Pointer {
	for i := range rows {
		copy(b.rows[i*(depth+apartness):][:depth], a.Data[(row+i)*a.RowStride+p:])
	}
	return unsafe.Pointer(&b.rows)
}
