package hub_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/gradientlearning/cola/data/hub"
)

// at calls f for requests to a host with a method, in order from 0.
func (f *fakeHub) at(host, method string, call func(n int, w http.ResponseWriter, r *http.Request) bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	n := 0
	f.before = func(h string, w http.ResponseWriter, r *http.Request) bool {
		if h != host || r.Method != method {
			return false
		}
		f.mu.Lock()
		i := n
		n++
		f.mu.Unlock()
		return call(i, w, r)
	}
}

// stored returns the requests to the store.
func (f *fakeHub) stored() (seen []string) {
	for _, r := range f.requests() {
		if rest, ok := strings.CutPrefix(r, "GET store /models/org/name/"+commitA+"/model.safetensors"); ok {
			seen = append(seen, strings.TrimSpace(rest))
		}
	}
	return seen
}

func TestBrokenConnectionsGoOnWhereTheyStopped(t *testing.T) {
	f := newFakeHub(t)
	files := small()
	f.put("models/org/name", commitA, files)
	f.at("store", http.MethodGet, func(n int, w http.ResponseWriter, r *http.Request) bool {
		if n < 10 { // more often than Attempts: each brings something
			f.part(w, r, 20_000)
		}
		return false
	})
	folder := fetch(t, f.config(), "hub:org/name", "*.safetensors")
	wantFile(t, folder, "model.safetensors", files["model.safetensors"])
	seen := f.stored()
	if len(seen) != 11 || seen[0] != "" || seen[1] != "bytes=20000-" || seen[10] != "bytes=200000-" {
		t.Errorf("the store was asked for %q", seen)
	}
}

func TestNoProgressEnds(t *testing.T) {
	f := newFakeHub(t)
	f.put("models/org/name", commitA, small())
	f.at("store", http.MethodGet, func(_ int, w http.ResponseWriter, r *http.Request) bool {
		r.Header.Del("Range") // a store without ranges, that never gets further
		f.part(w, r, 1000)
		return true
	})
	c := f.config()
	var notes []string
	c.Progress = func(e hub.Event) {
		if e.Note != "" {
			notes = append(notes, e.Note)
		}
	}
	_, err := hub.Fetch(t.Context(), c, "hub:org/name", []string{"*.safetensors"})
	if !errors.Is(err, hub.ErrUnreachable) {
		t.Errorf("got error %v, want ErrUnreachable", err)
	}
	if seen := f.stored(); len(seen) != c.Attempts || len(notes) != c.Attempts-1 || !strings.Contains(notes[0], "trying again") {
		t.Errorf("it was tried %d times and said so: %q", len(seen), notes)
	}
	if strings.Contains(err.Error(), "signature") || strings.Contains(strings.Join(notes, ""), "signature") {
		t.Errorf("the signature of an address is in the open: %v %v", err, notes)
	}
}

func TestStoreWithoutRangesBeginsAgain(t *testing.T) {
	f := newFakeHub(t)
	files := small()
	f.put("models/org/name", commitA, files)
	f.at("store", http.MethodGet, func(n int, w http.ResponseWriter, r *http.Request) bool {
		r.Header.Del("Range")
		if n < 2 {
			f.part(w, r, 1000*(n+1))
		}
		return false
	})
	wantFile(t, fetch(t, f.config(), "hub:org/name", "*.safetensors"), "model.safetensors", files["model.safetensors"])
}

func TestPartsThatWereLeftBehind(t *testing.T) {
	content := small()["model.safetensors"]
	damaged := append([]byte{^content[0]}, content[1:1000]...)
	for name, part := range map[string][]byte{
		"good": content[:1000], "all": content, "none": {}, "damaged": damaged, "too long": append(content[:len(content):len(content)], 1),
	} {
		f := newFakeHub(t)
		f.put("models/org/name", commitA, small())
		c := f.config()
		blobs := filepath.Join(c.Cache, "models--org--name", "blobs")
		if err := os.MkdirAll(blobs, 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(blobs, sha256Of(content)+".incomplete"), part, 0o644); err != nil {
			t.Fatal(err)
		}
		wantFile(t, fetch(t, c, "hub:org/name", "*.safetensors"), "model.safetensors", content)
		want := map[string]string{"good": "[bytes=1000-]", "all": "[]", "none": "[]", "damaged": "[bytes=1000- ]", "too long": "[]"}
		if name == "none" || name == "too long" {
			want[name] = "[]"
			if seen := f.stored(); len(seen) != 1 || seen[0] != "" {
				t.Errorf("%s: asked for %q", name, seen)
			}
			continue
		}
		if seen := fmt.Sprint(f.stored()); seen != want[name] {
			t.Errorf("%s: asked for %s, want %s", name, seen, want[name])
		}
	}
}

