package main

import "fmt"

// The kernels of int8 go over blocks of 64 elements. What they compute is in int8.go, as loops.

func init() {
	files["int8_amd64.s"] = func() string {
		a := newAssembly("int8.go")
		for _, register := range []string{"Y", "Z"} {
			w := int8Writer{assembly: a, register: register, lanes: 8}
			if register == "Z" {
				w.lanes = 16
			}
			w.largest()
			w.round()
			w.values()
		}
		int8Constants(a)
		return a.String()
	}
}

// int8Block is row.Int8Block.
const int8Block = 64

// int8Broadcast are constants, 16 of each behind each other; int8Other follow them.
var int8Broadcast = []struct {
	name string
	bits uint32
}{
	{"magnitude", 0x7FFFFFFF}, {"factor0", 0xED5AD4BB}, {"factor1", 0xAC4C1B51}, {"factor2", 0x31848BAB}, {"2^31", 0x4F000000}, {"1", 1},
}

// int8Constant is where one of them is: "0, 1, …" counts up, and "lanes" puts the four bytes of 8
// registers' halves in order.
func int8Constant(name string) string {
	at := map[string]int{"0, 1, …": len(int8Broadcast), "lanes": len(int8Broadcast) + 1}
	for i, c := range int8Broadcast {
		at[c.name] = i
	}
	return fmt.Sprintf("int8Constants<>+%d(SB)", 64*at[name])
}

func int8Constants(a *assembly) {
	a.line("")
	at := 0
	data := func(low, high uint32) {
		a.line("DATA int8Constants<>+%d(SB)/8, $%#08x%08x", at, high, low)
		at += 8
	}
	for _, c := range int8Broadcast {
		for range 8 {
			data(c.bits, c.bits)
		}
	}
	for i := range uint32(8) {
		data(2*i, 2*i+1)
	}
	for i := range uint32(4) {
		data(i, i+4)
	}
	a.line("GLOBL int8Constants<>(SB), RODATA|NOPTR, $%d", at)
}

// int8Writer writes kernels in one vector length.
type int8Writer struct {
	*assembly
	register string
	lanes    int // float32s of a register
}

func (w int8Writer) reg(i int) string { return fmt.Sprintf("%s%d", w.register, i) }

// op writes an instruction; bitwise ones have names of their own in the longer length.
func (w int8Writer) op(name string, operands ...string) {
	if w.register == "Z" && (name == "VPAND" || name == "VPXOR") {
		name += "D"
	}
	w.assembly.op(name, operands...)
}

// function starts a kernel.
func (w int8Writer) function(name string, arguments int) {
	w.assembly.function(name+suffixes[w.register], arguments)
}

// end writes the end of the loop over blocks, of which CX counts those left.
func (w int8Writer) end() {
	w.op("DECQ", "CX")
	w.op("JNZ", "more")
	w.op("VZEROUPPER")
	w.op("RET")
}

// broadcast puts 32 bits into every lane of a register.
func (w int8Writer) broadcast(from string, to int) {
	w.op("MOVL", from, "AX")
	w.op("VMOVD", "AX", fmt.Sprintf("X%d", to))
	w.op("VPBROADCASTD", fmt.Sprintf("X%d", to), w.reg(to))
}

// largest takes the maximum of the magnitudes' bits, and folds it in halves.
func (w int8Writer) largest() {
	w.function("int8Largest", 24)
	w.op("MOVQ", "largest+0(FP)", "DI")
	w.op("MOVQ", "x+8(FP)", "SI")
	w.op("MOVQ", "blocks+16(FP)", "CX")
	w.op("VMOVUPS", int8Constant("magnitude"), w.reg(8))
	w.line("more:")
	registers := int8Block / w.lanes
	for i := range registers {
		w.op("VPAND", fmt.Sprintf("%d(SI)", 4*w.lanes*i), w.reg(8), w.reg(i))
	}
	for half := registers / 2; half > 0; half /= 2 {
		for i := range half {
			w.op("VPMAXSD", w.reg(i+half), w.reg(i), w.reg(i))
		}
	}
	if w.register == "Z" {
		w.op("VEXTRACTI64X4", "$1", "Z0", "Y1")
		w.op("VPMAXSD", "Y1", "Y0", "Y0")
	}
	w.op("VEXTRACTI128", "$1", "Y0", "X1")
	w.op("VPMAXSD", "X1", "X0", "X0")
	w.op("VPSHUFD", "$0x4E", "X0", "X1")
	w.op("VPMAXSD", "X1", "X0", "X0")
	w.op("VPSHUFD", "$0xB1", "X0", "X1")
	w.op("VPMAXSD", "X1", "X0", "X0")
	w.op("VMOVD", "X0", "(DI)")
	w.op("ADDQ", "$4", "DI")
	w.op("ADDQ", fmt.Sprintf("$%d", 4*int8Block), "SI")
	w.end()
}

// Registers of round: the indices of the next elements, the key's halves, what divides.
const (
	int8Index = 8 + iota
	int8First
	int8Second
	int8Divisor
	int8Step
	int8Lanes
)

