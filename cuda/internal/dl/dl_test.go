package dl_test

import (
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"unsafe"

	"github.com/gradientlearning/cola/cuda/internal/dl"
)

// needOpen skips a test in builds without purego.
func needOpen(t *testing.T) {
	t.Helper()
	if _, err := dl.Open(""); errors.Is(err, dl.ErrUnsupported) {
		t.Skip("this build opens no libraries")
	}
}

// library compiles testdata/calls.c and returns the file.
func library(t *testing.T) string {
	t.Helper()
	needOpen(t)
	gcc, err := exec.LookPath("gcc")
	if err != nil {
		t.Skip("there is no gcc to make a library with")
	}
	path := filepath.Join(t.TempDir(), "libcalls.so.1")
	if out, err := exec.Command(gcc, "-shared", "-fPIC", "-O1", "-o", path, "testdata/calls.c").CombinedOutput(); err != nil {
		t.Skipf("gcc makes no library for this processor: %v\n%s", err, out)
	}
	return path
}

type calls struct{ long, negative, text, length, point dl.Func }

func bind(t *testing.T, path string) *calls {
	t.Helper()
	lib, err := dl.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	c := &calls{}
	err = lib.Bind([]dl.Binding{
		{Name: "calls_23", Func: &c.long}, {Name: "calls_negative", Func: &c.negative}, {Name: "calls_text", Func: &c.text},
		{Name: "calls_length", Func: &c.length}, {Name: "calls_point", Func: &c.point},
	})
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// TestLongCall would fail with a purego before v0.11.0, which passes 15 arguments.
func TestLongCall(t *testing.T) {
	c := bind(t, library(t))
	alpha, beta, x, y, z := float32(2), float32(0.5), int32(20), int32(4), int32(0)
	big := int64(1) << 40
	var sum int64
	minus := -3
	args := []int64{1, 2, int64(minus), 4, 0, 0, 7, 8, big, 0, 11, 12, -big, 0, 0, 16, 17, big + 1, 19, 20, 21, 22}
	r := c.long.Call(uintptr(unsafe.Pointer(&sum)), 1, 2, uintptr(minus), 4, uintptr(unsafe.Pointer(&alpha)), uintptr(unsafe.Pointer(&x)),
		7, 8, uintptr(big), uintptr(unsafe.Pointer(&y)), 11, 12, uintptr(-big), uintptr(unsafe.Pointer(&beta)), uintptr(unsafe.Pointer(&z)),
		16, 17, uintptr(big+1), 19, 20, 21, 22)
	var want int64
	for i, a := range args {
		want += int64(i+1) * a
	}
	if int64(r) != -1 || sum != want || z != 42 {
		t.Errorf("returned %d, weighed sum %d, product %d; want -1, %d, 42", int64(r), sum, z, want)
	}
}

func TestCallKinds(t *testing.T) {
	c := bind(t, library(t))
	minus := -5
	if got := int32(c.negative.Call(uintptr(minus))); got != -6 {
		t.Errorf("-5 - 1 is %d", got)
	}
	if got := c.text.CallString(1); got != "some words" {
		t.Errorf("the text is %q", got)
	}
	if got := c.text.CallString(0); got != "" {
		t.Errorf("a null text is %q", got)
	}
	words := dl.CString("seven b")
	if got := int32(c.length.Call(uintptr(unsafe.Pointer(&words[0])))); got != 7 {
		t.Errorf("C counts %d letters", got)
	}
	var text *byte
	c.point.Call(uintptr(unsafe.Pointer(&text)))
	if got := dl.String(text); got != "in C's memory" {
		t.Errorf("C points at %q", got)
	}
}

func TestPreparedCallTakesNoMemory(t *testing.T) {
	c := bind(t, library(t))
	args := []uintptr{5}
	if n := testing.AllocsPerRun(100, func() { c.negative.CallList(args, c) }); n != 0 {
		t.Errorf("%v allocations a call", n)
	}
}

func TestMissingFunctionsAreNamed(t *testing.T) {
	path := library(t)
	lib, err := dl.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	var there, not, neither dl.Func
	err = lib.Bind([]dl.Binding{{Name: "calls_23", Func: &there}, {Name: "calls_not", Func: &not}, {Name: "calls_neither", Func: &neither}})
	if want := path + " has no function calls_not, calls_neither"; err == nil || err.Error() != want {
		t.Errorf("the error is %v, want %s", err, want)
	}
}

// TestOrder puts the same library into several places, and looks which is taken.
func TestOrder(t *testing.T) {
	path := library(t)
	image, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	first, second, broken := t.TempDir(), t.TempDir(), t.TempDir()
	put := func(dir, name string, data []byte) string {
		file := filepath.Join(dir, name)
		if err := os.WriteFile(file, data, 0o600); err != nil {
			t.Fatal(err)
		}
		return file
	}
	put(first, "libcola-test-calls.so.12", image)
	put(second, "libcola-test-calls.so.13", image)
	put(second, "libcola-test-calls.so.12", image)
	put(broken, "libcola-test-calls.so.13", []byte("no ELF file"))
	os.Mkdir(filepath.Join(broken, "libcola-test-calls.so.12"), 0o700) //nolint:errcheck // what is looked for as a file
	names := []string{"libcola-test-calls.so.13", "libcola-test-calls.so.12"}

	for name, tt := range map[string]struct {
		override string
		folders  []string
		refuse   string // accept refuses files of this folder
		want     string // the file, or in the error
	}{
		"folders before names": {"", []string{first, second}, "", filepath.Join(first, names[1])},
		"newer name first":     {"", []string{second, first}, "", filepath.Join(second, names[0])},
		"past what is broken":  {"", []string{broken, second}, "", filepath.Join(second, names[0])},
		"past what is refused": {"", []string{second, first}, second, filepath.Join(first, names[1])},
		"override":             {path, []string{second}, "", path},
		"override and no more": {filepath.Join(first, "no.so"), []string{second}, "", "COLA_TEST_CALLS: " + filepath.Join(first, "no.so") + ": cannot open"},
		"nowhere":              {"", []string{"/a", "/b"}, "", "there is no libcola-test-calls.so.13 or libcola-test-calls.so.12: the loader knows none, nor is one in /a, /b"},
		"only what is refused": {"", []string{first}, first, "refused"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Setenv("COLA_TEST_CALLS", tt.override)
			lib, err := dl.Search{Override: "COLA_TEST_CALLS", Names: names, Folders: tt.folders}.Find(func(lib *dl.Library) error {
				var f dl.Func
				if err := lib.Bind([]dl.Binding{{Name: "calls_23", Func: &f}}); err != nil {
					return err
				}
				if tt.refuse != "" && strings.HasPrefix(lib.Path, tt.refuse) {
					return errors.New("refused")
				}
				return nil
			})
			if err == nil {
				if lib.Path != tt.want {
					t.Errorf("took %s, want %s", lib.Path, tt.want)
				}
				return
			}
			var missing *dl.NotFoundError
			if !strings.Contains(err.Error(), tt.want) || !errors.As(err, &missing) {
				t.Errorf("the error is %v, want one with %s", err, tt.want)
			}
		})
	}
}

// TestPathOfWhatTheLoaderFound opens the C library by its bare name.
func TestPathOfWhatTheLoaderFound(t *testing.T) {
	needOpen(t)
	lib, err := dl.Open("libm.so.6")
	if err != nil {
		t.Skipf("no glibc: %v", err)
	}
	var cos dl.Func
	if err := lib.Bind([]dl.Binding{{Name: "cos", Func: &cos}}); err != nil {
		t.Fatal(err)
	}
	if !filepath.IsAbs(lib.Path) || filepath.Base(lib.Path) != "libm.so.6" {
		t.Errorf("libm.so.6 is said to be %s", lib.Path)
	}
}

// TestUnsupported is what the builds without purego run.
func TestUnsupported(t *testing.T) {
	if _, err := dl.Open(""); !errors.Is(err, dl.ErrUnsupported) {
		t.Skip("this build opens libraries")
	}
	_, err := dl.Search{Names: []string{"libc.so.6"}, Folders: []string{"/lib"}}.Find(func(*dl.Library) error { return nil })
	if !errors.Is(err, dl.ErrUnsupported) || err.Error() != dl.ErrUnsupported.Error() {
		t.Errorf("the error is %v", err)
	}
}
