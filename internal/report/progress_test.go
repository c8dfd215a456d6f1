package report_test

import (
	"bytes"
	"encoding/json"
	"log/slog"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"

	"github.com/gradientlearning/cola/internal/report"
	"github.com/gradientlearning/cola/internal/telemetry"
)

// newProgress returns a progress whose clock the test turns.
func newProgress(t *testing.T, live bool, format string) (p *report.Progress, out *bytes.Buffer, turn func(time.Duration)) {
	t.Helper()
	out = new(bytes.Buffer)
	screen := telemetry.NewScreen(out, live)
	t.Setenv("NO_COLOR", "1")
	log, err := telemetry.New(screen, format, slog.LevelInfo)
	if err != nil {
		t.Fatal(err)
	}
	now := time.Unix(1e9, 0)
	p = report.NewProgress(screen, log)
	p.SetClock(func() time.Time { return now })
	return p, out, func(d time.Duration) { now = now.Add(d) }
}

// records returns the JSON lines of a log without their times.
func records(t *testing.T, out *bytes.Buffer) []map[string]any {
	t.Helper()
	var all []map[string]any
	for line := range strings.Lines(out.String()) {
		var r map[string]any
		if err := json.Unmarshal([]byte(line), &r); err != nil {
			t.Fatalf("%v in %q", err, line)
		}
		delete(r, "time")
		delete(r, "level")
		all = append(all, r)
	}
	return all
}

func TestProgressAsLines(t *testing.T) {
	p, out, turn := newProgress(t, false, telemetry.JSON)
	p.Mode("alone", 100)
	for r := 1; r <= 50; r++ {
		turn(100 * time.Millisecond)
		var accuracy []float64
		if r == 30 {
			accuracy = []float64{0.5, 0.7}
		}
		p.Round(r, 1/float64(r), accuracy)
	}
	p.Mode("joint", 10)
	turn(1300 * time.Millisecond)
	p.Done()
	p.Done() // nothing is left to end

	want := []map[string]any{
		// Two seconds after the beginning, at the evaluation, two seconds after that.
		{"msg": "alone: training", "round": 20.0, "rounds": 100.0, "loss": 0.05, "seconds_left": 8.0},
		{"msg": "alone: training", "round": 30.0, "rounds": 100.0, "loss": 0.0333, "accuracy": 0.6, "seconds_left": 7.0},
		{"msg": "alone: training", "round": 50.0, "rounds": 100.0, "loss": 0.02, "accuracy": 0.6, "seconds_left": 5.0},
		{"msg": "alone: done", "round": 50.0, "rounds": 100.0, "loss": 0.02, "accuracy": 0.6, "seconds": 5.0},
		{"msg": "joint: done", "round": 0.0, "rounds": 10.0, "loss": 0.02, "seconds": 1.3},
	}
	// A mode that never came to a round has no loss of its own.
	delete(want[4], "loss")
	if diff := cmp.Diff(want, records(t, out)); diff != "" {
		t.Error(diff)
	}
}

func TestProgressOnATerminal(t *testing.T) {
	p, out, turn := newProgress(t, true, telemetry.Text)
	p.Mode("collaborative", 400)
	for r := 1; r <= 200; r++ {
		turn(25 * time.Millisecond)
		p.Round(r, 0.3125, []float64{0.9, 0.95})
	}
	drawn := strings.Split(out.String(), "\r\x1b[K")[1:]
	if want := 1 + 5*10; len(drawn) != want { // the empty bar, then ten times a second for five seconds
		t.Errorf("drawn %d times, want %d", len(drawn), want)
	}
	want := "collaborative ━━━━━━╌╌╌╌╌╌ 200/400  loss 0.312  accuracy 92.5%  40/s  5 s left"
	if diff := cmp.Diff(want, drawn[len(drawn)-1]); diff != "" {
		t.Error(diff)
	}

	out.Reset()
	p.Done()
	text, ok := strings.CutPrefix(out.String(), "\r\x1b[K")
	if !ok || !strings.Contains(text, "collaborative: done round=200 rounds=400 loss=0.3125 accuracy=0.925 seconds=5\n") {
		t.Errorf("the live line did not give way to the last: %q", out.String())
	}
}

func TestProgressFitsTheTerminal(t *testing.T) {
	p, out, turn := newProgress(t, true, telemetry.Text)
	p.Mode("a mode with quite a long name that nobody needs", 1_000_000)
	turn(time.Hour)
	p.Round(999_999, 12345.678, []float64{1})
	for _, line := range strings.Split(out.String(), "\r\x1b[K") {
		if n := utf8.RuneCountInString(line); n > 79 {
			t.Errorf("%d columns: %q", n, line)
		}
	}
}

func TestProgressOfNoRounds(t *testing.T) {
	p, out, _ := newProgress(t, true, telemetry.Text)
	p.Mode("alone", 0)
	if want := "\r\x1b[Kalone         ╌╌╌╌╌╌╌╌╌╌╌╌ 0/0"; out.String() != want {
		t.Errorf("drawn %q, want %q", out.String(), want)
	}
}
