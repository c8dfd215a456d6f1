package linalg_test

import (
	"strings"
	"testing"

	"github.com/gradientlearning/cola/linalg"
)

func TestDType(t *testing.T) {
	for _, c := range []struct {
		dtype linalg.DType
		name  string
		size  int
	}{{linalg.F32, "f32", 4}, {linalg.BF16, "bf16", 2}, {linalg.F16, "f16", 2}, {linalg.I32, "i32", 4}} {
		if got := c.dtype.String(); got != c.name {
			t.Errorf("String of %d is %q, want %q", uint8(c.dtype), got, c.name)
		}
		if got := c.dtype.Size(); got != c.size {
			t.Errorf("Size of %v is %d, want %d", c.dtype, got, c.size)
		}
		if got, err := linalg.ParseDType(c.name); err != nil || got != c.dtype {
			t.Errorf("ParseDType(%q) = %v, %v", c.name, got, err)
		}
	}
	if linalg.DType(9).Size() != 0 || linalg.DType(9).String() != "dtype(9)" {
		t.Errorf("an unknown type has size %d and name %v", linalg.DType(9).Size(), linalg.DType(9))
	}
	if _, err := linalg.ParseDType("F32"); err == nil || !strings.Contains(err.Error(), "bf16") {
		t.Errorf(`ParseDType("F32"): error %v, want one that lists the names`, err)
	}
}
