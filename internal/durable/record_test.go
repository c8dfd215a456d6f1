package durable_test

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"github.com/gradientlearning/cola/internal/durable"
	"github.com/gradientlearning/cola/linalg"
	"github.com/gradientlearning/cola/linalg/safetensors"
)

func wantEqual(t testing.TB, what string, got, want any) {
	t.Helper()
	if diff := cmp.Diff(want, got, cmpopts.EquateEmpty()); diff != "" {
		t.Errorf("%s (-want +got):\n%s", what, diff)
	}
}

// sample is a record with every part of one.
func sample() durable.Record {
	return durable.Record{
		Metadata: map[string]string{"round": "12", "job": "größer"},
		Tensors: []linalg.Blob{
			{Name: "a.A", DType: linalg.F32, Shape: []int{2, 1}, Data: []byte{0, 0, 128, 63, 0, 0, 0, 192}},
			{Name: "b", DType: linalg.BF16, Shape: []int{3}, Data: []byte{1, 2, 3, 4, 5, 6}},
		},
	}
}

// framed returns a payload behind a header that is right for it, put together here by
// what the package's comment says, not by the package.
func framed(payload []byte) []byte {
	sum := sha256.Sum256(payload)
	b := binary.LittleEndian.AppendUint64([]byte("COLAREC1"), uint64(len(payload)))
	return append(append(b, sum[:]...), payload...)
}

// written returns the bytes of a record on disk.
func written(t testing.TB, r durable.Record) []byte {
	t.Helper()
	path := filepath.Join(t.TempDir(), "r.cola")
	if err := durable.WriteRecord(path, r); err != nil {
		t.Fatal(err)
	}
	raw, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return raw
}

func TestRecordComesBack(t *testing.T) {
	dir := t.TempDir()
	for name, r := range map[string]durable.Record{
		"full":             sample(),
		"nothing":          {},
		"strings alone":    {Metadata: map[string]string{"": "empty name", "x": ""}},
		"tensors alone":    {Tensors: sample().Tensors},
		"an empty tensor":  {Tensors: []linalg.Blob{{Name: "none", DType: linalg.F32, Shape: []int{0, 4}}}},
		"instead of these": {Metadata: map[string]string{"round": "13"}},
	} {
		path := filepath.Join(dir, "r.cola")
		if err := durable.WriteRecord(path, r); err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		got, err := durable.ReadRecord(path)
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		wantEqual(t, name, got, r)
		wantAlone(t, dir, "r.cola")
	}
}

func TestRecordFormat(t *testing.T) {
	raw := written(t, sample())
	if len(raw) < 48 {
		t.Fatalf("%d bytes", len(raw))
	}
	if !bytes.Equal(raw, framed(raw[48:])) {
		t.Errorf("the header is %x, want the magic, the length and the SHA-256 of what follows", raw[:48])
	}
	if !bytes.Equal(raw, written(t, sample())) {
		t.Error("the same record was written as other bytes")
	}
	if !durable.IsRecord(raw) || !durable.IsRecord(raw[:8]) || durable.IsRecord(raw[:7]) || durable.IsRecord(raw[8:]) {
		t.Error("IsRecord does not go by the first eight bytes")
	}
}

// TestEveryTornRecordIsNoticed cuts a record everywhere, as a power cut would on a disk
// that renames before it writes.
func TestEveryTornRecordIsNoticed(t *testing.T) {
	raw := written(t, sample())
	path := filepath.Join(t.TempDir(), "r.cola")
	for n := range raw {
		write(t, path, raw[:n])
		if _, err := durable.ReadRecord(path); !errors.Is(err, durable.ErrCorrupt) {
			t.Fatalf("the first %d of %d bytes: %v, want ErrCorrupt", n, len(raw), err)
		}
	}
}

// TestEveryFlippedBitIsNoticed flips one bit in every byte of a record.
func TestEveryFlippedBitIsNoticed(t *testing.T) {
	raw := written(t, sample())
	path := filepath.Join(t.TempDir(), "r.cola")
	for i := range raw {
		flipped := bytes.Clone(raw)
		flipped[i] ^= 1 << (i % 8)
		write(t, path, flipped)
		if _, err := durable.ReadRecord(path); !errors.Is(err, durable.ErrCorrupt) {
			t.Fatalf("a bit of byte %d flipped: %v, want ErrCorrupt", i, err)
		}
	}
}

