package row

import "math"

// exp returns eˣ, off by at most 8e-8 of it, 0 below −86.99 and ∞ above 88.73.
//
// x = k·ln 2 + r, with |r| ≤ ln 2/2, and eˣ = 2eʳ·2ᵏ⁻¹: the halved power has an exponent for the
// largest k, too, and for the smallest has none and is 0. 2eʳ is 2 + 2r + r² times a minimax
// polynomial, which leaves 3e-9. Added to a number of that size, shift leaves k rounded to an
// integer in the low bits, and 126 on top of that, so that those bits are the exponent of 2ᵏ⁻¹.
func exp(x float32) float32 {
	const shift, ln2High = 0x1.8p23 + 126, 0.693359375
	x = smaller(89, larger(-87.5, x))
	t := float32(x*math.Log2E) + shift
	k := t - shift
	r := x - float32(k*ln2High) - float32(k*(math.Ln2-ln2High))
	p := float32(r*0.0027629197) + 0.016737433
	p = float32(r*p) + 0.083336774
	p = float32(r*p) + 0.3333304
	p = float32(r*p) + 0.99999988
	y := float32(float32(r*r)*p) + float32(r+r) + 2
	return y * math.Float32frombits(math.Float32bits(t)<<23)
}

// larger returns a where it is the larger number, and else b, which may be none.
func larger(a, b float32) float32 {
	if a > b {
		return a
	}
	return b
}

// smaller returns a where it is the smaller number, and else b, which may be none.
func smaller(a, b float32) float32 {
	if a < b {
		return a
	}
	return b
}

// Max returns the largest number of x, what is none left out, and −∞ where there is none.
func Max(x []float32) float32 {
	r, n := row{}, whole(len(x))
	r.parts[0] = lowest
	if n > 0 {
		r.rows[0], r.count = &x[0], n
		r.largest()
	}
	for i := n; i < len(x); i++ {
		if v := x[i]; v > r.parts[0][i%lanes] {
			r.parts[0][i%lanes] = v
		}
	}
	return r.parts[0].largest()
}

// ExpSum writes exp(x − top) to dst, which may be x, and returns the sum.
func ExpSum(dst, x []float32, top float32) float32 {
	r, n := row{}, whole(len(x))
	if n > 0 {
		r.rows[0], r.rows[1], r.scalars[0], r.count = &dst[0], &x[0], top, n
		r.expSum()
	}
	if n < len(x) && vectors() { // which take whole ones: the exponentials of −∞, 0, add nothing
		rest := lowest
		copy(rest[:], x[n:])
		r.rows[0], r.rows[1], r.scalars[0], r.count = &rest[0], &rest[0], top, lanes
		r.expSum()
		n += copy(dst[n:len(x)], rest[:])
	}
	for i := n; i < len(x); i++ {
		e := exp(x[i] - top)
		dst[i] = e
		r.parts[0][i%lanes] += e
	}
	return r.parts[0].fold()
}

// Slopes replaces an attention's scores s by its weights P = exp(scale·s − lse), and d = g·vᵀ
// by the gradient of the scores, scale·P·(d − dot).
func Slopes(s, d []float32, scale, lse, dot float32) {
	n := whole(len(s))
	if n > 0 {
		r := &row{rows: [6]*float32{&s[0], &d[0]}, scalars: [7]float32{scale, lse, dot}, count: n}
		r.slopes()
	}
	for i := n; i < len(s); i++ {
		p := exp(float32(s[i]*scale) - lse)
		s[i] = p
		d[i] = float32(p*scale) * (d[i] - dot)
	}
}
