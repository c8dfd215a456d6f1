package linalgtest

import "github.com/gradientlearning/cola/linalg"

// layout is how an attention's q, k and v lie in tensors.
type layout int

// The layouts.
const (
	alone    layout = iota // each in one of its own
	apart                  // q in one that has other columns, too, and k and v in another
	together               // all three in one
)

// checkBeside checks an attention whose q, k and v have other columns beside them.
func (p attending) checkBeside(s *suite, what string, backward bool) error {
	wide, narrow := p.a.Heads*p.a.Dim, p.a.KVHeads*p.a.Dim
	p.layout = apart
	p.a.QAt, p.a.KAt, p.a.VAt = 3, 2, 2+narrow+5
	if err := p.check(s, what+", k and v in one tensor", backward); err != nil || p.queries != p.keys {
		return err
	}
	const gap = 8 // as many as some devices take at a time
	p.layout = together
	p.a.VAt, p.a.KAt, p.a.QAt = gap, 2*gap+narrow, 2*gap+2*narrow
	if err := p.check(s, what+", all in one tensor", backward); err != nil {
		return err
	}
	p.a.QAt, p.a.KAt, p.a.VAt = 0, wide, wide+narrow
	return p.check(s, what+", from the first column of one tensor on", backward)
}

// matrix is what a tensor holds.
type matrix struct {
	rows, cols int
	values     []float64
}

// layOut returns the matrices of q, k and v, or of what is like them, which may be the same.
// Where none of these is, they have the number beside.
func (p attending) layOut(q, k, v []float64, beside float64) [3]matrix {
	const behind = 8
	wide, narrow := p.a.Heads*p.a.Dim, p.a.KVHeads*p.a.Dim
	empty := func(rows, cols int) matrix { return matrix{rows, cols, filled(rows*cols, beside)} }
	var m [3]matrix
	switch p.layout {
	case alone:
		m = [3]matrix{empty(p.queries, wide), empty(p.keys, narrow), empty(p.keys, narrow)}
	case apart:
		keys := empty(p.keys, p.a.VAt+narrow+behind)
		m = [3]matrix{empty(p.queries, p.a.QAt+wide+1), keys, keys}
	case together:
		all := empty(p.queries, max(p.a.QAt+wide, p.a.VAt+narrow+behind))
		m = [3]matrix{all, all, all}
	}
	put := func(m matrix, values []float64, at, width int) {
		for i := range m.rows {
			copy(m.values[i*m.cols+at:][:width], values[i*width:])
		}
	}
	put(m[0], q, p.a.QAt, wide)
	put(m[1], k, p.a.KAt, narrow)
	put(m[2], v, p.a.VAt, narrow)
	return m
}

// upload returns the tensors of q, k and v, or of what is like them.
func (p attending) upload(s *suite, q, k, v []float64, beside float64) [3]*linalg.Tensor {
	m := p.layOut(q, k, v, beside)
	upload := func(m matrix) *linalg.Tensor { return s.upload(m.values, m.rows, m.cols) }
	t := [3]*linalg.Tensor{upload(m[0])}
	t[1], t[2] = t[0], t[0]
	if p.layout != together {
		t[1] = upload(m[1])
		t[2] = t[1]
	}
	if p.layout == alone {
		t[2] = upload(m[2])
	}
	return t
}
