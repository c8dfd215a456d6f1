package main

import "fmt"

func init() { files["product_row_arm64.s"] = rowNEON }

// rowNEON writes the product of one row with 32 columns that are not packed: eight vectors of
// sums, V0 to V7, and eight of b, V16 to V23.
func rowNEON() string {
	a := newAssembly("product_row_neon.go")
	a.line("")
	a.line("// func rowNEON(c, a, b *float32, ldb, k int)")
	a.line("TEXT ·rowNEON(SB), NOSPLIT, $0-40")
	a.op("MOVD", "c+0(FP)", "R0")
	a.op("MOVD", "a+8(FP)", "R1")
	a.op("MOVD", "b+16(FP)", "R2")
	a.op("MOVD", "ldb+24(FP)", "R3")
	a.op("MOVD", "k+32(FP)", "R4")
	a.op("LSL", "$2", "R3")
	four := func(first int) string {
		return fmt.Sprintf("[V%d.S4, V%d.S4, V%d.S4, V%d.S4]", first, first+1, first+2, first+3)
	}
	for i := range 8 {
		a.op("VEOR", fmt.Sprintf("V%d.B16", i), fmt.Sprintf("V%d.B16", i), fmt.Sprintf("V%d.B16", i))
	}
	a.line("loop:")
	a.op("VLD1R.P", "4(R1)", "[V24.S4]")
	a.op("ADD", "$64", "R2", "R5")
	a.op("VLD1", "(R2)", four(16))
	a.op("VLD1", "(R5)", four(20))
	for i := range 8 {
		a.op("VFMLA", fmt.Sprintf("V%d.S4", 16+i), "V24.S4", fmt.Sprintf("V%d.S4", i))
	}
	a.op("ADD", "R3", "R2")
	a.op("SUBS", "$1", "R4")
	a.op("BNE", "loop")
	a.op("VST1.P", four(0), "64(R0)")
	a.op("VST1", four(4), "(R0)")
	a.op("RET")
	return a.String()
}
