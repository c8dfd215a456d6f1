package mini_test

import (
	"bytes"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/gradientlearning/cola/coordinator"
	"github.com/gradientlearning/cola/data"
	"github.com/gradientlearning/cola/data/tokenizer"
	"github.com/gradientlearning/cola/internal/evaluate"
	"github.com/gradientlearning/cola/internal/mini"
	"github.com/gradientlearning/cola/internal/sim"
	"github.com/gradientlearning/cola/linalg"
	"github.com/gradientlearning/cola/model"
)

func unpacked(t *testing.T) string {
	t.Helper()
	folder := filepath.Join(t.TempDir(), "cache", mini.Name)
	if err := mini.Unpack(folder); err != nil {
		t.Fatal(err)
	}
	return folder
}

// What is whole stays as it is, and what is not is written again.
func TestUnpackMends(t *testing.T) {
	folder := unpacked(t)
	weights, tokens := filepath.Join(folder, "model.safetensors"), filepath.Join(folder, "tokenizer.json")
	whole, err := os.ReadFile(weights)
	if err != nil {
		t.Fatal(err)
	}
	old := time.Unix(1e9, 0)
	for _, path := range []string{weights, tokens} {
		if err := os.Chtimes(path, old, old); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.WriteFile(weights, whole[:len(whole)/2], 0o600); err != nil {
		t.Fatal(err)
	}
	if err := mini.Unpack(folder); err != nil {
		t.Fatal(err)
	}
	if mended, err := os.ReadFile(weights); err != nil || !bytes.Equal(mended, whole) {
		t.Errorf("half a file was left so: %d of %d bytes, %v", len(mended), len(whole), err)
	}
	if info, err := os.Stat(tokens); err != nil || !info.ModTime().Equal(old) {
		t.Errorf("a file that was whole was written again, %v", err)
	}
	list, err := os.ReadDir(folder)
	if err != nil || len(list) != 8 {
		t.Errorf("%d files, %v", len(list), err)
	}
}

func TestUnpackSaysWhereItCannot(t *testing.T) {
	file := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := mini.Unpack(filepath.Join(file, "folder")); err == nil {
		t.Error("a folder was made within a file")
	}
	folder := unpacked(t)
	inTheWay := filepath.Join(folder, mini.Train)
	if err := os.Remove(inTheWay); err != nil {
		t.Fatal(err)
	}
	if err := os.Mkdir(inTheWay, 0o700); err != nil {
		t.Fatal(err)
	}
	if err := mini.Unpack(folder); err == nil {
		t.Error("a folder in a file's place went unnoticed")
	}
}

// A few rounds of what each participant has of its own kind of instructions make the model better at all
// kinds.
func TestParticipantsTeachTheBase(t *testing.T) {
	if testing.Short() {
		t.Skip("it trains for seconds")
	}
	folder := unpacked(t)
	tokens, err := tokenizer.Open(folder)
	if err != nil {
		t.Fatal(err)
	}
	open := func(file string) *data.Text {
		ds, err := data.OpenText("dolly:"+filepath.Join(folder, file), data.TextOptions{Tokenizer: tokens, Rules: data.DefaultRules(256)})
		if err != nil {
			t.Fatal(err)
		}
		if n := len(ds.Categories()); n != 8 || ds.Truncated() != 0 {
			t.Errorf("%s: %d categories, %d examples cut", file, n, ds.Truncated())
		}
		return ds
	}
	train, held := open(mini.Train), open(mini.HeldOut)
	job, err := coordinator.ParseJob(mini.Job())
	if err != nil {
		t.Fatal(err)
	}
	job.Model.Path, job.Rounds, job.Batch, job.Optimizer.LearningRate = folder, 8, 2, 0.01
	base, err := model.New(linalg.NewCPU(), job.ModelConfig())
	if err != nil {
		t.Fatal(err)
	}
	before, err := evaluate.Run(t.Context(), evaluate.Config{Base: base, Data: held})
	if err != nil {
		t.Fatal(err)
	}
	after, err := sim.Run(t.Context(), sim.Config{
		Job: job, Collaborations: []coordinator.Collaboration{coordinator.Collaborative}, Train: train, Split: data.ByCategory, Test: held, Tokenizer: tokens.Fingerprint(),
	})
	if err != nil {
		t.Fatal(err)
	}
	loss, baseLoss := after.Modes["collaborative"].Loss, float64(before.Overall.Scores[evaluate.Base]["loss"])
	t.Logf("loss on held-out instructions: base %.3f, collaborative %.3f", baseLoss, loss)
	if !(loss < baseLoss-0.1) {
		t.Errorf("the loss on held-out instructions is %.3f, and the base's was %.3f", loss, baseLoss)
	}
}
