package emulator

import (
	"strings"
	"testing"
	"unsafe"

	"github.com/gradientlearning/cola/cuda/internal/dl"
)

func TestCompiler(t *testing.T) {
	d := newDriver(t)
	good := []string{"--gpu-architecture=sm_90", "--fmad=false", "--std=c++17", "--generate-line-info"}
	for _, name := range []string{"faulty.cu", "good.cu"} {
		if _, err := d.compile(name, good...); err != nil {
			t.Error(err)
		}
	}
	for _, c := range []struct {
		name    string
		options []string
		want    string
	}{
		{"faulty.cu", good[:1], "with --fmad=false"},
		{"faulty.cu", []string{"--gpu-architecture=sm_91"}, "5: "},
		{"faulty.cu", []string{"--use_fast_math"}, "the fake compiler does not know --use_fast_math"},
	} {
		if _, err := d.compile(c.name, c.options...); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s with %v: %v, want %q", c.name, c.options, err, c.want)
		}
	}
	for _, name := range []string{"faulty.cu", "other.cu"} {
		want := name + " is not the file that the fake driver was built with: build it anew"
		if _, err := d.compileText(name, "changed", good...); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("a file that is not in the library: %v", err)
		}
	}

	image, err := d.compile("faulty.cu", "--gpu-architecture=sm_80", "--fmad=false")
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct{ image, log string }{
		{string(image), "faulty.cu was compiled for another GPU"},
		{"// cola kernels 0123\n", "the PTX was made from other sources than this fake driver"},
		{"nonsense", "this is neither PTX of cola nor from the fake compiler"},
		{"image of the fake compiler: faulty.cu for sm_90, 1\n", "faulty.cu was another when the fake driver was built"},
	} {
		text, log := dl.CString(c.image), make([]byte, 256)
		options := []int32{5, 6}
		values := []uintptr{uintptr(unsafe.Pointer(&log[0])), uintptr(len(log))}
		var module uintptr
		code := d.call("cuModuleLoadDataEx", uintptr(unsafe.Pointer(&module)), uintptr(unsafe.Pointer(&text[0])), 2,
			uintptr(unsafe.Pointer(&options[0])), uintptr(unsafe.Pointer(&values[0])))
		if got := dl.String(&log[0]); code == 0 || got != c.log {
			t.Errorf("loading %q returns %d with the log %q, want %q", c.image, code, got, c.log)
		}
	}
}
