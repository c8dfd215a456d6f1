package linalg_test

import (
	"bytes"
	"slices"
	"strings"
	"testing"

	"github.com/gradientlearning/cola/linalg"
)

// aligned returns memory that begins where every type wants it, and an offset off it.
func aligned(n, offset int) []byte {
	return linalg.Bytes(linalg.New(linalg.F32, n+2))[offset : offset+4*n]
}

func TestViewSharesMemory(t *testing.T) {
	for _, dtype := range []linalg.DType{linalg.F32, linalg.BF16, linalg.F16, linalg.I32} {
		data := aligned(6, 0)
		for i := range data {
			data[i] = byte(i + 1)
		}
		blob := linalg.Blob{Name: "w", DType: dtype, Shape: []int{len(data) / dtype.Size() / 3, 3}, Data: data}
		view, err := blob.View()
		if err != nil {
			t.Fatal(err)
		}
		if view.DType() != dtype || !slices.Equal(view.Shape(), blob.Shape) || !bytes.Equal(linalg.AppendBytes(nil, view), data) {
			t.Errorf("%v: the view is %v %v", dtype, view.DType(), view.Shape())
		}
		copied, err := blob.Tensor()
		if err != nil {
			t.Fatal(err)
		}
		data[0], data[len(data)-1] = 99, 98
		if !bytes.Equal(linalg.AppendBytes(nil, view), data) {
			t.Errorf("%v: the view does not follow its bytes", dtype)
		}
		if bytes.Equal(linalg.AppendBytes(nil, copied), data) {
			t.Errorf("%v: Tensor shares the blob's memory", dtype)
		}
		blob.Shape[0] = 99
		if view.Dim(0) == 99 {
			t.Errorf("%v: the view shares the blob's shape", dtype)
		}
	}
}

// Bytes that begin at an odd address, as a safetensors header may leave them, are copied.
func TestViewCopiesWhatLiesElsewhere(t *testing.T) {
	for _, dtype := range []linalg.DType{linalg.F32, linalg.BF16, linalg.F16, linalg.I32} {
		for offset := 1; offset < 4; offset++ {
			data := aligned(2, offset)
			for i := range data {
				data[i] = byte(i + 1)
			}
			blob := linalg.Blob{Name: "w", DType: dtype, Shape: []int{8 / dtype.Size()}, Data: data}
			view, err := blob.View()
			if err != nil {
				t.Fatal(err)
			}
			want := slices.Clone(data)
			if !bytes.Equal(linalg.AppendBytes(nil, view), want) {
				t.Errorf("%v at offset %d: other elements", dtype, offset)
			}
			data[0] = 99
			shared := offset%dtype.Size() == 0
			if got := bytes.Equal(linalg.AppendBytes(nil, view), data); got != shared {
				t.Errorf("%v at offset %d shares memory: %v, want %v", dtype, offset, got, shared)
			}
		}
	}
}

func TestViewOfNothing(t *testing.T) {
	for _, data := range [][]byte{nil, {}} {
		view, err := linalg.Blob{Name: "w", DType: linalg.F32, Shape: []int{3, 0}, Data: data}.View()
		if err != nil || view.Len() != 0 || view.Rows() != 3 || len(view.F32()) != 0 {
			t.Errorf("an empty view is %v, error %v", view, err)
		}
	}
}

// On a machine of the other byte order every view is a copy.
func TestPortableView(t *testing.T) {
	data := []byte{0, 0, 0x80, 0x3F}
	restore := linalg.Portable()
	defer restore()
	view, err := linalg.Blob{Name: "w", DType: linalg.F32, Shape: []int{1}, Data: data}.View()
	if err != nil {
		t.Fatal(err)
	}
	data[3] = 0
	if got := view.F32()[0]; got != 1 {
		t.Errorf("the view is %v, want 1", got)
	}
}

func TestHostileViews(t *testing.T) {
	for _, c := range []struct {
		blob linalg.Blob
		says string
	}{
		{linalg.Blob{Name: "w", DType: linalg.F32, Shape: []int{2}, Data: make([]byte, 7)}, "takes 8 bytes, there are 7"},
		{linalg.Blob{Name: "w", DType: 77, Shape: []int{2}, Data: make([]byte, 8)}, "unknown type"},
		{linalg.Blob{Name: "w", DType: linalg.F16, Shape: []int{-2}, Data: make([]byte, 4)}, "not possible"},
	} {
		if _, err := c.blob.View(); err == nil || !strings.Contains(err.Error(), c.says) || !strings.Contains(err.Error(), `"w"`) {
			t.Errorf("error %v, want one that says %q", err, c.says)
		}
	}
}
