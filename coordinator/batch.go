package coordinator

import (
	"math"
	"slices"

	"github.com/gradientlearning/cola/linalg"
	"github.com/gradientlearning/cola/model"
	"github.com/gradientlearning/cola/protocol"
)

// ownBatch is a participant's batch of one round: the fields of a [model.Batch].
type ownBatch struct {
	inputs, labels      *linalg.Tensor
	starts, labelStarts []int32 // nil where the task has none
	examples            int
	predictions         int // that have a label: what its loss is the mean over
}

// model returns the batch as one of its own.
func (b *ownBatch) model(owner model.Owner) *model.Batch {
	owner.Lo, owner.Hi = 0, b.examples
	return &model.Batch{Inputs: b.inputs, Starts: b.starts, Labels: b.labels, LabelStarts: b.labelStarts, Owners: []model.Owner{owner}}
}

// sectionsOf are the sections of a batch, by the model's task.
func sectionsOf(task string) []string {
	switch task {
	case "image-cls":
		return []string{"inputs", "labels"}
	case "seq2seq-lm":
		return []string{"inputs", "labels", "starts", "label_starts"}
	}
	return []string{"inputs", "labels", "starts"}
}

// checkBatch takes a batch apart and checks all of it against the model: what is wrong with
// it is its participant's.
func (c *Coordinator) checkBatch(m *member, b *protocol.Batch) (*ownBatch, error) {
	const fix = "check the participant's data"
	round := b.Round + 1
	want := sectionsOf(c.base.Config().Task)
	if !slices.EqualFunc(b.Sections, want, func(s protocol.Section, name string) bool { return s.Name == name }) {
		return nil, m.blame(round, protocol.CodeProtocol, "use a participant of the same release", "a batch for this model has the sections %v", want)
	}
	own := &ownBatch{inputs: b.Sections[0].Tensor, labels: b.Sections[1].Tensor}
	dtype := linalg.F32
	if c.base.Config().Path != "" {
		dtype = linalg.I32
	}
	if own.inputs.DType() != dtype {
		return nil, m.blame(round, protocol.CodeBadData, fix, "inputs of %v; the job's model takes %v", own.inputs.DType(), dtype)
	}
	for i, starts := range []*[]int32{&own.starts, &own.labelStarts} {
		if 2+i >= len(b.Sections) {
			break
		}
		t := b.Sections[2+i].Tensor
		if t.DType() != linalg.I32 || len(t.Shape()) != 1 || t.Len() == 0 {
			return nil, m.blame(round, protocol.CodeBadData, fix, "%s %v of %v: one i32 is for each text", want[2+i], t.Shape(), t.DType())
		}
		*starts = t.I32()
	}
	own.examples = len(own.starts)
	if own.starts == nil && len(own.inputs.Shape()) > 0 {
		own.examples = own.inputs.Rows()
	}
	if own.examples < 1 || own.examples > c.job.Batch {
		return nil, m.blame(round, protocol.CodeBadData, fix, "a batch of %d examples; the job takes 1 to %d", own.examples, c.job.Batch)
	}
	predictions, err := c.base.Predictions(own.model(model.Owner{Participant: m.name}), c.mode)
	if err != nil {
		return nil, m.blame(round, protocol.CodeBadData, fix, "its batch does not fit the model: %w", err)
	}
	if own.predictions = predictions[0]; own.predictions == 0 {
		return nil, m.blame(round, protocol.CodeBadData, "give longer texts, or a larger --max-length, so that something is left to be learnt",
			"none of the tokens in its batch has a label: there is nothing to learn from it")
	}
	if own.inputs.DType() == linalg.F32 {
		if i := firstNonFinite(own.inputs.F32()); i >= 0 {
			return nil, m.blame(round, protocol.CodeBadData, fix, "input row %d holds a number that is not finite", i/own.inputs.Cols())
		}
	}
	return own, nil
}

// firstNonFinite returns the index of the first NaN or infinity, or -1.
func firstNonFinite(v []float32) int {
	return slices.IndexFunc(v, func(f float32) bool {
		return math.IsNaN(float64(f)) || math.IsInf(float64(f), 0)
	})
}

// rows is how much there is to compute for the batch: its examples, or the tokens of its texts
// and of what is to be written.
func (b *ownBatch) rows() int {
	n := b.inputs.Rows()
	if b.labelStarts != nil {
		n += b.labels.Rows()
	}
	return n
}

// predictionsOf counts what has a label in the members' batches.
func predictionsOf(members []*member) int {
	n := 0
	for _, m := range members {
		n += m.batch.predictions
	}
	return n
}

// aggregate packs the members' batches into one for a pass on a device, each with its own
// examples, whose predictions count scale.
func aggregate(members []*member, dev linalg.Device, scale func(*member) float32) *model.Batch {
	batch := &model.Batch{}
	var inputs, labels []*linalg.Tensor
	tokens, targets, lo := 0, 0, 0
	for _, m := range members {
		b := m.batch
		batch.Starts = appendShifted(batch.Starts, b.starts, tokens)
		batch.LabelStarts = appendShifted(batch.LabelStarts, b.labelStarts, targets)
		batch.Owners = append(batch.Owners, model.Owner{Participant: m.name, Lo: lo, Hi: lo + b.examples, Adapters: m.on(dev), Scale: scale(m)})
		inputs, labels = append(inputs, b.inputs), append(labels, b.labels)
		tokens, targets, lo = tokens+b.inputs.Rows(), targets+b.labels.Rows(), lo+b.examples
	}
	batch.Inputs, batch.Labels = concatenate(inputs), concatenate(labels)
	return batch
}

// appendShifted appends starts, moved by n. Without any it stays nil.
func appendShifted(list, starts []int32, n int) []int32 {
	for _, s := range starts {
		list = append(list, s+int32(n))
	}
	return list
}

// concatenate puts host tensors, whose rows have the same shape, behind each other.
func concatenate(list []*linalg.Tensor) *linalg.Tensor {
	shape := slices.Clone(list[0].Shape())
	shape[0] = 0
	for _, t := range list {
		shape[0] += t.Rows()
	}
	out := linalg.New(list[0].DType(), shape...)
	lo := 0
	for _, t := range list {
		copyRows(out.RowRange(lo, lo+t.Rows()), t)
		lo += t.Rows()
	}
	return out
}

// copyRows copies a host tensor of F32 or I32 into one of the same type and shape.
func copyRows(dst, src *linalg.Tensor) {
	if src.DType() == linalg.I32 {
		copy(dst.I32(), src.I32())
		return
	}
	copy(dst.F32(), src.F32())
}
