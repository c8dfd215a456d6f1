package model_test

import (
	"math"
	"testing"

	"github.com/gradientlearning/cola/linalg"
	"github.com/gradientlearning/cola/linalg/reference"
	"github.com/gradientlearning/cola/model"
)

func double(t *linalg.Tensor) []float64 {
	list := make([]float64, t.Len())
	for i, v := range t.F32() {
		list[i] = float64(v)
	}
	return list
}

// layer64 computes a linear layer in float64.
func layer64(p map[string]*linalg.Tensor, name string, x []float64) []float64 {
	w, bias := p[name+".weight"], p[name+".bias"]
	n := len(x) / w.Cols()
	y := make([]float64, n*w.Rows())
	reference.Linear(y, x, double(w), double(bias), n, w.Cols(), w.Rows())
	return y
}

func relu64(x []float64) []float64 {
	reference.ReLU(x, x)
	return x
}

// The three models as the paper has them, written down once more in float64.
var models64 = map[string]func(p map[string]*linalg.Tensor, x []float64, n int) []float64{
	"linear": func(p map[string]*linalg.Tensor, x []float64, _ int) []float64 { return layer64(p, "linear", x) },
	"mlp": func(p map[string]*linalg.Tensor, x []float64, _ int) []float64 {
		return layer64(p, "head", relu64(layer64(p, "layers.1", relu64(layer64(p, "layers.0", x)))))
	},
	"cnn": func(p map[string]*linalg.Tensor, x []float64, n int) []float64 {
		h, w, c := 9, 8, 2
		conv := func(name string) {
			geometry := linalg.Conv{Height: h, Width: w, Channels: c, Kernel: 3, Stride: 1, Padding: 1}
			patches := make([]float64, n*h*w*c*9)
			reference.Unfold(patches, x, n, geometry)
			x = relu64(layer64(p, name, patches))
			c = p[name+".weight"].Rows()
		}
		pool := func() {
			y := make([]float64, n*(h/2)*(w/2)*c)
			reference.MaxPool(y, make([]int, len(y)), x, n, h, w, c, 2)
			x, h, w = y, h/2, w/2
		}
		conv("convs.0")
		pool()
		conv("convs.1")
		pool()
		conv("convs.2")
		mean := make([]float64, n*c)
		reference.MeanPool(mean, x, n, h*w, c)
		return layer64(p, "head", mean)
	},
}

// Logits, losses and counts against float64.
func TestForwardAgainstFloat64(t *testing.T) {
	eachSmall(t, func(t *testing.T, b *model.Base) {
		batch := newBatch(b, 3, 6)
		n, classes := 9, b.Config().Classes
		want := models64[b.Config().Type](values(b), double(batch.Inputs), n)
		got := double(logits(t, b, batch, model.Merged))
		result := must[model.Result](t)(b.Evaluate(batch, model.Merged))
		for i := range want {
			if math.Abs(got[i]-want[i]) > 1e-5 {
				t.Fatalf("logit %d is %g, want %g", i, got[i], want[i])
			}
		}
		labels := make([]int, n)
		for i, l := range batch.Labels.I32() {
			labels[i] = int(l)
		}
		loss := make([]float64, n)
		reference.CrossEntropy(loss, nil, want, labels, nil, n, classes)
		for k, o := range batch.Owners {
			mean, correct := 0.0, 0
			for i := o.Lo; i < o.Hi; i++ {
				mean += loss[i] / float64(o.Hi-o.Lo)
				row := want[i*classes : (i+1)*classes]
				best := true
				for _, v := range row {
					best = best && row[labels[i]] >= v
				}
				if best {
					correct++
				}
			}
			if math.Abs(result.Loss[k]-mean) > 1e-5 || result.Correct[k] != correct {
				t.Errorf("%s: loss %g and %d correct, want %g and %d", o.Participant, result.Loss[k], result.Correct[k], mean, correct)
			}
		}
	})
}
