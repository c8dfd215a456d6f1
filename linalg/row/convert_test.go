package row_test

import (
	"fmt"
	"math"
	"math/rand/v2"
	"testing"

	"github.com/gradientlearning/cola/linalg/kernel"
	"github.com/gradientlearning/cola/linalg/row"
)

// Rows convert to the bits that numbers by themselves do, at every level, whatever their
// length, and nothing behind them changes.
func TestConversionsOfRows(t *testing.T) {
	every := make([]uint16, 1<<16+5)
	for i := range every {
		every[i] = uint16(i)
	}
	rng := rand.New(rand.NewPCG(7, 8))
	any := make([]float32, 1<<16+5)
	for i := range any {
		any[i] = math.Float32frombits(rng.Uint32())
		switch rng.IntN(4) {
		case 0:
			any[i] = row.FromBF16(uint16(rng.Uint32())) + row.FromBF16(1)
		case 1: // where binary16 lives, and halfway
			any[i] = math.Float32frombits(math.Float32bits(float32(rng.NormFloat64()*math.Exp(20*rng.Float64()-15))) &^ 0xFFF)
		}
	}
	formats := map[string]struct {
		narrow  func(dst []uint16, x []float32)
		widen   func(dst []float32, x []uint16)
		narrow1 func(float32) uint16
		widen1  func(uint16) float32
	}{"bf16": {row.NarrowBF16, row.WidenBF16, row.ToBF16, row.FromBF16}, "f16": {row.NarrowF16, row.WidenF16, row.ToF16, row.FromF16}}
	for name, f := range formats {
		for _, level := range kernel.Levels() {
			t.Run(fmt.Sprint(name, " ", level), func(t *testing.T) {
				restore, err := kernel.Use(level)
				if err != nil {
					t.Fatal(err)
				}
				defer restore()
				for _, n := range []int{0, 1, 15, 16, 17, 40, len(every)} {
					wide, narrow := make([]float32, n+1), make([]uint16, n+1)
					wide[n], narrow[n] = 7, 7
					f.widen(wide[:n], every[len(every)-n:])
					f.narrow(narrow[:n], any[len(any)-n:])
					for i := range n {
						x, y := every[len(every)-n+i], any[len(any)-n+i]
						if got, want := math.Float32bits(wide[i]), math.Float32bits(f.widen1(x)); got != want {
							t.Fatalf("%#x at %d of %d widens to %#x, by itself to %#x", x, i, n, got, want)
						}
						if got, want := narrow[i], f.narrow1(y); got != want {
							t.Fatalf("%x (%#x) at %d of %d narrows to %#x, by itself to %#x", y, math.Float32bits(y), i, n, got, want)
						}
					}
					if wide[n] != 7 || narrow[n] != 7 {
						t.Fatalf("%d elements: what is behind them changed", n)
					}
				}
			})
		}
	}
}
