package linalgtest

import (
	"fmt"
	"math"

	"github.com/gradientlearning/cola/linalg"
)

// random returns numbers from −1 to 1, exact in float32, on the device and in float64.
func (s *suite) random(shape ...int) (*linalg.Tensor, []float64) {
	wide := make([]float64, linalg.Elements(shape))
	for i := range wide {
		wide[i] = float64(2*s.rng.Float32() - 1)
	}
	return s.upload(wide, shape...), wide
}

// upload returns a tensor of the device that holds values.
func (s *suite) upload(values []float64, shape ...int) *linalg.Tensor {
	host := linalg.New(linalg.F32, shape...)
	for i, v := range values {
		host.F32()[i] = float32(v)
	}
	return s.toDevice(host)
}

// uploadInts is upload for labels and indices.
func (s *suite) uploadInts(values []int, shape ...int) *linalg.Tensor {
	host := linalg.New(linalg.I32, shape...)
	for i, v := range values {
		host.I32()[i] = int32(v)
	}
	return s.toDevice(host)
}

func (s *suite) toDevice(host *linalg.Tensor) *linalg.Tensor {
	t := s.dev.New(host.DType(), host.Shape()...)
	s.dev.Upload(t, host)
	return t
}

func (s *suite) toHost(t *linalg.Tensor) *linalg.Tensor {
	host := linalg.New(t.DType(), t.Shape()...)
	s.dev.Download(host, t)
	return host
}

// destination returns a tensor for an operation to write to: full of NaN where it must
// not be read, of the values where the operation accumulates on them.
func (s *suite) destination(accumulate bool, values []float64, shape ...int) *linalg.Tensor {
	if accumulate {
		return s.upload(values, shape...)
	}
	poison := make([]float64, linalg.Elements(shape))
	for i := range poison {
		poison[i] = math.NaN()
	}
	return s.upload(poison, shape...)
}

// compare returns an error where an element is further than bound·magnitude from what is
// wanted; NaN and infinities must be where they are wanted. A nil magnitude stands for an
// exact result.
func (s *suite) compare(what string, got *linalg.Tensor, want, magnitude []float64, bound float64) error {
	host := s.toHost(got)
	if len(want) != host.Len() {
		return fmt.Errorf("%s: %d elements, want %d", what, host.Len(), len(want))
	}
	for i, g := range host.F32() {
		w := want[i]
		if math.IsNaN(w) && g != g || math.IsInf(w, 0) && float64(g) == w {
			continue
		}
		allowed := 0.0
		if magnitude != nil {
			allowed = bound * magnitude[i]
		}
		if off := math.Abs(float64(g) - w); !(off <= allowed) {
			return fmt.Errorf("%s: element %d is %v, want %v: off by %.3g, allowed is %.3g", what, i, g, w, off, allowed)
		}
	}
	return nil
}

// compareInts is compare for indices, which are exact.
func (s *suite) compareInts(what string, got *linalg.Tensor, want []int) error {
	for i, g := range s.toHost(got).I32() {
		if int(g) != want[i] {
			return fmt.Errorf("%s: element %d is %d, want %d", what, i, g, want[i])
		}
	}
	return nil
}

// bits returns a tensor's elements as bytes.
func (s *suite) bits(t *linalg.Tensor) []byte { return linalg.Bytes(s.toHost(t)) }

// absolute returns |values|; nil, a bias that is not there, stays nil.
func absolute(values []float64) []float64 {
	if values == nil {
		return nil
	}
	out := make([]float64, len(values))
	for i, v := range values {
		out[i] = math.Abs(v)
	}
	return out
}

func filled(n int, v float64) []float64 {
	out := make([]float64, n)
	for i := range out {
		out[i] = v
	}
	return out
}

// rounded returns values as float32 holds them.
func rounded(values []float64) []float64 {
	out := make([]float64, len(values))
	for i, v := range values {
		out[i] = float64(float32(v))
	}
	return out
}
