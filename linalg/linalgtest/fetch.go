package linalgtest

import (
	"bytes"
	"fmt"

	"github.com/gradientlearning/cola/linalg"
)

// checkFetch brings tensors and views of them to the host, in their own type and in the other
// one, frees them before it waits, and uses the memory again.
func checkFetch(s *suite) error {
	for _, n := range []int{0, 1, 5, 1170} {
		for _, c := range []struct{ from, as linalg.DType }{
			{linalg.F32, linalg.F32}, {linalg.F32, linalg.BF16}, {linalg.BF16, linalg.BF16}, {linalg.BF16, linalg.F32}, {linalg.I32, linalg.I32},
		} {
			host := linalg.New(c.from, n, 7)
			if c.from == linalg.I32 {
				for i := range host.I32() {
					host.I32()[i] = int32(s.rng.Uint32())
				}
			} else {
				host = s.host(n, 7).Convert(c.from)
			}
			t := s.toDevice(host)
			all, part := s.dev.Fetch(t, c.as), s.dev.Fetch(s.dev.Rows(t, n/3, n), c.as)
			s.dev.Free(t)
			s.dev.Zero(s.dev.Empty(c.from, n, 7))
			for _, f := range []struct {
				wait func() (*linalg.Tensor, error)
				want *linalg.Tensor
			}{{part, host.RowRange(n/3, n)}, {all, host}} {
				got, err := f.wait()
				if err != nil {
					return err
				}
				want := f.want.Convert(c.as)
				if got.DType() != c.as || fmt.Sprint(got.Shape()) != fmt.Sprint(want.Shape()) || !bytes.Equal(linalg.Bytes(got), linalg.Bytes(want)) {
					return fmt.Errorf("Fetch of %d rows of %v as %v: something else came", n, c.from, c.as)
				}
				s.dev.Free(got)
			}
		}
	}
	return nil
}
