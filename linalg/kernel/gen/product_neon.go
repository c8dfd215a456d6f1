package main

import "fmt"

func init() { files["product_arm64.s"] = productsNEON }

// neonRows is the number of rows of the largest tile, which has two vectors of columns.
const neonRows = 8

// The registers of a NEON tile: R0 holds the *tile. Vectors 0 to 15 are the sums, two a row;
// 16 to 23 elements of a, 24 to 31 of b.
const (
	neonRowBytes, neonColumnBytes = "R2", "R3" // rs and cs
	neonRight, neonCount          = "R4", "R5" // b, k
	neonFrom, neonFromBytes       = "R6", "R7" // init, and the bytes to its next row
	neonTo, neonToBytes           = "R8", "R9" // c
	neonRowCount                  = "R10"
	neonLeft, neonB               = 16, 24
)

// neonLeftRows are the registers that point to rows of a.
var neonLeftRows = [neonRows]string{"R1", "R11", "R12", "R13", "R14", "R15", "R16", "R17"}

// productsNEON writes the tiles for each number of rows, and the peak's loop. NEON's
// multiply-add by one element of a vector needs no copies of that element; Go's assembler
// does not have it, so it is written as a word.
func productsNEON() string {
	a := newAssembly("product_neon.go")
	a.function("tileNEON", 8)
	a.op("MOVD", "t+0(FP)", "R0")
	a.op("MOVD", "tile_a(R0)", neonLeftRows[0])
	a.op("MOVD", "tile_b(R0)", neonRight)
	a.op("MOVD", "tile_k(R0)", neonCount)
	a.op("MOVD", "tile_init(R0)", neonFrom)
	a.op("MOVD", "tile_c(R0)", neonTo)
	a.op("MOVD", "tile_rows(R0)", neonRowCount)
	for _, stride := range [][2]string{
		{"rs", neonRowBytes}, {"cs", neonColumnBytes}, {"ldi", neonFromBytes}, {"ldc", neonToBytes},
	} {
		a.op("MOVD", fmt.Sprintf("tile_%s(R0)", stride[0]), stride[1])
		a.op("LSL", "$2", stride[1])
	}
	for rows := neonRows; rows > 1; rows-- {
		a.op("CMP", fmt.Sprintf("$%d", rows), neonRowCount)
		a.op("BEQ", neonLabel(rows, ""))
	}
	for rows := 1; rows <= neonRows; rows++ {
		neonTile(a, rows)
	}
	neonPeak(a)
	return a.String()
}

func neonLabel(rows int, part string) string { return fmt.Sprintf("rows%d%s", rows, part) }

// neonTile writes one number of rows: loops over k for both ways that a can lie.
func neonTile(a *assembly, rows int) {
	a.line("")
	a.line("%s:", neonLabel(rows, ""))
	for i := range rows {
		a.op("FLDPQ", fmt.Sprintf("(%s)", neonFrom), neonPair(2*i))
		if i+1 < rows {
			a.op("ADD", neonFromBytes, neonFrom)
		}
	}
	a.op("CBZ", neonCount, neonLabel(rows, "store"))
	a.op("CMP", "$4", neonRowBytes)
	a.op("BEQ", neonLabel(rows, "column"))
	for i := 1; i < rows; i++ {
		a.op("ADD", neonRowBytes, neonLeftRows[i-1], neonLeftRows[i])
	}
	neonFours(a, rows)
	neonOnes(a, rows)
	neonColumns(a, rows)
	a.line("%s:", neonLabel(rows, "store"))
	for i := range rows {
		a.op("FSTPQ", neonPair(2*i), fmt.Sprintf("(%s)", neonTo))
		if i+1 < rows {
			a.op("ADD", neonToBytes, neonTo)
		}
	}
	a.op("RET")
}

// neonFours writes the loop for rows of a that lie in one piece each: four elements of each
// at once, as long as there are four.
func neonFours(a *assembly, rows int) {
	a.op("SUBS", "$4", neonCount)
	a.op("BLT", neonLabel(rows, "fewer"))
	a.line("%s:", neonLabel(rows, "four"))
	for i := range rows {
		a.op("FMOVQ.P", fmt.Sprintf("16(%s)", neonLeftRows[i]), fmt.Sprintf("F%d", neonLeft+i))
	}
	for k := range 4 {
		a.op("FLDPQ", fmt.Sprintf("%d(%s)", 128*k, neonRight), neonPair(neonB+2*k))
	}
	for k := range 4 {
		for i := range rows {
			neonMultiplyAdd(a, i, neonLeft+i, k, neonB+2*k)
		}
	}
	a.op("ADD", "$512", neonRight)
	a.op("SUBS", "$4", neonCount)
	a.op("BGE", neonLabel(rows, "four"))
	a.line("%s:", neonLabel(rows, "fewer"))
	a.op("ADDS", "$4", neonCount)
	a.op("BEQ", neonLabel(rows, "store"))
}

