package report_test

import (
	"bytes"
	"encoding/json"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"math"
	"os"
	"regexp"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/gradientlearning/cola/internal/report"
)

// example is a small report with everything in it: joint has one figure for all.
func example() report.Report {
	curve := func(people int, top float64) []report.Point {
		var points []report.Point
		for r := 1; r <= 600; r++ {
			p := report.Point{Round: r, Loss: 2.3 / float64(r)}
			if r%100 == 0 {
				for i := range people {
					p.Accuracy = append(p.Accuracy, top*float64(r)/600-0.01*float64(i))
				}
			}
			points = append(points, p)
		}
		return points
	}
	return report.Report{Task: "mnist mlp", Participants: 2, Rounds: 600, Seconds: 42.04, Modes: map[string]*report.Mode{
		"collaborative": {AccuracyMean: 0.965, Accuracy: []float64{0.97, 0.96}, Loss: 0.0312, Seconds: 20.3, BytesSent: 123_456_789,
			BytesReceived: 999_960, PeakMemory: 87_654_321, AdaptersSHA256: "c01a", Names: []string{"ada", "bob"}, Curve: curve(2, 0.97)},
		"joint": {AccuracyMean: 0.978, Accuracy: []float64{0.978}, Loss: 0.00041, Seconds: 10, BytesSent: 999,
			BytesReceived: 1000, PeakMemory: 2_000_000_000_000, AdaptersSHA256: "70f7", Names: []string{"joint"}, Curve: curve(1, 0.978)},
		"alone": {AccuracyMean: 0.196, Accuracy: []float64{0.2, 0.192}, Loss: 1.5, Seconds: 11.74, BytesSent: 1, BytesReceived: 0,
			PeakMemory: 1, AdaptersSHA256: "a10e", Names: []string{"ada", "bob"}, Curve: curve(2, 0.2)},
	}}
}

func TestTable(t *testing.T) {
	var out bytes.Buffer
	if err := report.WriteTable(&out, example()); err != nil {
		t.Fatal(err)
	}
	want := `mnist mlp: 2 participants, 600 rounds, 42.0 s

test accuracy    alone      joint   collaborative
─────────────────────────────────────────────────
ada              20.0%          –           97.0%
bob              19.2%          –           96.0%
─────────────────────────────────────────────────
mean             19.6%      97.8%           96.5%
─────────────────────────────────────────────────
test loss       1.5000   4.10e-04          0.0312
seconds           11.7       10.0            20.3
sent               1 B      999 B        123.5 MB
received           0 B     1.0 kB          1.0 MB
peak memory        1 B     2.0 TB         87.7 MB
`
	if diff := cmp.Diff(want, out.String()); diff != "" {
		t.Error(diff)
	}
}

// language is the report of a language model: joint has one loss for all, and one mode had no
// test set.
func language() report.Report {
	r := example()
	r.Language = true
	for name, m := range r.Modes {
		m.Losses = nil
		for i := range m.Accuracy {
			m.Losses = append(m.Losses, m.Loss+float64(i))
		}
		for j := range m.Curve {
			for i := range m.Curve[j].Accuracy {
				m.Curve[j].TestLoss = append(m.Curve[j].TestLoss, 3/float64(j+1)+float64(i))
			}
		}
		if name == "alone" {
			m.Losses = nil
		}
	}
	return r
}

// Numbers have losses and no accuracy.
func TestTableOfARegression(t *testing.T) {
	r := language()
	r.Language, r.Regression = false, true
	var out bytes.Buffer
	if err := report.WriteTable(&out, r); err != nil {
		t.Fatal(err)
	}
	want := `mnist mlp: 2 participants, 600 rounds, 42.0 s

test loss     alone      joint   collaborative
──────────────────────────────────────────────
ada               –          –          0.0312
bob               –          –          1.0312
──────────────────────────────────────────────
mean              –   4.10e-04          0.0312
──────────────────────────────────────────────
seconds        11.7       10.0            20.3
`
	if got := out.String(); !strings.HasPrefix(got, want) {
		t.Error(cmp.Diff(want, got))
	}
}

