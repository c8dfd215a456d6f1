package protocol

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"

	"github.com/vmihailenco/msgpack/v5"
)

// sectioned is a message that carries sections.
type sectioned interface{ sections() *[]Section }

func (m *Batch) sections() *[]Section  { return &m.Sections }
func (m *Tuples) sections() *[]Section { return &m.Sections }
func (m *Update) sections() *[]Section { return &m.Sections }
func (m *Commit) sections() *[]Section { return &m.Sections }

// newMessage returns an empty message of a kind, nil for an unknown one.
func newMessage(k Kind) Message {
	switch k {
	case KindHello:
		return new(Hello)
	case KindWelcome:
		return new(Welcome)
	case KindOpen:
		return new(Open)
	case KindBatch:
		return new(Batch)
	case KindTuples:
		return new(Tuples)
	case KindLoss:
		return new(Loss)
	case KindUpdate:
		return new(Update)
	case KindCommit:
		return new(Commit)
	case KindEval:
		return new(Eval)
	case KindProgress:
		return new(Progress)
	case KindError:
		return new(Error)
	case KindBye:
		return new(Bye)
	case KindEnroll:
		return new(Enroll)
	case KindEnrolled:
		return new(Enrolled)
	}
	return nil
}

var kindNames = [...]string{
	KindHello: "Hello", KindWelcome: "Welcome", KindOpen: "Open", KindBatch: "Batch", KindTuples: "Tuples", KindLoss: "Loss",
	KindUpdate: "Update", KindCommit: "Commit", KindEval: "Eval", KindProgress: "Progress", KindError: "Error", KindBye: "Bye",
	KindEnroll: "Enroll", KindEnrolled: "Enrolled",
}

// String returns the message's name.
func (k Kind) String() string {
	if int(k) < len(kindNames) && kindNames[k] != "" {
		return kindNames[k]
	}
	return fmt.Sprintf("message kind %d", uint8(k))
}

// encodeHeader returns a message's fields as msgpack. A header that no peer would take is
// refused here, where its sender can do something about it.
func encodeHeader(m Message) ([]byte, error) {
	header, err := msgpack.Marshal(m)
	if err != nil {
		return nil, fmt.Errorf("%v: %w", m.Kind(), err)
	}
	if limit := DefaultLimits().HeaderBytes; len(header) > limit {
		return nil, Faultf(CodeProtocol, "name fewer sites, or shorten what the message says", "%v: a header of %d bytes; at most %d are taken", m.Kind(), len(header), limit)
	}
	return header, nil
}

// decodeHeader decodes the fields of a message. The decoder sees a header only after a
// walk over its bytes has found its nesting and every declared length within bounds:
// left alone it takes memory on the word of a length, and a stack for every level.
// A field that this version does not know is an error: new fields need a new version.
func decodeHeader(k Kind, header []byte, limits Limits) (Message, error) {
	if err := scan(header, limits.Depth); err != nil {
		return nil, damaged("%v: the header is not valid: %w", k, err)
	}
	m := newMessage(k)
	d := msgpack.NewDecoder(bytes.NewReader(header))
	d.DisallowUnknownFields(true)
	if err := d.Decode(m); err != nil {
		return nil, damaged("%v: the header is not valid: %w", k, err)
	}
	return m, nil
}

var (
	errShort   = errors.New("it ends in the middle of a value")
	errDeep    = errors.New("it is nested too deep")
	errType    = errors.New("it holds a type that no message has")
	errRest    = errors.New("bytes follow its value")
	errNotMap  = errors.New("it is not a map")
	errKey     = errors.New("a key is not a string")
	errTwice   = errors.New("a key occurs twice")
	errDeclare = errors.New("it declares more elements than it has bytes")
)

// scan walks over one msgpack map and checks nesting, lengths and keys, taking no memory
// to speak of.
func scan(b []byte, depth int) error {
	if len(b) == 0 {
		return errShort
	}
	if c := b[0]; c>>4 != 8 && c != 0xde && c != 0xdf {
		return errNotMap
	}
	rest, err := scanValue(b, depth)
	if err == nil && len(rest) > 0 {
		err = errRest
	}
	return err
}

// scanValue returns what follows the value at the beginning of b.
func scanValue(b []byte, depth int) ([]byte, error) {
	if len(b) == 0 {
		return nil, errShort
	}
	if depth == 0 {
		return nil, errDeep
	}
	c, b := b[0], b[1:]
	switch {
	case c <= 0x7f || c >= 0xe0 || c == 0xc0 || c == 0xc2 || c == 0xc3: // small integers, nil, booleans
		return b, nil
	case c>>4 == 8:
		return scanMap(b, uint64(c&0x0f), depth)
	case c>>4 == 9:
		return scanArray(b, uint64(c&0x0f), depth)
	case c>>5 == 5:
		return skip(b, uint64(c&0x1f))
	}
	if n, ok := scalarSize[c]; ok {
		return skip(b, n)
	}
	width, ok := lengthSize[c]
	if !ok {
		return nil, errType
	}
	if len(b) < width {
		return nil, errShort
	}
	var wide [8]byte
	copy(wide[8-width:], b[:width])
	n, b := binary.BigEndian.Uint64(wide[:]), b[width:]
	switch c {
	case 0xdc, 0xdd:
		return scanArray(b, n, depth)
	case 0xde, 0xdf:
		return scanMap(b, n, depth)
	}
	return skip(b, n)
}

// scalarSize is the length of the value behind an opcode of fixed size: floats and
// integers. lengthSize is the width of the length behind one of variable size: bin, str,
// array, map. Extension types are in neither.
var (
	scalarSize = map[byte]uint64{0xca: 4, 0xcb: 8, 0xcc: 1, 0xcd: 2, 0xce: 4, 0xcf: 8, 0xd0: 1, 0xd1: 2, 0xd2: 4, 0xd3: 8}
	lengthSize = map[byte]int{0xc4: 1, 0xc5: 2, 0xc6: 4, 0xd9: 1, 0xda: 2, 0xdb: 4, 0xdc: 2, 0xdd: 4, 0xde: 2, 0xdf: 4}
)

func skip(b []byte, n uint64) ([]byte, error) {
	if n > uint64(len(b)) {
		return nil, errShort
	}
	return b[n:], nil
}

func scanArray(b []byte, n uint64, depth int) (_ []byte, err error) {
	if n > uint64(len(b)) {
		return nil, errDeclare
	}
	for range n {
		if b, err = scanValue(b, depth-1); err != nil {
			return nil, err
		}
	}
	return b, nil
}

func scanMap(b []byte, n uint64, depth int) ([]byte, error) {
	if 2*n > uint64(len(b)) {
		return nil, errDeclare
	}
	seen := make(map[string]bool, min(n, 64))
	for range n {
		if len(b) == 0 || b[0]>>5 != 5 && b[0] != 0xd9 && b[0] != 0xda && b[0] != 0xdb {
			return nil, errKey
		}
		rest, err := scanValue(b, 1)
		if err != nil {
			return nil, err
		}
		key := string(b[:len(b)-len(rest)])
		if seen[key] {
			return nil, errTwice
		}
		seen[key] = true
		if b, err = scanValue(rest, depth-1); err != nil {
			return nil, err
		}
	}
	return b, nil
}
