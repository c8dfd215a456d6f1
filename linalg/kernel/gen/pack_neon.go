package main

import "fmt"

func init() { files["pack_arm64.s"] = packsNEON }

// packsNEON writes the transposition of eight columns, four rows at a time: the columns are
// vectors, which zips turn into halves of the rows.
func packsNEON() string {
	a := newAssembly("pack_neon.go")
	columns, stride, count, to := neonLeftRows, neonRowBytes, neonCount, neonTo
	vector := func(i int) string { return fmt.Sprintf("V%d.S4", i) }
	a.function("packNEON", 32)
	a.op("MOVD", "dst+0(FP)", to)
	a.op("MOVD", "src+8(FP)", columns[0])
	a.op("MOVD", "stride+16(FP)", stride)
	a.op("LSL", "$2", stride)
	a.op("MOVD", "quads+24(FP)", count)
	for i := 1; i < len(columns); i++ {
		a.op("ADD", stride, columns[i-1], columns[i])
	}
	a.line("loop:")
	for i, column := range columns {
		a.op("FMOVQ.P", fmt.Sprintf("16(%s)", column), fmt.Sprintf("F%d", i))
	}
	// Columns 0 to 3 are in registers 0 to 3. Their zips go to 8 to 11, and those, zipped
	// again, to 16, 18, 20 and 22: the left halves of the rows. The right ones stand beside.
	for half := range 2 {
		column, zipped, row := 4*half, 8+4*half, 16+half
		for i := range 2 {
			a.op("VZIP1", vector(column+2+i), vector(column+i), vector(zipped+2*i))
			a.op("VZIP2", vector(column+2+i), vector(column+i), vector(zipped+2*i+1))
		}
		for i := range 2 {
			a.op("VZIP1", vector(zipped+2+i), vector(zipped+i), vector(row+4*i))
			a.op("VZIP2", vector(zipped+2+i), vector(zipped+i), vector(row+4*i+2))
		}
	}
	for i := range 4 {
		a.op("FSTPQ", neonPair(16+2*i), fmt.Sprintf("%d(%s)", 128*i, to))
	}
	a.op("ADD", "$512", to)
	a.op("SUBS", "$1", count)
	a.op("BNE", "loop")
	a.op("RET")
	return a.String()
}
