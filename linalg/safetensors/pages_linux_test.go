package safetensors_test

import (
	"bytes"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/gradientlearning/cola/linalg"
	"github.com/gradientlearning/cola/linalg/safetensors"
)

// What was read of a mapped file is resident until it is released, and is there all the same
// afterwards.
func TestRelease(t *testing.T) {
	path := filepath.Join(t.TempDir(), "model.safetensors")
	blobs := []linalg.Blob{linalg.New(linalg.F32, 3).Blob("before"), linalg.New(linalg.F32, 1<<20).Blob("large"), linalg.New(linalg.F32, 5).Blob("behind")}
	for i := range blobs {
		for j := range blobs[i].Data {
			blobs[i].Data[j] = byte(j + i)
		}
	}
	if err := safetensors.WriteFile(path, blobs, nil); err != nil {
		t.Fatal(err)
	}
	f, err := safetensors.Map(path)
	if err != nil {
		t.Fatal(err)
	}
	for range 2 {
		for _, want := range blobs {
			got, err := f.Tensor(want.Name)
			if err != nil || !bytes.Equal(got.Data, want.Data) {
				t.Errorf("%s is not what was written, error %v", want.Name, err)
			}
		}
		if n := resident(t, path); n < 4<<20 {
			t.Errorf("%d bytes are resident of 4 MiB that were read", n)
		}
		f.Release("none")
		f.Release("large")
		if n := resident(t, path); n > 1<<16 {
			t.Errorf("%d bytes are resident of what was released", n)
		}
	}
	opened, err := safetensors.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer opened.Close() //nolint:errcheck // it was read only
	opened.Release("large")
	if got, err := opened.Tensor("large"); err != nil || !bytes.Equal(got.Data, blobs[1].Data) {
		t.Errorf("of a file that is not mapped: error %v", err)
	}
}

// resident is how much of a mapped file is in the process's memory.
func resident(t *testing.T, path string) int {
	t.Helper()
	maps, err := os.ReadFile("/proc/self/smaps")
	if err != nil {
		t.Fatal(err)
	}
	_, rest, ok := strings.Cut(string(maps), path)
	if !ok {
		t.Fatalf("%s is not mapped", path)
	}
	_, rest, _ = strings.Cut(rest, "\nRss:")
	number, _, _ := strings.Cut(strings.TrimSpace(rest), " ")
	n, err := strconv.Atoi(number)
	if err != nil {
		t.Fatal(err)
	}
	return n << 10
}
