package metric

import (
	"fmt"
	"maps"
	"slices"
	"strings"
)

// Outcome is what a model said of some examples, and what is true of them. What a task has
// nothing of stays nil or 0.
type Outcome struct {
	Classes, Labels []int      // predicted and true classes
	Values, Targets []float64  // predicted and true numbers
	Texts           []string   // generated texts
	References      [][]string // the texts that each could have been
	Loss            float64    // cross entropy in nats, summed over labelled tokens
	Tokens          int        // how many these are
}

// Metric is a way to score an outcome.
type Metric struct {
	Name    string                         // as in [Score]
	Lower   bool                           // smaller is better
	Score   func(Outcome) (float64, error) // errors wrap [ErrInput]
	Applies func(Outcome) bool             // whether the outcome has what this is made from
}

func ofClasses(name string, f func(predictions, labels []int) (float64, error)) Metric {
	return Metric{
		Name:    name,
		Score:   func(o Outcome) (float64, error) { return f(o.Classes, o.Labels) },
		Applies: func(o Outcome) bool { return o.Classes != nil },
	}
}

func ofValues(name string, f func(predictions, values []float64) (float64, error)) Metric {
	return Metric{
		Name:    name,
		Score:   func(o Outcome) (float64, error) { return f(o.Values, o.Targets) },
		Applies: func(o Outcome) bool { return o.Values != nil },
	}
}

func ofTexts(name string, f func(predictions []string, references [][]string) (float64, error)) Metric {
	return Metric{
		Name:    name,
		Score:   func(o Outcome) (float64, error) { return f(o.Texts, o.References) },
		Applies: func(o Outcome) bool { return o.Texts != nil },
	}
}

func ofRouge(name string, kind func(RougeScores) Overlap) Metric {
	return ofTexts(name, func(predictions []string, references [][]string) (float64, error) {
		mean, err := Rouge{}.Mean(predictions, references)
		return kind(mean).F, err
	})
}

// The metrics by the names that Hugging Face's evaluate library gives them.
var (
	accuracy = ofClasses("accuracy", Accuracy)
	f1       = ofClasses("f1", func(p, l []int) (float64, error) { return F1(p, l, 1) })
	macroF1  = ofClasses("macro_f1", MacroF1)
	matthews = ofClasses("matthews_correlation", Matthews)
	pearson  = ofValues("pearson", Pearson)
	spearman = ofValues("spearmanr", Spearman)
	rouge1   = ofRouge("rouge1", func(s RougeScores) Overlap { return s.One })
	rouge2   = ofRouge("rouge2", func(s RougeScores) Overlap { return s.Two })
	rougeL   = ofRouge("rougeL", func(s RougeScores) Overlap { return s.L })
	rougeSum = ofRouge("rougeLsum", func(s RougeScores) Overlap { return s.Lsum })
	bleu     = ofTexts("bleu", BLEU)
	exact    = ofTexts("exact_match", ExactMatch)

	perplexity = Metric{
		Name:    "perplexity",
		Lower:   true,
		Score:   func(o Outcome) (float64, error) { return Perplexity(o.Loss, o.Tokens) },
		Applies: func(o Outcome) bool { return o.Tokens != 0 },
	}

	classified = []Metric{accuracy}
	paraphrase = []Metric{accuracy, f1}
	written    = []Metric{rougeL, rouge1, rouge2, rougeSum, bleu, exact, perplexity}
)

// byTask has the metrics of each task: the first is the one by which the ColA paper (Diao et
// al. 2024) compares, which for GLUE is the first that GLUE publishes, and the others follow.
var byTask = map[string][]Metric{
	"cola": {matthews},
	"mnli": classified, "mrpc": paraphrase, "qnli": classified, "qqp": paraphrase,
	"rte": classified, "sst2": classified, "wnli": classified,
	"stsb": {pearson, spearman},

	"fpb": written, "wikisql": written, "samsum": written, "e2e": written, "webnlg": written,
	"dart": written, "dolly": written,

	"mnist": classified, "cifar10": classified,

	"image-cls":  {accuracy, macroF1},
	"seq-cls":    {accuracy, macroF1, matthews, pearson, spearman},
	"seq2seq-lm": written,
	"causal-lm":  written,
}

// ForTask returns the metrics of a task, the one that counts first. A task is a preset of
// package data (cola, mnli, mrpc, qnli, qqp, rte, sst2, stsb, wnli, fpb, wikisql, samsum,
// e2e, webnlg, dart, dolly), a data set of images (mnist, cifar10), or one of the four words
// image-cls, seq-cls, seq2seq-lm and causal-lm for data of one's own.
//
//   - GLUE: what evaluate's "glue" gives: CoLA Matthews' correlation, STS-B Pearson's and
//     Spearman's, MRPC and QQP accuracy and F1, the others accuracy.
//   - Texts that are written: ROUGE-L, then ROUGE-1, -2 and -Lsum (words as they are, not
//     their stems), BLEU, exact match and perplexity.
//   - Images: accuracy. Data of one's own in classes: accuracy, macro F1, and for texts
//     Matthews' correlation; as numbers: Pearson's and Spearman's.
//
// All but perplexity are better the larger they are.
func ForTask(name string) ([]Metric, error) {
	metrics, ok := byTask[name]
	if !ok {
		return nil, fmt.Errorf("%q is no task that metrics are known of: use one of %s", name, strings.Join(slices.Sorted(maps.Keys(byTask)), ", "))
	}
	return slices.Clone(metrics), nil
}

// Evaluate returns the scores of an outcome by the metrics of a task, in the order of
// [ForTask], without those that the outcome has nothing for: no perplexity without Tokens,
// say. It wraps [ErrInput] where the outcome has nothing for any, or for one in part.
func Evaluate(task string, o Outcome) ([]Score, error) {
	metrics, err := ForTask(task)
	if err != nil {
		return nil, err
	}
	var scores []Score
	for _, m := range metrics {
		if !m.Applies(o) {
			continue
		}
		value, err := m.Score(o)
		if err != nil {
			return nil, fmt.Errorf("%s of %s: %w", m.Name, task, err)
		}
		scores = append(scores, Score{m.Name, value})
	}
	if scores == nil {
		return nil, fmt.Errorf("%w: the outcome has nothing that %s is scored by", ErrInput, task)
	}
	return scores, nil
}
