package row

import "math"

// exp returns eˣ to 1.5 units in the last place, 0 below −87 and ∞ above 88.7228.
//
// x = k·ln 2 + r, with |r| ≤ ln 2/2: eʳ is a polynomial, and k is added to its exponent. Added to
// a number of that size, shift leaves it rounded to an integer in the low bits. The coefficients
// are those of Cephes' expf (Moshier).
func exp(x float32) float32 {
	const shift = 12582912
	switch {
	case x != x:
		return x
	case x < -87:
		return 0
	case x > 88.7228:
		return float32(math.Inf(1))
	}
	t := float32(x*1.44269504088896341) + shift
	k := t - shift
	r := x - float32(k*0.693359375) - float32(k*-2.12194440e-4)
	p := float32(float32(1.9875691500e-4)*r) + 1.3981999507e-3
	p = float32(p*r) + 8.3334519073e-3
	p = float32(p*r) + 4.1665795894e-2
	p = float32(p*r) + 1.6666665459e-1
	p = float32(p*r) + 5.0000001201e-1
	y := float32(float32(p*r)*r) + r + 1
	return math.Float32frombits(math.Float32bits(y) + math.Float32bits(t)<<23)
}

// sigmoidOf returns 1/(1 + eˣ): the sigmoid of −x.
func sigmoidOf(minus float32) float32 { return 1 / (exp(minus) + 1) }

// Max returns the largest number of x, what is none left out, and −∞ where there is none.
func Max(x []float32) float32 {
	r := row{}
	for j := range r.parts[0] {
		r.parts[0][j] = float32(math.Inf(-1))
	}
	n := whole(len(x))
	if n > 0 {
		r.rows[0], r.vectors = &x[0], n/lanes
		r.largest()
	}
	for i := n; i < len(x); i++ {
		if v := x[i]; v > r.parts[0][i%lanes] {
			r.parts[0][i%lanes] = v
		}
	}
	top := r.parts[0][0]
	for _, v := range r.parts[0][1:] {
		if v > top {
			top = v
		}
	}
	return top
}

// ExpSum writes exp(x − top) to dst, which may be x, and returns the sum.
func ExpSum(dst, x []float32, top float32) float32 {
	r, n := row{}, whole(len(x))
	if n > 0 {
		r.rows, r.scalars, r.vectors = [5]*float32{&dst[0], &x[0]}, [7]float32{top}, n/lanes
		r.expSum()
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
		r := row{rows: [5]*float32{&s[0], &d[0]}, scalars: [7]float32{scale, lse, dot}, vectors: n / lanes}
		r.slopes()
	}
	for i := n; i < len(s); i++ {
		p := exp(float32(s[i]*scale) - lse)
		s[i] = p
		d[i] = float32(p*scale) * (d[i] - dot)
	}
}
