package main

import "fmt"

func init() {
	files["narrow_amd64.s"] = func() string {
		a := newAssembly("narrow_x86.go")
		narrow(a, vectors{"narrow8AVX512", "Y", 32, 14, 1, false})
		narrow(a, vectors{"narrow16AVX512", "Z", 64, 14, 1, false})
		return a.String()
	}
}

// narrow writes tiles of one vector, which is what a row of b is, for rows of a that lie one behind
// the other. They have so few terms for an element of a that it is a that has to be fetched in
// time: the rows that follow those of the tile, a line of each with every line that is multiplied.
func narrow(a *assembly, v vectors) {
	v.open(a)
	opMasks(a)
	pointToSums(a)
	v.choose(a, 1)
	for rows := v.rows; rows > 0; rows-- {
		v.narrowRows(a, rows)
	}
}

// narrowRows writes the loop of so many rows.
func (v vectors) narrowRows(a *assembly, rows int) {
	const line = 16 // elements
	sum := func(i int) string { return fmt.Sprintf("%s%d", v.register, i) }
	name := label(rows, 1)
	a.line("")
	a.line("%s:", name)
	v.eachRow(a, rows, 1, func(a *assembly, _ int, register string) {
		a.op("VMOVUPS.Z", "("+from+")", "K1", register)
	})
	terms := func(n int) {
		for k := range n { // without asking for b, which takes places from a
			a.op("VMOVUPS", fmt.Sprintf("%d(%s)", v.bytes*k, right), sum(rows))
			for i := range rows {
				x := sum(rows + 1 + i%2)
				a.op("VBROADCASTSS", leftElement(i, k), x)
				a.op("VFMADD231PS", sum(rows), x, sum(i))
			}
		}
		nextTerms(a, rows, n, v.bytes)
	}
	a.op("MOVQ", "tile_next(DI)", next)
	a.op("SUBQ", fmt.Sprintf("$%d", line), count)
	a.op("JLT", name+"rest")
	a.line("%s:", name+"line")
	for quarter := range 4 {
		for i := quarter; i < rows; i += 4 {
			a.op("PREFETCHT1", fmt.Sprintf("%d(%s)", 64*i, next))
		}
		terms(line / 4)
	}
	a.op("ADDQ", fmt.Sprintf("$%d", 64*rows), next)
	a.op("SUBQ", fmt.Sprintf("$%d", line), count)
	a.op("JGE", name+"line")
	a.line("%s:", name+"rest")
	a.op("ADDQ", fmt.Sprintf("$%d", line), count)
	a.op("JZ", name+"store")
	a.line("%s:", name+"one")
	terms(1)
	a.op("DECQ", count)
	a.op("JNZ", name+"one")
	a.line("%s:", name+"store")
	pointToC(a)
	v.eachRow(a, rows, 1, func(a *assembly, _ int, register string) {
		a.op("VMOVUPS", register, "K1", "("+from+")")
	})
	a.op("VZEROUPPER")
	a.op("RET")
}
