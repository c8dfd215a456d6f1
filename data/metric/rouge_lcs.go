package metric

import "slices"

// longest returns the length of a longest common subsequence of two texts.
func longest(a, b []string) int {
	above, row := make([]int, len(b)+1), make([]int, len(b)+1)
	for _, x := range a {
		for j, y := range b {
			if x == y {
				row[j+1] = above[j] + 1
			} else {
				row[j+1] = max(above[j+1], row[j])
			}
		}
		above, row = row, above
	}
	return above[len(b)]
}

// Where a longest common subsequence goes on before a pair of words.
const (
	up   byte = iota // without the word of the reference
	left             // without that of the prediction
	both             // they are the same word
)

// common marks the words of the reference that are in one longest common subsequence with
// the prediction: of several it is the one that rouge-score takes, which drops words of the
// reference first.
func common(reference, prediction []string, marked []bool) {
	width := len(prediction)
	steps := make([]byte, len(reference)*width)
	above, row := make([]int, width+1), make([]int, width+1)
	for i, x := range reference {
		for j, y := range prediction {
			switch {
			case x == y:
				row[j+1], steps[i*width+j] = above[j]+1, both
			case row[j] > above[j+1]:
				row[j+1], steps[i*width+j] = row[j], left
			default:
				row[j+1], steps[i*width+j] = above[j+1], up
			}
		}
		above, row = row, above
	}
	for i, j := len(reference)-1, width-1; i >= 0 && j >= 0; {
		switch steps[i*width+j] {
		case both:
			marked[i] = true
			i, j = i-1, j-1
		case left:
			j--
		default:
			i--
		}
	}
}

// summary returns ROUGE-Lsum of sentences: for each sentence of the reference the words
// that are in a longest common subsequence with any sentence of the prediction, each word
// counted no more often than either side has it.
func summary(prediction, reference [][]string) Overlap {
	said, are := slices.Concat(prediction...), slices.Concat(reference...)
	if len(said) == 0 || len(are) == 0 {
		return Overlap{}
	}
	left, wanted := counted(said, 1), counted(are, 1)
	hits := 0
	for _, sentence := range reference {
		marked := make([]bool, len(sentence))
		for _, p := range prediction {
			common(sentence, p, marked)
		}
		for i, word := range sentence {
			if marked[i] && left[word] > 0 && wanted[word] > 0 {
				hits++
				left[word]--
				wanted[word]--
			}
		}
	}
	return overlap(hits, len(said), len(are))
}
