//go:build !unix

package durable

// syncDir does nothing: these systems journal renames and cannot sync a folder.
func syncDir(string) error { return nil }
