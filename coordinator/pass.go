package coordinator

import (
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/gradientlearning/cola/linalg"
	"github.com/gradientlearning/cola/model"
	"github.com/gradientlearning/cola/protocol"
)

// pass runs one forward and one backward pass over the batches of the members, in
// their order, and streams each of them its own tuples while it runs. Several devices take
// whole members each, and run beside each other.
func (c *Coordinator) pass(r uint64, members []*member) error {
	begin := time.Now()
	scale := func(m *member) float32 {
		if c.job.Loss == "batch" {
			return 1 / float32(c.interval.predictions[r])
		}
		return 1 / float32(m.batch.predictions)
	}
	shares := spread(members, len(c.replicas))
	results, errs := make([]model.Result, len(shares)), make([]error, len(shares))
	var running sync.WaitGroup
	for i, share := range shares {
		running.Go(func() { results[i], errs[i] = c.passOn(c.replicas[i], r, share, scale) })
	}
	running.Wait()
	for _, err := range errs {
		if err != nil {
			return passFault(r, err)
		}
	}
	for i, share := range shares {
		for k, m := range share {
			c.passed(m, r, results[i], k)
		}
	}
	c.spent.pass += time.Since(begin)
	return nil
}

// passOn runs the pass of some members on one device. Where its memory does not suffice, blocks
// are computed twice from now on, and the pass begins again.
func (c *Coordinator) passOn(base *model.Base, r uint64, members []*member, scale func(*member) float32) (model.Result, error) {
	batch := aggregate(members, base.Device(), scale)
	sink := newTupleSink(c, base.Device(), r, members)
	for {
		sink.begin()
		result, err := base.Pass(batch, c.mode, sink)
		if arrived := sink.end(); err == nil {
			err = arrived
		}
		if !errors.Is(err, linalg.ErrOutOfMemory) || !base.SaveMemory() {
			return result, err
		}
		c.log.Warn("the device's memory does not suffice: from now on blocks are computed twice", "device", base.Device().Name(), "round", r+1, "error", err)
	}
}

// passed tells a member, the k-th of a pass, how it went, and asks it for its next batch.
func (c *Coordinator) passed(m *member, r uint64, result model.Result, k int) {
	c.lastLoss[m.name] = result.Loss[k]
	if m.session != nil {
		m.session.send(&protocol.Loss{Round: r, Loss: result.Loss[k], Rows: result.Count[k], Correct: result.Correct[k]})
	}
	m.batch, m.opened, m.cursor = nil, false, r+1
	c.ask(m)
}

// passFault explains a failed pass.
func passFault(r uint64, err error) error {
	if d, ok := errors.AsType[*model.DivergedError](err); ok {
		f := protocol.Faultf(protocol.CodeDiverged, "lower the learning rate, or set clip_norm; the last commit is whole", "%w", err)
		f.Participant, f.Round = d.Participant, r+1
		return f
	}
	return fmt.Errorf("pass of round %d: %w", r+1, memoryFault(r, "a pass, although blocks are computed twice", err))
}

// memoryFault explains a lack of memory for something; other errors stay as they are.
func memoryFault(r uint64, what string, err error) error {
	if !errors.Is(err, linalg.ErrOutOfMemory) {
		return err
	}
	f := protocol.Faultf(protocol.CodeOutOfMemory, MemoryFix, "the device's memory does not suffice for %s: %w", what, err)
	f.Round = r + 1
	return f
}

// MemoryFix is what helps where a device has too little memory.
const MemoryFix = "lower batch, cut the texts (max_length), use precision = \"bf16\", or use a device with more memory; cola plan says what is needed"
