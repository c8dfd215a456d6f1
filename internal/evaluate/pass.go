package evaluate

import (
	"fmt"
	"math"
	"strings"

	"github.com/gradientlearning/cola/data"
	"github.com/gradientlearning/cola/linalg"
	"github.com/gradientlearning/cola/model"
)

// pass adds to outcomes what the model says of some examples.
func (e *evaluation) pass(outcomes map[string]*outcome, indices []int, owners []model.Owner, mode model.Mode) error {
	b := e.Data.Batch(indices)
	batch := &model.Batch{Inputs: b.Inputs, Starts: b.Starts, Labels: b.Labels, LabelStarts: b.LabelStarts, Owners: owners}
	for _, o := range owners {
		outcomes[o.Participant].examples += o.Hi - o.Lo
	}
	switch e.Data.Format().Task {
	case data.CausalLM, data.SequenceToSequence:
		if err := e.read(outcomes, batch, mode); err != nil {
			return err
		}
		if e.Decode == nil {
			return nil
		}
		return e.write(outcomes, indices, owners, mode)
	}
	return e.classify(outcomes, batch, mode)
}

// read adds the loss of a language model.
func (e *evaluation) read(outcomes map[string]*outcome, batch *model.Batch, mode model.Mode) error {
	result, err := e.Base.Evaluate(batch, mode)
	if err != nil {
		return err
	}
	for k, owner := range batch.Owners {
		o := outcomes[owner.Participant]
		o.loss += result.Loss[k] * float64(result.Count[k])
		o.count += result.Count[k]
		o.Loss, o.Tokens = o.loss, o.count
	}
	return nil
}

// write adds generated texts, of the examples that have references.
func (e *evaluation) write(outcomes map[string]*outcome, indices []int, owners []model.Owner, mode model.Mode) error {
	texts, ok := e.Data.(data.Texts)
	if !ok {
		return fmt.Errorf("the data set has no prompts to generate from")
	}
	var ids []int32
	var references [][]string
	p, g := &model.Prompts{}, e.Generation
	for _, o := range owners {
		lo := len(p.Starts)
		for _, i := range indices[o.Lo:o.Hi] {
			x := texts.Example(i)
			if len(x.References) == 0 {
				continue
			}
			p.Starts, p.Numbers = append(p.Starts, int32(len(ids))), append(p.Numbers, i)
			ids, references = append(ids, x.Prompt...), append(references, x.References)
			if e.Generation.MaxNew == 0 {
				g.MaxNew = max(g.MaxNew, x.NewTokens)
			}
		}
		if o.Lo, o.Hi = lo, len(p.Starts); o.Hi > o.Lo {
			p.Owners = append(p.Owners, o)
		}
	}
	if len(p.Starts) == 0 {
		return nil
	}
	p.Inputs = linalg.FromI32(ids, len(ids))
	written, err := e.Base.Generate(e.ctx, p, mode, g)
	if err != nil {
		return err
	}
	for _, owner := range p.Owners {
		o := outcomes[owner.Participant]
		for i := owner.Lo; i < owner.Hi; i++ {
			o.Texts = append(o.Texts, strings.TrimSpace(e.Decode(written[i].IDs)))
			o.References = append(o.References, references[i])
		}
	}
	return nil
}

// classify adds the predictions of a classifier or a regression, and their loss.
func (e *evaluation) classify(outcomes map[string]*outcome, batch *model.Batch, mode model.Mode) error {
	logits, err := e.Base.Logits(batch, mode)
	if err != nil {
		return err
	}
	width := logits.Cols()
	for _, owner := range batch.Owners {
		o := outcomes[owner.Participant]
		for i := owner.Lo; i < owner.Hi; i++ {
			row := logits.F32()[i*width : (i+1)*width]
			loss := 0.0
			if batch.Labels.DType() == linalg.F32 {
				value, target := float64(row[0]), float64(batch.Labels.F32()[i])
				loss = (value - target) * (value - target)
				o.Values, o.Targets = append(o.Values, value), append(o.Targets, target)
			} else {
				label := int(batch.Labels.I32()[i])
				var class int
				class, loss = predict(row, label)
				o.Classes, o.Labels = append(o.Classes, class), append(o.Labels, label)
			}
			if math.IsNaN(loss) || math.IsInf(loss, 0) {
				return &model.DivergedError{Participant: owner.Participant}
			}
			o.loss += loss
			o.count++
		}
	}
	return nil
}

// predict returns the first of the largest logits, and −log softmax at the label.
func predict(row []float32, label int) (class int, loss float64) {
	for i, v := range row {
		if v > row[class] {
			class = i
		}
	}
	top, sum := float64(row[class]), 0.0
	for _, v := range row {
		sum += math.Exp(float64(v) - top)
	}
	return class, math.Log(sum) + top - float64(row[label])
}
