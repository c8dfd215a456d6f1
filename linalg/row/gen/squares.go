package main

import "fmt"

func init() {
	files["squares_amd64.s"] = func() string {
		a := newAssembly("squares.go")
		squares(a, "Y")
		squares(a, "Z")
		return a.String()
	}
}

// squares writes a loop that adds the squares of 16 elements to their parts. A product of two
// float32s is exact in float64, so that a fused multiply-add rounds as the sum does.
func squares(a *assembly, register string) {
	bytes, narrow := 16, "X" // of the float32s that fill a register as float64s
	if register == "Z" {
		bytes, narrow = 32, "Y"
	}
	parts := 64 / bytes
	sum := func(i int) string { return fmt.Sprintf("%s%d", register, i) }
	a.function("squares"+suffixes[register], 24)
	a.op("MOVQ", "sums+0(FP)", "DI")
	a.op("MOVQ", "x+8(FP)", "SI")
	a.op("MOVQ", "n+16(FP)", "CX")
	for i := range parts {
		a.op("VMOVUPD", fmt.Sprintf("%d(DI)", 2*bytes*i), sum(i))
	}
	a.line("more:")
	for i := range parts {
		x := parts + i
		a.op("VMOVUPS", fmt.Sprintf("%d(SI)", bytes*i), fmt.Sprintf("%s%d", narrow, x))
		a.op("VCVTPS2PD", fmt.Sprintf("%s%d", narrow, x), sum(x))
		a.op("VFMADD231PD", sum(x), sum(x), sum(i))
	}
	a.op("ADDQ", "$64", "SI")
	a.op("SUBQ", "$16", "CX")
	a.op("JNZ", "more")
	for i := range parts {
		a.op("VMOVUPD", sum(i), fmt.Sprintf("%d(DI)", 2*bytes*i))
	}
	a.op("VZEROUPPER")
	a.op("RET")
}
