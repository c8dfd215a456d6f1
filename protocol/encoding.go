package protocol

import (
	"encoding/binary"
	"fmt"
	"hash/crc32"
	"io"
	"math"
	"math/bits"
	"unicode/utf8"

	"github.com/gradientlearning/cola/linalg"
)

// A section is a fixed header, its name and dimensions, and its payload.
const (
	sectionHeaderSize = 32
	flagCompressed    = 1
	maxDims           = 8
	maxName           = 512
)

// SectionInfo says how a section travelled.
type SectionInfo struct {
	Name       string
	DType      linalg.DType // of the tensor
	As         Form         // of the elements on the wire
	Shape      []int
	Compressed bool
	Encoded    int64 // bytes of the payload on the wire
	Decoded    int64 // bytes of the elements in form As
}

// encode returns the section as it travels. The payload may be the tensor's own memory: the
// tensor must not change before it is sent.
func (s Section) encode() (*prepared, error) {
	if s.prepared != nil {
		return s.prepared, nil
	}
	t := s.Tensor
	if t == nil || len(s.Name) > maxName || len(t.Shape()) > maxDims {
		return nil, Faultf(CodeProtocol, "this is a defect of cola", "a section needs a tensor of at most %d dimensions and a name of at most %d bytes", maxDims, maxName)
	}
	as, declared := s.Form(), t.DType()
	if declared == linalg.BF16 && as == AsBF16 { // rounded already: for the other side, f32 that travels as bf16
		declared = linalg.F32
	}
	if !as.carries(declared) {
		return nil, Faultf(CodeProtocol, "use f32, bf16 or int8", "%v does not travel as %v", declared, as)
	}
	info := SectionInfo{Name: s.Name, DType: declared, As: as}
	if s.Rows != nil && as == Form(t.DType()) && !s.Compress {
		info.Shape = append([]int{len(s.Rows)}, t.Shape()[1:]...)
		return info.prepare(runs(t, s.Rows)), nil
	}
	if s.Rows != nil {
		t = linalg.KeepRows(t, s.Rows)
	}
	info.Shape = t.Shape()
	var payload []byte
	if as == AsInt8 {
		payload = linalg.Int8Bytes(t, s.Seed)
	} else {
		payload = linalg.Bytes(t.Convert(linalg.DType(as)))
	}
	info.Decoded = int64(len(payload))
	if s.Compress {
		if small, pays := compress(payload, as.unit()); pays {
			payload, info.Compressed = small, true
		}
	}
	return info.prepare([][]byte{payload}), nil
}

// runs returns the bytes of rows, of each run of them in one piece.
func runs(t *linalg.Tensor, rows []int) [][]byte {
	all, size := linalg.Bytes(t), t.Cols()*t.DType().Size()
	var list [][]byte
	for i := 0; i < len(rows); {
		end := i + 1
		for end < len(rows) && rows[end] == rows[end-1]+1 {
			end++
		}
		list = append(list, all[rows[i]*size:(rows[end-1]+1)*size])
		i = end
	}
	return list
}

// prepare returns a section with this payload, of which it sets the sizes.
func (i SectionInfo) prepare(payload [][]byte) *prepared {
	sum := uint32(0)
	i.Encoded = 0
	for _, p := range payload {
		i.Encoded += int64(len(p))
		sum = crc32.Update(sum, castagnoli, p)
	}
	if !i.Compressed {
		i.Decoded = i.Encoded
	}
	return &prepared{i.append(sum), payload}
}

// append returns the section's header, name and dimensions.
func (i SectionInfo) append(payloadCRC uint32) []byte {
	flags := byte(0)
	if i.Compressed {
		flags |= flagCompressed
	}
	b := []byte{byte(i.DType), byte(i.As), flags, byte(len(i.Shape))}
	b = binary.LittleEndian.AppendUint16(b, uint16(len(i.Name)))
	b = binary.LittleEndian.AppendUint16(b, 0)
	b = binary.LittleEndian.AppendUint64(b, uint64(i.Encoded))
	b = binary.LittleEndian.AppendUint64(b, uint64(i.Decoded))
	b = binary.LittleEndian.AppendUint32(b, payloadCRC)
	tail := append([]byte(nil), i.Name...)
	for _, d := range i.Shape {
		tail = binary.LittleEndian.AppendUint64(tail, uint64(d))
	}
	sum := crc32.Update(crc32.Checksum(b, castagnoli), castagnoli, tail)
	return append(binary.LittleEndian.AppendUint32(b, sum), tail...)
}

