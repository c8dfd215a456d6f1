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
				if kind == "losses" && !ok {
					continue // few folders have a curve: see TestCurve
				}
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

// Losses of training are compared step by step, in float32 and, less closely, with bfloat16
// products. The folder is bench/peer/gpu_reference.py's, of the model of testdata's gpt2.
func TestCurve(t *testing.T) {
	for precision, most := range map[linalg.Precision]float64{linalg.F32Products: 1e-5, linalg.BF16Products: 1e-2} {
		f, err := golden.Read("testdata/curve")
		if err != nil {
			t.Fatal(err)
		}
		f.Precision = precision
		report, err := golden.Compare(linalg.NewCPU(), f)
		if err != nil {
			t.Fatal(err)
		}
		worst, ok := report.Worst("losses")
		if !ok || !(worst.Error <= most) {
			t.Errorf("%v: losses are off by %.2g", precision, worst.Error)
		}
		n := f.Optimizer.Steps
		if len(report.Losses) != n || !(report.Losses[n-1] < report.Losses[0]-0.1) {
			t.Errorf("%v: losses %v of %d steps", precision, report.Losses, n)
		}
		g, _ := report.Worst("g")
		if bf16 := precision == linalg.BF16Products; bf16 != (g.Error > 1e-4) {
			t.Errorf("%v: g is off by %.2g", precision, g.Error)
		}
	}
}
