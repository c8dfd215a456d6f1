package model

import (
	"math"
	"slices"
)

// beams is a beam search as transformers has it. Of the continuations of all open beams the
// best 2·n are looked at (more where several tokens end a text): those of the best n that
// end are finished, and the best n that do not end stay open.
type beams struct {
	n        int
	open     []beam // best first
	finished []beam // best first, at most n; scores have the length penalty
}

// beam is a continuation and its Σ log p.
type beam struct {
	constraints
	score float64
}

// closed is the score of beams that no candidate is taken from: at first all are the same
// but one, and only that one's candidates count.
const closed = -1e9

func newBeams(c constraints) *beams {
	b := &beams{n: c.g.Beams, open: make([]beam, c.g.Beams)}
	for i := range b.open {
		b.open[i] = beam{c, closed}
	}
	b.open[0].score = 0
	return b
}

func (b *beams) step(logits [][]float32) ([]branch, error) {
	g := &b.open[0].g
	best := newLeaders(b.n * max(2, 1+len(g.EOS)))
	for from := range b.open {
		row := logits[min(from, len(logits)-1)] // at first there is one row for all
		s, err := scores(row)
		if err != nil {
			return nil, err
		}
		logSoftmax(s)
		b.open[from].apply(s)
		for token, v := range s {
			if !math.IsInf(v, -1) {
				best.offer(candidate{from, int32(token), v + b.open[from].score})
			}
		}
	}
	if len(best.list) == 0 { // no token may come next
		return nil, nil
	}
	var open []beam
	var branches []branch
	for i, c := range best.list {
		next := beam{b.open[c.from].extended(c.token), c.score}
		switch {
		case next.ends() || next.full():
			if i < b.n {
				b.finish(next)
			}
		case len(open) < b.n:
			open, branches = append(open, next), append(branches, branch{min(c.from, len(logits)-1), c.token})
		}
	}
	b.open = open
	if b.over() {
		return nil, nil
	}
	return branches, nil
}

// normalised is the score with the length penalty.
func (f *beam) normalised() float64 {
	return f.score / math.Pow(float64(max(len(f.written()), 1)), f.g.LengthPenalty)
}

// finish keeps a beam if it is among the best.
func (b *beams) finish(f beam) {
	f.score = f.normalised()
	at := len(b.finished)
	for at > 0 && f.score > b.finished[at-1].score {
		at--
	}
	b.finished = slices.Insert(b.finished, at, f)
	b.finished = b.finished[:min(len(b.finished), b.n)]
}

// over reports whether the search ends: nothing is open, there are enough finished beams,
// or the best open one would be no better than the worst of them if it ended now.
func (b *beams) over() bool {
	if len(b.open) == 0 {
		return true
	}
	if len(b.finished) < b.n {
		return false
	}
	return b.open[0].g.EarlyStopping || b.open[0].normalised() <= b.finished[b.n-1].score
}

func (b *beams) result() Continuation {
	if len(b.finished) == 0 { // and no token could come next
		b.finish(b.open[0])
	}
	best := b.finished[0]
	return Continuation{IDs: slices.Clone(best.written()), Ended: best.ends(), Score: best.score}
}

// logSoftmax makes logits log-probabilities, in place.
func logSoftmax(s []float64) {
	top, sum := s[largest(s)], 0.0
	for _, v := range s {
		sum += math.Exp(v - top)
	}
	log := top + math.Log(sum)
	for i := range s {
		s[i] -= log
	}
}
