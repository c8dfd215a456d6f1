package linalg

import (
	"math"

	"github.com/gradientlearning/cola/linalg/row"
)

// squaresPiece is how many squares are added up by themselves, so that threads can share them
// out.
const squaresPiece = 1 << 14

// SquareSum returns Σ x² of the elements of a host tensor, in float64: the same bits with any
// number of threads.
func SquareSum(x []float32) float64 { return sumPieces(x, row.Squares) }

// Squares adds Σ x² of a host tensor up from parts of it, in the order of [SquareSum] whatever
// the order of the parts, which several threads may add.
type Squares struct{ sums []float64 }

// NewSquares returns no squares yet of n elements.
func NewSquares(n int) Squares {
	return Squares{make([]float64, (n+squaresPiece-1)/squaresPiece)}
}

// SquareRows returns how many rows of so many columns go to a part at least: the parts of a
// tensor begin at multiples of it.
func SquareRows(cols int) int {
	a, b := squaresPiece, cols
	for b != 0 {
		a, b = b, a%b
	}
	return squaresPiece / a
}

// Add adds a part that begins at element at.
func (s Squares) Add(at int, part []float32) {
	for i := at / squaresPiece; len(part) > 0; i++ {
		piece := part[:min(squaresPiece, len(part))]
		s.sums[i], part = row.Squares(piece), part[len(piece):]
	}
}

// Sum returns Σ x².
func (s Squares) Sum() float64 {
	total := 0.0
	for _, v := range s.sums {
		total += v
	}
	return total
}

// Bound returns about √Σx², which no element exceeds in magnitude by more than a rounding. It is
// less exact than [SquareSum], and takes half the time; where squares are too large for float32
// it is infinite.
func Bound(x []float32) float64 {
	return math.Sqrt(sumPieces(x, func(piece []float32) float64 { return float64(row.Dot(piece, piece)) }))
}

// sumPieces adds up what is computed of the pieces of x, in their order.
func sumPieces(x []float32, of func(piece []float32) float64) float64 {
	sums := make([]float64, (len(x)+squaresPiece-1)/squaresPiece)
	parallel(len(sums), max(1, elementGrain/squaresPiece), func(lo, hi int) {
		for i := lo; i < hi; i++ {
			sums[i] = of(x[i*squaresPiece : min((i+1)*squaresPiece, len(x))])
		}
	})
	total := 0.0
	for _, s := range sums {
		total += s
	}
	return total
}
