package linalg

import (
	"slices"
	"sync"
)

// Pool lends blocks of a device's memory for tensors, and takes them back. Memory that the
// system maps anew costs more to touch than most operations cost, and a garbage collector lets
// twice as much exist as is in use. A block that is never given back is nobody's business
// any more: its memory goes as its T does.
type Pool[T any] struct {
	// Make returns memory for n elements, of any content.
	Make func(n int) T
	// Drop takes the memory of blocks that the pool lets go of; nil: it goes as its T does.
	Drop func(T)

	mu    sync.Mutex
	free  []*Block[T] // by length
	idle  int         // elements in them
	lent  int         // elements that are lent
	most  int         // of lent, in the pass that runs
	last  int         // of lent, in the pass before
	gifts int         // blocks that came back, ever
}

// Block is memory of a pool.
type Block[T any] struct {
	Memory T
	Len    int // elements: at least as many as were asked for

	holders int  // 0: it waits to be lent
	away    bool // only those hold it still for whom the pool keeps no account
	freed   int  // when, in the pool's count of gifts
}

// spare is how much longer than asked for a lent block may be: by an eighth.
const spare = 8

// page is what the length of a block is a multiple of: 8 KiB of float32, as Go's allocator
// rounds, too.
const page = 1 << 11

// Get lends a block of n elements or a few more, whatever they hold.
func (p *Pool[T]) Get(n int) *Block[T] {
	p.mu.Lock()
	defer p.mu.Unlock()
	i, _ := slices.BinarySearchFunc(p.free, n, func(b *Block[T], n int) int { return b.Len - n })
	var b *Block[T]
	if i < len(p.free) && p.free[i].Len <= n+n/spare {
		b = p.take(i)
	} else {
		n = (n + page - 1) / page * page
		p.trim(n)
		b = &Block[T]{Memory: p.Make(n), Len: n}
	}
	b.holders, b.away = 1, false
	p.lent += b.Len
	p.most = max(p.most, p.lent)
	return b
}

// Share lends a block that is lent to one more holder, who may never give it back. When somebody
// has, the others are no part of the pool's account: how much passes need does not depend on how
// long somebody else keeps what they made.
func (p *Pool[T]) Share(b *Block[T]) {
	p.mu.Lock()
	defer p.mu.Unlock()
	b.holders++
}

// Shared reports whether a block has more than one holder.
func (p *Pool[T]) Shared(b *Block[T]) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return b.holders > 1
}

// trim makes room for n elements, within an eighth more than passes have needed at once: it
// lets go of the blocks that have been free for longest. As batches change, what those before
// were lent goes.
func (p *Pool[T]) trim(n int) {
	limit := max(p.most, p.last, p.lent+n)
	for p.idle > 0 && p.idle+p.lent+n > limit+limit/spare {
		oldest := 0
		for i, b := range p.free {
			if b.freed < p.free[oldest].freed {
				oldest = i
			}
		}
		p.drop(p.take(oldest))
	}
}

func (p *Pool[T]) drop(b *Block[T]) {
	if p.Drop != nil {
		p.Drop(b.Memory)
	}
}

// Clear lets go of everything that waits to be lent.
func (p *Pool[T]) Clear() {
	p.mu.Lock()
	defer p.mu.Unlock()
	for len(p.free) > 0 {
		p.drop(p.take(0))
	}
}

// Forget takes a lent block out of the pool's account: it had no memory, and will have none.
func (p *Pool[T]) Forget(b *Block[T]) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.lent -= b.Len
	b.holders = 0
}

func (p *Pool[T]) take(i int) *Block[T] {
	b := p.free[i]
	p.free = slices.Delete(p.free, i, i+1)
	p.idle -= b.Len
	return b
}

// Put takes a block back, if this was its last holder. It panics if the pool has it already.
func (p *Pool[T]) Put(b *Block[T]) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if b.holders == 0 {
		panic("linalg.Free: the tensor was freed before")
	}
	if !b.away {
		p.lent -= b.Len
		if p.lent < p.most/16 { // a pass has ended
			p.last, p.most = p.most, p.lent
		}
	}
	b.holders--
	if b.away = b.holders > 0; b.away {
		return
	}
	p.gifts++
	b.freed = p.gifts
	i, _ := slices.BinarySearchFunc(p.free, b.Len, func(b *Block[T], n int) int { return b.Len - n })
	p.free = slices.Insert(p.free, i, b)
	p.idle += b.Len
}

// Idle returns the number of elements that wait to be lent.
func (p *Pool[T]) Idle() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.idle
}
