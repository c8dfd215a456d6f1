package main

import "fmt"

func init() { files["pack_amd64.s"] = packs }

// packs writes what turns columns into rows, as of a panel, and what copies rows into one.
func packs() string {
	a := newAssembly("pack_x86.go")
	transpose(a, "transposeAVX512", "Z", 16)
	transpose(a, "transposeAVX2", "Y", 8)
	packRows(a, "packRowsAVX512", "Z", 64)
	packRows(a, "packRowsAVX2", "Y", 32)
	return a.String()
}

// transpose writes a loop that takes four elements of each of so many columns. Register i gets
// those of columns i, i+4, i+8, …, each in a quarter (or half) of its own; transposing 4×4
// within all of these at once leaves a row in each of four registers.
func transpose(a *assembly, name, register string, wide int) {
	a.line("")
	a.line("// func %s(dst *float32, to int, src *float32, stride, quads int)", name)
	a.line("TEXT ·%s(SB), NOSPLIT, $0-40", name)
	a.op("MOVQ", "dst+0(FP)", "DI")
	a.op("MOVQ", "to+8(FP)", "R12")
	a.op("MOVQ", "src+16(FP)", "R8")
	a.op("MOVQ", "stride+24(FP)", "DX")
	a.op("MOVQ", "quads+32(FP)", "CX")
	a.op("SHLQ", "$2", "DX")
	a.op("LEAQ", "(DX)(DX*2)", "BX") // three columns
	a.op("SHLQ", "$2", "R12")
	a.op("LEAQ", "(R12)(R12*2)", "R13") // three rows
	pointers := []string{"R8", "R9", "R10", "R11"}[:wide/4]
	for i := 1; i < len(pointers); i++ {
		a.op("LEAQ", fmt.Sprintf("(%s)(DX*4)", pointers[i-1]), pointers[i])
	}
	reg := func(i int) string { return fmt.Sprintf("%s%d", register, i) }
	a.line("loop:")
	for i := range 4 {
		for lane, p := range pointers {
			at := []string{"(%s)", "(%s)(DX*1)", "(%s)(DX*2)", "(%s)(BX*1)"}[i]
			at = fmt.Sprintf(at, p)
			switch {
			case lane == 0:
				a.op("VMOVUPS", at, fmt.Sprintf("X%d", i))
			case register == "Z":
				a.op("VINSERTF32X4", fmt.Sprintf("$%d", lane), at, reg(i), reg(i))
			default:
				a.op("VINSERTF128", fmt.Sprintf("$%d", lane), at, reg(i), reg(i))
			}
		}
	}
	for i := range 2 { // pairs of columns
		a.op("VUNPCKLPS", reg(2*i+1), reg(2*i), reg(4+i))
		a.op("VUNPCKHPS", reg(2*i+1), reg(2*i), reg(6+i))
	}
	for i := range 2 { // pairs of pairs
		a.op("VUNPCKLPD", reg(5+2*i), reg(4+2*i), reg(2*i))
		a.op("VUNPCKHPD", reg(5+2*i), reg(4+2*i), reg(2*i+1))
	}
	for i := range 4 {
		a.op("VMOVUPS", reg(i), []string{"(DI)", "(DI)(R12*1)", "(DI)(R12*2)", "(DI)(R13*1)"}[i])
	}
	for _, p := range pointers {
		a.op("ADDQ", "$16", p)
	}
	a.op("LEAQ", "(DI)(R12*4)", "DI")
	a.op("DECQ", "CX")
	a.op("JNZ", "loop")
	a.op("VZEROUPPER")
	a.op("RET")
}

// packRows writes a loop that copies a panel's rows. It is short, so that a processor is many
// rows ahead of those that come from memory.
func packRows(a *assembly, name, register string, bytes int) {
	a.line("")
	a.line("// func %s(dst, src *float32, stride, rows int)", name)
	a.line("TEXT ·%s(SB), NOSPLIT, $0-32", name)
	a.op("MOVQ", "dst+0(FP)", "DI")
	a.op("MOVQ", "src+8(FP)", "SI")
	a.op("MOVQ", "stride+16(FP)", "DX")
	a.op("MOVQ", "rows+24(FP)", "CX")
	a.op("SHLQ", "$2", "DX")
	a.line("loop:")
	for i := range 128 / bytes {
		a.op("VMOVUPS", fmt.Sprintf("%d(SI)", bytes*i), fmt.Sprintf("%s%d", register, i))
	}
	for i := range 128 / bytes {
		a.op("VMOVUPS", fmt.Sprintf("%s%d", register, i), fmt.Sprintf("%d(DI)", bytes*i))
	}
	a.op("ADDQ", "DX", "SI")
	a.op("ADDQ", "$128", "DI")
	a.op("DECQ", "CX")
	a.op("JNZ", "loop")
	a.op("VZEROUPPER")
	a.op("RET")
}
