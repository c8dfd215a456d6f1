package safetensors_test

import (
	"bytes"
	"encoding/binary"
	"errors"
	"io"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/gradientlearning/cola/linalg"
	"github.com/gradientlearning/cola/linalg/safetensors"
)

// file puts a file together from its header's text and its data.
func file(header, data string) string {
	return string(binary.LittleEndian.AppendUint64(nil, uint64(len(header)))) + header + data
}

func read(content string) (*safetensors.File, error) {
	return safetensors.Read(strings.NewReader(content), int64(len(content)))
}

func TestRead(t *testing.T) {
	// Out of order, with an empty tensor between, a scalar, spaces, escapes and a type that
	// cola has no use for.
	f, err := read(file(`{
		"b\u002f1": {"data_offsets": [4, 8], "shape": [], "dtype": "I32"},
		"ids": {"dtype": "I64", "shape": [1], "data_offsets": [8, 16]},
		"__metadata__": {"format": "pt", "of": "ä"},
		"empty": {"dtype": "F32", "shape": [0, 7], "data_offsets": [4, 4]},
		"a": {"dtype": "BF16", "shape": [2, 1], "data_offsets": [0, 4]}
	}   `, "\x80\x3f\x00\xc0\xff\xff\xff\xff12345678"))
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]string{"a", "empty", "b/1", "ids"}, f.Names()); diff != "" {
		t.Errorf("names (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff(map[string]string{"format": "pt", "of": "ä"}, f.Metadata()); diff != "" {
		t.Errorf("metadata (-want +got):\n%s", diff)
	}
	for _, want := range []linalg.Blob{
		{Name: "a", DType: linalg.BF16, Shape: []int{2, 1}, Data: []byte("\x80\x3f\x00\xc0")},
		{Name: "empty", DType: linalg.F32, Shape: []int{0, 7}, Data: []byte{}},
		{Name: "b/1", DType: linalg.I32, Data: []byte("\xff\xff\xff\xff")},
	} {
		got, err := f.Tensor(want.Name)
		if diff := cmp.Diff(want, got); diff != "" || err != nil {
			t.Errorf("%s: error %v (-want +got):\n%s", want.Name, err, diff)
		}
		if _, err := got.Tensor(); err != nil {
			t.Error(err)
		}
	}
	info, ok := f.Info("ids")
	if !ok || info.DType != "I64" || info.Bytes != 8 || !slices.Equal(info.Shape, []int{1}) {
		t.Errorf("info of ids is %+v, %v", info, ok)
	}
	if _, err := f.Tensor("ids"); err == nil || !strings.Contains(err.Error(), `"ids" holds`) {
		t.Errorf("ids: error %v", err)
	}
	if _, ok := f.Info("none"); ok {
		t.Error("there is info of a tensor that is not there")
	}
	if _, err := f.Tensor("none"); err == nil || !strings.Contains(err.Error(), `"none" is not in the file`) {
		t.Errorf("none: error %v", err)
	}
	if err := f.Close(); err != nil {
		t.Error(err)
	}
}

func TestInfoIsACopy(t *testing.T) {
	f, err := read(file(`{"a":{"dtype":"F32","shape":[1],"data_offsets":[0,4]}}`, "1234"))
	if err != nil {
		t.Fatal(err)
	}
	info, _ := f.Info("a")
	info.Shape[0] = 9
	blob, err := f.Tensor("a")
	if err != nil || blob.Shape[0] != 1 {
		t.Errorf("changing the info's shape made the tensor %v, %v", blob.Shape, err)
	}
}

