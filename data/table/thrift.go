package table

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
)

// record is a Thrift structure: values by field number. Values are bool, int64, float64,
// []byte, []any or record.
type record map[int16]any

// integer, bytes, list and structure return a field, or the zero value where it is absent or
// something else.
func (s record) integer(field int16) int64    { v, _ := s[field].(int64); return v }
func (s record) bytes(field int16) []byte     { v, _ := s[field].([]byte); return v }
func (s record) list(field int16) []any       { v, _ := s[field].([]any); return v }
func (s record) structure(field int16) record { v, _ := s[field].(record); return v }

// errThrift says that bytes are no Thrift.
var errThrift = errors.New("its description is not in Thrift's compact protocol")

// The types of Thrift's compact protocol.
const (
	thriftStop = iota
	thriftTrue
	thriftFalse
	thriftByte
	thriftI16
	thriftI32
	thriftI64
	thriftDouble
	thriftBinary
	thriftList
	thriftSet
	thriftMap
	thriftStruct
)

// cursor reads bytes one part after the other.
type cursor struct {
	b  []byte
	at int
}

// take returns the next n bytes.
func (c *cursor) take(n int) ([]byte, error) {
	if n < 0 || n > len(c.b)-c.at {
		return nil, io.ErrUnexpectedEOF
	}
	c.at += n
	return c.b[c.at-n : c.at], nil
}

// uvarint returns a number in base 128, lowest digits first.
func (c *cursor) uvarint() (uint64, error) {
	v, n := binary.Uvarint(c.b[c.at:])
	if n == 0 {
		return 0, io.ErrUnexpectedEOF
	}
	if n < 0 {
		return 0, errThrift
	}
	c.at += n
	return v, nil
}

// varint returns a signed number: 0, −1, 1, −2 … are written as 0, 1, 2, 3 …
func (c *cursor) varint() (int64, error) {
	v, err := c.uvarint()
	return int64(v>>1) ^ -int64(v&1), err
}

// structure reads a structure up to its end.
func (c *cursor) structure(depth int) (record, error) {
	if depth > maxDepth {
		return nil, fmt.Errorf("%w: it is nested more than %d deep", errThrift, maxDepth)
	}
	s := record{}
	field := int16(0)
	for {
		head, err := c.take(1)
		if err != nil {
			return nil, err
		}
		kind := head[0] & 0xf
		if kind == thriftStop {
			return s, nil
		}
		if delta := int16(head[0] >> 4); delta != 0 {
			field += delta
		} else {
			number, err := c.varint()
			if err != nil {
				return nil, err
			}
			field = int16(number)
		}
		switch kind {
		case thriftTrue:
			s[field] = true
		case thriftFalse:
			s[field] = false
		default:
			if s[field], err = c.value(kind, depth); err != nil {
				return nil, err
			}
		}
	}
}

// value reads a value that is not a boolean field.
func (c *cursor) value(kind byte, depth int) (any, error) {
	switch kind {
	case thriftTrue, thriftFalse: // in a list they take a byte
		b, err := c.take(1)
		return err == nil && b[0] == thriftTrue, err
	case thriftByte:
		b, err := c.take(1)
		if err != nil {
			return nil, err
		}
		return int64(int8(b[0])), nil
	case thriftI16, thriftI32, thriftI64:
		return c.varint()
	case thriftDouble:
		return c.take(8)
	case thriftBinary:
		n, err := c.uvarint()
		if err != nil || n > uint64(len(c.b)) {
			return nil, errors.Join(io.ErrUnexpectedEOF, err)
		}
		return c.take(int(n))
	case thriftList, thriftSet:
		return c.listOf(depth)
	case thriftMap:
		return nil, c.skipMap(depth)
	case thriftStruct:
		return c.structure(depth + 1)
	}
	return nil, fmt.Errorf("%w: it has a value of type %d", errThrift, kind)
}

func (c *cursor) listOf(depth int) ([]any, error) {
	head, err := c.take(1)
	if err != nil {
		return nil, err
	}
	n := uint64(head[0] >> 4)
	if n == 15 {
		if n, err = c.uvarint(); err != nil {
			return nil, err
		}
	}
	if depth++; n > uint64(len(c.b)-c.at) || depth > maxDepth { // each takes a byte or more
		return nil, io.ErrUnexpectedEOF
	}
	var values []any
	for range n {
		v, err := c.value(head[0]&0xf, depth)
		if err != nil {
			return nil, err
		}
		values = append(values, v)
	}
	return values, nil
}

// skipMap passes over a map: nothing of Parquet's that is read has one.
func (c *cursor) skipMap(depth int) error {
	n, err := c.uvarint()
	if err != nil || n == 0 {
		return err
	}
	kinds, err := c.take(1)
	if err != nil {
		return err
	}
	if depth++; n > uint64(len(c.b)-c.at) || depth > maxDepth {
		return io.ErrUnexpectedEOF
	}
	for range n {
		if _, err := c.value(kinds[0]>>4, depth); err != nil {
			return err
		}
		if _, err := c.value(kinds[0]&0xf, depth); err != nil {
			return err
		}
	}
	return nil
}
