package data

import (
	"fmt"
	"io/fs"
)

// embedded holds MNIST's files in binaries built with the tag embedmnist; else it is nil.
var embedded fs.FS

// openEmbedded opens MNIST from this binary.
func openEmbedded(test bool) (Dataset, error) {
	prefix := "mnist/train"
	if test {
		prefix = "mnist/t10k"
	}
	read := func(name string, magic uint32) ([]byte, []int, error) {
		f, err := embedded.Open(name)
		if err != nil {
			return nil, nil, err
		}
		defer f.Close() //nolint:errcheck // it was only read
		return parseIDX(f, magic)
	}
	pixels, shape, err := read(prefix+"-images-idx3-ubyte.gz", idxImages)
	if err != nil {
		return nil, fmt.Errorf("embedded MNIST: %w", err)
	}
	labels, _, err := read(prefix+"-labels-idx1-ubyte.gz", idxLabels)
	if err != nil {
		return nil, fmt.Errorf("embedded MNIST: %w", err)
	}
	return &images{
		pixels: pixels, labels: labels, shape: []int{shape[1], shape[2], 1}, classes: classesOf(labels),
		mean: mnistMean, deviation: mnistDeviation,
	}, nil
}
