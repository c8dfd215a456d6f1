package linalg_test

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/gradientlearning/cola/linalg"
)

// random returns a host tensor of numbers from −1 to 1.
func random(seed uint64, shape ...int) *linalg.Tensor {
	rng := rand.New(rand.NewPCG(seed, 0))
	t := linalg.New(linalg.F32, shape...)
	for i := range t.F32() {
		t.F32()[i] = 2*rng.Float32() - 1
	}
	return t
}

// mustPanic runs do and wants a panic whose message holds all of the words.
func mustPanic(t *testing.T, name string, do func(), words ...string) {
	t.Helper()
	defer func() {
		t.Helper()
		message := fmt.Sprint(recover())
		for _, w := range words {
			if !strings.Contains(message, w) {
				t.Errorf("%s: panic %q does not say %q", name, message, w)
			}
		}
	}()
	do()
}
