package verify

import (
	"fmt"
	"slices"
)

// Check names one comparison; the package comment defines each.
type Check string

// The checks, in the order in which they are printed.
const (
	Detached       Check = "detached"
	Unmerged       Check = "unmerged"
	Merged         Check = "merged"
	Joint          Check = "joint"
	Proposition1   Check = "proposition-1"
	Equation5      Check = "equation-5"
	Isolation      Check = "isolation"
	OracleUnmerged Check = "oracle-unmerged"
	OracleMerged   Check = "oracle-merged"
	Quadratic      Check = "quadratic"
)

// Precision is the arithmetic that a row was computed in.
type Precision string

// The precisions.
const (
	Float32 Precision = "float32" // the model on its device
	Float64 Precision = "float64" // the oracle
)

// Expectation says on which side of its bound a difference must lie.
type Expectation string

// The expectations.
const (
	AtMost   Expectation = "≤"
	MoreThan Expectation = ">"
	None     Expectation = "" // for information
)

// The bounds of relative differences.
const (
	boundFloat32  = 1e-5
	boundFloat64  = 1e-12
	boundDetached = 1e-2 // a wrong gradient differs by more
)

// Row is one comparison. Its JSON encoding is an object with the keys below.
type Row struct {
	Model       string      `json:"model"`       // "linear", "mlp" or "cnn"
	Check       Check       `json:"check"`       // what was compared
	Site        string      `json:"site"`        // the layer's name
	Kind        string      `json:"kind"`        // of the adapter
	Participant string      `json:"participant"` // whose adapter
	Precision   Precision   `json:"precision"`   // "float32" or "float64"
	Difference  float64     `json:"difference"`  // ‖a−b‖/‖a‖; the largest float64 where that is not finite
	Bound       float64     `json:"bound"`       // 0 for bits, and without an expectation
	Expect      Expectation `json:"expect"`      // "≤", ">", or "" for information
	OK          bool        `json:"ok"`          // the expectation holds
}

// Report is the outcome of [Run]. Its JSON encoding is one object with the keys below.
type Report struct {
	Seed   uint64 `json:"seed"`
	Passed bool   `json:"passed"` // every row is ok
	Rows   []Row  `json:"rows"`   // in order of model, check, precision, participant, site
}

// Failed returns the rows whose expectation does not hold.
func (r Report) Failed() []Row {
	return slices.DeleteFunc(slices.Clone(r.Rows), func(row Row) bool { return row.OK })
}

// expected describes the row's expectation: "≤ 1e-05".
func (r Row) expected() string {
	switch {
	case r.Expect == None:
		return "information"
	case r.Bound == 0:
		return "same bits"
	}
	return fmt.Sprintf("%s %.0e", r.Expect, r.Bound)
}

// judge sets OK. A difference that is not a number holds no expectation.
func (r Row) judge() Row {
	switch r.Expect {
	case AtMost:
		r.OK = r.Difference <= r.Bound
	case MoreThan:
		r.OK = r.Difference > r.Bound
	default:
		r.OK = true
	}
	return r
}