func TestTableOfALanguageModel(t *testing.T) {
	var out bytes.Buffer
	if err := report.WriteTable(&out, language()); err != nil {
		t.Fatal(err)
	}
	want := `mnist mlp: 2 participants, 600 rounds, 42.0 s

test loss        alone      joint   collaborative
─────────────────────────────────────────────────
ada                  –          –          0.0312
bob                  –          –          1.0312
─────────────────────────────────────────────────
mean                 –   4.10e-04          0.0312
─────────────────────────────────────────────────
token accuracy       –      97.8%           96.5%
`
	if got := out.String(); !strings.HasPrefix(got, want) {
		t.Error(cmp.Diff(want, got))
	}
	var page bytes.Buffer
	if err := report.WriteHTML(&page, language(), "text"); err != nil {
		t.Fatal(err)
	}
	for _, says := range []string{"Test loss, mean over participants", `id="person-1`, "joint ends at 0.0050"} {
		if !strings.Contains(page.String(), says) {
			t.Errorf("the page does not say %q", says)
		}
	}
	if strings.Contains(page.String(), "Test accuracy") {
		t.Error("the page of a language model leads with accuracy")
	}
}

func TestTableOfOneParticipantAndOneUnknownMode(t *testing.T) {
	var out bytes.Buffer
	err := report.WriteTable(&out, report.Report{Task: "cnn", Participants: 1, Rounds: 1, Seconds: 3725, Modes: map[string]*report.Mode{
		"other": {AccuracyMean: 0.5, Accuracy: []float64{0.5}, Loss: math.NaN()},
		"alone": {AccuracyMean: math.NaN(), Loss: 0},
	}})
	if err != nil {
		t.Fatal(err)
	}
	want := `cnn: 1 participant, 1 round, 1 h 02 min

test accuracy    alone   other
──────────────────────────────
p1                   –   50.0%
──────────────────────────────
mean                 –   50.0%
──────────────────────────────
test loss       0.0000       –
seconds            0.0     0.0
sent               0 B     0 B
received           0 B     0 B
peak memory        0 B     0 B
`
	if diff := cmp.Diff(want, out.String()); diff != "" {
		t.Error(diff)
	}
}

