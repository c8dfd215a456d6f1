package row_test

import (
	"fmt"
	"math"
	"math/rand/v2"
	"testing"

	"github.com/gradientlearning/cola/linalg/kernel"
	"github.com/gradientlearning/cola/linalg/row"
)

// function is one of the package's: it computes from rows and numbers, into the first rows.
type function struct {
	name string
	rows int
	do   func(r [][]float32, s []float32) (sums []float32)
}

func none(do func(r [][]float32, s []float32)) func(r [][]float32, s []float32) []float32 {
	return func(r [][]float32, s []float32) []float32 { do(r, s); return nil }
}

var functions = []function{
	{"Axpy", 2, none(func(r [][]float32, s []float32) { row.Axpy(r[0], s[0], r[1]) })},
	{"AddPositive", 2, none(func(r [][]float32, _ []float32) { row.AddPositive(r[0], r[1]) })},
	{"Scale", 1, none(func(r [][]float32, s []float32) { row.Scale(r[0], s[0]) })},
	{"Add", 2, none(func(r [][]float32, _ []float32) { row.Add(r[0], r[1]) })},
	{"Stream", 2, none(func(r [][]float32, _ []float32) { row.Stream(r[0], r[1]); row.Fence() })},
	{"Plus", 3, none(func(r [][]float32, _ []float32) { row.Plus(r[0], r[1], r[2]) })},
	{"Times", 3, none(func(r [][]float32, _ []float32) { row.Times(r[0], r[1], r[2]) })},
	{"ReLU", 2, none(func(r [][]float32, _ []float32) { row.ReLU(r[0], r[1]) })},
	{"ReLUBackward", 3, none(func(r [][]float32, _ []float32) { row.ReLUBackward(r[0], r[1], r[2]) })},
	{"Rotate", 6, none(func(r [][]float32, s []float32) { row.Rotate(r[0], r[1], r[2], r[3], r[4], r[5], s[0]) })},
	{"RotateInPlace", 4, none(func(r [][]float32, s []float32) { row.Rotate(r[0], r[1], r[0], r[1], r[2], r[3], s[0]) })},
	{"Dot", 2, func(r [][]float32, _ []float32) []float32 { return []float32{row.Dot(r[0], r[1])} }},
	{"Sum", 1, func(r [][]float32, _ []float32) []float32 { return []float32{row.Sum(r[0])} }},
	{"Squares", 1, func(r [][]float32, _ []float32) []float32 {
		sum := math.Float64bits(row.Squares(r[0]))
		return []float32{math.Float32frombits(uint32(sum >> 32)), math.Float32frombits(uint32(sum))}
	}},
	{"Max", 1, func(r [][]float32, _ []float32) []float32 { return []float32{row.Max(r[0])} }},
	{"ExpSum", 2, func(r [][]float32, s []float32) []float32 { return []float32{row.ExpSum(r[0], r[1], s[0])} }},
	{"Slopes", 2, none(func(r [][]float32, s []float32) { row.Slopes(r[0], r[1], s[0], s[1], s[2]) })},
	{"Deviations", 1, func(r [][]float32, s []float32) []float32 { return []float32{row.Deviations(r[0], s[0])} }},
	{"Normalise", 4, none(func(r [][]float32, s []float32) { row.Normalise(r[0], r[1], r[2], r[3], s[0], s[1]) })},
	{"RootNormalise", 3, none(func(r [][]float32, s []float32) { row.RootNormalise(r[0], r[1], r[2], s[0]) })},
	{"NormSums", 3, func(r [][]float32, s []float32) []float32 {
		sum, dot := row.NormSums(r[0], r[1], r[2], s[0], s[1])
		return []float32{sum, dot}
	}},
	{"NormSlopes", 4, none(func(r [][]float32, s []float32) { row.NormSlopes(r[0], r[1], r[2], r[3], s[0], s[1], s[2], s[3]) })},
	{"GELU", 2, none(func(r [][]float32, _ []float32) { row.GELU(r[0], r[1]) })},
	{"GELUAndSlope", 3, none(func(r [][]float32, _ []float32) { row.GELUAndSlope(r[0], r[1], r[2]) })},
	{"GELUBackward", 3, none(func(r [][]float32, _ []float32) { row.GELUBackward(r[0], r[1], r[2]) })},
	{"GELUTanh", 2, none(func(r [][]float32, _ []float32) { row.GELUTanh(r[0], r[1]) })},
	{"GELUTanhAndSlope", 3, none(func(r [][]float32, _ []float32) { row.GELUTanhAndSlope(r[0], r[1], r[2]) })},
	{"GELUTanhBackward", 3, none(func(r [][]float32, _ []float32) { row.GELUTanhBackward(r[0], r[1], r[2]) })},
	{"Swish", 2, none(func(r [][]float32, s []float32) { row.Swish(r[0], r[1], s[0]) })},
	{"SwishAndSlope", 3, none(func(r [][]float32, s []float32) { row.SwishAndSlope(r[0], r[1], r[2], s[0]) })},
	{"SwishBackward", 3, none(func(r [][]float32, s []float32) { row.SwishBackward(r[0], r[1], r[2], s[0]) })},
	{"Tanh", 2, none(func(r [][]float32, _ []float32) { row.Tanh(r[0], r[1]) })},
	{"TanhAndSlope", 3, none(func(r [][]float32, _ []float32) { row.TanhAndSlope(r[0], r[1], r[2]) })},
	{"TanhBackward", 3, none(func(r [][]float32, _ []float32) { row.TanhBackward(r[0], r[1], r[2]) })},
	{"SwiGLU", 3, none(func(r [][]float32, _ []float32) { row.SwiGLU(r[0], r[1], r[2]) })},
	{"SwiGLUBackward", 5, none(func(r [][]float32, _ []float32) { row.SwiGLUBackward(r[0], r[1], r[2], r[3], r[4]) })},
	{"SGD", 2, none(func(r [][]float32, s []float32) { row.SGD{Decay: s[0], Rate: s[1]}.Step(r[0], nil, r[1]) })},
	{"SGDMomentum", 3, none(func(r [][]float32, s []float32) {
		row.SGD{Decay: s[0], Rate: s[1], Momentum: s[2]}.Step(r[0], r[1], r[2])
	})},
	{"SGDNesterov", 3, none(func(r [][]float32, s []float32) {
		row.SGD{Decay: s[0], Rate: s[1], Momentum: s[2], Nesterov: true}.Step(r[0], r[1], r[2])
	})},
	{"SGDFirst", 3, none(func(r [][]float32, s []float32) {
		row.SGD{Decay: s[0], Rate: s[1], Momentum: s[2], First: true}.Step(r[0], r[1], r[2])
	})},
	{"Adam", 4, none(func(r [][]float32, s []float32) {
		row.Adam{Keep: s[0], Decay: s[1], Beta1: s[2], Beta2: s[3], Rate: s[4], Root: s[5], Epsilon: s[6]}.Step(r[0], r[1], r[2], r[3])
	})},
}

