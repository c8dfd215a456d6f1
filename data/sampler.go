package data

import (
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"math/rand/v2"
)

// Sampler says which examples make a participant's batch of a round. Its answer depends
// on nothing but the round: after a crash the same round has the same batch. Each epoch
// is a permutation of all examples of its own, and batches run on over its end: no
// example is left over, however the batches divide the epoch. It is for one goroutine.
type Sampler struct {
	examples, batch int
	key             []byte
	orders          map[uint64][]int // of the last epochs that were asked for, at most two
}

// NewSampler returns the sampler of a participant with so many examples. It panics if
// there is no example, or none in a batch.
func NewSampler(examples, batch int, seed uint64, participant string) *Sampler {
	if examples < 1 || batch < 1 {
		panic(fmt.Sprintf("data: batches of %d from %d examples", batch, examples))
	}
	key := binary.LittleEndian.AppendUint64([]byte("cola batches\x00"), seed)
	return &Sampler{examples: examples, batch: batch, key: append(key, participant...), orders: map[uint64][]int{}}
}

// Batch returns the indices of the batch of a round, counted from 0.
func (s *Sampler) Batch(round uint64) []int {
	n := uint64(s.examples)
	indices := make([]int, s.batch)
	for i := range indices {
		at := round*uint64(s.batch) + uint64(i)
		indices[i] = s.order(at / n)[at%n]
	}
	return indices
}

// order returns an epoch's permutation: Fisher–Yates with ChaCha8 keyed by SHA-256 of
// seed, participant and epoch.
func (s *Sampler) order(epoch uint64) []int {
	if order, ok := s.orders[epoch]; ok {
		return order
	}
	if len(s.orders) == 2 {
		clear(s.orders)
	}
	key := binary.LittleEndian.AppendUint64(s.key[:len(s.key):len(s.key)], epoch)
	r := rand.New(rand.NewChaCha8(sha256.Sum256(key)))
	order := identity(s.examples)
	r.Shuffle(len(order), func(i, j int) { order[i], order[j] = order[j], order[i] })
	s.orders[epoch] = order
	return order
}
