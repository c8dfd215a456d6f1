package table

import (
	"bufio"
	"bytes"
	"compress/gzip"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/klauspost/compress/zstd"
)

const (
	maxRow    = 64 << 20  // bytes of one row
	maxWindow = 128 << 20 // bytes that a zstd stream may make its reader keep
)

// ErrFormat says that a file is not what its name promises.
var ErrFormat = errors.New("not a valid data file")

// suffixes are the endings of files that [Rows] reads, and the form that they have.
var suffixes = map[string]string{
	".jsonl": JSONL, ".ndjson": JSONL, ".json": JSON, ".csv": CSV, ".tsv": TSV, ".parquet": Parquet,
}

// FormOf returns the form of a file by the ending of its name, and whether it has one that
// [Rows] reads.
func FormOf(path string) (form string, ok bool) {
	path, packed := unpackedName(path)
	for suffix, form := range suffixes {
		if strings.HasSuffix(strings.ToLower(path), suffix) {
			return form, form != Parquet || !packed
		}
	}
	return "", false
}

// unpackedName returns a path without .gz or .zst.
func unpackedName(path string) (name string, packed bool) {
	for _, suffix := range []string{".gz", ".zst"} {
		if strings.HasSuffix(strings.ToLower(path), suffix) {
			return path[:len(path)-len(suffix)], true
		}
	}
	return path, false
}

// Open opens a file and unpacks it by the ending of its name: .gz, .zst or neither.
func Open(path string) (io.ReadCloser, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, fmt.Errorf("open data: %w", err)
	}
	switch lower := strings.ToLower(path); {
	case strings.HasSuffix(lower, ".gz"):
		z, err := gzip.NewReader(bufio.NewReader(f))
		if err != nil {
			return nil, errors.Join(fmt.Errorf("%s: %w: its gzip header: %w", path, ErrFormat, err), f.Close())
		}
		return &unpacked{z, func() {}, f}, nil
	case strings.HasSuffix(lower, ".zst"):
		z, err := zstd.NewReader(f, zstd.WithDecoderConcurrency(1), zstd.WithDecoderMaxWindow(maxWindow))
		if err != nil {
			return nil, errors.Join(fmt.Errorf("%s: %w: %w", path, ErrFormat, err), f.Close())
		}
		return &unpacked{z, z.Close, f}, nil
	}
	return f, nil
}

// unpacked is what a file holds unpacked.
type unpacked struct {
	io.Reader
	release func()
	file    *os.File
}

func (u *unpacked) Close() error {
	u.release()
	return u.file.Close()
}

// skipBOM drops the byte order mark that some programs begin UTF-8 files with.
func skipBOM(r io.Reader) *bufio.Reader {
	b := bufio.NewReaderSize(r, 1<<16)
	if start, err := b.Peek(3); err == nil && bytes.Equal(start, []byte("\ufeff")) {
		_, _ = b.Discard(3) // they were peeked at
	}
	return b
}
