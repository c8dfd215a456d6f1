package data_test

import (
	"testing"

	"github.com/gradientlearning/cola/data"
)

func TestAccuracy(t *testing.T) {
	for _, tt := range []struct {
		correct, total int
		want           float64
	}{{0, 0, 0}, {0, 4, 0}, {3, 4, 0.75}, {4, 4, 1}} {
		if got := data.Accuracy(tt.correct, tt.total); got != tt.want {
			t.Errorf("%d of %d is %v, want %v", tt.correct, tt.total, got, tt.want)
		}
	}
}
