package durable

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
)

// ErrLocked says that another process holds the folder.
var ErrLocked = errors.New("folder is in use by another process")

// Lock takes a folder for this process, until release is called or the process ends
// in whatever way. It fails at once with ErrLocked when another process holds it.
func Lock(dir string) (release func() error, err error) {
	release, err = LockFile(filepath.Join(dir, "lock"))
	if err != nil {
		return nil, fmt.Errorf("lock %s: %w", dir, err)
	}
	return release, nil
}

// LockFile takes a file, made if it is missing, as [Lock] takes a folder.
func LockFile(path string) (release func() error, err error) {
	f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return nil, err
	}
	if err := lockFile(f); err != nil {
		return nil, errors.Join(err, f.Close())
	}
	return f.Close, nil
}
