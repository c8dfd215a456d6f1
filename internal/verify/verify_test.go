package verify

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"math"
	"slices"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/gradientlearning/cola/internal/oracle"
	"github.com/gradientlearning/cola/linalg"
	"github.com/gradientlearning/cola/model"
)

// small are the three models with few units, for tests that run many of them.
var small = []subject{
	{"linear", model.Config{Type: "linear", Input: []int{3, 2, 1}, Classes: 3}},
	{"mlp", model.Config{Type: "mlp", Input: []int{3, 2, 1}, Classes: 3, Hidden: []int{7, 9}}},
	{"cnn", model.Config{Type: "cnn", Input: []int{5, 4, 2}, Classes: 3, Hidden: []int{5, 6}}},
}

func run(t *testing.T, cfg Config) Report {
	t.Helper()
	report, err := Run(context.Background(), cfg)
	if err != nil {
		t.Fatal(err)
	}
	return report
}

func mustPass(t *testing.T, report Report) {
	t.Helper()
	if !report.Passed || len(report.Failed()) > 0 {
		var table strings.Builder
		if err := report.WriteTable(&table); err != nil {
			t.Fatal(err)
		}
		t.Fatalf("does not pass:\n%s", &table)
	}
}

func TestRun(t *testing.T) {
	if raced {
		t.Skip("the paper's widths take a minute under the race detector; TestRunSmall runs the same code")
	}
	for seed := range uint64(3) {
		report := run(t, Config{Seed: seed})
		mustPass(t, report)
		if seed > 0 {
			continue
		}
		// 1, 3 and 5 sites. In two precisions: detached, unmerged and merged for three
		// participants, joint, Proposition 1 and Eq. 5 for one, the quadratic for three;
		// in float32 only: isolation and the two against the oracle for three.
		if want := (1 + 3 + 5) * (2*(3*3+3+3) + 3*3); len(report.Rows) != want {
			t.Errorf("%d rows, want %d", len(report.Rows), want)
		}
	}
}

func TestRunSmall(t *testing.T) {
	for seed := range uint64(10) {
		mustPass(t, run(t, Config{Seed: seed, subjects: small}))
	}
}

func TestRunIsDeterministic(t *testing.T) {
	a, b := run(t, Config{Seed: 3, subjects: small}), run(t, Config{Seed: 3, subjects: small})
	if !slices.Equal(a.Rows, b.Rows) {
		t.Error("two runs with one seed differ")
	}
	c := run(t, Config{Seed: 4, subjects: small})
	if slices.Equal(a.Rows, c.Rows) {
		t.Error("two seeds give one report")
	}
}

func TestModels(t *testing.T) {
	report := run(t, Config{Models: []string{"mlp"}})
	mustPass(t, report)
	for _, row := range report.Rows {
		if row.Model != "mlp" {
			t.Fatalf("a row of %s", row.Model)
		}
	}
	var unknown UnknownModelError
	if _, err := Run(context.Background(), Config{Models: []string{"gpt5"}}); !errors.As(err, &unknown) || unknown.Name != "gpt5" {
		t.Errorf("unknown model: %v", err)
	} else if !strings.Contains(err.Error(), "linear, mlp, cnn") {
		t.Errorf("%q does not say which models there are", err)
	}
}

func TestCancelled(t *testing.T) {
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if _, err := Run(ctx, Config{}); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v, want a cancellation", err)
	}
}

// scale multiplies one element of the first participant's gradient at a site.
func scale(g gradients, site int, by float64) {
	g[0][site][0] = g[0][site][0].Clone()
	m := g[0][site][0]
	at := 0
	for i, v := range m.Data {
		if math.Abs(v) > math.Abs(m.Data[at]) {
			at = i
		}
	}
	m.Data[at] *= by
}

