package coordinator

import (
	"errors"
	"fmt"
	"time"

	"github.com/gradientlearning/cola/model"
	"github.com/gradientlearning/cola/protocol"
)

// pass runs one forward and one backward pass over the batches of the members, in
// their order, and streams each of them its own tuples while it runs.
func (c *Coordinator) pass(r uint64, members []*member) error {
	begin := time.Now()
	batch := aggregate(members, func(m *member) float32 {
		if c.job.Loss == "batch" {
			return 1 / float32(c.interval.predictions[r])
		}
		return 1 / float32(m.batch.predictions)
	})
	result, err := c.base.Pass(batch, c.mode, newTupleSink(c, r, members))
	if err != nil {
		return passFault(r, err)
	}
	for i, m := range members {
		c.lastLoss[m.name] = result.Loss[i]
		if m.session != nil {
			m.session.send(&protocol.Loss{Round: r, Loss: result.Loss[i], Rows: result.Count[i], Correct: result.Correct[i]})
		}
		m.batch, m.opened, m.cursor = nil, false, r+1
		c.ask(m)
	}
	c.spent.pass += time.Since(begin)
	return nil
}

// passFault explains a failed pass.
func passFault(r uint64, err error) error {
	if d, ok := errors.AsType[*model.DivergedError](err); ok {
		f := protocol.Faultf(protocol.CodeDiverged, "lower the learning rate, or set clip_norm; the last commit is whole", "%w", err)
		f.Participant, f.Round = d.Participant, r+1
		return f
	}
	return fmt.Errorf("pass of round %d: %w", r+1, err)
}
