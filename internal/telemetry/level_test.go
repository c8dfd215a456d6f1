package telemetry_test

import (
	"bytes"
	"log/slog"
	"strings"
	"testing"

	"github.com/gradientlearning/cola/internal/telemetry"
)

func TestAtLeast(t *testing.T) {
	var out bytes.Buffer
	base := slog.New(slog.NewTextHandler(&out, &slog.HandlerOptions{Level: slog.LevelInfo}))
	log := telemetry.AtLeast(slog.LevelWarn, base).With("a", 1).WithGroup("g")
	log.Info("quiet")
	log.Warn("loud", "b", 2)
	if got := out.String(); strings.Contains(got, "quiet") || !strings.Contains(got, "loud a=1 g.b=2") {
		t.Errorf("logged %q", got)
	}
	strict := slog.New(slog.NewTextHandler(&out, &slog.HandlerOptions{Level: slog.LevelError}))
	out.Reset()
	telemetry.AtLeast(slog.LevelDebug, strict).Warn("still quiet")
	if out.Len() > 0 {
		t.Errorf("the handler's own level was passed by: %q", out.String())
	}
}
