package adapter

import (
	"math"

	"github.com/gradientlearning/cola/linalg"
)

// stack puts tensors of so many columns on top of each other.
func stack(parts []*linalg.Tensor, cols int) *linalg.Tensor {
	if len(parts) == 1 {
		return parts[0]
	}
	rows := 0
	for _, p := range parts {
		rows += p.Rows()
	}
	out := linalg.New(linalg.F32, rows, cols)
	at := 0
	for _, p := range parts {
		at += copy(out.F32()[at:], p.F32())
	}
	return out
}

// halfSquare returns ½‖t‖².
func halfSquare(t *linalg.Tensor) float64 {
	n := norm([]*linalg.Tensor{t})
	return n * n / 2
}

func isFinite(v float64) bool { return !math.IsNaN(v) && !math.IsInf(v, 0) }
