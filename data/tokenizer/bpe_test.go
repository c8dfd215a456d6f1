package tokenizer_test

import (
	"slices"
	"strings"
	"testing"
)

// TestTies has pairs of one rank that overlap: the leftmost goes first, in short words and in
// long ones, which are joined in different ways.
func TestTies(t *testing.T) {
	tok := open(t, folder(t, map[string]string{
		"tokenizer.json": `{"model":{"type":"BPE","vocab":{"x":0,"xx":1,"xxxx":2},"merges":["x x","xx xx"]}}`,
	}))
	for _, n := range []int{1, 2, 3, 5, 7, 47, 48, 49, 50, 51, 203} {
		want := slices.Concat(slices.Repeat([]int32{2}, n/4), slices.Repeat([]int32{1}, n%4/2), slices.Repeat([]int32{0}, n%2))
		if got := tok.Encode(strings.Repeat("x", n)); !slices.Equal(got, want) {
			t.Errorf("%d times x has the ids %v, want %v", n, got, want)
		}
	}
}
