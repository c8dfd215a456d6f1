package telemetry_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"regexp"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/gradientlearning/cola/internal/telemetry"
	"github.com/gradientlearning/cola/protocol"
)

func newLog(t *testing.T, format string, level slog.Level) (*slog.Logger, *bytes.Buffer) {
	t.Helper()
	var out bytes.Buffer
	log, err := telemetry.New(&out, format, level)
	if err != nil {
		t.Fatal(err)
	}
	return log, &out
}

func TestTextIsQuietAndReadable(t *testing.T) {
	log, out := newLog(t, telemetry.Text, slog.LevelInfo)
	log.Debug("never shown")
	log.Info("fitted", telemetry.Participant("p3"), telemetry.Round(12))
	log.Info("evaluated", "loss", 12.650999748586289, "in", 1234567*time.Microsecond/1000)
	log.With(telemetry.Participant("p1")).Warn("late", telemetry.Err(errors.New("no answer")))

	lines := strings.Split(strings.TrimSpace(out.String()), "\n")
	want := []string{
		`^\d\d:\d\d:\d\d fitted participant=p3 round=12$`,
		`^\d\d:\d\d:\d\d evaluated loss=12.65 in=1ms$`,
		`^\d\d:\d\d:\d\d WRN late participant=p1 err="no answer"$`,
	}
	if len(lines) != len(want) {
		t.Fatalf("%d lines, want %d:\n%s", len(lines), len(want), out)
	}
	for i, line := range lines {
		if !regexp.MustCompile(want[i]).MatchString(line) {
			t.Errorf("line %q does not match %s", line, want[i])
		}
	}
}

func TestTextColour(t *testing.T) {
	for _, tc := range []struct {
		name    string
		live    bool
		noColor string
		want    bool
	}{
		{"terminal", true, "", true},
		{"terminal with NO_COLOR", true, "1", false},
		{"pipe", false, "", false},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Setenv("NO_COLOR", tc.noColor)
			var out bytes.Buffer
			log, err := telemetry.New(telemetry.NewScreen(&out, tc.live), telemetry.Text, slog.LevelInfo)
			if err != nil {
				t.Fatal(err)
			}
			log.Error("lost", telemetry.Err(errors.New("gone")))
			if got := strings.Contains(out.String(), "\x1b["); got != tc.want {
				t.Errorf("colour is %t, want %t: %q", got, tc.want, out.String())
			}
		})
	}
}

func TestJSONSpreadsAFault(t *testing.T) {
	log, out := newLog(t, telemetry.JSON, slog.LevelDebug)
	fault := &protocol.Fault{Code: protocol.CodeJobFull, Cause: "no place", Fix: "raise participants", Participant: "p9", Round: 4}
	log.Debug("refused", telemetry.Err(fmt.Errorf("admit: %w", fault)), "plain", errors.New("other"))

	var got map[string]any
	if err := json.Unmarshal(out.Bytes(), &got); err != nil {
		t.Fatalf("%v in %s", err, out)
	}
	delete(got, "time")
	want := map[string]any{
		"level": "DEBUG", "msg": "refused", "plain": "other",
		"err": map[string]any{"code": "job-full", "cause": "no place", "fix": "raise participants", "participant": "p9", "round": 4.0},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

func TestFaultAttrsLeaveOutWhatIsNotKnown(t *testing.T) {
	got := telemetry.FaultAttrs(&protocol.Fault{Code: protocol.CodeVersion, Cause: "none in common"})
	want := []slog.Attr{slog.String("code", "version"), slog.String("cause", "none in common")}
	if fmt.Sprint(got) != fmt.Sprint(want) {
		t.Errorf("got %v, want %v", got, want)
	}
}

func TestUnknownFormat(t *testing.T) {
	_, err := telemetry.New(&bytes.Buffer{}, "xml", slog.LevelInfo)
	if err == nil || !strings.Contains(err.Error(), `"xml"`) {
		t.Errorf("error %v does not name the format", err)
	}
}

func TestScreenKeepsTheStatusLast(t *testing.T) {
	var out bytes.Buffer
	s := telemetry.NewScreen(&out, true)
	s.Status("1/9")
	s.Status("1/9") // unchanged: nothing to draw
	if n, err := s.Write([]byte("hello\n")); n != 6 || err != nil {
		t.Errorf("Write returned %d, %v", n, err)
	}
	s.Status("")
	if _, err := s.Write([]byte("bye\n")); err != nil {
		t.Fatal(err)
	}
	want := "\r\x1b[K1/9" + "\r\x1b[Khello\n1/9" + "\r\x1b[K" + "bye\n"
	if diff := cmp.Diff(want, out.String()); diff != "" {
		t.Error(diff)
	}
}

func TestScreenWithoutATerminalHasNoStatus(t *testing.T) {
	var out bytes.Buffer
	s := telemetry.ScreenOf(&out)
	s.Status("1/9")
	if s.Live() || out.Len() != 0 {
		t.Errorf("live %t, wrote %q", s.Live(), out.String())
	}
	if telemetry.ScreenOf(s) != s {
		t.Error("ScreenOf wrapped a screen")
	}
}

// failing is a writer that takes some writes and then fails.
type failing struct{ left int }

func (f *failing) Write(p []byte) (int, error) {
	if f.left == 0 {
		return 0, os.ErrClosed
	}
	f.left--
	return len(p), nil
}

func TestScreenReportsWriteErrors(t *testing.T) {
	for left := 1; left <= 3; left++ { // the status, the clearing, the text
		s := telemetry.NewScreen(&failing{left: left}, true)
		s.Status("1/9")
		if _, err := s.Write([]byte("hello\n")); !errors.Is(err, os.ErrClosed) {
			t.Errorf("after %d writes: error %v", left, err)
		}
	}
}

func TestScreenOfFiles(t *testing.T) {
	file, err := os.Create(filepath.Join(t.TempDir(), "log"))
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close() //nolint:errcheck // the test is over
	if telemetry.ScreenOf(file).Live() {
		t.Error("a file is taken for a terminal")
	}
	t.Setenv("TERM", "dumb")
	if telemetry.ScreenOf(os.Stderr).Live() {
		t.Error("a dumb terminal gets control sequences")
	}
}

func TestScreenIsSafeForConcurrentUse(t *testing.T) {
	var out bytes.Buffer
	s := telemetry.NewScreen(&out, true)
	var wg sync.WaitGroup
	for i := range 4 {
		wg.Go(func() {
			for j := range 50 {
				s.Status(fmt.Sprint(i, j))
				fmt.Fprintln(s, "line")
			}
		})
	}
	wg.Wait()
	if n := strings.Count(out.String(), "line\n"); n != 200 {
		t.Errorf("%d lines, want 200", n)
	}
}

func TestWatchMemorySeesThePeak(t *testing.T) {
	stop := telemetry.WatchMemory()
	const size = 64 << 20
	block := make([]byte, size)
	for i := range block {
		block[i] = byte(i) // touched, so that it is held
	}
	if peak := stop(); peak < size {
		t.Errorf("a peak of %d bytes while %d were held", peak, size)
	}
	runtime.KeepAlive(block)
}
