package gguf

import (
	"bufio"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"math"

	"github.com/gradientlearning/cola/linalg"
)

// ErrFormat says that a file is not a GGUF file that can be read.
var ErrFormat = errors.New("not a valid GGUF file")

// The parser's bounds: an adapter has two tensors a layer and a handful of metadata.
const (
	maxEntries   = 1 << 16 // tensors, and metadata
	maxString    = 1 << 20
	maxAlignment = 1 << 16
	maxDepth     = 4 // of arrays in arrays
)

// file is a parsed header.
type file struct {
	texts   map[string]string
	floats  map[string]float32
	others  map[string]bool // keys of other types
	tensors map[string]info
	data    int64 // where the data begin
}

// info is what the header says of a tensor.
type info struct {
	rows, cols int
	kind       uint32
	offset     int64 // in the data
	bytes      int64
}

// cursor reads a header's fields. The first error stays, and then all are zero.
type cursor struct {
	r    *bufio.Reader
	at   int64
	size int64
	err  error
}

func (c *cursor) fail(format string, args ...any) {
	if c.err == nil {
		c.err = fmt.Errorf("%w: byte %d: %w", ErrFormat, c.at, fmt.Errorf(format, args...))
	}
}

// bytes reads n bytes, of which the file must have as many.
func (c *cursor) bytes(n int64) []byte {
	if c.err == nil && n > c.size-c.at {
		c.fail("%d bytes are due and %d are left", n, c.size-c.at)
	}
	if c.err != nil {
		return make([]byte, min(n, 8))
	}
	b := make([]byte, n)
	if _, err := io.ReadFull(c.r, b); err != nil {
		c.fail("read: %w", err)
	}
	c.at += n
	return b
}

func (c *cursor) u32() uint32 { return binary.LittleEndian.Uint32(c.bytes(4)) }
func (c *cursor) u64() uint64 { return binary.LittleEndian.Uint64(c.bytes(8)) }

// text reads a string.
func (c *cursor) text() string {
	n := c.u64()
	if n > maxString {
		c.fail("a string of %d bytes (%d are allowed)", n, maxString)
		return ""
	}
	if b := c.bytes(int64(n)); c.err == nil {
		return string(b)
	}
	return ""
}

// count reads how many entries follow.
func (c *cursor) count(what string) uint64 {
	n := c.u64()
	if n > maxEntries {
		c.fail("%d %s (%d are allowed)", n, what, maxEntries)
		return 0
	}
	return n
}

// widths are the sizes of metadata of each type but strings and arrays.
var widths = map[uint32]int64{0: 1, 1: 1, 2: 2, 3: 2, 4: 4, 5: 4, 6: 4, 7: 1, 10: 8, 11: 8, 12: 8}

const (
	typeUint32 = 4
	typeArray  = 9
)

// skip reads over a value that is not wanted.
func (c *cursor) skip(kind uint32, depth int) {
	switch width, ok := widths[kind]; {
	case ok:
		c.bytes(width)
	case kind == typeString:
		c.text()
	case kind == typeArray && depth < maxDepth:
		element, n := c.u32(), c.u64()
		for i := uint64(0); i < n && c.err == nil; i++ { // each takes a byte at least
			c.skip(element, depth+1)
		}
	default:
		c.fail("a value of type %d", kind)
	}
}

