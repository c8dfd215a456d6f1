package membership

import (
	"bytes"
	"context"
	"log"
	"log/slog"
)

// bridge returns a standard logger, which memberlist wants, that writes to logger.
func bridge(logger *slog.Logger) *log.Logger {
	return log.New(logWriter{logger.With("part", "gossip")}, "", 0)
}

type logWriter struct{ logger *slog.Logger }

// memberlist's levels, lowered by one: a pool is a hint.
var levels = []struct {
	prefix string
	level  slog.Level
}{
	{"[DEBUG] ", slog.LevelDebug - 4},
	{"[INFO] ", slog.LevelDebug},
	{"[WARN] ", slog.LevelInfo},
	{"[ERR] ", slog.LevelWarn},
	{"[ERROR] ", slog.LevelWarn},
}

// Write takes one line of memberlist's log: "[LEVEL] memberlist: text".
func (w logWriter) Write(line []byte) (int, error) {
	text, level := bytes.TrimSpace(line), slog.LevelInfo
	for _, l := range levels {
		if rest, ok := bytes.CutPrefix(text, []byte(l.prefix)); ok {
			text, level = rest, l.level
			break
		}
	}
	text = bytes.TrimPrefix(text, []byte("memberlist: "))
	w.logger.Log(context.Background(), level, string(text))
	return len(line), nil
}
