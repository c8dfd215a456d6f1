package bench

import (
	_ "embed"
	"encoding/json"
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// dolly holds the lengths of texts of databricks-dolly-15k, prompt and response, as GPT-2's
// tokenizer counts them, cut at 512: the 64-quantiles of its 14,203 examples, in an order in
// which the first 4, 8, 16 and 32 have about the mean of all, and as their longest what a
// batch of so many has on average.
//
//go:embed dolly.json
var dolly []byte

// Lengths returns the tokens of each of n texts: all of seq tokens where spec is empty, of
// Dolly's lengths where it is "dolly", else of the lengths that it lists with commas, from
// the start again where there are more texts.
func Lengths(spec string, n, seq int) ([]int, error) {
	if n < 1 {
		return nil, fmt.Errorf("a batch of %d texts: at least 1 is needed", n)
	}
	switch spec {
	case "":
		if seq < 1 {
			return nil, fmt.Errorf("texts of %d tokens: at least 1 is needed", seq)
		}
		return slices.Repeat([]int{seq}, n), nil
	case "dolly":
		var list []int
		if err := json.Unmarshal(dolly, &list); err != nil {
			panic("bench: dolly.json: " + err.Error()) // it is part of the program
		}
		return cycle(list, n), nil
	}
	var list []int
	for field := range strings.SplitSeq(spec, ",") {
		v, err := strconv.Atoi(strings.TrimSpace(field))
		if err != nil || v < 1 {
			return nil, fmt.Errorf("lengths %q: write dolly, or numbers of tokens with commas, as in 26,42,62", spec)
		}
		list = append(list, v)
	}
	return cycle(list, n), nil
}

// cycle returns n numbers of a list, from its start again after its end.
func cycle(list []int, n int) []int {
	out := make([]int, n)
	for i := range out {
		out[i] = list[i%len(list)]
	}
	return out
}
