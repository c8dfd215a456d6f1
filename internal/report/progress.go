package report

import (
	"fmt"
	"io"
	"log/slog"
	"math"
	"strings"
	"sync"
	"time"

	"github.com/gradientlearning/cola/internal/telemetry"
)

// How often progress shows: the live line at most, a log line at least.
const (
	liveEvery = 100 * time.Millisecond
	lineEvery = 2 * time.Second
)

// Progress shows how far a run is. On a terminal it is one live line with a bar;
// elsewhere a log line at each evaluation and every two seconds, in the log's own
// format. Either way each finished mode leaves a log line. It is safe for concurrent
// use.
type Progress struct {
	mu       sync.Mutex
	screen   *telemetry.Screen
	log      *slog.Logger
	now      func() time.Time
	mode     string
	rounds   int
	began    time.Time
	shown    time.Time
	round    int
	loss     float64
	accuracy float64
	tested   bool
}

// NewProgress returns a progress on w (a verb's standard error) and its log.
func NewProgress(w io.Writer, log *slog.Logger) *Progress {
	return &Progress{screen: telemetry.ScreenOf(w), log: log, now: time.Now}
}

// Mode begins a mode of so many rounds, and ends the one before it.
func (p *Progress) Mode(name string, rounds int) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.finish()
	p.mode, p.rounds, p.round, p.tested = name, rounds, 0, false
	p.began = p.now()
	p.shown = p.began
	p.screen.Status(p.line(p.began))
}

// Round reports the end of round r, counted from 1: the mean training loss and, where
// the round was evaluated, each participant's accuracy.
func (p *Progress) Round(r int, loss float64, accuracy []float64) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.round, p.loss = r, loss
	if len(accuracy) > 0 {
		p.accuracy, p.tested = mean(accuracy), true
	}
	now := p.now()
	if p.screen.Live() {
		if now.Sub(p.shown) >= liveEvery {
			p.shown = now
			p.screen.Status(p.line(now))
		}
		return
	}
	if len(accuracy) > 0 || now.Sub(p.shown) >= lineEvery {
		p.shown = now
		p.log.Info(p.mode+": training", append(p.attrs(), "seconds_left", p.left(now).Round(time.Second).Seconds())...)
	}
}

// Done ends the last mode and takes the live line away.
func (p *Progress) Done() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.finish()
	p.mode = ""
}

// finish leaves a line about the mode that is over.
func (p *Progress) finish() {
	if p.mode == "" {
		return
	}
	p.screen.Status("")
	seconds := p.now().Sub(p.began).Round(100 * time.Millisecond).Seconds()
	p.log.Info(p.mode+": done", append(p.attrs(), "seconds", seconds)...)
}

// attrs says where the mode stands.
func (p *Progress) attrs() []any {
	attrs := []any{telemetry.Round(uint64(p.round)), "rounds", p.rounds}
	if p.round > 0 {
		attrs = append(attrs, "loss", fourDigits(p.loss))
	}
	if p.tested {
		attrs = append(attrs, "accuracy", fourDigits(p.accuracy))
	}
	return attrs
}

// fourDigits keeps four digits after the point: a log is read, not computed with.
func fourDigits(x float64) float64 { return math.Round(1e4*x) / 1e4 }

// left estimates the time that the mode still takes.
func (p *Progress) left(now time.Time) time.Duration {
	if p.round == 0 {
		return 0
	}
	return time.Duration(float64(now.Sub(p.began)) / float64(p.round) * float64(p.rounds-p.round))
}

// line is the live line, short enough for a terminal of 80 columns.
func (p *Progress) line(now time.Time) string {
	const width = 12
	full := 0
	if p.rounds > 0 {
		full = min(width, width*p.round/p.rounds)
	}
	var b strings.Builder
	fmt.Fprintf(&b, "%-13s %s%s %d/%d", p.mode, strings.Repeat("━", full), strings.Repeat("╌", width-full), p.round, p.rounds)
	if p.round > 0 {
		fmt.Fprintf(&b, "  loss %.3f", p.loss)
	}
	if p.tested {
		fmt.Fprintf(&b, "  accuracy %s", percent(p.accuracy))
	}
	if spent := now.Sub(p.began).Seconds(); p.round > 0 && spent > 0 {
		fmt.Fprintf(&b, "  %.0f/s  %.0f s left", float64(p.round)/spent, p.left(now).Seconds())
	}
	if line := []rune(b.String()); len(line) > 79 {
		return string(line[:79])
	}
	return b.String()
}
