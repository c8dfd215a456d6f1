package membership

import (
	"bytes"
	"context"
	"log"
	"log/slog"
	"sync"
)

// bridge returns a standard logger, which memberlist wants, that writes to logger until it
// is silenced: memberlist's goroutines have things to say even after its shutdown, when
// the caller's logger may be gone.
func bridge(logger *slog.Logger) (std *log.Logger, silence func()) {
	w := &logWriter{logger: logger.With("part", "gossip")}
	return log.New(w, "", 0), w.silence
}

type logWriter struct {
	mu     sync.Mutex
	silent bool
	logger *slog.Logger
}

func (w *logWriter) silence() {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.silent = true
}

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
func (w *logWriter) Write(line []byte) (int, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.silent {
		return len(line), nil
	}
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
