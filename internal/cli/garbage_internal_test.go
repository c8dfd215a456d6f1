package cli

import "testing"

// TestGarbageShare: a fifth of a small heap, 64 MiB of a large one, and never so little that the
// collector would do nothing else.
func TestGarbageShare(t *testing.T) {
	for live, want := range map[uint64]int{0: 20, 1 << 20: 20, 320 << 20: 20, 640 << 20: 10, 1600 << 20: 4, 1 << 40: 2} {
		if got := garbageShare(live); got != want {
			t.Errorf("of %d MiB: %d percent, want %d", live>>20, got, want)
		}
	}
}
