package hub_test

import (
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/gradientlearning/cola/data/hub"
)

// wantFault fails unless fetching ends with the error, and says what to do.
func wantFault(t *testing.T, c hub.Config, ref string, patterns []string, want error, says ...string) {
	t.Helper()
	folder, err := hub.Fetch(t.Context(), c, ref, patterns)
	if !errors.Is(err, want) || folder != "" {
		t.Errorf("%s: got %q and error %v, want %v", ref, folder, err, want)
		return
	}
	for _, s := range says {
		if !strings.Contains(err.Error(), s) {
			t.Errorf("%s: the error does not say %q: %v", ref, s, err)
		}
	}
}

func TestWhatIsNotThere(t *testing.T) {
	f := newFakeHub(t)
	f.put("models/org/name", commitA, small())
	c := f.config()
	all := []string{"*"}
	wantFault(t, c, "hub:org/none", all, hub.ErrAccess, "does not exist, or is private", f.hub.URL+"/org/none", "HF_TOKEN", "no token was sent")
	wantFault(t, c, "hub:datasets/org/none", all, hub.ErrAccess, f.hub.URL+"/datasets/org/none")
	wantFault(t, c, "hub:org/name@v2", all, hub.ErrNotFound, `no revision "v2"`)
	wantFault(t, c, "hub:org/name", []string{"*.bin", "nothing"}, hub.ErrNotFound, "*.bin, nothing", "README.md, config.json")
	f.put("models/org/empty", commitB, nil)
	wantFault(t, c, "hub:org/empty", all, hub.ErrNotFound, "it has none")
}

func TestRefusals(t *testing.T) {
	for _, c := range []struct {
		status int
		code   string
		want   error
		says   string
	}{
		{401, "GatedRepo", hub.ErrAccess, "ask for access at"},
		{403, "GatedRepo", hub.ErrAccess, "ask for access at"},
		{401, "", hub.ErrAccess, "does not exist, or is private"},
		{403, "", hub.ErrAccess, "the hub refuses"},
		{404, "", hub.ErrNotFound, "look at"},
		{410, "", hub.ErrNotFound, "look at"},
		{400, "", hub.ErrHub, "400"},
		{418, "", hub.ErrHub, "418"},
		{500, "", hub.ErrUnreachable, "500"},
		{503, "", hub.ErrUnreachable, "503"},
		{429, "", hub.ErrUnreachable, "429"},
		{408, "", hub.ErrUnreachable, "408"},
	} {
		for _, method := range []string{http.MethodGet, http.MethodHead} { // of the list, of a file
			f := newFakeHub(t)
			f.put("models/org/name", commitA, small())
			f.at("hub", method, func(_ int, w http.ResponseWriter, _ *http.Request) bool {
				if c.code != "" {
					w.Header().Set("X-Error-Code", c.code)
				}
				w.WriteHeader(c.status)
				return true
			})
			settings := f.config()
			settings.Token = "hf_secret"
			_, err := hub.Fetch(t.Context(), settings, "hub:org/name", []string{"config.json"})
			if !errors.Is(err, c.want) || !strings.Contains(err.Error(), c.says) || strings.Contains(err.Error(), "secret") {
				t.Errorf("%s with %d %s: got error %v, want %v that says %q", method, c.status, c.code, err, c.want, c.says)
			}
		}
	}
}

func TestFailuresThatPass(t *testing.T) {
	f := newFakeHub(t)
	f.put("models/org/name", commitA, small())
	failed := map[string]bool{}
	f.before = func(host string, w http.ResponseWriter, r *http.Request) bool {
		first := !failed[r.Method+r.URL.Path]
		if failed[r.Method+r.URL.Path] = true; first {
			w.WriteHeader(map[string]int{"hub": 503, "store": 403}[host]) // 403: a signature that is too old
		}
		return first
	}
	wantFile(t, fetch(t, f.config(), "hub:org/name", "*.safetensors"), "model.safetensors", small()["model.safetensors"])
}

func TestTokenGoesToTheHubOnly(t *testing.T) {
	f := newFakeHub(t)
	f.token = "hf_secret"
	f.put("models/org/private", commitA, small())
	c := f.config()
	wantFault(t, c, "hub:org/private", []string{"*"}, hub.ErrAccess, "no token was sent")
	c.Token = "hf_wrong"
	wantFault(t, c, "hub:org/private", []string{"*"}, hub.ErrAccess, "the one that was sent may not")
	c.Token = "hf_secret"
	wantFile(t, fetch(t, c, "hub:org/private", "*.safetensors"), "model.safetensors", small()["model.safetensors"])
	asked := 0
	for _, r := range f.requests() { // newFakeHub fails if one of these had the token
		if strings.HasPrefix(r, "GET store") {
			asked++
		}
	}
	if asked != 1 {
		t.Errorf("the store was asked %d times", asked)
	}
}

