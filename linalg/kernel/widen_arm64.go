package kernel

func widen(dst []float32, src []uint16, terms int) {
	pairs := terms / 2
	if level != NEON || pairs == 0 {
		widenLoop(dst, src, terms)
		return
	}
	_, _ = dst[2*pairs*Panel-1], src[2*pairs*Panel-1]
	widenNEON(&dst[0], &src[0], pairs)
	if terms > 2*pairs {
		widenLoop(dst[2*pairs*Panel:], src[2*pairs*Panel:], 1)
	}
}

//go:noescape
func widenNEON(dst *float32, src *uint16, pairs int)
