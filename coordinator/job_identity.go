package coordinator

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"sync"

	"github.com/gradientlearning/cola/model"
)

// ID is a digest of everything that decides the result, base being the [BaseDigest] of the
// model's files, whose place does not matter. Quorum, deadline, checkpointing and evaluation
// may change between restarts of one job, unless it ends with its best commit; nothing else
// may.
func (j Job) ID(base string) string {
	j.Quorum, j.Deadline = 0, 0
	eval := EvalConfig{Keep: "last"}
	if e := j.Eval; e.Keep == "best" { // what is best is the evaluation's to say
		eval = EvalConfig{
			Every: e.Every, MaxLength: e.MaxLength, Rules: e.Rules, Columns: e.Columns,
			Keep: e.Keep, Validation: e.Validation, ValidationShare: e.ValidationShare,
		}
		if e.Validation == "" {
			eval.Data = e.Data
		}
	}
	j.Eval, j.Mode = eval, j.EffectiveMode()
	j.Model.Path, j.Model.Weights, j.Model.Tokenizer, j.Model.Checkpointing = "", "", "", false
	j.Model.CheckpointBlocks = 0
	for _, list := range []*[]int{&j.Model.Hidden, &j.Adapter.Hidden} {
		if len(*list) == 0 {
			*list = nil // an empty list and none mean the same
		}
	}
	if len(j.Model.Targets) == 0 {
		j.Model.Targets = nil
	}
	text, err := json.Marshal(struct {
		Job  Job
		Base string
	}{j, base})
	if err != nil {
		panic("coordinator: job does not marshal: " + err.Error())
	}
	sum := sha256.Sum256(text)
	return hex.EncodeToString(sum[:8])
}

// identify makes the job's identity, once the model is there: what the job leaves open is
// what the model has.
func (c *Coordinator) identify() (string, error) {
	j, m := c.job, c.base.Config()
	base, err := BaseDigest(m)
	if err != nil {
		return "", err
	}
	j.Model.Task, j.Model.Targets, j.Model.Classes = m.Task, m.Targets, m.Classes
	return j.ID(base), nil
}

// BaseDigest returns the SHA-256 of the files that decide the numbers of a base model, in
// hex: of config.json and, unless the weights are drawn, of model.safetensors or of the index
// and all shards beside it; or of the one file that holds all. It is empty where a model has
// no files.
func BaseDigest(c model.Config) (string, error) {
	files, err := baseFiles(c)
	if err != nil || len(files) == 0 {
		return "", err
	}
	sums, errs := make([]string, len(files)), make([]error, len(files))
	var running sync.WaitGroup
	free := make(chan struct{}, runtime.GOMAXPROCS(0))
	for i, file := range files {
		free <- struct{}{}
		running.Go(func() {
			sums[i], errs[i] = digestFile(file)
			<-free
		})
	}
	running.Wait()
	all := sha256.New()
	for i := range files {
		if errs[i] != nil {
			return "", fmt.Errorf("the base model's files: %w", errs[i])
		}
		fmt.Fprintln(all, sums[i])
	}
	return hex.EncodeToString(all.Sum(nil)), nil
}

// baseFiles lists the files of a base model, in an order that does not depend on where they
// are.
func baseFiles(c model.Config) ([]string, error) {
	switch {
	case c.Path == "" && c.Weights == "":
		return nil, nil
	case c.Path == "":
		return []string{c.Weights}, nil
	case filepath.Ext(c.Path) == ".bin":
		return []string{c.Path}, nil
	}
	files := []string{filepath.Join(c.Path, "config.json")}
	if c.Random {
		return files, nil
	}
	single := filepath.Join(c.Path, "model.safetensors")
	if _, err := os.Stat(single); err == nil {
		return append(files, single), nil
	}
	shards, err := filepath.Glob(filepath.Join(c.Path, "*.safetensors*"))
	slices.Sort(shards)
	return append(files, shards...), err
}

func digestFile(path string) (string, error) {
	f, err := os.Open(path)
	if err != nil {
		return "", err
	}
	defer f.Close() //nolint:errcheck // it was only read
	sum := sha256.New()
	if _, err := io.CopyBuffer(sum, f, make([]byte, 1<<20)); err != nil {
		return "", err
	}
	return hex.EncodeToString(sum.Sum(nil)), nil
}
