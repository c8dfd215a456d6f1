package hub_test

import (
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/gradientlearning/cola/data/hub"
)

// small is a repository as models have them.
func small() map[string][]byte {
	return map[string][]byte{
		"config.json":             []byte(`{"model_type": "gpt2"}`),
		"model.safetensors":       weights(300_000),
		"tokenizer.json":          []byte(`{}`),
		"README.md":               []byte("# A model"),
		"onnx/model.safetensors":  weights(10),
		"empty.txt":               {},
		"original/params #1.json": []byte(`{"a": 1}`),
	}
}

func fetch(t *testing.T, c hub.Config, ref string, patterns ...string) string {
	t.Helper()
	folder, err := hub.Fetch(t.Context(), c, ref, patterns)
	if err != nil {
		t.Fatal(err)
	}
	return folder
}

func TestFetchKeepsPythonsLayout(t *testing.T) {
	f := newFakeHub(t)
	files := small()
	f.put("models/org/name", commitA, files)
	c := f.config()
	var events []hub.Event
	c.Progress = func(e hub.Event) { events = append(events, e) }
	folder := fetch(t, c, "hub:org/name", append(hub.ModelFiles(), "original/*", "empty.txt")...)

	repo := filepath.Join(c.Cache, "models--org--name")
	if want := filepath.Join(repo, "snapshots", commitA); folder != want {
		t.Errorf("got folder %s, want %s", folder, want)
	}
	if ref, err := os.ReadFile(filepath.Join(repo, "refs", "main")); err != nil || string(ref) != commitA {
		t.Errorf("refs/main is %q, %v", ref, err)
	}
	var got []string
	for _, name := range []string{"config.json", "model.safetensors", "tokenizer.json", "original/params #1.json", "empty.txt"} {
		wantFile(t, folder, name, files[name])
		digest := gitSHA1Of(files[name])
		if large(name) {
			digest = sha256Of(files[name])
		}
		wantFile(t, filepath.Join(repo, "blobs"), digest, files[name])
		got = append(got, digest)
		target, err := os.Readlink(filepath.Join(folder, filepath.FromSlash(name)))
		up := strings.Repeat("../", 2+strings.Count(name, "/"))
		if runtime.GOOS != "windows" && (err != nil || target != up+"blobs/"+digest) {
			t.Errorf("%s is a link to %q, %v", name, target, err)
		}
	}
	for _, name := range []string{"README.md", "onnx/model.safetensors"} {
		if _, err := os.Stat(filepath.Join(folder, name)); err == nil {
			t.Errorf("%s was fetched, and no pattern names it", name)
		}
	}
	blobs, err := os.ReadDir(filepath.Join(repo, "blobs"))
	if err != nil || len(blobs) != len(got) {
		t.Errorf("there are blobs %v, %v; want %v", blobs, err, got)
	}
	if len(events) == 0 || events[len(events)-1].Done != events[len(events)-1].Size {
		t.Errorf("the events end before all is there: %v", events)
	}
	for _, e := range events {
		if e.Note != "" {
			t.Errorf("there is a note, and nothing to say: %v", e)
		}
	}
}

