package data

import (
	"bytes"
	"compress/gzip"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"io/fs"

	"github.com/gradientlearning/cola/data/table"
)

// The mean and the standard deviation of MNIST's training pixels, scaled to 0 … 1. Every
// other IDX set is normalised with the same two numbers: none are computed from the data,
// so that participants with different parts still feed the model alike.
const (
	pixelMean      = 0.1307
	pixelDeviation = 0.3081
)

// The first four bytes of an IDX file: two zeros, the type (8: unsigned bytes) and the
// number of dimensions.
const (
	idxLabels = 0x0801
	idxImages = 0x0803
)

const (
	maxIDX   = 1<<31 - 1 // bytes that one file may declare
	firstIDX = 1 << 16   // bytes of memory taken before any has arrived
)

// ErrNotFound says that data are not where they were looked for.
var ErrNotFound = errors.New("data not found")

// ErrFormat says that a file is not what its name promises.
var ErrFormat = table.ErrFormat

// openIDX opens the images and labels of a folder, plain or gzipped, under MNIST's names.
// where is what errors call the folder.
func openIDX(fsys fs.FS, where string, test bool) (Dataset, error) {
	prefix := "train"
	if test {
		prefix = "t10k"
	}
	pixels, shape, err := readIDX(fsys, where, prefix+"-images-idx3-ubyte", idxImages)
	if err != nil {
		return nil, err
	}
	labels, count, err := readIDX(fsys, where, prefix+"-labels-idx1-ubyte", idxLabels)
	if err != nil {
		return nil, err
	}
	if shape[0] != count[0] {
		return nil, fmt.Errorf("%s holds %d images and %d labels under %s-…: %w: replace both files by a pair that belongs together",
			where, shape[0], count[0], prefix, ErrFormat)
	}
	return newImages(pixels, labels, []int{shape[1], shape[2], 1}, []float32{pixelMean}, []float32{pixelDeviation}), nil
}

// readIDX reads the file name, or name.gz.
func readIDX(fsys fs.FS, where, name string, magic uint32) (values []byte, dims []int, err error) {
	f, err := fsys.Open(name)
	if errors.Is(err, fs.ErrNotExist) {
		f, err = fsys.Open(name + ".gz")
		if errors.Is(err, fs.ErrNotExist) {
			return nil, nil, fmt.Errorf("%w: %s has neither %s nor %s.gz", ErrNotFound, where, name, name)
		}
		name += ".gz"
	}
	if err != nil {
		return nil, nil, fmt.Errorf("%s: %w", where, err)
	}
	defer f.Close() //nolint:errcheck // it was only read
	values, dims, err = parseIDX(f, magic)
	if errors.Is(err, ErrFormat) {
		err = fmt.Errorf("%w: replace it by an unharmed copy", err)
	}
	if err != nil {
		return nil, nil, fmt.Errorf("%s in %s: %w", name, where, err)
	}
	return values, dims, nil
}

// parseIDX parses an IDX file of unsigned bytes, gzipped or not: the magic number, one
// big-endian uint32 for each dimension, the values. Memory is taken as bytes arrive, never
// on the word of the header.
func parseIDX(r io.Reader, magic uint32) (values []byte, dims []int, err error) {
	r, err = unzip(r)
	if err != nil {
		return nil, nil, err
	}
	header := make([]byte, 4+4*(magic&0xff))
	if _, err := io.ReadFull(r, header); err != nil {
		return nil, nil, broken("its header", err)
	}
	if got := binary.BigEndian.Uint32(header); got != magic {
		return nil, nil, fmt.Errorf("%w: it begins with %#08x, not %#08x", ErrFormat, got, magic)
	}
	size := int64(1)
	for at := 4; at < len(header); at += 4 {
		d := binary.BigEndian.Uint32(header[at:])
		if d == 0 {
			return nil, nil, fmt.Errorf("%w: dimension %d is zero", ErrFormat, at/4)
		}
		if size *= int64(d); size > maxIDX {
			return nil, nil, fmt.Errorf("%w: it declares more than %d bytes", ErrFormat, maxIDX)
		}
		dims = append(dims, int(d))
	}
	if values, err = readValues(r, int(size)); err != nil {
		return nil, nil, err
	}
	switch n, err := io.ReadFull(r, make([]byte, 1)); {
	case n > 0:
		return nil, nil, fmt.Errorf("%w: it goes on after the %d bytes that it declares", ErrFormat, size)
	case !errors.Is(err, io.EOF): // where a gzip checksum does not match, this is where it shows
		return nil, nil, broken("its end", err)
	}
	return values, dims, nil
}

// unzip returns the content of r, whether or not it is gzipped.
func unzip(r io.Reader) (io.Reader, error) {
	start := make([]byte, 2)
	n, err := io.ReadFull(r, start)
	if err != nil && n == 0 {
		return nil, broken("its first byte", err)
	}
	r = io.MultiReader(bytes.NewReader(start[:n]), r)
	if !bytes.Equal(start, []byte{0x1f, 0x8b}) {
		return r, nil
	}
	z, err := gzip.NewReader(r)
	if err != nil {
		return nil, broken("its gzip header", err)
	}
	return z, nil
}

// readValues reads size bytes into memory that at most doubles what has arrived.
func readValues(r io.Reader, size int) ([]byte, error) {
	values := make([]byte, 0, min(size, firstIDX))
	for {
		n, err := io.ReadFull(r, values[len(values):cap(values)])
		values = values[:len(values)+n]
		if err != nil {
			return nil, broken(fmt.Sprintf("byte %d of %d", len(values), size), err)
		}
		if len(values) == size {
			return values, nil
		}
		values = append(make([]byte, 0, min(size, 2*len(values))), values...)
	}
}

// broken says at what part of a file reading failed. What the operating system reports
// says nothing about the format.
func broken(at string, err error) error {
	if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
		return fmt.Errorf("%w: it ends before %s", ErrFormat, at)
	}
	if _, ok := errors.AsType[*fs.PathError](err); ok {
		return fmt.Errorf("read %s: %w", at, err)
	}
	return fmt.Errorf("%w: %s cannot be read: %w", ErrFormat, at, err)
}
