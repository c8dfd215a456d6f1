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

	"github.com/gradientlearning/cola/linalg"
)

// Write writes tensors in their order and metadata sorted by key: the same content is
// always the same bytes.
func Write(w io.Writer, blobs []linalg.Blob, metadata map[string]string) error {
	header, err := header(blobs, metadata)
	if err != nil {
		return err
	}
	if _, err := w.Write(header); err != nil {
		return err
	}
	for _, b := range blobs {
		if _, err := w.Write(b.Data); err != nil {
			return err
		}
	}
	return nil
}

// header returns the length and the JSON, padded with spaces so that data are aligned.
func header(blobs []linalg.Blob, metadata map[string]string) ([]byte, error) {
	var b bytes.Buffer
	b.Write(make([]byte, 8))
	b.WriteByte('{')
	comma := ""
	if len(metadata) > 0 {
		text, err := json.Marshal(metadata)
		if err != nil {
			return nil, err
		}
		fmt.Fprintf(&b, `"__metadata__":%s`, text)
		comma = ","
	}
	offset := 0
	seen := map[string]bool{"__metadata__": true}
	for _, blob := range blobs {
		if seen[blob.Name] {
			return nil, fmt.Errorf("tensor %q is given twice", blob.Name)
		}
		seen[blob.Name] = true
		if _, err := blob.Tensor(); err != nil {
			return nil, err
		}
		name, err := json.Marshal(blob.Name)
		if err != nil {
			return nil, err
		}
		shape, err := json.Marshal(append([]int{}, blob.Shape...))
		if err != nil {
			return nil, err
		}
		fmt.Fprintf(&b, `%s%s:{"dtype":%q,"shape":%s,"data_offsets":[%d,%d]}`,
			comma, name, strings.ToUpper(blob.DType.String()), shape, offset, offset+len(blob.Data))
		comma = ","
		offset += len(blob.Data)
	}
	b.WriteByte('}')
	for b.Len()%8 != 0 {
		b.WriteByte(' ')
	}
	out := b.Bytes()
	binary.LittleEndian.PutUint64(out, uint64(len(out)-8))
	return out, nil
}

// WriteFile replaces path atomically: a temporary file is written, synced and renamed.
func WriteFile(path string, blobs []linalg.Blob, metadata map[string]string) (err error) {
	f, err := os.CreateTemp(filepath.Dir(path), filepath.Base(path)+".*.tmp")
	if err != nil {
		return err
	}
	defer func() {
		if err != nil {
			err = errors.Join(fmt.Errorf("write %s: %w", path, err), os.Remove(f.Name()))
		}
	}()
	if err := errors.Join(Write(f, blobs, metadata), f.Chmod(0o644), f.Sync(), f.Close()); err != nil {
		return err
	}
	return os.Rename(f.Name(), path)
}
