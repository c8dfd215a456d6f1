package protocol_test

import (
	"bytes"
	"errors"
	"flag"
	"fmt"
	"io"
	"math"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/klauspost/compress/zstd"

	"github.com/gradientlearning/cola/linalg"
	"github.com/gradientlearning/cola/protocol"
)

var update = flag.Bool("update", false, "write the golden frames anew")

func section(name string, t *linalg.Tensor) protocol.Section {
	return protocol.Section{Name: name, Tensor: t, As: protocol.Form(t.DType())}
}

// ramp returns a tensor of distinct numbers.
func ramp(shape ...int) *linalg.Tensor {
	t := linalg.New(linalg.F32, shape...)
	for i := range t.F32() {
		t.F32()[i] = float32(i) - 1.5
	}
	return t
}

// thirds returns a tensor of multiples of one number, of which 127 are in every block of 64: int8
// has them exactly, and rounds nothing.
func thirds(shape ...int) *linalg.Tensor {
	t := linalg.New(linalg.F32, shape...)
	for i := range t.F32() {
		t.F32()[i] = 0.75 * float32(i*37%255-127)
		if i%t.Cols()%64 == 0 {
			t.F32()[i] = 0.75 * 127
		}
	}
	return t
}

// examples is one message of each kind, every field set.
func examples() map[string]protocol.Message {
	labels := linalg.FromI32([]int32{3, -1}, 2)
	return map[string]protocol.Message{
		"hello": &protocol.Hello{
			MinVersion: 1, MaxVersion: 2, Participant: "ada", Software: "cola 0.1.0", Job: "5eed", States: []uint64{3, 4},
			Data: protocol.Data{
				Examples: 600, Task: "image-cls", Shape: []int{28, 28, 1}, Classes: 10, Vocabulary: 50257, Longest: 128, Tokenizer: "f00d",
			},
		},
		"welcome": &protocol.Welcome{
			Version: 2, Resume: 4, Best: 3, Round: 9,
			Job: protocol.Job{
				ID: "5eed", Name: "mnist", Seed: math.MaxUint64, Rounds: 200, Interval: 2, Batch: 32, Collaboration: "collaborative", Mode: "merged",
				Solver: protocol.Solver{Name: "steps", Steps: 3, Ridge: 0.5},
				Optimizer: protocol.Optimizer{
					Name: "sgd", LearningRate: 0.05, Momentum: 0.9, Nesterov: true, Beta1: 0.9, Beta2: 0.999, Epsilon: 1e-8, WeightDecay: 5e-4, ClipNorm: 1,
				},
				Schedule: protocol.Schedule{Name: "cosine", Warmup: 0.1},
				Encoding: protocol.Encoding{X: protocol.AsBF16, G: protocol.AsF32, Compress: true}, CompressUpdates: true,
			},
			Adapters: []protocol.Adapter{{Kind: "mlp", Rank: 8, Scale: 2, Hidden: []int{5, 6}, Bias: true}},
			Sites:    []protocol.Site{{Name: "convs.0", Kind: "conv2d", In: 9, Out: 4, Bias: true, Conv: []int{28, 28, 1, 3, 1, 1}, Group: 1, Head: true}},
		},
		"open": &protocol.Open{Round: 7, Rows: 32, Start: 6, End: 8, Version: 4},
		"batch": &protocol.Batch{Round: 7, Sections: []protocol.Section{
			{Name: "inputs", Tensor: ramp(2, 2, 1, 1), As: protocol.AsBF16}, section("labels", labels),
		}},
		"batch_of_text": &protocol.Batch{Round: 7, Sections: []protocol.Section{
			section("inputs", linalg.FromI32([]int32{5, 6, 7}, 3)), section("labels", linalg.FromI32([]int32{8, -100, 9, 1}, 4)),
			section("starts", linalg.FromI32([]int32{0, 2}, 2)), section("label_starts", linalg.FromI32([]int32{0, 1}, 2)),
		}},
		"tuples_of_embedding": &protocol.Tuples{Round: 7, Group: 1, Sections: []protocol.Section{
			section("x", linalg.FromI32([]int32{5, 6}, 2)), section("g.tokens", ramp(2, 4)),
		}},
		"tuples": &protocol.Tuples{Round: 7, Group: 1, Last: true, Sections: []protocol.Section{section("x", ramp(2, 3)), section("g.head", ramp(2, 4))}},
		"tuples_of_int8": &protocol.Tuples{Round: 7, Group: 1, Sections: []protocol.Section{
			{Name: "x", Tensor: thirds(2, 67), As: protocol.AsInt8}, {Name: "g.head", Tensor: thirds(2, 2), As: protocol.AsInt8},
		}},
		"loss": &protocol.Loss{Round: 7, Loss: 0.25, Rows: 32, Correct: 30},
		"update": &protocol.Update{Version: 4, Round: 7, Rows: 64, Digest: []byte{1, 2, 3}, Sections: []protocol.Section{
			{Name: "head.weight", Tensor: linalg.New(linalg.F32, 20, 20), As: protocol.AsF32, Compress: true}, section("head.bias", ramp(4)),
		}},
		"commit":   &protocol.Commit{Version: 4, Round: 8, Included: true, Final: true, Best: 3, Members: 8, Sections: []protocol.Section{section("head.weight", ramp(1, 1))}},
		"eval":     &protocol.Eval{Round: 8, Loss: 0.5, Accuracy: 0.875, Examples: 1000},
		"progress": &protocol.Progress{Round: 8, Stage: "alive"},
		"error":    &protocol.Error{Code: "diverged", Cause: "the loss is not finite", Fix: "lower the learning rate", Participant: "ada", Round: 8},
		"bye":      &protocol.Bye{Reason: "done"},
		"enroll":   &protocol.Enroll{Token: "token", Participant: "ada", Request: []byte{4, 5}},
		"enrolled": &protocol.Enrolled{Certificate: []byte{6}, Authority: []byte{7}},
	}
}