func TestRedirects(t *testing.T) {
	f := newFakeHub(t)
	f.put("models/org/new", commitA, small())
	f.before = func(_ string, w http.ResponseWriter, r *http.Request) bool {
		if strings.Contains(r.URL.Path, "org/old") { // a repository that was renamed
			http.Redirect(w, r, strings.Replace(r.URL.Path, "org/old", "org/new", 1), http.StatusTemporaryRedirect)
			return true
		}
		if strings.Contains(r.URL.Path, "org/loop") {
			http.Redirect(w, r, r.URL.Path+"x", http.StatusFound)
			return true
		}
		return false
	}
	folder := fetch(t, f.config(), "hub:org/old", "*.json", "*.safetensors")
	wantFile(t, folder, "config.json", small()["config.json"])
	wantFile(t, folder, "model.safetensors", small()["model.safetensors"])
	f.requests()
	wantFault(t, f.config(), "hub:org/loop", []string{"*"}, hub.ErrHub, "redirects 11 times")
	if n := len(f.requests()); n != 11 {
		t.Errorf("a loop was followed %d times", n)
	}
}

func TestRedirectToWhatIsNotEncrypted(t *testing.T) {
	plain := httptest.NewServer(http.NotFoundHandler())
	defer plain.Close()
	secure := httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		http.Redirect(w, r, plain.URL, http.StatusFound)
	}))
	defer secure.Close()
	c := newFakeHub(t).config()
	c.Endpoint, c.Transport, c.Token = secure.URL, secure.Client().Transport, "hf_secret"
	wantFault(t, c, "hub:org/name", []string{"*"}, hub.ErrHub, "not encrypted")
}

func TestDamagedFiles(t *testing.T) {
	content := small()["model.safetensors"]
	for name, send := range map[string]func(w http.ResponseWriter){
		"other bytes": func(w http.ResponseWriter) { _, _ = w.Write(append([]byte{^content[0]}, content[1:]...)) },
		"too short": func(w http.ResponseWriter) {
			w.Header().Set("Content-Length", "5")
			_, _ = w.Write(content[:5])
		},
		"too long": func(w http.ResponseWriter) { _, _ = w.Write(append(content[:len(content):len(content)], 1)) },
		"a page":   func(w http.ResponseWriter) { fmt.Fprint(w, "<html>please log in to this network</html>") },
	} {
		f := newFakeHub(t)
		f.put("models/org/name", commitA, small())
		f.at("store", http.MethodGet, func(_ int, w http.ResponseWriter, _ *http.Request) bool {
			send(w)
			return true
		})
		c := f.config()
		wantFault(t, c, "hub:org/name", []string{"*.safetensors"}, hub.ErrCorrupt, "model.safetensors")
		if _, err := os.Stat(filepath.Join(c.Cache, "models--org--name", "snapshots", commitA, "model.safetensors")); err == nil {
			t.Errorf("%s: a damaged file is in the snapshot", name)
		}
		f.before = nil
		wantFile(t, fetch(t, c, "hub:org/name", "*.safetensors"), "model.safetensors", content)
	}
}

func TestSmallFilesAreChecked(t *testing.T) {
	f := newFakeHub(t)
	f.put("models/org/name", commitA, small())
	f.before = func(_ string, w http.ResponseWriter, r *http.Request) bool {
		if r.Method == http.MethodGet && strings.HasSuffix(r.URL.Path, "config.json") {
			fmt.Fprint(w, strings.Replace(string(small()["config.json"]), "gpt2", "bert", 1))
			return true
		}
		return false
	}
	wantFault(t, f.config(), "hub:org/name", []string{"config.json"}, hub.ErrCorrupt, "config.json", gitSHA1Of(small()["config.json"]))
}

