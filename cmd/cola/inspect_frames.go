package main

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"
	"text/tabwriter"

	"github.com/gradientlearning/cola/internal/report"
	"github.com/gradientlearning/cola/protocol"
)

// frameInfo is one frame of a file.
type frameInfo struct {
	Offset   int64           `json:"offset"`
	Bytes    int64           `json:"bytes"`
	Message  string          `json:"message"` // its kind
	Fields   json.RawMessage `json:"fields"`  // without sections and secrets
	Sections []sectionInfo   `json:"sections,omitempty"`
}

// sectionInfo is one section of a frame.
type sectionInfo struct {
	tensorInfo
	Compressed bool  `json:"compressed"`
	Encoded    int64 `json:"encoded_bytes"` // as it travels; Bytes is after decompression
}

// readFrames lists frames up to the end or the first that is not valid.
func (f *finding) readFrames(r io.ReaderAt) error {
	stream := bufio.NewReader(io.NewSectionReader(r, 0, f.Bytes))
	for frame, err := range protocol.Inspect(stream, protocol.DefaultLimits()) {
		if fault, ok := errors.AsType[*protocol.Fault](err); ok {
			// The fault's fix is for a connection, not for a file.
			return fmt.Errorf("frame at byte %d: %s", frame.Offset, fault.Cause)
		}
		if err != nil {
			return err
		}
		fields, err := messageFields(frame.Message)
		if err != nil {
			return fmt.Errorf("frame at byte %d: %w", frame.Offset, err)
		}
		info := frameInfo{Offset: frame.Offset, Bytes: frame.Bytes, Message: frame.Message.Kind().String(), Fields: fields}
		for _, s := range frame.Sections {
			info.Sections = append(info.Sections, sectionInfo{
				tensorInfo: tensorInfo{Name: s.Name, DType: s.As.String(), Shape: s.Shape, Bytes: s.Decoded},
				Compressed: s.Compressed, Encoded: s.Encoded,
			})
		}
		f.Frames = append(f.Frames, info)
	}
	return nil
}

// messageFields returns a message's fields as JSON, in order of name.
func messageFields(m protocol.Message) (json.RawMessage, error) {
	text, err := json.Marshal(m)
	if err != nil { // a number that is not finite, which JSON cannot say
		return json.Marshal(fmt.Sprintf("%+v", m))
	}
	var fields map[string]json.RawMessage
	if err := json.Unmarshal(text, &fields); err != nil {
		return nil, fmt.Errorf("%v: %w", m.Kind(), err)
	}
	delete(fields, "Sections")
	if _, ok := fields["Token"]; ok {
		fields["Token"] = json.RawMessage(`"(secret)"`)
	}
	return json.Marshal(fields)
}

// write shows a frame to people.
func (f frameInfo) write(w *tabwriter.Writer) {
	w.Flush() //nolint:errcheck // a builder takes everything
	fmt.Fprintf(w, "  at %d: %s, %s, %s\n", f.Offset, f.Message, report.Size(f.Bytes), f.Fields)
	for _, s := range f.Sections {
		how := report.Size(s.Bytes)
		if s.Compressed {
			how += " compressed to " + report.Size(s.Encoded)
		}
		fmt.Fprintf(w, "    %s\t%s\t%v\t%s\n", printable(s.Name), strings.ToLower(s.DType), s.Shape, how)
	}
}
