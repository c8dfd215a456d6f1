package coordinator

import (
	"fmt"
	"os"
	"path/filepath"

	"github.com/gradientlearning/cola/adapter"
	"github.com/gradientlearning/cola/internal/durable"
	"github.com/gradientlearning/cola/linalg"
)

// spool keeps every participant's last updates, so that one who misses an interval
// still counts in the merged update with what it last gave. It is used only where a
// round may close without everyone; on disk where the job has a state folder.
type spool struct {
	dir    string // empty: in memory
	memory map[string]map[uint64][]linalg.Blob
}

func newSpool(stateDir string) (*spool, error) {
	if stateDir == "" {
		return &spool{memory: map[string]map[uint64][]linalg.Blob{}}, nil
	}
	dir := filepath.Join(stateDir, "updates")
	return &spool{dir: dir}, os.MkdirAll(dir, 0o700)
}

func (s *spool) versions(participant string) durable.Versions {
	return durable.Versions{Dir: s.dir, Prefix: participant}
}

// put keeps the adapters that a participant gave for a version.
func (s *spool) put(participant string, version uint64, sites []adapter.Site, adapters []adapter.Adapter) error {
	var blobs []linalg.Blob
	for i, a := range adapters {
		blobs = append(blobs, adapter.Blobs(sites[i], a)...)
	}
	if s.dir != "" {
		return s.versions(participant).Write(version, durable.Record{Tensors: blobs, Metadata: map[string]string{"kind": "update"}})
	}
	if s.memory[participant] == nil {
		s.memory[participant] = map[uint64][]linalg.Blob{}
	}
	s.memory[participant][version] = blobs
	return nil
}

// get loads what put kept into adapters.
func (s *spool) get(participant string, version uint64, sites []adapter.Site, adapters []adapter.Adapter) error {
	blobs := s.memory[participant][version]
	if s.dir != "" {
		record, err := s.versions(participant).Read(version)
		if err != nil {
			return err
		}
		blobs = record.Tensors
	}
	byName := make(map[string]linalg.Blob, len(blobs))
	for _, b := range blobs {
		byName[b.Name] = b
	}
	for i, a := range adapters {
		if err := adapter.Load(sites[i], a, ofSite(byName, sites[i])); err != nil {
			return fmt.Errorf("kept update of %s, version %d: %w", participant, version, err)
		}
	}
	return nil
}

// trim drops all but a participant's last two updates: the last two commit records may
// name either.
func (s *spool) trim(participant string) error {
	if s.dir == "" {
		versions := sortedKeys(s.memory[participant])
		for _, v := range versions[:max(0, len(versions)-2)] {
			delete(s.memory[participant], v)
		}
		return nil
	}
	versions, err := s.versions(participant).List()
	if err != nil {
		return err
	}
	for _, v := range versions[:max(0, len(versions)-2)] {
		if err := s.versions(participant).Remove(v); err != nil {
			return err
		}
	}
	return nil
}
