package row

import (
	"math"
)

// Numbers travel as int8 in blocks of 64 that share a scale s, a bfloat16: v is sent as an integer
// q from −127 to 127 and arrives as q·s. With t = |v|/s, a float32, and u uniform in [0, 1)
//
//	q = sign(v) · (⌊t⌋ + [u < t − ⌊t⌋]),   so that E[q·s] = sign(v) · t · s,
//
// which is v up to the rounding of one division in float32. s is the least bfloat16 of which 127
// are not less than the largest |v|: nothing is clipped, which would be a bias. Because s has 8
// bits and q has 7, the product q·s is exact.
//
// u has 31 bits, a pure function of a seed and of the element's index (see [roundingBits]), so
// that whoever rounds the same numbers under the same seed gets the same bytes, in whichever order
// and on however many threads.
//
// A block of zeros has scale 0 and arrives as +0. A block that holds NaN or an infinity has the
// scale NaN, and all of it arrives as NaN: no multiple of a scale stands for it, and whoever looks
// for numbers that are not finite must find them behind the wire, too. A block whose largest
// number is within 1 % of the largest float32 may arrive with infinities.

// Int8Block is the number of elements that share a scale.
const Int8Block = 64

// QuantizeInt8 rounds x to q and to a bfloat16 for every [Int8Block] of it, and the rest. x[0]
// is element first of what seed stands for.
func QuantizeInt8(q []int8, scales []uint16, x []float32, seed, first uint64) {
	for len(x) > 0 {
		// The generator counts in 32 bits; the next 2³² elements have another key.
		k := roundingKeyOf(seed, first>>32)
		n := min(uint64(len(x)), (1<<32-first&math.MaxUint32+Int8Block-1)/Int8Block*Int8Block)
		quantizeInt8(q[:n], scales, x[:n], k, uint32(first))
		q, x, first = q[n:], x[n:], first+n
		scales = scales[(n+Int8Block-1)/Int8Block:]
	}
}

// DequantizeInt8 computes dst = q·s, exactly.
func DequantizeInt8(dst []float32, q []int8, scales []uint16) {
	var wide [blocksAtOnce]float32
	for len(q) > 0 {
		blocks := min(blocksAtOnce, (len(q)+Int8Block-1)/Int8Block)
		n := min(len(q), blocks*Int8Block)
		WidenBF16(wide[:blocks], scales[:blocks])
		done := 0
		if whole := n / Int8Block; whole > 0 && int8Values(&dst[0], &q[0], &wide[0], whole) {
			done = whole * Int8Block
		}
		for i := done; i < n; i++ {
			dst[i] = float32(q[i]) * wide[i/Int8Block]
		}
		dst, q, scales = dst[n:], q[n:], scales[blocks:]
	}
}

// blocksAtOnce is how many blocks a kernel goes over between two looks at their scales.
const blocksAtOnce = 32

// quantizeInt8 is QuantizeInt8 under one key; x[0] has the number counter.
func quantizeInt8(q []int8, scales []uint16, x []float32, k roundingKey, counter uint32) {
	var largest [blocksAtOnce]uint32
	var divisors [blocksAtOnce]float32
	for len(x) > 0 {
		blocks := min(blocksAtOnce, (len(x)+Int8Block-1)/Int8Block)
		n := min(len(x), blocks*Int8Block)
		whole := n / Int8Block
		if whole > 0 && !int8Largest(&largest[0], &x[0], whole) {
			whole = 0
		}
		for b := whole; b < blocks; b++ {
			largest[b] = largestBits(x[b*Int8Block : min(n, (b+1)*Int8Block)])
		}
		for b := range blocks {
			scales[b], divisors[b] = int8Scale(largest[b])
		}
		if whole > 0 {
			int8Round(&q[0], &x[0], &divisors[0], whole, counter, k)
		}
		for i := whole * Int8Block; i < n; i++ {
			q[i] = roundInt8(x[i], divisors[i/Int8Block], k.bits(counter+uint32(i)))
		}
		q, scales, x, counter = q[n:], scales[blocks:], x[n:], counter+uint32(n)
	}
}

// largestBits returns the bits of the largest |v|. As integers magnitudes are in order: finite
// numbers, infinity, NaN.
func largestBits(x []float32) uint32 {
	most := uint32(0)
	for _, v := range x {
		most = max(most, math.Float32bits(v)&math.MaxInt32)
	}
	return most
}

// int8Scale returns a block's scale, and what its elements are divided by: the scale, or infinity
// where nothing is to be left of them.
func int8Scale(largest uint32) (scale uint16, divisor float32) {
	const nan, infinity = 0x7FC0, 0x7F800000
	switch {
	case largest >= infinity:
		return nan, math.Float32frombits(infinity)
	case largest == 0:
		return 0, math.Float32frombits(infinity)
	}
	most := math.Float32frombits(largest)
	scale = uint16((math.Float32bits(most/127) + math.MaxUint16) >> 16)
	if FromBF16(scale)*127 < most { // the division had rounded down
		scale++
	}
	return scale, FromBF16(scale)
}

// roundInt8 rounds one element by 31 random bits.
func roundInt8(v, divisor float32, bits uint32) int8 {
	t := math.Float32frombits(math.Float32bits(v)&math.MaxInt32) / divisor
	if t != t {
		t = 0
	}
	n := int32(t)
	if int32(bits) < int32((t-float32(n))*(1<<31)) {
		n++
	}
	if math.Signbit(float64(v)) {
		n = -n
	}
	return int8(n)
}

// roundingKey is what a seed comes to.
type roundingKey struct{ first, second uint32 }

// roundingKeyOf mixes a seed and the upper half of an element's index, as SplitMix64 does
// (Steele, Lea and Flood 2014).
func roundingKeyOf(seed, high uint64) roundingKey {
	z := seed + (high+1)*0x9E3779B97F4A7C15
	z = (z ^ z>>30) * 0xBF58476D1CE4E5B9
	z = (z ^ z>>27) * 0x94D049BB133111EB
	z ^= z >> 31
	return roundingKey{uint32(z), uint32(z >> 32)}
}

// bits returns 31 random bits, the same for the same key and index. They are the upper ones of
// triple32, the mixing of three multiplications that C. Wellons found by search
// (github.com/skeeto/hash-prospector), with half of the key before it and half in the middle: two
// keys make two permutations of the 32-bit numbers, and not two places in one sequence, as a key
// that is only added to the index would.
func (k roundingKey) bits(index uint32) uint32 {
	h := index ^ k.first
	h = (h ^ h>>17) * roundingFactors[0]
	h = (h ^ h>>11) + k.second
	h *= roundingFactors[1]
	h = (h ^ h>>15) * roundingFactors[2]
	return (h ^ h>>14) >> 1
}

var roundingFactors = [...]uint32{0xED5AD4BB, 0xAC4C1B51, 0x31848BAB}

// roundingBits lets tests look at the generator by itself.
func roundingBits(seed, index uint64) uint32 {
	return roundingKeyOf(seed, index>>32).bits(uint32(index))
}
