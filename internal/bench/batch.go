package bench

import (
	"fmt"
	"math/rand/v2"

	"github.com/gradientlearning/cola/adapter"
	"github.com/gradientlearning/cola/internal/plan"
	"github.com/gradientlearning/cola/linalg"
	"github.com/gradientlearning/cola/model"
)

// batch makes the batch of all participants: random ids, every one of them with a label.
func (s Step) batch(base *model.Base, mode model.Mode) (*model.Batch, error) {
	c := base.Config()
	r := rand.New(rand.NewPCG(4, 4))
	b, tokens, targets := &model.Batch{}, 0, 0
	for k := range s.Participants {
		o := model.Owner{Participant: nameOf(k), Lo: len(b.Starts), Hi: len(b.Starts) + len(s.Texts), Scale: 1}
		if mode != model.Merged {
			var err error
			if o.Adapters, err = s.adapters(base.Sites(), k); err != nil {
				return nil, err
			}
		}
		b.Owners = append(b.Owners, o)
		for _, n := range s.Texts {
			b.Starts = append(b.Starts, int32(tokens))
			tokens += n
			if c.Task == "seq2seq-lm" {
				b.LabelStarts = append(b.LabelStarts, int32(targets))
				targets += s.Targets
			}
		}
	}
	const reserved = 3 // ids below are for starts, ends and padding
	ids := func(n int) *linalg.Tensor {
		t := linalg.New(linalg.I32, n)
		for i := range t.I32() {
			t.I32()[i] = int32(reserved + r.IntN(c.Vocabulary-reserved))
		}
		return t
	}
	b.Inputs, b.Labels = ids(tokens), linalg.New(linalg.I32, len(b.Starts))
	switch {
	case c.Task == "seq2seq-lm":
		b.Labels = ids(targets)
	case c.Task == "seq-cls" && c.Classes == 1:
		b.Labels = linalg.New(linalg.F32, len(b.Starts))
	case c.Task != "seq-cls":
		b.Labels = b.Inputs
	}
	counts, err := base.Predictions(b, mode)
	if err != nil {
		return nil, err
	}
	for k, n := range counts {
		b.Owners[k].Scale = 1 / float32(max(n, 1))
	}
	return b, nil
}

// nameOf names a participant.
func nameOf(k int) string { return fmt.Sprintf("p%d", k) }

// mixed are the adapters of participants of different kinds, in turn. The ranks and widths
// of the last two are the paper's.
var mixed = []adapter.Spec{
	{Kind: adapter.LowRank, Rank: 8},
	{Kind: adapter.LowRank, Rank: 4},
	{Kind: adapter.Linear},
	{Kind: adapter.LowRank, Rank: 16},
	{Kind: adapter.MLP, Hidden: []int{128, 256}},
}

// spec returns the adapter of participant k.
func (s Step) spec(k int) adapter.Spec {
	if s.Mixed {
		return mixed[k%len(mixed)]
	}
	return s.Adapter
}

// adapters makes participant k's, after some training: nothing in them is zero.
func (s Step) adapters(sites []adapter.Site, k int) ([]adapter.Adapter, error) {
	var list []adapter.Adapter
	for _, site := range sites {
		a, err := adapter.New(site, s.spec(k), adapter.Rand(4, nameOf(k), site.Name))
		if err != nil {
			return nil, err
		}
		trained(a)
		list = append(list, a)
	}
	return list, nil
}

// trained gives an adapter small random parameters.
func trained(a adapter.Adapter) {
	for _, p := range a.Params() {
		for i, v := range random(p.Value.Len()).F32() {
			p.Value.F32()[i] = 1e-3 * v
		}
	}
}

// planned describes the step to [plan.Predict].
func (s Step) planned() (plan.Config, error) {
	c := plan.Config{Model: s.Model, Mode: s.Mode, X: linalg.F32, G: linalg.F32, DropZeroRows: true}
	task, err := model.Declare(newCounter(), s.Model)
	if err != nil {
		return c, err
	}
	for k := range s.Participants {
		l := plan.Load{Participant: nameOf(k), Adapter: s.spec(k), Texts: s.Texts}
		if task.Config().Task == "seq2seq-lm" {
			l.Targets = cycle([]int{s.Targets}, len(s.Texts))
		}
		c.Loads = append(c.Loads, l)
	}
	return c, nil
}

// plan returns the memory that cola plan predicts, but for tuples that wait to be sent.
func (s Step) plan() (int64, error) {
	c, err := s.planned()
	if err != nil {
		return 0, err
	}
	p, err := plan.Predict(c)
	if err != nil {
		return 0, err
	}
	return p.Memory() - p.Tuples, nil
}