func TestCorruptRecordsSayWhy(t *testing.T) {
	raw := written(t, sample())
	changed := func(at int, b byte) []byte {
		c := bytes.Clone(raw)
		c[at] ^= b
		return c
	}
	for name, tt := range map[string]struct {
		raw  []byte
		says string
	}{
		"nothing":           {nil, `does not begin with "COLAREC1"`},
		"zeros":             {make([]byte, len(raw)), `does not begin with "COLAREC1"`},
		"magic alone":       {raw[:8], "8 bytes do not hold the 48-byte header"},
		"short":             {raw[:len(raw)-1], fmt.Sprintf("declares %d bytes, the file has %d", len(raw)-48, len(raw)-49)},
		"long":              {append(bytes.Clone(raw), 0), fmt.Sprintf("declares %d bytes, the file has %d", len(raw)-48, len(raw)-47)},
		"a declared excess": {changed(15, 0x80), "declares 9223372036854"},
		"another digest":    {changed(20, 1), "the SHA-256 does not match"},
		"another payload":   {changed(len(raw)-1, 1), "the SHA-256 does not match"},
		"no safetensors":    {framed([]byte("whole, and not a safetensors file")), "record is corrupt: "},
		"an empty payload":  {framed(nil), "record is corrupt: "},
	} {
		path := filepath.Join(t.TempDir(), "r.cola")
		write(t, path, tt.raw)
		_, err := durable.ReadRecord(path)
		if !errors.Is(err, durable.ErrCorrupt) {
			t.Errorf("%s: %v, want ErrCorrupt", name, err)
			continue
		}
		for _, part := range []string{tt.says, path} {
			if !strings.Contains(err.Error(), part) {
				t.Errorf("%s: %q does not say %q", name, err, part)
			}
		}
	}
}

func TestMissingRecordIsNotCorrupt(t *testing.T) {
	_, err := durable.ReadRecord(filepath.Join(t.TempDir(), "none.cola"))
	if !errors.Is(err, fs.ErrNotExist) || errors.Is(err, durable.ErrCorrupt) {
		t.Errorf("%v, want ErrNotExist alone", err)
	}
}

func TestRecordThatCannotBeWritten(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "r.cola")
	if err := durable.WriteRecord(path, sample()); err != nil {
		t.Fatal(err)
	}
	double := sample()
	double.Tensors = append(double.Tensors, double.Tensors[0])
	if err := durable.WriteRecord(path, double); err == nil || !strings.Contains(err.Error(), path) {
		t.Errorf("two tensors of one name: %v, want an error that names the file", err)
	}
	full(t, path)
	if err := durable.WriteRecord(path, durable.Record{}); !errors.Is(err, syscall.ENOSPC) {
		t.Errorf("%v, want ENOSPC", err)
	}
	wantAlone(t, dir, "r.cola")
	got, err := durable.ReadRecord(path)
	if err != nil {
		t.Fatal(err)
	}
	wantEqual(t, "the record after two that failed", got, sample())
}

// FuzzRecord reads whatever lies in a state folder: as it is, and behind a header that is
// right for it, so that what the digest keeps out is tried too.
func FuzzRecord(f *testing.F) {
	raw := written(f, sample())
	f.Add(raw, false)
	f.Add(raw[48:], true)
	f.Add(raw[:60], false)
	f.Add(written(f, durable.Record{}), false)
	f.Add([]byte("\x02\x00\x00\x00\x00\x00\x00\x00{}"), true)
	f.Fuzz(func(t *testing.T, file []byte, sealed bool) {
		if sealed {
			file = framed(file)
		}
		path := filepath.Join(t.TempDir(), "r.cola")
		write(t, path, file)
		r, err := durable.ReadRecord(path)
		if err != nil {
			if !errors.Is(err, durable.ErrCorrupt) {
				t.Errorf("%v is not an ErrCorrupt", err)
			}
			return
		}
		var payload bytes.Buffer // not by WriteRecord: it waits for the disk
		if err := safetensors.Write(&payload, r.Tensors, r.Metadata); err != nil {
			t.Fatalf("what was read cannot be written: %v", err)
		}
		write(t, path, framed(payload.Bytes()))
		again, err := durable.ReadRecord(path)
		if err != nil {
			t.Fatal(err)
		}
		wantEqual(t, "written again", again, r)
	})
}
