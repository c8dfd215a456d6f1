package hub_test

import (
	"io"
	"io/fs"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/gradientlearning/cola/data/hub"
)

func TestReferencesThatAreNone(t *testing.T) {
	c := newFakeHub(t).config()
	for _, ref := range []string{
		"", "org/name", "hub:", "hub:/", "hub:org/", "hub:/name", "hub:org/name/more", "hub:datasets/", "hub:spaces/org/name", "hub:datasets/a/b/c",
		"hub:..", "hub:../name", "hub:org/..", "hub:org/a..b", "hub:org/a--b", "hub:org/.a", "hub:org/-a", "hub:org/a.", "hub:org/a b", "hub:org/a\\b",
		"hub:org/a?b", "hub:org/a%2f", "hub:org/ä", "hub:org/" + strings.Repeat("a", 97), "hub:https://huggingface.co/org/name",
		"hub:org/name@", "hub:org/name@..", "hub:org/name@a/../b", "hub:org/name@/a", "hub:org/name@a//b", "hub:org/name@-x", "hub:org/name@a@b",
		"hub:org/name@a\\b", "hub:org/name@a b", "hub:org/name@" + strings.Repeat("a", 201),
	} {
		wantFault(t, c, ref, []string{"*"}, hub.ErrReference)
	}
	for _, patterns := range [][]string{nil, {}, {"[a"}, {"*", "[]a]"}} {
		wantFault(t, c, "hub:org/name", patterns, hub.ErrReference)
	}
}

// answers is a hub that gives one answer to everything.
type answers struct {
	status int
	header http.Header
	body   string
}

func (a answers) RoundTrip(r *http.Request) (*http.Response, error) {
	body := a.body
	if r.Method == http.MethodHead {
		body = ""
	}
	return &http.Response{
		StatusCode: a.status, Status: http.StatusText(a.status), Header: a.header.Clone(), Body: io.NopCloser(strings.NewReader(body)),
		ContentLength: int64(len(body)), Request: r, Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1,
	}, nil
}

// FuzzFetch looks for references and answers that write outside of the repository's folders.
func FuzzFetch(f *testing.F) {
	good := `{"sha": "` + commitA + `", "siblings": [{"rfilename": "a/b.json"}, {"rfilename": "c"}]}`
	f.Add("hub:org/name", "*", 200, commitA, gitSHA1Of([]byte(good)), "", "", good)
	f.Add("hub:datasets/org/name@refs/pr/1", "*/*", 206, commitA, gitSHA1Of([]byte(good)), "bytes 0-9/10", "3", good)
	f.Add("hub:name@"+commitA, "../*", 302, commitA, `W/"../../x"`, "bytes */7", "-1", `{"sha": "../..", "siblings": [{"rfilename": "../../x"}]}`)
	f.Add("hub:org/name", "?", 416, commitA, sha256Of(nil), "", "", `{"sha": "`+commitA+`", "siblings": [{"rfilename": "\u0000"}]}`)
	f.Fuzz(func(t *testing.T, ref, pattern string, status int, commit, tag, span, size, body string) {
		if status < 200 || status > 599 {
			return
		}
		around := t.TempDir()
		header := http.Header{}
		for name, value := range map[string]string{
			"X-Repo-Commit": commit, "Etag": `"` + tag + `"`, "X-Linked-Etag": tag, "X-Linked-Size": size, "Content-Range": span,
			"Location": "/next", "Content-Length": size,
		} {
			if value != "" {
				header.Set(name, value)
			}
		}
		c := hub.Config{
			Endpoint: "https://hub.example", Cache: filepath.Join(around, "cache"), Attempts: 2, Stall: time.Minute,
			Transport: answers{status, header, body},
		}
		folder, err := hub.Fetch(t.Context(), c, ref, []string{pattern})
		if (err == nil) != (folder != "") {
			t.Errorf("got folder %q and error %v", folder, err)
		}
		if err := filepath.WalkDir(around, func(path string, d fs.DirEntry, err error) error {
			if err != nil || d.IsDir() {
				return err
			}
			name, err := filepath.Rel(around, path)
			if err != nil {
				return err
			}
			parts := strings.Split(filepath.ToSlash(name), "/")
			if len(parts) < 4 || parts[0] != "cache" || parts[1] != ".locks" && !strings.Contains(parts[1], "--") {
				t.Errorf("%s was written", name)
			}
			if _, err := os.Stat(path); err != nil {
				t.Errorf("%s is a link to nothing: %v", name, err)
			}
			return nil
		}); err != nil {
			t.Fatal(err)
		}
	})
}
