package protocol

import (
	"fmt"
	"io"
	"iter"
)

// FrameInfo is a frame taken apart.
type FrameInfo struct {
	Offset   int64
	Bytes    int64
	Message  Message
	Sections []SectionInfo
}

// Inspect yields the frames of a stream, to its end or to the first that is not valid,
// which is yielded as an error that says at which byte it begins.
func Inspect(r io.Reader, limits Limits) iter.Seq2[FrameInfo, error] {
	return func(yield func(FrameInfo, error) bool) {
		counted := &countingReader{r: r}
		for {
			start := counted.n
			m, sections, err := readFrame(counted, limits)
			if err == io.EOF { //nolint:errorlint // only this is the end between two frames
				return
			}
			if err != nil {
				yield(FrameInfo{Offset: start}, fmt.Errorf("frame at byte %d: %w", start, err))
				return
			}
			if !yield(FrameInfo{Offset: start, Bytes: counted.n - start, Message: m, Sections: sections}, nil) {
				return
			}
		}
	}
}

type countingReader struct {
	r io.Reader
	n int64
}

// Read reads and counts.
func (c *countingReader) Read(p []byte) (int, error) {
	n, err := c.r.Read(p)
	c.n += int64(n)
	return n, err
}