func (w int8Writer) round() {
	w.function("int8Round", 44)
	w.op("MOVQ", "q+0(FP)", "DI")
	w.op("MOVQ", "x+8(FP)", "SI")
	w.op("MOVQ", "divisors+16(FP)", "DX")
	w.op("MOVQ", "blocks+24(FP)", "CX")
	for i, argument := range []string{"counter+32(FP)", "first+36(FP)", "second+40(FP)"} {
		w.broadcast(argument, int8Index+i)
	}
	w.op("VPADDD", int8Constant("0, 1, …"), w.reg(int8Index), w.reg(int8Index))
	w.broadcast(fmt.Sprintf("$%d", w.lanes), int8Step)
	if w.register == "Y" {
		w.op("VMOVDQU", int8Constant("lanes"), w.reg(int8Lanes))
	}
	w.line("more:")
	w.op("VBROADCASTSS", "(DX)", w.reg(int8Divisor))
	for i := range int8Block / w.lanes {
		x := fmt.Sprintf("%d(SI)", 4*w.lanes*i)
		if w.register == "Z" {
			w.roundOne(x, 0, 1, 2)
			w.op("VPMOVDB", "Z0", fmt.Sprintf("%d(DI)", w.lanes*i))
			continue
		}
		w.roundOne(x, i%4, 4, 5)
		if i%4 == 3 {
			w.op("VPACKSSDW", "Y1", "Y0", "Y0")
			w.op("VPACKSSDW", "Y3", "Y2", "Y2")
			w.op("VPACKSSWB", "Y2", "Y0", "Y0")
			w.op("VPERMD", "Y0", w.reg(int8Lanes), "Y0")
			w.op("VMOVDQU", "Y0", fmt.Sprintf("%d(DI)", 32*(i/4)))
		}
	}
	w.op("ADDQ", "$4", "DX")
	w.op("ADDQ", fmt.Sprintf("$%d", 4*int8Block), "SI")
	w.op("ADDQ", fmt.Sprintf("$%d", int8Block), "DI")
	w.end()
}

// roundOne leaves the integers of the elements at x in register to, and uses two others.
func (w int8Writer) roundOne(x string, to, h, s int) {
	n, bits, t := w.reg(to), w.reg(h), w.reg(s)
	w.op("VPXOR", w.reg(int8First), w.reg(int8Index), bits)
	w.op("VPADDD", w.reg(int8Step), w.reg(int8Index), w.reg(int8Index))
	for i, shift := range []int{17, 11, 15, 14} {
		w.op("VPSRLD", fmt.Sprintf("$%d", shift), bits, t)
		w.op("VPXOR", t, bits, bits)
		if i == 1 {
			w.op("VPADDD", w.reg(int8Second), bits, bits)
		}
		if i < 3 {
			w.op("VPMULLD", int8Constant(fmt.Sprint("factor", i)), bits, bits)
		}
	}
	w.op("VPSRLD", "$1", bits, bits)

	spare := w.reg(h + 2) // 3 of the longer registers, 6 of the shorter
	w.op("VMOVUPS", x, t)
	w.op("VPAND", int8Constant("magnitude"), t, t)
	w.op("VDIVPS", w.reg(int8Divisor), t, t)
	if w.register == "Z" {
		w.op("VCMPPS", "$7", t, t, "K1")
		w.op("VMOVUPS.Z", t, "K1", t)
	} else {
		w.op("VCMPPS", "$7", t, t, spare)
		w.op("VPAND", spare, t, t)
	}
	w.op("VCVTTPS2DQ", t, n)
	w.op("VCVTDQ2PS", n, spare)
	w.op("VSUBPS", spare, t, t)
	w.op("VMULPS", int8Constant("2^31"), t, t)
	w.op("VCVTTPS2DQ", t, t)
	if w.register == "Z" {
		w.op("VPCMPGTD", bits, t, "K1")
		w.op("VPADDD", int8Constant("1"), n, "K1", n)
	} else {
		w.op("VPCMPGTD", bits, t, t) // −1 where it holds
		w.op("VPSUBD", t, n, n)
	}
	w.op("VMOVUPS", x, t)
	w.op("VPSRAD", "$31", t, t)
	w.op("VPXOR", t, n, n)
	w.op("VPSUBD", t, n, n)
}

func (w int8Writer) values() {
	w.function("int8Values", 32)
	w.op("MOVQ", "dst+0(FP)", "DI")
	w.op("MOVQ", "q+8(FP)", "SI")
	w.op("MOVQ", "scales+16(FP)", "DX")
	w.op("MOVQ", "blocks+24(FP)", "CX")
	w.line("more:")
	w.op("VBROADCASTSS", "(DX)", w.reg(8))
	for i := range int8Block / w.lanes {
		r := w.reg(i % 8)
		w.op("VPMOVSXBD", fmt.Sprintf("%d(SI)", w.lanes*i), r)
		w.op("VCVTDQ2PS", r, r)
		w.op("VMULPS", w.reg(8), r, r)
		w.op("VMOVUPS", r, fmt.Sprintf("%d(DI)", 4*w.lanes*i))
	}
	w.op("ADDQ", "$4", "DX")
	w.op("ADDQ", fmt.Sprintf("$%d", int8Block), "SI")
	w.op("ADDQ", fmt.Sprintf("$%d", 4*int8Block), "DI")
	w.end()
}
