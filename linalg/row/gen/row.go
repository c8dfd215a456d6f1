package main

import (
	"fmt"
	"math"
)

// A row kernel computes the same for every element of some rows, 16 at a time. It is written
// once, as operations on vectors of 16; what follows turns these into the instructions of a
// vector length. Nothing is fused, and nothing depends on another element but sums and the
// maximum, whose 16 parts stay apart.

// rowKernel is one of them.
type rowKernel struct {
	name    string
	scalars int // that stand for a vector each
	body    func(v *vectorCode)
}

// value is a vector in the code: the result of an operation, by number.
type value int

// operation is a step of the code. Operands are in the order of its formula.
type operation struct {
	name     string // of the instruction, or load, store, scalar, constant
	operands []value
	index    int // which row, scalar or part
	bits     uint32
}

// vectorCode collects a kernel's operations.
type vectorCode struct{ code []operation }

func (v *vectorCode) do(name string, operands ...value) value {
	v.code = append(v.code, operation{name: name, operands: operands})
	return value(len(v.code) - 1)
}

func (v *vectorCode) indexed(name string, index int, operands ...value) value {
	v.code = append(v.code, operation{name: name, operands: operands, index: index})
	return value(len(v.code) - 1)
}

func (v *vectorCode) load(row int) value     { return v.indexed("load", row) }
func (v *vectorCode) store(row int, x value) { v.indexed("store", row, x) }
func (v *vectorCode) scalar(i int) value     { return v.indexed("scalar", i) }
func (v *vectorCode) add(x, y value) value   { return v.do("VADDPS", x, y) }
func (v *vectorCode) sub(x, y value) value   { return v.do("VSUBPS", x, y) }
func (v *vectorCode) mul(x, y value) value   { return v.do("VMULPS", x, y) }
func (v *vectorCode) div(x, y value) value   { return v.do("VDIVPS", x, y) }
func (v *vectorCode) sqrt(x value) value     { return v.do("VSQRTPS", x) }
func (v *vectorCode) shift(x value) value    { return v.do("VPSLLD", x) } // to the exponent's place
func (v *vectorCode) and(x, y value) value   { return v.do("VANDPS", x, y) }

// larger and smaller return x where it is that, and else y: NaN stays where it is y.
func (v *vectorCode) larger(x, y value) value  { return v.do("VMAXPS", x, y) }
func (v *vectorCode) smaller(x, y value) value { return v.do("VMINPS", x, y) }

func (v *vectorCode) addTo(part int, x value)   { v.indexed("part", part, x) }
func (v *vectorCode) largest(part int, x value) { v.indexed("largest", part, x) }

func (v *vectorCode) constant(x float64) value { return v.pattern(math.Float32bits(float32(x))) }

func (v *vectorCode) pattern(bits uint32) value {
	v.code = append(v.code, operation{name: "constant", bits: bits})
	return value(len(v.code) - 1)
}

// choose returns yes where the comparison of x with y holds, and no elsewhere.
func (v *vectorCode) choose(comparison int, x, y, yes, no value) value {
	return v.indexed("choose", comparison, x, y, yes, no)
}

// Comparisons, as the processor numbers them.
const (
	less    = 17
	greater = 30
)

// polynomial is Horner's: ((c0·x + c1)·x + c2)·x + …
func (v *vectorCode) polynomial(x value, coefficients ...float64) value {
	sum := v.constant(coefficients[0])
	for _, c := range coefficients[1:] {
		sum = v.add(v.mul(sum, x), v.constant(c))
	}
	return sum
}

// rowKernels writes all of them in one vector length.
func rowKernels(a *assembly, register string, bytes int, suffix string) {
	for _, k := range rowKernelList {
		code := new(vectorCode)
		k.body(code)
		writer := &vectorWriter{a: a, register: register, bytes: bytes, kernel: k, code: code.code}
		writer.write(k.name + suffix)
	}
}

// constants are the patterns that the code needs, 16 of each behind each other.
type constantTable struct {
	list  []uint32
	index map[uint32]int
}

var constants = constantTable{index: map[uint32]int{}}

func (t *constantTable) place(bits uint32) string {
	i, ok := t.index[bits]
	if !ok {
		i = len(t.list)
		t.index[bits] = i
		t.list = append(t.list, bits)
	}
	return fmt.Sprintf("rowConstants<>+%d(SB)", 64*i)
}

func (t *constantTable) write(a *assembly) {
	a.line("")
	for i, bits := range t.list {
		for j := range 8 {
			a.line("DATA rowConstants<>+%d(SB)/8, $%#08x%08x", 64*i+8*j, bits, bits)
		}
	}
	a.line("GLOBL rowConstants<>(SB), RODATA|NOPTR, $%d", 64*len(t.list))
}
