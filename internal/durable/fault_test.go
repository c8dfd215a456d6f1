package durable_test

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/gradientlearning/cola/internal/durable"
	"github.com/gradientlearning/cola/protocol"
)

// TestFault gives it what the other functions of the package really return.
func TestFault(t *testing.T) {
	dir := t.TempDir()
	torn := filepath.Join(dir, "torn.cola")
	write(t, torn, []byte("COLAREC1 and no more"))
	_, corrupt := durable.ReadRecord(torn)
	release, err := durable.Lock(dir)
	if err != nil {
		t.Fatal(err)
	}
	_, locked := durable.Lock(dir)
	if err := release(); err != nil {
		t.Fatal(err)
	}
	_, missing := durable.Lock(filepath.Join(dir, "none"))
	_, noFolder := durable.Lock(torn)

	for name, tt := range map[string]struct {
		err  error
		code protocol.Code
		says string
	}{
		"corrupt":   {corrupt, protocol.CodeStateCorrupt, torn},
		"full":      {&fs.PathError{Op: "write", Path: "x", Err: syscall.ENOSPC}, protocol.CodeDiskFull, "no space"},
		"locked":    {locked, protocol.CodeStateLocked, "in use"},
		"missing":   {missing, protocol.CodeUsage, "cannot be used"},
		"no folder": {noFolder, protocol.CodeUsage, "cannot be used"},
		"forbidden": {&fs.PathError{Op: "open", Path: "x", Err: os.ErrPermission}, protocol.CodeUsage, "cannot be used"},
		"read-only": {&fs.PathError{Op: "open", Path: "x", Err: syscall.EROFS}, protocol.CodeUsage, "cannot be used"},
	} {
		t.Run(name, func(t *testing.T) {
			if tt.err == nil {
				t.Fatal("there is no error to explain")
			}
			got := durable.Fault(dir, fmt.Errorf("round 3: %w", tt.err))
			fault, ok := errors.AsType[*protocol.Fault](got)
			if !ok {
				t.Fatalf("%v is no fault", got)
			}
			if fault.Code != tt.code || fault.Fix == "" {
				t.Errorf("code %q and fix %q, want code %q and a fix", fault.Code, fault.Fix, tt.code)
			}
			for _, part := range []string{dir, tt.says, "round 3"} {
				if !strings.Contains(got.Error(), part) {
					t.Errorf("%q does not say %q", got, part)
				}
			}
			if !errors.Is(got, tt.err) {
				t.Errorf("%v does not wrap its cause", got)
			}
		})
	}
}

func TestFaultOfFullDiskIsReal(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "r.cola")
	full(t, path)
	fault, ok := errors.AsType[*protocol.Fault](durable.Fault(dir, durable.WriteRecord(path, sample())))
	if !ok || fault.Code != protocol.CodeDiskFull {
		t.Errorf("%v, want code %q", fault, protocol.CodeDiskFull)
	}
}

func TestFaultOfOthers(t *testing.T) {
	if err := durable.Fault("x", nil); err != nil {
		t.Errorf("no error became %v", err)
	}
	odd := errors.New("odd")
	err := durable.Fault("here", odd)
	if _, is := errors.AsType[*protocol.Fault](err); is || !errors.Is(err, odd) || !strings.Contains(err.Error(), "here") {
		t.Errorf("%v, want the cause with the folder, and no fault", err)
	}
}
