package main

import "fmt"

func init() {
	files["stream_amd64.s"] = func() string {
		a := newAssembly("stream.go")
		for _, register := range []string{"Y", "Z"} {
			stream(a, register)
		}
		a.function("fence", 0)
		a.op("SFENCE")
		a.op("RET")
		return a.String()
	}
}

// stream copies a line of memory at a time past the caches.
func stream(a *assembly, register string) {
	bytes := map[string]int{"Y": 32, "Z": 64}[register]
	a.function("stream"+suffixes[register], 24)
	a.op("MOVQ", "dst+0(FP)", "DI")
	a.op("MOVQ", "x+8(FP)", "SI")
	a.op("MOVQ", "n+16(FP)", "CX")
	a.line("more:")
	for at := 0; at < 64; at += bytes {
		a.op("VMOVUPS", fmt.Sprintf("%d(SI)", at), register+"0")
		a.op("VMOVNTPS", register+"0", fmt.Sprintf("%d(DI)", at))
	}
	a.op("ADDQ", "$64", "SI")
	a.op("ADDQ", "$64", "DI")
	a.op("SUBQ", "$16", "CX")
	a.op("JNZ", "more")
	a.op("VZEROUPPER")
	a.op("RET")
}
