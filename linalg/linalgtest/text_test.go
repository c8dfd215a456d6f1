package linalgtest

import (
	"math"
	"runtime"
	"slices"
	"strings"
	"testing"

	"github.com/gradientlearning/cola/linalg"
)

// Each device below breaks one promise of the operations of language models.

type sharesCopies struct{ linalg.Device }

func (d sharesCopies) Copy(dst, src *linalg.Tensor) { *dst = *src }

type overwritesColumns struct{ linalg.Device }

func (d overwritesColumns) CopyColumns(dst, src *linalg.Tensor, to, from, width int, _ bool) {
	d.Device.CopyColumns(dst, src, to, from, width, false)
}

type changedColumns struct{ linalg.Device }

func (d changedColumns) CopyColumns(dst, src *linalg.Tensor, to, from, width int, accumulate bool) {
	d.Device.CopyColumns(dst, src, max(to-1, 0), from, width, accumulate)
}

type roundsGathered struct{ linalg.Device }

func (d roundsGathered) Gather(y, x, rows *linalg.Tensor) {
	d.Device.Gather(y, x, rows)
	d.Upload(y, y.Convert(linalg.BF16).Convert(linalg.F32))
}

// lastOfRows loses what went to the same row before, as scattered stores do.
type lastOfRows struct{ linalg.Device }

func (d lastOfRows) GatherBackward(dx, g, rows *linalg.Tensor) {
	for i, r := range rows.I32() {
		d.Device.Copy(dx.RowRange(int(r), int(r)+1), g.RowRange(i, i+1))
	}
}

type lastOfLargest struct{ linalg.Device }

func (d lastOfLargest) Argmax(index, x *linalg.Tensor) {
	for i := range x.Rows() {
		row := x.RowRange(i, i+1).F32()
		for j, v := range row {
			if v >= row[index.I32()[i]] {
				index.I32()[i] = int32(j)
			}
		}
	}
}

// countsOneLess takes the sample's variance, over c − 1.
type countsOneLess struct{ linalg.Device }

func (d countsOneLess) LayerNorm(y, stats, x, weight, bias *linalg.Tensor, eps float32) {
	d.Device.LayerNorm(y, stats, x, weight, bias, eps)
	for i := range stats.Rows() {
		stats.F32()[2*i+1] *= 0.99
	}
}

type forgetsCentre struct{ linalg.Device }

func (d forgetsCentre) LayerNormBackward(dx, g, x, stats, weight *linalg.Tensor, accumulate bool) {
	scales := linalg.New(linalg.F32, stats.Rows())
	for i := range scales.F32() {
		scales.F32()[i] = stats.F32()[2*i+1]
	}
	d.RMSNormBackward(dx, g, x, scales, weight, accumulate)
}

type normsOntoOld struct{ linalg.Device }

func (d normsOntoOld) RMSNormBackward(dx, g, x, stats, weight *linalg.Tensor, _ bool) {
	d.Device.RMSNormBackward(dx, g, x, stats, weight, true)
}

type oneGELU struct{ linalg.Device }

func (d oneGELU) Activate(y, x *linalg.Tensor, f linalg.Activation) {
	if f == linalg.GELUTanh {
		f = linalg.GELU
	}
	d.Device.Activate(y, x, f)
}

func (d oneGELU) ActivateBackward(dx, g, x *linalg.Tensor, f linalg.Activation) {
	if f == linalg.GELUTanh {
		f = linalg.GELU
	}
	d.Device.ActivateBackward(dx, g, x, f)
}

type swapsGate struct{ linalg.Device }

func (d swapsGate) SwiGLU(y, gate, up *linalg.Tensor) { d.Device.SwiGLU(y, up, gate) }

type swapsGateBackward struct{ linalg.Device }

func (d swapsGateBackward) SwiGLUBackward(dgate, dup, g, gate, up *linalg.Tensor) {
	d.Device.SwiGLUBackward(dup, dgate, g, gate, up)
}

type turnsOneWay struct{ linalg.Device }

func (d turnsOneWay) RoPE(y, x, positions, table *linalg.Tensor, _ bool) {
	d.Device.RoPE(y, x, positions, table, false)
}

// changed is a device whose attention has another geometry.
type changed struct {
	linalg.Device
	change func(a *linalg.Attention)
}

func (d changed) Attention(y, lse, q, k, v *linalg.Tensor, a linalg.Attention) {
	a.Spans = slices.Clone(a.Spans)
	d.change(&a)
	d.Device.Attention(y, lse, q, k, v, a)
}

type changedBackward struct{ changed }

func (d changedBackward) Attention(y, lse, q, k, v *linalg.Tensor, a linalg.Attention) {
	d.Device.Attention(y, lse, q, k, v, a)
}

