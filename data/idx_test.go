package data_test

import (
	"bytes"
	"compress/gzip"
	"encoding/binary"
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/google/go-cmp/cmp"
	"github.com/gradientlearning/cola/data"
)

// idx returns an IDX file of unsigned bytes.
func idx(magic uint32, dims []uint32, values ...byte) []byte {
	b := binary.BigEndian.AppendUint32(nil, magic)
	for _, d := range dims {
		b = binary.BigEndian.AppendUint32(b, d)
	}
	return append(b, values...)
}

func gzipped(t testing.TB, b []byte) []byte {
	t.Helper()
	var out bytes.Buffer
	z := gzip.NewWriter(&out)
	if _, err := z.Write(b); err != nil {
		t.Fatal(err)
	}
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}

// folder writes files by name.
func folder(t testing.TB, files map[string][]byte) string {
	t.Helper()
	dir := t.TempDir()
	for name, content := range files {
		if err := os.WriteFile(filepath.Join(dir, name), content, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

// small is three 2 × 3 images with labels 2, 0, 4.
func small(t testing.TB) map[string][]byte {
	return map[string][]byte{
		"train-images-idx3-ubyte":   idx(data.IDXImages, []uint32{3, 2, 3}, 0, 1, 2, 3, 4, 5, 10, 11, 12, 13, 14, 15, 250, 251, 252, 253, 254, 255),
		"train-labels-idx1-ubyte":   idx(data.IDXLabels, []uint32{3}, 2, 0, 4),
		"t10k-images-idx3-ubyte.gz": gzipped(t, idx(data.IDXImages, []uint32{1, 2, 3}, 9, 9, 9, 9, 9, 9)),
		"t10k-labels-idx1-ubyte.gz": gzipped(t, idx(data.IDXLabels, []uint32{1}, 1)),
	}
}

func open(t testing.TB, spec string) data.Dataset {
	t.Helper()
	ds, err := data.Open(spec)
	if err != nil {
		t.Fatal(err)
	}
	return ds
}

func TestIDXFolder(t *testing.T) {
	dir := folder(t, small(t))
	ds := open(t, "idx:"+dir)
	if ds.Len() != 3 || ds.Format().Classes != 5 || ds.Label(2) != 4 {
		t.Errorf("%d examples, %d classes, label %d, want 3, 5, 4", ds.Len(), ds.Format().Classes, ds.Label(2))
	}
	if diff := cmp.Diff([]int{2, 3, 1}, ds.Format().Shape); diff != "" {
		t.Errorf("shape (-want +got):\n%s", diff)
	}
	inputs, labels := tensors(ds.Batch([]int{2, 0, 2}))
	if diff := cmp.Diff([]int{3, 2, 3, 1}, inputs.Shape()); diff != "" {
		t.Errorf("shape of the inputs (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff([]int32{4, 2, 4}, labels.I32()); diff != "" {
		t.Errorf("labels (-want +got):\n%s", diff)
	}
	want := func(pixel float64) float64 { return (pixel/255 - 0.1307) / 0.3081 }
	for at, pixel := range map[int]float64{0: 250, 5: 255, 6: 0, 7: 1, 11: 5, 17: 255} {
		if got := float64(inputs.F32()[at]); got < want(pixel)-1e-6 || got > want(pixel)+1e-6 {
			t.Errorf("pixel %d is drawn as %v, want %v", at, got, want(pixel))
		}
	}
	test := open(t, "idx:"+dir+":test")
	if test.Len() != 1 || test.Label(0) != 1 {
		t.Errorf("the test set has %d examples, the first of class %d, want 1 and 1", test.Len(), test.Label(0))
	}
}

func TestIDXFaults(t *testing.T) {
	whole := gzipped(t, idx(data.IDXLabels, []uint32{3}, 2, 0, 4))
	flipped := bytes.Clone(whole)
	flipped[len(flipped)-6] ^= 1 // in the checksum
	labels, images := "train-labels-idx1-ubyte", "train-images-idx3-ubyte"
	tests := []struct {
		name, file string
		content    []byte
		says       string
	}{
		{"empty", labels, nil, "it ends before its first byte"},
		{"one byte", labels, []byte{0}, "it ends before its header"},
		{"no dimensions", images, idx(data.IDXImages, []uint32{3, 2}), "it ends before its header"},
		{"labels as images", images, idx(data.IDXLabels, []uint32{12}, make([]byte, 12)...), "it begins with 0x00000801, not 0x00000803"},
		{"no examples", labels, idx(data.IDXLabels, []uint32{0}), "dimension 1 is zero"},
		{"no width", images, idx(data.IDXImages, []uint32{3, 2, 0}), "dimension 3 is zero"},
		{"huge", images, idx(data.IDXImages, []uint32{1 << 31, 1 << 31, 4}), "it declares more than 2147483647 bytes"},
		{"short", labels, idx(data.IDXLabels, []uint32{3}, 2, 0), "it ends before byte 2 of 3"},
		{"long", labels, idx(data.IDXLabels, []uint32{3}, 2, 0, 4, 1), "it goes on after the 3 bytes that it declares"},
		{"others", labels, idx(data.IDXLabels, []uint32{2}, 2, 0), "holds 3 images and 2 labels"},
		{"broken gzip header", labels, []byte{0x1f, 0x8b, 7, 0}, "its gzip header"},
		{"cut gzip", labels, whole[:len(whole)-9], "it ends before"},
		{"gzip checksum", labels, flipped, "invalid checksum"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			files := small(t)
			files[tt.file] = tt.content
			dir := folder(t, files)
			_, err := data.Open("idx:" + dir)
			if !errors.Is(err, data.ErrFormat) {
				t.Fatalf("%v, want ErrFormat", err)
			}
			for _, part := range []string{tt.says, dir, "train", "replace"} {
				if !strings.Contains(err.Error(), part) {
					t.Errorf("%q does not say %q", err, part)
				}
			}
		})
	}
}

func TestIDXMissing(t *testing.T) {
	files := small(t)
	delete(files, "train-labels-idx1-ubyte")
	for name, dir := range map[string]string{"a file": folder(t, files), "the folder": filepath.Join(t.TempDir(), "none")} {
		_, err := data.Open("idx:" + dir)
		if !errors.Is(err, data.ErrNotFound) || !strings.Contains(err.Error(), dir) {
			t.Errorf("without %s: %v, want ErrNotFound with the folder", name, err)
		}
	}
}

func TestIDXUnreadable(t *testing.T) {
	files := small(t)
	delete(files, "train-images-idx3-ubyte")
	dir := folder(t, files)
	if err := os.Mkdir(filepath.Join(dir, "train-images-idx3-ubyte"), 0o700); err != nil {
		t.Fatal(err)
	}
	_, err := data.Open("idx:" + dir)
	if _, ok := errors.AsType[*fs.PathError](err); !ok || errors.Is(err, data.ErrFormat) {
		t.Errorf("a folder in the file's place: %v, want what the operating system says", err)
	}
	if _, err := data.Open("idx:" + dir + "\x00"); err == nil || errors.Is(err, data.ErrFormat) {
		t.Errorf("an impossible name: %v", err)
	}
	failing := io.MultiReader(bytes.NewReader(idx(data.IDXLabels, []uint32{9}, 1, 2)), iotest.ErrReader(&fs.PathError{Op: "read", Err: fs.ErrPermission}))
	if _, _, err := data.ParseIDX(failing, data.IDXLabels); !errors.Is(err, fs.ErrPermission) || errors.Is(err, data.ErrFormat) {
		t.Errorf("a failing disk: %v, want the disk's error", err)
	}
}

// allocated returns how many bytes f takes from the heap.
func allocated(f func()) uint64 {
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	f()
	runtime.ReadMemStats(&after)
	return after.TotalAlloc - before.TotalAlloc
}

func TestHostileHeaderTakesNoMemory(t *testing.T) {
	for name, file := range map[string][]byte{
		"plain":   idx(data.IDXImages, []uint32{1 << 10, 1 << 10, 1 << 10}, 1, 2, 3),
		"gzipped": gzipped(t, idx(data.IDXImages, []uint32{1 << 10, 1 << 10, 1 << 10}, 1, 2, 3)),
	} {
		took := allocated(func() {
			if _, _, err := data.ParseIDX(bytes.NewReader(file), data.IDXImages); !errors.Is(err, data.ErrFormat) {
				t.Errorf("%s: %v, want ErrFormat", name, err)
			}
		})
		if took > 1<<20 {
			t.Errorf("%s: %d bytes that declare 1 GiB took %d bytes of memory", name, len(file), took)
		}
	}
}

func TestLargeFileIsReadWhole(t *testing.T) {
	want := make([]byte, 300_001) // more than memory is taken for at first
	for i := range want {
		want[i] = byte(i * i >> 3)
	}
	got, dims, err := data.ParseIDX(iotest.HalfReader(bytes.NewReader(idx(data.IDXLabels, []uint32{300_001}, want...))), data.IDXLabels)
	if err != nil || !bytes.Equal(got, want) || dims[0] != len(want) || cap(got) != len(want) {
		t.Errorf("read %d bytes (memory for %d), dims %v, %v", len(got), cap(got), dims, err)
	}
}

func FuzzParseIDX(f *testing.F) {
	for _, file := range small(f) {
		f.Add(file)
		f.Add(gzipped(f, file))
		f.Add(file[:len(file)-1])
	}
	f.Add(idx(data.IDXImages, []uint32{1 << 31, 1 << 31, 2}))
	f.Add(idx(data.IDXLabels, []uint32{0}))
	f.Fuzz(func(t *testing.T, file []byte) {
		for _, magic := range []uint32{data.IDXLabels, data.IDXImages} {
			values, dims, err := data.ParseIDX(bytes.NewReader(file), magic)
			if err != nil {
				if !errors.Is(err, data.ErrFormat) {
					t.Errorf("%v is not an ErrFormat", err)
				}
				continue
			}
			wide := make([]uint32, len(dims))
			for i, d := range dims {
				wide[i] = uint32(d)
			}
			again, _, err := data.ParseIDX(bytes.NewReader(idx(magic, wide, values...)), magic)
			if err != nil || !bytes.Equal(again, values) {
				t.Errorf("written again, %v becomes %d bytes instead of %d: %v", dims, len(again), len(values), err)
			}
		}
	})
}
