package main

import "fmt"

func init() { files["widen_arm64.s"] = widensNEON }

// widensNEON writes the widening of pairs of bfloat16: as words, the first of each is what a
// shift leaves of it, and the second what a mask does.
func widensNEON() string {
	a := newAssembly("widen_neon.go")
	a.function("widenNEON", 24)
	a.op("MOVD", "dst+0(FP)", neonTo)
	a.op("MOVD", "src+8(FP)", neonFrom)
	a.op("MOVD", "pairs+16(FP)", neonCount)
	a.op("MOVD", "$0xffff0000", neonRowCount)
	a.op("VDUP", neonRowCount, "V31.S4")
	a.line("loop:")
	for v := 0; v < 8; v += 2 {
		a.op("FLDPQ", fmt.Sprintf("%d(%s)", 16*v, neonFrom), neonPair(v))
	}
	for v := range 8 {
		a.op("VSHL", "$16", fmt.Sprintf("V%d.S4", v), fmt.Sprintf("V%d.S4", 8+v))
		a.op("VAND", fmt.Sprintf("V%d.B16", v), "V31.B16", fmt.Sprintf("V%d.B16", 16+v))
	}
	for v := 0; v < 16; v += 2 {
		a.op("FSTPQ", neonPair(8+v), fmt.Sprintf("%d(%s)", 16*v, neonTo))
	}
	a.op("ADD", "$128", neonFrom)
	a.op("ADD", "$256", neonTo)
	a.op("SUBS", "$1", neonCount)
	a.op("BNE", "loop")
	a.op("RET")
	return a.String()
}
