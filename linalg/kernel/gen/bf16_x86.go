package main

import (
	"fmt"
	"strings"
)

func init() { files["bf16_amd64.s"] = bf16 }

// bf16 writes products of bfloat16: Go's assembler knows none of their instructions.
func bf16() string {
	a := newAssembly("bf16_x86.go")
	tiles(a, vectors{"tilePairs", "Z", 64, 14, 2, true})
	amx(a)
	widen(a, vectors{"widenAVX512", "Z", 64, 0, 2, false})
	widen(a, vectors{"widenAVX2", "Y", 32, 0, 4, false})
	round(a)
	return a.String()
}

// bytes writes an instruction by its encoding; what says what it is.
func bytes(a *assembly, what string, encoding ...byte) {
	list := make([]string, len(encoding))
	for i, b := range encoding {
		list[i] = fmt.Sprintf("BYTE $%#02x", b)
	}
	a.line("\t%s // %s", strings.Join(list, "; "), what)
}

// addPairs writes VDPBF16PS sum, x, b on ZMM registers (EVEX.512.F3.0F38.W0 52 /r).
func addPairs(a *assembly, sum, x, b int) {
	not := func(bit, place int) byte { return byte(1-bit) << place }
	bytes(a, fmt.Sprintf("VDPBF16PS Z%d, Z%d, Z%d", b, x, sum),
		0x62,
		not(sum>>3&1, 7)|not(b>>4&1, 6)|not(b>>3&1, 5)|not(sum>>4&1, 4)|2,
		byte(^x&15)<<3|4|2,
		0x40|not(x>>4&1, 3),
		0x52,
		0xc0|byte(sum&7)<<3|byte(b&7))
}

// amx writes the product of 32 rows by a panel's 32 columns: tiles 0 to 3 are sums of 16 × 16,
// 4 and 5 rows of a, 6 and 7 columns of b, each 32 terms long.
func amx(a *assembly) {
	a.line("")
	a.line("// func tileAMX(t *tile, shapes *[64]byte)")
	a.line("TEXT ·tileAMX(SB), NOSPLIT, $0-16")
	a.op("MOVQ", "t+0(FP)", "DI")
	a.op("MOVQ", "shapes+8(FP)", "AX")
	bytes(a, "LDTILECFG (AX)", 0xc4, 0xe2, 0x78, 0x49, 0x00)
	a.op("MOVQ", "tile_init(DI)", "AX")
	a.op("MOVQ", "tile_ldi(DI)", "BX")
	a.op("SHLQ", "$2", "BX")
	amxQuarters(a, "TILELOADD", 0x7b)
	a.op("MOVQ", "tile_a(DI)", "AX")
	a.op("MOVQ", "tile_rs(DI)", "BX")
	a.op("SHLQ", "$2", "BX")
	a.op("MOVQ", "BX", "R8")
	a.op("SHLQ", "$4", "R8")
	a.op("ADDQ", "AX", "R8") // row 16
	a.op("MOVQ", "tile_b(DI)", "SI")
	a.op("LEAQ", "64(SI)", "R9")
	a.op("MOVQ", "$128", "DX")
	a.op("MOVQ", "tile_k(DI)", "CX")
	a.line("loop:")
	memory(a, "TILELOADD (AX)(BX*1), TMM4", 4, 0x7b, 0x4b, "AX", "BX")
	memory(a, "TILELOADD (SI)(DX*1), TMM6", 6, 0x7b, 0x4b, "SI", "DX")
	multiplyTiles(a, 0, 4, 6)
	memory(a, "TILELOADD (R9)(DX*1), TMM7", 7, 0x7b, 0x4b, "R9", "DX")
	multiplyTiles(a, 1, 4, 7)
	memory(a, "TILELOADD (R8)(BX*1), TMM5", 5, 0x7b, 0x4b, "R8", "BX")
	multiplyTiles(a, 2, 5, 6)
	multiplyTiles(a, 3, 5, 7)
	a.op("ADDQ", "$64", "AX")
	a.op("ADDQ", "$64", "R8")
	a.op("ADDQ", "$2048", "SI")
	a.op("ADDQ", "$2048", "R9")
	a.op("DECQ", "CX")
	a.op("JNZ", "loop")
	a.op("MOVQ", "tile_c(DI)", "AX")
	a.op("MOVQ", "tile_ldc(DI)", "BX")
	a.op("SHLQ", "$2", "BX")
	amxQuarters(a, "TILESTORED", 0x7a)
	bytes(a, "TILERELEASE", 0xc4, 0xe2, 0x78, 0x49, 0xc0)
	a.op("RET")
}

// amxQuarters moves the four sums from or to (AX), whose rows are BX bytes apart.
func amxQuarters(a *assembly, name string, prefix byte) {
	a.op("MOVQ", "BX", "R8")
	a.op("SHLQ", "$4", "R8")
	a.op("ADDQ", "AX", "R8")
	a.op("LEAQ", "64(AX)", "R9")
	a.op("LEAQ", "64(R8)", "R10")
	for i, base := range []string{"AX", "R9", "R8", "R10"} {
		memory(a, fmt.Sprintf("%s (%s)(BX*1), TMM%d", name, base, i), i, prefix, 0x4b, base, "BX")
	}
}

