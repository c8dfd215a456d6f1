package safetensors

import (
	"bytes"
	"cmp"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"

	"github.com/gradientlearning/cola/linalg"
)

// maxHeader is the format's own bound on the header.
const maxHeader = 100 << 20

// ErrFormat says that a file is not a valid safetensors file.
var ErrFormat = errors.New("not a valid safetensors file")

// Info is what the header says of a tensor.
type Info struct {
	Name  string
	DType string // as the file spells it: "F32", "BF16"
	Shape []int
	Bytes int64
	start int64 // in the data
}

// File is an open safetensors file. Tensors are read when they are asked for.
type File struct {
	r        io.ReaderAt
	close    func() error
	data     int64 // where the data begin
	metadata map[string]string
	infos    []Info // by offset
	byName   map[string]int
}

// Open opens a file.
func Open(path string) (*File, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	stat, err := f.Stat()
	if err != nil {
		return nil, errors.Join(err, f.Close())
	}
	s, err := Read(f, stat.Size())
	if err != nil {
		return nil, errors.Join(fmt.Errorf("%s: %w", path, err), f.Close())
	}
	s.close = f.Close
	return s, nil
}

// Read reads the header of a file of the given size.
func Read(r io.ReaderAt, size int64) (*File, error) {
	var prefix [8]byte
	if size < int64(len(prefix)) {
		return nil, fmt.Errorf("%w: %d bytes are too few", ErrFormat, size)
	}
	if _, err := r.ReadAt(prefix[:], 0); err != nil {
		return nil, fmt.Errorf("read the header's length: %w", err)
	}
	n := binary.LittleEndian.Uint64(prefix[:])
	if n > maxHeader || int64(n) > size-8 {
		return nil, fmt.Errorf("%w: a header of %d bytes in a file of %d", ErrFormat, n, size)
	}
	header := make([]byte, n)
	if _, err := r.ReadAt(header, 8); err != nil {
		return nil, fmt.Errorf("read the header: %w", err)
	}
	f := &File{r: r, close: func() error { return nil }, data: 8 + int64(n), metadata: map[string]string{}, byName: map[string]int{}}
	if err := f.parse(header); err != nil {
		return nil, fmt.Errorf("%w: %w", ErrFormat, err)
	}
	if err := f.checkLayout(size - f.data); err != nil {
		return nil, fmt.Errorf("%w: %w", ErrFormat, err)
	}
	return f, nil
}

// parse reads the header's JSON, key by key so that a name given twice is noticed.
func (f *File) parse(header []byte) error {
	d := json.NewDecoder(bytes.NewReader(header))
	if t, err := d.Token(); err != nil || t != json.Delim('{') {
		return errors.New("the header is not a JSON object")
	}
	seen := map[string]bool{}
	for d.More() {
		key, err := d.Token()
		if err != nil {
			return fmt.Errorf("header: %w", err)
		}
		name, _ := key.(string) // an object's keys are strings
		if seen[name] {
			return fmt.Errorf("%q is there twice", name)
		}
		seen[name] = true
		if name == "__metadata__" {
			err = d.Decode(&f.metadata)
		} else {
			err = f.parseTensor(d, name)
		}
		if err != nil {
			return fmt.Errorf("%q: %w", name, err)
		}
	}
	if _, err := d.Token(); err != nil {
		return fmt.Errorf("header: %w", err)
	}
	if rest := bytes.TrimLeft(header[d.InputOffset():], " \t\r\n"); len(rest) > 0 {
		return errors.New("the header goes on after its JSON object")
	}
	return nil
}

