package safetensors

import (
	"bytes"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"unicode/utf8"

	"github.com/gradientlearning/cola/linalg"
)

// Write writes tensors in their order and metadata sorted by key: the same content is
// always the same bytes. A name given twice and a blob whose data do not fit its shape
// are errors, and then nothing is written.
func Write(w io.Writer, blobs []linalg.Blob, metadata map[string]string) error {
	for _, b := range blobs {
		if err := b.Check(); err != nil {
			return err
		}
	}
	return WriteEach(w, blobs, metadata, func(i int) ([]byte, error) { return blobs[i].Data, nil })
}

// WriteEach is [Write] for tensors that need not be in memory together: blobs have no data, and
// data is asked for those of each in turn. What does not fit a shape is an error then.
func WriteEach(w io.Writer, blobs []linalg.Blob, metadata map[string]string, data func(i int) ([]byte, error)) error {
	header, err := header(blobs, metadata)
	if err != nil {
		return err
	}
	if _, err := w.Write(header); err != nil {
		return err
	}
	for i, b := range blobs {
		if b.Data, err = data(i); err == nil {
			err = b.Check()
		}
		if err != nil {
			return err
		}
		if _, err := w.Write(b.Data); err != nil {
			return fmt.Errorf("write tensor %q: %w", b.Name, err)
		}
	}
	return nil
}

// header returns the length and the JSON, padded with spaces so that data are aligned.
func header(blobs []linalg.Blob, metadata map[string]string) ([]byte, error) {
	b := bytes.NewBuffer(make([]byte, 8))
	b.WriteByte('{')
	comma := ""
	if len(metadata) > 0 {
		for k, v := range metadata {
			if !utf8.ValidString(k) || !utf8.ValidString(v) {
				return nil, fmt.Errorf("metadata %q: %q is not UTF-8", k, v)
			}
		}
		text, err := json.Marshal(metadata) // sorts the keys
		if err != nil {
			return nil, err
		}
		fmt.Fprintf(b, "%q:%s", metadataKey, text)
		comma = ","
	}
	offset := 0
	seen := map[string]bool{metadataKey: true}
	for _, blob := range blobs {
		size, err := blob.Size()
		if err != nil {
			return nil, err
		}
		if seen[blob.Name] || !utf8.ValidString(blob.Name) {
			return nil, fmt.Errorf("tensor %q: the name is taken or not UTF-8: give it another", blob.Name)
		}
		seen[blob.Name] = true
		entry, err := entryOf(blob, offset, offset+size)
		if err != nil {
			return nil, err
		}
		b.WriteString(comma)
		b.Write(entry)
		comma = ","
		offset += size
	}
	b.WriteByte('}')
	for b.Len()%8 != 0 {
		b.WriteByte(' ')
	}
	out := b.Bytes()
	if len(out)-8 > maxHeader {
		return nil, fmt.Errorf("a header of %d bytes: the format allows %d", len(out)-8, maxHeader)
	}
	binary.LittleEndian.PutUint64(out, uint64(len(out)-8))
	return out, nil
}

// entryOf returns the header's entry for a tensor whose data go from begin to end.
func entryOf(blob linalg.Blob, begin, end int) ([]byte, error) {
	name, err := json.Marshal(blob.Name)
	if err != nil {
		return nil, err
	}
	shape, err := json.Marshal(append([]int{}, blob.Shape...)) // never null
	if err != nil {
		return nil, err
	}
	return fmt.Appendf(nil, `%s:{"dtype":%q,"shape":%s,"data_offsets":[%d,%d]}`,
		name, strings.ToUpper(blob.DType.String()), shape, begin, end), nil
}

// WriteFile replaces path atomically: a temporary file beside it is written, synced and
// renamed. After an error the old file is as it was.
func WriteFile(path string, blobs []linalg.Blob, metadata map[string]string) error {
	return replace(path, func(w io.Writer) error { return Write(w, blobs, metadata) })
}

// WriteFileEach replaces path as [WriteFile] does, by what [WriteEach] writes.
func WriteFileEach(path string, blobs []linalg.Blob, metadata map[string]string, data func(i int) ([]byte, error)) error {
	return replace(path, func(w io.Writer) error { return WriteEach(w, blobs, metadata, data) })
}

// replace replaces a file.
func replace(path string, write func(w io.Writer) error) (err error) {
	f, err := os.CreateTemp(filepath.Dir(path), filepath.Base(path)+".*.tmp")
	if err != nil {
		return err
	}
	defer func() {
		if err != nil {
			err = errors.Join(fmt.Errorf("write %s: %w", path, err), os.Remove(f.Name()))
		}
	}()
	if err := errors.Join(write(f), f.Chmod(0o644), f.Sync(), f.Close()); err != nil {
		return err
	}
	return os.Rename(f.Name(), path)
}