func TestBlobOfAnotherSizeIsFetchedAgain(t *testing.T) {
	f := newFakeHub(t)
	content := small()["model.safetensors"]
	f.put("models/org/name", commitA, small())
	c := f.config()
	blob := filepath.Join(c.Cache, "models--org--name", "blobs", sha256Of(content))
	if err := os.MkdirAll(filepath.Dir(blob), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(blob, content[:5], 0o644); err != nil {
		t.Fatal(err)
	}
	wantFile(t, fetch(t, c, "hub:org/name", "*.safetensors"), "model.safetensors", content)
}

func TestCancelledFetchGoesOn(t *testing.T) {
	f := newFakeHub(t)
	f.put("models/org/name", commitA, small())
	ctx, cancel := context.WithCancel(t.Context())
	c := f.config()
	f.at("store", http.MethodGet, func(n int, w http.ResponseWriter, r *http.Request) bool {
		if n > 0 {
			return false
		}
		w.Header().Set("Content-Length", "300000")
		_, _ = w.Write(f.content(r)[:70_000])
		_ = http.NewResponseController(w).Flush()
		part := filepath.Join(c.Cache, "models--org--name", "blobs", sha256Of(f.content(r))+".incomplete")
		for { // what was sent is on the disk before the fetch is cancelled
			if info, err := os.Stat(part); err == nil && info.Size() == 70_000 {
				break
			}
			time.Sleep(time.Millisecond)
		}
		cancel()
		<-r.Context().Done()
		return true
	})
	if _, err := hub.Fetch(ctx, c, "hub:org/name", []string{"*.safetensors"}); !errors.Is(err, context.Canceled) {
		t.Errorf("got error %v, want that of the context", err)
	}
	f.requests()
	wantFile(t, fetch(t, c, "hub:org/name", "*.safetensors"), "model.safetensors", small()["model.safetensors"])
	if seen := fmt.Sprint(f.stored()); seen != "[bytes=70000-]" {
		t.Errorf("asked for %s", seen)
	}
}

func TestCancelledWhileItWaits(t *testing.T) {
	f := newFakeHub(t)
	f.put("models/org/name", commitA, small())
	f.before = func(_ string, w http.ResponseWriter, _ *http.Request) bool {
		w.Header().Set("Retry-After", "100000")
		w.WriteHeader(http.StatusTooManyRequests)
		return true
	}
	ctx, cancel := context.WithCancel(t.Context())
	c := f.config()
	c.Progress = func(e hub.Event) {
		if !strings.Contains(e.Note, "429") || !strings.Contains(e.Note, "5m0s") {
			t.Errorf("the note is %q", e.Note)
		}
		cancel()
	}
	if _, err := hub.Fetch(ctx, c, "hub:org/name", []string{"*"}); !errors.Is(err, context.Canceled) {
		t.Errorf("got error %v, want that of the context", err)
	}
}

func TestStalledConnectionIsGivenUp(t *testing.T) {
	f := newFakeHub(t)
	f.put("models/org/name", commitA, small())
	over := make(chan struct{})
	f.at("store", http.MethodGet, func(n int, w http.ResponseWriter, r *http.Request) bool {
		if n > 0 {
			return false
		}
		w.Header().Set("Content-Length", "300000")
		_, _ = w.Write(f.content(r)[:1000])
		_ = http.NewResponseController(w).Flush()
		<-over // it says nothing more, and does not hang up
		return true
	})
	c := f.config()
	c.Stall = 300 * time.Millisecond
	wantFile(t, fetch(t, c, "hub:org/name", "*.safetensors"), "model.safetensors", small()["model.safetensors"])
	close(over)
	if seen := fmt.Sprint(f.stored()); seen != "[ bytes=1000-]" {
		t.Errorf("asked for %s", seen)
	}
}

// TestKilledProcess is the process that TestKilledFetchGoesOn kills, where it is told to be.
func TestKilledProcess(t *testing.T) {
	endpoint, cache := os.Getenv("COLA_TEST_HUB"), os.Getenv("COLA_TEST_CACHE")
	if endpoint == "" {
		t.Skip("TestKilledFetchGoesOn runs this")
	}
	c := hub.Config{Endpoint: endpoint, Cache: cache, Attempts: 1, Stall: time.Minute}
	_, err := hub.Fetch(t.Context(), c, "hub:org/name", []string{"*.safetensors"})
	t.Fatalf("the fetch came to an end: %v", err)
}

func TestKilledFetchGoesOn(t *testing.T) {
	f := newFakeHub(t)
	f.put("models/org/name", commitA, small())
	c := f.config()
	process := exec.Command(os.Args[0], "-test.run=^TestKilledProcess$")
	process.Env = append(os.Environ(), "COLA_TEST_HUB="+f.hub.URL, "COLA_TEST_CACHE="+c.Cache)
	sent := make(chan struct{})
	f.at("store", http.MethodGet, func(n int, w http.ResponseWriter, r *http.Request) bool {
		if n > 0 {
			return false
		}
		w.Header().Set("Content-Length", "300000")
		_, _ = w.Write(f.content(r)[:100_000])
		_ = http.NewResponseController(w).Flush()
		close(sent)
		<-r.Context().Done()
		return true
	})
	if err := process.Start(); err != nil {
		t.Fatal(err)
	}
	<-sent
	part := filepath.Join(c.Cache, "models--org--name", "blobs", sha256Of(small()["model.safetensors"])+".incomplete")
	for {
		if info, err := os.Stat(part); err == nil && info.Size() == 100_000 {
			break
		}
		time.Sleep(time.Millisecond)
	}
	// Its lock is held as long as it lives.
	waiting, stop := context.WithCancel(t.Context())
	second := c
	second.Progress = func(e hub.Event) {
		if strings.Contains(e.Note, "another process") {
			stop()
		}
	}
	if _, err := hub.Fetch(waiting, second, "hub:org/name", []string{"*.safetensors"}); !errors.Is(err, context.Canceled) {
		t.Errorf("beside the other process: got error %v, want that of the context", err)
	}
	if err := process.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	if err := process.Wait(); err == nil {
		t.Error("the process was not killed")
	}
	f.requests()
	wantFile(t, fetch(t, c, "hub:org/name", "*.safetensors"), "model.safetensors", small()["model.safetensors"])
	if seen := fmt.Sprint(f.stored()); seen != "[bytes=100000-]" {
		t.Errorf("asked for %s", seen)
	}
}
