package main

import "fmt"

func init() { files["product_amd64.s"] = products }

// vectors is what differs between the two vector lengths of amd64.
type vectors struct {
	name       string // of the function
	register   string // Z or Y
	bytes      int
	rows, wide int  // of the largest tile; wide counts vectors
	pairs      bool // elements are pairs of bfloat16, whose products are added to float32
}

// products writes the tiles of a product: for each number of rows and vectors a loop over
// k in which every element of c has its own place in a register.
func products() string {
	a := newAssembly("product_x86.go")
	tiles(a, vectors{"tileAVX512", "Z", 64, 14, 2, false})
	tiles(a, vectors{"tileAVX2", "Y", 32, 6, 2, false})
	peak(a, vectors{"fmasAVX512", "Z", 64, 24, 1, false})
	peak(a, vectors{"fmasAVX2", "Y", 32, 12, 1, false})
	return a.String()
}

// peak writes n rounds of independent chains in registers: as fast as the processor can.
func peak(a *assembly, v vectors) {
	a.line("")
	a.line("// func %s(n int)", v.name)
	a.line("TEXT ·%s(SB), NOSPLIT, $0-8", v.name)
	a.op("MOVQ", "n+0(FP)", "CX")
	reg := func(i int) string { return fmt.Sprintf("%s%d", v.register, i) }
	for i := range v.rows + 2 {
		a.op("VXORPS", reg(i), reg(i), reg(i))
	}
	a.line("loop:")
	for i := range v.rows {
		a.op("VFMADD231PS", reg(v.rows), reg(v.rows+1), reg(i))
	}
	a.op("DECQ", "CX")
	a.op("JNZ", "loop")
	a.op("VZEROUPPER")
	a.op("RET")
}

// The registers that every tile uses: DI holds the *tile.
const (
	left, rowBytes, columnBytes = "R8", "R13", "DX" // a, rs and cs in bytes
	right, count                = "SI", "CX"        // b, k
	from, fromBytes             = "AX", "BX"        // init or c, and the bytes to the next row
	next                        = "AX"              // what is fetched while terms are multiplied
)

// leftRows are the registers that point to rows 0, 3, 6, 9, 12 and 15 of a. The last is for tiles
// that need no fromBytes meanwhile.
var leftRows = []string{left, "R9", "R10", "R11", "R12", fromBytes}

func tiles(a *assembly, v vectors) {
	v.open(a)
	a.op("MOVQ", "tile_cs(DI)", columnBytes)
	a.op("SHLQ", "$2", columnBytes)
	v.masks(a)
	pointToSums(a)
	a.op("CMPQ", "tile_cols(DI)", fmt.Sprintf("$%d", v.bytes/4))
	a.op("JLE", "narrow")
	v.choose(a, 2)
	a.line("narrow:")
	v.choose(a, 1)
	for wide := v.wide; wide > 0; wide-- {
		for rows := v.rows; rows > 0; rows-- {
			v.tile(a, rows, wide)
		}
	}
}

// open begins the function of a tile: it points to rows of a and to b, and counts its terms.
func (v vectors) open(a *assembly) {
	a.line("")
	a.line("// func %s(t *tile)", v.name)
	a.line("TEXT ·%s(SB), NOSPLIT, $0-8", v.name)
	a.op("MOVQ", "t+0(FP)", "DI")
	a.op("MOVQ", "tile_a(DI)", left)
	a.op("MOVQ", "tile_rs(DI)", rowBytes)
	a.op("SHLQ", "$2", rowBytes)
	a.op("MOVQ", "tile_b(DI)", right)
	a.op("MOVQ", "tile_k(DI)", count)
	for i := 1; i < (v.rows+2)/3; i++ { // leftRows[i] = leftRows[i-1] + 3·rowBytes
		a.op("LEAQ", fmt.Sprintf("(%s)(%s*2)", leftRows[i-1], rowBytes), leftRows[i])
		a.op("ADDQ", rowBytes, leftRows[i])
	}
}

// pointToSums points to what the sums start from, and puts the number of rows into R15.
func pointToSums(a *assembly) {
	a.op("MOVQ", "tile_init(DI)", from)
	a.op("MOVQ", "tile_ldi(DI)", fromBytes)
	a.op("SHLQ", "$2", fromBytes)
	a.op("MOVQ", "tile_rows(DI)", "R15")
}

// choose jumps to the tile of R15 rows: by halves, and on.
func (v vectors) choose(a *assembly, wide int) {
	for rows := v.rows; rows > 1; rows-- {
		a.op("CMPQ", "R15", fmt.Sprintf("$%d", rows))
		a.op("JEQ", label(rows, wide))
	}
	a.op("JMP", label(1, wide))
}

func label(rows, wide int) string { return fmt.Sprintf("rows%dwide%d", rows, wide) }

