package linalg

import (
	"math/bits"
	"sync"
)

// borrowed is memory for the length of an operation.
type borrowed[T any] struct {
	data []T
	all  []T // the whole of it: a power of two
	from *lender[T]
}

// lender holds memory that nobody uses, by the logarithm of its length.
type lender[T any] [48]sync.Pool

var (
	floats lender[float32]
	halves lender[uint16]
)

// borrow returns n elements, whatever they hold.
func (l *lender[T]) borrow(n int) *borrowed[T] {
	size := bits.Len(uint(max(n, 1) - 1))
	b, _ := l[size].Get().(*borrowed[T])
	if b == nil {
		b = &borrowed[T]{all: make([]T, 1<<size), from: l}
	}
	b.data = b.all[:n]
	return b
}

// giveBack ends the loan.
func (b *borrowed[T]) giveBack() { b.from[bits.Len(uint(len(b.all)-1))].Put(b) }
