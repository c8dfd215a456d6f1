package hub

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"strconv"
	"strings"
)

// chunk is how much is read at once, and how often progress is told.
const chunk = 1 << 20

// maxUnsized bounds a file whose size the hub does not tell, which happens to small ones.
const maxUnsized = 64 << 20

// remote is a file on the hub.
type remote struct {
	name    string
	address string
	digest  string
	size    int64 // -1: not told
}

// look asks what the hub has under a name, at a commit.
func (s *session) look(ctx context.Context, name, commit string) (remote, error) {
	f := remote{name: name, address: s.address(s.page(), "resolve", commit, escape(name)), size: -1}
	err := s.repeat(ctx, name, func() (bool, error) {
		r, err := s.request(ctx, &s.stay, http.MethodHead, f.address, nil)
		if err != nil {
			return false, err
		}
		defer func() { _ = r.Body.Close() }() // there is none
		if err := s.refusal(r, name); err != nil {
			return false, err
		}
		return false, f.describe(r, commit)
	})
	return f, err
}

// describe takes digest and size from the answer, which may be a redirect to where the file is.
func (f *remote) describe(r *http.Response, commit string) error {
	if got := r.Header.Get("X-Repo-Commit"); got != commit {
		return fmt.Errorf("%w: asked for %s of commit %s, it answers with commit %q", ErrHub, f.name, commit, got)
	}
	tag, size := r.Header.Get("X-Linked-Etag"), r.Header.Get("X-Linked-Size")
	redirected := r.StatusCode >= 300
	if tag == "" && !redirected {
		tag = r.Header.Get("ETag")
	}
	if size == "" && !redirected {
		size = r.Header.Get("Content-Length")
	}
	digest, ok := parseDigest(tag)
	if !ok {
		return fmt.Errorf("%w: no digest of %s by which it could be checked (ETag %q)", ErrHub, f.name, tag)
	}
	f.digest = digest
	if size != "" {
		n, err := strconv.ParseInt(size, 10, 64)
		if err != nil || n < 0 {
			return fmt.Errorf("%w: the size of %s is %q", ErrHub, f.name, size)
		}
		f.size = n
	}
	return nil
}

// download puts the file at path, whole and checked. It goes on from path.incomplete, and
// leaves one behind when it fails.
func (s *session) download(ctx context.Context, f remote, path string) error {
	part := path + ".incomplete"
	for again := false; ; again = true {
		if err := s.complete(ctx, f, part); err != nil {
			return err
		}
		err := verify(part, f.digest)
		if err == nil {
			return os.Rename(part, path)
		}
		if !errors.Is(err, ErrCorrupt) {
			return err
		}
		if err := os.Remove(part); err != nil {
			return err
		}
		if again { // the first time the part that was there may have been at fault
			return fmt.Errorf("%s: %w, twice: it is damaged on the hub or on the way", f.name, err)
		}
		s.tell(Event{File: f.name, Size: f.size, Note: fmt.Sprintf("%v; fetching all of it again", err)})
	}
}

// complete gets all bytes of the file to part, in as many requests as it takes.
func (s *session) complete(ctx context.Context, f remote, part string) (err error) {
	file, err := os.OpenFile(part, os.O_RDWR|os.O_CREATE, 0o666)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, file.Close()) }()
	most := int64(0) // progress is what was never there before: a hub may make us begin again and again
	err = s.repeat(ctx, f.name, func() (bool, error) {
		err := s.more(ctx, f, file)
		info, statErr := file.Stat()
		if statErr != nil {
			return false, statErr
		}
		progress := info.Size() > most
		most = max(most, info.Size())
		return progress, err
	})
	if err != nil {
		return err
	}
	return file.Sync()
}

// more makes one request for what is missing of the file.
func (s *session) more(ctx context.Context, f remote, file *os.File) error {
	have, err := file.Seek(0, io.SeekEnd)
	if err != nil {
		return err
	}
	if f.size >= 0 && have > f.size {
		if have, err = restart(file); err != nil {
			return err
		}
	}
	if have == f.size {
		s.tell(Event{File: f.name, Done: have, Size: f.size})
		return nil
	}
	header := http.Header{}
	if have > 0 {
		header.Set("Range", fmt.Sprintf("bytes=%d-", have))
	}
	r, err := s.request(ctx, &s.follow, http.MethodGet, f.address, header)
	if err != nil {
		return err
	}
	defer func() { _ = r.Body.Close() }() // what was read of it is on the disk already
	if r.StatusCode == http.StatusRequestedRangeNotSatisfiable {
		if _, err := restart(file); err != nil {
			return err
		}
		return mayPass("it has no byte %d of %s", have, f.name)
	}
	if err := s.refusal(r, f.name); err != nil {
		return err
	}
	from, total, err := span(r)
	if err != nil {
		return fmt.Errorf("%s: %w", f.name, err)
	}
	if f.size >= 0 && total >= 0 && total != f.size {
		return fmt.Errorf("%w: %s is %d bytes long, announced were %d", ErrCorrupt, f.name, total, f.size)
	}
	if from != have {
		if from != 0 {
			return fmt.Errorf("%w: asked for %s from byte %d, it sends it from byte %d", ErrHub, f.name, have, from)
		}
		if have, err = restart(file); err != nil {
			return err
		}
	}
	return s.pour(f, file, have, r.Body)
}

// restart empties the file.
func restart(file *os.File) (int64, error) {
	if err := file.Truncate(0); err != nil {
		return 0, err
	}
	return file.Seek(0, io.SeekStart)
}

// span returns the first byte that an answer has of a file, and the size of the file, or -1.
func span(r *http.Response) (from, total int64, err error) {
	switch r.StatusCode {
	case http.StatusOK:
		return 0, r.ContentLength, nil
	case http.StatusPartialContent:
		text := r.Header.Get("Content-Range")
		bytes, all, ok := strings.Cut(strings.TrimPrefix(text, "bytes "), "/")
		first, _, ranged := strings.Cut(bytes, "-")
		from, err := strconv.ParseInt(first, 10, 64)
		if !ok || !ranged || err != nil || from < 0 {
			return 0, 0, fmt.Errorf("%w: Content-Range is %q", ErrHub, text)
		}
		if total, err = strconv.ParseInt(all, 10, 64); err != nil {
			total = -1 // "*": not told
		}
		return from, total, nil
	}
	return 0, 0, fmt.Errorf("%w: it answers %s", ErrHub, r.Status)
}

// pour appends what comes to the file, which has some bytes already.
func (s *session) pour(f remote, file *os.File, have int64, from io.Reader) error {
	limit := f.size
	if limit < 0 {
		limit = maxUnsized
	}
	buffer := make([]byte, chunk)
	for told := have; ; {
		n, err := from.Read(buffer)
		if int64(n) > limit-have {
			if _, err := restart(file); err != nil {
				return err
			}
			return fmt.Errorf("%w: %s is longer than %d bytes", ErrCorrupt, f.name, limit)
		}
		if _, err := file.Write(buffer[:n]); err != nil {
			return fmt.Errorf("%s: %w", f.name, err)
		}
		have += int64(n)
		if have-told >= chunk || n > 0 && have == f.size {
			s.tell(Event{File: f.name, Done: have, Size: f.size})
			told = have
		}
		switch {
		case err == io.EOF && f.size >= 0 && have < f.size:
			return mayPass("%s ended at byte %d of %d", f.name, have, f.size)
		case err == io.EOF:
			return nil
		case err != nil:
			return err
		}
	}
}
