package cuda

import (
	"bytes"
	"math/rand/v2"
	"testing"
)

func TestTransfersOfAnyLength(t *testing.T) {
	useDriver(t)
	c := strictly(t)
	r := rand.NewChaCha8([32]byte{1})
	for _, n := range []int{0, 1, 4095, 4097, chunk, 2*chunk + 3, 9 * chunk} {
		want := make([]byte, n)
		r.Read(want) //nolint:errcheck // it has no end
		at := block(t, c, int64(max(n, 1)))
		src := bytes.Clone(want)
		got := make([]byte, n)
		in(t, c, func() error { return c.upload(at, src) })
		clear(src) // which the caller may do now
		in(t, c, func() error { return c.download(got, at) })
		if !bytes.Equal(got, want) {
			t.Errorf("%d bytes came back changed", n)
		}
		if made := len(c.ring.sizes[chunk].made()); made > depth {
			t.Errorf("%d buffers of one size were made", made)
		}
	}
	if c.open.pinned != 0 {
		t.Errorf("%d pinned buffers are not given back", c.open.pinned)
	}
}

func (t *turns) made() []*pinned {
	if t == nil {
		return nil
	}
	return t.all
}

// TestRingWaits fills buffers while copies from them wait in the stream.
func TestRingWaits(t *testing.T) {
	useDriver(t)
	c := strictly(t)
	const n, size = 3 * depth, 100
	at := block(t, c, n*size)
	seen := map[*pinned]bool{}
	in(t, c, func() error {
		for i := range n {
			b, err := c.ring.take(size)
			if err != nil {
				return err
			}
			seen[b] = true
			for j := range b.bytes {
				b.bytes[j] = byte(i)
			}
			if err := c.toDevice(at+devicePointer(i*size), b, c.copies); err != nil {
				return err
			}
			if err := c.ring.give(b, c.copies); err != nil {
				return err
			}
		}
		return c.copies.synchronise()
	})
	got := make([]byte, n*size)
	in(t, c, func() error { return c.download(got, at) })
	for i := range got {
		if got[i] != byte(i/size) {
			t.Fatalf("byte %d is %d: a buffer was filled anew too early", i, got[i])
		}
	}
	if len(seen) != depth {
		t.Errorf("%d buffers were made, want %d", len(seen), depth)
	}
}

// TestStreamsWaitForEachOther copies on one stream what the other computes.
func TestStreamsWaitForEachOther(t *testing.T) {
	useDriver(t)
	c := strictly(t)
	x := numbers(t, c, 1)
	add(c, x, x, x, 1)
	var b *pinned
	in(t, c, func() error {
		ready, err := c.newEvent()
		if err != nil {
			return err
		}
		if err := ready.record(c.compute); err != nil {
			return err
		}
		if done, err := ready.done(); done || err != nil {
			t.Errorf("what nobody waited for is done: %v, %v", done, err)
		}
		if err := c.copies.wait(ready); err != nil {
			return err
		}
		if b, err = c.ring.take(4); err != nil {
			return err
		}
		if err := c.toHost(b, x, c.copies); err != nil {
			return err
		}
		if err := b.wait(); err != nil {
			return err
		}
		return ready.close()
	})
	if got := b.bytes; !bytes.Equal(got, bytesOf32([]float32{2})) {
		t.Errorf("1 + 1 is %v", got)
	}
	c.ring.giveNow(b)
}
