package metric_test

import (
	"errors"
	"math"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/gradientlearning/cola/data/metric"
)

func TestNothingToScoreIsAnError(t *testing.T) {
	classes := map[string]func(p, l []int) (float64, error){
		"accuracy": metric.Accuracy, "macro F1": metric.MacroF1, "Matthews": metric.Matthews,
		"F1": func(p, l []int) (float64, error) { return metric.F1(p, l, 1) },
	}
	for name, f := range classes {
		wantInput(t, name+" of nothing", second(f(nil, nil)), "no predictions")
		wantInput(t, name, second(f([]int{1}, []int{1, 0})), "1 predictions and 2 answers")
	}
	values := map[string]func(p, v []float64) (float64, error){"Pearson": metric.Pearson, "Spearman": metric.Spearman}
	for name, f := range values {
		wantInput(t, name+" of nothing", second(f(nil, nil)), "no predictions")
		wantInput(t, name+" of one", second(f([]float64{1}, []float64{1})), "two examples")
		wantInput(t, name, second(f([]float64{1, 2, 3}, []float64{1, 2})), "3 predictions and 2 answers")
	}
	texts := map[string]func(p []string, r [][]string) (float64, error){
		"BLEU": metric.BLEU, "exact match": metric.ExactMatch,
		"ROUGE": func(p []string, r [][]string) (float64, error) {
			s, err := metric.Rouge{}.Mean(p, r)
			return s.L.F, err
		},
	}
	for name, f := range texts {
		wantInput(t, name+" of nothing", second(f(nil, nil)), "no predictions")
		wantInput(t, name, second(f([]string{"a", "b"}, [][]string{{"a"}, {}})), "prediction 1 has no reference")
		wantInput(t, name, second(f([]string{"a"}, nil)), "1 predictions and 0 answers")
	}
}

func second(_ float64, err error) error { return err }

func wantInput(t *testing.T, what string, err error, says string) {
	t.Helper()
	if !errors.Is(err, metric.ErrInput) || !strings.Contains(err.Error(), says) {
		t.Errorf("%s: got error %v, want ErrInput with %q", what, err, says)
	}
}

func TestPerplexity(t *testing.T) {
	for _, c := range []struct {
		loss   float64
		tokens int
		want   float64
	}{
		{0, 5, 1},
		{7 * math.Log(50257), 7, 50257}, // nothing known: each token is as likely
		{1e9, 1, math.Inf(1)},
		{math.Inf(1), 3, math.Inf(1)},
	} {
		got, err := metric.Perplexity(c.loss, c.tokens)
		if err != nil {
			t.Fatal(err)
		}
		near(t, "perplexity", got, c.want)
	}
	wantInput(t, "no tokens", second(metric.Perplexity(1, 0)), "there are 0")
	wantInput(t, "no number", second(metric.Perplexity(math.NaN(), 1)), "NaN")
	wantInput(t, "below nothing", second(metric.Perplexity(-1, 1)), "-1")
}

func TestCorrelationOfWhatIsNotFinite(t *testing.T) {
	nan, inf := math.NaN(), math.Inf(1)
	for _, x := range [][]float64{{nan, 1, 2}, {1, nan, 2}, {inf, 1, 2}, {inf, inf, inf}, {1, -inf, inf}} {
		for _, swapped := range []bool{false, true} {
			a, b := x, []float64{1, 2, 3}
			if swapped {
				a, b = b, a
			}
			if got, err := metric.Pearson(a, b); err != nil || !math.IsNaN(got) {
				t.Errorf("Pearson of %v and %v: got %v, %v, want NaN", a, b, got, err)
			}
		}
	}
	if got, err := metric.Spearman([]float64{3, nan, 1}, []float64{1, 2, 3}); err != nil || !math.IsNaN(got) {
		t.Errorf("Spearman with a NaN: got %v, %v, want NaN", got, err)
	}
	got, err := metric.Spearman([]float64{inf, 1, 2}, []float64{1, 2, 3}) // ranks 3, 1, 2
	if err != nil {
		t.Fatal(err)
	}
	near(t, "Spearman with an infinity", got, -0.5)
}

