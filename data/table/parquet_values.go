package table

import (
	"bytes"
	"compress/gzip"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"math"
	"math/bits"
	"strconv"

	"github.com/klauspost/compress/s2"
	"github.com/klauspost/compress/zstd"
)

// The physical types.
const (
	typeBoolean = iota
	typeInt32
	typeInt64
	typeInt96
	typeFloat
	typeDouble
	typeByteArray
	typeFixed
)

// maxSnappy is how far snappy can pack at most: 64 bytes into 3. Its decoder takes the
// memory that the data declare.
const maxSnappy = 22

// codecs are the names of the compressions, for messages.
var codecs = []string{"none", "snappy", "gzip", "lzo", "brotli", "lz4", "zstd", "lz4_raw"}

// unpack returns the size bytes that a page was before it was packed.
func unpack(codec int64, b []byte, size int) (out []byte, err error) {
	switch codec {
	case 0:
		out = b
	case 1:
		var n int
		if n, err = s2.DecodedLen(b); err == nil && (n != size || n/maxSnappy > len(b)) {
			err = fmt.Errorf("%d bytes are to be %d", len(b), n)
		}
		if err == nil {
			out, err = s2.Decode(nil, b)
		}
	case 2:
		var z *gzip.Reader
		if z, err = gzip.NewReader(bytes.NewReader(b)); err == nil {
			out, err = io.ReadAll(io.LimitReader(z, int64(size)+1))
		}
	case 6:
		var z *zstd.Decoder
		if z, err = zstd.NewReader(bytes.NewReader(b), zstd.WithDecoderConcurrency(1), zstd.WithDecoderMaxWindow(maxWindow)); err == nil {
			out, err = io.ReadAll(io.LimitReader(z, int64(size)+1))
			z.Close()
		}
	default:
		name := strconv.FormatInt(codec, 10)
		if codec > 0 && codec < int64(len(codecs)) {
			name = codecs[codec]
		}
		return nil, fmt.Errorf("pages are compressed by %s: write the file with snappy, gzip, zstd or no compression", name)
	}
	if err != nil {
		return nil, fmt.Errorf("a page cannot be unpacked: %w", err)
	}
	if len(out) != size {
		return nil, fmt.Errorf("a page unpacks to %d bytes or more, not %d", len(out), size)
	}
	return out, nil
}

// decoder returns what reads a page's values one after the other.
func (c *column) decoder(encoding int64, b []byte) (func() (Value, error), error) {
	switch encoding {
	case 0:
		return plain(c.leaf, b)
	case 2, 8:
		if len(b) == 0 { // no value is there
			return func() (Value, error) { return nil, io.ErrUnexpectedEOF }, nil
		}
		return indices(b, c.dictionary)
	case 3:
		if c.leaf.kind == typeBoolean && len(b) >= 4 {
			runs := newHybrid(b[4:], 1)
			return func() (Value, error) { v, err := runs.next(); return v == 1, err }, nil
		}
	case 5, 6, 7, 9:
		return nil, errors.New("values are written as differences or split bytes: write the file with plain or dictionary encoding")
	}
	return nil, fmt.Errorf("values are in encoding %d", encoding)
}

// indices reads values by their number in the dictionary.
func indices(b []byte, dictionary []Value) (func() (Value, error), error) {
	if b[0] > 32 {
		return nil, fmt.Errorf("numbers in the dictionary have %d bits", b[0])
	}
	numbers := newHybrid(b[1:], int(b[0]))
	return func() (Value, error) {
		i, err := numbers.next()
		if err != nil {
			return nil, err
		}
		if int64(i) >= int64(len(dictionary)) {
			return nil, fmt.Errorf("value %d is not in the dictionary of %d", i, len(dictionary))
		}
		return dictionary[i], nil
	}, nil
}

