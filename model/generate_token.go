package model

import (
	"cmp"
	"errors"
	"math"
	"math/rand/v2"
	"slices"
)

// constraints is a text so far, and what it may go on with.
type constraints struct {
	g      Generation
	ids    []int32 // the prompt, or an answer's start, and what was written; not changed in place
	prompt int     // of ids
	limit  int     // the most new tokens
}

// written returns the new tokens.
func (c *constraints) written() []int32 { return c.ids[c.prompt:] }

// extended returns the text with one more token.
func (c constraints) extended(token int32) constraints {
	c.ids = append(slices.Clip(c.ids), token)
	return c
}

// ends reports whether the last new token ends the text.
func (c *constraints) ends() bool {
	return len(c.written()) > 0 && slices.Contains(c.g.EOS, c.ids[len(c.ids)-1])
}

// full reports whether the text has all tokens that it may have.
func (c *constraints) full() bool { return len(c.written()) >= c.limit }

// errNotFinite is of logits.
var errNotFinite = errors.New("a logit is not finite: check the adapters")

// scores returns logits in float64, which must be finite.
func scores(logits []float32) ([]float64, error) {
	list := make([]float64, len(logits))
	for i, v := range logits {
		if v-v != 0 {
			return nil, errNotFinite
		}
		list[i] = float64(v)
	}
	return list, nil
}

// apply changes the scores of tokens that may not come next to −∞.
func (c *constraints) apply(scores []float64) {
	if p := c.g.RepetitionPenalty; p != 0 && p != 1 {
		c.penalise(scores, p)
	}
	if n := c.g.NoRepeat; n > 0 && len(c.ids) >= n {
		suffix := c.ids[len(c.ids)-n+1:]
		for i := 0; i+n <= len(c.ids); i++ {
			if slices.Equal(c.ids[i:i+n-1], suffix) {
				scores[c.ids[i+n-1]] = math.Inf(-1)
			}
		}
	}
	if len(c.written()) < c.g.MinNew {
		for _, id := range c.g.EOS {
			scores[id] = math.Inf(-1)
		}
	}
	if c.g.ForcedBOS != NoToken && len(c.ids) == 1 {
		force(scores, c.g.ForcedBOS)
	}
	if c.g.ForcedEOS != NoToken && len(c.written()) == c.limit-1 {
		force(scores, c.g.ForcedEOS)
	}
}

// penalise makes the text's tokens less likely.
func (c *constraints) penalise(scores []float64, penalty float64) {
	ids := slices.Clone(c.ids)
	slices.Sort(ids)
	for _, id := range slices.Compact(ids) {
		if scores[id] < 0 {
			scores[id] *= penalty
		} else {
			scores[id] /= penalty
		}
	}
}

// force leaves one token.
func force(scores []float64, token int32) {
	for i := range scores {
		scores[i] = math.Inf(-1)
	}
	scores[token] = 0
}

// chain goes on with one token at a time: the likeliest, or a drawn one.
type chain struct {
	constraints
	rand *rand.Rand
}

func (c *chain) step(logits [][]float32) ([]branch, error) {
	s, err := scores(logits[0])
	if err != nil {
		return nil, err
	}
	c.apply(s)
	token := int32(0)
	if c.g.Temperature > 0 {
		token = c.draw(s)
	} else {
		token = int32(largest(s))
	}
	c.constraints = c.extended(token)
	if c.ends() || c.full() {
		return nil, nil
	}
	return []branch{{0, token}}, nil
}

func (c *chain) result() Continuation {
	return Continuation{IDs: slices.Clone(c.written()), Ended: c.ends()}
}

// largest returns the first of the largest.
func largest(s []float64) int {
	best := 0
	for i, v := range s {
		if v > s[best] {
			best = i
		}
	}
	return best
}

// draw returns a random token: softmax of the scores over the temperature, of the TopK
// largest, of which the fewest that reach TopP.
func (c *chain) draw(s []float64) int32 {
	first := largest(s)
	if math.IsInf(s[first], -1) {
		return int32(first)
	}
	choice := candidates(s, c.g.TopK)
	top, total := s[first], 0.0
	for i := range choice {
		choice[i].score = math.Exp((choice[i].score - top) / c.g.Temperature)
		total += choice[i].score
	}
	if p := c.g.TopP; p > 0 && p < 1 {
		choice, total = nucleus(choice, total, p)
	}
	u := c.rand.Float64() * total
	for _, next := range choice {
		if u -= next.score; u < 0 {
			return next.token
		}
	}
	return int32(first) // only where rounding left something of u
}

// candidate is a token that may come next.
type candidate struct {
	from  int // of a beam search: the beam
	token int32
	score float64
}

// candidates returns the k tokens with the largest scores, largest first and ties by token;
// all, in the order of the vocabulary, where k is 0.
func candidates(s []float64, k int) []candidate {
	if k > 0 && k < len(s) {
		best := newLeaders(k)
		for i, v := range s {
			best.offer(candidate{0, int32(i), v})
		}
		return best.list
	}
	list := make([]candidate, len(s))
	for i, v := range s {
		list[i] = candidate{0, int32(i), v}
	}
	return list
}

// nucleus returns the fewest of the likeliest candidates that have at least the share p of
// the total, and their own total.
func nucleus(list []candidate, total, p float64) ([]candidate, float64) {
	// Those below this share together have less than 1 − p: none of them is needed.
	least := (1 - p) / float64(len(list)) * total
	var kept []candidate
	for _, c := range list {
		if c.score >= least {
			kept = append(kept, c)
		}
	}
	slices.SortFunc(kept, func(a, b candidate) int {
		return cmp.Or(cmp.Compare(b.score, a.score), cmp.Compare(a.token, b.token))
	})
	sum := 0.0
	for i, c := range kept {
		if sum += c.score; sum >= p*total {
			return kept[:i+1], sum
		}
	}
	return kept, sum
}

// leaders are the best of many candidates, best first; of equal ones the earliest offered.
type leaders struct {
	list []candidate
	most int
}

func newLeaders(most int) *leaders { return &leaders{make([]candidate, 0, most+1), most} }

// offer takes a candidate that is better than the last of the leaders.
func (l *leaders) offer(c candidate) {
	if len(l.list) == l.most && !(c.score > l.list[l.most-1].score) {
		return
	}
	at := len(l.list)
	for at > 0 && c.score > l.list[at-1].score {
		at--
	}
	l.list = slices.Insert(l.list, at, c)[:min(len(l.list)+1, l.most)]
}
