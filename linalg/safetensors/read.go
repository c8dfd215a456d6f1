package safetensors

import (
	"cmp"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"

	"github.com/gradientlearning/cola/linalg"
)

// maxHeader is the format's own bound on the header.
const maxHeader = 100_000_000

// ErrFormat says that a file is not a valid safetensors file. Nothing mends one: it has to
// be written or fetched again.
var ErrFormat = errors.New("not a valid safetensors file (write it or download it again)")

// Info is what the header says of a tensor.
type Info struct {
	Name  string
	DType string // as the file spells it: "F32", "BF16"
	Shape []int
	Bytes int64
	start int64 // in the data
}

// File is an open safetensors file. Tensors are read when they are asked for, from several
// goroutines if need be.
type File struct {
	name     string // for errors: the path, or nothing
	r        io.ReaderAt
	close    func() error
	data     int64 // where the data begin
	metadata map[string]string
	infos    []Info // by offset
	byName   map[string]int
	mapped   []byte // the whole file, of Map
}

// Open opens a file and reads its header. Errors name the path.
func Open(path string) (*File, error) {
	file, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	f, err := readFile(file, path)
	if err != nil {
		return nil, errors.Join(err, file.Close())
	}
	f.close = file.Close
	return f, nil
}

func readFile(file *os.File, path string) (*File, error) {
	stat, err := file.Stat()
	if err != nil {
		return nil, err
	}
	f, err := Read(file, stat.Size())
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	f.name = path + ": "
	return f, nil
}

// Read reads the header of a file of the given size. The file is read further by
// [File.Tensor]; closing it is the caller's.
func Read(r io.ReaderAt, size int64) (*File, error) {
	prefix := make([]byte, 8)
	if size < int64(len(prefix)) {
		return nil, fmt.Errorf("%w: %d bytes are too few", ErrFormat, size)
	}
	if err := readAt(r, prefix, 0); err != nil {
		return nil, fmt.Errorf("read the header's length: %w", err)
	}
	n := binary.LittleEndian.Uint64(prefix)
	if n > maxHeader || int64(n) > size-8 {
		return nil, fmt.Errorf("%w: a header of %d bytes in a file of %d (%d are allowed)", ErrFormat, n, size, maxHeader)
	}
	header := make([]byte, n)
	if err := readAt(r, header, 8); err != nil {
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

// readAt fills p. An io.ReaderAt may report the end of the file beside its last bytes.
func readAt(r io.ReaderAt, p []byte, offset int64) error {
	n, err := r.ReadAt(p, offset)
	if n == len(p) {
		return nil
	}
	if errors.Is(err, io.EOF) {
		return io.ErrUnexpectedEOF
	}
	return err
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
		if info.Bytes > size-end {
			return fmt.Errorf("tensor %q ends at %d, the file has %d bytes of data: it is cut off", info.Name, info.start+info.Bytes, size)
		}
		end += info.Bytes
		f.byName[info.Name] = i
	}
	if end != size {
		return fmt.Errorf("%d bytes follow the last tensor", size-end)
	}
	return nil
}

// Close closes the file that Open opened.
func (f *File) Close() error { return f.close() }

// Metadata returns the strings of the header, empty where it has none. The map is the
// caller's.
func (f *File) Metadata() map[string]string { return f.metadata }

// Names returns the tensors' names, by their place in the file.
func (f *File) Names() []string {
	names := make([]string, len(f.infos))
	for i, info := range f.infos {
		names[i] = info.Name
	}
	return names
}

// Info returns what the header says of a tensor, and whether there is one of that name.
func (f *File) Info(name string) (Info, bool) {
	i, ok := f.byName[name]
	if !ok {
		return Info{}, false
	}
	info := f.infos[i]
	info.Shape = slices.Clone(info.Shape)
	return info, true
}

// Tensor reads one tensor; of I64 it makes I32, which all ids and labels fit. It is an error
// that names file and tensor where the tensor is missing, is of a type that cola does not
// compute with, or holds an integer that does not fit.
func (f *File) Tensor(name string) (linalg.Blob, error) {
	info, ok := f.Info(name)
	if !ok {
		return linalg.Blob{}, fmt.Errorf("%stensor %q is not in the file: check that it is of the same model", f.name, name)
	}
	dtype, ok := dtypes[info.DType]
	if info.DType == "I64" {
		return f.narrowed(info)
	}
	if !ok {
		return linalg.Blob{}, fmt.Errorf("%stensor %q is of type %s: convert it to F32, F16, BF16 or I32", f.name, name, info.DType)
	}
	blob := linalg.Blob{Name: name, DType: dtype, Shape: info.Shape}
	if f.mapped != nil {
		begin := f.data + info.start
		blob.Data = f.mapped[begin : begin+info.Bytes : begin+info.Bytes]
		return blob, nil
	}
	blob.Data = make([]byte, info.Bytes)
	if err := readAt(f.r, blob.Data, f.data+info.start); err != nil {
		return linalg.Blob{}, fmt.Errorf("%sread tensor %q: %w", f.name, name, err)
	}
	return blob, nil
}

// narrowed reads a tensor of I64 as I32.
func (f *File) narrowed(info Info) (linalg.Blob, error) {
	wide := make([]byte, info.Bytes)
	if err := readAt(f.r, wide, f.data+info.start); err != nil {
		return linalg.Blob{}, fmt.Errorf("%sread tensor %q: %w", f.name, info.Name, err)
	}
	data := make([]byte, 0, len(wide)/2)
	for i := 0; i < len(wide); i += 8 {
		v := int64(binary.LittleEndian.Uint64(wide[i:]))
		if v != int64(int32(v)) {
			return linalg.Blob{}, fmt.Errorf("%stensor %q holds %d, which does not fit 32 bits", f.name, info.Name, v)
		}
		data = binary.LittleEndian.AppendUint32(data, uint32(v))
	}
	return linalg.Blob{Name: info.Name, DType: linalg.I32, Shape: info.Shape, Data: data}, nil
}

var dtypes = map[string]linalg.DType{"F32": linalg.F32, "BF16": linalg.BF16, "F16": linalg.F16, "I32": linalg.I32}
