package model

import (
	"crypto/sha256"
	"encoding/binary"
	"math"
	"math/rand/v2"
	"strings"
)

// initialise draws every parameter as PyTorch's nn.Linear and nn.Conv2d do: weight and bias
// alike are U(−b, b) with b = 1/√fan_in (kaiming_uniform with a = √5). A parameter's numbers
// depend on the seed, its own name and its layer's fan-in, on nothing else.
func initialise(list []parameter, seed uint64) {
	fanIn := map[string]int{}
	for _, p := range list {
		if layer, ok := strings.CutSuffix(p.name, ".weight"); ok {
			fanIn[layer] = (*p.value).Cols()
		}
	}
	for _, p := range list {
		layer := p.name[:strings.LastIndexByte(p.name, '.')]
		bound := 1 / math.Sqrt(float64(fanIn[layer]))
		r := parameterRand(seed, p.name)
		for i := range (*p.value).F32() {
			(*p.value).F32()[i] = float32((2*r.Float64() - 1) * bound)
		}
	}
}

// parameterRand is ChaCha8 keyed by SHA-256 of a label, the seed (u64 LE) and the name.
func parameterRand(seed uint64, name string) *rand.Rand {
	key := binary.LittleEndian.AppendUint64([]byte("cola base model\x00"), seed)
	return rand.New(rand.NewChaCha8(sha256.Sum256(append(key, name...))))
}