// equal compares messages, tensors by their bytes.
func equal() cmp.Options {
	return cmp.Options{
		cmp.Comparer(func(a, b *linalg.Tensor) bool {
			return a.DType() == b.DType() && slices.Equal(a.Shape(), b.Shape()) && bytes.Equal(linalg.Bytes(a), linalg.Bytes(b))
		}),
		cmp.FilterPath(func(p cmp.Path) bool { return p.Last().String() == ".prepared" }, cmp.Ignore()),
	}
}

// TestGoldenFrames keeps the wire as it is: each message encodes to the bytes in testdata,
// and those decode to it.
func TestGoldenFrames(t *testing.T) {
	for name, m := range examples() {
		t.Run(name, func(t *testing.T) {
			frame, err := protocol.Encode(m)
			if err != nil {
				t.Fatal(err)
			}
			path := filepath.Join("testdata", name+".frame")
			if *update {
				if err := os.WriteFile(path, frame, 0o600); err != nil {
					t.Fatal(err)
				}
			}
			golden, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			if !bytes.Equal(frame, golden) && name != "update" { // zstd may find a shorter way
				t.Errorf("%s is encoded differently from %s", name, path)
			}
			got, err := protocol.Decode(golden, protocol.DefaultLimits())
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(m, got, equal()); diff != "" {
				t.Errorf("(-sent +received):\n%s", diff)
			}
		})
	}
}

