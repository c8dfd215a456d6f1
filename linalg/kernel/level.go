package kernel

import (
	"fmt"
	"os"
)

// Lanes is the number of parts that a sum over a row has: the float32s of the widest vector.
const Lanes = 16

// Level is an instruction set that kernels are written in.
type Level int

// The levels.
const (
	Generic Level = iota // Go
	AVX2                 // amd64 with AVX2 and FMA
	AVX512               // amd64 with AVX-512 F, VL, BW and DQ
	NEON                 // arm64
)

var levelNames = [...]string{Generic: "generic", AVX2: "avx2", AVX512: "avx512", NEON: "neon"}

// String returns the level's name, as COLA_KERNELS takes it.
func (l Level) String() string { return levelNames[l] }

// level is the one in use.
var level = choose(os.Getenv("COLA_KERNELS"))

// choose returns the best level that the processor has, or the named one if it has that.
func choose(name string) Level {
	all := Levels()
	for _, l := range all {
		if l.String() == name {
			return l
		}
	}
	return all[len(all)-1]
}

// Levels returns the levels that this processor has, the best one last.
func Levels() []Level { return append([]Level{Generic}, supported()...) }

// Current returns the level in use: the best that the processor has, or the one that the
// environment variable COLA_KERNELS named at the program's start.
func Current() Level { return level }

// Use changes the level in use, and returns a function that changes it back. It is for tests
// and benchmarks: no kernel may run meanwhile.
func Use(l Level) (restore func(), err error) {
	for _, have := range Levels() {
		if have == l {
			before := level
			level = l
			return func() { level = before }, nil
		}
	}
	return nil, fmt.Errorf("kernel: this processor has no %s, only %v", l, Levels())
}
