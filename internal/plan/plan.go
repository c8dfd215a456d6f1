package plan

import (
	"fmt"

	"github.com/gradientlearning/cola/adapter"
	"github.com/gradientlearning/cola/linalg"
	"github.com/gradientlearning/cola/linalg/dryrun"
	"github.com/gradientlearning/cola/model"
)

// Config says what to predict.
type Config struct {
	// Model is the base model; of its files config.json alone is read.
	Model model.Config
	// Mode says how the pass treats adapters.
	Mode model.Mode
	// Loads are what the participants give in a round.
	Loads []Load
	// X and G are the types in which the device is asked for tuples, and in which these travel,
	// unless Wire says otherwise.
	X, G linalg.DType
	Wire Wire
	// DropZeroRows says that rows whose g is zero do not travel.
	DropZeroRows bool
	// Broadcast says that the merged update travels with each commit.
	Broadcast bool
	// PackedBytes is what the device keeps of a frozen matrix (out, in), HiddenType what it keeps
	// values in, and Pooled says of which tensors it keeps the memory; nil: what the CPU does. Whole
	// says that it does so block by block, as the CPU does not.
	PackedBytes func(out, in int, precision linalg.Precision) int64
	HiddenType  func(precision linalg.Precision) linalg.DType
	Pooled      func(dtype linalg.DType, elements int) bool
	Whole       bool
}

// Load is a participant's part of a round.
type Load struct {
	Participant string
	Adapter     adapter.Spec
	Images      int   // how many; 0 of texts
	Texts       []int // the tokens of each text
	Targets     []int // of seq2seq-lm: the tokens of each target
}

// Prediction is what a round takes, in bytes.
type Prediction struct {
	// Weights is the working copy, and pristine parameters that are not mapped from a file.
	Weights int64
	// File is what of the pristine parameters is mapped, in F32: more than it is where the files
	// hold halves. Passes touch none of it but rows of tables.
	File int64
	// OnDevice is what of the weights lies in the memory of a device that has its own.
	OnDevice int64
	// Activations is the most that a pass holds at once beside the weights.
	Activations int64
	// Tuples is the copies of x and g that wait to be sent, at most: those of a round, on the
	// host and as they travel.
	Tuples int64
	// Adapters is what the coordinator holds of the participants' own.
	Adapters int64
	// Participants are the bytes on each participant's connection.
	Participants []Traffic
}

// Memory is the sum of all kinds.
func (p Prediction) Memory() int64 { return p.Weights + p.Activations + p.Tuples + p.Adapters }

// Device is what a device with memory of its own holds at most.
func (p Prediction) Device() int64 { return p.OnDevice + p.Activations + p.Adapters }

// Traffic is the bytes of a participant's messages in a round, frames and all, uncompressed.
type Traffic struct {
	Participant string `json:"participant"`
	Batch       int64  `json:"batch"`  // to the coordinator
	Tuples      int64  `json:"tuples"` // from it
	Update      int64  `json:"update"` // to the coordinator, once an interval
	Commit      int64  `json:"commit"` // from it, once an interval
}

// Predict runs one round dry.
func Predict(c Config) (*Prediction, error) {
	dev := dryrun.New()
	if c.PackedBytes != nil {
		dev.PackedBytes = c.PackedBytes
	}
	if c.HiddenType != nil {
		dev.HiddenType = c.HiddenType
	}
	if c.Pooled != nil {
		dev.Pooled = c.Pooled
	}
	if c.Whole {
		dev.KeepWhole()
	}
	base, err := model.Declare(dev, c.Model)
	if err != nil {
		return nil, err
	}
	sites := base.Sites()
	p := &Prediction{Weights: base.Bytes(), File: base.Mapped(), OnDevice: base.OnDevice()}
	s := &sink{sites: sites, config: c, task: base.Config().Task}
	batch := c.batch(base.Config())
	for _, l := range c.Loads {
		t := Traffic{Participant: l.Participant, Batch: l.batchBytes(base.Config(), c.Wire)}
		own := int64(0)
		for i, site := range sites {
			shapes, err := parameters(site, l.Adapter)
			if err != nil {
				return nil, fmt.Errorf("participant %s: site %s: %w", l.Participant, site.Name, err)
			}
			for name, shape := range shapes {
				own += 4 * int64(linalg.Elements(shape))
				t.Update += section(site.Name+"."+name, shape, 4)
			}
			t.Commit += mergedBytes(sites[i], c.Broadcast)
		}
		t.Update, t.Commit = t.Update+frame, t.Commit+frame
		if c.Mode != model.Merged {
			p.Adapters += own
		}
		p.Participants = append(p.Participants, t)
	}
	if c.Mode != model.Merged {
		for k, l := range c.Loads {
			batch.Owners[k].Adapters = planned(sites, l.Adapter)
		}
	}
	s.participants = p.Participants
	dev.Reset()
	before := dev.Live()
	if _, err := base.Pass(batch, c.Mode, s); err != nil {
		return nil, err
	}
	p.Activations, p.Tuples = dev.Peak()-before, s.copies
	return p, nil
}

// batch makes the aggregated batch of the loads.
func (c Config) batch(m model.Config) *model.Batch {
	b := &model.Batch{}
	tokens, targets, n := 0, 0, 0
	for _, l := range c.Loads {
		examples := max(l.Images, len(l.Texts))
		b.Owners = append(b.Owners, model.Owner{Participant: l.Participant, Lo: n, Hi: n + examples, Scale: 1})
		n += examples
		for i, length := range l.Texts {
			b.Starts = append(b.Starts, int32(tokens))
			tokens += length
			if len(l.Targets) > 0 {
				b.LabelStarts = append(b.LabelStarts, int32(targets))
				targets += l.Targets[i]
			}
		}
	}
	switch {
	case m.Path == "":
		b.Inputs, b.Labels = linalg.New(linalg.F32, append([]int{n}, m.Input...)...), linalg.New(linalg.I32, n)
		return b
	case len(b.LabelStarts) > 0:
		b.Labels = linalg.New(linalg.I32, targets)
	case m.Task == "seq-cls" && m.Classes == 1:
		b.Labels = linalg.New(linalg.F32, n)
	case m.Task == "seq-cls":
		b.Labels = linalg.New(linalg.I32, n)
	default:
		b.Labels = linalg.New(linalg.I32, tokens)
	}
	b.Inputs = linalg.New(linalg.I32, tokens)
	return b
}
