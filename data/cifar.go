package data

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/gradientlearning/cola/data/table"
)

// The mean and the standard deviation of CIFAR-10's training pixels by channel, scaled to
// 0 … 1, as in the code of the ColA paper.
var (
	cifarMean      = []float32{0.4914, 0.4822, 0.4465}
	cifarDeviation = []float32{0.2023, 0.1994, 0.2010}
)

const (
	cifarSide    = 32
	cifarPlane   = cifarSide * cifarSide
	cifarRecord  = 1 + 3*cifarPlane // the class, then the red, the green and the blue plane
	cifarClasses = 10
)

// openCIFAR opens files of CIFAR-10's binary form: one file, or those of a folder whose
// names say train or data_batch, or test.
func openCIFAR(path string, test bool) (Dataset, error) {
	files, err := cifarFiles(path, test)
	if err != nil {
		return nil, err
	}
	s := newImages(nil, nil, []int{cifarSide, cifarSide, 3}, cifarMean, cifarDeviation)
	s.classes = cifarClasses
	for _, file := range files {
		if err := readCIFAR(s, file); err != nil {
			return nil, err
		}
	}
	if len(s.labels) == 0 {
		return nil, fmt.Errorf("%s: %w: it holds no image", path, ErrFormat)
	}
	return s, nil
}

// cifarFiles returns the files to read.
func cifarFiles(path string, test bool) ([]string, error) {
	info, err := os.Stat(path)
	if err != nil {
		return nil, notFound(fmt.Errorf("open data: %w", err))
	}
	if !info.IsDir() {
		if test {
			return nil, fmt.Errorf("%s is one file: it has no part %q", path, "test")
		}
		return []string{path}, nil
	}
	entries, err := os.ReadDir(path)
	if err != nil {
		return nil, fmt.Errorf("open data: %w", err)
	}
	var files []string
	for _, entry := range entries {
		name := entry.Name()
		isTest := strings.Contains(name, "test")
		isTrain := strings.Contains(name, "train") || strings.Contains(name, "data_batch")
		if bare := strings.TrimSuffix(strings.TrimSuffix(name, ".gz"), ".zst"); strings.HasSuffix(bare, ".bin") && isTest == test && isTrain != test {
			files = append(files, filepath.Join(path, name))
		}
	}
	if len(files) == 0 {
		return nil, fmt.Errorf("%w: %s has no data_batch_….bin or test_batch.bin of CIFAR-10, plain or with .gz", ErrNotFound, path)
	}
	slices.Sort(files)
	return files, nil
}

// readCIFAR appends the images of a file.
func readCIFAR(s *images, file string) error {
	f, err := table.Open(file)
	if err != nil {
		return notFound(err)
	}
	defer f.Close() //nolint:errcheck // it was only read
	if err := parseCIFAR(s, f); err != nil {
		return fmt.Errorf("%s: %w", file, err)
	}
	return nil
}

// parseCIFAR appends the images of a stream, with the channels of a pixel beside each other.
func parseCIFAR(s *images, r io.Reader) error {
	record := make([]byte, cifarRecord)
	for n := 1; ; n++ {
		switch _, err := io.ReadFull(r, record); {
		case err == io.EOF:
			return nil
		case errors.Is(err, io.ErrUnexpectedEOF):
			return fmt.Errorf("%w: it ends inside image %d: images have %d bytes each", ErrFormat, n, cifarRecord)
		case err != nil:
			if _, ok := errors.AsType[*fs.PathError](err); ok {
				return fmt.Errorf("read image %d: %w", n, err)
			}
			return fmt.Errorf("%w: image %d cannot be read: %w", ErrFormat, n, err)
		}
		if record[0] >= cifarClasses {
			return fmt.Errorf("%w: image %d is of class %d, and there are 0 to %d", ErrFormat, n, record[0], cifarClasses-1)
		}
		s.labels = append(s.labels, record[0])
		for i := range cifarPlane {
			s.pixels = append(s.pixels, record[1+i], record[1+cifarPlane+i], record[1+2*cifarPlane+i])
		}
	}
}