// parse reads a header.
func parse(r io.ReaderAt, size int64) (*file, error) {
	c := &cursor{r: bufio.NewReader(io.NewSectionReader(r, 0, size)), size: size}
	f := &file{texts: map[string]string{}, floats: map[string]float32{}, others: map[string]bool{}, tensors: map[string]info{}}
	if string(c.bytes(4)) != magic {
		c.fail("it does not begin with %s", magic)
	}
	if v := c.u32(); v != version && c.err == nil {
		c.fail("version %d: this release reads version %d, little-endian", v, version)
	}
	tensors, entries := c.count("tensors"), c.count("metadata")
	align := uint64(alignment)
	for i := uint64(0); i < entries && c.err == nil; i++ {
		key, kind := c.text(), c.u32()
		switch {
		case kind == typeString:
			f.texts[key] = c.text()
		case kind == typeFloat32:
			f.floats[key] = math.Float32frombits(c.u32())
		case key == "general.alignment" && kind == typeUint32:
			if align = uint64(c.u32()); align == 0 || align > maxAlignment {
				c.fail("alignment %d", align)
			}
		default:
			f.others[key] = true
			c.skip(kind, 0)
		}
	}
	next := uint64(0)
	for i := uint64(0); i < tensors && c.err == nil; i++ {
		name := c.text()
		t := c.tensor(name, next)
		if _, twice := f.tensors[name]; twice {
			c.fail("tensor %q is there twice", name)
		}
		f.tensors[name] = t
		next = aligned(next+uint64(t.bytes), align)
	}
	if c.err != nil {
		return nil, c.err
	}
	f.data = int64(aligned(uint64(c.at), align))
	for name, t := range f.tensors {
		if t.offset > size-f.data || t.bytes > size-f.data-t.offset {
			return nil, fmt.Errorf("%w: tensor %q ends behind the file's end", ErrFormat, name)
		}
	}
	return f, nil
}

// blocksOf says how many elements and bytes the blocks of a tensor's type have.
var blocksOf = map[uint32]struct{ elements, bytes uint64 }{
	dataF32: {1, 4}, dataF16: {1, 2}, dataQ80: {32, 34}, dataBF16: {1, 2},
}

const (
	dataF16  = 1
	dataQ80  = 8 // a binary16 scale, and 32 signed bytes
	dataBF16 = 30
)

// tensor reads what is said of a tensor, which lies where the one before it ended.
func (c *cursor) tensor(name string, next uint64) info {
	dims := c.u32()
	if dims != 1 && dims != 2 {
		c.fail("tensor %q of %d dimensions: factors have two", name, dims)
		return info{}
	}
	cols, rows := c.u64(), uint64(1)
	if dims == 2 {
		rows = c.u64()
	}
	kind, offset := c.u32(), c.u64()
	block, ok := blocksOf[kind]
	const most = 1 << 30
	switch {
	case c.err != nil:
	case !ok:
		c.fail("tensor %q is of type %d: convert it to F32, F16, BF16 or Q8_0", name, kind)
	case rows < 1 || cols < 1 || rows > most || cols > most || cols%block.elements != 0:
		c.fail("tensor %q of %d × %d elements", name, rows, cols)
	case offset != next:
		c.fail("tensor %q lies at %d, expected %d", name, offset, next)
	case rows*cols/block.elements*block.bytes > uint64(c.size):
		c.fail("tensor %q is larger than the file", name)
	default:
		return info{rows: int(rows), cols: int(cols), kind: kind, offset: int64(offset), bytes: int64(rows * cols / block.elements * block.bytes)}
	}
	return info{}
}

// read returns a tensor as float32.
func (f *file) read(r io.ReaderAt, name string) (*linalg.Tensor, error) {
	t := f.tensors[name]
	raw := make([]byte, t.bytes)
	if n, err := r.ReadAt(raw, f.data+t.offset); n != len(raw) {
		return nil, fmt.Errorf("read tensor %q: %w", name, err)
	}
	out := linalg.New(linalg.F32, t.rows, t.cols)
	switch t.kind {
	case dataF32:
		linalg.SetBytes(out, raw)
	case dataF16:
		for i := range out.F32() {
			out.F32()[i] = linalg.F32FromF16(binary.LittleEndian.Uint16(raw[2*i:]))
		}
	case dataBF16:
		for i := range out.F32() {
			out.F32()[i] = linalg.F32FromBF16(binary.LittleEndian.Uint16(raw[2*i:]))
		}
	default: // Q8_0
		for i := range out.F32() {
			block := raw[i/32*34:]
			out.F32()[i] = linalg.F32FromF16(binary.LittleEndian.Uint16(block)) * float32(int8(block[2+i%32]))
		}
	}
	return out, nil
}
