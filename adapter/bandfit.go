package adapter

import (
	"math"

	"github.com/gradientlearning/cola/linalg"
)

// A linear adapter's gradient has as many elements as its weight, and from memory it takes longer
// to write, to read for its norm and to read again for the step than to compute. So the last
// tuple's product goes with the step: each band of rows is added to the norm, and moves its rows
// of the weight, while it is in cache, and is forgotten. Nothing could be taken back then, so that
// this is for steps of which it is known before that they stay finite. The bits are those of the
// gradient as a whole.

// mostOfBand is the number of elements up to which a band may have to have: those of a megabyte
// or two stay in cache.
const mostOfBand = 1 << 19

// fuses says whether the gradient may go with the step. Clipping has to know the norm first.
func (f *Fitter) fuses() bool {
	_, device := f.dev.(linalg.Bands)
	l, ok := f.adapter.(*linear)
	return device && ok && f.optimizer.cfg.ClipNorm == 0 &&
		min(linalg.SquareRows(l.weight.Cols()), l.weight.Rows())*l.weight.Cols() <= mostOfBand
}

// fitBands takes the step that goes with the last tuple's gradient, where no element of the
// parameters exceeds w, and returns the gradient's norm. It does nothing, and says so, where there
// is no such tuple, or the step may leave numbers that are not finite.
func (f *Fitter) fitBands(w, rate float64) (gradNorm float64, done bool) {
	if f.last == nil || f.last.x.Rows() == 0 || !f.fuses() {
		return 0, false
	}
	x, g := f.rows(f.last)
	before := 0.0
	if f.added {
		before = norm(f.grads)
	}
	if _, certain := f.optimizer.outlook(w, productNorm(before, x, g), rate); !certain {
		return 0, false
	}
	l, o := f.adapter.(*linear), f.optimizer
	move := o.begin(rate)
	cols := l.weight.Cols()
	var init *linalg.Tensor
	if f.added {
		init = f.grads[0]
	}
	later := []*linalg.Tensor{l.weight}
	for _, moments := range [][]*linalg.Tensor{o.first, o.second} {
		if moments != nil {
			later = append(later, moments[0])
		}
	}
	squares := linalg.NewSquares(l.weight.Len())
	f.dev.(linalg.Bands).MatMulBands(init, g, x, linalg.SquareRows(cols), later, func(lo, _ int, band []float32) {
		squares.Add(lo*cols, band)
		move(0, lo*cols, band)
	})
	sum := squares.Sum()
	if l.bias != nil {
		db := linalg.New(linalg.F32, l.bias.Shape()...)
		if f.added {
			copy(db.F32(), f.grads[1].F32())
		}
		f.dev.AddBiasBackward(db, g, true)
		sum += linalg.SquareSum(db.F32())
		move(1, 0, db.F32())
	}
	gradNorm = math.Sqrt(sum)
	o.bounds, _ = o.outlook(w, gradNorm, rate)
	return gradNorm, true
}