// registers have these numbers.
var registers = map[string]int{"AX": 0, "BX": 3, "DX": 2, "SI": 6, "R8": 8, "R9": 9, "R10": 10}

// memory writes an instruction of a tile register and (base)(index*1).
func memory(a *assembly, what string, tile int, prefix, opcode byte, base, index string) {
	b, x := registers[base], registers[index]
	bytes(a, what, 0xc4, 0x82|byte(1-x>>3)<<6|byte(1-b>>3)<<5, prefix, opcode, byte(tile)<<3|4, byte(x&7)<<3|byte(b&7))
}

// multiplyTiles writes TDPBF16PS sum += x·b (VEX.128.F3.0F38.W0 5C).
func multiplyTiles(a *assembly, sum, x, b int) {
	bytes(a, fmt.Sprintf("TDPBF16PS TMM%d, TMM%d, TMM%d", b, x, sum), 0xc4, 0xe2, byte(^b&15)<<3|2, 0x5c, 0xc0|byte(sum)<<3|byte(x))
}

// widen writes pairs of a panel's rows as two rows of float32: the first of a pair is the low
// half of 32 bits, the second the high half.
func widen(a *assembly, v vectors) {
	a.line("")
	a.line("// func %s(dst *float32, src *uint16, pairs int)", v.name)
	a.line("TEXT ·%s(SB), NOSPLIT, $0-24", v.name)
	a.op("MOVQ", "dst+0(FP)", "DI")
	a.op("MOVQ", "src+8(FP)", "SI")
	a.op("MOVQ", "pairs+16(FP)", "CX")
	reg := func(i int) string { return fmt.Sprintf("%s%d", v.register, i) }
	and := "VPAND"
	if v.register == "Z" {
		and = "VPANDD"
	}
	a.op("MOVL", "$0xffff0000", "AX")
	a.op("VMOVD", "AX", "X8")
	a.op("VPBROADCASTD", "X8", reg(8))
	a.line("loop:")
	for j := range v.wide {
		a.op("VMOVUPS", fmt.Sprintf("%d(SI)", j*v.bytes), reg(j))
		a.op("VPSLLD", "$16", reg(j), reg(4+j%4))
		a.op(and, reg(j), reg(8), reg(j))
		a.op("VMOVUPS", reg(4+j%4), fmt.Sprintf("%d(DI)", j*v.bytes))
		a.op("VMOVUPS", reg(j), fmt.Sprintf("%d(DI)", 128+j*v.bytes))
	}
	a.op("ADDQ", "$128", "SI")
	a.op("ADDQ", "$256", "DI")
	a.op("DECQ", "CX")
	a.op("JNZ", "loop")
	a.op("VZEROUPPER")
	a.op("RET")
}

// round writes the rounding of float32 to bfloat16, to nearest and even, 16 at a time. What is
// not a number stays one: its quiet bit is set.
func round(a *assembly) {
	a.line("")
	a.line("// func roundAVX512(dst *uint16, src *float32, n int)")
	a.line("TEXT ·roundAVX512(SB), NOSPLIT, $0-24")
	a.op("MOVQ", "dst+0(FP)", "DI")
	a.op("MOVQ", "src+8(FP)", "SI")
	a.op("MOVQ", "n+16(FP)", "CX")
	for i, c := range []uint32{1, 0x7fff, 0x400000} {
		a.op("MOVL", fmt.Sprintf("$%#x", c), "AX")
		a.op("VPBROADCASTD", "AX", fmt.Sprintf("Z%d", 5+i))
	}
	a.op("MOVL", "$0xffff", "AX")
	a.op("KMOVW", "AX", "K1")
	a.line("loop:")
	a.op("CMPQ", "CX", "$16")
	a.op("JGE", "whole")
	a.op("MOVQ", "$-1", "AX")
	a.op("BZHIQ", "CX", "AX", "AX")
	a.op("KMOVW", "AX", "K1")
	a.line("whole:")
	a.op("VMOVUPS.Z", "(SI)", "K1", "Z0")
	a.op("VPSRLD", "$16", "Z0", "Z1")
	a.op("VPANDD", "Z5", "Z1", "Z1")
	a.op("VPADDD", "Z6", "Z1", "Z1")
	a.op("VPADDD", "Z0", "Z1", "Z1")
	a.op("VCMPPS", "$3", "Z0", "Z0", "K2") // unordered
	a.op("VPORD", "Z7", "Z0", "K2", "Z1")
	a.op("VPSRLD", "$16", "Z1", "Z1")
	a.op("VPMOVDW", "Z1", "K1", "(DI)")
	a.op("ADDQ", "$64", "SI")
	a.op("ADDQ", "$32", "DI")
	a.op("SUBQ", "$16", "CX")
	a.op("JGT", "loop")
	a.op("VZEROUPPER")
	a.op("RET")
}