// malformed are files that must be refused, and what the error says.
var malformed = map[string]struct{ content, says string }{
	"empty":              {"", "0 bytes are too few"},
	"seven bytes":        {"1234567", "7 bytes are too few"},
	"header too long":    {string(binary.LittleEndian.AppendUint64(nil, 9)) + "{}", "a header of 9 bytes in a file of 10"},
	"header of 2^63":     {string(binary.LittleEndian.AppendUint64(nil, math.MaxUint64)) + "{}", "a header of 18446744073709551615"},
	"no header":          {file("", ""), "no JSON object"},
	"not an object":      {file("[]", ""), "[ stands where a JSON object is due"},
	"not closed":         {file(`{"a":{"dtype":"F32","shape":[1],"data_offsets":[0,4]}`, "1234"), "the header"},
	"not UTF-8":          {file("{\"a\xff\":{}}", ""), "not UTF-8"},
	"two objects":        {file("{} {}", ""), "goes on"},
	"zeros as padding":   {file("{}\x00", ""), "goes on"},
	"name twice":         {file(`{"a":{"dtype":"F32","shape":[1],"data_offsets":[0,4]},"a":{"dtype":"F32","shape":[1],"data_offsets":[4,8]}}`, "12345678"), `"a" is there twice`},
	"name twice, spelt":  {file(`{"a":{"dtype":"F32","shape":[0],"data_offsets":[0,0]},"\u0061":{"dtype":"F32","shape":[0],"data_offsets":[0,0]}}`, ""), `"a" is there twice`},
	"key twice":          {file(`{"a":{"dtype":"F32","dtype":"I32","shape":[1],"data_offsets":[0,4]}}`, "1234"), `tensor "a": "dtype" is there twice`},
	"metadata twice":     {file(`{"__metadata__":{},"__metadata__":{}}`, ""), "twice"},
	"metadata key twice": {file(`{"__metadata__":{"k":"1","k":"2"}}`, ""), `__metadata__: "k" is there twice`},
	"metadata number":    {file(`{"__metadata__":{"k":1}}`, ""), `"k" is not a string`},
	"metadata null":      {file(`{"__metadata__":null}`, ""), "__metadata__"},
	"metadata nested":    {file(`{"__metadata__":{"k":{"l":"m"}}}`, ""), `"k" is not a string`},
	"metadata cut off":   {file(`{"__metadata__":{"k"`, ""), "__metadata__"},
	"unknown key":        {file(`{"a":{"dtype":"F32","shape":[1],"data_offsets":[0,4],"stride":1}}`, "1234"), "not a key of the format"},
	"other case":         {file(`{"a":{"DType":"F32","shape":[1],"data_offsets":[0,4]}}`, "1234"), "not a key of the format"},
	"no dtype":           {file(`{"a":{"shape":[1],"data_offsets":[0,4]}}`, "1234"), "no dtype"},
	"no shape":           {file(`{"a":{"dtype":"F32","data_offsets":[0,4]}}`, "1234"), "no shape"},
	"shape null":         {file(`{"a":{"dtype":"F32","shape":null,"data_offsets":[0,4]}}`, "1234"), "no shape"},
	"no offsets":         {file(`{"a":{"dtype":"F32","shape":[1]}}`, "1234"), "data_offsets"},
	"one offset":         {file(`{"a":{"dtype":"F32","shape":[1],"data_offsets":[0]}}`, "1234"), "data_offsets are [0]"},
	"three offsets":      {file(`{"a":{"dtype":"F32","shape":[1],"data_offsets":[0,4,8]}}`, "1234"), "data_offsets"},
	"negative offset":    {file(`{"a":{"dtype":"F32","shape":[1],"data_offsets":[-4,0]}}`, "1234"), "data_offsets"},
	"backward offsets":   {file(`{"a":{"dtype":"F32","shape":[1],"data_offsets":[4,0]}}`, "1234"), "data_offsets"},
	"offset not whole":   {file(`{"a":{"dtype":"F32","shape":[1],"data_offsets":[0,4.5]}}`, "1234"), `"data_offsets"`},
	"offset too large":   {file(`{"a":{"dtype":"F32","shape":[1],"data_offsets":[0,99999999999999999999]}}`, "1234"), `"data_offsets"`},
	"shape and bytes":    {file(`{"a":{"dtype":"F32","shape":[2],"data_offsets":[0,4]}}`, "1234"), `tensor "a": shape [2] of F32`},
	"half an element":    {file(`{"a":{"dtype":"F32","shape":[1],"data_offsets":[0,5]}}`, "12345"), "give 5 bytes"},
	"negative dimension": {file(`{"a":{"dtype":"F32","shape":[-1],"data_offsets":[0,4]}}`, "1234"), "not possible"},
	"shape overflows":    {file(`{"a":{"dtype":"F32","shape":[4294967296,4294967296],"data_offsets":[0,0]}}`, ""), "not possible"},
	"empty overflows":    {file(`{"a":{"dtype":"F32","shape":[0,4294967296,4294967296],"data_offsets":[0,0]}}`, ""), "not possible"},
	"hole at the start":  {file(`{"a":{"dtype":"F32","shape":[1],"data_offsets":[4,8]}}`, "12345678"), `tensor "a" begins at 4`},
	"hole between":       {file(`{"a":{"dtype":"I8","shape":[1],"data_offsets":[0,1]},"b":{"dtype":"I8","shape":[1],"data_offsets":[2,3]}}`, "123"), `tensor "b" begins at 2, the one before it ends at 1`},
	"overlap":            {file(`{"a":{"dtype":"I8","shape":[2],"data_offsets":[0,2]},"b":{"dtype":"I8","shape":[2],"data_offsets":[1,3]}}`, "123"), `tensor "b" begins at 1`},
	"same place":         {file(`{"a":{"dtype":"I8","shape":[2],"data_offsets":[0,2]},"b":{"dtype":"I8","shape":[2],"data_offsets":[0,2]}}`, "12"), "begins at 0, the one before it ends at 2"},
	"cut off":            {file(`{"a":{"dtype":"F32","shape":[2],"data_offsets":[0,8]}}`, "1234567"), `tensor "a" ends at 8, the file has 7`},
	"too much data":      {file(`{"a":{"dtype":"I8","shape":[1],"data_offsets":[0,1]}}`, "12"), "1 bytes follow the last tensor"},
}

