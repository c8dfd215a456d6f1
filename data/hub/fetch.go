package hub

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/gradientlearning/cola/internal/durable"
)

// Fetch returns a folder with the files of ref, as far as patterns name them: the snapshot
// of its commit in the cache, after downloading what was missing. The folder may have other
// files of that commit too, which were fetched before.
//
// A pattern is a name with * for any characters and ? for one, but a slash, and [a-z] for a
// range: "*.safetensors" names files of the top folder, "data/*.parquet" some of another. At
// least one file must match; a pattern that matches none is no error.
//
// Where the hub cannot be reached, or is not asked (Config.Offline), the folder is that of
// the commit the revision last was, if it has any file that a pattern names.
//
// When ctx ends Fetch returns its error, and the next Fetch goes on from there. Other errors
// wrap one of [ErrReference], [ErrConfig], [ErrNotFound], [ErrAccess], [ErrUnreachable],
// [ErrOffline], [ErrCorrupt] and [ErrHub], or are of the file system.
func Fetch(ctx context.Context, cfg Config, ref string, patterns []string) (folder string, err error) {
	r, err := parseReference(ref)
	if err != nil {
		return "", err
	}
	if err := checkPatterns(patterns); err != nil {
		return "", err
	}
	s, err := newSession(cfg, r)
	if err != nil {
		return "", err
	}
	c, err := openCache(cfg, r)
	if err != nil {
		return "", err
	}
	if cfg.Offline {
		return c.offline(r, patterns, "the hub is not asked (HF_HUB_OFFLINE): unset it")
	}
	folder, err = s.fetch(ctx, c, patterns)
	if err != nil {
		return "", fmt.Errorf("fetch %s: %w", ref, err)
	}
	return folder, nil
}

func (s *session) fetch(ctx context.Context, c cache, patterns []string) (string, error) {
	l, err := s.list(ctx)
	if errors.Is(err, ErrUnreachable) {
		folder, without := c.offline(s.ref, patterns, "try again when there is a connection")
		if without != nil {
			return "", fmt.Errorf("%w; %w", err, without)
		}
		s.tell(Event{Size: -1, Note: fmt.Sprintf("%v; taking what was fetched before", err)})
		return folder, nil
	}
	if err != nil {
		return "", err
	}
	names, err := wanted(l.files, patterns)
	if err != nil {
		return "", err
	}
	if len(names) == 0 {
		return "", fmt.Errorf("%w: %s has no file named %s: it has %s", ErrNotFound, s.ref, strings.Join(patterns, ", "), some(l.files))
	}
	for _, name := range names {
		if err := s.file(ctx, c, name, l.commit); err != nil {
			return "", err
		}
	}
	// Only now, so that without a connection the revision is a commit that is all here.
	return c.snapshot(l.commit), c.keep(s.ref.revision, l.commit)
}

// some names the first few files.
func some(names []string) string {
	const few = 10
	if len(names) == 0 {
		return "none"
	}
	if len(names) > few {
		return fmt.Sprintf("%s and %d more", strings.Join(names[:few], ", "), len(names)-few)
	}
	return strings.Join(names, ", ")
}

// file puts one file into the snapshot of a commit.
func (s *session) file(ctx context.Context, c cache, name, commit string) error {
	if info, err := os.Stat(c.pointer(commit, name)); err == nil && info.Mode().IsRegular() {
		s.tell(Event{File: name, Done: info.Size(), Size: info.Size()})
		return nil
	}
	f, err := s.look(ctx, name, commit)
	if err != nil {
		return err
	}
	blob := c.blob(f.digest)
	for _, dir := range []string{c.locks, filepath.Dir(blob)} {
		if err := os.MkdirAll(dir, 0o777); err != nil {
			return err
		}
	}
	release, err := s.lock(ctx, filepath.Join(c.locks, f.digest+".lock"), name)
	if err != nil {
		return err
	}
	err = s.locked(ctx, c, f, commit)
	return errors.Join(err, release())
}

// locked does what only one process may do at a time.
func (s *session) locked(ctx context.Context, c cache, f remote, commit string) error {
	blob := c.blob(f.digest)
	info, err := os.Stat(blob)
	switch {
	case err == nil && (f.size < 0 || info.Size() == f.size):
		s.tell(Event{File: f.name, Done: info.Size(), Size: info.Size()})
	case err == nil:
		s.tell(Event{File: f.name, Size: f.size, Note: fmt.Sprintf("the cache has %d bytes of %d; fetching it again", info.Size(), f.size)})
		if err := os.Remove(blob); err != nil {
			return err
		}
		fallthrough
	default:
		if err := s.download(ctx, f, blob); err != nil {
			return err
		}
	}
	return c.point(commit, f.name, f.digest)
}

// lock waits until no other process has the lock, that of Python's library included.
func (s *session) lock(ctx context.Context, path, name string) (release func() error, err error) {
	for told := false; ; told = true {
		release, err := durable.LockFile(path)
		if !errors.Is(err, durable.ErrLocked) {
			return release, err
		}
		if !told {
			s.tell(Event{File: name, Size: -1, Note: "another process fetches this file: waiting for it"})
		}
		select {
		case <-ctx.Done():
			return nil, context.Cause(ctx)
		case <-time.After(50 * time.Millisecond):
		}
	}
}

// offline returns the folder of what was fetched before.
func (c cache) offline(r reference, patterns []string, remedy string) (string, error) {
	commit, err := c.commit(r.revision)
	if err != nil {
		return "", err
	}
	if commit == "" {
		return "", fmt.Errorf("%w: %s at %q, in %s: %s", ErrOffline, r, r.revision, c.root, remedy)
	}
	names, err := c.names(commit)
	if err != nil {
		return "", err
	}
	if names, err = wanted(names, patterns); err != nil {
		return "", err
	}
	if len(names) == 0 {
		return "", fmt.Errorf("%w: a file of %s at %q named %s, in %s: %s", ErrOffline, r, r.revision, strings.Join(patterns, ", "), c.root, remedy)
	}
	return c.snapshot(commit), nil
}
