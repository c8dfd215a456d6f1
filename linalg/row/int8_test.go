package row_test

import (
	"fmt"
	"math"
	"math/bits"
	"math/rand/v2"
	"testing"

	"github.com/gradientlearning/cola/linalg/kernel"
	"github.com/gradientlearning/cola/linalg/row"
)

// atLevels runs a test at every level of the processor.
func atLevels(t *testing.T, test func(t *testing.T)) {
	for _, level := range kernel.Levels() {
		t.Run(level.String(), func(t *testing.T) {
			restore, err := kernel.Use(level)
			if err != nil {
				t.Fatal(err)
			}
			defer restore()
			test(t)
		})
	}
}

// quantize returns what x becomes under a seed, and what comes of that.
func quantize(x []float32, seed, first uint64) (q []int8, scales []uint16, back []float32) {
	q, scales, back = make([]int8, len(x)), make([]uint16, (len(x)+row.Int8Block-1)/row.Int8Block), make([]float32, len(x))
	row.QuantizeInt8(q, scales, x, seed, first)
	row.DequantizeInt8(back, q, scales)
	return q, scales, back
}

// oddNumbers are floats of every kind, block by block: of any bits, normal ones of one size,
// denormal ones, zeros of both signs, and nearly the largest.
func oddNumbers(n int) []float32 {
	rng := rand.New(rand.NewPCG(3, 4))
	x := make([]float32, n)
	for i := range x {
		switch i / row.Int8Block % 8 {
		case 0:
			x[i] = math.Float32frombits(rng.Uint32())
		case 1:
			x[i] = math.Float32frombits(rng.Uint32() & 0x807FFFFF)
		case 2:
			x[i] = float32(math.Copysign(0, rng.Float64()-0.5))
		case 3:
			x[i] = float32(math.Copysign(math.MaxFloat32, rng.Float64()-0.5)) / float32(1+rng.IntN(3))
		case 4:
			x[i] = math.Float32frombits(rng.Uint32() & 0x80000007)
		default:
			x[i] = float32(rng.NormFloat64() * math.Exp(10*rng.Float64()-5))
		}
	}
	return x
}

// Every level gives the bytes of the loop in Go, for any length and from any index, also where
// the index passes 2³², and changes nothing behind them.
func TestInt8LevelsAgree(t *testing.T) {
	x := oddNumbers(70*row.Int8Block + 21)
	type result struct {
		q      []int8
		scales []uint16
		back   []float32
	}
	compute := func() (list []result) {
		for _, n := range []int{0, 1, 10, 63, 64, 65, 200, 32 * 64, 32*64 + 1, len(x)} {
			for _, first := range []uint64{0, 7, 1<<32 - 100, 1<<32 - 64, 5 << 32} {
				r := result{make([]int8, n+1), make([]uint16, (n+63)/64+1), make([]float32, n+1)}
				r.q[n], r.scales[(n+63)/64], r.back[n] = 99, 99, 99
				row.QuantizeInt8(r.q[:n], r.scales[:(n+63)/64], x[len(x)-n:], 11, first)
				row.DequantizeInt8(r.back[:n], r.q[:n], r.scales)
				list = append(list, r)
			}
		}
		return list
	}
	restore, err := kernel.Use(kernel.Generic)
	if err != nil {
		t.Fatal(err)
	}
	want := compute()
	restore()
	atLevels(t, func(t *testing.T) {
		for i, got := range compute() {
			for j := range got.q {
				if got.q[j] != want[i].q[j] || math.Float32bits(got.back[j]) != math.Float32bits(want[i].back[j]) {
					t.Fatalf("case %d, element %d: %d that becomes %g, in Go %d that becomes %g", i, j, got.q[j], got.back[j], want[i].q[j], want[i].back[j])
				}
			}
			for j := range got.scales {
				if got.scales[j] != want[i].scales[j] {
					t.Fatalf("case %d, block %d: scale %#x, in Go %#x", i, j, got.scales[j], want[i].scales[j])
				}
			}
		}
	})
}

// A block's scale is the least bfloat16 of which 127 reach its largest number; every element
// arrives as one of its neighbours among the multiples, whole multiples as they are; zeros are +0,
// and a block that is not finite is NaN as a whole.
func TestInt8Neighbours(t *testing.T) {
	x := oddNumbers(80 * row.Int8Block)
	atLevels(t, func(t *testing.T) {
		q, scales, back := quantize(x, 5, 0)
		for b, scale := range scales {
			block := x[b*row.Int8Block : (b+1)*row.Int8Block]
			largest, finite := 0.0, true
			for _, v := range block {
				largest = max(largest, math.Abs(float64(v)))
				finite = finite && !math.IsNaN(float64(v)) && !math.IsInf(float64(v), 0)
			}
			s := float64(row.FromBF16(scale))
			if finite && (127*s < largest || scale > 0 && 127*float64(row.FromBF16(scale-1)) >= largest) || !finite && !math.IsNaN(s) {
				t.Fatalf("block %d: scale %g for numbers up to %g", b, s, largest)
			}
			for i, v := range block {
				i += b * row.Int8Block
				multiple := float64(v) / s
				switch {
				case !finite:
					if !math.IsNaN(float64(back[i])) || q[i] != 0 {
						t.Fatalf("%g in a block that is not finite becomes %d, %g", v, q[i], back[i])
					}
				case largest == 0:
					if math.Float32bits(back[i]) != 0 {
						t.Fatalf("%g in a block of zeros becomes %g", v, back[i])
					}
				case q[i] < -127 || math.Abs(float64(q[i])-multiple) >= 1 || multiple == math.Trunc(multiple) && float64(q[i]) != multiple:
					t.Fatalf("%g, which is %g times %g, becomes %d", v, multiple, s, q[i])
				case float64(back[i]) != float64(q[i])*s && float64(q[i])*s <= math.MaxFloat32 && float64(q[i])*s >= -math.MaxFloat32:
					t.Fatalf("%d times %g becomes %g", q[i], s, back[i])
				}
			}
		}
	})
}

