package model

import (
	"errors"
	"fmt"
	"math"

	"github.com/gradientlearning/cola/linalg"
)

// Result is what a pass tells of each owner, in their order.
type Result struct {
	Loss    []float64 // mean over the owner's predictions that have a label
	Correct []int     // predictions whose largest logit is the label's; 0 of a regression
	Count   []int     // predictions that have a label
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
	defer p.close()
	p.sink, p.checkpoints = sink, b.config.Checkpoints
	return b.run(p, batch)
}

// Evaluate runs forward only.
func (b *Base) Evaluate(batch *Batch, mode Mode) (Result, error) {
	if err := b.check(batch, mode); err != nil {
		return Result{}, err
	}
	p := b.newPass(batch, mode)
	defer p.close()
	return b.run(p, batch)
}

// Logits runs forward and returns the logits on the host: (examples, classes) of a
// classifier, (tokens, vocabulary) of a language model.
func (b *Base) Logits(batch *Batch, mode Mode) (*linalg.Tensor, error) {
	if err := b.check(batch, mode); err != nil {
		return nil, err
	}
	p := b.newPass(batch, mode)
	defer p.close()
	out := b.network.forward(p, batch)
	if head := b.network.head(); head != nil {
		out = p.linear(head, out)
	}
	logits := download(b.dev, out.Value).Convert(linalg.F32)
	p.end(0, nil)
	return logits, b.dev.Err()
}

// Predictions counts the predictions of each owner that have a label: what its loss is the
// mean over.
func (b *Base) Predictions(batch *Batch, mode Mode) ([]int, error) {
	if err := b.check(batch, mode); err != nil {
		return nil, err
	}
	labels := b.network.labels(batch)
	counts := make([]int, len(batch.Owners))
	for k, r := range b.network.predicted(batch) {
		for i := r.Lo; i < r.Hi; i++ {
			if labelled(labels, i) {
				counts[k]++
			}
		}
	}
	return counts, nil
}

// labelled reports whether row i has a label.
func labelled(labels *linalg.Tensor, i int) bool {
	return labels.DType() == linalg.F32 || labels.I32()[i] != Ignored
}

func (b *Base) newPass(batch *Batch, mode Mode) *pass {
	p := &pass{Tape: NewTape(b.dev, b.dev.Hidden(b.config.Precision)), sites: b.sites, owners: batch.Owners, mode: mode, settle: func() {}}
	if mode != Merged {
		p.owners, p.settle = placeAdapters(b.dev, batch.Owners)
	}
	return p
}

// close lets go of what was put on the device for the pass.
func (p *pass) close() {
	p.settle()
	for _, t := range p.loans {
		p.dev.Free(t)
	}
}

// run runs forward, the loss, and backward if anything wants a gradient.
func (b *Base) run(p *pass, batch *Batch) (Result, error) {
	out, labels := b.network.forward(p, batch), b.network.labels(batch)
	scale := linalg.New(linalg.F32, out.Value.Rows())
	for k, r := range out.rows {
		for i := r.Lo; i < r.Hi; i++ {
			scale.F32()[i] = batch.Owners[k].Scale
		}
	}
	l := predictions{labels: labels, scale: scale, owned: out.rows}
	head := b.network.head()
	if head != nil && head.layer.index >= 0 {
		out, head = p.linear(head, out), nil
	}
	if head == nil {
		p.lossOfLogits(out, &l)
	} else {
		p.lossOfHead(head, out, &l)
	}
	if err := b.dev.Err(); err != nil {
		return Result{}, err
	}
	result, err := l.summarise(batch)
	if err != nil {
		return Result{}, err
	}
	p.Backward()
	p.end(0, nil)
	return result, b.dev.Err()
}

// predictions are what the loss is taken of, and the loss, on the host. Where a head is
// computed in chunks they are the rows that have a label.
type predictions struct {
	labels, scale *linalg.Tensor // (n)
	owned         []Rows         // by owner
	loss          *linalg.Tensor // (n)
	largest       *linalg.Tensor // (n), I32: the index of the largest logit; nil of a regression
}

// lossOfLogits is the loss where the logits are there.
func (p *pass) lossOfLogits(logits *Var, l *predictions) {
	labels, scale := p.place(l.labels), p.place(l.scale)
	if l.labels.DType() == linalg.F32 {
		l.loss = p.bring(p.SquaredError(logits, labels, scale))
		return
	}
	l.largest = p.argmax(logits.Value)
	l.loss = p.bring(p.CrossEntropy(logits, labels, scale))
}

// lossOfHead is the loss of a language model: rows without a label never meet the head.
func (p *pass) lossOfHead(head *linear, x *Var, l *predictions) {
	var rows, labels []int32
	var scale []float32
	var owned []Rows
	for _, r := range l.owned {
		begin := len(rows)
		for i := r.Lo; i < r.Hi; i++ {
			if label := l.labels.I32()[i]; label != Ignored {
				rows, labels, scale = append(rows, int32(i)), append(labels, label), append(scale, l.scale.F32()[i])
			}
		}
		owned = append(owned, Rows{begin, len(rows)})
	}
	l.owned, l.labels, l.scale = owned, linalg.FromI32(labels, len(labels)), linalg.FromF32(scale, len(scale))
	selected := p.Select(x, p.place(linalg.FromI32(rows, len(rows))))
	loss, largest := p.HeadLoss(selected, head.layer.packed, head.layer.workingBias, p.place(l.labels), p.place(l.scale))
	l.loss, l.largest = p.bring(loss), p.bring(largest)
}

// argmax returns the index of each row's largest element, on the host.
func (p *pass) argmax(x *linalg.Tensor) *linalg.Tensor {
	index := p.dev.Empty(linalg.I32, x.Rows())
	p.dev.Argmax(index, x)
	return p.bring(index)
}

// summarise adds up each owner's predictions, in row order and in float64.
func (l *predictions) summarise(batch *Batch) (Result, error) {
	var result Result
	for k, r := range l.owned {
		sum, correct, count := 0.0, 0, 0
		for i := r.Lo; i < r.Hi; i++ {
			if !labelled(l.labels, i) {
				continue
			}
			count++
			sum += float64(l.loss.F32()[i])
			if l.largest != nil && l.largest.I32()[i] == l.labels.I32()[i] {
				correct++
			}
		}
		if math.IsNaN(sum) || math.IsInf(sum, 0) {
			return Result{}, &DivergedError{batch.Owners[k].Participant}
		}
		result.Loss = append(result.Loss, sum/float64(max(count, 1)))
		result.Correct = append(result.Correct, correct)
		result.Count = append(result.Count, count)
	}
	return result, nil
}
