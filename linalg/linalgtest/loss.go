package linalgtest

import (
	"fmt"
	"math"

	"github.com/gradientlearning/cola/linalg"
	"github.com/gradientlearning/cola/linalg/reference"
)

func checkCrossEntropy(s *suite) error {
	for _, n := range []int{0, 1, 7, 66} {
		for _, classes := range []int{1, 2, 10, 1003} {
			for _, spread := range []float64{1, 40, 1e4} { // exp overflows float32 from 89 on
				_, z := s.random(n, classes)
				for i := range z {
					z[i] = float64(float32(z[i] * spread))
				}
				if err := checkCrossEntropyOf(s, z, n, classes); err != nil {
					return fmt.Errorf("logits up to %v: %w", spread, err)
				}
			}
		}
	}
	return nil
}

func checkCrossEntropyOf(s *suite, z []float64, n, classes int) error {
	ids := make([]int, n)
	for i := range ids {
		ids[i] = s.rng.IntN(classes)
	}
	labels := s.uploadInts(ids, n)
	scale, sw := s.random(n)
	lw, dw := make([]float64, n), make([]float64, len(z))
	reference.CrossEntropy(lw, dw, z, ids, sw, n, classes)
	lossSize, gradSize := absolute(lw), make([]float64, len(z))
	for i := range lossSize {
		lossSize[i]++
		for j := range classes {
			gradSize[i*classes+j] = math.Abs(sw[i])
		}
	}
	what := fmt.Sprintf("CrossEntropy (%d, %d)", n, classes)

	logits := s.upload(z, n, classes)
	loss, dlogits := s.destination(false, nil, n), s.destination(false, nil, n, classes)
	s.dev.CrossEntropy(loss, dlogits, logits, labels, scale)
	alone := s.destination(false, nil, n)
	s.dev.CrossEntropy(alone, nil, logits, labels, scale)
	if err := s.compare(what+": logits after it", logits, z, nil, 0); err != nil {
		return err
	}
	inPlace := s.destination(false, nil, n)
	s.dev.CrossEntropy(inPlace, logits, logits, labels, scale)
	for _, t := range []*linalg.Tensor{loss, alone, inPlace} {
		if err := s.compare(what+" loss", t, lw, lossSize, s.bounds.Function); err != nil {
			return err
		}
	}
	for _, t := range []*linalg.Tensor{dlogits, logits} {
		if err := s.compare(what+" dlogits", t, dw, gradSize, s.bounds.Function); err != nil {
			return err
		}
	}
	return nil
}

// checkCrossEntropyWide takes a vocabulary as large as they get, of which most words are
// forbidden: their logits are −∞, their probabilities 0.
func checkCrossEntropyWide(s *suite) error {
	const n, classes = 3, 152_064
	_, z := s.random(n, classes)
	for i := range z {
		z[i] = float64(float32(20 * z[i]))
		if i >= classes && i%classes%5 != 0 { // the first row forbids nothing
			z[i] = math.Inf(-1)
		}
	}
	ids := []int{classes - 1, 0, classes / 5 * 5}
	scale, sw := s.random(n)
	lw, dw := make([]float64, n), make([]float64, len(z))
	reference.CrossEntropy(lw, dw, z, ids, sw, n, classes)
	loss, dlogits := s.destination(false, nil, n), s.destination(false, nil, n, classes)
	s.dev.CrossEntropy(loss, dlogits, s.upload(z, n, classes), s.uploadInts(ids, n), scale)
	// A sum of so many exponentials is off by more than one of them.
	if err := s.compare("CrossEntropy of a large vocabulary", loss, lw, filled(n, 40), s.bounds.Function); err != nil {
		return err
	}
	size := absolute(dw)
	for i := range size {
		size[i] *= 40
	}
	return s.compare("dlogits of a large vocabulary", dlogits, dw, size, s.bounds.Function)
}

