package durable_test

import (
	"errors"
	"io/fs"
	"path/filepath"
	"testing"

	"github.com/gradientlearning/cola/internal/durable"
)

func TestVersions(t *testing.T) {
	dir := t.TempDir()
	commits := durable.Versions{Dir: dir, Prefix: "commit"}
	if got, err := commits.List(); err != nil || len(got) != 0 {
		t.Errorf("an empty folder has versions %v, %v", got, err)
	}
	for _, version := range []uint64{10, 2, 1<<64 - 1, 0} {
		r := sample()
		r.Metadata["round"] = filepath.Base(commits.Path(version))
		if err := commits.Write(version, r); err != nil {
			t.Fatal(err)
		}
	}
	// What is not ours: another kind, what a kill left, what a person left.
	for _, name := range []string{
		"commit-7.cola.tmp", "commit-.cola", "commit-x.cola", "commit--1.cola", "commit-18446744073709551616.cola",
		"commit-8", "commit9.cola", "pending-3.cola", "commits-4.cola", "lock",
	} {
		write(t, filepath.Join(dir, name), nil)
	}
	got, err := commits.List()
	if err != nil {
		t.Fatal(err)
	}
	wantEqual(t, "versions, by number", got, []uint64{0, 2, 10, 1<<64 - 1})
	if name := filepath.Base(commits.Path(10)); name != "commit-10.cola" {
		t.Errorf("version 10 is in %q", name)
	}
	r, err := commits.Read(2)
	if err != nil {
		t.Fatal(err)
	}
	if got := r.Metadata["round"]; got != "commit-2.cola" {
		t.Errorf("version 2 is the record of %q", got)
	}

	for range 2 { // the second time it is missing, which a restart may find
		if err := commits.Remove(10); err != nil {
			t.Error(err)
		}
	}
	if _, err := commits.Read(10); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("a removed version: %v, want ErrNotExist", err)
	}
	got, err = commits.List()
	if err != nil {
		t.Fatal(err)
	}
	wantEqual(t, "versions that are left", got, []uint64{0, 2, 1<<64 - 1})
}

func TestVersionsOfNoFolder(t *testing.T) {
	none := durable.Versions{Dir: filepath.Join(t.TempDir(), "none"), Prefix: "commit"}
	if _, err := none.List(); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("List: %v, want ErrNotExist", err)
	}
	if err := none.Write(1, durable.Record{}); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("Write: %v, want ErrNotExist", err)
	}
	if err := none.Remove(1); err != nil {
		t.Errorf("Remove: %v", err)
	}
}
