package coordinator

import (
	"encoding/hex"
	"fmt"
	"maps"
	"slices"

	"github.com/gradientlearning/cola/adapter"
	"github.com/gradientlearning/cola/linalg"
	"github.com/gradientlearning/cola/model"
	"github.com/gradientlearning/cola/protocol"
)

// A job may end with its best commit: the one whose loss on the validation set is the least,
// and of equals the first. In merged mode one commit is the best for everybody, else each
// participant has its own: nobody's end depends on anybody else. Which it is becomes durable
// with the commit record, which therefore is written after the validation.

// best is the best commit so far, for one member.
type best struct {
	commit   uint64  // 0: there has been no validation yet
	loss     float64 // on the validation set
	included uint64  // the last version in it that holds an update of the member's
	digest   [32]byte
	adapters []adapter.Adapter // unmerged and detached only
}

// bestRecord is what a commit record says of it.
type bestRecord struct {
	Commit   uint64  `json:"commit"`
	Loss     float64 `json:"loss"`
	Included uint64  `json:"included"`
	Digest   string  `json:"digest"`
}

func (b *best) record() *bestRecord {
	if b.commit == 0 {
		return nil
	}
	return &bestRecord{Commit: b.commit, Loss: b.loss, Included: b.included, Digest: hex.EncodeToString(b.digest[:])}
}

// keepsBest says whether the job ends with its best commit, not with its last.
func (c *Coordinator) keepsBest() bool { return c.job.Eval.Keep == "best" }

// endsWith returns the version of a member's own state that the job would end with now.
func (c *Coordinator) endsWith(m *member) uint64 {
	if c.keepsBest() && c.best.commit > 0 {
		return m.best.included
	}
	return m.included
}

// validate looks, where it is due, whether the version that is about to be committed is the
// best so far.
func (c *Coordinator) validate() error {
	if !c.keepsBest() || !c.evaluationIsDue() {
		return nil
	}
	_, loss, err := c.evaluateAll(c.Validation)
	if err != nil {
		return err
	}
	for _, name := range sortedKeys(c.members) {
		m := c.members[name]
		// Whoever came after the best commit of all has no part in it.
		before := m.best
		if c.mode == model.Merged {
			before = c.best
		}
		if before.commit > 0 && loss[name] >= before.loss {
			continue
		}
		m.best = best{commit: c.version, loss: loss[name], included: m.included, digest: m.digest, adapters: m.adapters}
	}
	first := c.members[sortedKeys(c.members)[0]]
	if c.mode != model.Merged || c.best.commit == 0 || loss[first.name] < c.best.loss {
		c.best = best{commit: c.version, loss: loss[first.name]}
		c.bestMerged = c.merged
	}
	c.log.Info("validated", "commit", c.version, "round", c.round, "loss", loss, "best", c.bestCommits())
	return nil
}

// bestCommits lists the commits whose records the job may still end with.
func (c *Coordinator) bestCommits() []uint64 {
	commits := map[uint64]bool{}
	if c.keepsBest() {
		for _, m := range c.members {
			commits[m.best.commit] = true
		}
		if c.mode == model.Merged {
			commits[c.best.commit] = true
		}
	}
	delete(commits, 0)
	return slices.Sorted(maps.Keys(commits))
}

// adoptBest makes the best commit what the finished job leaves.
func (c *Coordinator) adoptBest() error {
	if !c.keepsBest() || c.best.commit == 0 {
		return nil
	}
	for _, m := range c.members {
		m.digest, m.adapters = m.best.digest, m.best.adapters
	}
	if c.mode != model.Merged {
		return nil
	}
	c.merged = c.bestMerged
	return c.mergeEverywhere(c.merged)
}

// restoreBest takes what the commit records of the best hold.
func (c *Coordinator) restoreBest(meta commitMetadata) error {
	if !c.keepsBest() || meta.best == nil {
		return nil
	}
	c.best = best{commit: meta.best.Commit, loss: meta.best.Loss}
	records := map[uint64]map[string]map[string]linalg.Blob{} // by commit, owner and name
	if c.mode == model.Merged {
		tensors, err := c.bestTensors(records, c.best.commit)
		if err != nil {
			return err
		}
		if c.bestMerged, err = c.mergedOf(tensors); err != nil {
			return c.corruptBest(c.best.commit, err)
		}
	}
	for name, r := range meta.members {
		m := c.members[name]
		if r.Best == nil {
			continue
		}
		digest, err := parseDigest(r.Best.Digest)
		if err != nil {
			return fmt.Errorf("participant %s: %w", name, err)
		}
		m.best = best{commit: r.Best.Commit, loss: r.Best.Loss, included: r.Best.Included, digest: digest}
		if c.mode == model.Merged {
			continue
		}
		tensors, err := c.bestTensors(records, m.best.commit)
		if err != nil {
			return err
		}
		if m.best.adapters, err = c.newAdapters(m); err != nil {
			return err
		}
		if err := c.loadAdapters(m.best.adapters, tensors[name]); err != nil {
			return c.corruptBest(m.best.commit, fmt.Errorf("participant %s: %w", name, err))
		}
	}
	return nil
}

// bestTensors reads the commit record of a best version, once.
func (c *Coordinator) bestTensors(records map[uint64]map[string]map[string]linalg.Blob, commit uint64) (map[string]map[string]linalg.Blob, error) {
	if known, ok := records[commit]; ok {
		return known, nil
	}
	record, err := c.records.Read(commit)
	if err != nil {
		return nil, c.corruptBest(commit, err)
	}
	if records[commit], err = byOwner(record.Tensors); err != nil {
		return nil, c.corruptBest(commit, err)
	}
	return records[commit], nil
}

// corruptBest says what to do about the record of a best commit that cannot be used.
func (c *Coordinator) corruptBest(commit uint64, err error) error {
	return protocol.Faultf(protocol.CodeStateCorrupt, "restore the file from a copy; else begin again with an empty state folder",
		"%s, the record of the best commit so far, cannot be used: %w", c.records.Path(commit), err)
}
