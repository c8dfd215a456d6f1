package main

import (
	"os"
	"path/filepath"
	"testing"
)

// TestGenerated holds the assembly that is there against what would be written now.
func TestGenerated(t *testing.T) {
	for name, write := range files {
		have, err := os.ReadFile(filepath.Join("..", name))
		if err != nil {
			t.Fatal(err)
		}
		if string(have) != write() {
			t.Errorf("%s is not what the generator writes: run go generate in linalg/row", name)
		}
	}
}
