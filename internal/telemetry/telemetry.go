// Package telemetry is how cola speaks to people and to log collectors: an slog
// logger whose text is quiet and readable, or JSON, and a [Screen] on which log lines
// and a live progress line live together.
//
// Two attributes have fixed names, so that whoever reads a log can follow one
// participant or one round: see [Participant] and [Round].
package telemetry

import (
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"strconv"
	"time"

	"github.com/lmittmann/tint"

	"github.com/gradientlearning/cola/protocol"
)

// The formats of a log.
const (
	Text = "text" // for people
	JSON = "json" // one object a line, for collectors
)

// red is the ANSI colour of whatever went wrong.
const red = 9

// Participant is the attribute that names a participant.
func Participant(name string) slog.Attr { return slog.String("participant", name) }

// Round is the attribute that names a round.
func Round(r uint64) slog.Attr { return slog.Uint64("round", r) }

// Err is the attribute that holds an error. A [protocol.Fault] inside it is spread into
// code, cause, fix, participant and round in JSON.
func Err(err error) slog.Attr { return slog.Any("err", err) }

// New returns a logger in the format [Text] or [JSON] that drops records below level.
// Text is coloured where w is a terminal (or a [Screen] on one) and NO_COLOR is not set.
func New(w io.Writer, format string, level slog.Level) (*slog.Logger, error) {
	switch format {
	case JSON:
		return slog.New(slog.NewJSONHandler(w, &slog.HandlerOptions{Level: level, ReplaceAttr: spreadFault})), nil
	case Text:
		return slog.New(tint.NewTextHandler(w, &tint.Options{
			Level:       level,
			TimeFormat:  time.TimeOnly,
			NoColor:     !colour(w),
			ReplaceAttr: forPeople,
		})), nil
	}
	return nil, fmt.Errorf("unknown log format %q: use %s or %s", format, Text, JSON)
}

// forPeople leaves out the level of ordinary records and digits that nobody reads, and
// shows errors in red.
func forPeople(groups []string, a slog.Attr) slog.Attr {
	if len(groups) == 0 && a.Key == slog.LevelKey {
		if level, ok := a.Value.Any().(slog.Level); ok && level == slog.LevelInfo {
			return slog.Attr{}
		}
	}
	switch a.Value.Kind() {
	case slog.KindFloat64:
		return slog.String(a.Key, strconv.FormatFloat(a.Value.Float64(), 'g', 4, 64))
	case slog.KindDuration:
		return slog.Duration(a.Key, a.Value.Duration().Round(time.Millisecond))
	case slog.KindAny:
		if _, ok := a.Value.Any().(error); ok {
			return tint.Attr(red, a)
		}
	}
	return a
}

// spreadFault writes a fault's parts where a plain error would be written as text.
func spreadFault(_ []string, a slog.Attr) slog.Attr {
	err, ok := a.Value.Any().(error)
	if !ok {
		return a
	}
	f, ok := errors.AsType[*protocol.Fault](err)
	if !ok {
		return a
	}
	return slog.Attr{Key: a.Key, Value: slog.GroupValue(FaultAttrs(f)...)}
}

// FaultAttrs returns a fault's parts as attributes: code, cause and, where they are
// known, fix, participant and round.
func FaultAttrs(f *protocol.Fault) []slog.Attr {
	attrs := []slog.Attr{slog.String("code", string(f.Code)), slog.String("cause", f.Cause)}
	if f.Fix != "" {
		attrs = append(attrs, slog.String("fix", f.Fix))
	}
	if f.Participant != "" {
		attrs = append(attrs, Participant(f.Participant))
	}
	if f.Round != 0 {
		attrs = append(attrs, Round(f.Round))
	}
	return attrs
}

// colour says whether w shows ANSI colours.
func colour(w io.Writer) bool {
	if os.Getenv("NO_COLOR") != "" {
		return false
	}
	return ScreenOf(w).Live()
}
