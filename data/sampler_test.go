package data_test

import (
	"fmt"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/gradientlearning/cola/data"
)

// draw returns the indices of rounds first to last-1, in one row.
func draw(s *data.Sampler, first, last uint64) []int {
	var all []int
	for round := first; round < last; round++ {
		all = append(all, s.Batch(round)...)
	}
	return all
}

func TestEachEpochHasEachExampleOnce(t *testing.T) {
	for _, n := range []int{1, 2, 5, 64} {
		for _, batch := range []int{1, 3, 5, 64, 130} {
			const epochs = 7
			drawn := draw(data.NewSampler(n, batch, 1, "p"), 0, uint64(epochs*n/batch+1))[:epochs*n]
			distinct := map[string]bool{}
			for epoch := range epochs {
				order := drawn[epoch*n : (epoch+1)*n]
				distinct[fmt.Sprint(order)] = true
				sorted := slices.Sorted(slices.Values(order))
				for i, index := range sorted {
					if i != index {
						t.Fatalf("%d examples in batches of %d: epoch %d draws %v", n, batch, epoch, order)
					}
				}
			}
			if n == 64 && len(distinct) != epochs {
				t.Errorf("batches of %d: %d different orders in %d epochs", batch, len(distinct), epochs)
			}
		}
	}
}

// TestBatchDependsOnItsRoundAlone asks for rounds in an order that defeats every cache.
func TestBatchDependsOnItsRoundAlone(t *testing.T) {
	fresh := func(round uint64) []int { return data.NewSampler(10, 4, 5, "p3").Batch(round) }
	s := data.NewSampler(10, 4, 5, "p3")
	for _, round := range []uint64{0, 7, 2, 2, 1, 99, 3, 100_000_007, 0, 2} {
		if diff := cmp.Diff(fresh(round), s.Batch(round)); diff != "" {
			t.Errorf("round %d after others (-alone +after):\n%s", round, diff)
		}
	}
}

func TestBatchIsTheCallers(t *testing.T) {
	s := data.NewSampler(10, 4, 5, "p3")
	want := slices.Clone(s.Batch(1))
	clear(s.Batch(1))
	if diff := cmp.Diff(want, s.Batch(1)); diff != "" {
		t.Errorf("after the caller changed its slice (-before +after):\n%s", diff)
	}
}

func TestOrdersDiffer(t *testing.T) {
	base := draw(data.NewSampler(100, 10, 5, "p3"), 0, 10)
	for name, s := range map[string]*data.Sampler{
		"seed":        data.NewSampler(100, 10, 6, "p3"),
		"participant": data.NewSampler(100, 10, 5, "p4"),
	} {
		if slices.Equal(base, draw(s, 0, 10)) {
			t.Errorf("another %s draws in the same order", name)
		}
	}
}

// TestBatchesAreForever pins the order: were it to change, a job could not go on with a
// newer release.
func TestBatchesAreForever(t *testing.T) {
	want := []int{8, 4, 1, 9, 0, 6, 3, 7, 5, 2, 3, 2, 8, 9, 7, 0, 1, 6, 4, 5}
	if diff := cmp.Diff(want, draw(data.NewSampler(10, 4, 5, "p3"), 0, 5)); diff != "" {
		t.Errorf("the order of all releases (-want +got):\n%s", diff)
	}
}

func TestSamplerOfNothingPanics(t *testing.T) {
	for _, size := range [][2]int{{0, 1}, {1, 0}} {
		func() {
			defer func() {
				if recover() == nil {
					t.Errorf("%d examples in batches of %d is no programmer's error?", size[0], size[1])
				}
			}()
			data.NewSampler(size[0], size[1], 1, "p")
		}()
	}
}
