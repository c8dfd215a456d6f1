package safetensors_test

import (
	"bytes"
	"encoding/binary"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/gradientlearning/cola/linalg"
	"github.com/gradientlearning/cola/linalg/safetensors"
)

// saved writes content to a file and returns its path.
func saved(t *testing.T, content string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "model.safetensors")
	if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

func TestMapIsOpen(t *testing.T) {
	blobs, metadata := examples()
	var content bytes.Buffer
	if err := safetensors.Write(&content, blobs, metadata); err != nil {
		t.Fatal(err)
	}
	path := saved(t, content.String())
	mapped, err := safetensors.Map(path)
	if err != nil {
		t.Fatal(err)
	}
	opened, err := safetensors.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	if !slices.Equal(mapped.Names(), opened.Names()) || len(mapped.Names()) == 0 {
		t.Errorf("mapped are %q, opened %q", mapped.Names(), opened.Names())
	}
	for _, name := range opened.Names() {
		want, err := opened.Tensor(name)
		if err != nil {
			t.Fatal(err)
		}
		got, err := mapped.Tensor(name)
		if err != nil || got.Name != want.Name || got.DType != want.DType || !slices.Equal(got.Shape, want.Shape) || !bytes.Equal(got.Data, want.Data) {
			t.Errorf("%s mapped is %v %v, error %v; want %v %v", name, got.DType, got.Shape, err, want.DType, want.Shape)
		}
	}
	if err := opened.Close(); err != nil {
		t.Error(err)
	}
}

// Tensors, and views of them, stay what they are when the file is closed and its name gone.
func TestMappedTensorsOutliveTheirFile(t *testing.T) {
	path := saved(t, file(`{"a":{"dtype":"F32","shape":[2],"data_offsets":[0,8]},"ids":{"dtype":"I64","shape":[1],"data_offsets":[8,16]}}   `,
		"\x00\x00\x80\x3f\x00\x00\x00\xc0\x07\x00\x00\x00\x00\x00\x00\x00"))
	f, err := safetensors.Map(path)
	if err != nil {
		t.Fatal(err)
	}
	blob, err := f.Tensor("a")
	if err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(f.Close(), os.Remove(path)); err != nil {
		t.Fatal(err)
	}
	view, err := blob.View()
	if err != nil || !slices.Equal(view.F32(), []float32{1, -2}) {
		t.Errorf("after Close the view is %v, error %v", view, err)
	}
	again, err := f.Tensor("a")
	if err != nil || !bytes.Equal(again.Data, blob.Data) {
		t.Errorf("after Close the tensor is %v, error %v", again, err)
	}
	if &again.Data[0] != &blob.Data[0] {
		t.Error("the same tensor lies in two places: it was copied")
	}
	if len(blob.Data) != cap(blob.Data) {
		t.Error("the tensor's bytes may be appended to: they end in the next one's")
	}
	ids, err := f.Tensor("ids")
	if err != nil || ids.DType != linalg.I32 || !bytes.Equal(ids.Data, []byte{7, 0, 0, 0}) {
		t.Errorf("ids are %v, error %v", ids, err)
	}
}

// A header may leave the data at any address.
func TestMapOfUnalignedData(t *testing.T) {
	header := `{"a":{"dtype":"F32","shape":[2],"data_offsets":[0,8]}}`
	for pad := range 8 {
		f, err := safetensors.Map(saved(t, file(header+strings.Repeat(" ", pad), "\x00\x00\x80\x3f\x00\x00\x00\xc0")))
		if err != nil {
			t.Fatal(err)
		}
		blob, err := f.Tensor("a")
		if err != nil {
			t.Fatal(err)
		}
		view, err := blob.View()
		if err != nil || !slices.Equal(view.F32(), []float32{1, -2}) {
			t.Errorf("padded by %d the view is %v, error %v", pad, view, err)
		}
	}
}

func TestMapRefuses(t *testing.T) {
	for name, c := range malformed {
		path := saved(t, c.content)
		_, err := safetensors.Map(path)
		if !errors.Is(err, safetensors.ErrFormat) || !strings.Contains(err.Error(), c.says) || !strings.Contains(err.Error(), path) {
			t.Errorf("%s: error %v, want ErrFormat that says %q and names the file", name, err, c.says)
		}
	}
	whole := file(`{"a":{"dtype":"F32","shape":[2],"data_offsets":[0,8]}}`, "12345678")
	for n := range len(whole) {
		if _, err := safetensors.Map(saved(t, whole[:n])); !errors.Is(err, safetensors.ErrFormat) {
			t.Errorf("cut off after %d bytes of %d: error %v", n, len(whole), err)
		}
	}
	if _, err := safetensors.Map(filepath.Join(t.TempDir(), "none")); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("a missing file: error %v", err)
	}
	folder := t.TempDir()
	if _, err := safetensors.Map(folder); err == nil || !strings.Contains(err.Error(), folder) {
		t.Errorf("a folder: error %v", err)
	}
}

func TestMapErrorsNameTheTensor(t *testing.T) {
	long := binary.LittleEndian.AppendUint64(nil, 1<<40)
	path := saved(t, file(`{"ids":{"dtype":"I64","shape":[1],"data_offsets":[0,8]},"flags":{"dtype":"BOOL","shape":[1],"data_offsets":[8,9]}}`, string(long)+"\x01"))
	f, err := safetensors.Map(path)
	if err != nil {
		t.Fatal(err)
	}
	for name, says := range map[string]string{"none": "is not in the file", "ids": "does not fit 32 bits", "flags": "type BOOL"} {
		if _, err := f.Tensor(name); err == nil || !strings.Contains(err.Error(), says) || !strings.Contains(err.Error(), path) {
			t.Errorf("%s: error %v, want one that says %q and names the file", name, err, says)
		}
	}
}
