package coordinator

import (
	"errors"
	"fmt"

	"github.com/gradientlearning/cola/adapter"
	"github.com/gradientlearning/cola/data"
	"github.com/gradientlearning/cola/linalg"
	"github.com/gradientlearning/cola/model"
)

// evaluation is the last one done, by participant.
type evaluation struct {
	round    uint64
	examples int
	accuracy map[string]float64
	loss     map[string]float64
}

// What bounds the memory of one forward pass.
const (
	evaluationExamples = 500
	evaluationTokens   = 1 << 14
)

// evaluationBatch is the number of examples of one forward pass.
func evaluationBatch(f data.Format) int {
	if f.Longest == 0 {
		return evaluationExamples
	}
	return max(1, min(evaluationExamples, evaluationTokens/f.Longest))
}

// evaluateIfDue evaluates after a commit, every so many rounds and at the end.
func (c *Coordinator) evaluateIfDue() error {
	if c.Test == nil {
		return nil
	}
	if c.round == c.job.Rounds {
		return c.evaluateFinally()
	}
	if !c.evaluationIsDue() {
		return nil
	}
	if n := c.job.Eval.Examples; n > 0 && n < c.Test.Len() {
		return c.evaluate(data.Head(c.Test, n))
	}
	return c.evaluate(c.Test)
}

// evaluationIsDue says whether a multiple of so many rounds, or the last round, lies in the
// interval that has just been fitted.
func (c *Coordinator) evaluationIsDue() bool {
	every := c.job.Eval.Every
	return c.round == c.job.Rounds || every > 0 && c.round/every != c.interval.start/every
}

// evaluateFinally evaluates what the job ends with.
func (c *Coordinator) evaluateFinally() error {
	if n := c.job.Eval.Final; n > 0 && n < c.Test.Len() {
		return c.evaluate(data.Head(c.Test, n))
	}
	return c.evaluate(c.Test)
}

// evaluate runs the test set through every participant's model. In merged mode that is
// one model, run once.
func (c *Coordinator) evaluate(test data.Dataset) error {
	e := evaluation{round: c.round, examples: test.Len()}
	var err error
	e.accuracy, e.loss, err = c.evaluateAll(test)
	if err == nil {
		c.lastEval = e
	}
	return err
}

// evaluateAll returns every member's accuracy and loss.
func (c *Coordinator) evaluateAll(test data.Dataset) (accuracy, loss map[string]float64, err error) {
	participants := sortedKeys(c.members)
	different := participants
	if c.mode == model.Merged {
		different = participants[:min(1, len(participants))]
	}
	shares, losses := make([]float64, len(different)), make([]float64, len(different))
	err = c.everywhere(func(replica int, base *model.Base) (err error) {
		for i := replica; i < len(different) && err == nil; i += len(c.replicas) {
			shares[i], losses[i], err = c.evaluateMember(test, base, c.members[different[i]])
		}
		return err
	})
	if err != nil {
		return nil, nil, err
	}
	accuracy, loss = map[string]float64{}, map[string]float64{}
	for i, name := range participants {
		accuracy[name], loss[name] = shares[min(i, len(shares)-1)], losses[min(i, len(losses)-1)]
	}
	return accuracy, loss, nil
}

// evaluateMember returns the share of the predictions that are right, and the mean of their
// losses. A prediction is an example, or a token of a language model; of a regression none
// is right.
func (c *Coordinator) evaluateMember(test data.Dataset, base *model.Base, m *member) (accuracy, loss float64, err error) {
	mode, adapters := c.mode, m.on(base.Device())
	if deltas := deltasOf(base.Device(), adapters); deltas != nil { // half the multiplications of an unmerged pass
		if err := base.Merge(deltas); err != nil {
			return 0, 0, memoryFault(c.round, "the adapters of participant "+m.name+" in the weights", err)
		}
		defer base.Unmerge()
		mode, adapters = model.Merged, nil
	}
	correct, count, size := 0, 0, evaluationBatch(test.Format())
	for lo := 0; lo < test.Len(); {
		var indices []int
		for i := lo; i < min(lo+size, test.Len()); i++ {
			indices = append(indices, i)
		}
		batch := test.Batch(indices)
		result, err := base.Evaluate(&model.Batch{
			Inputs: batch.Inputs, Starts: batch.Starts, Labels: batch.Labels, LabelStarts: batch.LabelStarts,
			Owners: []model.Owner{{Participant: m.name, Hi: len(indices), Adapters: adapters, Scale: 1}},
		}, mode)
		if errors.Is(err, linalg.ErrOutOfMemory) && size > 1 {
			size = (min(size, len(indices)) + 1) / 2
			continue
		}
		if err != nil {
			return 0, 0, fmt.Errorf("evaluation of participant %s: %w", m.name, passFault(c.round, err))
		}
		lo += len(indices)
		correct, count = correct+result.Correct[0], count+result.Count[0]
		loss += result.Loss[0] * float64(result.Count[0])
	}
	return data.Accuracy(correct, count), loss / float64(max(count, 1)), nil
}

// deltasOf returns what adapters add to each site, or nil where there are none or one of them
// cannot be merged.
func deltasOf(dev linalg.Device, adapters []adapter.Adapter) []model.Delta {
	var deltas []model.Delta
	for _, a := range adapters {
		weight, bias, err := a.Delta(dev)
		if err != nil {
			return nil
		}
		deltas = append(deltas, model.Delta{Weight: weight, Bias: bias})
	}
	return deltas
}

// observation returns what can be seen after a round.
func (c *Coordinator) observation(round uint64) Observation {
	o := Observation{Round: round, Rounds: c.job.Rounds, Version: c.version, Participants: sortedKeys(c.members)}
	n := 0
	for _, name := range o.Participants {
		if loss, ok := c.lastLoss[name]; ok {
			o.Loss += loss
			n++
		}
	}
	if n > 0 {
		o.Loss /= float64(n)
	}
	if c.lastEval.accuracy != nil && c.lastEval.round == round {
		o.Accuracy, o.TestLoss = c.accuracy(), c.lastEval.loss
	}
	return o
}

// regression reports whether the model predicts a number for each text.
func (c *Coordinator) regression() bool {
	m := c.base.Config()
	return m.Task == "seq-cls" && m.Classes == 1
}

// accuracy returns that of the last evaluation; numbers have none.
func (c *Coordinator) accuracy() map[string]float64 {
	if c.regression() {
		return nil
	}
	return c.lastEval.accuracy
}