// margin is what surrounds a row, and must not change.
const margin = 3

// problem draws rows of n elements, some of which are not ordinary numbers.
func problem(rng *rand.Rand, rows, n int, odd bool) (r [][]float32, s []float32) {
	special := []float32{0, float32(math.Copysign(0, -1)), float32(math.NaN()), float32(math.Inf(1)), float32(math.Inf(-1)), 1e-42, -1e-42, 3e38, -3e38, -87, -87.01, 88.7, 88.8, 1e-20}
	number := func() float32 {
		if odd && rng.IntN(6) == 0 {
			return special[rng.IntN(len(special))]
		}
		return float32(rng.NormFloat64() * math.Exp(4*rng.Float64()))
	}
	for range rows {
		x := make([]float32, n+2*margin)
		for i := range x {
			x[i] = number()
		}
		r = append(r, x)
	}
	for range 7 {
		s = append(s, number())
	}
	return r, s
}

// run applies f at a level to copies of the rows, and returns these, margins and all, and sums.
func run(t testing.TB, f function, level kernel.Level, rows [][]float32, s []float32) [][]float32 {
	t.Helper()
	restore, err := kernel.Use(level)
	if err != nil {
		t.Fatal(err)
	}
	defer restore()
	var copies, inner [][]float32
	for _, x := range rows {
		c := append([]float32{}, x...)
		copies, inner = append(copies, c), append(inner, c[margin:len(c)-margin:len(c)-margin])
	}
	return append(copies, f.do(inner, s))
}

func same(x, y float32) bool {
	return math.Float32bits(x) == math.Float32bits(y) || x != x && y != y
}

func compare(t testing.TB, f function, level kernel.Level, rows [][]float32, s []float32) {
	t.Helper()
	want, got := run(t, f, kernel.Generic, rows, s), run(t, f, level, rows, s)
	for i := range want {
		for j := range want[i] {
			if !same(want[i][j], got[i][j]) {
				t.Fatalf("%s at %v: row %d, element %d of %d is %x, the loop's is %x", f.name, level, i, j-margin, len(rows[0])-2*margin, got[i][j], want[i][j])
			}
		}
	}
}