func (d changedBackward) AttentionBackward(dq, dk, dv, g, y, lse, q, k, v *linalg.Tensor, a linalg.Attention) {
	a.Spans = slices.Clone(a.Spans)
	d.change(&a)
	d.Device.AttentionBackward(dq, dk, dv, g, y, lse, q, k, v, a)
}

func seesAll(a *linalg.Attention) { a.Causal = false }

// alignsStarts lets query i see keys 0 to i, wherever the sequence begins.
func alignsStarts(a *linalg.Attention) {
	for i, s := range a.Spans {
		if a.Causal {
			a.Spans[i].KeyHi = min(s.KeyHi, s.KeyLo+s.QueryHi-s.QueryLo)
		}
	}
}

// readsGaps takes all keys up to the next sequence's.
func readsGaps(a *linalg.Attention) {
	for i := range len(a.Spans) - 1 {
		if next := a.Spans[i+1].KeyLo; !a.Causal && next > a.Spans[i].KeyHi {
			a.Spans[i].KeyHi = next
		}
	}
}

// forgetsColumns takes the first columns of v.
func forgetsColumns(a *linalg.Attention) { a.VAt = 0 }

// losesBeams attends with the first of the spans that share keys.
func losesBeams(a *linalg.Attention) {
	a.Spans = slices.CompactFunc(a.Spans, func(s, t linalg.Span) bool { return s.KeyLo == t.KeyLo && t.KeyHi > t.KeyLo })
}

type attendsOntoOld struct{ linalg.Device }

func (d attendsOntoOld) AttentionBackward(dq, dk, dv, g, y, lse, q, k, v *linalg.Tensor, a linalg.Attention) {
	for _, t := range []*linalg.Tensor{dq, dk, dv} {
		d.Zero(t)
	}
	d.Device.AttentionBackward(dq, dk, dv, g, y, lse, q, k, v, a)
}

// mixesHeads gives the heads of keys out in turn.
type mixesHeads struct{ linalg.Device }

func (d mixesHeads) Attention(y, lse, q, k, v *linalg.Tensor, a linalg.Attention) {
	group := a.Heads / a.KVHeads
	one := a
	one.Heads, one.KVHeads = a.Heads, a.Heads
	spreadOut := func(t *linalg.Tensor) *linalg.Tensor {
		out := d.New(linalg.F32, t.Rows(), a.Heads*a.Dim)
		for h := range group {
			d.CopyColumns(out, t, h*a.KVHeads*a.Dim, 0, a.KVHeads*a.Dim, false)
		}
		return out
	}
	d.Device.Attention(y, lse, q, spreadOut(k), spreadOut(v), one)
}

// nudgesBatches is off by one unit in the last place where there are several sequences.
type nudgesBatches struct{ linalg.Device }

func (d nudgesBatches) Attention(y, lse, q, k, v *linalg.Tensor, a linalg.Attention) {
	d.Device.Attention(y, lse, q, k, v, a)
	if len(a.Spans) > 1 {
		y.F32()[0] = math.Nextafter32(y.F32()[0], 2)
	}
}

// nudgesPasses is off by one unit in the last place where there are several queries.
type nudgesPasses struct{ linalg.Device }

func (d nudgesPasses) Attention(y, lse, q, k, v *linalg.Tensor, a linalg.Attention) {
	d.Device.Attention(y, lse, q, k, v, a)
	for _, s := range a.Spans {
		if s.QueryHi-s.QueryLo > 1 {
			o := s.QueryLo * y.Cols()
			y.F32()[o] = math.Nextafter32(y.F32()[o], 2)
		}
	}
}

type nudgesThreads struct{ linalg.Device }

func (d nudgesThreads) GatherBackward(dx, g, rows *linalg.Tensor) {
	d.Device.GatherBackward(dx, g, rows)
	if runtime.GOMAXPROCS(0) > 1 {
		dx.F32()[0] = math.Nextafter32(dx.F32()[0], 2)
	}
}

type swallowsNaN struct{ linalg.Device }

func (d swallowsNaN) Attention(y, lse, q, k, v *linalg.Tensor, a linalg.Attention) {
	d.Device.Attention(y, lse, q, k, v, a)
	for i, x := range y.F32() {
		if x != x {
			y.F32()[i] = 0
		}
	}
}

type learnsFromIgnored struct{ linalg.Device }

func (d learnsFromIgnored) CrossEntropy(loss, dlogits, logits, labels, scale *linalg.Tensor) {
	d.Device.CrossEntropy(loss, dlogits, logits, labels, scale)
	for i, l := range labels.I32() {
		if l == linalg.Ignored && dlogits != nil {
			dlogits.F32()[i*dlogits.Cols()] = scale.F32()[i]
		}
	}
}

// cutsVocabulary gives words from 2¹⁶ on no probability, as 16-bit indices do.
type cutsVocabulary struct{ linalg.Device }

