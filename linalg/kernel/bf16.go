package kernel

import (
	"math"
	"unsafe"
)

// A factor of bfloat16 is kept in pairs of terms, as the instructions that multiply it read
// them, and its terms are filled up with zeros to a multiple of 32.

// Terms returns the number of terms that a factor of k takes in bfloat16.
func Terms(k int) int { return (k + 31) / 32 * 32 }

// Together is how many rows are multiplied at once in bfloat16.
const Together = 32

// RowsBF16 returns the number of rows that a left factor of m rows has memory for.
func RowsBF16(m int) int { return (m + Together - 1) / Together * Together }

// PackedLenBF16 returns the number of elements of a packed (k, n) matrix in bfloat16.
func PackedLenBF16(k, n int) int { return PackedLen(Terms(k), n) }

// PackBF16 writes b (k, n) as [Pack] does, rounded to the nearest bfloat16 and in pairs:
// element (i, j) goes to dst[(j/Panel·Terms(k) + i/2·2)·Panel + j%Panel·2 + i%2].
func PackBF16(dst []uint16, b []float32, k, n, rs, cs int) {
	for j0 := 0; j0 < n; j0 += Panel {
		panel := dst[j0*Terms(k):][:Terms(k)*Panel]
		clear(panel)
		for i := range k {
			pair := panel[i/2*2*Panel+i%2:]
			for j := range min(Panel, n-j0) {
				pair[2*j] = toBF16(b[i*rs+(j0+j)*cs])
			}
		}
	}
}

// toBF16 rounds to nearest, ties to even. What is not a number stays one.
func toBF16(x float32) uint16 {
	bits := math.Float32bits(x)
	if x != x {
		return uint16(bits>>16) | 0x40
	}
	return uint16((bits + 0x7fff + bits>>16&1) >> 16)
}

// RoundBF16 writes the rows of a (m, k) as bfloat16, Terms(k) in each row of dst.
func RoundBF16(dst []uint16, a Operand, m, k int) {
	terms := Terms(k)
	for i := range m {
		row := dst[i*terms:][:terms]
		clear(row[k:])
		if a.ColStride == 1 && k > 0 && bf16Rounds(row[:k], a.Data[a.at(i, 0):][:k]) {
			continue
		}
		for p := range k {
			row[p] = toBF16(a.Data[a.at(i, p)])
		}
	}
}

// widenLoop is the meaning of widen: it writes a panel's terms as rows of float32.
func widenLoop(dst []float32, src []uint16, terms int) {
	for i := range terms {
		for j := range Panel {
			dst[i*Panel+j] = math.Float32frombits(uint32(src[i/2*2*Panel+2*j+i%2]) << 16)
		}
	}
}

// MultiplyWidened computes what [Multiply] does, with b widened to float32 as it is needed: the
// same bits as with b packed in float32, had it been rounded. Each panel is widened once for all rows
// of a, so that these should be many.
func MultiplyWidened(c []float32, ldc int, init []float32, ldi int, a Operand, b []uint16, m, n, k int, meets ...Meeting) {
	s := borrowPanel()
	defer s.giveBack()
	for p := 0; p < k || p == 0; p += panelDepth {
		depth := min(panelDepth, k-p)
		g := block{c: c, init: init, ldc: ldc, ldi: ldi, a: a, b: s.panel[:PackedLen(depth, Panel)], m: m, k: depth, all: depth}
		g.a.Data = a.Data[min(a.at(0, p), len(a.Data)):]
		var near [2]Meeting
		for j := 0; j < n; j += Panel {
			if p+depth >= k {
				g.meets = near[:copy(near[:], meets)]
				for i := range g.meets {
					g.meets[i].Data = g.meets[i].Data[j:]
				}
			}
			g.n = min(Panel, n-j)
			g.widened(s, b, j, p, Terms(k))
		}
		init, ldi = c, ldc
	}
}

// widened multiplies by the panel from column j, of the terms from p on, of a packed b that has so
// many, and asks for what is widened next.
func (g block) widened(s *panel, b []uint16, j, p, terms int) {
	from := (j*terms/Panel + p) * Panel
	widen(g.b, b[from:], g.k)
	g.c = g.c[j:]
	if g.init != nil {
		g.init = g.init[j:]
	}
	if g.m == 0 {
		return
	}
	if !g.tiled() {
		multiplyLoop(g.c, g.ldc, g.init, g.ldi, g.a, g.b, g.m, g.n, g.k)
		return
	}
	if next := from + terms*Panel; next+g.k*Panel <= len(b) {
		s.next[0] = unsafe.Slice((*float32)(unsafe.Pointer(&b[next])), g.k*Panel/2)
		s.fetching = fetching{later: s.next[:]}
		g.later = &s.fetching
	}
	multiplyBlocked(&g)
}

// MultiplyBF16 computes c = init + a·b from a (m, k), rounded by [RoundBF16] to memory for
// RowsBF16(m) rows, of which those beyond m may hold anything, and b packed by [PackBF16], by the processor's own products of bfloat16 where it has such: then sums are in
// float32, in pairs of terms, and results differ between processors in their last bits.
// Elsewhere it widens both.
func MultiplyBF16(c []float32, ldc int, init []float32, ldi int, a, b []uint16, m, n, k int) {
	if m == 0 || n == 0 {
		return
	}
	if k > 0 && multiplyNative(c, ldc, init, ldi, a, b, m, n, k) {
		return
	}
	terms := Terms(k)
	wide := make([]float32, m*terms)
	for i, x := range a[:m*terms] {
		wide[i] = math.Float32frombits(uint32(x) << 16)
	}
	MultiplyWidened(c, ldc, init, ldi, Rows(wide, terms), b, m, n, k)
}