func TestMalformed(t *testing.T) {
	for name, c := range malformed {
		_, err := read(c.content)
		if !errors.Is(err, safetensors.ErrFormat) || !strings.Contains(err.Error(), c.says) {
			t.Errorf("%s: error %v, want ErrFormat and %q", name, err, c.says)
		}
	}
}

func TestHeaderLimit(t *testing.T) {
	// The file claims to be large enough: the limit must hold before anything is allocated.
	prefix := binary.LittleEndian.AppendUint64(nil, 100_000_001)
	if _, err := safetensors.Read(bytes.NewReader(prefix), 1<<40); !errors.Is(err, safetensors.ErrFormat) {
		t.Errorf("a header above the limit: error %v", err)
	}
}

// countingReader notes which bytes are read, and reports the end of the file beside the
// last ones, as an io.ReaderAt may.
type countingReader struct {
	content string
	read    int64
}

func (r *countingReader) ReadAt(p []byte, off int64) (int, error) {
	n := copy(p, r.content[off:])
	r.read += int64(n)
	if off+int64(n) == int64(len(r.content)) {
		return n, io.EOF
	}
	return n, nil
}

func TestReadIsLazy(t *testing.T) {
	header := `{"a":{"dtype":"F32","shape":[250],"data_offsets":[0,1000]},"b":{"dtype":"F32","shape":[1],"data_offsets":[1000,1004]}}`
	r := &countingReader{content: file(header, strings.Repeat("x", 1004))}
	f, err := safetensors.Read(r, int64(len(r.content)))
	if err != nil {
		t.Fatal(err)
	}
	if r.read != int64(8+len(header)) {
		t.Errorf("opening read %d bytes, the header has %d", r.read, 8+len(header))
	}
	r.read = 0
	if _, err := f.Tensor("b"); err != nil || r.read != 4 {
		t.Errorf("a tensor of 4 bytes took %d bytes to read, error %v", r.read, err)
	}
}

// shrinkingReader is a file that is cut after it was opened.
type shrinkingReader struct {
	content string
	failure error
}

