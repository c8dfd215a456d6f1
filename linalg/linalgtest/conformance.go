// Package linalgtest is the conformance suite of [linalg.Device]: every operation over
// tables of shapes against the float64 loops of linalg/reference, backward operations
// against finite differences of the reference's forward ones, and the two promises of
// package linalg, row independence and determinism, bit for bit.
//
// A device passes when
//
//	func TestConformance(t *testing.T) { linalgtest.Conformance(t, dev) }
//
// does. Tensors move by Upload and Download only, so the device may have memory of its own.
package linalgtest

import (
	"math/rand/v2"
	"testing"

	"github.com/gradientlearning/cola/linalg"
)

// Bounds say how far a device may be from float64. What only moves, selects or zeroes
// numbers must be exact whatever the bounds.
type Bounds struct {
	// Unit is the unit roundoff of products and sums: a sum of k products may be off by
	// (k+4)·Unit·Σ|products|. For float32 it is 2⁻²⁴.
	Unit float64
	// Function is the error of an exponential or a logarithm, relative to 1 + |result|.
	Function float64
}

// Float32 is what a device that computes in IEEE float32 keeps to.
func Float32() Bounds { return Bounds{Unit: 0x1p-24, Function: 1e-6} }

// Conformance runs the suite on a device that computes in float32.
func Conformance(t *testing.T, dev linalg.Device) {
	t.Helper()
	ConformanceWithin(t, dev, Float32())
}

// ConformanceWithin runs the suite with other bounds. It changes GOMAXPROCS while it runs:
// no test may run beside it.
func ConformanceWithin(t *testing.T, dev linalg.Device, bounds Bounds) {
	for _, c := range checks {
		t.Run(c.name, func(t *testing.T) {
			if err := c.run(newSuite(dev, bounds)); err != nil {
				t.Error(err)
			}
		})
	}
}

// check is one part of the suite. It returns an error, so that the suite's own tests can
// see it fail on a broken device.
type check struct {
	name string
	run  func(*suite) error
}

var checks = []check{
	{"Transfer", checkTransfer},
	{"Fetch", checkFetch},
	{"Elementwise", checkElementwise},
	{"ReLU", checkReLU},
	{"MatMul", checkMatMul},
	{"Linear", checkLinear},
	{"Epilogue", checkEpilogue},
	{"LowRank", checkLowRank},
	{"Packed", checkPacked},
	{"Bias", checkBias},
	{"Unfold", checkUnfold},
	{"MaxPool", checkMaxPool},
	{"MeanPool", checkMeanPool},
	{"CrossEntropy", checkCrossEntropy},
	{"CrossEntropyWide", checkCrossEntropyWide},
	{"CrossEntropyExtremes", checkCrossEntropyExtremes},
	{"CrossEntropyIgnored", checkIgnored},
	{"SquaredError", checkSquaredError},
	{"PackedNarrow", checkPackedNarrow},
	{"Precision", checkPrecision},
	{"Copy", checkCopy},
	{"CopyColumns", checkCopyColumns},
	{"Gather", checkGather},
	{"Argmax", checkArgmax},
	{"LayerNorm", checkLayerNorm},
	{"RMSNorm", checkRMSNorm},
	{"Activate", checkActivate},
	{"SwiGLU", checkSwiGLU},
	{"RoPE", checkRoPE},
	{"Attention", checkAttention},
	{"AttentionColumns", checkAttentionColumns},
	{"AttentionNotFinite", checkAttentionNotFinite},
	{"Hidden", checkHidden},
	{"AttentionHidden", checkAttentionHidden},
	{"FiniteDifferences", checkFiniteDifferences},
	{"TextDifferences", checkTextDifferences},
	{"RowIndependence", checkRowIndependence},
	{"AttentionIndependence", checkAttentionIndependence},
	{"Threads", checkThreads},
	{"TextThreads", checkTextThreads},
}

// suite is one run of one check.
type suite struct {
	dev       linalg.Device
	bounds    Bounds
	rng       *rand.Rand
	precision linalg.Precision // of the matrices among the operations on rows
}

func newSuite(dev linalg.Device, bounds Bounds) *suite {
	return &suite{dev: dev, bounds: bounds, rng: rand.New(rand.NewPCG(1, 2)), precision: linalg.F32Products}
}
