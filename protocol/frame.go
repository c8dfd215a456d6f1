package protocol

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
)

// A frame is a fixed header, a msgpack header and raw sections; docs/wire-format.md
// draws it. All numbers are little-endian.
const (
	frameMagic      = "CoLA"
	frameFormat     = 1
	frameHeaderSize = 32
)

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// frameHeader is the fixed header.
type frameHeader struct {
	kind     Kind
	header   uint32 // bytes of the msgpack header
	sections uint32 // how many
	body     uint64 // bytes of all sections
	crc      uint32 // of the msgpack header
}

func (h frameHeader) append(b []byte) []byte {
	start := len(b)
	b = append(b, frameMagic...)
	b = append(b, frameFormat, byte(h.kind), 0, 0)
	b = binary.LittleEndian.AppendUint32(b, h.header)
	b = binary.LittleEndian.AppendUint32(b, h.sections)
	b = binary.LittleEndian.AppendUint64(b, h.body)
	b = binary.LittleEndian.AppendUint32(b, h.crc)
	return binary.LittleEndian.AppendUint32(b, crc32.Checksum(b[start:], castagnoli))
}

// parseFrameHeader checks everything that can be checked before more is read.
func parseFrameHeader(b []byte, limits Limits) (h frameHeader, err error) {
	if !IsFrame(b) {
		return h, damaged("the bytes %q do not begin a frame", b[:4])
	}
	if b[4] != frameFormat {
		return h, Faultf(CodeVersion, "use the same release of cola on both sides", "frame format %d is not known", b[4])
	}
	if crc32.Checksum(b[:28], castagnoli) != binary.LittleEndian.Uint32(b[28:]) {
		return h, damaged("the frame's fixed header fails its checksum")
	}
	h = frameHeader{
		kind: Kind(b[5]), header: binary.LittleEndian.Uint32(b[8:]), sections: binary.LittleEndian.Uint32(b[12:]),
		body: binary.LittleEndian.Uint64(b[16:]), crc: binary.LittleEndian.Uint32(b[24:]),
	}
	switch {
	case newMessage(h.kind) == nil:
		return h, damaged("message kind %d is not known", h.kind)
	case b[6] != 0 || b[7] != 0:
		return h, damaged("%v: unknown flags %#02x%02x", h.kind, b[7], b[6])
	case int64(h.header) > int64(limits.HeaderBytes):
		return h, damaged("%v: a header of %d bytes; at most %d are taken", h.kind, h.header, limits.HeaderBytes)
	case int64(h.sections) > int64(limits.Sections):
		return h, damaged("%v: %d sections; at most %d are taken", h.kind, h.sections, limits.Sections)
	case h.body > uint64(limits.FrameBytes):
		return h, damaged("%v: %d bytes of sections; at most %d are taken", h.kind, h.body, limits.FrameBytes)
	}
	return h, nil
}

// IsFrame reports whether bytes begin as a frame does.
func IsFrame(prefix []byte) bool { return bytes.HasPrefix(prefix, []byte(frameMagic)) }

// damaged is the fault of bytes that are not a valid frame.
func damaged(format string, args ...any) *Fault {
	return Faultf(CodeProtocol, "connect again; if it happens again, something between the machines changes bytes, or their releases differ", format, args...)
}

// Encode returns a message as one frame.
func Encode(m Message) ([]byte, error) {
	parts, err := encode(m)
	if err != nil {
		return nil, err
	}
	return bytes.Join(parts, nil), nil
}

// encode returns a frame in parts, so that large sections are not copied together.
func encode(m Message) ([][]byte, error) {
	header, err := encodeHeader(m)
	if err != nil {
		return nil, err
	}
	h := frameHeader{kind: m.Kind(), header: uint32(len(header)), crc: crc32.Checksum(header, castagnoli)}
	parts := [][]byte{nil, header}
	if s, ok := m.(sectioned); ok {
		for _, section := range *s.sections() {
			p, err := section.encode()
			if err != nil {
				return nil, fmt.Errorf("%v: section %q: %w", m.Kind(), section.Name, err)
			}
			parts = append(append(parts, p.prefix), p.payload...)
			h.sections++
		}
	}
	for _, p := range parts[2:] {
		h.body += uint64(len(p))
	}
	parts[0] = h.append(nil)
	return parts, nil
}

// Decode returns the message in a frame, and nothing may follow it.
func Decode(frame []byte, limits Limits) (Message, error) {
	r := bytes.NewReader(frame)
	m, _, err := readFrame(r, limits)
	if err != nil {
		return nil, err
	}
	if r.Len() > 0 {
		return nil, damaged("%v: %d bytes follow the frame", m.Kind(), r.Len())
	}
	return m, nil
}

// readFrame reads one frame. io.EOF means that none begins; a frame that is cut off is
// io.ErrUnexpectedEOF.
func readFrame(r io.Reader, limits Limits) (Message, []SectionInfo, error) {
	var fixed [frameHeaderSize]byte
	if _, err := io.ReadFull(r, fixed[:]); err != nil {
		if errors.Is(err, io.ErrUnexpectedEOF) {
			return nil, nil, fmt.Errorf("in a frame's fixed header: %w", err)
		}
		return nil, nil, err
	}
	h, err := parseFrameHeader(fixed[:], limits)
	if err != nil {
		return nil, nil, err
	}
	header := make([]byte, h.header)
	if err := readAll(r, header); err != nil {
		return nil, nil, fmt.Errorf("in the header of %v: %w", h.kind, err)
	}
	if crc32.Checksum(header, castagnoli) != h.crc {
		return nil, nil, damaged("%v: the header fails its checksum", h.kind)
	}
	m, err := decodeHeader(h.kind, header, limits)
	if err != nil {
		return nil, nil, err
	}
	infos, err := readSections(r, m, h, limits)
	if err != nil {
		return nil, nil, err
	}
	return m, infos, nil
}

// readSections reads the sections that the fixed header declares, to the byte.
func readSections(r io.Reader, m Message, h frameHeader, limits Limits) ([]SectionInfo, error) {
	if h.sections == 0 && h.body == 0 {
		return nil, nil
	}
	s, ok := m.(sectioned)
	if !ok {
		return nil, damaged("%v carries no sections, there are %d", h.kind, h.sections)
	}
	body := &io.LimitedReader{R: r, N: int64(h.body)}
	var infos []SectionInfo
	decoded := int64(0)
	for i := range h.sections {
		section, info, err := readSection(body, limits.FrameBytes-decoded)
		if err != nil {
			if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
				if body.N == 0 {
					return nil, damaged("%v: section %d runs out of the frame", h.kind, i)
				}
				return nil, fmt.Errorf("in section %d of %v: %w", i, h.kind, io.ErrUnexpectedEOF)
			}
			return nil, fmt.Errorf("%v: section %d: %w", h.kind, i, err)
		}
		decoded += info.held()
		*s.sections() = append(*s.sections(), section)
		infos = append(infos, info)
	}
	if body.N != 0 {
		return nil, damaged("%v: %d bytes follow the last section", h.kind, body.N)
	}
	return infos, nil
}

// readAll fills b, where the end of the stream is always unexpected.
func readAll(r io.Reader, b []byte) error {
	_, err := io.ReadFull(r, b)
	if errors.Is(err, io.EOF) {
		return io.ErrUnexpectedEOF
	}
	return err
}