func (r *shrinkingReader) ReadAt(p []byte, off int64) (int, error) {
	if r.failure != nil {
		return 0, r.failure
	}
	return strings.NewReader(r.content).ReadAt(p, off)
}

func TestReadFailures(t *testing.T) {
	whole := file(`{"a":{"dtype":"F32","shape":[1],"data_offsets":[0,4]}}`, "1234")
	disk := errors.New("disk on fire")
	for _, size := range []int{0, 4, 8, 20} {
		_, err := safetensors.Read(strings.NewReader(whole[:size]), int64(len(whole)))
		if !errors.Is(err, io.ErrUnexpectedEOF) {
			t.Errorf("%d bytes of %d: error %v", size, len(whole), err)
		}
	}
	r := &shrinkingReader{content: whole}
	f, err := safetensors.Read(r, int64(len(whole)))
	if err != nil {
		t.Fatal(err)
	}
	r.content = whole[:len(whole)-1]
	if _, err := f.Tensor("a"); !errors.Is(err, io.ErrUnexpectedEOF) || !strings.Contains(err.Error(), `"a"`) {
		t.Errorf("a tensor cut off: error %v", err)
	}
	r.failure = disk
	if _, err := f.Tensor("a"); !errors.Is(err, disk) {
		t.Errorf("a disk that fails: error %v", err)
	}
}

func TestOpenErrorsNameTheFile(t *testing.T) {
	dir := t.TempDir()
	if _, err := safetensors.Open(filepath.Join(dir, "none")); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("no file: error %v", err)
	}
	path := filepath.Join(dir, "bad.safetensors")
	if err := os.WriteFile(path, []byte("0123456789"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := safetensors.Open(path); !errors.Is(err, safetensors.ErrFormat) || !strings.Contains(err.Error(), path) {
		t.Errorf("a bad file: error %v", err)
	}
	if _, err := safetensors.Open(dir); err == nil || !strings.Contains(err.Error(), dir) {
		t.Errorf("a folder: error %v", err)
	}
	content := file(`{"ids":{"dtype":"I64","shape":[1],"data_offsets":[0,8]}}`, "12345678")
	if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
	f, err := safetensors.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"ids", "none"} {
		if _, err := f.Tensor(name); err == nil || !strings.Contains(err.Error(), path) || !strings.Contains(err.Error(), name) {
			t.Errorf("%s: error %v does not name file and tensor", name, err)
		}
	}
	if err := f.Close(); err != nil {
		t.Error(err)
	}
	if err := f.Close(); err == nil {
		t.Error("the file was not closed the first time")
	}
}

func FuzzRead(f *testing.F) {
	for _, c := range malformed {
		f.Add([]byte(c.content))
	}
	f.Add([]byte(file(`{"a":{"dtype":"F32","shape":[1],"data_offsets":[0,4]},"__metadata__":{"k":"v"}}`, "1234")))
	f.Add([]byte(file(`{"b":{"dtype":"BF16","shape":[2,1],"data_offsets":[4,8]},"a":{"dtype":"I32","shape":[],"data_offsets":[0,4]}}`, "12345678")))
	f.Fuzz(func(t *testing.T, content []byte) {
		file, err := safetensors.Read(bytes.NewReader(content), int64(len(content)))
		if err != nil {
			return
		}
		var blobs []linalg.Blob
		total := 0
		for _, name := range file.Names() {
			info, ok := file.Info(name)
			if !ok {
				t.Fatalf("there is no info of %q", name)
			}
			total += int(info.Bytes)
			blob, err := file.Tensor(name)
			if err != nil {
				continue // a type that cola does not compute with
			}
			if err := blob.Check(); err != nil {
				t.Errorf("what was read is no tensor: %v", err)
			}
			blobs = append(blobs, blob)
		}
		if total > len(content) {
			t.Errorf("%d bytes of tensors in a file of %d", total, len(content))
		}
		if err := rewrite(blobs, file.Metadata()); err != nil {
			t.Error(err)
		}
	})
}