func TestRoundTripOfSections(t *testing.T) {
	noise := linalg.New(linalg.F32, 300, 200)
	for i := range noise.F32() {
		noise.F32()[i] = float32(math.Sin(float64(i) * 1.7))
	}
	sparse := noise.Clone()
	for i := range sparse.F32() {
		if i%4 != 0 {
			sparse.F32()[i] = 0
		}
	}
	for name, tensor := range map[string]*linalg.Tensor{
		"scalar": ramp(), "no rows": ramp(0, 5), "eight dimensions": ramp(1, 2, 1, 2, 1, 2, 1, 2), "noise": noise, "sparse": sparse,
		"integers":    linalg.FromI32([]int32{math.MinInt32, 0, math.MaxInt32}, 3),
		"odd numbers": linalg.FromF32([]float32{float32(math.NaN()), float32(math.Inf(-1)), float32(math.Copysign(0, -1)), math.SmallestNonzeroFloat32}, 4),
	} {
		for _, compress := range []bool{false, true} {
			for _, as := range []protocol.Form{0, protocol.Form(tensor.DType()), protocol.AsBF16, protocol.AsInt8} {
				if tensor.DType() == linalg.I32 && (as == protocol.AsBF16 || as == protocol.AsInt8) {
					continue
				}
				s := protocol.Section{Name: "t", Tensor: tensor, As: as, Seed: 5, Compress: compress}
				prepared := s
				if err := prepared.Prepare(); err != nil {
					t.Fatal(err)
				}
				one, err := protocol.Encode(&protocol.Tuples{Sections: []protocol.Section{s}})
				if err != nil {
					t.Fatal(err)
				}
				two, err := protocol.Encode(&protocol.Tuples{Sections: []protocol.Section{prepared}})
				if err != nil || !bytes.Equal(one, two) {
					t.Errorf("%s: prepared, it travels differently (%v)", name, err)
				}
				m, err := protocol.Decode(one, protocol.DefaultLimits())
				if err != nil {
					t.Fatalf("%s as %v: %v", name, as, err)
				}
				want := tensor
				if as == protocol.AsBF16 {
					want = tensor.Convert(linalg.BF16).Convert(linalg.F32)
				}
				if as == protocol.AsInt8 {
					want = linalg.New(linalg.F32, tensor.Shape()...)
					linalg.SetInt8Bytes(want, linalg.Int8Bytes(tensor, 5))
				}
				if diff := cmp.Diff(want, m.(*protocol.Tuples).Sections[0].Tensor, equal()); diff != "" {
					t.Errorf("%s as %v, compressed %t:\n%s", name, as, compress, diff)
				}
			}
		}
	}
}

// What was rounded before it came travels as what is rounded on the way.
func TestRoundedSectionsTravelAlike(t *testing.T) {
	exact := ramp(7, 5)
	for i := range exact.F32() {
		exact.F32()[i] = float32(math.Sin(float64(i)))
	}
	encode := func(s protocol.Section) []byte {
		frame, err := protocol.Encode(&protocol.Tuples{Sections: []protocol.Section{s}})
		if err != nil {
			t.Fatal(err)
		}
		return frame
	}
	want := encode(protocol.Section{Name: "x", Tensor: exact, As: protocol.AsBF16})
	for _, as := range []protocol.Form{0, protocol.AsBF16} {
		if got := encode(protocol.Section{Name: "x", Tensor: exact.Convert(linalg.BF16), As: as}); !bytes.Equal(got, want) {
			t.Errorf("rounded before, as %v: another frame", as)
		}
	}
	if _, err := protocol.Encode(&protocol.Tuples{Sections: []protocol.Section{{Name: "x", Tensor: exact.Convert(linalg.BF16), As: protocol.AsF32}}}); err == nil {
		t.Error("bf16 travels as f32")
	}
}

