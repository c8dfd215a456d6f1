package cuda

import (
	"bytes"
	"os"
	"path/filepath"
	"testing"

	"github.com/gradientlearning/cola/cuda/kernels"
)

func TestCacheKeepsAndRefuses(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "made", "on demand")
	source := kernels.File{Name: "k.cu", Text: "kernel"}
	key := cacheKey("nvrtc 13.0", source, nil, []string{"-x"})
	if _, ok := readCache(dir, key); ok {
		t.Fatal("an empty cache has something")
	}
	if err := writeCache(dir, key, []byte("machine code")); err != nil {
		t.Fatal(err)
	}
	if got, ok := readCache(dir, key); !ok || string(got) != "machine code" {
		t.Fatalf("kept %q, %v", got, ok)
	}
	if entries, err := os.ReadDir(dir); err != nil || len(entries) != 1 {
		t.Errorf("the folder has %v, %v: something was left over", entries, err)
	}
	path := filepath.Join(dir, key+".cubin")
	whole, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	for name, data := range map[string][]byte{
		"empty":     nil,
		"cut off":   whole[:len(whole)-1],
		"only sums": whole[:32],
		"a bit":     bytes.Replace(whole, []byte("code"), []byte("cope"), 1),
	} {
		if err := os.WriteFile(path, data, 0o600); err != nil {
			t.Fatal(err)
		}
		if got, ok := readCache(dir, key); ok {
			t.Errorf("%s: took %q from a damaged file", name, got)
		}
	}
}

func TestCacheKeyDependsOnEverything(t *testing.T) {
	source := kernels.File{Name: "k.cu", Text: "kernel"}
	header := []kernels.File{{Name: "h.h", Text: "header"}}
	keys := map[string]string{}
	for name, key := range map[string]string{
		"as it is":     cacheKey("nvrtc 13.0", source, header, []string{"-x", "-y"}),
		"compiler":     cacheKey("nvrtc 13.1", source, header, []string{"-x", "-y"}),
		"source":       cacheKey("nvrtc 13.0", kernels.File{Name: "k.cu", Text: "kernels"}, header, []string{"-x", "-y"}),
		"name":         cacheKey("nvrtc 13.0", kernels.File{Name: "l.cu", Text: "kernel"}, header, []string{"-x", "-y"}),
		"header":       cacheKey("nvrtc 13.0", source, []kernels.File{{Name: "h.h", Text: "Header"}}, []string{"-x", "-y"}),
		"no header":    cacheKey("nvrtc 13.0", source, nil, []string{"-x", "-y"}),
		"options":      cacheKey("nvrtc 13.0", source, header, []string{"-x", "-z"}),
		"option lines": cacheKey("nvrtc 13.0", source, header, []string{"-x\n2 -y"}),
	} {
		if other, taken := keys[key]; taken {
			t.Errorf("%s and %s have one key", name, other)
		}
		keys[key] = name
	}
}
