package cuda

import (
	"slices"

	"github.com/gradientlearning/cola/linalg"
)

// tables are short lists of numbers by which kernels know what to work on: which rows of which
// sequence, whose adapter. All layers of a model, and often one step after the other, ask for
// the same: those that were asked for last stay on the GPU.
type tables struct {
	held []heldTable
	next int // the one that goes when another comes
}

// What a table's key begins with, so that those of different kinds never meet.
const (
	tableOfAttention = iota
	tableOfLowRank
)

// heldTable is a table with what it was made for.
type heldTable struct {
	key   []int64
	words *linalg.Tensor
}

// mostTables is how many tables stay: those of a few models' steps at a time.
const mostTables = 64

// table returns the numbers that build makes for this key, on the GPU. They are for the launches
// that follow at once. The key is the caller's again when table returns.
func (d *Device) table(key []int64, build func() []int32) *linalg.Tensor {
	t := &d.tables
	if i := slices.IndexFunc(t.held, func(h heldTable) bool { return slices.Equal(h.key, key) }); i >= 0 {
		return t.held[i].words
	}
	numbers := build()
	words := d.Empty(linalg.I32, len(numbers))
	d.Upload(words, linalg.FromI32(numbers, len(numbers)))
	if d.failed != nil { // it may not be there, and the failure may be forgotten
		return words
	}
	fresh := heldTable{slices.Clone(key), words}
	if len(t.held) < mostTables {
		t.held = append(t.held, fresh)
		return words
	}
	d.Free(t.held[t.next].words) // behind the launches that read it
	t.held[t.next] = fresh
	t.next = (t.next + 1) % mostTables
	return words
}
