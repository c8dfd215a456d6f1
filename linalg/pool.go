package linalg

import (
	"slices"
	"sync"
)

// Pool lends blocks of a device's memory for tensors, and takes them back. Memory that the
// system maps anew costs more to touch than most operations cost, and a garbage collector lets
// twice as much exist as is in use. Blocks are parts of slabs: neighbours that nobody has are one
// block again, so that passes over other numbers of rows find room in what is there. Where to ask
// for memory costs little, a slab is one block.
//
// What many passes in a row had no use for goes.
type Pool[T any] struct {
	// Make returns memory for n elements, of any content; false: there is none.
	Make func(n int) (T, bool)
	// Part returns n elements of such memory, from at on; nil: blocks are whole slabs.
	Part func(memory T, at, n int) T
	// Drop takes memory that the pool lets go of, whole as Make returned it, when all of it
	// was given back; nil: it goes as its T does.
	Drop func(T)

	mu    sync.Mutex
	slabs []*slab[T]
	free  []*Block[T] // by length
	idle  int         // elements in them
	gifts int         // blocks that came back, ever
	lent  int         // elements that are lent
	account
}

// Block is memory of a pool.
type Block[T any] struct {
	Memory T
	Len    int // elements: at least as many as were asked for

	slab          *slab[T]
	at            int // in the slab
	before, after *Block[T]
	holders       int  // 0: it waits to be lent
	away          bool // only those hold it still for whom the pool keeps no account
}

// slab is memory that blocks are parts of.
type slab[T any] struct {
	memory T
	first  *Block[T]
	lent   int  // blocks
	leaves bool // the pool lends no more of it
	gift   int  // when its last block came back, in the pool's count of gifts
	pass   int  // in which it was last of use
}

const (
	// page is what the length of a block is a multiple of: 8 KiB of float32, as Go's allocator
	// rounds, too.
	page = 1 << 11
	// slabShare is what part of all that is lent a new slab has at least, and slabMost the
	// number of elements from which on it has only as many as are asked for.
	slabShare = 16
	slabMost  = 1 << 24
	// spare is what part of what passes need may be there beside it, and of what is asked for a
	// block that is a whole slab may have more; long is for how many passes what is not needed stays.
	spare = 8
	long  = 32
)

// Get lends a block of n elements or a few more, whatever they hold; nil if there is no memory.
func (p *Pool[T]) Get(n int) *Block[T] {
	n = max(1, (n+page-1)/page) * page
	p.mu.Lock()
	defer p.mu.Unlock()
	i, _ := slices.BinarySearchFunc(p.free, n, byLength[T])
	if i == len(p.free) || p.Part == nil && p.free[i].Len > n+n/spare {
		p.trim(n)
		s := p.grow(n)
		if s == nil {
			return nil
		}
		i, _ = slices.BinarySearchFunc(p.free, s.first.Len, byLength[T])
	}
	b := p.free[i]
	p.leave(b)
	if p.Part == nil {
		b.Memory = b.slab.memory
	} else {
		if b.Len > n {
			p.wait(b.split(n))
		}
		b.Memory = p.Part(b.slab.memory, b.at, n)
	}
	b.holders, b.away = 1, false
	b.slab.lent++
	p.lent += b.Len
	p.most = max(p.most, p.lent)
	return b
}

func byLength[T any](b *Block[T], n int) int { return b.Len - n }

// wait and leave put a block among those that may be lent, and take it from there.
func (p *Pool[T]) wait(b *Block[T]) {
	i, _ := slices.BinarySearchFunc(p.free, b.Len, byLength[T])
	p.free = slices.Insert(p.free, i, b)
	p.idle += b.Len
}

func (p *Pool[T]) leave(b *Block[T]) {
	i, _ := slices.BinarySearchFunc(p.free, b.Len, byLength[T])
	for p.free[i] != b {
		i++
	}
	p.free = slices.Delete(p.free, i, i+1)
	p.idle -= b.Len
}

// split cuts a block after n elements, and returns the rest.
func (b *Block[T]) split(n int) (rest *Block[T]) {
	rest = &Block[T]{Len: b.Len - n, slab: b.slab, at: b.at + n, before: b, after: b.after}
	if b.after != nil {
		b.after.before = rest
	}
	b.Len, b.after = n, rest
	return rest
}

