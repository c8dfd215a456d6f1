package data

import (
	"bytes"
	"compress/gzip"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
)

// MNIST's pixels have this mean and deviation; other IDX sets are normalised alike.
const (
	mnistMean      = 0.1307
	mnistDeviation = 0.3081
)

const (
	idxLabels = 0x0801 // unsigned bytes, one dimension
	idxImages = 0x0803 // unsigned bytes, three dimensions
	maxIDX    = 1 << 31
)

// ErrFormat says that a file is not what its name promises.
var ErrFormat = errors.New("not a valid IDX file")

// openIDX opens the images and labels of a folder, plain or gzipped, under MNIST's names.
func openIDX(dir string, test bool) (Dataset, error) {
	prefix := "train"
	if test {
		prefix = "t10k"
	}
	pixels, shape, err := readIDX(dir, prefix+"-images-idx3-ubyte", idxImages)
	if err != nil {
		return nil, err
	}
	labels, count, err := readIDX(dir, prefix+"-labels-idx1-ubyte", idxLabels)
	if err != nil {
		return nil, err
	}
	if shape[0] != count[0] {
		return nil, fmt.Errorf("%s: %d images and %d labels: %w", dir, shape[0], count[0], ErrFormat)
	}
	return &images{
		pixels: pixels, labels: labels, shape: []int{shape[1], shape[2], 1}, classes: classesOf(labels),
		mean: mnistMean, deviation: mnistDeviation,
	}, nil
}

// readIDX reads dir/name or dir/name.gz.
func readIDX(dir, name string, magic uint32) (values []byte, dims []int, err error) {
	path := filepath.Join(dir, name)
	f, err := os.Open(path)
	if errors.Is(err, os.ErrNotExist) {
		path += ".gz"
		f, err = os.Open(path)
	}
	if errors.Is(err, os.ErrNotExist) {
		return nil, nil, fmt.Errorf("neither %s nor %s.gz is in %s: %w", name, name, dir, ErrNotFound)
	}
	if err != nil {
		return nil, nil, err
	}
	defer f.Close() //nolint:errcheck // it was only read
	values, dims, err = parseIDX(f, magic)
	if err != nil {
		return nil, nil, fmt.Errorf("%s: %w", path, err)
	}
	return values, dims, nil
}

// parseIDX parses an IDX file of unsigned bytes, gzipped or not. Memory is taken as bytes
// arrive, never on the word of the header.
func parseIDX(r io.Reader, magic uint32) (values []byte, dims []int, err error) {
	var first [2]byte
	if _, err := io.ReadFull(r, first[:]); err != nil {
		return nil, nil, fmt.Errorf("%w: it is too short", ErrFormat)
	}
	r = io.MultiReader(bytes.NewReader(first[:]), r)
	if first == [2]byte{0x1f, 0x8b} {
		z, err := gzip.NewReader(r)
		if err != nil {
			return nil, nil, fmt.Errorf("%w: %w", ErrFormat, err)
		}
		r = z
	}
	var got uint32
	if err := binary.Read(r, binary.BigEndian, &got); err != nil || got != magic {
		return nil, nil, fmt.Errorf("%w: it begins with %#08x, expected %#08x", ErrFormat, got, magic)
	}
	size := int64(1)
	for range magic & 0xff {
		var d uint32
		if err := binary.Read(r, binary.BigEndian, &d); err != nil {
			return nil, nil, fmt.Errorf("%w: it ends in the header", ErrFormat)
		}
		if size *= int64(d); size > maxIDX {
			return nil, nil, fmt.Errorf("%w: it declares more than %d bytes", ErrFormat, int64(maxIDX))
		}
		dims = append(dims, int(d))
	}
	values, err = io.ReadAll(io.LimitReader(r, size+1))
	if err != nil {
		return nil, nil, fmt.Errorf("%w: %w", ErrFormat, err)
	}
	if int64(len(values)) != size {
		return nil, nil, fmt.Errorf("%w: %v declares %d bytes, it has %s", ErrFormat, dims, size, count(len(values), size))
	}
	return values, dims, nil
}

func count(n int, limit int64) string {
	if int64(n) > limit {
		return "more"
	}
	return fmt.Sprint(n)
}
