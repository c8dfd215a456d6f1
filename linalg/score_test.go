package linalg_test

import (
	"math"
	"slices"
	"testing"

	"github.com/gradientlearning/cola/linalg"
)

// TestScore holds loss, gradient and largest logit of one pass over the logits against those of two,
// bit by bit: with equal logits, with what is no number, and in place.
func TestScore(t *testing.T) {
	dev := linalg.NewCPU()
	for _, s := range [][2]int{{1, 1}, {5, 3}, {7, 600}, {40, 2000}} {
		n, classes := s[0], s[1]
		logits, scale := random(1, n, classes), random(2, n)
		nan := float32(math.NaN())
		logits.F32()[0] = nan
		logits.F32()[len(logits.F32())-1] = 9
		logits.F32()[len(logits.F32())-min(classes, 3)] = 9
		if n > 4 {
			logits.F32()[4*classes+classes/2] = nan
		}
		labels := linalg.New(linalg.I32, n)
		for i := range labels.I32() {
			labels.I32()[i] = int32(i % classes)
			if i%6 == 5 {
				labels.I32()[i] = linalg.Ignored
			}
		}
		score := func(dev linalg.Device, backward bool) (bits []uint32, largest []int32) {
			loss, index, z := linalg.New(linalg.F32, n), linalg.New(linalg.I32, n), logits.Clone()
			d := z
			if !backward {
				d = nil
			}
			linalg.Score(dev, loss, index, d, z, labels, scale)
			for _, v := range slices.Concat(loss.F32(), z.F32()) {
				bits = append(bits, math.Float32bits(v))
			}
			return bits, index.I32()
		}
		for _, backward := range []bool{false, true} {
			bits, largest := score(dev, backward)
			want, wantLargest := score(plain{dev}, backward)
			if !slices.Equal(bits, want) || !slices.Equal(largest, wantLargest) {
				t.Errorf("%v, backward %v: one pass over the logits ends elsewhere than two", s, backward)
			}
		}
	}
	mustPanic(t, "Score", func() {
		linalg.Score(dev, linalg.New(linalg.F32, 2), linalg.New(linalg.I32, 1), nil, random(1, 2, 3), linalg.New(linalg.I32, 2), nil)
	}, "linalg.Argmax")
}