// What cannot be in a Python string: each ill-formed byte stands for one unknown character.
func TestIllFormedText(t *testing.T) {
	for _, bad := range []string{"a \xff b", "a \xc3( b", "\xed\xa0\x80 a", "a\x80b"} {
		good := strings.ToValidUTF8(bad, "\ufffd")
		want, got := metric.Rouge{}.Score("a b ( c", []string{good}), metric.Rouge{}.Score("a b ( c", []string{bad})
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("ROUGE of %q: -want +got\n%s", bad, diff)
		}
		if len(metric.BLEUWords(bad)) == 0 {
			t.Errorf("%q has no words", bad)
		}
	}
}

func TestRougeWithoutReferences(t *testing.T) {
	if got := (metric.Rouge{}).Score("a b c", nil); got != (metric.RougeScores{}) {
		t.Errorf("got %v, want nothing", got)
	}
}

// FuzzTexts holds scores in their ranges, and a text against itself.
func FuzzTexts(f *testing.F) {
	f.Add("the cat sat", "on the mat\nsat the cat")
	f.Add("", " \xff")
	f.Add("geologically yyying ties", "3.14, a-b -\nc")
	f.Fuzz(func(t *testing.T, a, b string) {
		if len(a)+len(b) > 2000 {
			return // the longest common subsequence takes time with the product
		}
		for _, r := range []metric.Rouge{{}, {Stem: true}} {
			forth, back := r.Score(a, []string{b}), r.Score(b, []string{a})
			for _, o := range []metric.Overlap{forth.One, forth.Two, forth.L, forth.Lsum} {
				for _, v := range []float64{o.Precision, o.Recall, o.F} {
					if !(v >= 0 && v <= 1) {
						t.Errorf("%q against %q: %v is not between 0 and 1", a, b, forth)
					}
				}
			}
			if forth.L.Precision != back.L.Recall || forth.One.Precision != back.One.Recall || forth.Two.F != back.Two.F {
				t.Errorf("%q and %q change places: %v and %v", a, b, forth, back)
			}
			if same := r.Score(a, []string{b, a}); len(metric.RougeWords(a, r.Stem)) > 0 && (same.One.F != 1 || same.L.F != 1) {
				t.Errorf("%q against itself: %v", a, same)
			}
		}
		score, err := metric.BLEU([]string{a}, [][]string{{b}})
		if err != nil || !(score >= 0 && score <= 100+1e-9) {
			t.Errorf("BLEU of %q against %q: %v, %v", a, b, score, err)
		}
		if score, _ := metric.BLEU([]string{a}, [][]string{{b, a}}); len(metric.BLEUWords(a)) >= 4 && score < 100-1e-9 {
			t.Errorf("BLEU of %q against itself: %v", a, score)
		}
	})
}

func TestForTask(t *testing.T) {
	texts := []string{"rougeL", "rouge1", "rouge2", "rougeLsum", "bleu", "exact_match", "perplexity"}
	want := map[string][]string{
		// Hugging Face's evaluate, metrics/glue/glue.py.
		"cola": {"matthews_correlation"}, "stsb": {"pearson", "spearmanr"},
		"mrpc": {"accuracy", "f1"}, "qqp": {"accuracy", "f1"},
		"sst2": {"accuracy"}, "mnli": {"accuracy"}, "qnli": {"accuracy"}, "rte": {"accuracy"}, "wnli": {"accuracy"},
		"fpb": texts, "wikisql": texts, "samsum": texts, "e2e": texts, "webnlg": texts, "dart": texts, "dolly": texts,
		"mnist": {"accuracy"}, "cifar10": {"accuracy"},
		"image-cls":  {"accuracy", "macro_f1"},
		"seq-cls":    {"accuracy", "macro_f1", "matthews_correlation", "pearson", "spearmanr"},
		"seq2seq-lm": texts, "causal-lm": texts,
	}
	for task, names := range want {
		metrics, err := metric.ForTask(task)
		if err != nil {
			t.Fatal(err)
		}
		var got []string
		for _, m := range metrics {
			got = append(got, m.Name)
			if m.Lower != (m.Name == "perplexity") {
				t.Errorf("%s: Lower is %v", m.Name, m.Lower)
			}
		}
		if diff := cmp.Diff(names, got); diff != "" {
			t.Errorf("%s: -want +got\n%s", task, diff)
		}
	}
	_, err := metric.ForTask("imdb")
	if err == nil || !strings.Contains(err.Error(), `"imdb"`) || !strings.Contains(err.Error(), "sst2, stsb") {
		t.Errorf("got error %v, want one that names what there is", err)
	}
	for task := range want {
		if !strings.Contains(err.Error(), task) {
			t.Errorf("the error does not name %s: %v", task, err)
		}
	}
}