func (f *File) parseTensor(d *json.Decoder, name string) error {
	var entry struct {
		DType   string   `json:"dtype"`
		Shape   []int64  `json:"shape"`
		Offsets [2]int64 `json:"data_offsets"`
	}
	if err := d.Decode(&entry); err != nil {
		return err
	}
	info := Info{Name: name, DType: entry.DType, start: entry.Offsets[0], Bytes: entry.Offsets[1] - entry.Offsets[0]}
	if info.start < 0 || info.Bytes < 0 {
		return fmt.Errorf("data_offsets %v", entry.Offsets)
	}
	elements := int64(1)
	for _, dim := range entry.Shape {
		if dim < 0 || dim > 0 && elements > (1<<62)/dim {
			return fmt.Errorf("shape %v is not possible", entry.Shape)
		}
		elements *= dim
		info.Shape = append(info.Shape, int(dim))
	}
	if size, known := elementSize[entry.DType]; known && info.Bytes/size != elements || known && info.Bytes%size != 0 {
		return fmt.Errorf("shape %v of %s takes %d × %d bytes, data_offsets give %d", entry.Shape, entry.DType, elements, size, info.Bytes)
	}
	f.infos = append(f.infos, info)
	return nil
}

// elementSize is the size in bytes of the format's types.
var elementSize = map[string]int64{
	"F64": 8, "I64": 8, "U64": 8, "F32": 4, "I32": 4, "U32": 4, "F16": 2, "BF16": 2, "I16": 2, "U16": 2,
	"I8": 1, "U8": 1, "BOOL": 1, "F8_E4M3": 1, "F8_E5M2": 1,
}

// checkLayout makes sure that the tensors cover the data exactly.
func (f *File) checkLayout(size int64) error {
	slices.SortStableFunc(f.infos, func(a, b Info) int {
		return cmp.Or(cmp.Compare(a.start, b.start), cmp.Compare(a.Bytes, b.Bytes))
	})
	end := int64(0)
	for i, info := range f.infos {
		if info.start != end {
			return fmt.Errorf("tensor %q begins at %d, the one before it ends at %d", info.Name, info.start, end)
		}
		end += info.Bytes
		if end > size {
			return fmt.Errorf("tensor %q ends at %d, the file has %d bytes of data: it is cut off", info.Name, end, size)
		}
		f.byName[info.Name] = i
	}
	if end != size {
		return fmt.Errorf("%d bytes follow the last tensor", size-end)
	}
	return nil
}

// Close closes what Open opened.
func (f *File) Close() error { return f.close() }

// Metadata returns the strings of the header; they may be changed.
func (f *File) Metadata() map[string]string { return f.metadata }

// Names returns the tensors' names, by their place in the file.
func (f *File) Names() []string {
	names := make([]string, len(f.infos))
	for i, info := range f.infos {
		names[i] = info.Name
	}
	return names
}

// Info returns what the header says of a tensor.
func (f *File) Info(name string) (Info, bool) {
	i, ok := f.byName[name]
	if !ok {
		return Info{}, false
	}
	return f.infos[i], true
}

// Tensor reads a tensor. One that is missing, or of a type that cola does not compute
// with, is an error that names it.
func (f *File) Tensor(name string) (linalg.Blob, error) {
	info, ok := f.Info(name)
	if !ok {
		return linalg.Blob{}, fmt.Errorf("tensor %q is not in the file", name)
	}
	dtype, ok := dtypes[info.DType]
	if !ok {
		return linalg.Blob{}, fmt.Errorf("tensor %q is of type %s: convert it to F32, F16, BF16 or I32", name, info.DType)
	}
	blob := linalg.Blob{Name: name, DType: dtype, Shape: info.Shape, Data: make([]byte, info.Bytes)}
	if _, err := f.r.ReadAt(blob.Data, f.data+info.start); err != nil && !(errors.Is(err, io.EOF) && info.Bytes == 0) {
		return linalg.Blob{}, fmt.Errorf("read tensor %q: %w", name, err)
	}
	return blob, nil
}

var dtypes = map[string]linalg.DType{"F32": linalg.F32, "BF16": linalg.BF16, "F16": linalg.F16, "I32": linalg.I32}
