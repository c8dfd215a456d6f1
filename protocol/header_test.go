package protocol_test

import (
	"bytes"
	"strings"
	"testing"

	"github.com/vmihailenco/msgpack/v5"

	"github.com/gradientlearning/cola/protocol"
)

// TestHostileHeaders are msgpack values that take gigabytes, or the process, where a
// decoder is left alone with them.
func TestHostileHeaders(t *testing.T) {
	deep := func(n int) []byte { return append(bytes.Repeat([]byte{0x91}, n), 0xc0) }
	inMap := func(value []byte) []byte { return append([]byte{0x81, 0xa6, 'r', 'e', 'a', 's', 'o', 'n'}, value...) }
	for name, header := range map[string][]byte{
		"nothing":             {},
		"no map":              {0x93, 1, 2, 3},
		"4 GiB of bytes":      inMap([]byte{0xc6, 0xff, 0xff, 0xff, 0xff}),
		"4 GiB of text":       inMap([]byte{0xdb, 0xff, 0xff, 0xff, 0xff}),
		"20 M elements":       inMap([]byte{0xdd, 0x01, 0x31, 0x2d, 0x00}),
		"20 M pairs":          inMap([]byte{0xdf, 0x01, 0x31, 0x2d, 0x00}),
		"a map of 20 M":       {0xdf, 0x01, 0x31, 0x2d, 0x00},
		"nested 17 deep":      inMap(deep(17)),
		"nested 60,000 deep":  inMap(deep(60_000)),
		"extension":           inMap([]byte{0xd4, 1, 2}),
		"never used":          inMap([]byte{0xc1}),
		"bytes behind it":     append(inMap([]byte{0xa0}), 0xc0),
		"a key twice":         {0x82, 0xa1, 'a', 1, 0xa1, 'a', 2},
		"a key that is none":  {0x81, 1, 2},
		"an unknown field":    {0x81, 0xa1, 'a', 1},
		"another type":        inMap([]byte{0x07}),
		"cut off in a length": inMap([]byte{0xc6, 0xff}),
		"cut off in a value":  inMap([]byte{0xcb, 1, 2}),
		"cut off in a key":    {0x81, 0xa6, 'r'},
		"missing a value":     {0x81, 0xa6, 'r', 'e', 'a', 's', 'o', 'n'},
	} {
		if m, err := protocol.DecodeHeader(protocol.KindBye, header); err == nil {
			t.Errorf("%s is taken: %+v", name, m)
		}
	}
	m, err := protocol.DecodeHeader(protocol.KindBye, inMap([]byte{0xa4, 'd', 'o', 'n', 'e'}))
	if err != nil || m.(*protocol.Bye).Reason != "done" {
		t.Errorf("an honest header: %+v, %v", m, err)
	}
}

// TestScanTakesWhatEncodersWrite walks over every opcode that msgpack has.
func TestScanTakesWhatEncodersWrite(t *testing.T) {
	value := map[string]any{
		"small": 1, "negative": -7, "int8": int8(-100), "int16": int16(-1000), "int32": int32(-1 << 20), "int64": int64(-1 << 40),
		"uint8": uint8(200), "uint16": uint16(60_000), "uint32": uint32(1 << 30), "uint64": uint64(1 << 60), "float": float32(1), "double": 2.5,
		"nil": nil, "true": true, "false": false, "bin8": make([]byte, 10), "bin16": make([]byte, 300), "bin32": make([]byte, 70_000),
		"str8": strings.Repeat("a", 40), "str16": strings.Repeat("a", 300), "str32": strings.Repeat("a", 70_000),
		"array16": make([]int, 20), "array32": make([]int, 70_000), strings.Repeat("k", 300): 1, strings.Repeat("k", 40): 2,
	}
	wide := map[string]int{}
	for i := range 70_000 {
		wide[strings.Repeat("x", 1+i%7)+string(rune('a'+i%26))+string(rune(0x4e00+i%20_000))] = i
	}
	value["map32"] = wide
	raw, err := msgpack.Marshal(value)
	if err != nil {
		t.Fatal(err)
	}
	if err := protocol.Scan(raw, 16); err != nil {
		t.Error(err)
	}
}

func FuzzHeader(f *testing.F) {
	for _, m := range examples() {
		raw, err := msgpack.Marshal(m)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(uint8(m.Kind()), raw)
	}
	f.Fuzz(func(t *testing.T, kind uint8, header []byte) {
		if len(header) > protocol.DefaultLimits().HeaderBytes || protocol.Kind(kind) < protocol.KindHello || protocol.Kind(kind) > protocol.KindEnrolled {
			return
		}
		m, err := protocol.DecodeHeader(protocol.Kind(kind), header)
		if err != nil {
			return
		}
		if _, err := protocol.Encode(m); err != nil {
			t.Errorf("what was decoded cannot be encoded: %v", err)
		}
	})
}

func FuzzSection(f *testing.F) {
	for _, s := range []protocol.Section{
		section("x", ramp(3, 2)), {Name: "y", Tensor: ramp(400), Compress: true}, section("", ramp()),
		{Name: "z", Tensor: ramp(3, 70), As: protocol.AsInt8, Seed: 1}, {Name: "z", Tensor: ramp(9, 64), As: protocol.AsInt8, Compress: true},
	} {
		raw, err := protocol.EncodeSection(s)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(raw)
	}
	f.Fuzz(func(_ *testing.T, raw []byte) {
		_ = protocol.DecodeSection(raw) // must not panic, nor take what is only declared
	})
}

func FuzzDecode(f *testing.F) {
	for _, m := range examples() {
		frame, err := protocol.Encode(m)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(frame)
	}
	f.Fuzz(func(t *testing.T, frame []byte) {
		m, err := protocol.Decode(frame, protocol.DefaultLimits())
		if err != nil {
			return
		}
		again, err := protocol.Encode(m)
		if err != nil {
			t.Fatalf("what was decoded cannot be encoded: %v", err)
		}
		if _, err := protocol.Decode(again, protocol.DefaultLimits()); err != nil {
			t.Errorf("what was encoded cannot be decoded: %v", err)
		}
	})
}
