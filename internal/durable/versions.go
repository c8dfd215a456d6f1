package durable

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
)

// Versions is a folder's records of one kind, one a version: "commit-12.cola".
type Versions struct {
	Dir    string
	Prefix string // "commit"
}

// Path returns where a version's record is.
func (v Versions) Path(version uint64) string {
	return filepath.Join(v.Dir, fmt.Sprintf("%s-%d.cola", v.Prefix, version))
}

// List returns the versions that have a record, ascending.
func (v Versions) List() ([]uint64, error) {
	entries, err := os.ReadDir(v.Dir)
	if err != nil {
		return nil, err
	}
	var versions []uint64
	for _, e := range entries {
		number, ok := strings.CutPrefix(e.Name(), v.Prefix+"-")
		if !ok {
			continue
		}
		number, ok = strings.CutSuffix(number, ".cola")
		if !ok {
			continue
		}
		if n, err := strconv.ParseUint(number, 10, 64); err == nil {
			versions = append(versions, n)
		}
	}
	slices.Sort(versions)
	return versions, nil
}

// Write makes a version's record durable.
func (v Versions) Write(version uint64, r Record) error { return WriteRecord(v.Path(version), r) }

// Read returns a version's record.
func (v Versions) Read(version uint64) (Record, error) { return ReadRecord(v.Path(version)) }

// Remove deletes a version's record; a missing one is no error.
func (v Versions) Remove(version uint64) error { return ignoreMissing(os.Remove(v.Path(version))) }
