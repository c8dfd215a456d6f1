package linalg_test

import (
	"math/rand/v2"
	"runtime"
	"testing"
	"time"

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

// TestPoolOfWholeBlocks holds the same of a pool that cuts none: nobody gets a block that is an
// eighth longer than asked for.
func TestPoolOfWholeBlocks(t *testing.T) {
	for _, tokens := range []int{1, 512, 1279} {
		b := newBlocks()
		b.Part = nil
		b.pass(tokens)
		first, held := b.made, b.held
		for range 100 {
			b.pass(tokens)
		}
		if b.made != first || b.held != held {
			t.Errorf("%d tokens: a first pass made %d blocks, the others %d more", tokens, first, b.made-first)
		}
	}
	b := newBlocks()
	b.Part = nil
	b.Put(b.Get(100_000))
	if got := b.Get(80_000); got.Len >= 100_000 || b.made != 2 {
		t.Errorf("a block of %d elements for 80,000, and %d were made", got.Len, b.made)
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
// slabs are no longer its own, and are dropped when all of their blocks came back after all.
func TestPoolLosesBlocks(t *testing.T) {
	b := newBlocks()
	b.pass(300)
	held := b.held
	var late []*linalg.Block[int]
	for range 200 {
		block := b.Get(5000)
		b.pass(300)
		b.Lose(block)
		late = append(late, block)
	}
	b.pass(300)
	made := b.made
	b.pass(300)
	if b.made != made {
		t.Errorf("%d slabs are made in a pass after blocks were lost", b.made-made)
	}
	for _, block := range late {
		b.Put(block)
	}
	if b.held > 2*held {
		t.Errorf("%d elements are held after blocks were lost, %d before", b.held, held)
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

// TestTensorsThatAreNotFreed holds that they go when nothing reaches them, and not before: what a
// view or a slice of one shows is never lent to another.
func TestTensorsThatAreNotFreed(t *testing.T) {
	dev := linalg.NewCPU()
	const n = 1 << 18 // elements, a megabyte
	var views [][]float32
	var before, after runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&before)
	for i := range 400 {
		lost := dev.Empty(linalg.F32, 2, n/2)
		freed := dev.Empty(linalg.F32, n)
		for j := range lost.F32() {
			lost.F32()[j] = float32(i)
			freed.F32()[j] = -1
		}
		if i%100 == 0 {
			views = append(views, dev.Rows(lost, 1, 2).F32())
		}
		dev.Free(freed)
		if i%20 == 0 {
			runtime.GC()
		}
	}
	for range 3 { // what nothing reaches, what that had kept, and its slabs
		runtime.GC()
		time.Sleep(10 * time.Millisecond)
	}
	runtime.ReadMemStats(&after)
	if left := int64(after.HeapAlloc) - int64(before.HeapAlloc); left > 100<<20 {
		t.Errorf("%d MiB are left of 400 that were not freed", left>>20)
	}
	for i, view := range views {
		for _, v := range view {
			if v != float32(100*i) {
				t.Fatalf("view %d shows %v: its memory was lent again", i, v)
			}
		}
	}
	runtime.KeepAlive(dev)
}
