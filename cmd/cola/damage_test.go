package main

import (
	"bytes"
	"errors"
	"os"
	"strings"
	"time"

	"github.com/gradientlearning/cola/internal/durable"
	"github.com/gradientlearning/cola/protocol"
)

// wants waits for a process that fails, and looks at how.
func (f *federation) wants(p *process, code protocol.Code, says string) {
	f.t.Helper()
	status := f.wait(p)
	said := p.stderr.String()
	if status != code.ExitStatus() {
		f.t.Errorf("exit status %d, expected %d (%s); it says\n%s", status, code.ExitStatus(), code, said)
	}
	for _, part := range []string{"error:", "fix:", "code " + string(code), says} {
		if !strings.Contains(said, part) {
			f.t.Errorf("%q is not in what it says:\n%s", part, said)
		}
	}
}

// edit replaces text in the job file.
func (f *federation) edit(before, after string) {
	f.t.Helper()
	text, err := os.ReadFile(f.job)
	if err != nil || !bytes.Contains(text, []byte(before)) {
		f.t.Fatalf("%q is not in the job file (%v)", before, err)
	}
	if err := os.WriteFile(f.job, bytes.Replace(text, []byte(before), []byte(after), 1), 0o600); err != nil {
		f.t.Fatal(err)
	}
}

func (f *federation) commits() durable.Versions {
	return durable.Versions{Dir: f.state(), Prefix: "commit"}
}

// newestCommit returns the path of the last commit record.
func (f *federation) newestCommit() string {
	f.t.Helper()
	versions, err := f.commits().List()
	if err != nil || len(versions) == 0 {
		f.t.Fatalf("no commit: %v", err)
	}
	return f.commits().Path(versions[len(versions)-1])
}

// awaitCommit waits until there are records of that many commits or more.
func (f *federation) awaitCommit(version uint64) {
	f.t.Helper()
	for range 3000 {
		versions, err := f.commits().List()
		if err == nil && len(versions) > 0 && versions[len(versions)-1] >= version {
			return
		}
		time.Sleep(10 * time.Millisecond)
	}
	f.t.Fatalf("no commit %d after half a minute", version)
}

// await waits for a file.
func (f *federation) await(path string) {
	f.t.Helper()
	for range 3000 {
		if _, err := os.Stat(path); err == nil {
			return
		}
		time.Sleep(10 * time.Millisecond)
	}
	f.t.Fatalf("no %s after half a minute", path)
}

// overwrite flips the bits of one byte.
func (f *federation) overwrite(path string, at int) {
	f.t.Helper()
	raw, err := os.ReadFile(path)
	if err != nil {
		f.t.Fatal(err)
	}
	raw[at] ^= 0xff
	if err := os.WriteFile(path, raw, 0o600); err != nil {
		f.t.Fatal(err)
	}
}

// link puts a symbolic link at path, also where a killed process left a file half written.
func (f *federation) link(target, path string) {
	f.t.Helper()
	f.remove(path)
	if err := os.Symlink(target, path); err != nil {
		f.t.Fatal(err)
	}
}

func (f *federation) remove(path string) {
	f.t.Helper()
	if err := os.Remove(path); err != nil && !errors.Is(err, os.ErrNotExist) {
		f.t.Fatal(err)
	}
}
