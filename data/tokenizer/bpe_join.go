package tokenizer

import (
	"cmp"
	"fmt"
	"io"
	"math"
	"slices"
)

// shortWord is how many symbols are joined by looking at all of them each time, which is
// faster than a heap is for as few.
const shortWord = 48

// join joins the symbols in place, and returns how many are left.
func (m *bpe) join(symbols []int32) int {
	if len(symbols) <= shortWord {
		return m.joinShort(symbols)
	}
	return m.joinLong(symbols)
}

func (m *bpe) joinShort(symbols []int32) int {
	var ranks [shortWord]int32 // of the pair of a symbol and the next
	n := len(symbols)
	for i := 0; i+1 < n; i++ {
		ranks[i] = m.rank(symbols[i], symbols[i+1])
	}
	for {
		best, at := int32(math.MaxInt32), 0
		for i := 0; i+1 < n; i++ {
			if ranks[i] < best {
				best, at = ranks[i], i
			}
		}
		if best == math.MaxInt32 {
			return n
		}
		symbols[at] = m.merges[pairOf(symbols[at], symbols[at+1])].id
		copy(symbols[at+1:n], symbols[at+2:n])
		copy(ranks[at+1:n-1], ranks[at+2:n])
		n--
		if at > 0 {
			ranks[at-1] = m.rank(symbols[at-1], symbols[at])
		}
		if at+1 < n {
			ranks[at] = m.rank(symbols[at], symbols[at+1])
		}
	}
}

// rank returns the rank of a pair; math.MaxInt32 if it has none.
func (m *bpe) rank(left, right int32) int32 {
	if to, ok := m.merges[pairOf(left, right)]; ok {
		return to.rank
	}
	return math.MaxInt32
}

// joinLong keeps the pairs in a heap by (rank, position), and the symbols in a list, so that
// a text without spaces takes n log n.
func (m *bpe) joinLong(symbols []int32) int {
	n := len(symbols)
	before, after := make([]int32, n), make([]int32, n)
	h := make(joinHeap, 0, n)
	offer := func(at int32) {
		if next := after[at]; int(next) < n {
			if rank := m.rank(symbols[at], symbols[next]); rank != math.MaxInt32 {
				h.push(uint64(rank)<<32 | uint64(at))
			}
		}
	}
	for i := range symbols {
		before[i], after[i] = int32(i-1), int32(i+1)
	}
	for i := range symbols {
		offer(int32(i))
	}
	for len(h) > 0 {
		top := h.pop()
		at := int32(uint32(top))
		next := after[at]
		if symbols[at] < 0 || int(next) >= n {
			continue // it has gone into another
		}
		to, ok := m.merges[pairOf(symbols[at], symbols[next])]
		if !ok || uint64(to.rank) != top>>32 {
			continue // one of the two has changed since
		}
		symbols[at], symbols[next] = to.id, -1
		after[at] = after[next]
		if int(after[at]) < n {
			before[after[at]] = at
		}
		offer(at)
		if before[at] >= 0 {
			offer(before[at])
		}
	}
	return len(slices.DeleteFunc(symbols, func(id int32) bool { return id < 0 }))
}

// joinHeap is a binary heap, the smallest on top.
type joinHeap []uint64

func (h *joinHeap) push(x uint64) {
	*h = append(*h, x)
	s := *h
	for i := len(s) - 1; i > 0; {
		up := (i - 1) / 2
		if s[up] <= s[i] {
			break
		}
		s[up], s[i] = s[i], s[up]
		i = up
	}
}

func (h *joinHeap) pop() uint64 {
	s := *h
	top, last := s[0], len(s)-1
	s[0] = s[last]
	s = s[:last]
	*h = s
	for i := 0; ; {
		down := 2*i + 1
		if down >= last {
			return top
		}
		if down+1 < last && s[down+1] < s[down] {
			down++
		}
		if s[i] <= s[down] {
			return top
		}
		s[i], s[down] = s[down], s[i]
		i = down
	}
}

// describeMerges writes the merges in the order of rank and pair.
func describeMerges(w io.Writer, merges map[pair]merge) {
	type row struct {
		of pair
		to merge
	}
	rows := make([]row, 0, len(merges))
	for of, to := range merges {
		rows = append(rows, row{of, to})
	}
	slices.SortFunc(rows, func(a, b row) int {
		return cmp.Or(cmp.Compare(a.to.rank, b.to.rank), cmp.Compare(a.of, b.of))
	})
	rank, last := -1, int32(-1) // ranks are counted anew: a gap between two decides nothing
	for _, r := range rows {
		if r.to.rank != last {
			rank, last = rank+1, r.to.rank
		}
		fmt.Fprintf(w, "%d %x %d\n", rank, uint64(r.of), r.to.id)
	}
}
