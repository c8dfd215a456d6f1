package protocol_test

import (
	"math"
	"testing"

	"github.com/gradientlearning/cola/linalg"
	"github.com/gradientlearning/cola/protocol"
)

// BenchmarkFrame encodes and decodes a frame with a tensor of 4 MiB.
func BenchmarkFrame(b *testing.B) {
	dense := linalg.New(linalg.F32, 1024, 1024)
	for i := range dense.F32() {
		dense.F32()[i] = float32(math.Sin(float64(i) * 1.7))
	}
	sparse := dense.Clone() // as a ReLU leaves it
	for i, v := range sparse.F32() {
		sparse.F32()[i] = max(v, 0)
	}
	for name, s := range map[string]protocol.Section{
		"f32":               {Name: "x", Tensor: dense},
		"bf16":              {Name: "x", Tensor: dense, As: protocol.AsBF16},
		"int8":              {Name: "x", Tensor: dense, As: protocol.AsInt8},
		"dense/compressed":  {Name: "x", Tensor: dense, Compress: true},
		"sparse/compressed": {Name: "x", Tensor: sparse, Compress: true},
	} {
		m := &protocol.Batch{Sections: []protocol.Section{s}}
		frame, err := protocol.Encode(m)
		if err != nil {
			b.Fatal(err)
		}
		b.Run(name+"/encode", func(b *testing.B) {
			b.SetBytes(4 << 20)
			b.ReportAllocs()
			for b.Loop() {
				if _, err := protocol.Encode(m); err != nil {
					b.Fatal(err)
				}
			}
			b.ReportMetric(float64(len(frame))/(4<<20), "of-f32")
		})
		b.Run(name+"/decode", func(b *testing.B) {
			b.SetBytes(4 << 20)
			b.ReportAllocs()
			for b.Loop() {
				if _, err := protocol.Decode(frame, protocol.DefaultLimits()); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
