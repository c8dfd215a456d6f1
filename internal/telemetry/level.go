package telemetry

import (
	"context"
	"log/slog"
)

// AtLeast returns a logger that drops what is less important than level, for what runs
// inside something that tells the rest itself.
func AtLeast(level slog.Level, log *slog.Logger) *slog.Logger {
	return slog.New(&atLeast{log.Handler(), level})
}

type atLeast struct {
	slog.Handler
	level slog.Level
}

// Enabled says whether a record of the level is wanted.
func (h *atLeast) Enabled(ctx context.Context, level slog.Level) bool {
	return level >= h.level && h.Handler.Enabled(ctx, level)
}

// WithAttrs keeps the level.
func (h *atLeast) WithAttrs(attrs []slog.Attr) slog.Handler {
	return &atLeast{h.Handler.WithAttrs(attrs), h.level}
}

// WithGroup keeps the level.
func (h *atLeast) WithGroup(name string) slog.Handler {
	return &atLeast{h.Handler.WithGroup(name), h.level}
}
