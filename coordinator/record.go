package coordinator

import (
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"strings"

	"github.com/gradientlearning/cola/adapter"
	"github.com/gradientlearning/cola/internal/durable"
	"github.com/gradientlearning/cola/linalg"
	"github.com/gradientlearning/cola/model"
	"github.com/gradientlearning/cola/protocol"
)

// A commit record is the only commit point: a version is committed when
// commit-<version>.cola is in the state folder, whole. The last two are kept.
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
}

// memberRecord is what a commit says of a participant.
type memberRecord struct {
	Included uint64        `json:"included"` // the last version that holds an update of its
	Digest   string        `json:"digest"`   // of its adapters in that version, hex
	Data     protocol.Data `json:"data"`
}

func (m commitMetadata) strings() map[string]string {
	members, err := json.Marshal(m.members)
	if err != nil {
		panic("coordinator: members do not marshal: " + err.Error())
	}
	return map[string]string{
		"kind": "coordinator", "job": m.job, "name": m.name,
		"version": strconv.FormatUint(m.version, 10), "round": strconv.FormatUint(m.round, 10),
		"members": string(members),
	}
}

func parseCommitMetadata(s map[string]string) (m commitMetadata, err error) {
	m.job, m.name = s["job"], s["name"]
	var errs [3]error
	m.version, errs[0] = strconv.ParseUint(s["version"], 10, 64)
	m.round, errs[1] = strconv.ParseUint(s["round"], 10, 64)
	errs[2] = json.Unmarshal([]byte(s["members"]), &m.members)
	if err := errors.Join(errs[:]...); err != nil {
		return m, fmt.Errorf("%w: %w", durable.ErrCorrupt, err)
	}
	return m, nil
}

// writeRecord makes the version in c durable: the commit point.
func (c *Coordinator) writeRecord() error {
	if c.records.Dir == "" {
		return nil
	}
	meta := commitMetadata{job: c.job.ID(), name: c.job.Name, version: c.version, round: c.round, members: map[string]memberRecord{}}
	record := durable.Record{}
	for _, name := range sortedKeys(c.members) {
		m := c.members[name]
		meta.members[name] = memberRecord{Included: m.included, Digest: hex.EncodeToString(m.digest[:]), Data: m.data}
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
	if c.version >= 2 {
		return durable.Fault(c.records.Dir, c.records.Remove(c.version-2))
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
	if meta.job != c.job.ID() {
		return protocol.Faultf(protocol.CodeJobMismatch,
			"run the job that the state belongs to, or give another folder with --state",
			"the state in %s belongs to job %s (%s), not to this one (%s, %s)", c.records.Dir, meta.name, meta.job, c.job.Name, c.job.ID())
	}
	if err := c.restore(meta, record.Tensors); err != nil {
		return c.corruptRecord(version, versions, fmt.Errorf("%s: %w: %w", c.records.Path(version), durable.ErrCorrupt, err))
	}
	return nil
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
	byOwner := map[string]map[string]linalg.Blob{}
	for _, b := range tensors {
		owner, name, ok := strings.Cut(b.Name, "/")
		if !ok {
			return fmt.Errorf("tensor %q has no owner", b.Name)
		}
		if byOwner[owner] == nil {
			byOwner[owner] = map[string]linalg.Blob{}
		}
		b.Name = name
		byOwner[owner][name] = b
	}
	for name, r := range meta.members {
		m, err := c.newMember(name, r.Data)
		if err != nil {
			return err
		}
		m.included = r.Included
		digest, err := hex.DecodeString(r.Digest)
		if err != nil || len(digest) != len(m.digest) {
			return fmt.Errorf("participant %s: digest %q", name, r.Digest)
		}
		copy(m.digest[:], digest)
		for i, a := range m.adapters {
			if err := adapter.Load(c.sites[i], a, ofSite(byOwner[name], c.sites[i])); err != nil {
				return fmt.Errorf("participant %s: %w", name, err)
			}
		}
		c.members[name] = m
	}
	c.version, c.round = meta.version, meta.round
	if c.mode != model.Merged {
		return nil
	}
	deltas := make([]model.Delta, len(c.sites))
	for i, s := range c.sites {
		weight, err := byOwner["merged"][s.Name+".weight"].Tensor()
		if err != nil {
			return fmt.Errorf("merged update of site %s: %w", s.Name, err)
		}
		deltas[i].Weight = weight
		if b, ok := byOwner["merged"][s.Name+".bias"]; ok {
			if deltas[i].Bias, err = b.Tensor(); err != nil {
				return fmt.Errorf("merged update of site %s: %w", s.Name, err)
			}
		}
	}
	c.merged = deltas
	return c.base.Merge(deltas)
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
