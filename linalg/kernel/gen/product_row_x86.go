package main

import "fmt"

func init() { files["product_row_amd64.s"] = rows }

// rows writes the products of one row with 64 columns that are not packed.
func rows() string {
	a := newAssembly("product_row_x86.go")
	row(a, "rowAVX512", "Z", 64)
	row(a, "rowAVX2", "Y", 32)
	return a.String()
}

// row writes the loop over k, with a register of sums for every so many bytes of columns.
func row(a *assembly, name, register string, bytes int) {
	a.line("")
	a.line("// func %s(c, a, b *float32, ldb, k int)", name)
	a.line("TEXT ·%s(SB), NOSPLIT, $0-40", name)
	a.op("MOVQ", "c+0(FP)", "DI")
	a.op("MOVQ", "a+8(FP)", "R8")
	a.op("MOVQ", "b+16(FP)", "SI")
	a.op("MOVQ", "ldb+24(FP)", "DX")
	a.op("MOVQ", "k+32(FP)", "CX")
	a.op("SHLQ", "$2", "DX")
	vectors := 256 / bytes
	reg := func(i int) string { return fmt.Sprintf("%s%d", register, i) }
	for i := range vectors {
		a.op("VXORPS", reg(i), reg(i), reg(i))
	}
	a.op("PCALIGN", "$32")
	a.line("loop:")
	a.op("VBROADCASTSS", "(R8)", reg(vectors))
	for i := range vectors {
		a.op("VFMADD231PS", fmt.Sprintf("%d(SI)", i*bytes), reg(vectors), reg(i))
	}
	a.op("ADDQ", "$4", "R8")
	a.op("ADDQ", "DX", "SI")
	a.op("DECQ", "CX")
	a.op("JNZ", "loop")
	for i := range vectors {
		a.op("VMOVUPS", reg(i), fmt.Sprintf("%d(DI)", i*bytes))
	}
	a.op("VZEROUPPER")
	a.op("RET")
}
