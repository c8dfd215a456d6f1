package durable

import (
	"errors"
	"fmt"
	"os"
	"syscall"

	"github.com/gradientlearning/cola/protocol"
)

// Fault explains to a person why the state in dir cannot be kept or read; nil stays nil.
func Fault(dir string, err error) error {
	switch {
	case err == nil:
		return nil
	case errors.Is(err, ErrCorrupt):
		return protocol.Faultf(protocol.CodeStateCorrupt, "restore the file from a copy", "state cannot be used: %w", err)
	case errors.Is(err, syscall.ENOSPC):
		return protocol.Faultf(protocol.CodeDiskFull, "make room and start again: everything committed is whole, and the run continues from there",
			"no space is left for the state in %s: %w", dir, err)
	case errors.Is(err, ErrLocked):
		return protocol.Faultf(protocol.CodeStateLocked, "stop the other process, or give another folder with --state",
			"the state folder %s is in use: %w", dir, err)
	case errors.Is(err, os.ErrPermission), errors.Is(err, os.ErrNotExist), errors.Is(err, syscall.ENOTDIR), errors.Is(err, syscall.EROFS):
		return protocol.Faultf(protocol.CodeUsage, "give a folder that can be written with --state",
			"the state folder %s cannot be used: %w", dir, err)
	}
	return fmt.Errorf("state in %s: %w", dir, err)
}
