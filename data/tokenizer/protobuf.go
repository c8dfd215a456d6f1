package tokenizer

import (
	"encoding/binary"
	"errors"
	"fmt"
)

// field is one field of a protocol buffer message: a number, or bytes that are a part of the
// message itself.
type field struct {
	number int
	value  uint64 // of varints and fixed numbers
	bytes  []byte // of strings and messages; nil for numbers
}

var errCut = errors.New("the message ends within a field")

// eachField goes through the fields of a protocol buffer message in their order. It takes no
// memory of its own, and what it hands on lies within data.
func eachField(data []byte, use func(f field) error) error {
	for len(data) > 0 {
		key, n := binary.Uvarint(data)
		if n <= 0 {
			return errCut
		}
		data = data[n:]
		f := field{number: int(key >> 3 & (1<<29 - 1))}
		switch key & 7 {
		case 0:
			if f.value, n = binary.Uvarint(data); n <= 0 {
				return errCut
			}
		case 1:
			if n = 8; len(data) < n {
				return errCut
			}
			f.value = binary.LittleEndian.Uint64(data)
		case 5:
			if n = 4; len(data) < n {
				return errCut
			}
			f.value = uint64(binary.LittleEndian.Uint32(data))
		case 2:
			length, m := binary.Uvarint(data)
			if m <= 0 || length > uint64(len(data)-m) {
				return errCut
			}
			n = m + int(length)
			f.bytes = data[m:n:n]
		default:
			return fmt.Errorf("field %d has the wire type %d, which there is not", f.number, key&7)
		}
		data = data[n:]
		if err := use(f); err != nil {
			return err
		}
	}
	return nil
}
