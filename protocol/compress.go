package protocol

import (
	"fmt"
	"sync"

	"github.com/klauspost/compress/zstd"
)

// Floats do not compress as they lie: the bytes of neighbours have little in common. Laid
// out by significance, all first bytes, then all second ones, signs and exponents do.
const (
	leastBytes = 512      // smaller payloads travel as they are
	sampleSize = 32 << 10 // is tried first where the payload is much larger
	paysBelow  = 0.75     // of the payload's bytes: trained weights reach 0.85, and are not worth the time
)

// coders are single-threaded and pooled: a coder keeps megabytes.
var (
	encoders = sync.Pool{New: func() any {
		e, err := zstd.NewWriter(nil, zstd.WithEncoderConcurrency(1), zstd.WithEncoderLevel(zstd.SpeedFastest), zstd.WithLowerEncoderMem(true), zstd.WithEncoderCRC(false))
		if err != nil {
			panic("protocol: zstd options: " + err.Error())
		}
		return e
	}}
	decoders = sync.Pool{New: func() any {
		d, err := zstd.NewReader(nil, zstd.WithDecoderConcurrency(1), zstd.WithDecodeAllCapLimit(true), zstd.WithDecoderMaxWindow(64<<20))
		if err != nil {
			panic("protocol: zstd options: " + err.Error())
		}
		return d
	}}
)

// compress returns the payload shuffled and compressed, if that pays. Its answer depends
// on the bytes alone.
func compress(payload []byte, size int) (small []byte, pays bool) {
	if len(payload) < leastBytes {
		return nil, false
	}
	e := encoders.Get().(*zstd.Encoder)
	defer encoders.Put(e)
	if len(payload) > 4*sampleSize {
		middle := len(payload) / 2 / size * size
		sample := shuffle(payload[middle:middle+sampleSize], size)
		if float64(len(e.EncodeAll(sample, nil))) > paysBelow*sampleSize {
			return nil, false
		}
	}
	small = e.EncodeAll(shuffle(payload, size), make([]byte, 0, len(payload)/2))
	return small, float64(len(small)) < paysBelow*float64(len(payload))
}

// decompress is the inverse of compress; the result has exactly so many bytes.
func decompress(small []byte, decoded int64, size int) ([]byte, error) {
	d := decoders.Get().(*zstd.Decoder)
	defer decoders.Put(d)
	var header zstd.Header
	if err := header.Decode(small); err != nil {
		return nil, err
	}
	if header.HasFCS && header.FrameContentSize != uint64(decoded) {
		return nil, fmt.Errorf("it holds %d bytes, %d are declared", header.FrameContentSize, decoded)
	}
	// The declared size is memory that a peer can make us take with a few bytes: beyond
	// what zstd can possibly have saved, it is a lie.
	if decoded > int64(len(small))*maxRatio+leastBytes {
		return nil, fmt.Errorf("%d bytes cannot stand for %d", len(small), decoded)
	}
	payload, err := d.DecodeAll(small, make([]byte, 0, decoded))
	if err != nil {
		return nil, err
	}
	if int64(len(payload)) != decoded {
		return nil, fmt.Errorf("it holds %d bytes, %d are declared", len(payload), decoded)
	}
	return unshuffle(payload, size), nil
}

// maxRatio is above zstd's best: a run of one byte takes 4 bytes for each 128 KiB block.
const maxRatio = 1 << 15

// shuffle lays elements of so many bytes out by significance.
func shuffle(b []byte, size int) []byte {
	out := make([]byte, len(b))
	n := len(b) / size
	for k := range size {
		plane := out[k*n : (k+1)*n]
		for i := range plane {
			plane[i] = b[i*size+k]
		}
	}
	return out
}

// unshuffle is the inverse of shuffle.
func unshuffle(b []byte, size int) []byte {
	out := make([]byte, len(b))
	n := len(b) / size
	for k := range size {
		for i, v := range b[k*n : (k+1)*n] {
			out[i*size+k] = v
		}
	}
	return out
}
