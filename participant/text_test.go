package participant_test

import (
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/gradientlearning/cola/data"
	"github.com/gradientlearning/cola/linalg"
	"github.com/gradientlearning/cola/protocol"
)

// letters is a data set of text: example i has i%3+1 tokens, all of them i%5.
type letters struct{ task data.Task }

func (letters) Len() int        { return 10 }
func (letters) Label(i int) int { return i % 2 }

func (l letters) Format() data.Format {
	return data.Format{Task: l.task, Classes: 2, Vocabulary: 5, Longest: 3, Tokenizer: "f00d"}
}

func (l letters) Batch(indices []int) data.Batch {
	var ids, starts, labels []int32
	for _, i := range indices {
		starts, labels = append(starts, int32(len(ids))), append(labels, int32(l.Label(i)))
		ids = append(ids, slices.Repeat([]int32{int32(i % 5)}, i%3+1)...)
	}
	b := data.Batch{Inputs: linalg.FromI32(ids, len(ids)), Starts: starts, Labels: linalg.FromI32(labels, len(labels))}
	if l.task == data.SequenceToSequence {
		b.Labels, b.LabelStarts = b.Inputs, starts
	}
	return b
}

// embedding is a job with a table of 5 × 3 as its only site.
func embedding(resume uint64) *protocol.Welcome {
	w := welcome(resume)
	w.Sites[0] = protocol.Site{Name: "head", Kind: "embedding", In: 5, Out: 3}
	return w
}

// idTuples are tuples of ids with gradients of ones.
func idTuples(r uint64, ids ...int32) *protocol.Tuples {
	m := tuples(r, 1)
	g := linalg.New(linalg.F32, len(ids), 3)
	for i := range g.F32() {
		g.F32()[i] = 1
	}
	m.Sections[0].Tensor, m.Sections[1].Tensor = linalg.FromI32(ids, len(ids)), g
	return m
}

// TestTextTravelsPacked looks at what leaves of a data set of text, and fits a table.
func TestTextTravelsPacked(t *testing.T) {
	for _, task := range []data.Task{data.SequenceClassification, data.SequenceToSequence} {
		set := letters{task}
		o := newOffice(t, "")
		o.cfg.Data = set
		want := protocol.Data{Examples: 10, Task: string(task), Classes: 2, Vocabulary: 5, Longest: 3, Tokenizer: "f00d"}
		if diff := cmp.Diff(want, o.start().Data); diff != "" {
			t.Errorf("hello (-want +got):\n%s", diff)
		}
		w := embedding(0)
		w.Job.Encoding = protocol.Encoding{X: protocol.AsBF16, G: protocol.AsBF16, Compress: true}
		o.send(w)
		o.send(&protocol.Open{Round: 0, Rows: 4, End: 1, Version: 1})
		batch := receive[*protocol.Batch](o)
		own := set.Batch(data.NewSampler(10, 4, 5, "ada").Batch(0))
		wanted := []*linalg.Tensor{own.Inputs, own.Labels, linalg.FromI32(own.Starts, 4)}
		names := []string{"inputs", "labels", "starts"}
		if task == data.SequenceToSequence {
			wanted, names = append(wanted, linalg.FromI32(own.LabelStarts, 4)), append(names, "label_starts")
		}
		for i, s := range batch.Sections {
			if i >= len(names) || s.Name != names[i] || !slices.Equal(s.Tensor.I32(), wanted[i].I32()) {
				t.Errorf("%s: section %d is %q %v", task, i, s.Name, s.Tensor.I32())
			}
		}
		if len(batch.Sections) != len(names) {
			t.Errorf("%s: %d sections", task, len(batch.Sections))
		}
		o.send(idTuples(0, 4, 0, 4))
		update := receive[*protocol.Update](o)
		if s := update.Sections[0]; update.Rows != 4 || s.Name != "head.weight" || s.Tensor.F32()[0] != -1 || s.Tensor.F32()[3] != 0 || s.Tensor.F32()[12] != -2 {
			t.Errorf("%s: update %+v %v", task, update, s.Tensor.F32())
		}
	}
}