// Every expectation fails when what it guards is a little wrong.
func TestTampering(t *testing.T) {
	only := func(p Precision, change func(e *evidence)) func(Precision, *evidence) {
		return func(precision Precision, e *evidence) {
			if precision == p {
				change(e)
			}
		}
	}
	for name, c := range map[string]struct {
		tamper func(Precision, *evidence)
		fails  []Check
	}{
		"unmerged float32":                {only(Float32, func(e *evidence) { scale(e.unmerged, 1, 1.01) }), []Check{Unmerged, OracleUnmerged}},
		"unmerged float64":                {only(Float64, func(e *evidence) { scale(e.unmerged, 1, 1+1e-9) }), []Check{Unmerged}},
		"merged float32":                  {only(Float32, func(e *evidence) { scale(e.merged, 0, 1.01) }), []Check{Merged, OracleMerged}},
		"merged float64":                  {only(Float64, func(e *evidence) { scale(e.merged, 0, 1+1e-9) }), []Check{Merged}},
		"joint":                           {only(Float32, func(e *evidence) { scale(e.joint, 2, 0.99) }), []Check{Joint}},
		"original":                        {only(Float64, func(e *evidence) { scale(e.base, 0, 1+1e-9) }), []Check{Proposition1}},
		"hidden":                          {only(Float64, func(e *evidence) { scale(e.auxiliary, 0, 1+1e-9) }), []Check{Equation5}},
		"one bit of tuples":               {only(Float32, func(e *evidence) { scale(e.together, 0, 1+1.0/(1<<23)) }), []Check{Isolation}},
		"not a number":                    {only(Float32, func(e *evidence) { scale(e.joint, 0, math.NaN()) }), []Check{Joint}},
		"no control":                      {func(_ Precision, e *evidence) { e.detached = e.unmerged }, []Check{Detached}},
		"detached wrong at the last site": {only(Float32, func(e *evidence) { scale(e.detached, 2, 1.01) }), []Check{Detached}},
		"detached in unmerged's stead":    {func(_ Precision, e *evidence) { e.unmerged = e.detached }, []Check{Unmerged, OracleUnmerged}},
	} {
		t.Run(name, func(t *testing.T) {
			report := run(t, Config{subjects: small[1:2], tamper: c.tamper})
			if report.Passed {
				t.Fatal("passes")
			}
			var fails []Check
			for _, row := range report.Failed() {
				if !slices.Contains(fails, row.Check) {
					fails = append(fails, row.Check)
				}
			}
			if !slices.Equal(fails, c.fails) {
				t.Errorf("fails %v, want %v", fails, c.fails)
			}
		})
	}
}

func TestTable(t *testing.T) {
	report := run(t, Config{subjects: small, tamper: func(p Precision, e *evidence) {
		if p == Float32 && len(e.joint[0]) == 3 {
			scale(e.joint, 2, 2)
		}
	}})
	var b strings.Builder
	if err := report.WriteTable(&b); err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(b.String()) {
		if n := utf8.RuneCountInString(line) - 1; n > 100 && !strings.HasPrefix(line, "FAILED") {
			t.Errorf("%d columns: %s", n, line)
		}
	}
	for _, want := range []string{
		"\nmlp\n", "  detached: ", "> 1e-02", "≤ 1e-05, ≤ 1e-12", "same bits", "information",
		"FAILED mlp: joint at ", "low-rank adapter of ada in float32", "expectations hold",
	} {
		if !strings.Contains(b.String(), want) {
			t.Errorf("no %q in the table:\n%s", want, &b)
		}
	}
}

func TestJSON(t *testing.T) {
	encoded, err := json.Marshal(run(t, Config{Seed: 5, subjects: small[:1], tamper: func(_ Precision, e *evidence) {
		scale(e.joint, 0, math.Inf(1)) // still encodes
	}}))
	if err != nil {
		t.Fatal(err)
	}
	var back struct {
		Seed   uint64
		Passed bool
		Rows   []map[string]any
	}
	if err := json.Unmarshal(encoded, &back); err != nil {
		t.Fatal(err)
	}
	if back.Seed != 5 || back.Passed || len(back.Rows) == 0 {
		t.Fatalf("decoded %+v", back)
	}
	for _, key := range []string{"model", "check", "site", "kind", "participant", "precision", "difference", "bound", "expect", "ok"} {
		if _, ok := back.Rows[0][key]; !ok {
			t.Errorf("no key %q", key)
		}
	}
	if bytes.Contains(encoded, []byte("null")) {
		t.Error("a null in the report")
	}
}

func TestBorderNamesWhatDoesNotFit(t *testing.T) {
	for name, from := range map[string]*linalg.Tensor{
		"missing":     nil,
		"too many":    linalg.New(linalg.F32, 3, 3),
		"other shape": linalg.New(linalg.F32, 7),
	} {
		err := fill(oracle.NewMatrix(2, 3), "layers.7.weight", from)
		if err == nil || !strings.Contains(err.Error(), "layers.7.weight") {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestSubjectThatCannotBeMade(t *testing.T) {
	wrong := []subject{{"wrong", model.Config{Type: "mlp", Input: []int{2, 2, 1}}}}
	if _, err := Run(context.Background(), Config{subjects: wrong}); err == nil || !strings.Contains(err.Error(), "verify wrong") {
		t.Errorf("a model without classes: %v", err)
	}
}