// neonOnes writes the loop that takes what is left, one element of each row at a time.
func neonOnes(a *assembly, rows int) {
	a.line("%s:", neonLabel(rows, "one"))
	for i := range rows {
		a.op("FMOVS", fmt.Sprintf("(%s)", neonLeftRows[i]), fmt.Sprintf("F%d", neonLeft+i))
		a.op("ADD", neonColumnBytes, neonLeftRows[i])
	}
	a.op("FLDPQ", fmt.Sprintf("(%s)", neonRight), neonPair(neonB))
	for i := range rows {
		neonMultiplyAdd(a, i, neonLeft+i, 0, neonB)
	}
	neonNext(a, rows, "one")
	a.op("B", neonLabel(rows, "store"))
}

// neonColumns writes the loop for an a whose columns lie in one piece each: a transposed one.
func neonColumns(a *assembly, rows int) {
	a.line("%s:", neonLabel(rows, "column"))
	at := func(i int) (vector, lane int) { return neonLeft + i/4, i % 4 }
	first, source := fmt.Sprintf("F%d", neonLeft), fmt.Sprintf("(%s)", neonLeftRows[0])
	switch {
	case rows == 1:
		a.op("FMOVS", source, first)
	case rows < 4: // the second and the third overlap
		a.op("FMOVD", source, first)
		a.op("FMOVD", fmt.Sprintf("%d%s", 4*(rows-2), source), fmt.Sprintf("F%d", neonLeft+1))
		at = func(i int) (vector, lane int) {
			if i < 2 {
				return neonLeft, i
			}
			return neonLeft + 1, i - (rows - 2)
		}
	case rows == 4:
		a.op("FMOVQ", source, first)
	default: // the last four, of which some are among the first
		a.op("FMOVQ", source, first)
		a.op("FMOVQ", fmt.Sprintf("%d%s", 4*(rows-4), source), fmt.Sprintf("F%d", neonLeft+1))
		at = func(i int) (vector, lane int) {
			if i < 4 {
				return neonLeft, i
			}
			return neonLeft + 1, i - (rows - 4)
		}
	}
	a.op("FLDPQ", fmt.Sprintf("(%s)", neonRight), neonPair(neonB))
	for i := range rows {
		vector, lane := at(i)
		neonMultiplyAdd(a, i, vector, lane, neonB)
	}
	a.op("ADD", neonColumnBytes, neonLeftRows[0])
	neonNext(a, rows, "column")
}

// neonNext goes on to the next row of b, while there is one.
func neonNext(a *assembly, rows int, loop string) {
	a.op("ADD", "$128", neonRight)
	a.op("SUBS", "$1", neonCount)
	a.op("BNE", neonLabel(rows, loop))
}

// neonMultiplyAdd adds the product of an element of a and two vectors of b to a row's sums.
func neonMultiplyAdd(a *assembly, row, vector, lane, b int) {
	for j := range 2 {
		n, d := b+j, 2*row+j
		word := 0x4f801000 | lane&1<<21 | vector<<16 | lane>>1<<11 | n<<5 | d
		a.line("\tWORD $%#08x // FMLA V%d.S[%d], V%d.S4, V%d.S4", word, vector, lane, n, d)
	}
}

func neonPair(v int) string { return fmt.Sprintf("(F%d, F%d)", v, v+1) }

// neonPeak writes n rounds of 24 independent chains in registers.
func neonPeak(a *assembly) {
	a.function("fmasNEON", 8)
	a.op("MOVD", "n+0(FP)", neonCount)
	for i := range 26 {
		v := fmt.Sprintf("V%d.B16", i)
		a.op("VEOR", v, v, v)
	}
	a.line("loop:")
	for i := range 24 {
		a.op("VFMLA", "V24.S4", "V25.S4", fmt.Sprintf("V%d.S4", i))
	}
	a.op("SUBS", "$1", neonCount)
	a.op("BNE", "loop")
	a.op("RET")
}
