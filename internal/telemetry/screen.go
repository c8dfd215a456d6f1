package telemetry

import (
	"io"
	"os"
	"sync"
)

// Screen is a writer with a status line: a last line that is replaced in place on a
// terminal, stays below whatever is written, and does not exist elsewhere. It is safe
// for concurrent use.
type Screen struct {
	mu     sync.Mutex
	w      io.Writer
	live   bool
	status string
}

// clearLine returns to the first column and clears to the end of the line.
const clearLine = "\r\x1b[K"

// NewScreen returns a screen on w, with a status line if live.
func NewScreen(w io.Writer, live bool) *Screen { return &Screen{w: w, live: live} }

// ScreenOf returns w if it is a screen, else a new one on w, live where w is a terminal.
func ScreenOf(w io.Writer) *Screen {
	if s, ok := w.(*Screen); ok {
		return s
	}
	return NewScreen(w, terminal(w))
}

// Live says whether the screen shows a status line.
func (s *Screen) Live() bool { return s.live }

// Write writes p above the status line. p should be whole lines.
func (s *Screen) Write(p []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.status == "" {
		return s.w.Write(p)
	}
	if _, err := io.WriteString(s.w, clearLine); err != nil {
		return 0, err
	}
	n, err := s.w.Write(p)
	if err != nil {
		return n, err
	}
	_, err = io.WriteString(s.w, s.status)
	return n, err
}

// Status replaces the status line; the empty line takes it away. It does nothing where
// the screen is not live. Its failures are of no consequence and not reported.
func (s *Screen) Status(line string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.live || line == s.status {
		return
	}
	s.status = line
	_, _ = io.WriteString(s.w, clearLine+line)
}

// terminal says whether w is a terminal that understands control sequences.
func terminal(w io.Writer) bool {
	f, ok := w.(*os.File)
	if !ok || os.Getenv("TERM") == "dumb" {
		return false
	}
	info, err := f.Stat()
	return err == nil && info.Mode()&os.ModeCharDevice != 0
}
