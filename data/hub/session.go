package hub

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"
)

// maxPause bounds the pause between two attempts, maxAsked the one that a hub may ask for.
const (
	maxPause = time.Minute
	maxAsked = 5 * time.Minute
)

// maxRedirects is how many redirects in a row are followed.
const maxRedirects = 10

// session is one call of Fetch.
type session struct {
	Config
	ref  reference
	base *url.URL
	// follow goes wherever it is sent; stay stops before another host, with the answer that
	// would send it there.
	follow, stay http.Client
}

func newSession(c Config, r reference) (*session, error) {
	base, err := c.address()
	if err != nil {
		return nil, err
	}
	s := &session{Config: c, ref: r, base: base}
	transport := c.Transport
	if transport == nil {
		transport = http.DefaultTransport
	}
	s.follow.Transport = bearer{transport, base, c.Token}
	s.stay.Transport = s.follow.Transport
	s.follow.CheckRedirect = s.redirect
	s.stay.CheckRedirect = func(next *http.Request, before []*http.Request) error {
		if !sameOrigin(next.URL, base) {
			return http.ErrUseLastResponse
		}
		return s.redirect(next, before)
	}
	return s, nil
}

// bearer sends the token to the hub, and to no other host: no request has it in its own
// headers, so that no redirect can carry it along.
type bearer struct {
	http.RoundTripper
	base  *url.URL
	token string
}

func (b bearer) RoundTrip(r *http.Request) (*http.Response, error) {
	if b.token != "" && sameOrigin(r.URL, b.base) {
		r = r.Clone(r.Context())
		r.Header.Set("Authorization", "Bearer "+b.token)
	}
	return b.RoundTripper.RoundTrip(r)
}

// sameOrigin says whether two addresses are of the same host, port and scheme.
func sameOrigin(a, b *url.URL) bool {
	return a.Scheme == b.Scheme && strings.EqualFold(a.Hostname(), b.Hostname()) && port(a) == port(b)
}

func port(u *url.URL) string {
	switch {
	case u.Port() != "":
		return u.Port()
	case u.Scheme == "http":
		return "80"
	}
	return "443"
}

// redirect says whether a redirect is followed.
func (s *session) redirect(next *http.Request, before []*http.Request) error {
	if len(before) > maxRedirects {
		return fmt.Errorf("%w: it redirects %d times in a row, to %s at last", ErrHub, len(before), next.URL.Host)
	}
	if s.base.Scheme == "https" && next.URL.Scheme != "https" {
		return fmt.Errorf("%w: it redirects to %s, which is not encrypted", ErrHub, next.URL.Host)
	}
	return nil
}

// address returns the address of something on the hub. Parts are escaped already.
func (s *session) address(parts ...string) string {
	return s.base.String() + "/" + strings.Join(parts, "/")
}

// escape escapes each part of a name with slashes.
func escape(name string) string {
	parts := strings.Split(name, "/")
	for i := range parts {
		parts[i] = url.PathEscape(parts[i])
	}
	return strings.Join(parts, "/")
}

var errStalled = errors.New("nothing came for too long")

// request makes a request once. It fails when nothing comes for Stall, also while the body
// is read, which the caller closes.
func (s *session) request(ctx context.Context, client *http.Client, method, address string, header http.Header) (*http.Response, error) {
	guarded, cancel := context.WithCancelCause(ctx)
	timer := time.AfterFunc(s.Stall, func() { cancel(errStalled) })
	end := func() {
		timer.Stop()
		cancel(nil)
	}
	r, err := http.NewRequestWithContext(guarded, method, address, nil)
	if err != nil {
		end()
		return nil, fmt.Errorf("%w: %w", ErrHub, err)
	}
	for name, values := range header {
		r.Header[name] = values
	}
	r.Header.Set("Accept-Encoding", "identity") // lengths and ranges are those of the file
	r.Header.Set("User-Agent", "cola")
	response, err := client.Do(r)
	if err != nil {
		err = s.failure(guarded, ctx, err)
		end()
		return nil, err
	}
	response.Body = &body{response.Body, func(err error) error { return s.failure(guarded, ctx, err) }, func() { timer.Reset(s.Stall) }, end}
	return response, nil
}

