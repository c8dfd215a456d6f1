package metric

import (
	"math"
	"slices"
)

// Accuracy returns the share of predictions that equal their labels, 0 to 1. It is
// scikit-learn's accuracy_score.
func Accuracy(predictions, labels []int) (float64, error) {
	if err := paired(len(predictions), len(labels)); err != nil {
		return 0, err
	}
	correct := 0
	for i, p := range predictions {
		if p == labels[i] {
			correct++
		}
	}
	return float64(correct) / float64(len(predictions)), nil
}

// F1 returns the harmonic mean of precision and recall of one class, 0 to 1:
//
//	2·tp / (2·tp + fp + fn)
//
// with tp examples rightly, fp wrongly said to be of the class, and fn of the class and not
// said to be. Where there are none of all three it is 0. It is scikit-learn's f1_score of a
// binary task with pos_label = class, and GLUE's "f1" with class 1.
func F1(predictions, labels []int, class int) (float64, error) {
	if err := paired(len(predictions), len(labels)); err != nil {
		return 0, err
	}
	said, are, both := 0, 0, 0
	for i, p := range predictions {
		if p == class {
			said++
		}
		if labels[i] == class {
			are++
		}
		if p == class && labels[i] == class {
			both++
		}
	}
	return harmonic(both, said, are), nil
}

// harmonic returns F1 of a class: both examples are of it and are said to be.
func harmonic(both, said, are int) float64 {
	if said+are == 0 {
		return 0
	}
	return 2 * float64(both) / float64(said+are)
}

// MacroF1 returns the mean of [F1] over all classes that occur among predictions or labels,
// each counting the same, 0 to 1. It is scikit-learn's f1_score with average="macro".
func MacroF1(predictions, labels []int) (float64, error) {
	counts, err := countClasses(predictions, labels)
	if err != nil {
		return 0, err
	}
	sum := 0.0
	for _, n := range counts {
		sum += harmonic(n.both, n.said, n.are)
	}
	return sum / float64(len(counts)), nil
}

// Matthews returns the correlation of predicted and true classes, −1 to 1; 1 is perfect, 0
// no better than chance. Of c right ones among s examples, with p_k times class k said and
// t_k times true:
//
//	(c·s − Σ p_k·t_k) / √((s² − Σ p_k²)·(s² − Σ t_k²))
//
// It is 0 where either side has one class only. It is scikit-learn's matthews_corrcoef
// (Gorodkin 2004; with two classes Matthews 1975), and GLUE's "matthews_correlation".
func Matthews(predictions, labels []int) (float64, error) {
	counts, err := countClasses(predictions, labels)
	if err != nil {
		return 0, err
	}
	// Counts are whole numbers: sums of their products are exact below 2⁵³.
	s, right := float64(len(predictions)), 0.0
	across, saids, ares := 0.0, s*s, s*s
	for _, n := range counts {
		said, are := float64(n.said), float64(n.are)
		right += float64(n.both)
		across += float64(said * are)
		saids -= float64(said * said)
		ares -= float64(are * are)
	}
	if saids == 0 || ares == 0 {
		return 0, nil
	}
	return (float64(right*s) - across) / math.Sqrt(saids*ares), nil
}

// classCount says how often a class was predicted, how often it was true, and how often
// both at once.
type classCount struct{ said, are, both int }

// countClasses returns the counts of all classes that occur, ascending by class.
func countClasses(predictions, labels []int) ([]classCount, error) {
	if err := paired(len(predictions), len(labels)); err != nil {
		return nil, err
	}
	classes := slices.Compact(slices.Sorted(slices.Values(slices.Concat(predictions, labels))))
	at := make(map[int]int, len(classes))
	for i, class := range classes {
		at[class] = i
	}
	counts := make([]classCount, len(classes))
	for i, p := range predictions {
		counts[at[p]].said++
		counts[at[labels[i]]].are++
		if p == labels[i] {
			counts[at[p]].both++
		}
	}
	return counts, nil
}
