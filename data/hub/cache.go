package hub

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
)

// cache is the folder of a repository in the cache.
type cache struct {
	root   string // of the repository
	locks  string // the folder of its locks
	copies bool
}

func openCache(c Config, r reference) (cache, error) {
	root, err := filepath.Abs(c.Cache)
	if err != nil {
		return cache{}, err
	}
	return cache{
		root:   filepath.Join(root, r.folder()),
		locks:  filepath.Join(root, ".locks", r.folder()),
		copies: c.Copies,
	}, nil
}

func (c cache) blob(digest string) string     { return filepath.Join(c.root, "blobs", digest) }
func (c cache) snapshot(commit string) string { return filepath.Join(c.root, "snapshots", commit) }
func (c cache) ref(revision string) string {
	return filepath.Join(c.root, "refs", filepath.FromSlash(revision))
}

// pointer is the path of a file in a snapshot.
func (c cache) pointer(commit, name string) string {
	return filepath.Join(c.snapshot(commit), filepath.FromSlash(name))
}

// commit returns the commit that a revision was when it was last fetched, or "".
func (c cache) commit(revision string) (string, error) {
	if commitForm.MatchString(revision) {
		return revision, nil
	}
	b, err := os.ReadFile(c.ref(revision))
	if errors.Is(err, fs.ErrNotExist) {
		return "", nil
	}
	if err != nil {
		return "", err
	}
	commit := strings.TrimSpace(string(b))
	if !commitForm.MatchString(commit) {
		return "", fmt.Errorf("%s: %q is no commit: remove the file", c.ref(revision), commit)
	}
	return commit, nil
}

// keep writes down which commit a revision is.
func (c cache) keep(revision, commit string) error {
	if revision == commit {
		return nil
	}
	if known, err := c.commit(revision); err == nil && known == commit {
		return nil // the cache may be read-only
	}
	return c.replace(c.ref(revision), func(temporary string) error {
		return os.WriteFile(temporary, []byte(commit), 0o666)
	})
}

// names returns the files of a snapshot, with slashes, as far as they are really there.
func (c cache) names(commit string) ([]string, error) {
	root := c.snapshot(commit)
	var names []string
	err := filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		if info, err := os.Stat(path); err != nil || !info.Mode().IsRegular() {
			return nil // a link to a blob that somebody removed
		}
		name, err := filepath.Rel(root, path)
		names = append(names, filepath.ToSlash(name))
		return err
	})
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	return names, err
}

// point makes a file of a snapshot: a link to a blob, or a copy where there are no links.
func (c cache) point(commit, name, digest string) error {
	pointer := c.pointer(commit, name)
	return c.replace(pointer, func(temporary string) error {
		if !c.copies {
			target, err := filepath.Rel(filepath.Dir(pointer), c.blob(digest))
			if err == nil {
				err = os.Symlink(target, temporary)
			}
			if err == nil {
				return nil
			}
		}
		return duplicate(c.blob(digest), temporary)
	})
}

func duplicate(from, to string) (err error) {
	source, err := os.Open(from)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, source.Close()) }()
	target, err := os.OpenFile(to, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o666)
	if err != nil {
		return err
	}
	_, err = io.Copy(target, source)
	return errors.Join(err, target.Sync(), target.Close())
}

// replace makes path at once: make makes the file under another name, which nobody else uses
// and nobody looks for.
func (c cache) replace(path string, make func(temporary string) error) error {
	if err := os.MkdirAll(filepath.Dir(path), 0o777); err != nil {
		return err
	}
	aside, err := os.MkdirTemp(c.root, ".tmp-")
	if err != nil {
		return err
	}
	temporary := filepath.Join(aside, "file")
	err = make(temporary)
	if err == nil {
		err = os.Rename(temporary, path)
	}
	return errors.Join(err, os.RemoveAll(aside))
}
