package cli

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"strings"
	"syscall"

	"github.com/alecthomas/kong"

	"github.com/gradientlearning/cola/internal/telemetry"
	"github.com/gradientlearning/cola/protocol"
)

// command is the running command as far as its failures need to know it.
type command struct {
	where  string // the verb, once it is known
	json   bool
	screen *telemetry.Screen
}

// fail prints the error as a fault and returns its exit status.
func (c *command) fail(err error) int {
	f := classify(err)
	c.screen.Status("")
	status := f.Code.ExitStatus()
	if c.json {
		attrs := append(telemetry.FaultAttrs(f), slog.String("where", c.where), slog.Int("exit_status", status))
		slog.New(slog.NewJSONHandler(c.screen, nil)).LogAttrs(context.Background(), slog.LevelError, "failed", attrs...)
		return status
	}
	place := []string{c.where}
	if f.Participant != "" {
		place = append(place, "participant "+f.Participant)
	}
	if f.Round != 0 {
		place = append(place, fmt.Sprintf("round %d", f.Round))
	}
	var b strings.Builder
	fmt.Fprintf(&b, "error: %s\n", indent(f.Cause))
	fmt.Fprintf(&b, "where: %s (code %s, exit status %d)\n", strings.Join(place, ", "), f.Code, status)
	if f.Fix != "" {
		fmt.Fprintf(&b, "fix:   %s\n", indent(f.Fix))
	}
	// Nobody is left to tell if this cannot be written.
	_, _ = c.screen.Write([]byte(b.String()))
	return status
}

// panicked prints a panic as the defect that it is, and returns its exit status.
func (c *command) panicked(value any, stack []byte) int {
	status := c.fail(protocol.Faultf(protocol.CodeInternal,
		"report it with what you ran and the stack; this is a defect of cola", "panic: %v", value))
	if c.json {
		slog.New(slog.NewJSONHandler(c.screen, nil)).Error("stack", "stack", string(stack))
	} else {
		_, _ = fmt.Fprintf(c.screen, "\n%s", stack)
	}
	return status
}

// usage turns a parse error into a fault, unless a verb's own check already made one.
func (c *command) usage(err error) error {
	if perr, ok := errors.AsType[*kong.ParseError](err); ok && perr.Context != nil {
		c.where = where(perr.Context)
	}
	if f, ok := errors.AsType[*protocol.Fault](err); ok {
		return f
	}
	return protocol.Faultf(protocol.CodeUsage, fmt.Sprintf("see %s --help", c.where), "%w", err)
}

// classify returns err as a fault. What the operating system says about paths and
// full disks is the user's to mend, wherever it comes up; anything else that nobody
// made a fault of is a defect.
func classify(err error) *protocol.Fault {
	if f, ok := errors.AsType[*protocol.Fault](err); ok {
		return f
	}
	switch {
	case errors.Is(err, syscall.ENOSPC):
		return protocol.Faultf(protocol.CodeDiskFull, "make room on the disk, then run the same command again", "%w", err)
	case errors.Is(err, fs.ErrNotExist), errors.Is(err, fs.ErrPermission), errors.Is(err, fs.ErrExist):
		return protocol.Faultf(protocol.CodeUsage, "check the path and its permissions", "%w", err)
	}
	return protocol.AsFault(err)
}

// asksForJSON finds --log json without a parser: an error of the parser itself is
// owed in the format that was asked for.
func asksForJSON(args []string) bool {
	asked := os.Getenv("COLA_LOG") == telemetry.JSON
	for i, arg := range args {
		if arg == "--" {
			break
		}
		if value, ok := strings.CutPrefix(arg, "--log="); ok {
			asked = value == telemetry.JSON
		} else if arg == "--log" && i+1 < len(args) {
			asked = args[i+1] == telemetry.JSON
		}
	}
	return asked
}

// indent keeps the lines after the first under the first one's text.
func indent(s string) string {
	return strings.ReplaceAll(strings.TrimSpace(s), "\n", "\n       ")
}
