package linalg_test

import (
	"bytes"
	"math"
	"slices"
	"strings"
	"testing"

	"github.com/gradientlearning/cola/linalg"
)

func TestBlobRoundTrip(t *testing.T) {
	x := random(1, 3, 2)
	x.F32()[4] = float32(math.NaN())
	i := linalg.FromI32([]int32{-1, math.MaxInt32, 7}, 3)
	for _, src := range []*linalg.Tensor{x, x.Convert(linalg.BF16), x.Convert(linalg.F16), i, linalg.New(linalg.F32), linalg.New(linalg.F16, 0, 5)} {
		blob := src.Blob("name")
		back, err := blob.Tensor()
		if err != nil {
			t.Fatal(err)
		}
		again := back.Blob("name")
		if blob.Name != "name" || back.DType() != src.DType() || !slices.Equal(back.Shape(), src.Shape()) || !bytes.Equal(again.Data, blob.Data) {
			t.Errorf("%v %v came back as %v %v", src.DType(), src.Shape(), back.DType(), back.Shape())
		}
		if len(blob.Data) != src.Len()*src.DType().Size() {
			t.Errorf("%v %v takes %d bytes", src.DType(), src.Shape(), len(blob.Data))
		}
	}
}

func TestBlobIsLittleEndian(t *testing.T) {
	for _, c := range []struct {
		src  *linalg.Tensor
		want []byte
	}{
		{linalg.FromF32([]float32{1, -2}, 2), []byte{0, 0, 0x80, 0x3F, 0, 0, 0, 0xC0}},
		{linalg.FromI32([]int32{258, -1}, 2), []byte{2, 1, 0, 0, 255, 255, 255, 255}},
		{linalg.FromF32([]float32{1}, 1).Convert(linalg.BF16), []byte{0x80, 0x3F}},
	} {
		if got := c.src.Blob("").Data; !bytes.Equal(got, c.want) {
			t.Errorf("%v: % x, want % x", c.src.DType(), got, c.want)
		}
		if got := linalg.AppendBytes([]byte{9}, c.src); !bytes.Equal(got, append([]byte{9}, c.want...)) {
			t.Errorf("%v appended: % x", c.src.DType(), got)
		}
	}
}

func TestBlobKeepsItsShape(t *testing.T) {
	x := linalg.New(linalg.F32, 2, 3)
	blob := x.Blob("x")
	blob.Shape[0] = 9
	if x.Dim(0) != 2 {
		t.Error("changing a blob's shape changed the tensor")
	}
}

func TestHostileBlobs(t *testing.T) {
	for _, c := range []struct {
		name  string
		dtype linalg.DType
		shape []int
		bytes int
		says  string
	}{
		{"short", linalg.F32, []int{2, 2}, 15, "takes 16 bytes, there are 15"},
		{"long", linalg.BF16, []int{2}, 5, "takes 4 bytes"},
		{"scalar without data", linalg.F32, nil, 0, "takes 4 bytes"},
		{"type", linalg.DType(77), []int{0}, 0, "unknown type dtype(77)"},
		{"negative", linalg.F32, []int{-1}, 4, "not possible"},
		{"two negatives", linalg.F32, []int{-1, -1}, 4, "not possible"},
		{"negative and empty", linalg.F32, []int{0, -3}, 0, "not possible"},
		{"overflow to zero", linalg.F32, []int{math.MaxInt/2 + 1, math.MaxInt/2 + 1}, 0, "not possible"},
		{"overflow of the bytes", linalg.F32, []int{math.MaxInt/4 + 1}, 0, "not possible"},
		{"overflow behind an empty dimension", linalg.I32, []int{0, math.MaxInt, math.MaxInt}, 0, "not possible"},
		{"huge but consistent with nothing", linalg.F16, []int{1 << 20}, 2, "there are 2"},
	} {
		blob := linalg.Blob{Name: "site." + c.name, DType: c.dtype, Shape: c.shape, Data: make([]byte, c.bytes)}
		got, err := blob.Tensor()
		if err == nil {
			t.Errorf("%s: it became a tensor of shape %v", c.name, got.Shape())
			continue
		}
		if !strings.Contains(err.Error(), c.says) || !strings.Contains(err.Error(), `"site.`+c.name+`"`) {
			t.Errorf("%s: error %q does not name the tensor and say %q", c.name, err, c.says)
		}
	}
}

func FuzzBlob(f *testing.F) {
	f.Add(uint8(1), int64(2), int64(3), make([]byte, 24))
	f.Add(uint8(2), int64(0), int64(1<<62), []byte{})
	f.Add(uint8(9), int64(-1), int64(-1), []byte{1})
	f.Fuzz(func(t *testing.T, dtype uint8, rows, cols int64, data []byte) {
		blob := linalg.Blob{Name: "x", DType: linalg.DType(dtype), Shape: []int{int(rows), int(cols)}, Data: data}
		x, err := blob.Tensor()
		if err != nil {
			return
		}
		if got := linalg.AppendBytes(nil, x); !bytes.Equal(got, data) {
			t.Errorf("the tensor holds % x, the blob % x", got, data)
		}
	})
}
