package model

import (
	"math"
	"slices"

	"github.com/gradientlearning/cola/linalg"
)

// rope are rotary positions (Su et al. 2021): pair j of a head turns by position·frequency_j.
// Angles are computed in float32, as the reference implementations do: at large positions
// the rounding of position·frequency is part of the model.
type rope struct {
	frequencies []float32 // of width/2 pairs
	factor      float32   // on cosine and sine
	dev         linalg.Device
	cached      *linalg.Tensor // (positions, width): cosines, then sines
}

// readRope reads rope_theta and rope_scaling, or rope_parameters, which newer files have in
// their place.
func readRope(f *fields, width, context int) *rope {
	theta := f.number("rope_theta", 10000)
	f.only("partial_rotary_factor", "1", "1.0")
	f.ignore("rope_interleaved", "original_max_position_embeddings")
	original := f.size("original_max_position_embeddings", context, 1)
	r := &rope{factor: 1}
	for _, name := range []string{"rope_scaling", "rope_parameters"} {
		s := f.object(name)
		if s == nil {
			continue
		}
		theta = s.number("rope_theta", theta)
		s.only("partial_rotary_factor", "1", "1.0")
		kind := s.text("rope_type", s.text("type", "default"))
		s.ignore("type")
		r.frequencies = defaultFrequencies(theta, width)
		r.scale(s, kind, theta, width, s.size("original_max_position_embeddings", original, 1))
		if err := s.err(); err != nil {
			f.wrong = append(f.wrong, err.Error())
		}
	}
	if r.frequencies == nil {
		r.frequencies = defaultFrequencies(theta, width)
	}
	return r
}

// defaultFrequencies are theta^(−2j/width).
func defaultFrequencies(theta float64, width int) []float32 {
	list := make([]float32, width/2)
	for j := range list {
		list[j] = 1 / float32(math.Pow(theta, float64(float32(2*j)/float32(width))))
	}
	return list
}

// scale changes the frequencies as a kind of scaling does.
func (r *rope) scale(s *fields, kind string, theta float64, width, original int) {
	switch kind {
	case "default":
	case "linear":
		factor := float32(s.needed("factor"))
		for j := range r.frequencies {
			r.frequencies[j] /= factor
		}
	case "dynamic": // changes nothing up to the model's context, and no text is longer
		s.needed("factor")
	case "llama3":
		r.llama3(s, float64(original))
	case "yarn":
		r.yarn(s, theta, width, float64(original))
	default:
		s.fail("rope_type", "only default, linear, dynamic, llama3 and yarn are implemented")
	}
}

// llama3 slows pairs whose wavelength is longer than the original context, and blends those
// in between.
func (r *rope) llama3(s *fields, original float64) {
	factor, low, high := s.needed("factor"), s.needed("low_freq_factor"), s.needed("high_freq_factor")
	for j, f := range r.frequencies {
		wave := 2 * math.Pi / float64(f)
		switch {
		case wave < original/high:
		case wave > original/low:
			r.frequencies[j] = float32(float64(f) / factor)
		default:
			smooth := (original/wave - low) / (high - low)
			r.frequencies[j] = float32((1-smooth)*float64(f)/factor + smooth*float64(f))
		}
	}
}

// yarn (Peng et al. 2023) interpolates slow pairs, leaves fast ones, and blends by a ramp.
func (r *rope) yarn(s *fields, theta float64, width int, original float64) {
	factor, fast, slow := s.needed("factor"), s.number("beta_fast", 32), s.number("beta_slow", 1)
	mscale, mscaleAll := s.number("mscale", 0), s.number("mscale_all_dim", 0)
	truncate := s.flag("truncate", true)
	magnitude := func(m float64) float64 {
		if factor <= 1 {
			return 1
		}
		return 0.1*m*math.Log(factor) + 1
	}
	attention := magnitude(1)
	if mscale != 0 && mscaleAll != 0 {
		attention = magnitude(mscale) / magnitude(mscaleAll)
	}
	r.factor = float32(s.number("attention_factor", attention))
	turn := func(rotations float64) float64 {
		return float64(width) * math.Log(original/(rotations*2*math.Pi)) / (2 * math.Log(theta))
	}
	low, high := turn(fast), turn(slow)
	if truncate {
		low, high = math.Floor(low), math.Ceil(high)
	}
	low, high = max(low, 0), min(high, float64(width-1))
	if low == high {
		high += 0.001
	}
	for j, f := range r.frequencies {
		ramp := min(max((float64(j)-low)/(high-low), 0), 1)
		r.frequencies[j] = float32(float64(f)/factor*ramp + float64(f)*(1-ramp))
	}
}

// table returns cosines and sines of the positions up to the largest of some, on the
// device. It grows by doubling: a context of 100,000 tokens costs nothing until it is used.
func (r *rope) table(dev linalg.Device, positions *linalg.Tensor) *linalg.Tensor {
	need := int(slices.Max(positions.I32())) + 1
	if r.cached != nil && r.dev == dev && r.cached.Rows() >= need {
		return r.cached
	}
	n, half := 64, len(r.frequencies)
	for n < need {
		n *= 2
	}
	t := linalg.New(linalg.F32, n, 2*half)
	for i := range n {
		row := t.F32()[i*2*half : (i+1)*2*half]
		for j, f := range r.frequencies {
			angle := float64(float32(i) * f)
			row[j] = r.factor * float32(math.Cos(angle))
			row[half+j] = r.factor * float32(math.Sin(angle))
		}
	}
	r.dev, r.cached = dev, place(dev, t)
	return r.cached
}
