package hub

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
)

// maxListing bounds the list of a repository's files. The largest have some 100,000 files.
const maxListing = 32 << 20

// listing is what the hub says of a repository at a revision.
type listing struct {
	commit string
	files  []string
}

// list asks for the commit of the revision and for its files.
func (s *session) list(ctx context.Context) (listing, error) {
	var l listing
	address := s.address("api", s.ref.kind, s.ref.name, "revision", url.PathEscape(s.ref.revision))
	err := s.repeat(ctx, "", func() (bool, error) {
		r, err := s.request(ctx, &s.follow, http.MethodGet, address, nil)
		if err != nil {
			return false, err
		}
		defer func() { _ = r.Body.Close() }() // it was read as far as it matters
		if err := s.refusal(r, fmt.Sprintf("revision %q", s.ref.revision)); err != nil {
			return false, err
		}
		l, err = s.readListing(r.Body)
		return false, err
	})
	return l, err
}

func (s *session) readListing(r io.Reader) (listing, error) {
	b, err := io.ReadAll(io.LimitReader(r, maxListing+1))
	if err != nil {
		return listing{}, err
	}
	if len(b) > maxListing {
		return listing{}, fmt.Errorf("%w: its list of the files of %s is longer than %d bytes", ErrHub, s.ref, maxListing)
	}
	var answer struct {
		SHA      string `json:"sha"`
		Siblings []struct {
			Name string `json:"rfilename"`
		} `json:"siblings"`
	}
	if err := json.Unmarshal(b, &answer); err != nil {
		return listing{}, fmt.Errorf("%w: its list of the files of %s: %w; is %s a hub?", ErrHub, s.ref, err, s.base)
	}
	if !commitForm.MatchString(answer.SHA) {
		return listing{}, fmt.Errorf("%w: the commit of %s is %q, which is none", ErrHub, s.ref, answer.SHA)
	}
	if commitForm.MatchString(s.ref.revision) && s.ref.revision != answer.SHA {
		return listing{}, fmt.Errorf("%w: asked for commit %s of %s, it answers with %s", ErrHub, s.ref.revision, s.ref, answer.SHA)
	}
	l := listing{commit: answer.SHA}
	for _, f := range answer.Siblings {
		l.files = append(l.files, f.Name)
	}
	return l, nil
}
