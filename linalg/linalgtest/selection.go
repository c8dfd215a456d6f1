package linalgtest

import (
	"bytes"
	"fmt"
	"math"

	"github.com/gradientlearning/cola/linalg"
	"github.com/gradientlearning/cola/linalg/reference"
)

// checkCopy copies every dtype, and rows of one tensor to rows of another.
func checkCopy(s *suite) error {
	for _, dtype := range []linalg.DType{linalg.F32, linalg.BF16, linalg.F16, linalg.I32} {
		for _, shape := range [][]int{{0, 3}, {1}, {5, 3}, {33, 3, 7}} {
			what := fmt.Sprintf("Copy %v %v", dtype, shape)
			raw := make([]byte, linalg.Elements(shape)*dtype.Size())
			for i := range raw {
				raw[i] = byte(s.rng.Uint32())
			}
			host, err := linalg.Blob{Name: what, DType: dtype, Shape: shape, Data: raw}.Tensor()
			if err != nil {
				return err
			}
			src, dst := s.toDevice(host), s.dev.New(dtype, shape...)
			s.dev.Copy(dst, src)
			s.dev.Zero(src)
			if !bytes.Equal(s.bits(dst), raw) {
				return fmt.Errorf("%s: the copy differs, or lives with its source", what)
			}
			n := shape[0]
			each := len(raw) / max(n, 1)
			s.dev.Copy(s.dev.Rows(src, n/2, n), s.dev.Rows(dst, n/2, n))
			if want := append(make([]byte, n/2*each), raw[n/2*each:]...); !bytes.Equal(s.bits(src), want) {
				return fmt.Errorf("%s by rows: the rows differ, or others changed", what)
			}
		}
	}
	return nil
}

func checkCopyColumns(s *suite) error {
	for _, c := range []struct{ n, dst, src, to, from, width int }{
		{0, 3, 3, 0, 0, 3}, {1, 1, 1, 0, 0, 1}, {5, 7, 4, 3, 0, 4}, {5, 4, 7, 0, 3, 4}, {33, 9, 12, 2, 5, 3}, {3, 5, 5, 5, 5, 0}, {300, 130, 390, 0, 260, 130},
	} {
		src, sw := s.random(c.n, c.src)
		for _, accumulate := range []bool{false, true} {
			dst, dw := s.random(c.n, c.dst) // what is beside the columns stays
			magnitude := absolute(dw)
			reference.CopyColumns(magnitude, absolute(sw), c.n, c.dst, c.src, c.to, c.from, c.width, accumulate)
			reference.CopyColumns(dw, sw, c.n, c.dst, c.src, c.to, c.from, c.width, accumulate)
			if !accumulate {
				magnitude = nil
			}
			s.dev.CopyColumns(dst, src, c.to, c.from, c.width, accumulate)
			if err := s.compare(fmt.Sprintf("CopyColumns %+v accumulate %v", c, accumulate), dst, dw, magnitude, s.bounds.Unit); err != nil {
				return err
			}
		}
	}
	return nil
}

func checkGather(s *suite) error {
	for _, c := range []struct{ n, m, cols int }{{0, 4, 3}, {1, 1, 1}, {7, 5, 3}, {40, 3, 17}, {600, 70, 64}} {
		rows := make([]int, c.n)
		for i := range rows {
			rows[i] = s.rng.IntN(c.m)
		}
		ids := s.uploadInts(rows, c.n)
		for _, dtype := range []linalg.DType{linalg.F32, linalg.BF16, linalg.F16} {
			host := s.host(c.m, c.cols).Convert(dtype)
			yw := make([]float64, c.n*c.cols)
			reference.Gather(yw, wide(host), rows, c.cols)
			y := s.destination(false, nil, c.n, c.cols)
			s.dev.Gather(y, s.toDevice(host), ids)
			if err := s.compare(fmt.Sprintf("Gather of %v %+v", dtype, c), y, yw, nil, 0); err != nil {
				return err
			}
		}
		g, gw := s.random(c.n, c.cols)
		dx, dw := s.random(c.m, c.cols)
		magnitude := absolute(dw)
		reference.GatherBackward(magnitude, absolute(gw), rows, c.cols)
		reference.GatherBackward(dw, gw, rows, c.cols)
		s.dev.GatherBackward(dx, g, ids)
		if err := s.compare(fmt.Sprintf("GatherBackward %+v", c), dx, dw, magnitude, float64(c.n+2)*s.bounds.Unit); err != nil {
			return err
		}
	}
	return nil
}

// wide returns a host tensor's elements in float64.
func wide(t *linalg.Tensor) []float64 {
	out := make([]float64, t.Len())
	for i, v := range t.Convert(linalg.F32).F32() {
		out[i] = float64(v)
	}
	return out
}

func checkArgmax(s *suite) error {
	for _, shape := range [][2]int{{0, 3}, {1, 1}, {9, 2}, {66, 5}, {7, 1003}} {
		n, c := shape[0], shape[1]
		_, xw := s.random(n, c)
		for i := range xw {
			xw[i] = math.Round(4 * xw[i]) // many equals
			if i/c == 2 {
				xw[i] = math.Inf(-1)
			}
		}
		want := make([]int, n)
		reference.Argmax(want, xw, c)
		index := s.uploadInts(make([]int, n), n)
		s.dev.Argmax(index, s.upload(xw, n, c))
		if err := s.compareInts(fmt.Sprintf("Argmax %v", shape), index, want); err != nil {
			return err
		}
	}
	return nil
}
