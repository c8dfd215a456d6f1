package emulator

import (
	"embed"
	"math"
	"math/rand/v2"
	"regexp"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/gradientlearning/cola/cuda/kernels"
)

//go:embed testdata/*.cu
var testdata embed.FS

// buildTestdata builds a library with the files of testdata in place of cola's kernels.
func buildTestdata(t *testing.T, sanitise bool) string {
	t.Helper()
	o := Options{Sanitise: sanitise}
	for _, name := range []string{"good.cu", "faulty.cu"} {
		text, err := testdata.ReadFile("testdata/" + name)
		if err != nil {
			t.Fatal(err)
		}
		o.Kernels = append(o.Kernels, kernels.File{Name: name, Text: string(text)})
	}
	return Build(t, o)
}

func grid(n int) [3]int { return [3]int{n, 1, 1} }

func numbers(n int) []float32 {
	r := rand.New(rand.NewPCG(1, uint64(n)))
	x := make([]float32, n)
	for i := range x {
		x[i] = float32(r.NormFloat64())
	}
	return x
}

func toBF16(x []float32) []uint16 {
	y := make([]uint16, len(x))
	for i, v := range x {
		b := math.Float32bits(v)
		y[i] = uint16((b + 0x7fff + b>>16&1) >> 16)
	}
	return y
}

func fromBF16(x []uint16) []float32 {
	y := make([]float32, len(x))
	for i, v := range x {
		y[i] = math.Float32frombits(uint32(v) << 16)
	}
	return y
}

func TestIndices(t *testing.T) {
	library := buildTestdata(t, false)
	y := make([]int32, 2*3*4*5*6*2)
	LaunchAll(t, library, "indices", [3]int{2, 3, 4}, [3]int{5, 6, 2}, 0, y)
	for i, v := range y {
		if want := int32(i/60*1000 + i%60); v != want {
			t.Fatalf("element %d is %d, want %d", i, v, want)
		}
	}
}

func TestExchange(t *testing.T) {
	library := buildTestdata(t, false)
	y, z := make([]float32, 64), make([]int32, 64)
	LaunchAll(t, library, "exchange", grid(1), grid(64), 0, y, z)
	for i := range y {
		first := i &^ 31
		if want := float32(first + 3 + 100*(i^5)); y[i] != want {
			t.Errorf("thread %d has %v, want %v", i, y[i], want)
		}
		if want := int32(first + 7 + 100*(i^16)); z[i] != want {
			t.Errorf("thread %d has %v, want %v", i, z[i], want)
		}
	}
}

func TestSums(t *testing.T) {
	library := buildTestdata(t, false)
	const rows, n = 3, 1000
	x := numbers(rows * n)
	half := toBF16(x)
	for _, threads := range []int{32, 96, 256, 1024} {
		y, z := make([]float32, 3*rows), make([]float32, 3*rows)
		LaunchAll(t, library, "sums_f32", grid(rows), grid(threads), 0, y, x, int64(n))
		LaunchAll(t, library, "sums_bf16", grid(rows), grid(threads), 0, z, half, int64(n))
		for r := range rows {
			checkSums(t, y[3*r:], x[r*n:][:n])
			checkSums(t, z[3*r:], fromBF16(half[r*n:][:n]))
		}
	}
}

func checkSums(t *testing.T, got []float32, x []float32) {
	t.Helper()
	sum, top := 0.0, math.Inf(-1)
	for _, v := range x {
		sum += float64(v)
		top = max(top, float64(v))
	}
	if math.Abs(float64(got[0])-sum) > 1e-3 || float64(got[1]) != top || got[2] != 1 {
		t.Errorf("sum, maximum and one are %v, want %v, %v, 1", got[:3], sum, top)
	}
}

func TestProduct(t *testing.T) {
	library := buildTestdata(t, false)
	a, b, d := toBF16(numbers(256)), toBF16(numbers(128)), make([]float32, 128)
	LaunchAll(t, library, "product", grid(1), grid(32), 16*8*2, d, a, b)
	x, y := fromBF16(a), fromBF16(b)
	for i := range 16 {
		for j := range 8 {
			want := 1.0
			for k := range 16 {
				want += float64(x[i*16+k]) * float64(y[k*8+j])
			}
			if math.Abs(float64(d[i*8+j])-want) > 1e-5 {
				t.Errorf("element %d, %d is %v, want %v", i, j, d[i*8+j], want)
			}
		}
	}
}