// Every function gives the same bits at all levels, and changes nothing around its rows.
func TestLevelsAgree(t *testing.T) {
	for _, f := range functions {
		t.Run(f.name, func(t *testing.T) {
			rng := rand.New(rand.NewPCG(1, 2))
			for _, level := range kernel.Levels() {
				for n := range 70 {
					for _, odd := range []bool{false, true} {
						rows, s := problem(rng, f.rows, n, odd)
						compare(t, f, level, rows, s)
					}
				}
				rows, s := problem(rng, f.rows, 4099, true)
				compare(t, f, level, rows, s)
			}
		})
	}
}

func FuzzLevelsAgree(f *testing.F) {
	f.Add(uint64(1), uint16(40), uint8(3))
	f.Fuzz(func(t *testing.T, seed uint64, n uint16, which uint8) {
		fn := functions[int(which)%len(functions)]
		rows, s := problem(rand.New(rand.NewPCG(seed, 1)), fn.rows, int(n)%300, true)
		for _, level := range kernel.Levels() {
			compare(t, fn, level, rows, s)
		}
	})
}

// Elements do not depend on what is beside them.
func TestElementsStandAlone(t *testing.T) {
	rng := rand.New(rand.NewPCG(3, 4))
	for _, f := range functions {
		rows, s := problem(rng, f.rows, 67, false)
		all := run(t, f, kernel.Current(), rows, s)
		if len(all[len(all)-1]) > 0 {
			continue // a sum
		}
		for i := range 67 {
			var one [][]float32
			for _, x := range rows {
				one = append(one, x[i:i+1+2*margin])
			}
			for r, x := range run(t, f, kernel.Current(), one, s)[:f.rows] {
				if !same(x[margin], all[r][i+margin]) {
					t.Fatalf("%s: element %d alone is %v, among others %v", f.name, i, x[margin], all[r][i+margin])
				}
			}
		}
	}
}

// What is computed together is what is computed one after the other, bit by bit, and in the place of
// what it is computed of.
func TestAndSlope(t *testing.T) {
	for _, f := range []struct {
		name          string
		value         func(y, x []float32)
		slope         func(dx, g, x []float32)
		valueAndSlope func(y, slope, x []float32)
	}{
		{name: "GELU", value: row.GELU, slope: row.GELUBackward, valueAndSlope: row.GELUAndSlope},
		{name: "GELUTanh", value: row.GELUTanh, slope: row.GELUTanhBackward, valueAndSlope: row.GELUTanhAndSlope},
		{name: "Tanh", value: row.Tanh, slope: row.TanhBackward, valueAndSlope: row.TanhAndSlope},
		{
			name: "Swish", value: func(y, x []float32) { row.Swish(y, x, 1.7) },
			slope:         func(dx, g, x []float32) { row.SwishBackward(dx, g, x, 1.7) },
			valueAndSlope: func(y, slope, x []float32) { row.SwishAndSlope(y, slope, x, 1.7) },
		},
	} {
		x := []float32{0, float32(math.Copysign(0, -1)), float32(math.NaN()), float32(math.Inf(1)), float32(math.Inf(-1)), 1e-42, -1e-42, 3e38, -3e38}
		for v := float32(-120); v < 120; v += 0.037 {
			x = append(x, v)
		}
		ones := make([]float32, len(x))
		for i := range ones {
			ones[i] = 1
		}
		for _, level := range kernel.Levels() {
			restore, err := kernel.Use(level)
			if err != nil {
				t.Fatal(err)
			}
			y, slope, wantY, wantSlope := make([]float32, len(x)), append([]float32{}, x...), make([]float32, len(x)), make([]float32, len(x))
			f.value(wantY, x)
			f.slope(wantSlope, ones, x)
			f.valueAndSlope(y, slope, slope)
			restore()
			for i := range x {
				if !same(y[i], wantY[i]) || !same(slope[i], wantSlope[i]) {
					t.Fatalf("%s at %v of %v: %v and %v together, %v and %v alone", f.name, level, x[i], y[i], slope[i], wantY[i], wantSlope[i])
				}
			}
		}
	}
}

func BenchmarkRow(b *testing.B) {
	const n = 3072
	rng := rand.New(rand.NewPCG(1, 2))
	for _, f := range functions {
		for _, level := range kernel.Levels() {
			b.Run(fmt.Sprintf("%s/%v", f.name, level), func(b *testing.B) {
				restore, err := kernel.Use(level)
				if err != nil {
					b.Fatal(err)
				}
				defer restore()
				rows, _ := problem(rng, f.rows, n, false)
				s := []float32{1e-3, 1e-3, 0.5, 0.5, 1e-3, 0.5, 1}
				for b.Loop() {
					f.do(rows, s)
				}
				b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/n, "ns/element")
			})
		}
	}
}