// checkCrossEntropyExtremes makes sure that what is not finite shows in its own row's
// loss, and nowhere else.
func checkCrossEntropyExtremes(s *suite) error {
	inf, nan := math.Inf(1), math.NaN()
	z := []float64{
		1, 2, 3,
		nan, 2, 3,
		1, 2, nan,
		1, inf, 3,
		-inf, 2, 2, // the label is at the first class: its loss is infinite
		2, -inf, 2,
		-inf, -inf, -inf,
	}
	const n, classes = 7, 3
	ids, sw := make([]int, n), filled(n, 1)
	lw, dw := make([]float64, n), make([]float64, n*classes)
	reference.CrossEntropy(lw, dw, z, ids, sw, n, classes)
	loss, dlogits := s.destination(false, nil, n), s.destination(false, nil, n, classes)
	s.dev.CrossEntropy(loss, dlogits, s.upload(z, n, classes), s.uploadInts(ids, n), s.upload(sw, n))
	if err := s.compare("CrossEntropy of numbers that are not finite", loss, lw, filled(n, 2), s.bounds.Function); err != nil {
		return err
	}
	return s.compare("dlogits of numbers that are not finite", dlogits, dw, filled(n*classes, 1), s.bounds.Function)
}

// checkIgnored makes sure that rows whose label is Ignored have no loss and no gradient,
// whatever their logits are, and that the others have theirs.
func checkIgnored(s *suite) error {
	for _, shape := range [][2]int{{1, 1}, {7, 5}, {66, 1003}} {
		n, classes := shape[0], shape[1]
		_, z := s.random(n, classes)
		scale, sw := s.random(n)
		ids := make([]int, n)
		for i := range ids {
			ids[i] = s.rng.IntN(classes)
			if i%3 == 0 {
				ids[i] = linalg.Ignored
				z[i*classes] = math.NaN()
			}
		}
		lw, dw := make([]float64, n), make([]float64, len(z))
		reference.CrossEntropy(lw, dw, z, ids, sw, n, classes)
		logits, labels := s.upload(z, n, classes), s.uploadInts(ids, n)
		loss, alone := s.destination(false, nil, n), s.destination(false, nil, n)
		dlogits := s.destination(false, nil, n, classes)
		s.dev.CrossEntropy(alone, nil, logits, labels, scale)
		s.dev.CrossEntropy(loss, dlogits, logits, labels, scale)
		s.dev.CrossEntropy(loss, logits, logits, labels, scale)
		for _, t := range []*linalg.Tensor{loss, alone} {
			if err := s.compare(fmt.Sprintf("CrossEntropy with ignored rows %v loss", shape), t, lw, filled(n, 8), s.bounds.Function); err != nil {
				return err
			}
		}
		for _, t := range []*linalg.Tensor{dlogits, logits} {
			if err := s.compare(fmt.Sprintf("CrossEntropy with ignored rows %v dlogits", shape), t, dw, filled(len(dw), 1), s.bounds.Function); err != nil {
				return err
			}
		}
	}
	return nil
}

func checkSquaredError(s *suite) error {
	for _, n := range []int{0, 1, 7, 130} {
		pred, pw := s.random(n, 1)
		target, tw := s.random(n)
		scale, sw := s.random(n)
		if n > 1 {
			pw[1] = math.NaN()
			pred = s.upload(pw, n, 1)
		}
		lw, dw := make([]float64, n), make([]float64, n)
		reference.SquaredError(lw, dw, pw, tw, sw)
		loss, alone, dpred := s.destination(false, nil, n), s.destination(false, nil, n), s.destination(false, nil, n, 1)
		s.dev.SquaredError(loss, dpred, pred, target, scale)
		s.dev.SquaredError(alone, nil, pred, target, scale)
		for _, c := range []struct {
			name string
			got  *linalg.Tensor
			want []float64
		}{{"loss", loss, lw}, {"loss alone", alone, lw}, {"gradient", dpred, dw}} {
			if err := s.compare(fmt.Sprintf("SquaredError (%d) %s", n, c.name), c.got, c.want, filled(n, 4), 4*s.bounds.Unit); err != nil {
				return err
			}
		}
	}
	return nil
}
