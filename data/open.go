package data

import (
	"fmt"
	"strconv"
	"strings"
)

// Open opens a data set by name:
//
//	mnist, mnist:test                        the handwritten digits, 60,000 and 10,000
//	idx:FOLDER, idx:FOLDER:test              a folder of IDX files under MNIST's names
//	synthetic:EXAMPLES:HxWxC:CLASSES:SEED    made up: each class around a point of its own
func Open(spec string) (Dataset, error) {
	name, rest, _ := strings.Cut(spec, ":")
	switch name {
	case "mnist":
		if rest != "" && rest != "test" {
			return nil, fmt.Errorf("%q: MNIST has the parts mnist and mnist:test", spec)
		}
		return openMNIST(rest == "test")
	case "idx":
		dir, test := strings.CutSuffix(rest, ":test")
		if dir == "" {
			return nil, fmt.Errorf("%q names no folder: write idx:FOLDER", spec)
		}
		return openIDX(dir, test)
	case "synthetic":
		return openSynthetic(spec, rest)
	}
	return nil, fmt.Errorf("%q is no data set: use mnist, mnist:test, idx:FOLDER, idx:FOLDER:test or synthetic:EXAMPLES:HxWxC:CLASSES:SEED", spec)
}

func openSynthetic(spec, rest string) (Dataset, error) {
	bad := func() (Dataset, error) {
		return nil, fmt.Errorf("%q: write synthetic:EXAMPLES:HxWxC:CLASSES:SEED, for example synthetic:1000:8x8x1:4:1", spec)
	}
	parts := strings.Split(rest, ":")
	if len(parts) != 4 {
		return bad()
	}
	var shape []int
	for _, d := range strings.Split(parts[1], "x") {
		n, err := strconv.Atoi(d)
		if err != nil || n < 1 || n > 1<<12 {
			return bad()
		}
		shape = append(shape, n)
	}
	examples, errE := strconv.Atoi(parts[0])
	classes, errC := strconv.Atoi(parts[2])
	seed, errS := strconv.ParseUint(parts[3], 10, 64)
	if errE != nil || errC != nil || errS != nil || len(shape) != 3 || examples < 1 || classes < 1 || classes > 1<<16 || examples > 1<<24 {
		return bad()
	}
	return Synthetic(examples, shape, classes, seed), nil
}
