package row_test

import (
	"math/rand/v2"
	"testing"

	"github.com/gradientlearning/cola/linalg/kernel"
	"github.com/gradientlearning/cola/linalg/row"
)

// bandRows is how many rows a band of the tests has, of bandStride elements each.
const bandRows, bandStride = 5, 83

// bandFunctions compute from bands and a number of each row, and from one of all, into the first
// bands and numbers.
var bandFunctions = map[string]func(x, y row.Band, counts []int, alpha float32, numbers [2][]float32){
	"SoftmaxRows": func(x, _ row.Band, counts []int, alpha float32, numbers [2][]float32) {
		row.SoftmaxRows(x, counts, alpha, numbers[0], numbers[1])
	},
	"SlopesRows": func(x, y row.Band, counts []int, alpha float32, numbers [2][]float32) {
		row.SlopesRows(x, y, counts, alpha, numbers[0], numbers[1])
	},
	"DotRows": func(x, y row.Band, counts []int, _ float32, numbers [2][]float32) {
		row.DotRows(numbers[0], x, y, counts)
	},
	"ProductRows": func(x, y row.Band, counts []int, _ float32, numbers [2][]float32) {
		row.ProductRows(x, numbers[0], y, counts)
	},
	"AddPositiveRows": func(x, y row.Band, counts []int, _ float32, _ [2][]float32) {
		row.AddPositiveRows(x, y, counts)
	},
}

// Bands of rows of any lengths give the bits at every level that the loops give, and what lies
// between their rows stays as it is.
func TestBandsAgree(t *testing.T) {
	rng := rand.New(rand.NewPCG(5, 6))
	for name, do := range bandFunctions {
		for trial := range 60 {
			rows, alpha := problem(rng, 4, bandRows*bandStride, trial%2 == 1)
			counts := make([]int, bandRows)
			for i := range counts {
				counts[i] = rng.IntN(bandStride + 1)
			}
			compute := func(level kernel.Level) (copies [][]float32) {
				restore, err := kernel.Use(level)
				if err != nil {
					t.Fatal(err)
				}
				defer restore()
				for _, x := range rows {
					copies = append(copies, append([]float32{}, x...))
				}
				do(row.Band{X: copies[0], Stride: bandStride}, row.Band{X: copies[1], Stride: bandStride + 1}, counts, alpha[0], [2][]float32{copies[2][:bandRows], copies[3][:bandRows]})
				return copies
			}
			want := compute(kernel.Generic)
			for _, level := range kernel.Levels() {
				for i, got := range compute(level) {
					for j := range got {
						if !same(got[j], want[i][j]) {
							t.Fatalf("%s at %v, rows of %v: element %d of operand %d is %x, the loop's is %x", name, level, counts, j, i, got[j], want[i][j])
						}
					}
				}
			}
		}
	}
}

// A band without rows is nothing to do.
func TestBandOfNoRows(*testing.T) {
	for _, do := range bandFunctions {
		do(row.Band{}, row.Band{}, nil, 1, [2][]float32{})
	}
}