func TestAnswersThatMakeNoSense(t *testing.T) {
	list := func(text string) func(*fakeHub) {
		return func(f *fakeHub) {
			f.before = func(_ string, w http.ResponseWriter, r *http.Request) bool {
				if strings.HasPrefix(r.URL.Path, "/api/") {
					fmt.Fprint(w, text)
					return true
				}
				return false
			}
		}
	}
	head := func(header map[string]string) func(*fakeHub) {
		return func(f *fakeHub) {
			f.at("hub", http.MethodHead, func(_ int, w http.ResponseWriter, _ *http.Request) bool {
				for k, v := range header {
					w.Header().Set(k, v)
				}
				return true
			})
		}
	}
	rangeOf := func(text string) func(*fakeHub) {
		return func(f *fakeHub) {
			f.at("store", http.MethodGet, func(n int, w http.ResponseWriter, r *http.Request) bool {
				if n == 0 {
					f.part(w, r, 1000)
				}
				w.Header().Set("Content-Range", text)
				w.WriteHeader(http.StatusPartialContent)
				return true
			})
		}
	}
	good := gitSHA1Of(small()["config.json"])
	for name, c := range map[string]struct {
		set  func(*fakeHub)
		says string
	}{
		"no JSON":            {list("<html>"), "is " + "http"},
		"no commit":          {list(`{"sha": "main", "siblings": []}`), `"main"`},
		"commit is a path":   {list(`{"sha": "../../../../../../../../../../../../a", "siblings": []}`), "is none"},
		"a file above":       {list(`{"sha": "` + commitA + `", "siblings": [{"rfilename": "../config.json"}]}`), "../config.json"},
		"a file of Windows":  {list(`{"sha": "` + commitA + `", "siblings": [{"rfilename": "..\\config.json"}]}`), "do not use"},
		"a device":           {list(`{"sha": "` + commitA + `", "siblings": [{"rfilename": "c:config.json"}]}`), "do not use"},
		"a line end":         {list(`{"sha": "` + commitA + `", "siblings": [{"rfilename": "a\nconfig.json"}]}`), "do not use"},
		"a root":             {list(`{"sha": "` + commitA + `", "siblings": [{"rfilename": "/config.json"}]}`), "do not use"},
		"another commit":     {head(map[string]string{"X-Repo-Commit": commitB, "ETag": `"` + good + `"`}), commitB},
		"no digest":          {head(map[string]string{"X-Repo-Commit": commitA}), "no digest"},
		"digest is a path":   {head(map[string]string{"X-Repo-Commit": commitA, "ETag": `"../../../config"`}), "no digest"},
		"size is no number":  {head(map[string]string{"X-Repo-Commit": commitA, "ETag": `"` + good + `"`, "X-Linked-Size": "-4"}), "-4"},
		"no range":           {rangeOf("bytes"), "Content-Range"},
		"range of elsewhere": {rangeOf("bytes 999-299999/300000"), "from byte 999"},
	} {
		t.Run(name, func(t *testing.T) {
			f := newFakeHub(t)
			f.put("models/org/name", commitA, small())
			c.set(f)
			wantFault(t, f.config(), "hub:org/name", []string{"config.json", "*/config.json", "*config.json", "*.safetensors"}, hub.ErrHub, c.says)
		})
	}
	f := newFakeHub(t)
	f.put("models/org/name", commitA, small())
	f.refs["models/org/name@"+commitB] = commitA
	wantFault(t, f.config(), "hub:org/name@"+commitB, []string{"*"}, hub.ErrHub, commitB, commitA)
}

// spaces never end.
type spaces struct{}

func (spaces) Close() error { return nil }
func (spaces) Read(p []byte) (int, error) {
	for i := range p {
		p[i] = ' '
	}
	return len(p), nil
}

// endless is a hub whose answers do not end.
type endless struct{}

func (endless) RoundTrip(r *http.Request) (*http.Response, error) {
	return &http.Response{StatusCode: http.StatusOK, Body: spaces{}, ContentLength: -1, Request: r}, nil
}

func TestListThatDoesNotEnd(t *testing.T) {
	c := newFakeHub(t).config()
	c.Transport = endless{}
	wantFault(t, c, "hub:org/name", []string{"*"}, hub.ErrHub, "longer than")
}

func TestBranchThatMovesMeanwhile(t *testing.T) {
	f := newFakeHub(t)
	f.put("models/org/name", commitA, small())
	moved := map[string][]byte{"config.json": []byte(`{"new": true}`), "model.safetensors": weights(7)}
	f.at("hub", http.MethodHead, func(n int, _ http.ResponseWriter, _ *http.Request) bool {
		if n == 0 {
			f.put("models/org/name", commitB, moved)
		}
		return false
	})
	c := f.config()
	folder := fetch(t, c, "hub:org/name", "config.json", "*.safetensors")
	if filepath.Base(folder) != commitA {
		t.Errorf("got %s, want the commit that it was at first", folder)
	}
	wantFile(t, folder, "config.json", small()["config.json"])
	wantFile(t, folder, "model.safetensors", small()["model.safetensors"])
	folder = fetch(t, c, "hub:org/name", "config.json", "*.safetensors")
	wantFile(t, folder, "config.json", moved["config.json"])
	wantFile(t, folder, "model.safetensors", moved["model.safetensors"])
}