func TestPipeline(t *testing.T) {
	library := buildTestdata(t, false)
	const steps = 5
	x, y := numbers(steps*128), make([]float32, 32)
	LaunchAll(t, library, "pipeline", grid(1), grid(32), 0, y, x, int32(steps))
	for i := range y {
		want := float32(0)
		for s := range steps {
			for j := range 4 {
				want += x[s*128+4*i+j]
			}
		}
		if y[i] != want {
			t.Errorf("thread %d has %v, want %v", i, y[i], want)
		}
	}
}

// Faults that the emulator reports, and what it says of them. 128 threads, unless said.
var reported = []struct {
	kernel, want string
	threads      int
}{
	{"divergent_shuffle", "block (0, 0, 0): deadlock: threads 0 to 15 wait in shuffle_xor at faulty.cu:N, threads 16 to 127 have returned", 128},
	{"different_operations", "block (0, 0, 0), thread 1: it is in shuffle at faulty.cu:N, and other lanes of its warp in shuffle_xor at faulty.cu:N", 128},
	{"different_places", "block (0, 0, 0), thread 1: it is in shuffle_xor at faulty.cu:N, and other lanes of its warp in shuffle_xor at faulty.cu:N", 128},
	{"divergent_barrier", "block (0, 0, 0): deadlock: threads 0 to 63 wait in __syncthreads at faulty.cu:N, threads 64 to 127 have returned", 128},
	{"different_barriers", "block (0, 0, 0), thread 64: it waits in __syncthreads at faulty.cu:N, and others in another, at faulty.cu:N", 128},
	{"unaligned_copy", "block (0, 0, 0), thread 1: 0xN is no multiple of 16, at faulty.cu:N", 128},
	{"unaligned_load", "block (0, 0, 0), thread 0: 0xN is no multiple of 16, at faulty.cu:N", 128},
	{"write_behind", "something wrote to byte 512 of an allocation of 512", 128},
	{"write_before", "something wrote to byte -4 of an allocation of 512", 128},
	{"dynamic_behind", "block (0, 0, 0): it wrote to byte 512 of 512 bytes of dynamic shared memory", 128},
	{"too_much_shared", "block (0, 0, 0), thread 0: it has 262144 bytes of shared variables and 512 of dynamic shared memory: a block has 232448, 49152 of them for variables", 128},
	{"divergent_shuffle", "block (0, 0, 0), thread 0: shuffle_xor at faulty.cu:N wants 32 lanes, and this warp has 8: launch blocks of a multiple of 32 threads", 8},
	{"small_blocks", "a block of 128 threads, where 64 are the most", 128},
	{"write_behind", "a grid of (1, 1, 1) blocks of (0, 1, 1) threads cannot be", 0},
}

func TestReports(t *testing.T) {
	library := buildTestdata(t, false)
	lines, addresses := regexp.MustCompile(`cu:\d+`), regexp.MustCompile(`0x[0-9a-f]+`)
	for _, c := range reported {
		for _, s := range []Schedule{Ascending, Descending, Random(1)} {
			err := Run(library, c.kernel, grid(1), grid(c.threads), 512, s, make([]float32, 128), make([]float32, 128))
			if err == nil {
				t.Errorf("%s: no report by schedule %v", c.kernel, s)
				continue
			}
			got := addresses.ReplaceAllString(lines.ReplaceAllString(err.Error(), "cu:N"), "0xN")
			got = strings.TrimPrefix(got, "kernel "+c.kernel)
			if s == Ascending && strings.TrimLeft(got, ":, ") != c.want {
				t.Errorf("%s: the report is %q, want %q", c.kernel, got, c.want)
			}
		}
	}
	if err := Run(library, "none", grid(1), grid(1), 0, Ascending); err == nil || err.Error() != "there is no kernel none" {
		t.Errorf("the report is %v", err)
	}
}

// Faults that show because schedules disagree, or because what nobody wrote is NaN.
func TestRaces(t *testing.T) {
	library := buildTestdata(t, false)
	for kernel, blocks := range map[string]int{
		"missing_barrier": 1, "early_reuse": 1, "missing_wait": 1, "short_wait": 1, "early_copy": 1, "between_blocks": 2,
	} {
		y, x := make([]float32, 128), numbers(128)
		err := RunAll(library, kernel, grid(blocks), grid(128), 512, y, x)
		if err == nil || !strings.Contains(err.Error(), "by schedule ascending, and") || !strings.Contains(err.Error(), "by descending") {
			t.Errorf("%s: ascending and descending should differ: %v", kernel, err)
		}
	}
	for _, kernel := range []string{"uninitialised", "uninitialised_dynamic"} {
		y, x := make([]float32, 128), numbers(128)
		LaunchAll(t, library, kernel, grid(1), grid(128), 512, y, x)
		if y[0] == y[0] {
			t.Errorf("%s: what nobody wrote is %v, not NaN", kernel, y[0])
		}
	}
	y, x := make([]float32, 128), numbers(128)
	LaunchAll(t, library, "read_behind", grid(1), grid(128), 0, y, x)
	if y[127] == y[127] {
		t.Errorf("what is behind an allocation is %v, not NaN", y[127])
	}
}

