package metric_test

import (
	"bytes"
	"compress/gzip"
	"encoding/csv"
	"encoding/json"
	"io"
	"math"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/gradientlearning/cola/data/metric"
)

// golden is what testdata/make.py wrote.
type golden struct {
	Texts   []goldenText
	Corpora []struct {
		Pairs       []int
		BLEU, Exact float64
	}
	Tokens []struct {
		Text               string
		Rouge, Stems, BLEU []string
	}
	Classes []struct {
		Said, Labels                  []int
		Accuracy, F1, Macro, Matthews float64
	}
	Values []struct {
		Said, True        []float64
		Pearson, Spearman *float64 // nil: NaN
	}
	Real []struct {
		File            string
		Row, References int
		Plain, Stemmed  rougeRows
		BLEU            float64
	}
}

type goldenText struct {
	Prediction     string
	References     []string
	Plain, Stemmed rougeRows
	BLEU           float64
}

// rougeRows are precision, recall and F of ROUGE-1, -2, -L and -Lsum.
type rougeRows [4][3]float64

// unpacked returns a compressed file of testdata.
func unpacked(name string) ([]byte, error) {
	packed, err := os.ReadFile(filepath.Join("testdata", name))
	if err != nil {
		return nil, err
	}
	z, err := gzip.NewReader(bytes.NewReader(packed))
	if err != nil {
		return nil, err
	}
	return io.ReadAll(z)
}

var readGolden = sync.OnceValues(func() (*golden, error) {
	text, err := unpacked("golden.json.gz")
	if err != nil {
		return nil, err
	}
	g := new(golden)
	return g, json.Unmarshal(text, g)
})

func openGolden(t *testing.T) *golden {
	t.Helper()
	g, err := readGolden()
	if err != nil {
		t.Fatal(err)
	}
	return g
}

// near fails where got is further than 1e-9 from want, relative to its size above 1.
func near(t *testing.T, what string, got, want float64) {
	t.Helper()
	if got != want && !(math.Abs(got-want) <= 1e-9*max(1, math.Abs(want))) {
		t.Errorf("%s: got %v, want %v", what, got, want)
	}
}

func rows(s metric.RougeScores) rougeRows {
	var rows rougeRows
	for i, o := range []metric.Overlap{s.One, s.Two, s.L, s.Lsum} {
		rows[i] = [3]float64{o.Precision, o.Recall, o.F}
	}
	return rows
}

func nearRows(t *testing.T, what string, got, want rougeRows) {
	t.Helper()
	for i, kind := range []string{"ROUGE-1", "ROUGE-2", "ROUGE-L", "ROUGE-Lsum"} {
		for j, part := range []string{"precision", "recall", "F"} {
			near(t, what+": "+part+" of "+kind, got[i][j], want[i][j])
		}
	}
}

func TestRougeEqualsRougeScore(t *testing.T) {
	g := openGolden(t)
	if len(g.Texts) < 500 {
		t.Fatalf("there are %d pairs, and make.py makes hundreds", len(g.Texts))
	}
	for _, p := range g.Texts {
		nearRows(t, p.Prediction, rows(metric.Rouge{}.Score(p.Prediction, p.References)), p.Plain)
		nearRows(t, "stems of "+p.Prediction, rows(metric.Rouge{Stem: true}.Score(p.Prediction, p.References)), p.Stemmed)
	}
}

func TestRougeMeanIsTheMeanOfScores(t *testing.T) {
	g := openGolden(t)
	predictions, references := texts(g, nil)
	for _, stemmed := range []bool{false, true} {
		var want rougeRows
		for _, p := range g.Texts {
			row := p.Plain
			if stemmed {
				row = p.Stemmed
			}
			for i := range want {
				for j := range want[i] {
					want[i][j] += row[i][j] / float64(len(g.Texts))
				}
			}
		}
		got, err := metric.Rouge{Stem: stemmed}.Mean(predictions, references)
		if err != nil {
			t.Fatal(err)
		}
		nearRows(t, "mean", rows(got), want)
	}
}

// texts returns predictions and references of some golden pairs, all for nil.
func texts(g *golden, pairs []int) (predictions []string, references [][]string) {
	for i := range g.Texts {
		if pairs == nil {
			predictions, references = append(predictions, g.Texts[i].Prediction), append(references, g.Texts[i].References)
		}
	}
	for _, i := range pairs {
		predictions, references = append(predictions, g.Texts[i].Prediction), append(references, g.Texts[i].References)
	}
	return predictions, references
}

func TestBLEUEqualsSacreBLEU(t *testing.T) {
	g := openGolden(t)
	for _, p := range g.Texts {
		got, err := metric.BLEU([]string{p.Prediction}, [][]string{p.References})
		if err != nil {
			t.Fatal(err)
		}
		near(t, "BLEU of "+p.Prediction, got, p.BLEU)
	}
	for _, c := range g.Corpora {
		predictions, references := texts(g, c.Pairs)
		got, err := metric.BLEU(predictions, references)
		if err != nil {
			t.Fatal(err)
		}
		near(t, "BLEU of a corpus", got, c.BLEU)
		got, err = metric.ExactMatch(predictions, references)
		if err != nil {
			t.Fatal(err)
		}
		near(t, "exact match", got, c.Exact)
	}
}

