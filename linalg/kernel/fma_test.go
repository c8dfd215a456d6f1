package kernel_test

import (
	"math"
	"math/big"
	"math/rand/v2"
	"testing"

	"github.com/gradientlearning/cola/linalg/kernel"
)

// exactFMA returns x·y + z computed without any rounding, and then rounded once.
func exactFMA(x, y, z float32) float32 {
	plain := float64(x)*float64(y) + float64(z) // right for NaN, Inf and the sign of a zero
	if math.IsNaN(plain) || math.IsInf(plain, 0) {
		return float32(plain)
	}
	const bits = 1000 // from 2⁻²⁹⁸ to 2²⁵⁶ and 48 more
	exact := func(v float32) *big.Float { return new(big.Float).SetPrec(bits).SetFloat64(float64(v)) }
	sum := exact(x)
	sum.Mul(sum, exact(y)).Add(sum, exact(z))
	if sum.Sign() == 0 {
		return float32(plain)
	}
	rounded, _ := sum.Float32()
	return rounded
}

// same says whether two numbers have the same bits; NaNs are all the same.
func same(x, y float32) bool {
	return math.Float32bits(x) == math.Float32bits(y) || x != x && y != y
}

func checkFMA(t *testing.T, x, y, z float32) {
	t.Helper()
	if got, want := kernel.FMA(x, y, z), exactFMA(x, y, z); !same(got, want) {
		t.Errorf("fma(%x, %x, %x) = %x, want %x", x, y, z, got, want)
	}
}

// TestFMAOfAnyBits takes what 96 random bits are, which is mostly a sum whose terms are far
// apart, and then terms whose sizes are near each other.
func TestFMAOfAnyBits(t *testing.T) {
	r := rand.New(rand.NewPCG(4, 1))
	n := 200_000
	if testing.Short() {
		n = 20_000
	}
	for range n {
		checkFMA(t, math.Float32frombits(r.Uint32()), math.Float32frombits(r.Uint32()), math.Float32frombits(r.Uint32()))
		x, y := scaled(r, -60, 60), scaled(r, -60, 60)
		_, size := math.Frexp(float64(x) * float64(y))
		checkFMA(t, x, y, scaled(r, size-30, size+60))
	}
}

// scaled returns a number of a random size from 2^low to 2^high; every second one has few
// bits, so that sums come to lie halfway.
func scaled(r *rand.Rand, low, high int) float32 {
	bits := r.Uint32N(1 << 24)
	if r.Uint32()&1 == 0 {
		bits &= -(1 << (10 + r.Uint32N(14)))
	}
	v := math.Ldexp(float64(bits|1<<23), low+r.IntN(high-low+1)-23)
	if r.Uint32()&1 == 0 {
		v = -v
	}
	return float32(v)
}

// TestFMAHalfway takes sums that lie halfway between two float32s, or so little beside it
// that a float64 does not show it.
func TestFMAHalfway(t *testing.T) {
	r := rand.New(rand.NewPCG(4, 2))
	n := 20_000
	if testing.Short() {
		n = 4_000
	}
	for range n {
		// z is a float32 and x·y half a unit of its last place: halfway, to even.
		z := scaled(r, -80, 80)
		_, e := math.Frexp(float64(z))
		half := math.Ldexp(1, e-25)
		s := float32(math.Ldexp(1, r.IntN(20)-10))
		for _, x := range []float64{half, -half} {
			checkFMA(t, s, float32(x/float64(s)), z)
			// The same and a little more: (1+2⁻²³)(1-2⁻²³) = 1-2⁻⁴⁶ is too small a change for float64.
			checkFMA(t, float32(x)*(1+0x1p-23), 1-0x1p-23, z)
			checkFMA(t, float32(x)*(1+0x1p-23), 1+0x1p-23, z)
			checkFMA(t, float32(x)*(1-0x1p-24), 1+0x1p-23, z)
		}
		// x·y has 25 bits, the last of them 1: z decides, however little it is.
		x, y := float32(3), float32(1<<23+1+2*r.Uint32N(1<<20))
		for _, z := range []float32{0, 0x1p-149, -0x1p-149, 0x1p-60, -0x1p-60, 0x1p-30, -0x1p-30} {
			checkFMA(t, x, y, z)
			checkFMA(t, -x, y, z)
		}
	}
}

// TestFMAAtTheEdges takes every triple of the numbers where something changes: signed
// zeros, the least denormal and the least normal number, one, the greatest, Inf and NaN.
func TestFMAAtTheEdges(t *testing.T) {
	edges := []float32{
		0, 0x1p-149, 0x1.8p-149, 3 * 0x1p-149, 0x1p-130, 0x1p-127, 0x1.fffffcp-127, 0x1p-126, 0x1.000002p-126, 0x1.8p-126,
		0x1p-75, 0x1p-74, 0x1.8p-75, 0x1.fffffep-63, 0x1p-63, 0x1.000002p-63, 0x1p-25, 0x1p-24, 0.5, 0x1.fffffep-1, 1, 0x1.000002p0, 1.5, 2,
		0x1p24, 0x1.fffffep63, 0x1p64, 0x1p103, 0x1p104, 0x1.fffffep126, 0x1p127, 0x1.fffffcp127, math.MaxFloat32, float32(math.Inf(1)), float32(math.NaN()),
	}
	for _, x := range edges {
		for _, y := range edges {
			for _, z := range edges {
				checkFMA(t, x, y, z)
				checkFMA(t, -x, y, z)
				checkFMA(t, x, y, -z)
				checkFMA(t, -x, y, -z)
			}
		}
	}
}

// TestFMADenormal takes sums that come to less than the least normal number, where the bits
// that a float32 does not have are others.
func TestFMADenormal(t *testing.T) {
	r := rand.New(rand.NewPCG(4, 3))
	n := 100_000
	if testing.Short() {
		n = 10_000
	}
	for range n {
		x, y := scaled(r, -80, -60), scaled(r, -80, -60)
		z := math.Float32frombits(r.Uint32() & 0x80ff_ffff)
		checkFMA(t, x, y, z)
		checkFMA(t, float32(math.Ldexp(1, -75)), float32(math.Ldexp(float64(1+2*r.Uint32N(64)), -75)), z) // halfway
		checkFMA(t, z, x/0x1p-70, y*0x1p-70)
	}
}

func FuzzFMA(f *testing.F) {
	f.Add(uint32(0x3f800000), uint32(0x3f800001), uint32(0x33800000))
	f.Add(uint32(0x00000001), uint32(0x3f000000), uint32(0x00800000))
	f.Add(uint32(0x7f7fffff), uint32(0x3f800000), uint32(0x73000000))
	f.Add(uint32(0x80000000), uint32(0x00000000), uint32(0x80000000))
	f.Add(uint32(0x7f800000), uint32(0x00000000), uint32(0x3f800000))
	f.Fuzz(func(t *testing.T, x, y, z uint32) {
		checkFMA(t, math.Float32frombits(x), math.Float32frombits(y), math.Float32frombits(z))
	})
}