func TestSizeThatIsNotTold(t *testing.T) {
	f := newFakeHub(t)
	content := small()["config.json"]
	f.put("models/org/name", commitA, small())
	f.at("hub", http.MethodHead, func(_ int, w http.ResponseWriter, _ *http.Request) bool {
		w.Header().Set("X-Repo-Commit", commitA)
		w.Header().Set("ETag", `W/"`+gitSHA1Of(content)+`"`)
		w.Header().Set("Transfer-Encoding", "chunked")
		return true
	})
	wantFile(t, fetch(t, f.config(), "hub:org/name", "config.json"), "config.json", content)
}

func TestOffline(t *testing.T) {
	f := newFakeHub(t)
	f.put("models/org/name", commitA, small())
	c := f.config()
	c.Offline = true
	wantFault(t, c, "hub:org/name", []string{"*"}, hub.ErrOffline, "HF_HUB_OFFLINE", "models--org--name")
	if seen := f.requests(); len(seen) > 0 {
		t.Errorf("offline, the hub was asked: %q", seen)
	}
	c.Offline = false
	folder := fetch(t, c, "hub:org/name", "config.json", "original/*")
	f.requests()
	c.Offline = true
	for _, ref := range []string{"hub:org/name", "hub:org/name@main", "hub:org/name@" + commitA} {
		if got := fetch(t, c, ref, "*.json"); got != folder {
			t.Errorf("%s: got %s, want %s", ref, got, folder)
		}
	}
	wantFault(t, c, "hub:org/name", []string{"*.safetensors"}, hub.ErrOffline, "*.safetensors")
	wantFault(t, c, "hub:org/name@"+commitB, []string{"*"}, hub.ErrOffline)
	if seen := f.requests(); len(seen) > 0 {
		t.Errorf("offline, the hub was asked: %q", seen)
	}

	// The same without a hub.
	c.Offline = false
	f.hub.Close()
	var note string
	c.Progress = func(e hub.Event) { note = e.Note }
	if got := fetch(t, c, "hub:org/name", "*.json"); got != folder || !strings.Contains(note, "taking what was fetched before") {
		t.Errorf("got %s with note %q, want %s", got, note, folder)
	}
	wantFault(t, c, "hub:org/name", []string{"*.safetensors"}, hub.ErrUnreachable, "try again")
	wantFault(t, c, "hub:org/name", []string{"*.safetensors"}, hub.ErrOffline)

	ref := filepath.Join(c.Cache, "models--org--name", "refs", "main")
	if err := os.WriteFile(ref, []byte("../../elsewhere"), 0o644); err != nil {
		t.Fatal(err)
	}
	c.Offline = true
	if _, err := hub.Fetch(t.Context(), c, "hub:org/name", []string{"*"}); err == nil || !strings.Contains(err.Error(), ref) {
		t.Errorf("a ref that is no commit: got error %v", err)
	}
}

// A fetch that does not come to its end leaves the last whole snapshot for those who are offline.
func TestOfflineAfterAFetchThatFailed(t *testing.T) {
	f := newFakeHub(t)
	f.put("models/org/name", commitA, small())
	c := f.config()
	folder := fetch(t, c, "hub:org/name", "*.json", "*.safetensors")
	f.put("models/org/name", commitB, map[string][]byte{"config.json": []byte("{}"), "model.safetensors": weights(9)})
	f.at("store", http.MethodGet, func(_ int, w http.ResponseWriter, _ *http.Request) bool {
		w.WriteHeader(http.StatusBadGateway)
		return true
	})
	wantFault(t, c, "hub:org/name", []string{"*.json", "*.safetensors"}, hub.ErrUnreachable, "502")
	c.Offline = true
	if got := fetch(t, c, "hub:org/name", "*.json", "*.safetensors"); got != folder {
		t.Errorf("got %s, want %s", got, folder)
	}
}

func TestDiskThatCannotBeWritten(t *testing.T) {
	f := newFakeHub(t)
	f.put("models/org/name", commitA, small())
	c := f.config()
	if err := os.WriteFile(filepath.Join(c.Cache, "models--org--name"), nil, 0o644); err != nil {
		t.Fatal(err)
	}
	if _, err := hub.Fetch(t.Context(), c, "hub:org/name", []string{"config.json"}); err == nil || !strings.Contains(err.Error(), "models--org--name") {
		t.Errorf("got error %v, want one that names the folder", err)
	}
}
