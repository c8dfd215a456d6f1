package main

import (
	"fmt"
	"slices"
)

// vectorWriter turns a kernel's code into the instructions of one vector length. A vector of 16
// is one ZMM or two YMM registers. Several registers go through the code side by side, since an
// operation takes about four cycles and two can begin in each; then single vectors, and at the
// end a part of one, under a mask.
type vectorWriter struct {
	a        *assembly
	register string
	bytes    int // of a register
	kernel   rowKernel
	code     []operation
	pointers []string // to the rows

	lastUse []int          // by value
	fixed   map[string]int // registers of scalars and parts
	masks   []int          // of AVX2, in the part of a vector
	masked  bool
	first   int             // the first of the registers side by side, counted from the loop's
	held    map[value][]int // registers of values that are still needed
	free    []int           // registers
	short   bool            // there were too few
}

// The general registers: DI holds the *row, CX the elements left, and these point to the rows.
var rowPointers = []string{"R8", "R9", "R10", "R11", "R12", "R13"}

func (w *vectorWriter) reg(i int) string { return fmt.Sprintf("%s%d", w.register, i) }

func (w *vectorWriter) halves() int { return 64 / w.bytes }

// needs counts the rows and parts that the code has, and finds where values are used last.
func (w *vectorWriter) needs() (rows, parts int) {
	w.lastUse = make([]int, len(w.code))
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
	return rows, parts
}

func (w *vectorWriter) write(name string) {
	w.pointers = rowPointers
	rows, parts := w.needs()
	w.a.line("")
	w.a.line("// func %s(r *row)", name)
	w.a.line("TEXT ·%s(SB), NOSPLIT, $0-8", name)
	w.a.op("MOVQ", "r+0(FP)", "DI")
	w.a.op("MOVQ", "row_count(DI)", "CX")
	for i := range rows {
		w.a.op("MOVQ", fmt.Sprintf("(row_rows+%d)(DI)", 8*i), rowPointers[i])
	}
	w.fix(parts)
	for i := range w.kernel.scalars {
		w.a.op("VBROADCASTSS", fmt.Sprintf("(row_scalars+%d)(DI)", 4*i), w.reg(w.fixed[fmt.Sprint("scalar", i)]))
	}
	for i := range parts {
		for h := range w.halves() {
			w.a.op("VMOVUPS", fmt.Sprintf("(row_parts+%d)(DI)", 64*i+w.bytes*h), w.reg(w.fixed[fmt.Sprint("part", i, h)]))
		}
	}
	w.elements(rows)
	for i := range parts {
		w.fold(i, fmt.Sprintf("(row_parts+%d)(DI)", 64*i))
	}
	w.a.op("VZEROUPPER")
	w.a.op("RET")
}

// elements writes what goes over the elements, and ends at done.
func (w *vectorWriter) elements(rows int) {
	w.loop("several", 4/w.halves(), rows)
	w.loop("single", 1, rows)
	w.rest()
	w.a.line("done:")
}

// fix gives scalars and parts their registers, numbered from 31 or 15 down, and frees the others.
func (w *vectorWriter) fix(parts int) {
	next := w.bytes / 2 // 16 registers of 32 bytes, 32 of 64 bytes
	w.fixed = map[string]int{}
	fixed := func(what string) {
		next--
		w.fixed[what] = next
	}
	for i := range w.kernel.scalars {
		fixed(fmt.Sprint("scalar", i))
	}
	for i := range parts {
		for h := range w.halves() {
			fixed(fmt.Sprint("part", i, h))
		}
	}
	for i := range next {
		w.free = append(w.free, next-1-i)
	}
}

// loop goes over as many vectors at once as there are, while there are.
func (w *vectorWriter) loop(name string, vectors, rows int) {
	n := fmt.Sprintf("$%d", 16*vectors)
	w.a.op("CMPQ", "CX", n)
	w.a.op("JLT", name+"End")
	w.a.line("%s:", name)
	w.body(vectors * w.halves())
	for i := range rows {
		w.a.op("ADDQ", fmt.Sprintf("$%d", 64*vectors), w.pointers[i])
	}
	w.a.op("SUBQ", n, "CX")
	w.a.op("CMPQ", "CX", n)
	w.a.op("JGE", name)
	w.a.line("%sEnd:", name)
}

