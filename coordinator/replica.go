package coordinator

import (
	"cmp"
	"errors"
	"slices"
	"sync"

	"github.com/gradientlearning/cola/adapter"
	"github.com/gradientlearning/cola/linalg"
	"github.com/gradientlearning/cola/model"
	"github.com/gradientlearning/cola/protocol"
)

// A base model is on every device of the coordinator: replicas, which hold the same weights and
// the same merged update. A pass gives each some of the members, whole: their rows are computed
// as they would be anywhere else, and their losses are their own.

// openReplicas reads the model and puts it on all devices.
func (c *Coordinator) openReplicas() (err error) {
	if c.base, err = model.New(c.Devices[0], c.job.ModelConfig()); err == nil {
		c.replicas = make([]*model.Base, len(c.Devices))
		err = c.everywhere(func(i int, _ *model.Base) (err error) {
			if c.replicas[i] = c.base; i > 0 {
				c.replicas[i], err = c.base.Replica(c.Devices[i])
			}
			return err
		})
	}
	switch {
	case errors.Is(err, linalg.ErrOutOfMemory):
		return protocol.Faultf(protocol.CodeOutOfMemory, MemoryFix, "the model does not fit on the device: %w", err)
	case err != nil:
		return protocol.Faultf(protocol.CodeJobMismatch, "correct the job's [model], or give other weights", "the job does not fit the model: %w", err)
	}
	return nil
}

// spread shares members out to so many devices, so that the rows of their batches are about as
// many on each: the longest batch first, to the device that has the least. Within a share they
// keep their order. A share has a member at least.
func spread(members []*member, devices int) [][]*member {
	shares := make([][]*member, min(devices, len(members)))
	rows := make([]int, len(shares))
	longest := slices.Clone(members)
	slices.SortStableFunc(longest, func(a, b *member) int { return b.batch.rows() - a.batch.rows() })
	for _, m := range longest {
		least := 0
		for i := range rows {
			if rows[i] < rows[least] || rows[i] == rows[least] && len(shares[i]) < len(shares[least]) {
				least = i
			}
		}
		rows[least] += m.batch.rows()
		shares[least] = append(shares[least], m)
	}
	for _, share := range shares {
		slices.SortFunc(share, func(a, b *member) int { return cmp.Compare(a.name, b.name) })
	}
	return shares
}

// mergeEverywhere makes W₀ + ΔW̄ the working copy of all replicas.
func (c *Coordinator) mergeEverywhere(deltas []model.Delta) error {
	return memoryFault(c.round, "the merged update", c.everywhere(func(_ int, b *model.Base) error { return b.Merge(deltas) }))
}

// everywhere calls do for every replica, beside each other.
func (c *Coordinator) everywhere(do func(i int, b *model.Base) error) error {
	errs := make([]error, len(c.replicas))
	var running sync.WaitGroup
	for i, b := range c.replicas {
		running.Go(func() { errs[i] = do(i, b) })
	}
	running.Wait()
	return errors.Join(errs...)
}

// placement is a member's adapters on the device that computed with them last.
type placement struct {
	of, adapters []adapter.Adapter
	dev          linalg.Device
	copied       []adapter.Adapter
}

// on returns the member's adapters on a device. They are copied there when they are new, which
// is once a commit, unless the member moves to another device.
func (m *member) on(dev linalg.Device) []adapter.Adapter {
	p := &m.placed
	if len(m.adapters) == 0 || dev == p.dev && len(p.of) > 0 && &p.of[0] == &m.adapters[0] {
		return p.adapters[:len(m.adapters)]
	}
	for _, a := range p.copied {
		adapter.Release(p.dev, a)
	}
	*p = placement{of: m.adapters, dev: dev}
	for _, a := range m.adapters {
		placed, copied := adapter.Place(dev, a)
		if copied {
			p.copied = append(p.copied, placed)
		}
		p.adapters = append(p.adapters, placed)
	}
	return p.adapters
}
