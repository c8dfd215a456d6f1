package coordinator

import (
	"fmt"
	"slices"

	"github.com/gradientlearning/cola/data"
	"github.com/gradientlearning/cola/model"
	"github.com/gradientlearning/cola/protocol"
)

// evaluation is the last one done, by participant.
type evaluation struct {
	round    uint64
	examples int
	accuracy map[string]float64
	loss     map[string]float64
}

// evaluationBatch is the number of rows of one forward pass; it bounds memory.
const evaluationBatch = 500

// checkTest says whether the test set fits the model.
func (c *Coordinator) checkTest() error {
	format := c.Test.Format()
	if slices.Equal(format.Shape, c.job.Model.Input) && format.Classes <= c.base.Config().Classes && c.Test.Len() > 0 {
		return nil
	}
	return protocol.Faultf(protocol.CodeJobMismatch, "give [eval] data of the model's shape, or leave it out",
		"the test set (%d examples, inputs %v, %d classes) does not fit the job's model (inputs %v, %d classes)",
		c.Test.Len(), format.Shape, format.Classes, c.job.Model.Input, c.base.Config().Classes)
}

// evaluateIfDue evaluates after a commit, every so many rounds and at the end.
func (c *Coordinator) evaluateIfDue() error {
	if c.Test == nil {
		return nil
	}
	if c.round == c.job.Rounds {
		return c.evaluateFinally()
	}
	every := c.job.Eval.Every
	if every == 0 || c.round/every == c.interval.start/every {
		return nil
	}
	if n := c.job.Eval.Examples; n > 0 && n < c.Test.Len() {
		return c.evaluate(data.Head(c.Test, n))
	}
	return c.evaluate(c.Test)
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
	e := evaluation{round: c.round, examples: test.Len(), accuracy: map[string]float64{}, loss: map[string]float64{}}
	participants := sortedKeys(c.members)
	for i, name := range participants {
		if c.mode == model.Merged && i > 0 {
			e.accuracy[name], e.loss[name] = e.accuracy[participants[0]], e.loss[participants[0]]
			continue
		}
		accuracy, loss, err := c.evaluateMember(test, c.members[name])
		if err != nil {
			return err
		}
		e.accuracy[name], e.loss[name] = accuracy, loss
	}
	c.lastEval = e
	return nil
}

func (c *Coordinator) evaluateMember(test data.Dataset, m *member) (accuracy, loss float64, err error) {
	mode, adapters := c.mode, m.adapters
	if deltas := c.deltasOf(m); deltas != nil { // half the multiplications of an unmerged pass
		if err := c.base.Merge(deltas); err != nil {
			return 0, 0, err
		}
		defer c.base.Unmerge()
		mode, adapters = model.Merged, nil
	}
	correct := 0
	for lo := 0; lo < test.Len(); lo += evaluationBatch {
		indices := make([]int, 0, evaluationBatch)
		for i := lo; i < min(lo+evaluationBatch, test.Len()); i++ {
			indices = append(indices, i)
		}
		batch := test.Batch(indices)
		result, err := c.base.Evaluate(&model.Batch{
			Inputs: batch.Inputs, Labels: batch.Labels,
			Owners: []model.Owner{{Participant: m.name, Hi: len(indices), Adapters: adapters, Scale: 1}},
		}, mode)
		if err != nil {
			return 0, 0, fmt.Errorf("evaluation of participant %s: %w", m.name, passFault(c.round, err))
		}
		correct += result.Correct[0]
		loss += result.Loss[0] * float64(len(indices))
	}
	return data.Accuracy(correct, test.Len()), loss / float64(test.Len()), nil
}

// deltasOf returns what a member's adapters add to each site, or nil where it has none or
// one of them cannot be merged.
func (c *Coordinator) deltasOf(m *member) []model.Delta {
	var deltas []model.Delta
	for _, a := range m.adapters {
		weight, bias, err := a.Delta(c.Device)
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
		o.Accuracy, o.TestLoss = c.lastEval.accuracy, c.lastEval.loss
	}
	return o
}
