package durable_test

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"syscall"
	"testing"

	"github.com/gradientlearning/cola/internal/durable"
)

// write puts content into a file that was not there.
func write(t testing.TB, path string, content []byte) {
	t.Helper()
	if err := os.WriteFile(path, content, 0o600); err != nil {
		t.Fatal(err)
	}
}

// wantContent checks what a file holds.
func wantContent(t testing.TB, path, want string) {
	t.Helper()
	got, err := os.ReadFile(path)
	if err != nil {
		t.Error(err)
	} else if string(got) != want {
		t.Errorf("%s holds %q, want %q", path, got, want)
	}
}

// wantAlone checks that a folder holds these names and no others.
func wantAlone(t testing.TB, dir string, names ...string) {
	t.Helper()
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, e := range entries {
		got = append(got, e.Name())
	}
	wantEqual(t, "the folder holds", got, names)
}

// full makes every write to path fail because the disk is full, by putting Linux's full
// device where the temporary file goes.
func full(t testing.TB, path string) {
	t.Helper()
	if runtime.GOOS != "linux" {
		t.Skip("only Linux has /dev/full")
	}
	if err := os.Symlink("/dev/full", path+".tmp"); err != nil {
		t.Fatal(err)
	}
}

func TestWriteFileReplaces(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "state.json")
	for _, content := range []string{"first, and longer", "second", ""} {
		if err := durable.WriteFile(path, []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
		wantContent(t, path, content)
		wantAlone(t, dir, "state.json")
	}
	if runtime.GOOS == "windows" {
		return // it has no such bits
	}
	info, err := os.Stat(path)
	if err != nil {
		t.Fatal(err)
	}
	if info.Mode().Perm() != 0o600 {
		t.Errorf("the file has mode %v, want 0600", info.Mode().Perm())
	}
}

// TestWriteFileIsARename holds the old file open: were it written in place, whoever reads
// it would see it torn.
func TestWriteFileIsARename(t *testing.T) {
	path := filepath.Join(t.TempDir(), "state.json")
	write(t, path, []byte("old"))
	old := path + ".kept"
	if err := os.Link(path, old); err != nil {
		t.Skip(err)
	}
	if err := durable.WriteFile(path, []byte("new"), 0o600); err != nil {
		t.Fatal(err)
	}
	wantContent(t, path, "new")
	wantContent(t, old, "old")
}

// TestWriteFileOverLitter is what comes after a kill -9 amid a write.
func TestWriteFileOverLitter(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "state.json")
	write(t, path, []byte("old"))
	write(t, path+".tmp", []byte("a torn temporary file, longer than what comes"))
	wantContent(t, path, "old")
	if err := durable.WriteFile(path, []byte("new"), 0o600); err != nil {
		t.Fatal(err)
	}
	wantContent(t, path, "new")
	wantAlone(t, dir, "state.json")
}

func TestWriteFileOnAFullDisk(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "state.json")
	write(t, path, []byte("old"))
	full(t, path)
	err := durable.WriteFile(path, []byte("new"), 0o600)
	if !errors.Is(err, syscall.ENOSPC) {
		t.Errorf("%v, want ENOSPC", err)
	}
	wantContent(t, path, "old")
	wantAlone(t, dir, "state.json")
}

func TestWriteFileWhereItCannot(t *testing.T) {
	dir := t.TempDir()
	write(t, filepath.Join(dir, "file"), nil)
	if err := os.MkdirAll(filepath.Join(dir, "taken", "by"), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := durable.WriteFile(filepath.Join(dir, "none", "state"), nil, 0o600); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("into a folder that is not there: %v, want ErrNotExist", err)
	}
	if err := durable.WriteFile(filepath.Join(dir, "file", "state"), nil, 0o600); err == nil {
		t.Error("into a file as if it were a folder: no error")
	}
	if err := durable.WriteFile(filepath.Join(dir, "taken"), []byte("x"), 0o600); err == nil {
		t.Error("over a folder: no error")
	}
	wantAlone(t, dir, "file", "taken") // without what could not be renamed
}
