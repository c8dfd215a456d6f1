package coordinator

import (
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/gradientlearning/cola/adapter"
	"github.com/gradientlearning/cola/internal/durable"
	"github.com/gradientlearning/cola/linalg"
	"github.com/gradientlearning/cola/model"
	"github.com/gradientlearning/cola/protocol"
)

// A commit record is the only commit point: a version is committed when
// commit-<version>.cola is in the state folder, whole. The last two are kept, and where the
// job ends with its best commit those that are the best in either of them.
//
// Its metadata are those of commitMetadata; its tensors are, in merged mode, the
// merged update ("merged/<site>.weight", "merged/<site>.bias"), else every
// participant's adapters ("<participant>/<site>.<param>").

// commitMetadata are the strings of a commit record.
type commitMetadata struct {
	job     string // Job.ID
	name    string // Job.Name
	version uint64
	round   uint64 // the next round
	members map[string]memberRecord
	best    *bestRecord // of all, in merged mode; nil: none yet
}

// memberRecord is what a commit says of a participant.
type memberRecord struct {
	Included uint64        `json:"included"` // the last version that holds an update of its
	Digest   string        `json:"digest"`   // of its adapters in that version, hex
	Data     protocol.Data `json:"data"`
	Best     *bestRecord   `json:"best,omitempty"`
}

func (m commitMetadata) strings() map[string]string {
	text := func(v any) string {
		b, err := json.Marshal(v)
		if err != nil {
			panic("coordinator: a commit's metadata do not marshal: " + err.Error())
		}
		return string(b)
	}
	return map[string]string{
		"kind": "coordinator", "job": m.job, "name": m.name,
		"version": strconv.FormatUint(m.version, 10), "round": strconv.FormatUint(m.round, 10),
		"members": text(m.members), "best": text(m.best),
	}
}

func parseCommitMetadata(s map[string]string) (m commitMetadata, err error) {
	m.job, m.name = s["job"], s["name"]
	var errs [4]error
	m.version, errs[0] = strconv.ParseUint(s["version"], 10, 64)
	m.round, errs[1] = strconv.ParseUint(s["round"], 10, 64)
	errs[2] = json.Unmarshal([]byte(s["members"]), &m.members)
	if best, ok := s["best"]; ok {
		errs[3] = json.Unmarshal([]byte(best), &m.best)
	}
	if err := errors.Join(errs[:]...); err != nil {
		return m, fmt.Errorf("%w: %w", durable.ErrCorrupt, err)
	}
	return m, nil
}

// writeRecord makes the version in c durable: the commit point. Records that neither it nor
// the one before needs are removed; before are the best commits of the one before.
func (c *Coordinator) writeRecord(before []uint64) error {
	if c.records.Dir == "" {
		return nil
	}
	meta := commitMetadata{job: c.id, name: c.job.Name, version: c.version, round: c.round, members: map[string]memberRecord{}, best: c.best.record()}
	record := durable.Record{}
	for _, name := range sortedKeys(c.members) {
		m := c.members[name]
		meta.members[name] = memberRecord{Included: m.included, Digest: hex.EncodeToString(m.digest[:]), Data: m.data, Best: m.best.record()}
		for i, a := range m.adapters {
			for _, b := range adapter.Blobs(c.sites[i], a) {
				b.Name = name + "/" + b.Name
				record.Tensors = append(record.Tensors, b)
			}
		}
	}
	for i, d := range c.merged {
		record.Tensors = append(record.Tensors, d.Weight.Blob("merged/"+c.sites[i].Name+".weight"))
		if d.Bias != nil {
			record.Tensors = append(record.Tensors, d.Bias.Blob("merged/"+c.sites[i].Name+".bias"))
		}
	}
	record.Metadata = meta.strings()
	if err := c.records.Write(c.version, record); err != nil {
		return durable.Fault(c.records.Dir, err)
	}
	return durable.Fault(c.records.Dir, c.trimRecords(append(append(before, c.bestCommits()...), c.version-1, c.version)))
}

// trimRecords removes the records of all versions but those to keep.
func (c *Coordinator) trimRecords(keep []uint64) error {
	versions, err := c.records.List()
	if err != nil {
		return err
	}
	for _, v := range versions {
		if slices.Contains(keep, v) {
			continue
		}
		if err := c.records.Remove(v); err != nil {
			return err
		}
	}
	return nil
}

