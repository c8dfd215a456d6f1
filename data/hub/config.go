package hub

import (
	"fmt"
	"net"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"time"
)

// Config says where from, where to and how. [DefaultConfig] fills it as Python's
// huggingface_hub would.
type Config struct {
	// Endpoint is the address of the hub: HF_ENDPOINT, or https://huggingface.co.
	Endpoint string
	// Token is sent to the hub, for repositories that not everybody may read: HF_TOKEN,
	// HUGGING_FACE_HUB_TOKEN, or what is in the file HF_TOKEN_PATH or HF_HOME/token. "": none,
	// as with HF_HUB_DISABLE_IMPLICIT_TOKEN=1.
	Token string
	// Cache is the folder of all repositories: HF_HUB_CACHE, HUGGINGFACE_HUB_CACHE,
	// HF_HOME/hub, XDG_CACHE_HOME/huggingface/hub, or ~/.cache/huggingface/hub.
	Cache string
	// Offline takes everything from the cache and asks nobody: HF_HUB_OFFLINE=1 or
	// TRANSFORMERS_OFFLINE=1.
	Offline bool
	// Copies puts copies into snapshots in place of links to blobs, which takes the space
	// twice: HF_HUB_DISABLE_SYMLINKS=1. Where the system makes no links it is done anyway.
	Copies bool
	// Attempts is how often in a row something is tried without a byte more to show for it,
	// at least 1.
	Attempts int
	// Backoff is the pause after the first failure; it doubles up to a minute. A hub that asks
	// for more gets it, up to five minutes.
	Backoff time.Duration
	// Stall is how long a connection may bring nothing before it is given up.
	Stall time.Duration
	// Progress is told what happens, from the goroutine that called Fetch; nil: nobody is.
	Progress func(Event)
	// Transport makes the requests; nil: http.DefaultTransport, which goes through HTTPS_PROXY.
	Transport http.RoundTripper
}

// Event is something that happened during [Fetch].
type Event struct {
	File string // the file's name in the repository; "" where it is about no file
	Done int64  // bytes of it that are there
	Size int64  // bytes that it has; -1: not known yet
	Note string // what a person should know: a failure that is tried again, a wait; or ""
}

// DefaultConfig returns the settings of the environment.
func DefaultConfig() Config {
	home := environment("HF_HOME")
	if home == "" {
		base := environment("XDG_CACHE_HOME")
		if base == "" {
			base = expand("~/.cache")
		}
		home = filepath.Join(base, "huggingface")
	}
	c := Config{
		Endpoint: environment("HF_ENDPOINT"),
		Cache:    environment("HF_HUB_CACHE", "HUGGINGFACE_HUB_CACHE"),
		Offline:  on("HF_HUB_OFFLINE") || on("TRANSFORMERS_OFFLINE"),
		Copies:   on("HF_HUB_DISABLE_SYMLINKS"),
		Attempts: 5,
		Backoff:  time.Second,
		Stall:    time.Minute,
	}
	if c.Endpoint == "" {
		c.Endpoint = "https://huggingface.co"
	}
	if c.Cache == "" {
		c.Cache = filepath.Join(home, "hub")
	}
	if !on("HF_HUB_DISABLE_IMPLICIT_TOKEN") {
		c.Token = token(home)
	}
	return c
}

// token returns the token of the environment, or of the file that logging in leaves.
func token(home string) string {
	for _, name := range []string{"HF_TOKEN", "HUGGING_FACE_HUB_TOKEN"} {
		if t := strings.TrimSpace(os.Getenv(name)); t != "" {
			return t
		}
	}
	path := environment("HF_TOKEN_PATH")
	if path == "" {
		path = filepath.Join(home, "token")
	}
	b, err := os.ReadFile(path)
	if err != nil {
		return "" // nobody is logged in
	}
	return strings.TrimSpace(string(b))
}

// environment returns the first of some variables that is set, expanded as a path.
func environment(names ...string) string {
	for _, name := range names {
		if v := os.Getenv(name); v != "" {
			return expand(v)
		}
	}
	return ""
}

// expand puts the home folder for a leading ~, and variables for $NAME.
func expand(path string) string {
	path = os.ExpandEnv(path)
	if rest, ok := strings.CutPrefix(path, "~"); ok && (rest == "" || os.IsPathSeparator(rest[0])) {
		if home, err := os.UserHomeDir(); err == nil {
			return home + rest
		}
	}
	return path
}

// on says whether a variable is one of the words that Python's library takes for yes.
func on(name string) bool {
	switch strings.ToUpper(os.Getenv(name)) {
	case "1", "ON", "YES", "TRUE":
		return true
	}
	return false
}

// address returns the parsed endpoint.
func (c Config) address() (*url.URL, error) {
	if c.Attempts < 1 || c.Backoff < 0 || c.Stall <= 0 || c.Cache == "" {
		return nil, fmt.Errorf("%w: it takes a cache folder, at least one attempt, and times above 0: begin with DefaultConfig", ErrConfig)
	}
	u, err := url.Parse(strings.TrimRight(c.Endpoint, "/"))
	if err != nil {
		return nil, fmt.Errorf("%w: endpoint %q: %w", ErrConfig, c.Endpoint, err)
	}
	if u.Scheme != "https" && u.Scheme != "http" || u.Host == "" || u.RawQuery != "" || u.Fragment != "" || u.User != nil {
		return nil, fmt.Errorf("%w: endpoint %q (HF_ENDPOINT): it must be like https://huggingface.co", ErrConfig, c.Endpoint)
	}
	if c.Token != "" && u.Scheme == "http" && !loopback(u.Hostname()) {
		return nil, fmt.Errorf("%w: endpoint %q (HF_ENDPOINT) is not encrypted, and the token would be there for all to read: use https, or no token", ErrConfig, c.Endpoint)
	}
	if strings.ContainsFunc(c.Token, func(r rune) bool { return r <= ' ' || r > '~' }) {
		return nil, fmt.Errorf("%w: the token (HF_TOKEN) has spaces or characters that no token has", ErrConfig)
	}
	return u, nil
}

func loopback(host string) bool {
	ip := net.ParseIP(host)
	return host == "localhost" || ip != nil && ip.IsLoopback()
}

func (c Config) tell(e Event) {
	if c.Progress != nil {
		c.Progress(e)
	}
}
