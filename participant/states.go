package participant

import (
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"time"

	"github.com/gradientlearning/cola/internal/durable"
	"github.com/gradientlearning/cola/linalg"
	"github.com/gradientlearning/cola/protocol"
)

// states keeps a participant's state by version: on disk, or in memory where there is
// no folder. A record's metadata name the job and the participant.
type states struct {
	records durable.Versions
	memory  map[uint64][]linalg.Blob
	job     string // the job that the states belong to; empty: none yet
	unknown bool   // there are states, and none of them can be read
}

// openStates finds the states of a folder.
func openStates(dir string) (*states, error) {
	s := &states{records: durable.Versions{Dir: dir, Prefix: "state"}, memory: map[uint64][]linalg.Blob{}}
	if dir == "" {
		return s, nil
	}
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, durable.Fault(dir, err)
	}
	versions, err := s.records.List()
	if err != nil {
		return nil, durable.Fault(dir, err)
	}
	if len(versions) > 0 {
		// Any whole record names the job; one that is not whole is reported when needed.
		for _, v := range versions {
			if record, err := s.records.Read(v); err == nil {
				s.job = record.Metadata["job"]
			}
		}
		s.unknown = s.job == ""
	}
	return s, nil
}

// list returns the versions there are, ascending.
func (s *states) list() ([]uint64, error) {
	if s.records.Dir != "" {
		versions, err := s.records.List()
		return versions, durable.Fault(s.records.Dir, err)
	}
	versions := make([]uint64, 0, len(s.memory))
	for v := range s.memory {
		versions = append(versions, v)
	}
	slices.Sort(versions)
	return versions, nil
}

// put makes a version durable.
func (s *states) put(version uint64, participant string, tensors []linalg.Blob) error {
	if s.records.Dir == "" {
		s.memory[version] = tensors
		return nil
	}
	return durable.Fault(s.records.Dir, s.records.Write(version, durable.Record{
		Metadata: map[string]string{
			"kind": "participant", "participant": participant, "job": s.job, "version": strconv.FormatUint(version, 10),
		},
		Tensors: tensors,
	}))
}

// get returns a version's tensors by name.
func (s *states) get(version uint64) (map[string]linalg.Blob, error) {
	tensors := s.memory[version]
	if s.records.Dir != "" {
		record, err := s.records.Read(version)
		if errors.Is(err, durable.ErrCorrupt) {
			return nil, protocol.Faultf(protocol.CodeStateCorrupt,
				"restore the file from a copy; if there is none, start the coordinator from its earlier commit", "the state of version %d cannot be used: %w", version, err)
		}
		if err != nil {
			return nil, durable.Fault(s.records.Dir, err)
		}
		tensors = record.Tensors
	}
	byName := make(map[string]linalg.Blob, len(tensors))
	for _, b := range tensors {
		byName[b.Name] = b
	}
	return byName, nil
}

// trim keeps the given versions only.
func (s *states) trim(keep ...uint64) error {
	versions, err := s.list()
	if err != nil {
		return err
	}
	for _, v := range versions {
		if slices.Contains(keep, v) {
			continue
		}
		delete(s.memory, v)
		if s.records.Dir != "" {
			if err := s.records.Remove(v); err != nil {
				return durable.Fault(s.records.Dir, err)
			}
		}
	}
	return nil
}

// setAside moves the states of another job, or of a run that begins again, to a folder
// of their own: nothing is lost.
func (s *states) setAside() (string, error) {
	versions, err := s.list()
	if err != nil || len(versions) == 0 || s.records.Dir == "" {
		clear(s.memory)
		return "", err
	}
	dir := filepath.Join(s.records.Dir, "before-"+time.Now().UTC().Format("20060102T150405.000"))
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return "", durable.Fault(s.records.Dir, err)
	}
	for _, v := range versions {
		from := s.records.Path(v)
		if err := os.Rename(from, filepath.Join(dir, filepath.Base(from))); err != nil {
			return "", durable.Fault(s.records.Dir, err)
		}
	}
	return dir, nil
}
