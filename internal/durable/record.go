package durable

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"os"

	"github.com/gradientlearning/cola/linalg"
	"github.com/gradientlearning/cola/linalg/safetensors"
)

// ErrCorrupt says that a record is not what was written.
var ErrCorrupt = errors.New("record is corrupt")

// Record is a set of named tensors and strings.
type Record struct {
	Metadata map[string]string
	Tensors  []linalg.Blob
}

const (
	recordMagic      = "COLAREC1"
	recordHeaderSize = len(recordMagic) + 8 + sha256.Size
)

// WriteRecord replaces path by the record, atomically and durably.
func WriteRecord(path string, r Record) error {
	var payload bytes.Buffer
	if err := safetensors.Write(&payload, r.Tensors, r.Metadata); err != nil {
		return fmt.Errorf("write %s: %w", path, err)
	}
	header := make([]byte, 0, recordHeaderSize)
	header = append(header, recordMagic...)
	header = binary.LittleEndian.AppendUint64(header, uint64(payload.Len()))
	sum := sha256.Sum256(payload.Bytes())
	header = append(header, sum[:]...)
	return replace(path, 0o600, func(f *os.File) error {
		if _, err := f.Write(header); err != nil {
			return err
		}
		_, err := f.Write(payload.Bytes())
		return err
	})
}

// IsRecord reports whether the bytes begin as a record does.
func IsRecord(prefix []byte) bool { return bytes.HasPrefix(prefix, []byte(recordMagic)) }

// ReadRecord returns the record in path, or an error that wraps ErrCorrupt and says
// what is wrong with it.
func ReadRecord(path string) (Record, error) {
	raw, err := os.ReadFile(path)
	if err != nil {
		return Record{}, err
	}
	payload, err := checkRecord(raw)
	if err != nil {
		return Record{}, fmt.Errorf("%s: %w", path, err)
	}
	f, err := safetensors.Read(bytes.NewReader(payload), int64(len(payload)))
	if err != nil {
		return Record{}, fmt.Errorf("%s: %w: %w", path, ErrCorrupt, err)
	}
	r := Record{Metadata: f.Metadata()}
	for _, name := range f.Names() {
		blob, err := f.Tensor(name)
		if err != nil {
			return Record{}, fmt.Errorf("%s: %w: %w", path, ErrCorrupt, err)
		}
		r.Tensors = append(r.Tensors, blob)
	}
	return r, nil
}

// checkRecord returns the payload of a record whose length and digest are right.
func checkRecord(raw []byte) ([]byte, error) {
	if !IsRecord(raw) {
		return nil, fmt.Errorf("%w: it does not begin with %q", ErrCorrupt, recordMagic)
	}
	if len(raw) < recordHeaderSize {
		return nil, fmt.Errorf("%w: %d bytes do not hold the %d-byte header: %w",
			ErrCorrupt, len(raw), recordHeaderSize, io.ErrUnexpectedEOF)
	}
	declared := binary.LittleEndian.Uint64(raw[len(recordMagic):])
	payload := raw[recordHeaderSize:]
	if declared != uint64(len(payload)) {
		return nil, fmt.Errorf("%w: the header declares %d bytes, the file has %d", ErrCorrupt, declared, len(payload))
	}
	if sum := sha256.Sum256(payload); !bytes.Equal(sum[:], raw[len(recordMagic)+8:recordHeaderSize]) {
		return nil, fmt.Errorf("%w: the SHA-256 does not match", ErrCorrupt)
	}
	return payload, nil
}
