package cuda

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"os"
	"path/filepath"

	"github.com/gradientlearning/cola/cuda/kernels"
)

// cacheFolder returns where compiled kernels are kept below the person's cache.
func cacheFolder(dir string) string { return filepath.Join(dir, "cola", "cuda") }

// cacheKey names what a compiler makes of a source: it depends on nothing else.
func cacheKey(compiler string, source kernels.File, headers []kernels.File, options []string) string {
	h := sha256.New()
	for _, part := range [][]string{{compiler}, options} {
		for _, s := range part {
			fmt.Fprintf(h, "%d %s\n", len(s), s)
		}
	}
	for _, f := range append([]kernels.File{source}, headers...) {
		fmt.Fprintf(h, "%s %d\n%s", f.Name, len(f.Text), f.Text)
	}
	return hex.EncodeToString(h.Sum(nil))
}

// readCache returns what was kept under a key. A file is the SHA-256 of what it holds, and
// that: one that does not fit is as good as none.
func readCache(dir, key string) ([]byte, bool) {
	data, err := os.ReadFile(filepath.Join(dir, key+".cubin"))
	if err != nil || len(data) <= sha256.Size {
		return nil, false
	}
	sum, cubin := data[:sha256.Size], data[sha256.Size:]
	if want := sha256.Sum256(cubin); !bytes.Equal(sum, want[:]) {
		return nil, false
	}
	return cubin, true
}

// writeCache keeps what was compiled. Nobody sees half a file: it is written beside its
// place and then renamed. Without a folder that can be written to, kernels are compiled
// anew each time, which takes seconds and harms nothing.
func writeCache(dir, key string, cubin []byte) error {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return err
	}
	f, err := os.CreateTemp(dir, key+".*.tmp")
	if err != nil {
		return err
	}
	defer os.Remove(f.Name()) //nolint:errcheck // it is gone when it was renamed
	sum := sha256.Sum256(cubin)
	_, err = f.Write(append(sum[:], cubin...))
	if closing := f.Close(); err == nil {
		err = closing
	}
	if err != nil {
		return err
	}
	return os.Rename(f.Name(), filepath.Join(dir, key+".cubin"))
}