func TestEvaluate(t *testing.T) {
	classes := metric.Outcome{Classes: []int{1, 1, 0, 0}, Labels: []int{1, 0, 0, 0}}
	numbers := metric.Outcome{Values: []float64{1, 2, 4}, Targets: []float64{1, 2, 3}}
	texts := metric.Outcome{
		Texts: []string{"a b c d", "x y"}, References: [][]string{{"a b c d"}, {"y", "x z"}},
		Loss: 3 * math.Ln2, Tokens: 3,
	}
	for _, c := range []struct {
		task    string
		outcome metric.Outcome
		want    []metric.Score
	}{
		{"rte", classes, []metric.Score{{Name: "accuracy", Value: 0.75}}},
		{"mrpc", classes, []metric.Score{{Name: "accuracy", Value: 0.75}, {Name: "f1", Value: 2. / 3}}},
		{"cola", classes, []metric.Score{{Name: "matthews_correlation", Value: 1 / math.Sqrt(3)}}},
		{"image-cls", classes, []metric.Score{{Name: "accuracy", Value: 0.75}, {Name: "macro_f1", Value: (2./3 + 0.8) / 2}}},
		{"stsb", numbers, []metric.Score{{Name: "pearson", Value: 3 / math.Sqrt(28./3)}, {Name: "spearmanr", Value: 1}}},
		{"seq-cls", numbers, []metric.Score{{Name: "pearson", Value: 3 / math.Sqrt(28./3)}, {Name: "spearmanr", Value: 1}}},
		{"causal-lm", metric.Outcome{Loss: 3 * math.Ln2, Tokens: 3}, []metric.Score{{Name: "perplexity", Value: 2}}},
		{"dolly", texts, []metric.Score{
			{Name: "rougeL", Value: (1 + 2./3) / 2}, {Name: "rouge1", Value: (1 + 2./3) / 2}, {Name: "rouge2", Value: 0.5},
			{Name: "rougeLsum", Value: (1 + 2./3) / 2}, {Name: "bleu", Value: 100 * math.Pow(3./4, 0.25)},
			{Name: "exact_match", Value: 0.5}, {Name: "perplexity", Value: 2},
		}},
	} {
		got, err := metric.Evaluate(c.task, c.outcome)
		if err != nil {
			t.Fatal(err)
		}
		close := cmp.Comparer(func(a, b float64) bool { return math.Abs(a-b) <= 1e-12*max(1, math.Abs(b)) })
		if diff := cmp.Diff(c.want, got, close); diff != "" {
			t.Errorf("%s: -want +got\n%s", c.task, diff)
		}
	}
	for what, err := range map[string]error{
		"classes of a regression": evaluated("stsb", classes),
		"texts of classes":        evaluated("rte", texts),
		"nothing":                 evaluated("dolly", metric.Outcome{}),
		"half":                    evaluated("rte", metric.Outcome{Classes: []int{1}}),
		"less than no tokens":     evaluated("dolly", metric.Outcome{Tokens: -1}),
	} {
		if !errors.Is(err, metric.ErrInput) {
			t.Errorf("%s: got error %v, want ErrInput", what, err)
		}
	}
	if err := evaluated("imdb", classes); err == nil {
		t.Error("a task that there is not was scored")
	}
}

func evaluated(task string, o metric.Outcome) error {
	_, err := metric.Evaluate(task, o)
	return err
}

// The order of examples changes no score by more than rounding, and the same order nothing.
func TestScoresRepeat(t *testing.T) {
	g := openGolden(t)
	predictions, references := texts(g, nil)
	first, err := metric.Rouge{Stem: true}.Mean(predictions, references)
	if err != nil {
		t.Fatal(err)
	}
	again, _ := metric.Rouge{Stem: true}.Mean(predictions, references)
	if first != again {
		t.Errorf("got %v, then %v", first, again)
	}
	bleu, err := metric.BLEU(predictions, references)
	if err != nil {
		t.Fatal(err)
	}
	slices.Reverse(predictions)
	slices.Reverse(references)
	if turned, _ := metric.BLEU(predictions, references); turned != bleu { // whole numbers are summed
		t.Errorf("BLEU is %v, and %v in another order", bleu, turned)
	}
}
