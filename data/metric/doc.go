// Package metric says how good predictions are, with the numbers that others publish.
//
// Classes: [Accuracy], [F1], [MacroF1], [Matthews]. Numbers: [Pearson], [Spearman]. Texts:
// [ExactMatch], [Rouge], [BLEU]. Language models: [Perplexity]. Each equals its reference,
// scikit-learn, SciPy, rouge-score or sacreBLEU, on every input for which the reference has
// an answer, and says what it does where the reference has none. [ForTask] says which of
// them count for a task, [Evaluate] computes these.
//
// Every function wants as many predictions as labels or references, and at least one: else
// it returns an error that wraps [ErrInput].
//
// # Caveats
//
// Texts are UTF-8; ill-formed bytes count as the character U+FFFD. A constant has no
// correlation with anything: [Pearson] and [Spearman] return NaN for it, as SciPy does.
package metric
