package data

import "github.com/gradientlearning/cola/linalg"

// images is a set of grey or colour images, kept as bytes and normalised when drawn.
type images struct {
	pixels  []byte // (n, height, width, channels)
	labels  []byte
	shape   []int
	classes int
	values  [256]float32 // what each byte becomes: (byte/255 − mean)/deviation
}

// newImages returns a set whose pixels are drawn as (byte/255 − mean)/deviation.
func newImages(pixels, labels []byte, shape []int, mean, deviation float32) *images {
	s := &images{pixels: pixels, labels: labels, shape: shape}
	for _, l := range labels {
		s.classes = max(s.classes, int(l)+1)
	}
	for i := range s.values {
		s.values[i] = (float32(i)/255 - mean) / deviation
	}
	return s
}

// Len returns the number of images.
func (s *images) Len() int { return len(s.labels) }

// Shape returns (height, width, channels).
func (s *images) Shape() []int { return s.shape }

// Classes returns 1 + the largest label.
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
			out[j] = s.values[v]
		}
		labels.I32()[row] = int32(s.labels[i])
	}
	return inputs, labels
}
