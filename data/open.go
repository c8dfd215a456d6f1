package data

import (
	"fmt"
	"os"
	"strconv"
	"strings"
)

// Open opens a data set by name:
//
//	mnist, mnist:test                        the handwritten digits, 60,000 and 10,000
//	idx:FOLDER, idx:FOLDER:test              a folder of IDX files under MNIST's names
//	cifar10:PATH, cifar10:PATH:test          CIFAR-10 in its binary form: a file, or a folder
//	synthetic:EXAMPLES:HxWxC:CLASSES:SEED    made up: each class around a point of its own
//
// Text is opened by [OpenText]. Errors wrap [ErrNotFound] where files are missing and [ErrFormat] where they are broken.
func Open(spec string) (Dataset, error) {
	name, rest, _ := strings.Cut(spec, ":")
	switch name {
	case "mnist":
		if spec != "mnist" && rest != "test" {
			return nil, fmt.Errorf("%q: MNIST has two parts: mnist and mnist:test", spec)
		}
		return openMNIST(rest == "test")
	case "idx":
		dir, test := strings.CutSuffix(rest, ":test")
		if dir == "" {
			return nil, fmt.Errorf("%q names no folder: write idx:FOLDER or idx:FOLDER:test", spec)
		}
		return openIDX(os.DirFS(dir), dir, test)
	case "cifar10":
		path, test := strings.CutSuffix(rest, ":test")
		if path == "" {
			return nil, fmt.Errorf("%q names no file: write cifar10:PATH or cifar10:PATH:test", spec)
		}
		return openCIFAR(path, test)
	case "synthetic":
		return openSynthetic(spec, rest)
	}
	if IsText(spec) {
		return nil, fmt.Errorf("%q is text: it needs a tokenizer, that of the model", spec)
	}
	return nil, fmt.Errorf("%q is no data set: use mnist, mnist:test, idx:FOLDER, idx:FOLDER:test, cifar10:PATH, cifar10:PATH:test or synthetic:EXAMPLES:HxWxC:CLASSES:SEED", spec)
}

// Bounds on what a synthetic data set may be asked to be.
const (
	maxSyntheticExamples = 1 << 24
	maxSyntheticSide     = 1 << 12
	maxSyntheticCentres  = 1 << 24 // numbers in the centres of all classes, all in memory
)

func openSynthetic(spec, rest string) (Dataset, error) {
	fields := strings.Split(rest, ":")
	if len(fields) != 4 {
		return nil, syntheticError(spec, "it has %d fields after the name, not 4", len(fields))
	}
	examples, err := number(fields[0], maxSyntheticExamples)
	if err != nil {
		return nil, syntheticError(spec, "examples: %w", err)
	}
	var shape []int
	size := 1
	for _, field := range strings.Split(fields[1], "x") {
		d, err := number(field, maxSyntheticSide)
		if err != nil {
			return nil, syntheticError(spec, "shape: %w", err)
		}
		shape = append(shape, d)
		size = min(size*d, maxSyntheticCentres+1)
	}
	if len(shape) != 3 {
		return nil, syntheticError(spec, "the shape has %d dimensions, not 3", len(shape))
	}
	if size > maxSyntheticCentres {
		return nil, syntheticError(spec, "one example may not have more than %d numbers", maxSyntheticCentres)
	}
	classes, err := number(fields[2], min(examples, maxSyntheticCentres/size))
	if err != nil {
		return nil, syntheticError(spec, "classes: %w", err)
	}
	seed, err := strconv.ParseUint(fields[3], 10, 64)
	if err != nil {
		return nil, syntheticError(spec, "seed: %q is not a whole number from 0 to 2⁶⁴−1", fields[3])
	}
	return Synthetic(examples, shape, classes, seed), nil
}

// number parses a whole number from 1 to limit.
func number(field string, limit int) (int, error) {
	n, err := strconv.Atoi(field)
	if err != nil || n < 1 || n > limit {
		return 0, fmt.Errorf("%q is not a whole number from 1 to %d", field, limit)
	}
	return n, nil
}

func syntheticError(spec, format string, args ...any) error {
	return fmt.Errorf("%q: %w: write synthetic:EXAMPLES:HxWxC:CLASSES:SEED, for example synthetic:1000:8x8x1:4:1", spec, fmt.Errorf(format, args...))
}
