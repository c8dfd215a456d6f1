package metric

import "strings"

// Rouge computes ROUGE (Lin 2004) as Google's rouge-score does. The zero value is the one
// that the paper and Hugging Face's evaluate library use: words as they are.
//
// A text is cut into words of a to z and 0 to 9, in lower case; accented letters and other
// scripts part words, so that a text without any a to z or 0 to 9 scores 0, even against
// itself.
type Rouge struct {
	// Stem compares words of more than three letters by their stems (Porter's, with NLTK's
	// changes): use_stemmer of rouge-score.
	Stem bool
}

// Overlap says how much of two texts is in both, 0 to 1 each.
type Overlap struct {
	Precision float64 // the part of the prediction that is in the reference
	Recall    float64 // the part of the reference that is in the prediction
	F         float64 // 2·P·R/(P+R), or 0 where both are 0
}

// RougeScores holds the four kinds of ROUGE that are commonly published.
type RougeScores struct {
	One  Overlap // ROUGE-1: words in common
	Two  Overlap // ROUGE-2: pairs of neighbouring words in common
	L    Overlap // ROUGE-L: the longest common subsequence, line ends ignored
	Lsum Overlap // ROUGE-Lsum: the union of longest common subsequences, a line being a sentence
}

// rougeText is a text cut into words: all of it, and its lines that have any.
type rougeText struct {
	words []string
	lines [][]string
}

func (r Rouge) read(text string) rougeText {
	t := rougeText{words: words(text, r.Stem)}
	for line := range strings.SplitSeq(text, "\n") {
		if w := words(line, r.Stem); len(w) > 0 {
			t.lines = append(t.lines, w)
		}
	}
	return t
}

// Score scores one prediction. Of several references each kind of ROUGE takes the one with
// the largest F, the first of equals. Without references all is 0.
func (r Rouge) Score(prediction string, references []string) RougeScores {
	var best RougeScores
	p := r.read(prediction)
	for i, reference := range references {
		s := compare(p, r.read(reference))
		best.One = better(i, best.One, s.One)
		best.Two = better(i, best.Two, s.Two)
		best.L = better(i, best.L, s.L)
		best.Lsum = better(i, best.Lsum, s.Lsum)
	}
	return best
}

// better returns the overlap with the larger F, that of the first reference if it is one.
func better(reference int, best, o Overlap) Overlap {
	if reference == 0 || o.F > best.F {
		return o
	}
	return best
}

// Mean scores predictions and returns the means of what [Rouge.Score] gives for each.
//
// Hugging Face's evaluate library returns by default the median of 1,000 means over examples
// drawn at random, which is this mean but for chance; with use_aggregator=False it returns
// what this is the mean of.
func (r Rouge) Mean(predictions []string, references [][]string) (RougeScores, error) {
	var mean RougeScores
	if err := referenced(predictions, references); err != nil {
		return mean, err
	}
	for i, p := range predictions {
		s := r.Score(p, references[i])
		mean.One.add(s.One)
		mean.Two.add(s.Two)
		mean.L.add(s.L)
		mean.Lsum.add(s.Lsum)
	}
	for _, o := range []*Overlap{&mean.One, &mean.Two, &mean.L, &mean.Lsum} {
		n := float64(len(predictions))
		o.Precision, o.Recall, o.F = o.Precision/n, o.Recall/n, o.F/n
	}
	return mean, nil
}

func (o *Overlap) add(other Overlap) {
	o.Precision += other.Precision
	o.Recall += other.Recall
	o.F += other.F
}

func compare(prediction, reference rougeText) RougeScores {
	p, r := prediction.words, reference.words
	return RougeScores{
		One:  sharedRuns(p, r, 1),
		Two:  sharedRuns(p, r, 2),
		L:    overlap(longest(p, r), len(p), len(r)),
		Lsum: summary(prediction.lines, reference.lines),
	}
}

// sharedRuns returns ROUGE-N: runs of n words in common.
func sharedRuns(prediction, reference []string, n int) Overlap {
	said, are := counted(prediction, n), counted(reference, n)
	hits := 0
	for run, count := range are {
		hits += min(count, said[run])
	}
	return overlap(hits, len(prediction)-n+1, len(reference)-n+1)
}

// counted returns how often each run of n words occurs. No word has a space in it.
func counted(text []string, n int) map[string]int {
	counts := make(map[string]int, len(text))
	for i := range len(text) - n + 1 {
		counts[strings.Join(text[i:i+n], " ")]++
	}
	return counts
}

// overlap returns precision and recall of hits among said and wanted ones, which may be
// none, or fewer than none.
func overlap(hits, said, wanted int) Overlap {
	o := Overlap{Precision: float64(hits) / float64(max(said, 1)), Recall: float64(hits) / float64(max(wanted, 1))}
	if hits > 0 {
		o.F = 2 * o.Precision * o.Recall / (o.Precision + o.Recall)
	}
	return o
}