func TestFetchAsksForNothingTwice(t *testing.T) {
	f := newFakeHub(t)
	f.put("models/org/name", commitA, small())
	c := f.config()
	first := fetch(t, c, "hub:org/name", "config.json", "*.safetensors")
	want := []string{
		"GET hub /api/models/org/name/revision/main",
		"HEAD hub /org/name/resolve/" + commitA + "/config.json", "GET hub /org/name/resolve/" + commitA + "/config.json",
		"HEAD hub /org/name/resolve/" + commitA + "/model.safetensors", "GET hub /org/name/resolve/" + commitA + "/model.safetensors",
		"GET store /models/org/name/" + commitA + "/model.safetensors",
	}
	if diff := cmp.Diff(want, f.requests()); diff != "" {
		t.Errorf("-want +got\n%s", diff)
	}
	if again := fetch(t, c, "hub:org/name", "config.json", "*.safetensors"); again != first {
		t.Errorf("got %s, then %s", first, again)
	}
	if diff := cmp.Diff(want[:1], f.requests()); diff != "" {
		t.Errorf("the second time: -want +got\n%s", diff)
	}

	// Another commit with the same weights: they are there already.
	files := small()
	files["config.json"] = []byte(`{"model_type": "llama"}`)
	f.put("models/org/name", commitB, files)
	second := fetch(t, c, "hub:org/name", "config.json", "*.safetensors")
	wantFile(t, second, "config.json", files["config.json"])
	wantFile(t, second, "model.safetensors", files["model.safetensors"])
	wantFile(t, first, "config.json", small()["config.json"])
	for _, r := range f.requests() {
		if strings.HasPrefix(r, "GET store") {
			t.Errorf("weights that are there were fetched again: %s", r)
		}
	}
	if old := fetch(t, c, "hub:org/name@"+commitA, "config.json"); old != first {
		t.Errorf("commit A is in %s, then in %s", first, old)
	}
}

func TestFetchDatasetsAndRevisions(t *testing.T) {
	f := newFakeHub(t)
	f.put("datasets/org/set", commitA, map[string][]byte{"data/train-0.parquet": weights(99), "data/test-0.parquet": weights(9)})
	f.put("models/gpt2", commitB, map[string][]byte{"config.json": []byte("{}")})
	f.refs["datasets/org/set@refs/convert/parquet"] = commitA
	c := f.config()
	folder := fetch(t, c, "hub:datasets/org/set@refs/convert/parquet", "data/train-*.parquet")
	if want := filepath.Join(c.Cache, "datasets--org--set", "snapshots", commitA); folder != want {
		t.Errorf("got folder %s, want %s", folder, want)
	}
	wantFile(t, folder, "data/train-0.parquet", weights(99))
	wantFile(t, filepath.Join(c.Cache, "datasets--org--set"), "refs/refs/convert/parquet", []byte(commitA))
	if want := filepath.Join(c.Cache, "models--gpt2", "snapshots", commitB); fetch(t, c, "hub:models/gpt2", "*.json") != want {
		t.Errorf("a model without organisation is not in %s", want)
	}
}

func TestCopies(t *testing.T) {
	f := newFakeHub(t)
	f.put("models/org/name", commitA, small())
	c := f.config()
	c.Copies = true
	folder := fetch(t, c, "hub:org/name", "*.safetensors", "original/*")
	for _, name := range []string{"model.safetensors", "original/params #1.json"} {
		wantFile(t, folder, name, small()[name])
		if i, err := os.Lstat(filepath.Join(folder, name)); err != nil || !i.Mode().IsRegular() {
			t.Errorf("%s is %v, %v, not a file of its own", name, i, err)
		}
	}
}

func TestFetchTogether(t *testing.T) {
	f := newFakeHub(t)
	files := small()
	f.put("models/org/name", commitA, files)
	c := f.config()
	var group sync.WaitGroup
	for range 6 { // locks are between open files, so that these are as good as processes
		group.Go(func() {
			folder, err := hub.Fetch(t.Context(), c, "hub:org/name", []string{"*.safetensors", "*.json"})
			if err != nil {
				t.Error(err)
				return
			}
			wantFile(t, folder, "model.safetensors", files["model.safetensors"])
		})
	}
	group.Wait()
	downloads := 0
	for _, r := range f.requests() {
		if strings.HasPrefix(r, "GET store") {
			downloads++
		}
	}
	if downloads != 1 {
		t.Errorf("six fetched the weights %d times", downloads)
	}
	left, err := filepath.Glob(filepath.Join(c.Cache, "models--org--name", ".tmp-*"))
	if err != nil || len(left) > 0 {
		t.Errorf("%v was left, %v", left, err)
	}
}
