package hub

import (
	"errors"
	"fmt"
	"time"
)

// What callers may decide on.
var (
	// ErrReference means that a reference or a pattern is not well formed.
	ErrReference = errors.New("not a reference to a hub")
	// ErrConfig means that a setting cannot be used.
	ErrConfig = errors.New("cannot fetch with these settings")
	// ErrNotFound means that the hub has no such repository, revision or file.
	ErrNotFound = errors.New("not on the hub")
	// ErrAccess means that the hub has it and does not give it to this token, or to nobody
	// without one.
	ErrAccess = errors.New("no access")
	// ErrUnreachable means that the hub could not be reached, or failed, as often as was tried.
	ErrUnreachable = errors.New("hub cannot be reached")
	// ErrOffline means that the cache has nothing that is wanted, and that the hub was not, or
	// could not be, asked.
	ErrOffline = errors.New("not in the cache")
	// ErrCorrupt means that what came is not what the hub announced.
	ErrCorrupt = errors.New("not what the hub announced")
	// ErrHub means that the hub answered in a way that makes no sense, or is not safe.
	ErrHub = errors.New("unusable answer of the hub")
)

// passing is an error that may be gone the next time.
type passing struct {
	err   error
	after time.Duration // what the hub asked to wait; 0: nothing
}

func (p *passing) Error() string { return p.err.Error() }
func (p *passing) Unwrap() error { return p.err }

// mayPass returns an error that is worth another attempt.
func mayPass(format string, args ...any) error {
	return &passing{err: fmt.Errorf(format, args...)}
}
