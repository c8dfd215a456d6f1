package model

import (
	"errors"
	"fmt"
	"math"

	"github.com/gradientlearning/cola/linalg"
)

// Result is what a pass tells of each owner, in their order.
type Result struct {
	Loss    []float64 // mean over the owner's rows
	Correct []int     // rows whose largest logit is the label's
}

// DivergedError says that a participant's loss is not finite.
type DivergedError struct{ Participant string }

// Error names the participant.
func (e *DivergedError) Error() string {
	return fmt.Sprintf("the loss of participant %s is not finite", e.Participant)
}

// Pass runs forward and backward over a batch; tuples leave through the sink. A batch that
// does not fit is an error before anything is computed. A loss that is not finite ends the
// pass between forward and backward, with a *[DivergedError].
func (b *Base) Pass(batch *Batch, mode Mode, sink Sink) (Result, error) {
	if sink == nil {
		return Result{}, errors.New("a pass needs a sink: use Evaluate for the loss alone")
	}
	if err := b.check(batch, mode); err != nil {
		return Result{}, err
	}
	p := b.newPass(batch, mode)
	p.sink = sink
	return b.run(p, batch)
}

// Evaluate runs forward only.
func (b *Base) Evaluate(batch *Batch, mode Mode) (Result, error) {
	if err := b.check(batch, mode); err != nil {
		return Result{}, err
	}
	return b.run(b.newPass(batch, mode), batch)
}

// Logits runs forward and returns the logits, (examples, classes) for images, on the host.
func (b *Base) Logits(batch *Batch, mode Mode) (*linalg.Tensor, error) {
	if err := b.check(batch, mode); err != nil {
		return nil, err
	}
	return download(b.dev, b.forward(b.newPass(batch, mode), batch).Value), nil
}

func (b *Base) newPass(batch *Batch, mode Mode) *pass {
	return &pass{Tape: NewTape(b.dev), layers: b.layers, owners: batch.Owners, mode: mode}
}

// forward returns the logits.
func (b *Base) forward(p *pass, batch *Batch) *Var {
	x := p.Input(upload(b.dev, batch.Inputs))
	x.rows = b.network.rows(batch)
	return b.network.forward(p, x)
}

// run runs forward, the loss, and backward if anything wants a gradient.
func (b *Base) run(p *pass, batch *Batch) (Result, error) {
	logits := b.forward(p, batch)
	scale := linalg.New(linalg.F32, logits.Value.Rows())
	for k, r := range logits.rows {
		for i := r.lo; i < r.hi; i++ {
			scale.F32()[i] = batch.Owners[k].Scale
		}
	}
	loss := p.CrossEntropy(logits, upload(b.dev, batch.Labels), upload(b.dev, scale))
	result, err := summarise(batch, logits.rows, download(b.dev, logits.Value), download(b.dev, loss).F32())
	if err != nil {
		return Result{}, err
	}
	p.Backward()
	return result, nil
}

// summarise adds up each owner's rows, in row order and in float64.
func summarise(batch *Batch, owned []rows, logits *linalg.Tensor, loss []float32) (Result, error) {
	var result Result
	labels, classes := batch.Labels.I32(), logits.Cols()
	for k, r := range owned {
		sum, correct := 0.0, 0
		for i := r.lo; i < r.hi; i++ {
			sum += float64(loss[i])
			if largest(logits.F32()[i*classes:(i+1)*classes]) == int(labels[i]) {
				correct++
			}
		}
		if math.IsNaN(sum) || math.IsInf(sum, 0) {
			return Result{}, &DivergedError{batch.Owners[k].Participant}
		}
		result.Loss = append(result.Loss, sum/float64(r.hi-r.lo))
		result.Correct = append(result.Correct, correct)
	}
	return result, nil
}

// largest returns the index of the first largest element.
func largest(row []float32) int {
	best := 0
	for j, v := range row {
		if v > row[best] {
			best = j
		}
	}
	return best
}
