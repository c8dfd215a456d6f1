package participant

import (
	"encoding/json"
	"errors"
	"os"
	"path/filepath"

	"github.com/gradientlearning/cola/internal/durable"
)

// A participant that has the final commit and has written its output leaves done.json:
// killed before it could say goodbye and started again, it knows that it is done even
// if the coordinator has gone.

// done is the content of done.json.
type done struct {
	Job    string `json:"job"`
	Result Result `json:"result"`
}

func donePath(dir string) string { return filepath.Join(dir, "done.json") }

// markDone writes done.json.
func (p *Participant) markDone() error {
	if p.StateDir == "" {
		return nil
	}
	text, err := json.Marshal(done{Job: p.states.job, Result: *p.result})
	if err != nil {
		return err
	}
	return durable.Fault(p.StateDir, durable.WriteFile(donePath(p.StateDir), text, 0o600))
}

// wasDone returns the result of a job that is done, nil if none is.
func (p *Participant) wasDone() (*Result, error) {
	if p.StateDir == "" {
		return nil, nil
	}
	text, err := os.ReadFile(donePath(p.StateDir))
	if errors.Is(err, os.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, durable.Fault(p.StateDir, err)
	}
	var d done
	if json.Unmarshal(text, &d) != nil || d.Job != p.states.job {
		return nil, nil // of another job, or not ours: the coordinator will say
	}
	return &d.Result, nil
}