// masks sets K1 and K2, or Y14 and Y15, to the columns that exist.
func (v vectors) masks(a *assembly) {
	if v.register == "Z" {
		opMasks(a)
		return
	}
	a.op("MOVQ", "tile_cols(DI)", "AX")
	a.op("LEAQ", "·columnMasks(SB)", "BX")
	a.op("SHLQ", "$2", "AX")
	a.op("SUBQ", "AX", "BX") // 16 columns exist: 16 ones come first
	a.op("VMOVUPS", "64(BX)", "Y14")
	a.op("VMOVUPS", "96(BX)", "Y15")
}

// opMasks sets K1 and K2 to the columns that exist.
func opMasks(a *assembly) {
	a.op("MOVQ", "tile_cols(DI)", "AX")
	a.op("MOVQ", "$-1", "BX")
	a.op("BZHIQ", "AX", "BX", "BX")
	a.op("KMOVW", "BX", "K1")
	a.op("SHRQ", "$16", "BX")
	a.op("KMOVW", "BX", "K2")
}

// tile writes the loop of one size. Accumulators come first; two registers hold a row of b,
// and two elements of a in turn.
func (v vectors) tile(a *assembly, rows, wide int) {
	across, store := label(rows, wide)+"across", label(rows, wide)+"store"
	a.line("")
	a.line("%s:", label(rows, wide))
	v.loadRows(a, rows, wide)
	a.op("TESTQ", count, count)
	a.op("JZ", store)
	a.op("CMPQ", columnBytes, "$4")
	a.op("JNE", across)
	v.along(a, rows, wide, store)
	a.line("%s:", across)
	v.across(a, rows, wide, store)
	a.line("%s:", store)
	v.storeRows(a, rows, wide)
}

// loadRows takes what the sums start from into the first registers, row by row.
func (v vectors) loadRows(a *assembly, rows, wide int) {
	v.eachRow(a, rows, wide, v.load)
}

// storeRows writes the sums to c, and returns. Whole vectors are written without a mask: what is
// masked can't be read before it has come to the cache, behind all else that is written.
func (v vectors) storeRows(a *assembly, rows, wide int) {
	part := label(rows, wide) + "part"
	a.op("CMPQ", "tile_cols(DI)", fmt.Sprintf("$%d", wide*v.bytes/4))
	a.op("JLT", part)
	pointToC(a)
	v.eachRow(a, rows, wide, v.storeWhole)
	a.op("VZEROUPPER")
	a.op("RET")
	a.line("%s:", part)
	v.masksAgain(a)
	pointToC(a)
	v.eachRow(a, rows, wide, v.store)
	a.op("VZEROUPPER")
	a.op("RET")
}

// pointToC points to where the sums go.
func pointToC(a *assembly) {
	a.op("MOVQ", "tile_c(DI)", from)
	a.op("MOVQ", "tile_ldc(DI)", fromBytes)
	a.op("SHLQ", "$2", fromBytes)
}

// eachRow does something with the vectors of every row, and the registers of their sums.
func (v vectors) eachRow(a *assembly, rows, wide int, do func(a *assembly, j int, register string)) {
	for i := range rows {
		for j := range wide {
			do(a, j, fmt.Sprintf("%s%d", v.register, i*wide+j))
		}
		if i+1 < rows {
			a.op("ADDQ", fromBytes, from)
		}
	}
}

// leftElement is the place of the k-th element of row i of a, from where the pointers are.
func leftElement(i, k int) string {
	if i%3 == 0 {
		return fmt.Sprintf("%d(%s)", 4*k, leftRows[i/3])
	}
	return fmt.Sprintf("%d(%s)(%s*%d)", 4*k, leftRows[i/3], rowBytes, i%3)
}

// panelBytes are those of a term in a panel of b.
const panelBytes = 128

// nextTerms moves the pointers on by so many terms, for each of which b has so many bytes.
func nextTerms(a *assembly, rows, n, bytes int) {
	for i := range (rows + 2) / 3 {
		a.op("ADDQ", fmt.Sprintf("$%d", 4*n), leftRows[i])
	}
	a.op("ADDQ", fmt.Sprintf("$%d", bytes*n), right)
}

// fetching is how a tile goes over what it asks for: list points behind what it is at, of which left
// lines, or pairs of them, are still to come.
type fetching struct{ list, also, step, left string }

// begin takes the first of the list.
func (f fetching) begin(a *assembly) {
	a.op("LEAQ", "tile_fetches(DI)", f.list)
	f.more(a)
}

// more takes the next.
func (f fetching) more(a *assembly) {
	for i, register := range []string{next, f.also, f.step, f.left} {
		a.op("MOVQ", fmt.Sprintf("%d(%s)", 8*i, f.list), register)
	}
	a.op("ADDQ", "$32", f.list)
}

