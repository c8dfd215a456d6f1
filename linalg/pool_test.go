package linalg_test

import (
	"math/rand/v2"
	"testing"

	"github.com/gradientlearning/cola/linalg"
)

// blocks counts what a pool made and dropped, and what it lent.
type blocks struct {
	linalg.Pool[int]
	made, held int // slabs made; elements that are there
	lent, most int // elements, now and at most
}

func newBlocks() *blocks {
	b := &blocks{}
	b.Make = func(n int) (int, bool) {
		b.made++
		b.held += n
		return n, true
	}
	b.Part = func(_, at, _ int) int { return at }
	b.Drop = func(n int) { b.held -= n }
	return b
}

func (b *blocks) get(n int) *linalg.Block[int] {
	block := b.Get(n)
	b.lent += block.Len
	b.most = max(b.most, b.lent)
	return block
}

func (b *blocks) put(block *linalg.Block[int]) {
	b.lent -= block.Len
	b.Put(block)
}

// pass takes and gives as a pass over so many tokens does: every layer keeps values of different
// widths and small statistics, the loss is large and short, and the way back lets go of it all.
func (b *blocks) pass(tokens int) {
	widths := []int{768, 2304, 768, 3072, 2, 3}
	var kept []*linalg.Block[int]
	for range 12 {
		for _, width := range widths {
			b.put(b.get(tokens * width)) // what only the layer needs
			kept = append(kept, b.get(tokens*width))
		}
	}
	for _, rows := range []int{212, 212, 211} {
		b.put(b.get(rows * 50257))
	}
	for i := len(kept) - 1; i >= 0; i-- {
		g := b.get(tokens * 768)
		b.put(kept[i])
		b.put(g)
	}
}

// TestPoolKeeps holds that passes of one shape make nothing after the first, whatever the shape.
func TestPoolKeeps(t *testing.T) {
	for _, tokens := range []int{1, 7, 512, 1024, 1279} {
		b := newBlocks()
		b.pass(tokens)
		first, held := b.made, b.held
		for range 100 {
			b.pass(tokens)
		}
		if b.made != first || b.held != held {
			t.Errorf("%d tokens: a first pass made %d slabs, the others %d more", tokens, first, b.made-first)
		}
	}
}

// TestPoolSuitsOtherShapes holds that passes over fewer tokens find room in what a larger one left,
// and that little more is there than the largest needs.
func TestPoolSuitsOtherShapes(t *testing.T) {
	b := newBlocks()
	b.pass(2122)
	first, held := b.made, b.held
	r := rand.New(rand.NewPCG(1, 2))
	for range 30 {
		b.pass(500 + r.IntN(1600))
	}
	if b.made != first {
		t.Errorf("a first pass made %d slabs, smaller ones %d more", first, b.made-first)
	}
	if held > b.most+b.most/5 {
		t.Errorf("%d elements are held where %d were lent at once", held, b.most)
	}
}

// TestPoolForgets holds that what one pass needed is let go of when many come that need less.
func TestPoolForgets(t *testing.T) {
	b := newBlocks()
	b.pass(2000)
	large := b.held
	for tokens := range 100 {
		b.pass(100 + tokens)
	}
	if b.held > large/2 {
		t.Errorf("%d elements are kept after smaller passes, of %d", b.held, large)
	}
	b.Clear()
	if b.held != 0 || b.Idle() != 0 {
		t.Errorf("%d elements are held, and %d wait, after everything was let go of", b.held, b.Idle())
	}
}

// TestPoolLosesBlocks holds that blocks which nobody gives back do not pile up in the pool: their
// slabs are no longer its own, and are dropped when a block comes back after all.
func TestPoolLosesBlocks(t *testing.T) {
	b := newBlocks()
	b.pass(300)
	held := b.held
	var late []*linalg.Block[int]
	for range 200 {
		late = append(late, b.Get(5000))
		b.pass(300)
	}
	for _, block := range late {
		b.Put(block)
	}
	if b.held > 2*held {
		t.Errorf("%d elements are held after blocks were out for long, %d before", b.held, held)
	}
}

// TestPoolOverlaps holds that no two blocks share an element, and that all of a pool's memory is
// whole again when all came back, in any order.
func TestPoolOverlaps(t *testing.T) {
	r := rand.New(rand.NewPCG(7, 7))
	p := linalg.Pool[[]int32]{
		Make: func(n int) ([]int32, bool) { return make([]int32, n), true },
		Part: func(memory []int32, at, n int) []int32 { return memory[at : at+n : at+n] },
	}
	lent := map[int32]*linalg.Block[[]int32]{}
	for i := range int32(3000) {
		b := p.Get(r.IntN(20000))
		for j, v := range b.Memory {
			if lent[v] != nil {
				t.Fatalf("element %d of %d belongs to another block", j, len(b.Memory))
			}
			b.Memory[j] = i + 1
		}
		lent[i+1] = b
		for id, b := range lent { // of any order
			if r.IntN(40) == 0 {
				for j, v := range b.Memory {
					if v != id {
						t.Fatalf("element %d of %d is another's", j, len(b.Memory))
					}
				}
				clear(b.Memory)
				p.Put(b)
				delete(lent, id)
			}
		}
	}
	for _, b := range lent {
		clear(b.Memory)
		p.Put(b)
	}
	p.Clear()
	if p.Idle() != 0 {
		t.Errorf("%d elements wait in slabs that are not whole", p.Idle())
	}
}

// TestPoolWithoutMemory holds that a pool asks for as much as is needed where there is not more.
func TestPoolWithoutMemory(t *testing.T) {
	left := 1 << 20
	p := linalg.Pool[int]{
		Make: func(n int) (int, bool) {
			if n > left {
				return 0, false
			}
			left -= n
			return n, true
		},
		Part: func(_, _, n int) int { return n },
		Drop: func(n int) { left += n },
	}
	var blocks []*linalg.Block[int]
	for b := p.Get(50_000); b != nil; b = p.Get(50_000) {
		blocks = append(blocks, b)
	}
	if len(blocks) < (1<<20)/51_200-1 {
		t.Errorf("%d blocks of 50,000 elements out of %d", len(blocks), 1<<20)
	}
	for _, b := range blocks {
		p.Put(b)
	}
	if b := p.Get(1 << 20); b != nil {
		t.Error("a block of more than one slab")
	}
	p.Clear()
	if b := p.Get(1 << 20); b == nil {
		t.Error("no block of all there is, when all was let go of")
	}
}
