package main

import (
	"fmt"
	"slices"
)

// instruction writes o for register q of those side by side. Go's order of operands is the
// reverse of the formula's.
func (w *vectorWriter) instruction(o operation, q int, args []string, result string) {
	half := q % w.halves()
	at := fmt.Sprintf("%d(%s)", q*w.bytes, w.pointers[min(o.index, len(w.pointers)-1)])
	switch o.name {
	case "load":
		w.load(at, half, result)
	case "store":
		w.store(args[0], half, at)
	case "part", "largest":
		w.gather(o, half, args[0])
	case "choose":
		comparison := fmt.Sprintf("$%d", o.index)
		if w.register == "Z" {
			w.a.op("VCMPPS", comparison, args[1], args[0], "K2")
			w.a.op("VBLENDMPS", args[2], args[3], "K2", result)
		} else {
			w.a.op("VCMPPS", comparison, args[1], args[0], result)
			w.a.op("VBLENDVPS", result, args[2], args[3], result)
		}
	case "VSQRTPS":
		w.a.op(o.name, args[0], result)
	case "VPSLLD":
		w.a.op(o.name, "$23", args[0], result)
	default:
		w.a.op(o.name, args[1], args[0], result)
	}
}

func (w *vectorWriter) load(from string, half int, to string) {
	switch {
	case !w.masked:
		w.a.op("VMOVUPS", from, to)
	case w.register == "Z":
		w.a.op("VMOVUPS.Z", from, "K1", to)
	default:
		w.a.op("VMASKMOVPS", from, w.reg(w.masks[half]), to)
	}
}

func (w *vectorWriter) store(x string, half int, to string) {
	switch {
	case !w.masked:
		w.a.op("VMOVUPS", x, to)
	case w.register == "Z":
		w.a.op("VMOVUPS", x, "K1", to)
	default:
		w.a.op("VMASKMOVPS", x, w.reg(w.masks[half]), to)
	}
}

// gather takes x into a part, which what a mask leaves out does not change. Of a maximum what
// is not greater, or no number, does not either.
func (w *vectorWriter) gather(o operation, half int, x string) {
	name, part := "VADDPS", w.reg(w.fixed[fmt.Sprint("part", o.index, half)])
	if o.name == "largest" {
		name = "VMAXPS"
	}
	switch {
	case !w.masked:
		w.a.op(name, part, x, part)
	case w.register == "Z":
		w.a.op(name, part, x, "K1", part)
	default:
		mask, r := w.reg(w.masks[half]), w.take()
		if o.name == "largest" {
			w.a.op("VBLENDVPS", mask, x, part, w.reg(r))
		} else {
			w.a.op("VANDPS", x, mask, w.reg(r))
		}
		w.a.op(name, part, w.reg(r), part)
		w.free = append(w.free, r)
	}
}

// has reports whether there is such an operation.
func (w *vectorWriter) has(name string) bool {
	return slices.ContainsFunc(w.code, func(o operation) bool { return o.name == name })
}

// fold takes the halves of a part into each other until its first element has all of it, which
// it writes. Of a zero and another the first half's stays. Nothing else needs the part's
// registers any more, nor registers 0 and 1.
func (w *vectorWriter) fold(part int, to string) {
	name := "VADDPS"
	if w.has("largest") {
		name = "VMAXPS"
	}
	first := w.fixed[fmt.Sprint("part", part, 0)]
	if w.register == "Z" {
		w.a.op("VEXTRACTF64X4", "$1", w.reg(first), "Y0")
		w.a.op(name, fmt.Sprintf("Y%d", first), "Y0", "Y0")
	} else {
		w.a.op(name, w.reg(first), w.reg(w.fixed[fmt.Sprint("part", part, 1)]), "Y0")
	}
	w.a.op("VEXTRACTF128", "$1", "Y0", "X1")
	w.a.op(name, "X0", "X1", "X0")
	w.a.op("VMOVHLPS", "X0", "X0", "X1")
	w.a.op(name, "X0", "X1", "X0")
	w.a.op("VMOVSHDUP", "X0", "X1")
	w.a.op(name, "X0", "X1", "X0")
	w.a.op("VMOVSS", "X0", to)
}

// rowMasks writes 16 ones and 16 zeros, as masks of AVX2.
func rowMasks(a *assembly) {
	a.line("")
	for i := range 16 {
		bits := uint64(1<<64 - 1)
		if i >= 8 {
			bits = 0
		}
		a.line("DATA rowMasks<>+%d(SB)/8, $%#016x", 8*i, bits)
	}
	a.line("GLOBL rowMasks<>(SB), RODATA|NOPTR, $128")
}