func TestEncodeRefuses(t *testing.T) {
	long := strings.Repeat("a", 70_000)
	for name, m := range map[string]protocol.Message{
		"a header above 64 KiB":  &protocol.Bye{Reason: long},
		"no tensor":              &protocol.Batch{Sections: []protocol.Section{{Name: "x"}}},
		"a long name":            &protocol.Batch{Sections: []protocol.Section{{Name: long, Tensor: ramp(1)}}},
		"nine dimensions":        &protocol.Batch{Sections: []protocol.Section{{Name: "x", Tensor: ramp(1, 1, 1, 1, 1, 1, 1, 1, 1)}}},
		"floats as integers":     &protocol.Batch{Sections: []protocol.Section{{Name: "x", Tensor: ramp(1), As: protocol.AsI32}}},
		"integers as int8":       &protocol.Batch{Sections: []protocol.Section{{Name: "x", Tensor: linalg.FromI32([]int32{1}, 1), As: protocol.AsInt8}}},
		"bfloat16 as int8":       &protocol.Batch{Sections: []protocol.Section{{Name: "x", Tensor: ramp(1).Convert(linalg.BF16), As: protocol.AsInt8}}},
		"a form that is none":    &protocol.Batch{Sections: []protocol.Section{{Name: "x", Tensor: ramp(1), As: 6}}},
		"half-precision tensors": &protocol.Batch{Sections: []protocol.Section{{Name: "x", Tensor: ramp(1).Convert(linalg.F16)}}},
	} {
		if _, err := protocol.Encode(m); err == nil {
			t.Errorf("%s is encoded", name)
		}
	}
	s := protocol.Section{Name: long, Tensor: ramp(1)}
	if s.Prepare() == nil {
		t.Error("a section with a long name is prepared")
	}
}

// TestDamagedFrames cuts a frame at every byte and flips every bit: none passes.
func TestDamagedFrames(t *testing.T) {
	for _, name := range []string{"batch", "update", "error", "tuples_of_int8"} {
		frame, err := protocol.Encode(examples()[name])
		if err != nil {
			t.Fatal(err)
		}
		for n := range len(frame) {
			if _, err := protocol.Decode(frame[:n], protocol.DefaultLimits()); err == nil || n > 0 && err == io.EOF { //nolint:errorlint // only the bare one means an orderly end
				t.Errorf("%s cut after %d bytes: %v", name, n, err)
			}
		}
		for bit := range 8 * len(frame) {
			damaged := bytes.Clone(frame)
			damaged[bit/8] ^= 1 << (bit % 8)
			if _, err := protocol.Decode(damaged, protocol.DefaultLimits()); err == nil {
				t.Errorf("%s with bit %d flipped is decoded", name, bit)
			}
		}
		if _, err := protocol.Decode(append(bytes.Clone(frame), 0), protocol.DefaultLimits()); err == nil {
			t.Errorf("%s with a byte behind it is decoded", name)
		}
	}
}

func TestLimits(t *testing.T) {
	frame, err := protocol.Encode(examples()["tuples"])
	if err != nil {
		t.Fatal(err)
	}
	for name, change := range map[string]func(*protocol.Limits){
		"header":   func(l *protocol.Limits) { l.HeaderBytes = 10 },
		"sections": func(l *protocol.Limits) { l.Sections = 1 },
		"frame":    func(l *protocol.Limits) { l.FrameBytes = 30 },
	} {
		limits := protocol.DefaultLimits()
		change(&limits)
		_, err := protocol.Decode(frame, limits)
		if f, ok := errors.AsType[*protocol.Fault](err); !ok || f.Code != protocol.CodeProtocol || f.Fix == "" {
			t.Errorf("%s: %v", name, err)
		}
	}
	if _, err := protocol.Decode(frame, protocol.EnrollLimits()); err == nil {
		t.Error("a stranger's tensors are taken")
	}
	enroll, err := protocol.Encode(examples()["enroll"])
	if err != nil {
		t.Fatal(err)
	}
	if _, err := protocol.Decode(enroll, protocol.EnrollLimits()); err != nil {
		t.Error(err)
	}
}