// join adds the block behind b to it.
func (b *Block[T]) join() {
	b.Len += b.after.Len
	if b.after = b.after.after; b.after != nil {
		b.after.before = b
	}
}

// grow makes a slab for n elements, and for those that are asked for next.
func (p *Pool[T]) grow(n int) *slab[T] {
	size := n
	if p.Part != nil {
		size = max(n, min(p.lent/slabShare/page*page, slabMost))
	}
	memory, ok := p.Make(size)
	if !ok && size > n {
		size = n
		memory, ok = p.Make(n)
	}
	if !ok {
		return nil
	}
	s := &slab[T]{memory: memory, pass: p.passes}
	s.first = &Block[T]{Len: size, slab: s}
	p.slabs = append(p.slabs, s)
	p.wait(s.first)
	return s
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

// Put takes a block back, if this was its last holder. It panics if the pool has it already.
func (p *Pool[T]) Put(b *Block[T]) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if b.holders == 0 {
		panic("linalg.Free: the tensor was freed before")
	}
	if !b.away {
		p.lent -= b.Len
		b.away = true
		if p.end(p.lent) {
			p.age()
		}
	}
	if b.holders--; b.holders > 0 {
		return
	}
	var nothing T
	b.Memory = nothing
	p.gifts++
	s := b.slab
	s.lent--
	s.gift, s.pass = p.gifts, p.passes
	if s.leaves {
		if s.lent == 0 {
			p.drop(s)
		}
		return
	}
	if b.after != nil && b.after.holders == 0 {
		p.leave(b.after)
		b.join()
	}
	if b.before != nil && b.before.holders == 0 {
		b = b.before
		p.leave(b)
		b.join()
	}
	p.wait(b)
}

// trim makes room for n elements, within an eighth more than passes have needed at once: it
// lets go of the slabs that have been free for longest. As batches change, what those before
// were lent goes.
func (p *Pool[T]) trim(n int) {
	limit := max(p.most, p.last, p.lent+n)
	for p.idle+p.lent+n > limit+limit/spare {
		var oldest *slab[T]
		for _, s := range p.slabs {
			if s.lent == 0 && (oldest == nil || s.gift < oldest.gift) {
				oldest = s
			}
		}
		if oldest == nil {
			return
		}
		p.release(oldest)
	}
}

// release lends no more of a slab.
func (p *Pool[T]) release(s *slab[T]) {
	p.slabs = slices.DeleteFunc(p.slabs, func(o *slab[T]) bool { return o == s })
	for b := s.first; b != nil; b = b.after {
		if b.holders == 0 {
			p.leave(b)
		} else if !b.away {
			b.away = true
			p.lent -= b.Len
		}
	}
	s.leaves = true
	if s.lent == 0 {
		p.drop(s)
	}
}

func (p *Pool[T]) drop(s *slab[T]) {
	if p.Drop != nil {
		p.Drop(s.memory)
	}
}

// Lose says that a block's last holder, or one of them, will never give it back, while parts of it
// may still be in use: the pool lends no more of its slab, which goes as all that is in use goes.
func (p *Pool[T]) Lose(b *Block[T]) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if !b.slab.leaves {
		p.release(b.slab)
	}
}

// age releases the slabs that were of no use for long.
func (p *Pool[T]) age() {
	for _, s := range slices.Clone(p.slabs) {
		if s.lent == 0 && s.pass < p.passes-long {
			p.release(s)
		}
	}
}

// Clear lets go of everything that waits to be lent.
func (p *Pool[T]) Clear() {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, s := range slices.Clone(p.slabs) {
		if s.lent == 0 {
			p.release(s)
		}
	}
}

// Idle returns the number of elements that wait to be lent.
func (p *Pool[T]) Idle() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.idle
}

// account says what passes need.
type account struct {
	passes int // that have ended
	most   int // elements that were lent at once in the pass that runs
	last   int // in the pass before
	ends   int // in a row that were of no pass
}

// A pass has ended when less than a sixteenth of what it needed is lent. As the rest comes back
// that is so again, of ever less: such ends are no passes, unless there are many in a row.
const (
	small = 16
	many  = 64
)

// end begins a new account if a pass has ended, now that so much is lent, and reports it.
func (a *account) end(lent int) bool {
	if lent >= a.most/small {
		return false
	}
	a.ends++
	real := a.most > a.last/small || a.ends == many
	if real {
		a.last, a.ends = a.most, 0
		a.passes++
	}
	a.most = lent
	return real
}
