package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// stub writes a compiler that prints the same for every file, and makes it and the current
// folder the test's.
func stub(t *testing.T, output string, status string) string {
	t.Helper()
	dir := t.TempDir()
	t.Chdir(dir)
	if err := os.Mkdir("ptx", 0o755); err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(dir, "clang")
	script := "#!/bin/sh\ncat >/dev/null\necho words >&2\ncat <<'END'\n" + output + "\nEND\nexit " + status + "\n"
	if err := os.WriteFile(path, []byte(script), 0o755); err != nil {
		t.Fatal(err)
	}
	return path
}

const good = "// made\n.version 7.0\n.address_size 64\n.visible .entry k(\n)\n"

// The parts are joined under one head, below the hash of the sources; what is there already
// is compared without its compression.
func TestRun(t *testing.T) {
	clang := stub(t, good, "0")
	if err := run(clang, "", true); err == nil || !strings.Contains(err.Error(), "run go generate") {
		t.Errorf("a file that is missing passes the check: %v", err)
	}
	if err := run(clang, "", false); err != nil {
		t.Fatal(err)
	}
	text, err := unpack(output)
	if err != nil {
		t.Fatal(err)
	}
	if !strings.HasPrefix(string(text), "// cola kernels ") || strings.Count(string(text), ".version") != 1 || strings.Count(string(text), ".entry") < 2 {
		t.Errorf("it wrote %q", text)
	}
	if err := run(clang, "", true); err != nil {
		t.Errorf("its own file does not pass the check: %v", err)
	}
	if err := pack(output, []byte("other")); err != nil {
		t.Fatal(err)
	}
	if err := run(clang, "", true); err == nil {
		t.Error("another file passes the check")
	}
	if err := run(clang, "sm_90", false); err != nil {
		t.Error(err)
	}
	if text, err := unpack(output); err != nil || string(text) != "other" {
		t.Errorf("compiling for another GPU wrote: %q, %v", text, err)
	}
}

func TestCompilerFails(t *testing.T) {
	clang := stub(t, good, "3")
	if err := run(clang, "", false); err == nil || !strings.Contains(err.Error(), "elementwise.cu for sm_80: exit status 3\nwords") {
		t.Errorf("the error is %v", err)
	}
	if err := run("no-such-clang", "", false); err == nil {
		t.Error("a compiler that is not there made something")
	}
}

func TestFaults(t *testing.T) {
	text := good + ".extern .func  (.param .b32 r) _Z4erfff\n.visible .entry slow(\n)\n.local .align 16 .b8 \t__local_depot3[584];\n"
	err := faults([]byte(text))
	if want := "_Z4erfff is called and not defined; slow keeps 584 bytes in local memory"; err == nil || err.Error() != want {
		t.Errorf("the faults are %v, want %s", err, want)
	}
	if err := faults([]byte(good)); err != nil {
		t.Errorf("faults where there are none: %v", err)
	}
}
