package emulator

import (
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/gradientlearning/cola/cuda/kernels"
)

// stubCompiler makes a script the compiler, and an empty folder the cache. It notes every
// file that it is asked to make, and refuses a source whose text has "error" in it.
func stubCompiler(t *testing.T, machine string) (made func() []string, cache string) {
	t.Helper()
	dir := t.TempDir()
	log := filepath.Join(dir, "log")
	script := `#!/bin/sh
case $1 in
-dumpmachine) echo ` + machine + `; exit ;;
--version) echo 'stub 1.0'; exit ;;
esac
for last; do :; done
source=linked
for arg; do case $arg in *.cpp) source=$arg ;; esac; done
if grep -qs error "${source%.cpp}"; then echo "$source: wrong" >&2; exit 1; fi
echo "$source" >>` + log + `
echo made >"$last"
`
	path := filepath.Join(dir, "g++")
	if err := os.WriteFile(path, []byte(script), 0o755); err != nil {
		t.Fatal(err)
	}
	t.Setenv("COLA_CXX", path)
	t.Setenv("XDG_CACHE_HOME", dir)
	return func() []string {
		text, _ := os.ReadFile(log) // none is nothing made
		_ = os.Remove(log)
		names := strings.Fields(string(text))
		slices.Sort(names)
		return names
	}, filepath.Join(dir, "cola-tests", "emulator")
}

var processor = map[string]string{"amd64": "x86_64", "arm64": "aarch64"}[runtime.GOARCH]

// What is there already is not made again, and only what changed is compiled.
func TestBuild(t *testing.T) {
	made, cache := stubCompiler(t, processor+"-linux-gnu")
	options := func(b string) Options {
		return Options{Kernels: []kernels.File{{Name: "a.cu", Text: "a"}, {Name: "b.cu", Text: b}}}
	}
	first := Build(t, options("b"))
	if names := made(); !slices.Contains(names, "a.cu.cpp") || !slices.Contains(names, "block.cpp") || !slices.Contains(names, "linked") {
		t.Errorf("at first it made %v", names)
	}
	if again := Build(t, options("b")); again != first || len(made()) > 0 {
		t.Error("what was there was made again")
	}
	if other := Build(t, options("changed")); other == first {
		t.Error("a changed source makes the same library")
	}
	if diff := cmp.Diff([]string{"b.cu.cpp", "linked", "provenance.cpp"}, made()); diff != "" {
		t.Error("after a change it made:", diff)
	}
	c, err := findCompiler(false)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := build(c, options("error")); err == nil || !strings.Contains(err.Error(), "b.cu.cpp: wrong") {
		t.Errorf("a source with an error: %v", err)
	}

	long := time.Now().Add(-2 * kept)
	if err := os.Chtimes(first, long, long); err != nil {
		t.Fatal(err)
	}
	Build(t, options("changed"))
	if _, err := os.Stat(first); !os.IsNotExist(err) {
		t.Errorf("what nobody used for long is still in %s: %v", cache, err)
	}
}

func TestNoCompiler(t *testing.T) {
	stubCompiler(t, "z80-none-elf")
	if _, err := findCompiler(false); err == nil || !strings.Contains(err.Error(), "compiles for z80-none-elf, and this is") {
		t.Errorf("a compiler for another processor: %v", err)
	}
	t.Setenv("COLA_CXX", "no-such-compiler")
	if _, err := findCompiler(false); err == nil || !strings.Contains(err.Error(), "there is no no-such-compiler") {
		t.Errorf("no compiler: %v", err)
	}
	for _, must := range []bool{false, true} {
		t.Run(fmt.Sprintf("required %v", must), func(t *testing.T) {
			fake := &recorder{TB: t}
			if must {
				t.Setenv("COLA_REQUIRE_EMULATOR", "1")
			} else {
				t.Setenv("COLA_REQUIRE_EMULATOR", "")
			}
			defer func() {
				if r := recover(); r != fake || fake.failed != must {
					t.Errorf("it ended with %v; failed: %v, want %v", r, fake.failed, must)
				}
			}()
			Build(fake, Options{})
		})
	}
}

// recorder is a test that notes how it ends, instead of ending.
type recorder struct {
	testing.TB
	failed bool
}

func (r *recorder) Helper() {}
func (r *recorder) Fatalf(string, ...any) {
	r.failed = true
	panic(r)
}
func (r *recorder) Skipf(string, ...any) { panic(r) }