// What is rounded is right in the mean: the mean over many seeds lies within five standard
// deviations of every number, tiny ones and those near the next multiple among them.
func TestInt8IsUnbiased(t *testing.T) {
	const seeds = 20_000
	x := make([]float32, row.Int8Block)
	for i := range x {
		x[i] = float32(math.Pow(-0.9, float64(i)))
	}
	x[1], x[2], x[3] = 1e-6, float32(0.99999), float32(math.Copysign(0, -1))
	sums, scale := make([]float64, len(x)), 0.0
	for seed := range uint64(seeds) {
		_, scales, back := quantize(x, seed*seed+1, 128)
		scale = float64(row.FromBF16(scales[0]))
		for i, v := range back {
			sums[i] += float64(v)
		}
	}
	for i, v := range x {
		multiple := math.Abs(float64(v)) / scale
		part := multiple - math.Trunc(multiple)
		deviation := scale * math.Sqrt(part*(1-part)/seeds)
		if off := math.Abs(sums[i]/seeds - float64(v)); off > 5*deviation+1e-7*math.Abs(float64(v)) {
			t.Errorf("%g comes to %g in the mean: off by %.1f deviations", v, sums[i]/seeds, off/deviation)
		}
	}
}

// A product of two that were rounded under different seeds is right in the mean, and under the
// same seed it is not: seeds are independent.
func TestInt8SeedsAreIndependent(t *testing.T) {
	const seeds = 20_000
	x := make([]float32, row.Int8Block)
	for i := range x {
		x[i] = 0.5 + float32(i%3)
	}
	x[0] = 127 // the scale is 1
	exact, independent, same := 0.0, 0.0, 0.0
	for _, v := range x[1:] {
		exact += float64(v) * float64(v)
	}
	for seed := range uint64(seeds) {
		_, _, one := quantize(x, seed, 0)
		_, _, two := quantize(x, seed+1<<40, 0)
		for i := 1; i < len(x); i++ {
			independent += float64(one[i]) * float64(two[i]) / seeds
			same += float64(one[i]) * float64(one[i]) / seeds
		}
	}
	if off := math.Abs(independent/exact - 1); off > 2e-3 {
		t.Errorf("%g in the mean, exactly %g: off by %.2g", independent, exact, off)
	}
	if same < 1.05*exact {
		t.Errorf("under one seed %g in the mean: this test would not find what depends on each other", same)
	}
}

// The generator: every bit is set half of the time, over indices and over seeds that count up;
// values are spread evenly; a bit that changes in index or seed changes half of the bits; and
// neighbours in index or seed have nothing to do with each other, bit by bit.
func TestRoundingBits(t *testing.T) {
	const n = 1 << 18
	limit := 5 * math.Sqrt(n) / 2 // five standard deviations of a count of n halves
	for name, at := range map[string]func(i uint64) uint32{
		"indices":         func(i uint64) uint32 { return row.RoundingBits(1, i) },
		"indices further": func(i uint64) uint32 { return row.RoundingBits(9, 1<<32+i<<6) },
		"seeds":           func(i uint64) uint32 { return row.RoundingBits(i, 17) },
		"upper seeds":     func(i uint64) uint32 { return row.RoundingBits(i<<40, 0) },
		"difference of neighbours": func(i uint64) uint32 {
			return row.RoundingBits(1, i) ^ row.RoundingBits(1, i+1)
		},
		"difference of seeds": func(i uint64) uint32 {
			return row.RoundingBits(1, i) ^ row.RoundingBits(2, i)
		},
		"a changed bit of the index": func(i uint64) uint32 {
			return row.RoundingBits(1, i) ^ row.RoundingBits(1, i^1<<(i%32))
		},
		"a changed bit of the seed": func(i uint64) uint32 {
			return row.RoundingBits(i, 3) ^ row.RoundingBits(i^1<<(i%64), 3)
		},
	} {
		var set [31]int
		var cells [256]int
		for i := range uint64(n) {
			v := at(i)
			for ; v != 0; v &= v - 1 {
				set[bits.TrailingZeros32(v)]++
			}
			cells[at(i)>>23]++
		}
		for b, count := range set {
			if off := math.Abs(float64(count) - n/2); off > limit {
				t.Errorf("%s: bit %d is set %d times of %d", name, b, count, n)
			}
		}
		square := 0.0
		for _, count := range cells {
			square += math.Pow(float64(count)-n/256, 2) / (n / 256)
		}
		if square > 255+6*math.Sqrt(2*255) {
			t.Errorf("%s: χ² of 256 cells is %.0f", name, square)
		}
	}
}

func BenchmarkInt8(b *testing.B) {
	x := make([]float32, 1<<16)
	rng := rand.New(rand.NewPCG(1, 2))
	for i := range x {
		x[i] = float32(rng.NormFloat64())
	}
	q, scales := make([]int8, len(x)), make([]uint16, len(x)/row.Int8Block)
	for _, level := range kernel.Levels() {
		restore, err := kernel.Use(level)
		if err != nil {
			b.Fatal(err)
		}
		for name, f := range map[string]func(){
			"quantize":   func() { row.QuantizeInt8(q, scales, x, 1, 0) },
			"dequantize": func() { row.DequantizeInt8(x, q, scales) },
		} {
			b.Run(fmt.Sprint(name, "/", level), func(b *testing.B) {
				for b.Loop() {
					f()
				}
				b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/float64(len(x)), "ns/element")
			})
		}
		restore()
	}
}