// rest writes the code for less than a vector.
func (w *vectorWriter) rest() {
	w.a.op("TESTQ", "CX", "CX")
	w.a.op("JLE", "done")
	w.masked = true
	if w.register == "Z" {
		w.a.op("MOVL", "$-1", "AX")
		w.a.op("BZHIL", "CX", "AX", "AX")
		w.a.op("KMOVW", "AX", "K1")
	} else { // what begins 16−n elements behind the first of rowMasks has n ones first
		w.a.op("LEAQ", "rowMasks<>+64(SB)", "AX")
		w.a.op("SHLQ", "$2", "CX")
		w.a.op("SUBQ", "CX", "AX")
		for h := range 2 {
			r := w.take()
			w.masks = append(w.masks, r)
			w.a.op("VMOVUPS", fmt.Sprintf("%d(AX)", 32*h), w.reg(r))
		}
	}
	w.body(w.halves())
}

// body writes the code for so many registers: as many as possible side by side.
func (w *vectorWriter) body(registers int) {
	a, free := w.a, slices.Clone(w.free)
	for side := registers; ; side /= 2 {
		w.a, w.free, w.short = new(assembly), slices.Clone(free), false
		for w.first = 0; w.first < registers; w.first += side {
			w.held = map[value][]int{}
			for i, o := range w.code {
				w.operation(value(i), o, side)
			}
		}
		if !w.short {
			a.text.WriteString(w.a.text.String())
			w.a, w.free = a, free
			return
		}
		if side == 1 {
			panic(fmt.Sprintf("gen: %s needs more registers than there are", w.kernel.name))
		}
	}
}

func (w *vectorWriter) take() int {
	if len(w.free) == 0 {
		w.short = true
		return 0
	}
	r := w.free[len(w.free)-1]
	w.free = w.free[:len(w.free)-1]
	return r
}

// operation writes o for the registers side by side.
func (w *vectorWriter) operation(i value, o operation, side int) {
	if o.name == "constant" || o.name == "scalar" {
		return
	}
	outer, borrowed := w.outer(o)
	result := make([]int, side)
	for q := range side {
		args := make([]string, len(o.operands))
		for j, x := range o.operands {
			if args[j] = outer[j]; args[j] == "" {
				args[j] = w.reg(w.held[x][q])
			}
		}
		if o.name == "choose" { // two instructions, which read to the end
			result[q] = w.take()
		}
		for j, x := range o.operands {
			if w.held[x] != nil && w.lastUse[x] == int(i) && !slices.Contains(o.operands[:j], x) {
				w.free = append(w.free, w.held[x][q])
			}
		}
		switch o.name {
		case "choose", "store", "part", "largest":
		default:
			result[q] = w.take()
		}
		w.instruction(o, w.first+q, args, w.reg(result[q]))
	}
	switch o.name {
	case "store", "part", "largest":
	default:
		w.held[i] = result
	}
	w.free = append(w.free, borrowed...)
}

// outer returns the operands that are the same for all registers: scalars and constants. The
// second operand of an instruction may be in memory, the third of a choice, too.
func (w *vectorWriter) outer(o operation) (operands []string, borrowed []int) {
	operands = make([]string, len(o.operands))
	for j, x := range o.operands {
		switch from := w.code[x]; from.name {
		case "scalar":
			operands[j] = w.reg(w.fixed[fmt.Sprint("scalar", from.index)])
		case "constant":
			operands[j] = constants.place(from.bits)
			if j == 1 || j == 2 {
				continue
			}
			r := w.take()
			w.a.op("VMOVUPS", operands[j], w.reg(r))
			operands[j], borrowed = w.reg(r), append(borrowed, r)
		}
	}
	return operands, borrowed
}
