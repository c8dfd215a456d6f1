package safetensors_test

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/gradientlearning/cola/linalg"
	"github.com/gradientlearning/cola/linalg/safetensors"
)

// rewrite writes tensors and metadata and wants them back as they were.
func rewrite(blobs []linalg.Blob, metadata map[string]string) error {
	var out bytes.Buffer
	if err := safetensors.Write(&out, blobs, metadata); err != nil {
		return err
	}
	f, err := safetensors.Read(bytes.NewReader(out.Bytes()), int64(out.Len()))
	if err != nil {
		return err
	}
	if !cmp.Equal(f.Metadata(), metadata) {
		return fmt.Errorf("metadata %q came back as %q", metadata, f.Metadata())
	}
	if len(f.Names()) != len(blobs) {
		return fmt.Errorf("%d tensors came back of %d", len(f.Names()), len(blobs))
	}
	for _, want := range blobs {
		got, err := f.Tensor(want.Name)
		if err != nil {
			return err
		}
		if got.DType != want.DType || !slices.Equal(got.Shape, want.Shape) || !bytes.Equal(got.Data, want.Data) {
			return fmt.Errorf("%q came back as %v %v", want.Name, got.DType, got.Shape)
		}
	}
	return nil
}

func examples() ([]linalg.Blob, map[string]string) {
	x := linalg.FromF32([]float32{1, -2, 0.5}, 3, 1)
	return []linalg.Blob{
		x.Blob("z.weight"),
		x.Convert(linalg.BF16).Blob("a.weight"),
		x.Convert(linalg.F16).Blob(`quo"te <é> 名`),
		linalg.FromI32([]int32{-1}).Blob("scalar"),
		linalg.New(linalg.F32, 0, 4).Blob("empty"),
		x.Blob("last"),
	}, map[string]string{"site": "layers.0", "adapter": "low-rank", "<": "&\n\x00"}
}

func TestWriteRoundTrip(t *testing.T) {
	blobs, metadata := examples()
	for n := range len(blobs) + 1 {
		if err := rewrite(blobs[:n], metadata); err != nil {
			t.Errorf("%d tensors: %v", n, err)
		}
		if err := rewrite(blobs[:n], map[string]string{}); err != nil {
			t.Errorf("%d tensors without metadata: %v", n, err)
		}
	}
}

