package protocol

import (
	"bytes"
	"hash/crc32"
)

// Scan is what a header must pass before the decoder sees it.
func Scan(header []byte, depth int) error { return scan(header, depth) }

// DecodeHeader decodes a header as a frame's.
func DecodeHeader(k Kind, header []byte) (Message, error) {
	return decodeHeader(k, header, DefaultLimits())
}

// DecodeSection decodes one section.
func DecodeSection(b []byte) error {
	_, _, err := readSection(bytes.NewReader(b), DefaultLimits().FrameBytes)
	return err
}

// EncodeSection is the inverse.
func EncodeSection(s Section) ([]byte, error) {
	p, err := s.encode()
	if err != nil {
		return nil, err
	}
	return append(p.prefix, bytes.Join(p.payload, nil)...), nil
}

// RawFrame is a Batch with one compressed section that declares what it is told to.
func RawFrame(payload []byte, decoded, encoded uint64) []byte {
	return rawFrame(payload, SectionInfo{
		Name: "x", DType: 1, As: AsF32, Shape: []int{int(decoded / 4)}, Compressed: encoded != decoded, Encoded: int64(encoded), Decoded: int64(decoded),
	})
}

// RawInt8 is a Batch with one section of int8 that declares a shape.
func RawInt8(shape []int, payload []byte) []byte {
	return rawFrame(payload, SectionInfo{Name: "x", DType: 1, As: AsInt8, Shape: shape, Encoded: int64(len(payload)), Decoded: int64(len(payload))})
}

func rawFrame(payload []byte, info SectionInfo) []byte {
	section := append(info.append(crc32.Checksum(payload, castagnoli)), payload...)
	header, err := encodeHeader(&Batch{})
	if err != nil {
		panic(err)
	}
	h := frameHeader{
		kind: KindBatch, header: uint32(len(header)), sections: 1, body: uint64(len(section)-len(payload)) + uint64(info.Encoded),
		crc: crc32.Checksum(header, castagnoli),
	}
	return append(append(h.append(nil), header...), section...)
}
