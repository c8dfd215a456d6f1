package hub_test

import (
	"crypto/sha1"
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/gradientlearning/cola/data/hub"
)

const (
	commitA = "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
	commitB = "bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb"
)

// fakeHub answers as huggingface.co does: small files itself, large ones from another host.
type fakeHub struct {
	t     *testing.T
	hub   *httptest.Server
	store *httptest.Server // where large files are
	mu    sync.Mutex
	repos map[string]map[string]map[string][]byte // models/org/name -> commit -> file -> content
	refs  map[string]string                       // models/org/name@main -> commit
	token string                                  // who has another gets 401; "": everybody may
	seen  []string                                // "GET hub /path Range", in order
	leaks []string                                // requests that brought a token where none belongs
	// before is called for each request, and may answer it: true.
	before func(host string, w http.ResponseWriter, r *http.Request) bool
}

func newFakeHub(t *testing.T) *fakeHub {
	f := &fakeHub{t: t, repos: map[string]map[string]map[string][]byte{}, refs: map[string]string{}}
	f.store = httptest.NewServer(http.HandlerFunc(f.serveStore))
	f.hub = httptest.NewServer(http.HandlerFunc(f.serveHub))
	t.Cleanup(func() {
		f.hub.Close()
		f.store.Close()
		for _, leak := range f.leaks {
			t.Errorf("the token was sent with %s", leak)
		}
	})
	return f
}

// put adds a commit with files, and makes it main.
func (f *fakeHub) put(repo, commit string, files map[string][]byte) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.repos[repo] == nil {
		f.repos[repo] = map[string]map[string][]byte{}
	}
	f.repos[repo][commit] = files
	f.refs[repo+"@main"], f.refs[repo+"@"+commit] = commit, commit
}

// config returns settings with an empty cache.
func (f *fakeHub) config() hub.Config {
	return hub.Config{
		Endpoint: f.hub.URL, Cache: f.t.TempDir(), Attempts: 4, Backoff: time.Millisecond, Stall: 10 * time.Second,
	}
}

// requests returns what was asked since the last call: method, host, path, and Range.
func (f *fakeHub) requests() []string {
	f.mu.Lock()
	defer f.mu.Unlock()
	seen := f.seen
	f.seen = nil
	return seen
}

func (f *fakeHub) note(host string, w http.ResponseWriter, r *http.Request) (answered bool) {
	f.mu.Lock()
	f.seen = append(f.seen, strings.TrimSpace(r.Method+" "+host+" "+r.URL.Path+" "+r.Header.Get("Range")))
	if host == "store" && (r.Header.Get("Authorization") != "" || strings.Contains(r.URL.String(), "secret")) {
		f.leaks = append(f.leaks, r.URL.String())
	}
	before := f.before
	f.mu.Unlock()
	return before != nil && before(host, w, r)
}

func (f *fakeHub) serveHub(w http.ResponseWriter, r *http.Request) {
	if f.note("hub", w, r) {
		return
	}
	if f.token != "" && r.Header.Get("Authorization") != "Bearer "+f.token {
		http.Error(w, "Invalid username or password.", http.StatusUnauthorized)
		return
	}
	path := strings.TrimPrefix(r.URL.Path, "/")
	if rest, ok := strings.CutPrefix(path, "api/"); ok {
		f.serveAPI(w, rest)
		return
	}
	if !strings.HasPrefix(path, "datasets/") {
		path = "models/" + path
	}
	repo, rest, _ := strings.Cut(path, "/resolve/")
	revision, name, _ := strings.Cut(rest, "/")
	f.mu.Lock()
	commit := f.refs[repo+"@"+revision]
	content, ok := f.repos[repo][commit][name]
	f.mu.Unlock()
	if !ok {
		w.Header().Set("X-Error-Code", "EntryNotFound")
		http.NotFound(w, r)
		return
	}
	w.Header().Set("X-Repo-Commit", commit)
	if large(name) {
		w.Header().Set("X-Linked-Etag", `"`+sha256Of(content)+`"`)
		w.Header().Set("X-Linked-Size", strconv.Itoa(len(content)))
		w.Header().Set("ETag", `"of the redirect"`)
		http.Redirect(w, r, f.store.URL+"/"+repo+"/"+commit+"/"+name+"?signature=xyz", http.StatusFound)
		return
	}
	w.Header().Set("ETag", `"`+gitSHA1Of(content)+`"`)
	w.Header().Set("Content-Length", strconv.Itoa(len(content)))
	_, _ = w.Write(content)
}

