package metric

import "slices"

// ExactMatch returns the share of predictions that are one of their references byte for
// byte, 0 to 1. It is exact_match of Hugging Face's evaluate library with no options, for
// which each prediction has one reference.
func ExactMatch(predictions []string, references [][]string) (float64, error) {
	if err := referenced(predictions, references); err != nil {
		return 0, err
	}
	equal := 0
	for i, p := range predictions {
		if slices.Contains(references[i], p) {
			equal++
		}
	}
	return float64(equal) / float64(len(predictions)), nil
}