func TestJSONHasTheOwedNames(t *testing.T) {
	r := example()
	delete(r.Modes, "alone")
	delete(r.Modes, "joint")
	var out bytes.Buffer
	if err := report.WriteJSON(&out, r); err != nil {
		t.Fatal(err)
	}
	var got map[string]any
	if err := json.Unmarshal(out.Bytes(), &got); err != nil {
		t.Fatal(err)
	}
	want := map[string]any{
		"task": "mnist mlp", "participants": 2.0, "rounds": 600.0, "seconds": 42.04,
		"modes": map[string]any{"collaborative": map[string]any{
			"accuracy_mean": 0.965, "accuracy": []any{0.97, 0.96}, "loss": 0.0312, "seconds": 20.3,
			"bytes_sent": 123456789.0, "bytes_received": 999960.0, "peak_memory_bytes": 87654321.0, "adapters_sha256": "c01a",
		}},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

func TestJSONRefusesWhatIsNotANumber(t *testing.T) {
	if err := report.WriteJSON(io.Discard, report.Report{Seconds: math.Inf(1)}); err == nil {
		t.Error("infinite seconds were written")
	}
}

func page(t *testing.T, r report.Report) string {
	t.Helper()
	var out bytes.Buffer
	if err := report.WriteHTML(&out, r, "cola simulate: mnist"); err != nil {
		t.Fatal(err)
	}
	return out.String()
}

// drawings returns the page's charts, each checked to be well-formed.
func drawings(t *testing.T, page string) []string {
	t.Helper()
	all := regexp.MustCompile(`(?s)<svg viewBox[^>]* role="img".*?</svg>`).FindAllString(page, -1)
	for _, svg := range all {
		d := xml.NewDecoder(strings.NewReader(svg))
		for {
			if _, err := d.Token(); errors.Is(err, io.EOF) {
				break
			} else if err != nil {
				t.Fatalf("%v in %s", err, svg)
			}
		}
	}
	return all
}

func TestPage(t *testing.T) {
	text := page(t, example())
	for _, want := range []string{
		"<title>cola simulate: mnist</title>", "mnist mlp: 2 participants, 600 rounds, 42.0 s",
		`<th scope="row">bob</th><td>19.2%</td><td>–</td><td>96.0%</td>`,
		"<code>c01a</code>", "prefers-color-scheme: dark", `lang="en"`,
		"collaborative, round 600: 96.5%", // pointing at the last point of the mean
		"joint, round 600: 97.8%",         // the reference, in each participant's chart too
	} {
		if !strings.Contains(text, want) {
			t.Errorf("the page does not hold %q", want)
		}
	}
	charts := drawings(t, text)
	if len(charts) != 4 { // accuracy, loss, two participants
		t.Fatalf("%d charts, want 4", len(charts))
	}
	for _, svg := range charts {
		if n := strings.Count(svg, `class="curve`); n != 3 {
			t.Errorf("%d curves, want 3, in %s", n, svg)
		}
	}
	if want := "alone ends at 19.5%, joint ends at 97.8%, collaborative ends at 96.5%."; !strings.Contains(charts[0], want) {
		t.Errorf("the first chart's description does not say %q", want)
	}
}

func TestPageNeedsNothingElse(t *testing.T) {
	text := page(t, example())
	for _, outside := range []string{"http:", "https:", "<script", "<link", "<img", "@import", "url("} {
		if strings.Contains(text, outside) {
			t.Errorf("the page holds %q", outside)
		}
	}
}

func TestPageEscapesNames(t *testing.T) {
	r := example()
	const evil = `</svg><script>alert(1)</script>`
	r.Modes["alone"].Names = []string{evil, "bob"}
	r.Modes["collaborative"].Names = []string{evil, "bob"}
	r.Task = evil
	if text := page(t, r); strings.Contains(text, "<script") {
		t.Error("a participant's name became markup")
	}
}

// path returns the points of the first curve of a chart.
func path(t *testing.T, svg string) (xs, ys []float64) {
	t.Helper()
	d := regexp.MustCompile(`class="curve[^"]*" d="M([^"]*)"`).FindStringSubmatch(svg)
	if d == nil {
		t.Fatalf("no curve in %s", svg)
	}
	for point := range strings.SplitSeq(d[1], "L") {
		var x, y float64
		if _, err := fmt.Sscan(point, &x, &y); err != nil {
			t.Fatal(err)
		}
		xs, ys = append(xs, x), append(ys, y)
	}
	return xs, ys
}

func TestCurvesLieWhereTheNumbersSay(t *testing.T) {
	charts := drawings(t, page(t, example()))
	// alone's accuracy rises from 20/6 % to 20 % less half a point: of 200 units of height.
	xs, ys := path(t, charts[0])
	if len(xs) != 6 {
		t.Fatalf("%d points, want the 6 evaluations", len(xs))
	}
	left, right, top, bottom := 52.0, 462.0, 12.0, 212.0
	for i := range xs {
		share := float64(i+1) / 6
		x, y := left+share*(right-left), bottom-(0.2*share-0.005)*(bottom-top)
		if math.Abs(xs[i]-x) > 0.06 || math.Abs(ys[i]-y) > 0.06 {
			t.Errorf("point %d at (%g, %g), want (%.1f, %.1f)", i, xs[i], ys[i], x, y)
		}
	}
	// The loss has 600 points: they are averaged to 200, which fall and stay inside.
	xs, ys = path(t, charts[1])
	if len(xs) != 200 {
		t.Errorf("%d points of loss, want 200", len(xs))
	}
	for i := range ys {
		if ys[i] < top || ys[i] > bottom || i > 0 && (ys[i] < ys[i-1] || xs[i] <= xs[i-1]) {
			t.Errorf("point %d of a falling loss at (%g, %g)", i, xs[i], ys[i])
		}
	}
}

func TestPageWithLittleToShow(t *testing.T) {
	mode := func(curve ...report.Point) report.Report {
		return report.Report{Task: "t", Participants: 1, Modes: map[string]*report.Mode{"alone": {Accuracy: []float64{1}, Curve: curve}}}
	}
	for name, tc := range map[string]struct {
		r      report.Report
		charts int
	}{
		"nothing":             {report.Report{}, 0},
		"no curve":            {mode(), 0},
		"never evaluated":     {mode(report.Point{Round: 1, Loss: 1}), 1},
		"loss is 0":           {mode(report.Point{Round: 1, Accuracy: []float64{1}}), 2},
		"loss is not finite":  {mode(report.Point{Round: 1, Loss: math.NaN(), Accuracy: []float64{1}}), 1},
		"loss is huge":        {mode(report.Point{Round: 1, Loss: 1e30}, report.Point{Round: 2, Loss: 1}), 1},
		"loss is very little": {mode(report.Point{Round: 1, Loss: 1e-9}), 1},
	} {
		t.Run(name, func(t *testing.T) {
			text := page(t, tc.r)
			if got := len(drawings(t, text)); got != tc.charts {
				t.Errorf("%d charts, want %d", got, tc.charts)
			}
			if strings.Contains(text, "NaN") || strings.Contains(text, "Inf") {
				t.Error("something that is not a number is drawn")
			}
		})
	}
}

func TestManyParticipantsAreNotAllDrawn(t *testing.T) {
	r := report.Report{Modes: map[string]*report.Mode{"alone": {Accuracy: make([]float64, 64),
		Curve: []report.Point{{Round: 1, Loss: 1, Accuracy: make([]float64, 64)}}}}}
	text := page(t, r)
	if got := len(drawings(t, text)); got != 26 {
		t.Errorf("%d charts, want 2 and 24", got)
	}
	if !strings.Contains(text, "40 more are in the table only") {
		t.Error("the page does not say how many it left out")
	}
}

func TestWriteErrorsAreReported(t *testing.T) {
	closed, err := os.Create(t.TempDir() + "/report")
	if err != nil {
		t.Fatal(err)
	}
	if err := closed.Close(); err != nil {
		t.Fatal(err)
	}
	for name, err := range map[string]error{
		"table": report.WriteTable(closed, example()),
		"JSON":  report.WriteJSON(closed, example()),
		"page":  report.WriteHTML(closed, example(), "x"),
	} {
		if !errors.Is(err, os.ErrClosed) {
			t.Errorf("%s: error %v", name, err)
		}
	}
}

// TestJointFigureForEachParticipant: joint tests one model, whose figure may be given
// to each participant; its curve has one figure a point either way.
func TestJointFigureForEachParticipant(t *testing.T) {
	r := example()
	r.Modes["joint"].Names, r.Modes["joint"].Accuracy = []string{"ada", "bob"}, []float64{0.978, 0.978}
	for _, svg := range drawings(t, page(t, r))[2:] {
		if !strings.Contains(svg, "joint, round 600: 97.8%") {
			t.Errorf("a participant's chart lacks the joint curve: %s", svg)
		}
	}
	var out bytes.Buffer
	if err := report.WriteTable(&out, r); err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(out.String(), "bob              19.2%      97.8%           96.0%\n") {
		t.Errorf("the table lacks the joint figure of bob:\n%s", out.String())
	}
}