// ask asks for a line or two, in the second cache: its rows may all compete for one set of the first.
// What waits for memory holds up what follows, if it is much at once. Where there is no more, it goes
// on at more, which comes back.
func (f fetching) ask(a *assembly, more string) {
	a.op("PREFETCHT1", "("+next+")")
	a.op("PREFETCHT1", "("+next+")("+f.also+"*1)")
	a.op("ADDQ", f.step, next)
	a.op("DECQ", f.left)
	a.op("JZ", more)
	a.line("%sback:", more)
}

// comesBack writes what is at more.
func (f fetching) comesBack(a *assembly, more string) {
	a.line("%s:", more)
	f.more(a)
	a.op("JMP", more+"back")
}

// Additions to pointers take places from multiplications, so that loops are unrolled.

// along writes the loop for rows of a that lie in one piece each, which ends at store.
func (v vectors) along(a *assembly, rows, wide int, store string) {
	const unroll = 4
	one, four := label(rows, wide)+"one", label(rows, wide)+"four"
	terms := func(n int) {
		for k := range n {
			v.term(a, rows, wide, k, func(i int) string { return leftElement(i, k) })
		}
		nextTerms(a, rows, n, panelBytes)
	}
	f := fetching{list: "R14", also: fromBytes, step: "R15", left: columnBytes}
	f.begin(a)
	a.op("SUBQ", fmt.Sprintf("$%d", unroll), count)
	a.op("JLT", one+"first")
	a.line("%s:", four)
	f.ask(a, four+"more")
	terms(unroll)
	a.op("SUBQ", fmt.Sprintf("$%d", unroll), count)
	a.op("JGE", four)
	a.line("%s:", one+"first")
	a.op("ADDQ", fmt.Sprintf("$%d", unroll), count)
	a.op("JZ", store)
	a.line("%s:", one)
	terms(1)
	a.op("DECQ", count)
	a.op("JNZ", one)
	a.op("JMP", store)
	f.comesBack(a, four+"more")
}

// across writes the loop for columns of a that lie in one piece each, which ends at store.
func (v vectors) across(a *assembly, rows, wide int, store string) {
	loop := label(rows, wide) + "loop"
	f := fetching{list: "R14", also: fromBytes, step: "R15", left: rowBytes}
	f.begin(a)
	a.line("%s:", loop)
	f.ask(a, loop+"more")
	v.term(a, rows, wide, 0, func(i int) string { return fmt.Sprintf("%d(%s)", 4*i, left) })
	a.op("ADDQ", columnBytes, left)
	a.op("ADDQ", "$128", right)
	a.op("DECQ", count)
	a.op("JNZ", loop)
	a.op("JMP", store)
	f.comesBack(a, loop+"more")
}

// ahead is how many bytes before they are multiplied a panel's elements are asked for.
const ahead = 4096

// term writes the multiplications of the k-th term from where the pointers are: at is the
// place of the element of a in row i.
func (v vectors) term(a *assembly, rows, wide, k int, at func(i int) string) {
	reg := func(i int) string { return fmt.Sprintf("%s%d", v.register, i) }
	b := func(j int) string { return reg(rows*wide + j) }
	x := func(i int) string { return reg((rows+1)*wide + i%2) }
	for j := range wide {
		a.op("VMOVUPS", fmt.Sprintf("%d(%s)", 128*k+j*v.bytes, right), b(j))
	}
	for j := 0; j < wide*v.bytes; j += 64 {
		a.op("PREFETCHT0", fmt.Sprintf("%d(%s)", ahead+128*k+j, right))
	}
	for i := range rows {
		a.op("VBROADCASTSS", at(i), x(i))
		for j := range wide {
			if v.pairs {
				addPairs(a, i*wide+j, (rows+1)*wide+i%2, rows*wide+j)
			} else {
				a.op("VFMADD231PS", b(j), x(i), reg(i*wide+j))
			}
		}
	}
}

// load takes vector j of a row into a register, columns that do not exist as 0.
func (v vectors) load(a *assembly, j int, register string) {
	at := fmt.Sprintf("%d(%s)", j*v.bytes, from)
	if v.register == "Z" {
		a.op("VMOVUPS.Z", at, fmt.Sprintf("K%d", j+1), register)
		return
	}
	a.op("VMASKMOVPS", at, fmt.Sprintf("Y%d", 14+j), register)
}

func (v vectors) store(a *assembly, j int, register string) {
	at := fmt.Sprintf("%d(%s)", j*v.bytes, from)
	if v.register == "Z" {
		a.op("VMOVUPS", register, fmt.Sprintf("K%d", j+1), at)
		return
	}
	a.op("VMASKMOVPS", register, fmt.Sprintf("Y%d", 14+j), at)
}

func (v vectors) storeWhole(a *assembly, j int, register string) {
	a.op("VMOVUPS", register, fmt.Sprintf("%d(%s)", j*v.bytes, from))
}

// masksAgain restores what the loop used as registers.
func (v vectors) masksAgain(a *assembly) {
	if v.register == "Y" {
		v.masks(a)
	}
}
