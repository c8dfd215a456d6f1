package kernels_test

import (
	"math"
	"testing"

	"github.com/gradientlearning/cola/linalg"
	"github.com/gradientlearning/cola/linalg/reference"
)

func TestElementwise(t *testing.T) {
	forTypes(t, func(b bench, dtype linalg.DType) {
		r := newSource()
		for _, n := range lengths {
			x, y := r.numbers(dtype, n, 1), r.numbers(dtype, n, 1)
			sum := poisoned(dtype, n)
			want := y.wide()
			reference.Axpy(want, 1, x.wide())
			b.launch(name("cola_add", dtype), elements, 256, sum, y, x, int64(n))
			b.check("add", sum, want, absolute(want), unit)

			want = y.wide()
			reference.Scale(want, -0.37)
			b.launch(name("cola_scale", dtype), elements, 256, y, float32(-0.37), int64(n))
			b.check("scale", y, want, absolute(want), 2*unit)
		}
	})
}

func TestAxpy(t *testing.T) {
	b, r := newBench(t), newSource()
	for _, yType := range []linalg.DType{linalg.F32, linalg.BF16} {
		for _, xType := range []linalg.DType{linalg.F32, linalg.BF16} {
			for _, n := range lengths {
				x, y := r.numbers(xType, n, 1), r.numbers(yType, n, 1)
				want, size := y.wide(), absolute(y.wide())
				reference.Axpy(want, 0.3, x.wide())
				reference.Axpy(size, 0.3, absolute(x.wide()))
				b.launch(name("cola_axpy", yType, xType), elements, 256, y, float32(0.3), x, int64(n))
				b.check(name("axpy", yType, xType), y, want, size, 3*unit)
			}
		}
	}
}

func TestReLU(t *testing.T) {
	forTypes(t, func(b bench, dtype linalg.DType) {
		r := newSource()
		for _, n := range lengths {
			values := r.numbers(dtype, n, 1).wide()
			copy(values, []float64{math.NaN(), math.Inf(1), math.Inf(-1), 0, math.Copysign(0, -1), 0x1p-126, -0x1p-126})
			x, g := hold(dtype, values), r.numbers(dtype, n, 1)
			y, dx, want := poisoned(dtype, n), poisoned(dtype, n), make([]float64, n)
			reference.ReLU(want, x.wide())
			b.launch(name("cola_relu", dtype), elements, 256, y, x, int64(n))
			b.check("ReLU", y, want, nil, 0)
			reference.ReLUBackward(want, g.wide(), y.wide())
			b.launch(name("cola_relu_backward", dtype), elements, 256, dx, g, y, int64(n))
			b.check("ReLUBackward", dx, want, nil, 0)
			b.launch(name("cola_relu_backward", dtype), elements, 256, g, g, y, int64(n))
			b.check("ReLUBackward in place", g, want, nil, 0)
		}
	})
}

// TestConvert wants the bits of the host's conversions: of every binary16, of every bfloat16,
// and of floats about the middles between two bfloat16.
func TestConvert(t *testing.T) {
	b := newBench(t)
	every := make([]uint16, 1<<16)
	for i := range every {
		every[i] = uint16(i)
	}
	for _, dtype := range []linalg.DType{linalg.BF16, linalg.F16} {
		x := numbers{dtype: dtype, half: every}
		y := poisoned(linalg.F32, len(every))
		b.launch(name("cola_convert", linalg.F32, dtype), elements, 256, y, x, int64(len(every)))
		b.check(name("convert from", dtype), y, x.wide(), nil, 0)
	}
	var singles []float32
	for i := range uint32(1 << 16) {
		for _, low := range []uint32{0, 0x7FFF, 0x8000, 0x8001, 0xFFFF} {
			if i%7 == 0 || i>>7&0xFF == 0xFF { // some, and all that is not finite
				singles = append(singles, math.Float32frombits(i<<16|low))
			}
		}
	}
	x, y := numbers{dtype: linalg.F32, single: singles}, poisoned(linalg.BF16, len(singles))
	b.launch(name("cola_convert", linalg.BF16, linalg.F32), elements, 256, y, x, int64(len(singles)))
	for i, v := range singles {
		want := linalg.BF16FromF32(v)
		if got := y.half[i]; got != want && !(v != v && linalg.F32FromBF16(got) != linalg.F32FromBF16(got)) {
			t.Fatalf("%v (%#x) is %#x as bfloat16, want %#x", v, math.Float32bits(v), got, want)
		}
	}
}
