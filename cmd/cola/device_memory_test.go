package main

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/gradientlearning/cola/coordinator"
	"github.com/gradientlearning/cola/internal/plan"
	"github.com/gradientlearning/cola/linalg"
	"github.com/gradientlearning/cola/protocol"
)

// A lack of memory is told with the plan's numbers, and everything else as it is.
func TestExplainMemory(t *testing.T) {
	m := &memoryPlan{prediction: &plan.Prediction{OnDevice: 3e9, Activations: 2e9, Adapters: 1e9}, free: 4e9}
	fault := protocol.Faultf(protocol.CodeOutOfMemory, coordinator.MemoryFix, "a pass: %w", linalg.ErrOutOfMemory)
	got := m.explain(fmt.Errorf("round 3: %w", fault))
	for _, part := range []string{"a pass", "up to 6.0 GB", "weights 3.0 GB", "activations 2.0 GB", "adapters 1.0 GB", "4.0 GB that were free"} {
		if !strings.Contains(got.Error(), part) {
			t.Errorf("%q lacks %q", got, part)
		}
	}
	other := protocol.Faultf(protocol.CodeDiverged, "", "no")
	if !errors.Is(m.explain(other), other) || m.explain(other).Error() != other.Error() || (&memoryPlan{}).explain(fault).Error() != fault.Error() || m.explain(nil) != nil {
		t.Error("what is no lack of memory, or was not planned, is told otherwise")
	}
}

// Blocks are computed twice as the job says; where it does not, and a GPU computes, as need be.
func TestCheckpointSettings(t *testing.T) {
	text := coordinator.DefaultTextJob()
	text.Model.Path = "gpt2"
	all, third := text, text
	all.Model.Checkpointing, third.Model.CheckpointBlocks = true, 3
	for name, c := range map[string]struct {
		job  coordinator.Job
		gpu  bool
		want []int
	}{
		"on the CPU":       {text, false, []int{0}},
		"on a GPU":         {text, true, []int{0, 4, 3, 2, 1}},
		"checkpointing":    {all, true, []int{1}},
		"one in three":     {third, true, []int{3}},
		"of images":        {coordinator.DefaultJob(), true, []int{0}},
		"as the job wants": {all, false, []int{1}},
	} {
		if got := checkpointSettings(c.job, c.gpu); !slices.Equal(got, c.want) {
			t.Errorf("%s: %v, want %v", name, got, c.want)
		}
	}
}