// readRecord restores the newest commit, if there is one.
func (c *Coordinator) readRecord() error {
	versions, err := c.records.List()
	if err != nil {
		return durable.Fault(c.records.Dir, err)
	}
	if len(versions) == 0 {
		return nil
	}
	version := versions[len(versions)-1]
	record, err := c.records.Read(version)
	if err != nil {
		return c.corruptRecord(version, versions, err)
	}
	meta, err := parseCommitMetadata(record.Metadata)
	if err != nil {
		return c.corruptRecord(version, versions, fmt.Errorf("%s: %w", c.records.Path(version), err))
	}
	if meta.job != c.id {
		return protocol.Faultf(protocol.CodeJobMismatch,
			"run the job that the state belongs to, or give another folder with --state",
			"the state in %s belongs to job %s (%s), not to this one (%s, %s)", c.records.Dir, meta.name, meta.job, c.job.Name, c.id)
	}
	if err := c.restore(meta, record.Tensors); err != nil {
		return c.corruptRecord(version, versions, fmt.Errorf("%s: %w: %w", c.records.Path(version), durable.ErrCorrupt, err))
	}
	return c.restoreBest(meta)
}

// corruptRecord says what to do about a record that cannot be used.
func (c *Coordinator) corruptRecord(version uint64, versions []uint64, err error) error {
	if !errors.Is(err, durable.ErrCorrupt) {
		return durable.Fault(c.records.Dir, err)
	}
	fix := "restore the file from a copy; there is no earlier commit to go back to, so else begin again with an empty state folder"
	if len(versions) > 1 {
		fix = fmt.Sprintf("restore the file from a copy, or move it away to go back to version %d: participants keep the state of that version too",
			versions[len(versions)-2])
	}
	return protocol.Faultf(protocol.CodeStateCorrupt, fix, "the commit record of version %d cannot be used: %w", version, err)
}

// restore takes the state of a commit record.
func (c *Coordinator) restore(meta commitMetadata, tensors []linalg.Blob) error {
	owners, err := byOwner(tensors)
	if err != nil {
		return err
	}
	for name, r := range meta.members {
		m, err := c.newMember(name, r.Data)
		if err != nil {
			return err
		}
		m.included = r.Included
		if m.digest, err = parseDigest(r.Digest); err != nil {
			return fmt.Errorf("participant %s: %w", name, err)
		}
		if err := c.loadAdapters(m.adapters, owners[name]); err != nil {
			return fmt.Errorf("participant %s: %w", name, err)
		}
		c.members[name] = m
	}
	c.version, c.round = meta.version, meta.round
	if c.mode != model.Merged {
		return nil
	}
	if c.merged, err = c.mergedOf(owners); err != nil {
		return err
	}
	return c.mergeEverywhere(c.merged)
}

// byOwner sorts the tensors of a commit record by what is before the slash in their names.
func byOwner(tensors []linalg.Blob) (map[string]map[string]linalg.Blob, error) {
	owners := map[string]map[string]linalg.Blob{}
	for _, b := range tensors {
		owner, name, ok := strings.Cut(b.Name, "/")
		if !ok {
			return nil, fmt.Errorf("tensor %q has no owner", b.Name)
		}
		if owners[owner] == nil {
			owners[owner] = map[string]linalg.Blob{}
		}
		b.Name = name
		owners[owner][name] = b
	}
	return owners, nil
}

func parseDigest(text string) (digest [32]byte, err error) {
	b, err := hex.DecodeString(text)
	if err != nil || len(b) != len(digest) {
		return digest, fmt.Errorf("digest %q", text)
	}
	return [32]byte(b), nil
}

// loadAdapters fills a member's adapters, if the coordinator holds any.
func (c *Coordinator) loadAdapters(adapters []adapter.Adapter, tensors map[string]linalg.Blob) error {
	for i, a := range adapters {
		if err := adapter.Load(c.sites[i], a, ofSite(tensors, c.sites[i])); err != nil {
			return err
		}
	}
	return nil
}

// mergedOf returns the merged update of a commit record.
func (c *Coordinator) mergedOf(owners map[string]map[string]linalg.Blob) ([]model.Delta, error) {
	deltas := make([]model.Delta, len(c.sites))
	for i, s := range c.sites {
		weight, err := owners["merged"][s.Name+".weight"].Tensor()
		if err != nil {
			return nil, fmt.Errorf("merged update of site %s: %w", s.Name, err)
		}
		deltas[i].Weight = weight
		if b, ok := owners["merged"][s.Name+".bias"]; ok {
			if deltas[i].Bias, err = b.Tensor(); err != nil {
				return nil, fmt.Errorf("merged update of site %s: %w", s.Name, err)
			}
		}
	}
	return deltas, nil
}

// ofSite picks the tensors of one site: "<site>.<param>".
func ofSite[T any](tensors map[string]T, site adapter.Site) map[string]T {
	own := map[string]T{}
	for name, t := range tensors {
		if strings.HasPrefix(name, site.Name+".") {
			own[name] = t
		}
	}
	return own
}
