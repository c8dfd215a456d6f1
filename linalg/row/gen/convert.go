package main

import "fmt"

func init() {
	files["convert_amd64.s"] = func() string {
		a := newAssembly("convert.go")
		for _, c := range conversions {
			for _, register := range []string{"Y", "Z"} {
				c.write(a, register)
			}
		}
		return a.String()
	}
}

// conversion goes over a row, 16 elements at a time.
type conversion struct {
	name   string
	widens bool                                      // 16 bits to 32
	begin  func(a *assembly, register string)        // constants, from register number 8 on
	each   func(a *assembly, register, x, to string) // where one of them is in memory
}

// suffixes are those of functions, by register.
var suffixes = map[string]string{"Y": "AVX2", "Z": "AVX512"}

var conversions = []conversion{
	{"widenBF16", true, nil, func(a *assembly, r, x, to string) {
		a.op("VPMOVZXWD", x, r+"0")
		a.op("VPSLLD", "$16", r+"0", r+"0")
		a.op("VMOVUPS", r+"0", to)
	}},
	{"narrowBF16", false, beginNarrow, narrowBF16},
	{"widenF16", true, nil, func(a *assembly, r, x, to string) {
		a.op("VCVTPH2PS", x, r+"0")
		a.op("VMOVUPS", r+"0", to)
	}},
	{"narrowF16", false, nil, func(a *assembly, r, x, to string) {
		a.op("VMOVUPS", x, r+"0")
		a.op("VCVTPS2PH", "$0", r+"0", to)
	}},
}

// beginNarrow puts 0x7FFF, 1 and 0x40 into registers.
func beginNarrow(a *assembly, register string) {
	for i, n := range []int{0x7fff, 1, 0x40} {
		a.op("MOVL", fmt.Sprintf("$%d", n), "AX")
		a.op("VMOVD", "AX", fmt.Sprintf("X%d", 8+i))
		a.op("VPBROADCASTD", fmt.Sprintf("X%d", 8+i), fmt.Sprintf("%s%d", register, 8+i))
	}
}

// narrowBF16 adds what rounds to even, and takes the upper halves; of NaN the upper half stays,
// and is made quiet.
func narrowBF16(a *assembly, r, x, to string) {
	reg := func(i int) string { return fmt.Sprintf("%s%d", r, i) }
	and, or := "VPAND", "VPOR"
	if r == "Z" {
		and, or = "VPANDD", "VPORD"
	}
	a.op("VMOVUPS", x, reg(0))
	a.op("VPSRLD", "$16", reg(0), reg(1))
	a.op(and, reg(9), reg(1), reg(2))
	a.op("VPADDD", reg(8), reg(2), reg(2))
	a.op("VPADDD", reg(0), reg(2), reg(2))
	a.op("VPSRLD", "$16", reg(2), reg(2))
	a.op(or, reg(10), reg(1), reg(1))
	if r == "Z" {
		a.op("VCMPPS", "$3", reg(0), reg(0), "K1")
		a.op("VMOVDQU32", reg(1), "K1", reg(2))
		a.op("VPMOVDW", reg(2), to)
		return
	}
	a.op("VCMPPS", "$3", reg(0), reg(0), reg(3))
	a.op("VBLENDVPS", reg(3), reg(1), reg(2), reg(2))
	a.op("VPACKUSDW", reg(2), reg(2), reg(2))
	a.op("VPERMQ", "$8", reg(2), reg(2))
	a.op("VMOVDQU", "X2", to)
}

func (c conversion) write(a *assembly, register string) {
	bytes := 32 // of a register
	if register == "Z" {
		bytes = 64
	}
	from, to := bytes, bytes
	if c.widens {
		from /= 2
	} else {
		to /= 2
	}
	a.function(c.name+suffixes[register], 24)
	a.op("MOVQ", "dst+0(FP)", "DI")
	a.op("MOVQ", "x+8(FP)", "SI")
	a.op("MOVQ", "n+16(FP)", "CX")
	if c.begin != nil {
		c.begin(a, register)
	}
	a.line("more:")
	for i := range 64 / bytes {
		c.each(a, register, fmt.Sprintf("%d(SI)", i*from), fmt.Sprintf("%d(DI)", i*to))
	}
	a.op("ADDQ", fmt.Sprintf("$%d", 64/bytes*from), "SI")
	a.op("ADDQ", fmt.Sprintf("$%d", 64/bytes*to), "DI")
	a.op("SUBQ", "$16", "CX")
	a.op("JNZ", "more")
	a.op("VZEROUPPER")
	a.op("RET")
}