// The bytes are part of the contract: digests of files are compared.
func TestWriteBytes(t *testing.T) {
	x := linalg.FromF32([]float32{1, -2}, 2, 1)
	var out bytes.Buffer
	err := safetensors.Write(&out, []linalg.Blob{x.Blob("w"), linalg.FromI32([]int32{7}).Blob("b")}, map[string]string{"k": "2", "a": "1"})
	if err != nil {
		t.Fatal(err)
	}
	header := `{"__metadata__":{"a":"1","k":"2"},"w":{"dtype":"F32","shape":[2,1],"data_offsets":[0,8]},"b":{"dtype":"I32","shape":[],"data_offsets":[8,12]}}`
	header += strings.Repeat(" ", (8-len(header)%8)%8)
	want := file(header, "\x00\x00\x80\x3f\x00\x00\x00\xc0\x07\x00\x00\x00")
	if diff := cmp.Diff(want, out.String()); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestWriteIsDeterministicAndAligned(t *testing.T) {
	blobs, metadata := examples()
	var first []byte
	for range 20 { // a map's order changes
		var out bytes.Buffer
		if err := safetensors.Write(&out, blobs, metadata); err != nil {
			t.Fatal(err)
		}
		if first == nil {
			first = out.Bytes()
		}
		if !bytes.Equal(out.Bytes(), first) {
			t.Fatal("the same content gave other bytes")
		}
	}
	if n := binary.LittleEndian.Uint64(first); n%8 != 0 {
		t.Errorf("the header has %d bytes: the data are not aligned to 8", n)
	}
}

func TestWriteErrors(t *testing.T) {
	good := linalg.New(linalg.F32, 2).Blob("a")
	bad := good
	bad.Data = bad.Data[:7]
	negative := linalg.Blob{Name: "n", DType: linalg.F32, Shape: []int{-1}}
	for _, c := range []struct {
		name     string
		blobs    []linalg.Blob
		metadata map[string]string
		says     string
	}{
		{"twice", []linalg.Blob{good, good}, nil, `"a"`},
		{"reserved", []linalg.Blob{linalg.New(linalg.F32, 1).Blob("__metadata__")}, nil, "__metadata__"},
		{"name", []linalg.Blob{linalg.New(linalg.F32, 1).Blob("\xff")}, nil, "UTF-8"},
		{"length", []linalg.Blob{bad}, nil, "takes 8 bytes, there are 7"},
		{"shape", []linalg.Blob{negative}, nil, "not possible"},
		{"metadata", nil, map[string]string{"k": "\xff"}, "UTF-8"},
	} {
		var out bytes.Buffer
		err := safetensors.Write(&out, c.blobs, c.metadata)
		if err == nil || !strings.Contains(err.Error(), c.says) || out.Len() > 0 {
			t.Errorf("%s: error %v after %d bytes, want one that says %q and nothing written", c.name, err, out.Len(), c.says)
		}
	}
}

// fullDisk takes so many writes.
type fullDisk struct{ writes int }

var errFull = errors.New("no space left")

func (d *fullDisk) Write(p []byte) (int, error) {
	if d.writes--; d.writes < 0 {
		return 0, errFull
	}
	return len(p), nil
}

func TestWriteToAFullDisk(t *testing.T) {
	blobs, _ := examples()
	for writes := range len(blobs) {
		if err := safetensors.Write(&fullDisk{writes}, blobs, nil); !errors.Is(err, errFull) {
			t.Errorf("after %d writes: error %v", writes, err)
		}
	}
}

func TestWriteFile(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "adapter.safetensors")
	blobs, metadata := examples()
	for range 2 { // the second replaces the first
		if err := safetensors.WriteFile(path, blobs, metadata); err != nil {
			t.Fatal(err)
		}
	}
	got, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	var want bytes.Buffer
	if err := safetensors.Write(&want, blobs, metadata); err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(got, want.Bytes()) {
		t.Error("WriteFile and Write give different bytes")
	}

	bad := blobs[0]
	bad.Data = nil
	if err := safetensors.WriteFile(path, []linalg.Blob{bad}, nil); err == nil || !strings.Contains(err.Error(), path) {
		t.Errorf("a bad tensor: error %v does not name the file", err)
	}
	if after, err := os.ReadFile(path); err != nil || !bytes.Equal(after, got) {
		t.Errorf("an error changed the old file (%v)", err)
	}
	if err := os.Mkdir(filepath.Join(dir, "folder"), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := safetensors.WriteFile(filepath.Join(dir, "folder"), blobs, nil); err == nil || !strings.Contains(err.Error(), "folder") {
		t.Errorf("onto a folder: error %v", err)
	}
	if err := safetensors.WriteFile(filepath.Join(dir, "none", "x"), blobs, nil); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("into a folder that is not there: error %v", err)
	}
	left, err := os.ReadDir(dir)
	if err != nil || len(left) != 2 {
		t.Errorf("the folder holds %v (%v): temporary files were left", left, err)
	}
}

// Tensors that are written one at a time are the same file, and what does not fit is refused.
func TestWriteEach(t *testing.T) {
	blobs, metadata := examples()
	var want, got bytes.Buffer
	if err := safetensors.Write(&want, blobs, metadata); err != nil {
		t.Fatal(err)
	}
	outlines := slices.Clone(blobs)
	for i := range outlines {
		outlines[i].Data = nil
	}
	if err := safetensors.WriteEach(&got, outlines, metadata, func(i int) ([]byte, error) { return blobs[i].Data, nil }); err != nil || !bytes.Equal(got.Bytes(), want.Bytes()) {
		t.Errorf("another file, error %v", err)
	}
	path := filepath.Join(t.TempDir(), "each.safetensors")
	each := func(data func(i int) ([]byte, error)) error {
		return safetensors.WriteFileEach(path, outlines, metadata, data)
	}
	if err := each(func(i int) ([]byte, error) { return blobs[i].Data, nil }); err != nil {
		t.Fatal(err)
	}
	broken := errors.New("broken")
	if err := each(func(int) ([]byte, error) { return nil, broken }); !errors.Is(err, broken) {
		t.Errorf("error %v", err)
	}
	if err := each(func(int) ([]byte, error) { return make([]byte, 1<<12), nil }); err == nil || !strings.Contains(err.Error(), "there are 4096") {
		t.Errorf("data that do not fit: error %v", err)
	}
	if content, err := os.ReadFile(path); err != nil || !bytes.Equal(content, want.Bytes()) {
		t.Errorf("the file is not what it was, error %v", err)
	}
}
