package hub_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// TestPythonSharesTheCache runs huggingface_hub over a cache that Fetch made, and Fetch over
// one that huggingface_hub made. It needs a Python that has the library.
func TestPythonSharesTheCache(t *testing.T) {
	python := os.Getenv("COLA_PYTHON")
	if python == "" {
		t.Skip("COLA_PYTHON names no Python with huggingface_hub: the layout is held by the other tests")
	}
	f := newFakeHub(t)
	files := small()
	f.put("models/org/name", commitA, files)
	f.put("datasets/org/set", commitB, map[string][]byte{"data/train.parquet": weights(5000)})
	run := func(args ...string) {
		t.Helper()
		c := exec.Command(python, append([]string{"testdata/cache.py"}, args...)...)
		c.Env = append(os.Environ(), "HF_ENDPOINT="+f.hub.URL, "HF_HUB_DISABLE_XET=1", "HF_HUB_OFFLINE=", "HF_TOKEN=", "HF_HUB_DISABLE_TELEMETRY=1")
		out, err := c.CombinedOutput()
		t.Log(strings.TrimSpace(string(out)))
		if err != nil {
			t.Fatal(err)
		}
	}
	names := []string{"config.json", "model.safetensors", "tokenizer.json", "original/params #1.json", "empty.txt"}

	c := f.config()
	fetch(t, c, "hub:org/name", names...)
	fetch(t, c, "hub:datasets/org/set", "data/*")
	run(append([]string{"find", c.Cache, "org/name", commitA}, names...)...)
	run("find", c.Cache, "dataset:org/set", commitB, "data/train.parquet")

	theirs := f.config()
	run(append([]string{"fetch", theirs.Cache, "org/name"}, names...)...)
	f.requests()
	folder := fetch(t, theirs, "hub:org/name", names...)
	if seen := f.requests(); len(seen) != 1 {
		t.Errorf("what Python had fetched was asked for again: %q", seen)
	}
	theirs.Offline = true
	if got := fetch(t, theirs, "hub:org/name", "*.safetensors"); got != folder || folder != filepath.Join(theirs.Cache, "models--org--name", "snapshots", commitA) {
		t.Errorf("got %s and %s", got, folder)
	}
	for _, name := range names {
		wantFile(t, folder, name, files[name])
	}
}