// TestDeclaredSizesTakeNoMemory sends frames that declare gigabytes and hold nothing.
func TestDeclaredSizesTakeNoMemory(t *testing.T) {
	encoder, err := zstd.NewWriter(nil)
	if err != nil {
		t.Fatal(err)
	}
	bomb := encoder.EncodeAll(make([]byte, 64<<20), nil)
	for name, c := range map[string]struct {
		payload []byte
		decoded uint64
		encoded uint64
	}{
		"an empty payload":      {nil, 1 << 30, 1 << 30},
		"a lie under zstd":      {bomb[:20], 1 << 30, 20},
		"a bomb of other bytes": {bomb, 32 << 20, uint64(len(bomb))},
	} {
		frame := protocol.RawFrame(c.payload, c.decoded, c.encoded)
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		_, err := protocol.Decode(frame, protocol.DefaultLimits())
		runtime.ReadMemStats(&after)
		if err == nil {
			t.Errorf("%s is decoded", name)
		}
		if took := after.TotalAlloc - before.TotalAlloc; took > 48<<20 {
			t.Errorf("%s takes %d bytes", name, took)
		}
	}
}

func TestInspect(t *testing.T) {
	var stream bytes.Buffer
	for _, name := range []string{"hello", "batch"} {
		frame, err := protocol.Encode(examples()[name])
		if err != nil {
			t.Fatal(err)
		}
		stream.Write(frame)
	}
	size := int64(stream.Len())
	var seen []string
	total := int64(0)
	for info, err := range protocol.Inspect(bytes.NewReader(stream.Bytes()), protocol.DefaultLimits()) {
		if err != nil {
			t.Fatal(err)
		}
		total += info.Bytes
		seen = append(seen, fmt.Sprintf("%v at %d with %v", info.Message.Kind(), info.Offset, info.Sections))
	}
	want := []string{
		"Hello at 0 with []",
		fmt.Sprintf("Batch at %d with [inputs f32 [2 2 1 1] as bf16, 8 bytes labels i32 [2] as i32, 8 bytes]", size-total+frameBytes(t, "hello")),
	}
	if diff := cmp.Diff(want, seen); diff != "" || total != size {
		t.Errorf("%d of %d bytes (-want +got):\n%s", total, size, diff)
	}
	var last error
	for _, err := range protocol.Inspect(bytes.NewReader(stream.Bytes()[:size-1]), protocol.DefaultLimits()) {
		last = err
	}
	if last == nil || !strings.Contains(last.Error(), "frame at byte") {
		t.Errorf("a stream that is cut off: %v", last)
	}
	for _, err := range protocol.Inspect(bytes.NewReader(stream.Bytes()), protocol.DefaultLimits()) {
		if err != nil {
			t.Error(err)
		}
		break // a reader may stop
	}
}

func frameBytes(t *testing.T, name string) int64 {
	t.Helper()
	frame, err := protocol.Encode(examples()[name])
	if err != nil {
		t.Fatal(err)
	}
	return int64(len(frame))
}

// A section of some rows travels as one of a tensor that has no others.
func TestSectionOfRows(t *testing.T) {
	x := linalg.New(linalg.F32, 9, 70)
	for i := range x.F32() {
		x.F32()[i] = float32(i%11) / 4
	}
	ids := linalg.FromI32([]int32{1, 2, 3, 4, 5, 6, 7, 8, 9}, 9)
	for _, rows := range [][]int{{}, {4}, {0, 1, 2, 5, 7, 8}, {0, 1, 2, 3, 4, 5, 6, 7, 8}} {
		for _, s := range []protocol.Section{
			{Name: "x", Tensor: x}, {Name: "x", Tensor: x, As: protocol.AsBF16}, {Name: "x", Tensor: x, As: protocol.AsInt8, Seed: 3},
			{Name: "x", Tensor: x, Compress: true}, {Name: "x", Tensor: x.Convert(linalg.BF16)}, {Name: "x", Tensor: ids},
		} {
			kept := s
			s.Rows, kept.Tensor = rows, linalg.KeepRows(s.Tensor, rows)
			got, err := protocol.EncodeSection(s)
			want, alsoErr := protocol.EncodeSection(kept)
			if err != nil || alsoErr != nil {
				t.Fatal(err, alsoErr)
			}
			if !bytes.Equal(got, want) {
				t.Errorf("rows %v of %v as %v: other bytes than the rows alone", rows, s.Tensor.DType(), s.As)
			}
		}
	}
}
