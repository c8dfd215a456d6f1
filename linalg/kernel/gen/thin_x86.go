package main

import "fmt"

func init() { files["thin_amd64.s"] = thin }

// thin writes a tile of sixteen rows and eight columns in which a register has a column: eight
// elements of every row of a are turned around, so that a register has one of each row, and are
// multiplied by eight elements of b. That takes half as many multiplications as registers of
// which eight columns are half.
func thin() string {
	a := newAssembly("thin_x86.go")
	v := vectors{"thinAVX512", "Z", 64, 16, 1, false}
	v.open(a)
	a.op("MOVQ", "tile_next(DI)", next)
	a.op("MOVQ", "tile_c(DI)", "DX")
	for j := range thinColumns {
		a.op("VMOVUPS", fmt.Sprintf("%d(DX)", 64*j), z(j))
	}
	a.op("SUBQ", fmt.Sprintf("$%d", thinTerms), count)
	a.op("JLT", "rest")
	a.line("loop:")
	loadTerms(a)
	turnTerms(a)
	for i := range thinTerms {
		a.op("PREFETCHT1", fmt.Sprintf("%d(%s)", 64*i, next))
		addTerm(a, i)
	}
	a.op("ADDQ", fmt.Sprintf("$%d", 64*thinTerms), next)
	nextTerms(a, v.rows, thinTerms, 4*thinColumns)
	a.op("SUBQ", fmt.Sprintf("$%d", thinTerms), count)
	a.op("JGE", "loop")
	a.line("rest:")
	a.op("ADDQ", fmt.Sprintf("$%d", thinTerms), count)
	a.op("JZ", "store")
	a.op("MOVQ", "$-1", "AX")
	a.op("BZHIQ", count, "AX", "AX")
	a.op("KMOVW", "AX", "K1") // of the terms that are left
	a.op("SHLQ", "$8", "AX")
	a.op("KMOVW", "AX", "K2")
	loadMasked(a)
	turnTerms(a)
	for i := range thinTerms - 1 {
		addTerm(a, i)
		a.op("DECQ", count)
		a.op("JZ", "store")
	}
	a.line("store:")
	for j := range thinColumns {
		a.op("VMOVUPS", z(j), fmt.Sprintf("%d(DX)", 64*j))
	}
	a.op("VZEROUPPER")
	a.op("RET")
	return a.String()
}

// A tile has so many columns, each in a register of all rows, and so many terms are turned around
// at a time.
const thinColumns, thinTerms = 8, 8

func z(i int) string { return fmt.Sprintf("Z%d", i) }
func y(i int) string { return fmt.Sprintf("Y%d", i) }

// halves are the rows of which register i gets the terms: of the second in its upper half.
func halves(i int) (lower, upper int) { return i%4 + i/4*8, i%4 + i/4*8 + 4 }

// loadTerms takes eight terms of every row into Z8 to Z15.
func loadTerms(a *assembly) {
	for i := range 8 {
		lower, upper := halves(i)
		a.op("VMOVUPS", leftElement(lower, 0), y(8+i))
		a.op("VINSERTF32X8", "$1", leftElement(upper, 0), z(8+i), z(8+i))
	}
}

// loadMasked does so for those terms that there are.
func loadMasked(a *assembly) {
	for i := range 8 {
		lower, upper := halves(i)
		a.op("VMOVUPS.Z", leftElement(lower, 0), "K1", y(8+i))
		a.op("VEXPANDPS", leftElement(upper, 0), "K2", z(8+i))
	}
}

// turnTerms turns what Z8 to Z15 have: afterwards Z24 has the first term of every row, Z25 the
// second one, and so on. Four rows at a time come together, then their terms, then all rows.
func turnTerms(a *assembly) {
	for i := 0; i < 8; i += 2 { // Z16+i: terms 0 and 1 of two rows; Z17+i: terms 2 and 3
		a.op("VUNPCKLPS", z(9+i), z(8+i), z(16+i))
		a.op("VUNPCKHPS", z(9+i), z(8+i), z(17+i))
	}
	for half := range 2 { // Z8+4·half+i: terms i and 4+i of four rows
		for i := range 2 {
			first, second := z(16+4*half+i), z(18+4*half+i)
			a.op("VUNPCKLPD", second, first, z(8+4*half+2*i))
			a.op("VUNPCKHPD", second, first, z(9+4*half+2*i))
		}
	}
	for i := range 4 {
		a.op("VSHUFF32X4", "$0x88", z(12+i), z(8+i), z(24+i))
		a.op("VSHUFF32X4", "$0xdd", z(12+i), z(8+i), z(28+i))
	}
}

// addTerm adds the products of a term.
func addTerm(a *assembly, term int) {
	for j := range thinColumns {
		a.op("VFMADD231PS.BCST", fmt.Sprintf("%d(%s)", 4*(thinColumns*term+j), right), z(24+term), z(j))
	}
}
