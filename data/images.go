package data

import "github.com/gradientlearning/cola/linalg"

// images is a set of grey or colour images, kept as bytes and normalised when drawn:
// (value/255 − mean)/deviation.
type images struct {
	pixels          []byte // (n, height, width, channels)
	labels          []byte
	shape           []int
	classes         int
	mean, deviation float32
}

// Len returns the number of images.
func (s *images) Len() int { return len(s.labels) }

// Shape returns (height, width, channels).
func (s *images) Shape() []int { return s.shape }

// Classes returns the number of classes.
func (s *images) Classes() int { return s.classes }

// Label returns the class of image i.
func (s *images) Label(i int) int { return int(s.labels[i]) }

// Batch returns the images at the indices, normalised.
func (s *images) Batch(indices []int) (inputs, labels *linalg.Tensor) {
	size := linalg.Elements(s.shape)
	inputs = linalg.New(linalg.F32, append([]int{len(indices)}, s.shape...)...)
	labels = linalg.New(linalg.I32, len(indices))
	for row, i := range indices {
		out := inputs.F32()[row*size : (row+1)*size]
		for j, v := range s.pixels[i*size : (i+1)*size] {
			out[j] = (float32(v)/255 - s.mean) / s.deviation
		}
		labels.I32()[row] = int32(s.labels[i])
	}
	return inputs, labels
}

// classesOf returns 1 + the largest label.
func classesOf(labels []byte) int {
	classes := 0
	for _, l := range labels {
		classes = max(classes, int(l)+1)
	}
	return classes
}