// plain reads values that are written as they are.
func plain(leaf *schema, b []byte) (func() (Value, error), error) {
	d := &cursor{b: b}
	fixed := func(n int, read func([]byte) Value) (func() (Value, error), error) {
		return func() (Value, error) {
			v, err := d.take(n)
			if err != nil {
				return nil, err
			}
			return read(v), nil
		}, nil
	}
	switch leaf.kind {
	case typeBoolean:
		flags := &hybrid{b: b, width: 1, packed: 8 * len(b)}
		return func() (Value, error) { v, err := flags.next(); return v == 1, err }, nil
	case typeInt32:
		if leaf.unsigned {
			return fixed(4, func(b []byte) Value { return unsigned(uint64(binary.LittleEndian.Uint32(b))) })
		}
		return fixed(4, func(b []byte) Value { return signed(int64(int32(binary.LittleEndian.Uint32(b)))) })
	case typeInt64:
		if leaf.unsigned {
			return fixed(8, func(b []byte) Value { return unsigned(binary.LittleEndian.Uint64(b)) })
		}
		return fixed(8, func(b []byte) Value { return signed(int64(binary.LittleEndian.Uint64(b))) })
	case typeFloat:
		return fixed(4, func(b []byte) Value {
			return real(float64(math.Float32frombits(binary.LittleEndian.Uint32(b))), 32)
		})
	case typeDouble:
		return fixed(8, func(b []byte) Value { return real(math.Float64frombits(binary.LittleEndian.Uint64(b)), 64) })
	case typeFixed:
		if leaf.width > 0 {
			return fixed(leaf.width, func(b []byte) Value { return string(b) })
		}
	case typeByteArray:
		return func() (Value, error) {
			length, err := d.take(4)
			if err != nil {
				return nil, err
			}
			text, err := d.take(int(binary.LittleEndian.Uint32(length)))
			return string(text), err
		}, nil
	case typeInt96:
		return nil, errors.New("it holds times of 96 bits: leave the column out")
	}
	return nil, fmt.Errorf("it holds values of type %d and width %d", leaf.kind, leaf.width)
}

func signed(v int64) Value           { return Number(strconv.FormatInt(v, 10)) }
func unsigned(v uint64) Value        { return Number(strconv.FormatUint(v, 10)) }
func real(v float64, bits int) Value { return Number(strconv.FormatFloat(v, 'g', -1, bits)) }

// levels are small numbers, one an entry.
type levels struct {
	none bool
	runs *hybrid
}

func newLevels(b []byte, most int) *levels {
	return &levels{none: most == 0, runs: newHybrid(b, bits.Len(uint(most)))}
}

func (l *levels) next() (int, error) {
	if l.none {
		return 0, nil
	}
	v, err := l.runs.next()
	return int(v), err
}

// hybrid reads numbers of few bits: runs of one number, and groups of eight packed from the
// lowest bit on. It is read as numbers are asked for, so that a long run takes no memory.
type hybrid struct {
	b      []byte
	width  int
	run    uint64 // left of a run of
	number uint32
	packed int // numbers left in a packed group
	bit    int // of the first byte of b: where the next packed number begins
}

func newHybrid(b []byte, width int) *hybrid { return &hybrid{b: b, width: width} }

func (h *hybrid) next() (uint32, error) {
	for h.run == 0 && h.packed == 0 {
		if err := h.header(); err != nil {
			return 0, err
		}
	}
	if h.run > 0 {
		h.run--
		return h.number, nil
	}
	h.packed--
	v, err := h.unpack()
	if h.packed == 0 && h.bit > 0 { // groups end with a byte
		h.b, h.bit = h.b[min(1, len(h.b)):], 0
	}
	return v, err
}

// header reads what comes next.
func (h *hybrid) header() error {
	head, n := binary.Uvarint(h.b)
	if n <= 0 {
		return io.ErrUnexpectedEOF
	}
	h.b = h.b[n:]
	if head&1 == 1 {
		if groups := head >> 1; groups <= uint64(len(h.b)) || h.width == 0 && groups < maxEntries {
			h.packed = int(8 * groups)
			return nil
		}
		// Some writers cut the last group short: there are as many numbers as bytes hold.
		h.packed = 8 * len(h.b) / max(h.width, 1)
		if h.packed == 0 {
			return io.ErrUnexpectedEOF
		}
		return nil
	}
	size := (h.width + 7) / 8
	if size > len(h.b) {
		return io.ErrUnexpectedEOF
	}
	h.number = 0
	for i, b := range h.b[:size] {
		h.number |= uint32(b) << (8 * i)
	}
	h.b, h.run = h.b[size:], head>>1
	return nil
}

// unpack takes one number out of the bits.
func (h *hybrid) unpack() (uint32, error) {
	v := uint32(0)
	for i := 0; i < h.width; {
		if len(h.b) == 0 {
			return 0, io.ErrUnexpectedEOF
		}
		n := min(8-h.bit, h.width-i)
		v |= uint32(h.b[0]>>h.bit) & (1<<n - 1) << i
		i += n
		if h.bit += n; h.bit == 8 {
			h.b, h.bit = h.b[1:], 0
		}
	}
	return v, nil
}