func TestWordsEqualTheTokenizersOfTheReferences(t *testing.T) {
	for _, c := range openGolden(t).Tokens {
		for _, part := range []struct {
			what      string
			got, want []string
		}{
			{"rouge-score", metric.RougeWords(c.Text, false), c.Rouge},
			{"rouge-score with stems", metric.RougeWords(c.Text, true), c.Stems},
			{"sacreBLEU", metric.BLEUWords(c.Text), c.BLEU},
		} {
			if diff := cmp.Diff(append([]string{}, part.want...), append([]string{}, part.got...)); diff != "" {
				t.Errorf("%q, as %s: -want +got\n%s", c.Text, part.what, diff)
			}
		}
	}
}

func TestStemEqualsNLTK(t *testing.T) {
	text, err := unpacked("stems.txt.gz")
	if err != nil {
		t.Fatal(err)
	}
	lines := strings.Split(strings.TrimSpace(string(text)), "\n")
	if len(lines) < 5000 {
		t.Fatalf("there are %d words, and make.py makes thousands", len(lines))
	}
	for _, line := range lines {
		word, want, _ := strings.Cut(line, " ")
		if got := metric.Stem(word); got != want {
			t.Errorf("%s: got %s, want %s", word, got, want)
		}
	}
}

func TestClassesEqualScikitLearn(t *testing.T) {
	for _, c := range openGolden(t).Classes {
		for _, part := range []struct {
			what string
			f    func(predictions, labels []int) (float64, error)
			want float64
		}{
			{"accuracy", metric.Accuracy, c.Accuracy},
			{"F1", func(p, l []int) (float64, error) { return metric.F1(p, l, 1) }, c.F1},
			{"macro F1", metric.MacroF1, c.Macro},
			{"Matthews", metric.Matthews, c.Matthews},
		} {
			got, err := part.f(c.Said, c.Labels)
			if err != nil {
				t.Fatal(err)
			}
			near(t, part.what, got, part.want)
		}
	}
}

func TestCorrelationsEqualSciPy(t *testing.T) {
	for _, c := range openGolden(t).Values {
		for _, part := range []struct {
			what string
			f    func(predictions, values []float64) (float64, error)
			want *float64
		}{{"Pearson", metric.Pearson, c.Pearson}, {"Spearman", metric.Spearman, c.Spearman}} {
			got, err := part.f(c.Said, c.True)
			if err != nil {
				t.Fatal(err)
			}
			if part.want == nil {
				if !math.IsNaN(got) {
					t.Errorf("%s of %v and %v: got %v, want NaN", part.what, c.Said, c.True, got)
				}
				continue
			}
			near(t, part.what, got, *part.want)
		}
	}
}

// shared returns the folder of data sets beside the repository, or skips the test.
func shared(t *testing.T) string {
	t.Helper()
	dir, err := os.Getwd()
	if err != nil {
		t.Fatal(err)
	}
	for {
		if _, err := os.Stat(filepath.Join(dir, "go.mod")); err == nil {
			break
		}
		dir = filepath.Dir(dir)
	}
	dir = filepath.Join(dir, "../shared/data")
	if _, err := os.Stat(dir); err != nil {
		t.Skipf("there are no data sets at %s", dir)
	}
	return dir
}

func TestRealLines(t *testing.T) {
	dir := shared(t)
	files := map[string][]string{}
	for _, c := range openGolden(t).Real {
		lines, ok := files[c.File]
		if !ok {
			lines = realLines(t, filepath.Join(dir, c.File))
			files[c.File] = lines
		}
		p, r := lines[c.Row], lines[c.Row+1:c.Row+1+c.References]
		nearRows(t, p, rows(metric.Rouge{}.Score(p, r)), c.Plain)
		nearRows(t, p, rows(metric.Rouge{Stem: true}.Score(p, r)), c.Stemmed)
		got, err := metric.BLEU([]string{p}, [][]string{r})
		if err != nil {
			t.Fatal(err)
		}
		near(t, "BLEU of "+p, got, c.BLEU)
	}
}

// realLines returns the texts of a data set that make.py scored.
func realLines(t *testing.T, path string) (lines []string) {
	t.Helper()
	b, err := os.ReadFile(path)
	if err != nil {
		t.Skip(err)
	}
	if strings.HasSuffix(path, ".csv") {
		records, err := csv.NewReader(strings.NewReader(string(b))).ReadAll()
		if err != nil {
			t.Fatal(err)
		}
		for _, r := range records[1:] {
			lines = append(lines, r[1])
		}
		return lines
	}
	for d := json.NewDecoder(strings.NewReader(string(b))); d.More(); {
		var row struct {
			Response string
			Refs     []struct{ Text string }
		}
		if err := d.Decode(&row); err != nil {
			t.Fatal(err)
		}
		if row.Refs != nil {
			row.Response = row.Refs[0].Text
		}
		lines = append(lines, row.Response)
	}
	return lines
}
