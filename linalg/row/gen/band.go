package main

import "fmt"

// A band kernel is a row kernel that goes over several rows, so that what a call costs, and
// what the end of a row waits for, is not there for each. Scalar 0 is the same for all rows;
// scalars 1 and 2 are numbers that each row has of its own.
var bandKernelList = []rowKernel{
	{name: "largest", scalars: 1, body: func(v *vectorCode) { v.largest(0, v.mul(v.load(0), v.scalar(0))) }},
	{name: "expSum", scalars: 2, body: func(v *vectorCode) { // x = exp(α·x − top)
		e := v.exp(v.sub(v.mul(v.load(0), v.scalar(0)), v.scalar(1)))
		v.store(0, e)
		v.addTo(0, e)
	}},
	{name: "slopes", scalars: 3, body: slopes},
	{name: "dot", body: func(v *vectorCode) { v.addTo(0, v.mul(v.load(0), v.load(1))) }},
	{name: "product", scalars: 2, body: func(v *vectorCode) { // y = α·x + 0
		v.store(0, v.add(v.mul(v.load(1), v.scalar(1)), v.constant(0)))
	}},
	{name: "addPositive", body: addPositive},
}

// bandKernels writes all of them in one vector length.
func bandKernels(a *assembly, register string, bytes int, suffix string) {
	for _, k := range bandKernelList {
		code := new(vectorCode)
		k.body(code)
		writer := &vectorWriter{a: a, register: register, bytes: bytes, kernel: k, code: code.code, pointers: []string{"R12", "R13"}}
		writer.writeBand(k.name + "Band" + suffix)
	}
}

// The general registers of a band: DI holds the *band, CX the elements left in a row, and these
// what the next row has.
var bandRows, bandNumbers = []string{"R8", "R9"}, []string{"R10", "R11"}

const bandCounts, bandResults, bandLeft = "BX", "DX", "SI"

// writeBand writes the kernel's function.
func (w *vectorWriter) writeBand(name string) {
	rows, parts := w.needs()
	w.a.line("")
	w.a.line("// func %s(b *band)", name)
	w.a.line("TEXT ·%s(SB), NOSPLIT, $0-8", name)
	w.a.op("MOVQ", "b+0(FP)", "DI")
	w.a.op("MOVQ", "band_counts(DI)", bandCounts)
	w.a.op("MOVQ", "band_results(DI)", bandResults)
	w.a.op("MOVQ", "band_n(DI)", bandLeft)
	for i := range 2 {
		w.a.op("MOVQ", fmt.Sprintf("(band_rows+%d)(DI)", 8*i), bandRows[i])
		w.a.op("MOVQ", fmt.Sprintf("(band_numbers+%d)(DI)", 8*i), bandNumbers[i])
	}
	w.fix(parts)
	if w.kernel.scalars > 0 {
		w.a.op("VBROADCASTSS", "band_scalar(DI)", w.reg(w.fixed["scalar0"]))
	}
	w.a.line("row:")
	w.a.op("MOVQ", "("+bandCounts+")", "CX")
	for i := range rows {
		w.a.op("MOVQ", bandRows[i], w.pointers[i])
	}
	w.beginRow(parts)
	w.elements(rows)
	if parts > 0 {
		w.fold(0, "("+bandResults+")")
		w.a.op("ADDQ", "$4", bandResults)
	}
	w.a.op("ADDQ", "$8", bandCounts)
	for i := range rows {
		w.a.op("ADDQ", fmt.Sprintf("(band_strides+%d)(DI)", 8*i), bandRows[i])
	}
	for i := range w.kernel.scalars - 1 {
		w.a.op("ADDQ", "$4", bandNumbers[i])
	}
	w.a.op("DECQ", bandLeft)
	w.a.op("JNZ", "row")
	w.a.op("VZEROUPPER")
	w.a.op("RET")
}

// beginRow loads a row's own numbers, and empties its parts.
func (w *vectorWriter) beginRow(parts int) {
	for i := 1; i < w.kernel.scalars; i++ {
		w.a.op("VBROADCASTSS", "("+bandNumbers[i-1]+")", w.reg(w.fixed[fmt.Sprint("scalar", i)]))
	}
	for i := range parts {
		for h := range w.halves() {
			r := w.reg(w.fixed[fmt.Sprint("part", i, h)])
			if w.has("largest") {
				w.a.op("VMOVUPS", constants.place(0xff800000), r) // −∞
			} else {
				w.a.op("VXORPS", r, r, r)
			}
		}
	}
}

// bandMethods writes the methods of band that choose between vector lengths.
func bandMethods() string {
	text := "\n// banded reports whether there are kernels of several rows at the level in use.\nfunc banded() bool { return vectors() }\n"
	for _, k := range bandKernelList {
		text += fmt.Sprintf("\nfunc (b *band) %[1]s() {\n\tif kernel.Current() == kernel.AVX512 {\n\t\t%[1]sBandAVX512(b)\n\t} else {\n\t\t%[1]sBandAVX2(b)\n\t}\n}\n", k.name)
		for _, suffix := range []string{"AVX512", "AVX2"} {
			text += fmt.Sprintf("\n//go:noescape\nfunc %sBand%s(b *band)\n", k.name, suffix)
		}
	}
	return text
}

// bandPanics writes the same for processors that there are none for.
func bandPanics() string {
	text := "\n// banded says that there are no kernels of several rows.\nfunc banded() bool { return false }\n"
	for _, k := range bandKernelList {
		text += fmt.Sprintf("\nfunc (*band) %s() { panic(\"row: no kernels\") }\n", k.name)
	}
	return text
}
