package main

import "fmt"

func init() { files["outer_amd64.s"] = outers }

// outers writes sums of outer products of rows that are not packed.
func outers() string {
	a := newAssembly("outer_x86.go")
	outer(a, vectors{"outerAVX512", "Z", 64, 8, 3, false})
	outer(a, vectors{"outerAVX2", "Y", 32, 4, 2, false})
	return a.String()
}

// outerAhead is the logarithm of how many rows of b are asked for before they are multiplied:
// they are far apart, and the processor sees no stream in them. Where there is something else to
// ask for, b is in cache: as much of that is.
const outerAhead = 5

// outer writes a loop over k for each number of rows: accumulators come first, then a row of b,
// then two elements of a in turn. Columns that do not exist are masked.
func outer(a *assembly, v vectors) {
	a.line("")
	a.line("// func %s(t *tile)", v.name)
	a.line("TEXT ·%s(SB), NOSPLIT, $0-8", v.name)
	a.op("MOVQ", "t+0(FP)", "DI")
	a.op("MOVQ", "tile_a(DI)", left)
	a.op("MOVQ", "tile_cs(DI)", columnBytes)
	a.op("SHLQ", "$2", columnBytes)
	a.op("MOVQ", "tile_b(DI)", right)
	a.op("MOVQ", "tile_ldb(DI)", "R9")
	a.op("SHLQ", "$2", "R9")
	a.op("MOVQ", "R9", "R10")
	a.op("SHLQ", fmt.Sprintf("$%d", outerAhead), "R10")
	a.op("ADDQ", right, "R10")
	a.op("MOVQ", "R9", "R11")
	a.op("MOVQ", "tile_next(DI)", "AX")
	a.op("TESTQ", "AX", "AX")
	a.op("JZ", "ahead")
	a.op("MOVQ", "AX", "R10")
	a.op("MOVQ", fmt.Sprintf("$%d", v.wide*v.bytes), "R11")
	a.line("ahead:")
	a.op("MOVQ", "tile_k(DI)", count)
	v.masks(a)
	if v.register == "Z" {
		a.op("MOVQ", "tile_cols(DI)", "AX")
		a.op("MOVQ", "$-1", "BX")
		a.op("BZHIQ", "AX", "BX", "BX")
		a.op("SHRQ", "$32", "BX")
		a.op("KMOVW", "BX", "K3")
	}
	a.op("MOVQ", "tile_c(DI)", from)
	a.op("MOVQ", "tile_ldc(DI)", fromBytes)
	a.op("SHLQ", "$2", fromBytes)
	a.op("MOVQ", "tile_rows(DI)", "R15")
	v.choose(a, v.wide)
	for rows := v.rows; rows > 0; rows-- {
		v.outerRows(a, rows)
	}
}

// outerRows writes the loop of so many rows of c.
func (v vectors) outerRows(a *assembly, rows int) {
	reg := func(i int) string { return fmt.Sprintf("%s%d", v.register, i) }
	b := func(j int) string { return reg(rows*v.wide + j) }
	x := func(i int) string { return reg((rows+1)*v.wide + i%2) }
	loop := label(rows, v.wide) + "loop"
	a.line("")
	a.line("%s:", label(rows, v.wide))
	for i := range rows {
		for j := range v.wide {
			v.load(a, j, reg(i*v.wide+j))
		}
		if i+1 < rows {
			a.op("ADDQ", fromBytes, from)
		}
	}
	a.line("%s:", loop)
	for j := range v.wide {
		at := fmt.Sprintf("%d(%s)", j*v.bytes, right)
		if v.register == "Z" {
			a.op("VMOVUPS.Z", at, fmt.Sprintf("K%d", j+1), b(j))
		} else {
			a.op("VMASKMOVPS", at, fmt.Sprintf("Y%d", 14+j), b(j))
		}
	}
	for at := 0; at < v.wide*v.bytes; at += 64 {
		a.op("PREFETCHT0", fmt.Sprintf("%d(R10)", at))
	}
	for i := range rows {
		a.op("VBROADCASTSS", fmt.Sprintf("%d(%s)", 4*i, left), x(i))
		for j := range v.wide {
			a.op("VFMADD231PS", b(j), x(i), reg(i*v.wide+j))
		}
	}
	a.op("ADDQ", columnBytes, left)
	a.op("ADDQ", "R9", right)
	a.op("ADDQ", "R11", "R10")
	a.op("DECQ", count)
	a.op("JNZ", loop)
	a.op("MOVQ", "tile_c(DI)", from)
	for i := range rows {
		for j := range v.wide {
			v.store(a, j, reg(i*v.wide+j))
		}
		if i+1 < rows {
			a.op("ADDQ", fromBytes, from)
		}
	}
	a.op("VZEROUPPER")
	a.op("RET")
}
