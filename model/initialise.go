package model

import (
	"crypto/sha256"
	"encoding/binary"
	"math"
	"math/rand/v2"
	"reflect"
	"runtime"
	"strings"
	"sync"

	"github.com/gradientlearning/cola/linalg"
)

// initialise draws every parameter. Those of image classifiers are drawn as PyTorch's
// nn.Linear and nn.Conv2d do: weight and bias alike are U(−b, b) with b = 1/√fan_in
// (kaiming_uniform with a = √5). Those of models of text are drawn by [draw]. A parameter's
// numbers depend on the seed, its own name and its layer's fan-in, on nothing else.
func initialise(n network, list []parameter, seed uint64) {
	if _, ok := n.(interface{ tie() }); ok {
		norms(n)
		drawAll(list, seed)
		return
	}
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
		t := linalg.New(linalg.F32, (*p.value).Shape()...)
		for i := range t.F32() {
			t.F32()[i] = float32((2*r.Float64() - 1) * bound)
		}
		*p.value = t
	}
}

// drawAll draws the parameters of a model of text, several at a time: each has a generator of
// its own, so that its numbers are the same whoever draws it and when.
func drawAll(list []parameter, seed uint64) {
	next := make(chan parameter)
	var running sync.WaitGroup
	for range runtime.GOMAXPROCS(0) {
		running.Go(func() {
			for p := range next {
				draw(p, seed)
			}
		})
	}
	for _, p := range list {
		next <- p
	}
	close(next)
	running.Wait()
}

// draw draws a parameter of a model of text: N(0, 0.02) for weights, as GPT-2 and BERT are
// initialised; biases, and what a norm scales with, stay as they are.
func draw(p parameter, seed uint64) {
	if !p.onHost {
		return
	}
	t := linalg.New(linalg.F32, (*p.value).Shape()...)
	r := parameterRand(seed, p.name)
	for i := range t.F32() {
		t.F32()[i] = float32(0.02 * r.NormFloat64())
	}
	*p.value = t
}

// norms sets what norms scale with to one.
func norms(n network) {
	walk(reflect.ValueOf(n), "", func(_ string, field any) bool {
		if f, ok := field.(**norm); ok {
			for i := range (*f).Weight.F32() {
				(*f).Weight.F32()[i] = 1
			}
		}
		return true
	})
}

// parameterRand is ChaCha8 keyed by SHA-256 of a label, the seed (u64 LE) and the name.
func parameterRand(seed uint64, name string) *rand.Rand {
	key := binary.LittleEndian.AppendUint64([]byte("cola base model\x00"), seed)
	return rand.New(rand.NewChaCha8(sha256.Sum256(append(key, name...))))
}