// The state of the emulator does not outlive a block that was given up.
func TestAfterReport(t *testing.T) {
	library := buildTestdata(t, false)
	for range 3 {
		if err := Run(library, "divergent_shuffle", grid(1), grid(128), 0, Ascending, make([]float32, 128), make([]float32, 128)); err == nil {
			t.Fatal("no report")
		}
		Launch(t, library, "small_blocks", grid(1), grid(64), 0, Ascending, make([]float32, 128), make([]float32, 128))
		sumOnce(t, library)
	}
}

func sumOnce(t *testing.T, library string) {
	t.Helper()
	x, y := numbers(1000), make([]float32, 3)
	Launch(t, library, "sums_f32", grid(1), grid(256), 0, Ascending, y, x, int64(1000))
	checkSums(t, y, x)
}

func TestArguments(t *testing.T) {
	library := buildTestdata(t, false)
	for _, c := range []struct {
		args []any
		want string
	}{
		{[]any{[]float32{1}}, "kernel sums_f32 has 3 parameters, and was given 1 arguments"},
		{[]any{[]uint16{1}, []float32{1}, int64(1)}, "argument 0: a []uint16 was given, for a parameter float*"},
		{[]any{[]float32{1}, []float32{1}, int32(1)}, "argument 2: a int32 was given, for a parameter int64"},
		{[]any{[]float32{1}, []float32{1}, 1}, "argument 2: a int was given, for a parameter int64"},
		{[]any{int64(3), []float32{1}, int64(1)}, "argument 0: a int64 was given, for a parameter float*"},
		{[]any{[]byte{1}, []float32{1}, int64(1)}, "argument 0: a []uint8 was given, for a parameter float*"},
		{[]any{[]uint32{1}, []float32{1}, int64(1)}, "argument 0: a []uint32 was given, for a parameter float*"},
		{[]any{[]float32{1}, nil, uint32(1)}, "argument 2: a uint32 was given, for a parameter int64"},
		{[]any{[]float32{1}, nil, float32(1)}, "argument 2: a float32 was given, for a parameter int64"},
		{[]any{[]int64{1}, []float32{1}, int64(1)}, "argument 0: a []int64 was given, for a parameter float*"},
	} {
		err := Run(library, "sums_f32", grid(1), grid(32), 0, Ascending, c.args...)
		if err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("the error is %v, want %q", err, c.want)
		}
	}
	if err := Run("/nowhere.so", "sums_f32", grid(1), grid(32), 0, Ascending); err == nil {
		t.Error("a library that is not there was opened")
	}
}

func TestSchedules(t *testing.T) {
	var got []string
	for _, s := range Schedules() {
		got = append(got, s.String())
	}
	want := []string{"ascending", "descending", "random (seed 1)", "random (seed 2)", "random (seed 3)"}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

// What only the address sanitiser finds: it stops the process, so a child runs it.
func TestSanitiser(t *testing.T) {
	for _, c := range []struct{ kernel, want string }{
		{"shared_behind", "WRITE of size 4"},
		{"dynamic_behind", "WRITE of size 4"},
		{"read_behind", "READ of size 4"},
		{"write_before", "WRITE of size 4"},
	} {
		t.Run(c.kernel, func(t *testing.T) {
			if Sanitised(t) {
				library := buildTestdata(t, true)
				Launch(t, library, c.kernel, grid(1), grid(128), 512, Ascending, make([]float32, 128), make([]float32, 128))
				return
			}
			out, err := RunSanitised(t)
			if err == nil || !strings.Contains(out, c.want) || !strings.Contains(out, "faulty.cu:") {
				t.Errorf("no report of %s with its line: %v\n%s", c.want, err, out)
			}
		})
	}
}

func TestSanitiserIsQuiet(t *testing.T) {
	if Sanitised(t) {
		library := buildTestdata(t, true)
		x, y := numbers(3000), make([]float32, 9)
		LaunchAll(t, library, "sums_f32", grid(3), grid(256), 0, y, x, int64(1000))
		LaunchAll(t, library, "product", grid(1), grid(32), 16*8*2, make([]float32, 128), make([]uint16, 256), make([]uint16, 128))
		return
	}
	if out, err := RunSanitised(t); err != nil {
		t.Errorf("%v\n%s", err, out)
	}
}
