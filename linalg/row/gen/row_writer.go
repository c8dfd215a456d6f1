package main

import "fmt"

// vectorWriter turns a kernel's code into the instructions of one vector length. A vector of 16
// is one ZMM or two YMM registers; in the second case the code is written twice, the second
// time for the upper half.
type vectorWriter struct {
	a        *assembly
	register string
	bytes    int // of a register
	kernel   rowKernel
	code     []operation

	lastUse []int          // by value
	places  map[value]int  // registers of values that are still needed
	free    []int          // registers
	fixed   map[string]int // scalars and parts
}

// The general registers: DI holds the *row, CX the vectors left, and these point to the rows.
var rowPointers = []string{"R8", "R9", "R10", "R11", "R12"}

func (w *vectorWriter) reg(i int) string { return fmt.Sprintf("%s%d", w.register, i) }

func (w *vectorWriter) halves() int { return 64 / w.bytes }

func (w *vectorWriter) write(name string) {
	w.lastUse = make([]int, len(w.code))
	rows, parts := 0, 0
	for i, o := range w.code {
		for _, x := range o.operands {
			w.lastUse[x] = i
		}
		switch o.name {
		case "load", "store":
			rows = max(rows, o.index+1)
		case "part", "largest":
			parts = max(parts, o.index+1)
		}
	}
	w.a.line("")
	w.a.line("// func %s(r *row)", name)
	w.a.line("TEXT ·%s(SB), NOSPLIT, $0-8", name)
	w.a.op("MOVQ", "r+0(FP)", "DI")
	w.a.op("MOVQ", "row_vectors(DI)", "CX")
	for i := range rows {
		w.a.op("MOVQ", fmt.Sprintf("(row_rows+%d)(DI)", 8*i), rowPointers[i])
	}
	next := 512 / w.bytes * 2 // 16 registers of 32 bytes, 32 of 64 bytes
	if w.register == "Y" {
		next = 16
	} else {
		next = 32
	}
	w.fixed = map[string]int{}
	for i := range w.kernel.scalars {
		next--
		w.fixed[fmt.Sprint("scalar", i)] = next
		w.a.op("VBROADCASTSS", fmt.Sprintf("(row_scalars+%d)(DI)", 4*i), w.reg(next))
	}
	for i := range parts {
		for h := range w.halves() {
			next--
			w.fixed[fmt.Sprint("part", i, h)] = next
			w.a.op("VMOVUPS", fmt.Sprintf("(row_parts+%d)(DI)", 64*i+w.bytes*h), w.reg(next))
		}
	}
	w.a.line("loop:")
	for h := range w.halves() {
		w.body(h, next)
	}
	for i := range rows {
		w.a.op("ADDQ", "$64", rowPointers[i])
	}
	w.a.op("DECQ", "CX")
	w.a.op("JNZ", "loop")
	for i := range parts {
		for h := range w.halves() {
			w.a.op("VMOVUPS", w.reg(w.fixed[fmt.Sprint("part", i, h)]), fmt.Sprintf("(row_parts+%d)(DI)", 64*i+w.bytes*h))
		}
	}
	w.a.op("VZEROUPPER")
	w.a.op("RET")
}

// body writes the code for one half (or the whole) of a vector.
func (w *vectorWriter) body(half, registers int) {
	w.places, w.free = map[value]int{}, nil
	for i := registers - 1; i >= 0; i-- {
		w.free = append(w.free, i)
	}
	for i, o := range w.code {
		w.operation(half, value(i), o)
	}
}

// operand is the register of a value, or the place of a constant.
func (w *vectorWriter) operand(x value) string {
	switch o := w.code[x]; o.name {
	case "constant":
		return constants.place(o.bits)
	case "scalar":
		return w.reg(w.fixed[fmt.Sprint("scalar", o.index)])
	}
	return w.reg(w.places[x])
}

// inRegister is operand for instructions that take no memory there.
func (w *vectorWriter) inRegister(x value) (register string, release func()) {
	if w.code[x].name != "constant" {
		return w.operand(x), func() {}
	}
	r := w.take()
	w.a.op("VMOVUPS", w.operand(x), w.reg(r))
	return w.reg(r), func() { w.free = append(w.free, r) }
}

func (w *vectorWriter) take() int {
	if len(w.free) == 0 {
		panic(fmt.Sprintf("gen: %s needs more registers than there are", w.kernel.name))
	}
	r := w.free[len(w.free)-1]
	w.free = w.free[:len(w.free)-1]
	return r
}

// release frees the registers of values whose last use is i.
func (w *vectorWriter) release(i value, operands []value) {
	for _, x := range operands {
		if r, ok := w.places[x]; ok && w.lastUse[x] == int(i) {
			w.free = append(w.free, r)
			delete(w.places, x)
		}
	}
}

func (w *vectorWriter) operation(half int, i value, o operation) {
	at := fmt.Sprintf("%d(%s)", half*w.bytes, rowPointers[min(o.index, len(rowPointers)-1)])
	switch o.name {
	case "constant", "scalar":
	case "load":
		w.places[i] = w.take()
		w.a.op("VMOVUPS", at, w.reg(w.places[i]))
	case "store":
		r, release := w.inRegister(o.operands[0])
		w.a.op("VMOVUPS", r, at)
		release()
		w.release(i, o.operands)
	case "part", "largest":
		part, name := w.reg(w.fixed[fmt.Sprint("part", o.index, half)]), "VADDPS"
		if o.name == "largest" {
			name = "VMAXPS" // what is not greater, or no number, leaves the part as it is
			w.a.op(name, part, w.operand(o.operands[0]), part)
		} else {
			w.a.op(name, w.operand(o.operands[0]), part, part)
		}
		w.release(i, o.operands)
	case "choose":
		w.choose(i, o)
	case "VSQRTPS", "VPSLLD":
		x, release := w.inRegister(o.operands[0])
		release()
		w.release(i, o.operands)
		w.places[i] = w.take()
		if o.name == "VPSLLD" {
			w.a.op("VPSLLD", "$23", x, w.reg(w.places[i]))
		} else {
			w.a.op("VSQRTPS", x, w.reg(w.places[i]))
		}
	default:
		w.binary(i, o)
	}
}

// binary writes an instruction of two operands: Go's order is the reverse of the formula's.
func (w *vectorWriter) binary(i value, o operation) {
	name := o.name
	switch {
	case name == "VAND" && w.register == "Z":
		name = "VPANDD"
	case name == "VAND":
		name = "VPAND"
	}
	x, release := w.inRegister(o.operands[0])
	y := w.operand(o.operands[1])
	release()
	w.release(i, o.operands)
	w.places[i] = w.take()
	w.a.op(name, y, x, w.reg(w.places[i]))
}

// choose writes a comparison and what it decides.
func (w *vectorWriter) choose(i value, o operation) {
	x, releaseX := w.inRegister(o.operands[0])
	y := w.operand(o.operands[1])
	yes := w.operand(o.operands[2])
	no, releaseNo := w.inRegister(o.operands[3])
	r := w.take()
	comparison := fmt.Sprintf("$%d", o.index)
	if w.register == "Z" {
		w.a.op("VCMPPS", comparison, y, x, "K1")
		w.a.op("VBLENDMPS", yes, no, "K1", w.reg(r))
	} else {
		w.a.op("VCMPPS", comparison, y, x, w.reg(r))
		w.a.op("VBLENDVPS", w.reg(r), yes, no, w.reg(r))
	}
	releaseX()
	releaseNo()
	w.release(i, o.operands)
	w.places[i] = r
}
