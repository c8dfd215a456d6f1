package golden_test

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/gradientlearning/cola/internal/golden"
	"github.com/gradientlearning/cola/linalg"
)

const folders = "../../model/testdata/golden"

// tolerances by kind: those that the numbers of another implementation in float32 can be
// held to.
func tolerance(kind string) float64 {
	if kind == "logits" || kind == "loss" {
		return 1e-5
	}
	return 1e-4
}

// Every folder agrees: logits and loss, every x and g, the gradients of the adapters, and the
// adapters after ten steps of AdamW.
func TestFolders(t *testing.T) {
	entries, err := os.ReadDir(folders)
	if err != nil {
		t.Fatal(err)
	}
	n := 0
	for _, e := range entries {
		if !e.IsDir() {
			continue
		}
		n++
		t.Run(e.Name(), func(t *testing.T) {
			f, err := golden.Read(filepath.Join(folders, e.Name()))
			if err != nil {
				t.Fatal(err)
			}
			report, err := golden.Compare(linalg.NewCPU(), f)
			if err != nil {
				t.Fatal(err)
			}
			if len(report.Ignored) > 0 {
				t.Errorf("not compared: %v", report.Ignored)
			}
			for _, kind := range golden.Kinds {
				worst, ok := report.Worst(kind)
				if !ok {
					t.Errorf("no %s was compared", kind)
				}
				if !(worst.Error <= tolerance(kind)) {
					t.Errorf("%s: relative error %.2g", worst.Tensor, worst.Error)
				}
				t.Logf("%-15s %.2g", kind, worst.Error)
			}
		})
	}
	if n < 24 {
		t.Errorf("%d folders, want 24", n)
	}
}