// readSection reads a section whose elements take at most limit bytes. io.EOF and
// io.ErrUnexpectedEOF mean that the stream ended.
func readSection(r io.Reader, limit int64) (Section, SectionInfo, error) {
	var fixed [sectionHeaderSize]byte
	if _, err := io.ReadFull(r, fixed[:]); err != nil {
		return Section{}, SectionInfo{}, err
	}
	nameLen, dims := binary.LittleEndian.Uint16(fixed[4:]), int(fixed[3])
	if nameLen > maxName || dims > maxDims {
		return Section{}, SectionInfo{}, damaged("a name of %d bytes and %d dimensions", nameLen, dims)
	}
	tail := make([]byte, int(nameLen)+8*dims)
	if err := readAll(r, tail); err != nil {
		return Section{}, SectionInfo{}, err
	}
	if crc32.Update(crc32.Checksum(fixed[:28], castagnoli), castagnoli, tail) != binary.LittleEndian.Uint32(fixed[28:]) {
		return Section{}, SectionInfo{}, damaged("its header fails its checksum")
	}
	info, err := parseSection(fixed[:], tail, int(nameLen), limit)
	if err != nil {
		return Section{}, SectionInfo{}, err
	}
	payload, err := readPayload(r, info.Encoded)
	if err != nil {
		return Section{}, SectionInfo{}, err
	}
	if crc32.Checksum(payload, castagnoli) != binary.LittleEndian.Uint32(fixed[24:]) {
		return Section{}, SectionInfo{}, damaged("%q fails its checksum", info.Name)
	}
	t, err := info.decode(payload)
	if err != nil {
		return Section{}, SectionInfo{}, err
	}
	return Section{Name: info.Name, Tensor: t, As: info.As, Compress: info.Compressed}, info, nil
}

// parseSection checks what a section's header declares.
func parseSection(fixed, tail []byte, nameLen int, limit int64) (SectionInfo, error) {
	encoded, decoded := binary.LittleEndian.Uint64(fixed[8:]), binary.LittleEndian.Uint64(fixed[16:])
	info := SectionInfo{
		Name: string(tail[:nameLen]), DType: linalg.DType(fixed[0]), As: Form(fixed[1]), Compressed: fixed[2] == flagCompressed,
	}
	switch {
	case !utf8.ValidString(info.Name):
		return info, damaged("the name %q is not UTF-8", info.Name)
	case fixed[2] > flagCompressed || fixed[6] != 0 || fixed[7] != 0:
		return info, damaged("%q: unknown flags", info.Name)
	case !info.As.carries(info.DType):
		return info, damaged("%q: %v does not travel as %v", info.Name, info.DType, info.As)
	}
	elements := uint64(1)
	for at := nameLen; at < len(tail); at += 8 {
		d := binary.LittleEndian.Uint64(tail[at:])
		hi, lo := bits.Mul64(elements, d)
		if d > math.MaxInt32 || hi != 0 {
			return info, damaged("%q: dimension %d is too large", info.Name, d)
		}
		elements = lo
		info.Shape = append(info.Shape, int(d))
	}
	most := uint64(max(limit, 0))
	if elements > most { // what follows cannot overflow
		return info, damaged("%q: %d elements are more than a frame may hold", info.Name, elements)
	}
	info.Encoded, info.Decoded = int64(encoded), int64(decoded)
	switch size := uint64(info.As.Size(info.Shape)); {
	case size != decoded:
		return info, damaged("%q: shape %v takes %d bytes, the header declares %d", info.Name, info.Shape, size, decoded)
	case uint64(info.held()) > most:
		return info, damaged("%q: %d bytes are more than a frame may hold", info.Name, decoded)
	case !info.Compressed && encoded != decoded || info.Compressed && encoded > decoded:
		return info, damaged("%q: %d bytes stand for %d", info.Name, encoded, decoded)
	}
	return info, nil
}

// held is what counts against the limit of a frame: the elements as they come out of compression,
// but as F32 where they are int8, of which little on the wire would become four times as much.
func (i SectionInfo) held() int64 {
	if i.As == AsInt8 {
		return AsF32.Size(i.Shape)
	}
	return i.Decoded
}

// readPayload reads n bytes and takes memory as they arrive.
func readPayload(r io.Reader, n int64) ([]byte, error) {
	const step = 4 << 20
	payload := make([]byte, 0, min(n, step))
	for int64(len(payload)) < n {
		if len(payload) == cap(payload) {
			grown := make([]byte, len(payload), min(n, 2*int64(cap(payload))))
			copy(grown, payload)
			payload = grown
		}
		read, err := io.ReadFull(r, payload[len(payload):cap(payload)])
		payload = payload[:len(payload)+read]
		if err != nil {
			return nil, io.ErrUnexpectedEOF
		}
	}
	return payload, nil
}

// decode returns the tensor: floats are F32, whatever they travelled as.
func (i SectionInfo) decode(payload []byte) (*linalg.Tensor, error) {
	if i.Compressed {
		var err error
		if payload, err = decompress(payload, i.Decoded, i.As.unit()); err != nil {
			return nil, damaged("%q does not decompress: %w", i.Name, err)
		}
	}
	if i.As == AsInt8 {
		t := linalg.New(linalg.F32, i.Shape...)
		linalg.SetInt8Bytes(t, payload)
		return t, nil
	}
	t := linalg.New(linalg.DType(i.As), i.Shape...)
	linalg.SetBytes(t, payload)
	if i.DType == linalg.F32 {
		return t.Convert(linalg.F32), nil
	}
	return t, nil
}

// String describes the section for people.
func (i SectionInfo) String() string {
	return fmt.Sprintf("%s %v %v as %v, %d bytes", i.Name, i.DType, i.Shape, i.As, i.Encoded)
}