func (d cutsVocabulary) CrossEntropy(loss, dlogits, logits, labels, scale *linalg.Tensor) {
	d.Device.CrossEntropy(loss, dlogits, logits, labels, scale)
	if dlogits != nil && dlogits.Cols() > 1<<16 {
		clear(dlogits.F32()[1<<16 : dlogits.Cols()])
	}
}

// forgetsTiles starts the sum anew with the 129th key, as a tile does that does not add.
func forgetsTiles(a *linalg.Attention) {
	for i, s := range a.Spans {
		if s.KeyHi-s.KeyLo > 128 {
			a.Spans[i].KeyLo += 128
		}
	}
}

type halvesSquares struct{ linalg.Device }

func (d halvesSquares) SquaredError(loss, dpred, pred, target, scale *linalg.Tensor) {
	d.Device.SquaredError(loss, dpred, pred, target, scale)
	if dpred != nil {
		d.Scale(dpred, 0.5)
	}
}

type packsWide struct{ linalg.Device }

func (d packsWide) Pack(w *linalg.Tensor, p linalg.Precision) linalg.Packed {
	if w.DType() == linalg.F16 { // the bits of one type read as the other's
		blob := w.Blob("w")
		blob.DType = linalg.BF16
		w, _ = blob.Tensor()
	}
	return d.Device.Pack(w, p)
}

func TestSuiteSeesBrokenTextDevices(t *testing.T) {
	cpu := linalg.NewCPU()
	for _, c := range []struct {
		check string
		dev   linalg.Device
		says  string
	}{
		{"Copy", sharesCopies{cpu}, "lives with its source"},
		{"CopyColumns", overwritesColumns{cpu}, "accumulate true"},
		{"TextDifferences", changedColumns{cpu}, "CopyColumns against"},
		{"Gather", roundsGathered{cpu}, "Gather of f32"},
		{"Gather", lastOfRows{cpu}, "GatherBackward"},
		{"TextDifferences", lastOfRows{cpu}, "GatherBackward"},
		{"Argmax", lastOfLargest{cpu}, "Argmax"},
		{"LayerNorm", countsOneLess{cpu}, "stats"},
		{"LayerNorm", forgetsCentre{cpu}, "LayerNormBackward"},
		{"TextDifferences", forgetsCentre{cpu}, "LayerNormBackward"},
		{"RMSNorm", normsOntoOld{cpu}, "NaN"},
		{"Activate", oneGELU{cpu}, "GELUTanh"},
		{"TextDifferences", oneGELU{cpu}, "GELUTanh"},
		{"SwiGLU", swapsGate{cpu}, "SwiGLU ["},
		{"SwiGLU", swapsGateBackward{cpu}, "SwiGLUBackward"},
		{"TextDifferences", swapsGateBackward{cpu}, "SwiGLUBackward"},
		{"RoPE", turnsOneWay{cpu}, "inverse true"},
		{"TextDifferences", turnsOneWay{cpu}, "RoPE"},
		{"Attention", changed{cpu, seesAll}, "causal true"},
		{"Attention", changed{cpu, alignsStarts}, "causal true"},
		{"Attention", changed{cpu, readsGaps}, "is NaN"},
		{"Attention", changed{cpu, losesBeams}, "of beams"},
		{"Attention", changed{cpu, forgetsTiles}, "of many keys"},
		{"Attention", mixesHeads{cpu}, "of grouped queries"},
		{"Attention", changedBackward{changed{cpu, seesAll}}, "AttentionBackward"},
		{"TextDifferences", changedBackward{changed{cpu, seesAll}}, "AttentionBackward"},
		{"Attention", attendsOntoOld{cpu}, "dq"},
		{"AttentionColumns", changed{cpu, forgetsColumns}, "k and v in one tensor"},
		{"AttentionColumns", changedBackward{changed{cpu, forgetsColumns}}, "AttentionBackward"},
		{"AttentionNotFinite", swallowsNaN{cpu}, "want NaN"},
		{"AttentionIndependence", nudgesBatches{cpu}, "output 0 of span"},
		{"AttentionIndependence", nudgesPasses{cpu}, "output 0 of query"},
		{"TextThreads", nudgesThreads{cpu}, "GatherBackward: with GOMAXPROCS 2"},
		{"CrossEntropyIgnored", learnsFromIgnored{cpu}, "dlogits"},
		{"CrossEntropyWide", cutsVocabulary{cpu}, "dlogits of a large vocabulary"},
		{"SquaredError", halvesSquares{cpu}, "gradient"},
		{"TextDifferences", halvesSquares{cpu}, "SquaredError"},
		{"PackedNarrow", packsWide{cpu}, "Linear by f16"},
	} {
		i := slices.IndexFunc(checks, func(part check) bool { return part.name == c.check })
		err := checks[i].run(newSuite(c.dev, Float32()))
		if err == nil || !strings.Contains(err.Error(), c.says) {
			t.Errorf("%s on %T: error %v, want one that says %q", c.check, c.dev, err, c.says)
		}
	}
}
