package main

import (
	"strings"
	"testing"

	"github.com/gradientlearning/cola/internal/verify"
	"github.com/gradientlearning/cola/protocol"
)

// A report in which one expectation does not hold, the detached one included, ends the
// process with status 1.
func TestVerdict(t *testing.T) {
	passed := verify.Row{Model: "mlp", Check: verify.Unmerged, OK: true}
	if err := verdict(verify.Report{Passed: true, Rows: []verify.Row{passed}}); err != nil {
		t.Errorf("a report that passed: %v", err)
	}
	failed := verify.Row{Model: "mlp", Check: verify.Detached, Site: "layers.0", Precision: verify.Float32}
	err := verdict(verify.Report{Rows: []verify.Row{passed, failed}})
	fault := protocol.AsFault(err)
	if fault.Code != protocol.CodeVerifyFailed || fault.Code.ExitStatus() != 1 {
		t.Fatalf("got %v with exit status %d, want 1", err, fault.Code.ExitStatus())
	}
	if want := "1 of 2 comparisons do not hold, the first is detached of mlp at site layers.0 in float32"; !strings.Contains(fault.Cause, want) {
		t.Errorf("cause %q, want %q", fault.Cause, want)
	}
}
