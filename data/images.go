package data

import "github.com/gradientlearning/cola/linalg"

// images is a set of grey or colour images, kept as bytes and normalised when drawn.
type images struct {
	pixels  []byte // (n, height, width, channels)
	labels  []byte
	shape   []int
	classes int
	values  [][256]float32 // by channel what each byte becomes: (byte/255 − mean)/deviation
}

// newImages returns a set whose pixels are drawn as (byte/255 − mean)/deviation, with the
// mean and deviation of their channel.
func newImages(pixels, labels []byte, shape []int, mean, deviation []float32) *images {
	s := &images{pixels: pixels, labels: labels, shape: shape, values: make([][256]float32, len(mean))}
	for _, l := range labels {
		s.classes = max(s.classes, int(l)+1)
	}
	for c := range s.values {
		for i := range s.values[c] {
			s.values[c][i] = (float32(i)/255 - mean[c]) / deviation[c]
		}
	}
	return s
}

// Len returns the number of images.
func (s *images) Len() int { return len(s.labels) }

// Format returns the images' shape and classes.
func (s *images) Format() Format {
	return Format{Task: ImageClassification, Shape: s.shape, Classes: s.classes}
}

// Label returns the class of image i.
func (s *images) Label(i int) int { return int(s.labels[i]) }

// Batch returns the images at the indices, normalised.
func (s *images) Batch(indices []int) Batch {
	size := linalg.Elements(s.shape)
	inputs := linalg.New(linalg.F32, append([]int{len(indices)}, s.shape...)...)
	labels := linalg.New(linalg.I32, len(indices))
	for row, i := range indices {
		out := inputs.F32()[row*size : (row+1)*size]
		for j, v := range s.pixels[i*size : (i+1)*size] {
			out[j] = s.values[j%len(s.values)][v]
		}
		labels.I32()[row] = int32(s.labels[i])
	}
	return Batch{Inputs: inputs, Labels: labels}
}