// failure returns what went wrong in a request, without its address: what a hub redirects to
// may have a signature in it.
func (s *session) failure(guarded, ctx context.Context, err error) error {
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	if cause := context.Cause(guarded); cause != nil && guarded.Err() != nil {
		return mayPass("%s: %w (%v)", s.base.Host, cause, s.Stall)
	}
	if errors.Is(err, ErrHub) {
		return unwrapAddress(err)
	}
	return mayPass("%s: %w", s.base.Host, unwrapAddress(err))
}

func unwrapAddress(err error) error {
	var u *url.Error
	if errors.As(err, &u) {
		return u.Err
	}
	return err
}

// body is the body of an answer, under watch.
type body struct {
	io.ReadCloser
	failure func(error) error
	alive   func()
	end     func()
}

func (b *body) Read(p []byte) (int, error) {
	n, err := b.ReadCloser.Read(p)
	if n > 0 {
		b.alive()
	}
	if err != nil && !errors.Is(err, io.EOF) {
		err = b.failure(err)
	}
	return n, err
}

func (b *body) Close() error {
	b.end()
	return b.ReadCloser.Close()
}

// repeat calls f until it succeeds, fails for good, or has failed Attempts times in a row
// without progress, which f reports.
func (s *session) repeat(ctx context.Context, file string, f func() (progress bool, err error)) error {
	pause := min(s.Backoff, maxPause)
	for failed := 0; ; {
		progress, err := f()
		var p *passing
		if err == nil || !errors.As(err, &p) {
			return err
		}
		if progress {
			failed, pause = 0, min(s.Backoff, maxPause)
		}
		failed++
		if failed >= s.Attempts {
			return fmt.Errorf("%w: %w", ErrUnreachable, err)
		}
		wait := max(pause, min(p.after, maxAsked))
		s.tell(Event{File: file, Size: -1, Note: fmt.Sprintf("%v; trying again in %v", err, wait)})
		select {
		case <-ctx.Done():
			return context.Cause(ctx)
		case <-time.After(wait):
		}
		pause = min(2*pause, maxPause)
	}
}

// refusal returns the error in an answer that is neither a success nor a redirect, and nil
// for others. what names the thing that was asked for.
func (s *session) refusal(r *http.Response, what string) error {
	if r.StatusCode < 400 {
		return nil
	}
	if from := r.Request.URL; !sameOrigin(from, s.base) { // a store that the hub sends to; the next time it may send elsewhere
		return mayPass("%s, where %s sends for %s, answers %s", from.Host, s.base.Host, what, r.Status)
	}
	code := r.Header.Get("X-Error-Code")
	page := s.address(s.page())
	switch status := r.StatusCode; {
	case code == "GatedRepo":
		return fmt.Errorf("%w: %s is gated: ask for access at %s, then set HF_TOKEN to a token of that account (%s)", ErrAccess, s.ref, page, s.given())
	case code == "RevisionNotFound":
		return fmt.Errorf("%w: %s has no revision %q: look at %s for its branches and tags", ErrNotFound, s.ref, s.ref.revision, page)
	case code == "EntryNotFound":
		return fmt.Errorf("%w: %s of %s", ErrNotFound, what, s.ref)
	case status == http.StatusUnauthorized || code == "RepoNotFound":
		return fmt.Errorf("%w: %s does not exist, or is private: check its name at %s, or set HF_TOKEN to a token that may read it (%s)", ErrAccess, s.ref, page, s.given())
	case status == http.StatusForbidden:
		return fmt.Errorf("%w: the hub refuses %s of %s: set HF_TOKEN to a token that may read it (%s)", ErrAccess, what, s.ref, s.given())
	case status == http.StatusNotFound, status == http.StatusGone:
		return fmt.Errorf("%w: %s of %s: look at %s for what there is", ErrNotFound, what, s.ref, page)
	case status >= 500, status == http.StatusRequestTimeout, status == http.StatusTooManyRequests:
		seconds, _ := strconv.Atoi(r.Header.Get("Retry-After"))
		after := time.Duration(max(0, min(seconds, int(maxAsked/time.Second)))) * time.Second
		return &passing{fmt.Errorf("%s answers %s", s.base.Host, r.Status), after}
	}
	return fmt.Errorf("%w: %s for %s of %s", ErrHub, r.Status, what, s.ref)
}

// given says whether a token was sent, and nothing about it.
func (s *session) given() string {
	if s.Token == "" {
		return "no token was sent"
	}
	return "the one that was sent may not, or is no longer valid"
}

// page is the path of the repository for people, and the beginning of those of its files.
func (s *session) page() string {
	if s.ref.kind == "models" {
		return s.ref.name
	}
	return s.ref.String()
}
