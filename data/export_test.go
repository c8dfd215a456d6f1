package data

import (
	"io"
	"io/fs"
)

// What tests reach into: the parser for fuzzing, and what a binary carries or remembers.
var (
	ParseIDX     = parseIDX
	ModuleDirs   = moduleDirs
	ModuleSource = moduleSource
)

// The magic numbers of the two kinds of file.
const (
	IDXLabels = idxLabels
	IDXImages = idxImages
)

// SetEmbedded plants files into this binary and returns how to take them out again.
func SetEmbedded(files fs.FS) (restore func()) {
	before := embedded
	embedded = files
	return func() { embedded = before }
}

// ParseCIFAR returns the images of a stream.
func ParseCIFAR(r io.Reader) (Dataset, error) {
	s := newImages(nil, nil, []int{cifarSide, cifarSide, 3}, cifarMean, cifarDeviation)
	return s, parseCIFAR(s, r)
}
