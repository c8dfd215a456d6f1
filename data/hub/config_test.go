package hub_test

import (
	"errors"
	"os"
	"path/filepath"
	"testing"

	"github.com/gradientlearning/cola/data/hub"
)

// clean empties the environment of what settings come from.
func clean(t *testing.T, set map[string]string) {
	t.Helper()
	for _, name := range []string{
		"HF_ENDPOINT", "HF_HOME", "XDG_CACHE_HOME", "HF_HUB_CACHE", "HUGGINGFACE_HUB_CACHE", "HF_TOKEN", "HUGGING_FACE_HUB_TOKEN",
		"HF_TOKEN_PATH", "HF_HUB_OFFLINE", "TRANSFORMERS_OFFLINE", "HF_HUB_DISABLE_SYMLINKS", "HF_HUB_DISABLE_IMPLICIT_TOKEN",
	} {
		t.Setenv(name, set[name])
	}
}

func TestDefaultConfig(t *testing.T) {
	home := t.TempDir()
	t.Setenv("HOME", home)
	t.Setenv("USERPROFILE", home)
	clean(t, nil)
	c := hub.DefaultConfig()
	if c.Endpoint != "https://huggingface.co" || c.Cache != filepath.Join(home, ".cache", "huggingface", "hub") || c.Token != "" || c.Offline || c.Copies {
		t.Errorf("with nothing set: %+v", c)
	}
	login := filepath.Join(home, ".cache", "huggingface")
	if err := os.MkdirAll(login, 0o755); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{filepath.Join(login, "token"), filepath.Join(home, "other")} {
		if err := os.WriteFile(name, []byte(" hf_"+filepath.Base(name)+"\n"), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	type is struct {
		endpoint, cache, token string
		offline, copies        bool
	}
	for _, test := range []struct {
		set  map[string]string
		want is
	}{
		{map[string]string{}, is{token: "hf_token"}},
		{map[string]string{"HF_TOKEN": "hf_a\n", "HUGGING_FACE_HUB_TOKEN": "hf_b"}, is{token: "hf_a"}},
		{map[string]string{"HUGGING_FACE_HUB_TOKEN": "hf_b"}, is{token: "hf_b"}},
		{map[string]string{"HF_TOKEN_PATH": "~/other"}, is{token: "hf_other"}},
		{map[string]string{"HF_TOKEN": "hf_a", "HF_HUB_DISABLE_IMPLICIT_TOKEN": "yes"}, is{}},
		{map[string]string{"HF_HOME": "/h"}, is{cache: "/h/hub"}},
		{map[string]string{"XDG_CACHE_HOME": "/x"}, is{cache: "/x/huggingface/hub"}},
		{map[string]string{"HF_HOME": "/h", "HF_HUB_CACHE": "$HF_HOME/c"}, is{cache: "/h/c"}},
		{map[string]string{"HUGGINGFACE_HUB_CACHE": "/d", "XDG_CACHE_HOME": "/x"}, is{cache: "/d"}},
		{map[string]string{"HF_ENDPOINT": "https://mirror.example", "HF_HUB_OFFLINE": "1"}, is{endpoint: "https://mirror.example", token: "hf_token", offline: true}},
		{map[string]string{"TRANSFORMERS_OFFLINE": "True", "HF_HUB_DISABLE_SYMLINKS": "on"}, is{token: "hf_token", offline: true, copies: true}},
		{map[string]string{"HF_HUB_OFFLINE": "0"}, is{token: "hf_token"}},
	} {
		clean(t, test.set)
		want := test.want
		if want.endpoint == "" {
			want.endpoint = "https://huggingface.co"
		}
		if want.cache == "" {
			want.cache = filepath.Join(login, "hub")
		}
		c := hub.DefaultConfig()
		if got := (is{c.Endpoint, filepath.ToSlash(c.Cache), c.Token, c.Offline, c.Copies}); got != want {
			t.Errorf("%v: got %+v, want %+v", test.set, got, want)
		}
	}
}

func TestSettingsThatCannotBeUsed(t *testing.T) {
	f := newFakeHub(t)
	for name, change := range map[string]func(*hub.Config){
		"no attempts":       func(c *hub.Config) { c.Attempts = 0 },
		"no cache":          func(c *hub.Config) { c.Cache = "" },
		"no time":           func(c *hub.Config) { c.Stall = 0 },
		"before now":        func(c *hub.Config) { c.Backoff = -1 },
		"no address":        func(c *hub.Config) { c.Endpoint = "huggingface.co" },
		"another scheme":    func(c *hub.Config) { c.Endpoint = "ftp://huggingface.co" },
		"a broken address":  func(c *hub.Config) { c.Endpoint = "https://[::1" },
		"a password":        func(c *hub.Config) { c.Endpoint = "https://me:secret@huggingface.co" },
		"a query":           func(c *hub.Config) { c.Endpoint = "https://huggingface.co?a=b" },
		"a token in clear":  func(c *hub.Config) { c.Endpoint, c.Token = "http://huggingface.co", "hf_a" },
		"a token of two":    func(c *hub.Config) { c.Token = "hf_a\nHost: elsewhere" },
		"a token of others": func(c *hub.Config) { c.Token = "hf_ä" },
	} {
		c := f.config()
		change(&c)
		if _, err := hub.Fetch(t.Context(), c, "hub:org/name", []string{"*"}); !errors.Is(err, hub.ErrConfig) {
			t.Errorf("%s: got error %v, want ErrConfig", name, err)
		}
	}
	if seen := f.requests(); len(seen) > 0 {
		t.Errorf("the hub was asked: %q", seen)
	}
}
