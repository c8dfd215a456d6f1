package verify

import (
	"math"

	"github.com/gradientlearning/cola/internal/oracle"
)

// gradients are [participant][site] and then the parameters of one adapter in order.
type gradients [][][]oracle.Matrix

// evidence is what one precision has to say about a model: each comparison's two sides.
type evidence struct {
	classical           gradients // full tape, unmerged
	detached, unmerged  gradients // from tuples
	merged, mergedTape  gradients
	joint, jointTape    gradients // of the first participant alone
	base, baseTape      gradients // (W, b) of each site, of the pass with linear adapters
	hidden, auxiliary   gradients // the two sides of Eq. 5
	quadratic           gradients // literal, unmerged
	together, separated gradients // (x, g) of each site in the shared pass and alone; nil in float64
}

// comparison is how a check's rows are made from evidence.
type comparison struct {
	check Check
	// sides returns a, the reference, and b.
	sides func(e evidence) (a, b gradients)
	// participants says whose adapters the gradients are of.
	participants func(f *fixture) []participant
}

// comparisons are the checks that hold two sides of one precision against each other.
var comparisons = []comparison{
	{Detached, func(e evidence) (a, b gradients) { return e.classical, e.detached }, unmergedParticipants},
	{Unmerged, func(e evidence) (a, b gradients) { return e.classical, e.unmerged }, unmergedParticipants},
	{Merged, func(e evidence) (a, b gradients) { return e.mergedTape, e.merged }, mergedParticipants},
	{Joint, func(e evidence) (a, b gradients) { return e.jointTape, e.joint }, jointParticipants},
	{Proposition1, func(e evidence) (a, b gradients) { return e.baseTape, e.base }, linearParticipants},
	{Equation5, func(e evidence) (a, b gradients) { return e.hidden, e.auxiliary }, linearParticipants},
	{Isolation, func(e evidence) (a, b gradients) { return e.separated, e.together }, unmergedParticipants},
	{Quadratic, func(e evidence) (a, b gradients) { return e.unmerged, e.quadratic }, unmergedParticipants},
}

func unmergedParticipants(f *fixture) []participant { return f.unmerged }
func mergedParticipants(f *fixture) []participant   { return f.merged }
func jointParticipants(f *fixture) []participant    { return f.merged[:1] }
func linearParticipants(f *fixture) []participant   { return f.unmerged[linearAt : linearAt+1] }

// rows judges a model's evidence in both precisions.
func rows(f *fixture, single, double evidence) []Row {
	var list []Row
	for _, c := range comparisons {
		for _, of := range []struct {
			precision Precision
			evidence  evidence
		}{{Float32, single}, {Float64, double}} {
			a, b := c.sides(of.evidence)
			list = append(list, compare(f, c.check, of.precision, c.participants(f), a, b)...)
		}
		if c.check == Isolation {
			list = append(list, compare(f, OracleUnmerged, Float32, unmergedParticipants(f), double.classical, single.unmerged)...)
			list = append(list, compare(f, OracleMerged, Float32, mergedParticipants(f), double.mergedTape, single.merged)...)
		}
	}
	return list
}

// compare makes the rows of one check in one precision; none if there is nothing to compare.
func compare(f *fixture, check Check, precision Precision, of []participant, a, b gradients) []Row {
	var list []Row
	for k := range a {
		for s, site := range f.base.Sites() {
			row := Row{
				Model: f.name, Check: check, Site: site.Name, Kind: string(of[k].spec.Kind),
				Participant: of[k].name, Precision: precision, Expect: AtMost, Bound: boundFloat32,
				Difference: oracle.Difference(a[k][s], b[k][s]),
			}
			if precision == Float64 {
				row.Bound = boundFloat64
			}
			switch {
			case check == Detached && s < len(f.base.Sites())-1:
				row.Expect, row.Bound = MoreThan, boundDetached
			case check == Isolation:
				row.Difference, row.Bound = differentBits(a[k][s], b[k][s]), 0
			case check == Quadratic:
				row.Expect, row.Bound = None, 0
			}
			list = append(list, row.judge())
		}
	}
	return list
}

// differentBits returns the share of elements that are not the same, bit for bit.
func differentBits(a, b []oracle.Matrix) float64 {
	total, different := 0, 0
	for i := range a {
		for j, v := range a[i].Data {
			total++
			if math.Float64bits(v) != math.Float64bits(b[i].Data[j]) {
				different++
			}
		}
	}
	return float64(different) / float64(total)
}