func (f *fakeHub) serveAPI(w http.ResponseWriter, path string) {
	repo, revision, _ := strings.Cut(path, "/revision/")
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.repos[repo] == nil {
		w.Header().Set("X-Error-Code", "RepoNotFound")
		w.WriteHeader(http.StatusUnauthorized)
		return
	}
	commit, ok := f.refs[repo+"@"+revision]
	if !ok {
		w.Header().Set("X-Error-Code", "RevisionNotFound")
		w.WriteHeader(http.StatusNotFound)
		return
	}
	type sibling struct {
		Name string `json:"rfilename"`
	}
	var siblings []sibling
	for name := range f.repos[repo][commit] {
		siblings = append(siblings, sibling{name})
	}
	slices.SortFunc(siblings, func(a, b sibling) int { return strings.Compare(a.Name, b.Name) })
	_ = json.NewEncoder(w).Encode(map[string]any{"sha": commit, "siblings": siblings, "private": false})
}

// serveStore serves large files, with ranges.
func (f *fakeHub) serveStore(w http.ResponseWriter, r *http.Request) {
	if f.note("store", w, r) {
		return
	}
	http.ServeContent(w, r, "", time.Time{}, strings.NewReader(string(f.content(r))))
}

// content returns the file that a request to the store is for.
func (f *fakeHub) content(r *http.Request) []byte {
	parts := strings.SplitN(strings.TrimPrefix(r.URL.Path, "/"), "/", 5)
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.repos[strings.Join(parts[:3], "/")][parts[3]][parts[4]]
}

// large says which files are kept in the store.
func large(name string) bool {
	return strings.HasSuffix(name, ".safetensors") || strings.HasSuffix(name, ".parquet")
}

func sha256Of(b []byte) string { return fmt.Sprintf("%x", sha256.Sum256(b)) }

func gitSHA1Of(b []byte) string {
	h := sha1.New()
	fmt.Fprintf(h, "blob %d\x00", len(b))
	h.Write(b)
	return fmt.Sprintf("%x", h.Sum(nil))
}

// weights returns bytes that are nowhere the same.
func weights(n int) []byte {
	b := make([]byte, n)
	state := uint32(1)
	for i := range b {
		state = state*1664525 + 1013904223
		b[i] = byte(state >> 24)
	}
	return b
}

// part sends only some of a large file, and breaks the connection.
func (f *fakeHub) part(w http.ResponseWriter, r *http.Request, bytes int) {
	content := f.content(r)
	from := 0
	if _, err := fmt.Sscanf(r.Header.Get("Range"), "bytes=%d-", &from); err == nil {
		w.Header().Set("Content-Range", fmt.Sprintf("bytes %d-%d/%d", from, len(content)-1, len(content)))
		w.Header().Set("Content-Length", strconv.Itoa(len(content)-from))
		w.WriteHeader(http.StatusPartialContent)
	} else {
		w.Header().Set("Content-Length", strconv.Itoa(len(content)))
	}
	_, _ = w.Write(content[from:min(from+bytes, len(content))])
	_ = http.NewResponseController(w).Flush()
	panic(http.ErrAbortHandler)
}

// wantFile fails unless a file has the content.
func wantFile(t *testing.T, folder, name string, content []byte) {
	t.Helper()
	got, err := os.ReadFile(filepath.Join(folder, filepath.FromSlash(name)))
	if err != nil || string(got) != string(content) {
		t.Errorf("%s has %d bytes (%v), and not the %d it should have", name, len(got), err, len(content))
	}
}
