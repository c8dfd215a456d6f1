package kernel

import (
	"unsafe"

	"golang.org/x/sys/cpu"
)

// bf16Native is what multiplies bfloat16.
type bf16Native int

const (
	noBF16    bf16Native = iota
	pairsBF16            // AVX512_BF16
	tilesBF16            // AMX
)

// native is what this processor has: AMX only where the system lets the process use it, and
// AVX512_BF16 only of AMD, whose products of pairs are twice as many as those of float32. Intel's
// are fewer.
var native = func() bf16Native {
	switch {
	case cpu.X86.HasAMXTile && cpu.X86.HasAMXBF16 && cpu.X86.HasAVX512F && tilesPermitted():
		return tilesBF16
	case cpu.X86.HasAVX512BF16 && isAMD():
		return pairsBF16
	}
	return noBF16
}()

// isAMD asks the processor for its maker: "AuthenticAMD".
func isAMD() bool {
	b, d, c := vendor()
	return b == 0x68747541 && d == 0x69746e65 && c == 0x444d4163
}

func vendor() (b, d, c uint32)

// BF16 names what multiplies bfloat16 on this processor.
func BF16() string {
	if level != AVX512 {
		return "none"
	}
	return [...]string{"none", "avx512_bf16", "amx"}[native]
}

// bf16Rounds rounds a row, if there is an instruction set for it.
func bf16Rounds(dst []uint16, src []float32) bool {
	if level != AVX512 {
		return false
	}
	roundAVX512(&dst[0], &src[0], len(src))
	return true
}

func widen(dst []float32, src []uint16, terms int) {
	pairs := terms / 2
	switch {
	case level == Generic || pairs == 0:
		pairs = 0
	case level == AVX512:
		widenAVX512(&dst[0], &src[0], pairs)
	default:
		widenAVX2(&dst[0], &src[0], pairs)
	}
	widenLoop(dst[pairs*2*Panel:], src[min(pairs*2*Panel, len(src)):], terms-2*pairs)
}

func multiplyNative(c []float32, ldc int, init []float32, ldi int, a, b []uint16, m, n, k int) bool {
	if level != AVX512 || native == noBF16 {
		return false
	}
	_, _ = c[(m-1)*ldc+n-1], b[PackedLenBF16(k, n)-1]
	_ = a[RowsBF16(m)*Terms(k)-1]
	if init != nil {
		_ = init[(m-1)*ldi+n-1]
	}
	g := bf16Product{c, init, ldc, ldi, a, b, m, n, Terms(k)}
	if native == tilesBF16 {
		g.tiles()
	} else {
		g.pairs()
	}
	return true
}

// bf16Product is a product that is being computed.
type bf16Product struct {
	c, init  []float32
	ldc, ldi int
	a, b     []uint16
	m, n, k  int // k filled up
}

// at makes t the tile of rows from i, of the panel from column j, and of terms from p on.
func (g bf16Product) at(t *tile, i, j, p int) {
	t.a = (*float32)(unsafe.Pointer(&g.a[i*g.k+p]))
	t.b = (*float32)(unsafe.Pointer(&g.b[j*g.k+p*Panel]))
	t.rs, t.cs = g.k/2, 1 // pairs are as long as a float32
	t.c, t.ldc = &g.c[i*g.ldc+j], g.ldc
	t.init, t.ldi = &zeros[0], 0
	if g.init != nil {
		t.init, t.ldi = &g.init[i*g.ldi+j], g.ldi
	}
}

// pairs multiplies by vectors of pairs, in blocks of as many bytes as those of float32 have.
func (g bf16Product) pairs() {
	const most = 14
	bands := (g.m + most - 1) / most
	var t tile
	for p := 0; p < g.k; p += 2 * panelDepth {
		depth := min(2*panelDepth, g.k-p)
		t.k = depth / 2
		for j := 0; j < g.n; j += Panel {
			next := (j+Panel)*g.k + p*Panel
			for band := range bands {
				lo, hi := band*g.m/bands, (band+1)*g.m/bands
				g.at(&t, lo, j, p)
				t.rows, t.cols = hi-lo, min(Panel, g.n-j)
				ahead := (*float32)(unsafe.Pointer(&g.b[min(next+band*t.k/bands*2*Panel, len(g.b)-2)]))
				t.fetches[0] = stretchFrom(ahead, linePace)
				tilePairs(&t)
			}
		}
		g.init, g.ldi = g.c, g.ldc
	}
}

// amxShapes configures eight tiles of 16 rows of 64 bytes.
var amxShapes = func() (shapes [64]byte) {
	shapes[0] = 1
	for i := range 8 {
		shapes[16+2*i] = 64
		shapes[48+i] = 16
	}
	return shapes
}()

// tiles multiplies by tiles of 16 × 16, four at a time. What does not fill 32 × 32 goes by way
// of memory that does.
func (g bf16Product) tiles() {
	var t tile
	var edge [Together][Panel]float32
	for j := 0; j < g.n; j += Panel {
		for i := 0; i < g.m; i += Together {
			rows, cols := min(Together, g.m-i), min(Panel, g.n-j)
			g.at(&t, i, j, 0)
			t.k = g.k / 32
			if rows == Together && cols == Panel {
				tileAMX(&t, &amxShapes)
				continue
			}
			for r := range rows {
				if g.init == nil {
					clear(edge[r][:])
				} else {
					copy(edge[r][:cols], g.init[(i+r)*g.ldi+j:])
				}
			}
			t.init, t.c, t.ldi, t.ldc = &edge[0][0], &edge[0][0], Panel, Panel
			tileAMX(&t, &amxShapes)
			for r := range rows {
				copy(g.c[(i+r)*g.ldc+j:][:cols], edge[r][:])
			}
		}
	}
}

//go:noescape
func tileAMX(t *tile, shapes *[64]byte)

//go:noescape
func tilePairs(t *tile)

//go:noescape
func widenAVX512(dst *float32, src *uint16, pairs int)

//go:noescape
func widenAVX2(dst *float32, src *uint16, pairs int)

//go:noescape
func roundAVX512(dst *uint16, src *float32, n int)
