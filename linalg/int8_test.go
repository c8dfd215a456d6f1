package linalg_test

import (
	"bytes"
	"fmt"
	"math"
	"runtime"
	"testing"

	"github.com/gradientlearning/cola/linalg"
)

// waves returns a tensor of numbers that do not repeat.
func waves(shape ...int) *linalg.Tensor {
	t := linalg.New(linalg.F32, shape...)
	for i := range t.F32() {
		t.F32()[i] = float32(math.Sin(float64(i)*1.7) * math.Exp(math.Sin(float64(i)*0.01)))
	}
	return t
}

func TestInt8Size(t *testing.T) {
	for _, c := range []struct {
		shape []int
		want  int
	}{
		{nil, 3}, {[]int{5}, 15}, {[]int{0, 1 << 20, 1 << 20}, 0}, {[]int{7, 0}, 0}, {[]int{3, 64}, 3 * 66}, {[]int{3, 65}, 3 * 69}, {[]int{2, 5, 4, 8}, 2 * (160 + 6)},
	} {
		if got := linalg.Int8Size(c.shape); got != c.want {
			t.Errorf("%v takes %d bytes, want %d", c.shape, got, c.want)
		}
	}
}

// A tensor gives the same bytes on any number of threads, each row the bytes that it gives in the
// same place of another tensor, and everything arrives within a scale of what it was.
func TestInt8BytesOfTensors(t *testing.T) {
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(0))
	for _, shape := range [][]int{{}, {0, 5}, {5, 0}, {9}, {300, 10}, {40, 768}, {3, 70_000}, {6, 5, 4, 3}, {1, 1 << 17}} {
		x := waves(shape...)
		runtime.GOMAXPROCS(1)
		want := linalg.Int8Bytes(x, 3)
		runtime.GOMAXPROCS(4)
		got := linalg.Int8Bytes(x, 3)
		if !bytes.Equal(got, want) || len(got) != linalg.Int8Size(shape) {
			t.Errorf("%v: four threads give other bytes than one", shape)
		}
		if x.Len() > 8 && bytes.Equal(linalg.Int8Bytes(x, 4), want) {
			t.Errorf("%v: another seed gives the same bytes", shape)
		}
		back := linalg.New(linalg.F32, shape...)
		linalg.SetInt8Bytes(back, got)
		for i, v := range x.F32() {
			if off := math.Abs(float64(back.F32()[i] - v)); off > math.E/126 {
				t.Fatalf("%v: %g arrives as %g", shape, v, back.F32()[i])
			}
		}
		if len(shape) < 2 || x.Len() == 0 || shape[0] < 3 {
			continue
		}
		other := x.Clone()
		cols := x.Cols()
		for i := range other.F32()[cols : 2*cols] {
			other.F32()[cols+i] *= 1000
		}
		bytesOfOther := linalg.Int8Bytes(other, 3)
		for _, r := range []int{0, 2} {
			if !bytes.Equal(bytesOfOther[r*cols:(r+1)*cols], want[r*cols:(r+1)*cols]) {
				t.Errorf("%v: row %d depends on another row", shape, r)
			}
		}
	}
}

func TestInt8RefusesOtherTensors(t *testing.T) {
	for name, call := range map[string]func(){
		"integers":         func() { linalg.Int8Bytes(linalg.FromI32([]int32{1}, 1), 0) },
		"bfloat16":         func() { linalg.Int8Bytes(waves(3).Convert(linalg.BF16), 0) },
		"a byte too few":   func() { linalg.SetInt8Bytes(waves(3, 4), make([]byte, 17)) },
		"bytes of a shape": func() { linalg.SetInt8Bytes(waves(1, 12), make([]byte, 18)) },
	} {
		t.Run(name, func(t *testing.T) {
			defer func() {
				if recover() == nil {
					t.Error("it is taken")
				}
			}()
			call()
		})
	}
}

// ExampleInt8Bytes sends 8.25 bits a number.
func ExampleInt8Bytes() {
	x := linalg.New(linalg.F32, 4096, 768)
	fmt.Println(8 * float64(len(linalg.Int8Bytes(x, 1))) / float64(x.Len()))
	// Output: 8.25
}
