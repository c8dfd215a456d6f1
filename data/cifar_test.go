package data_test

import (
	"bytes"
	"errors"
	"io/fs"
	"math"
	"os"
	"path/filepath"
	"testing"
	"testing/iotest"

	"github.com/google/go-cmp/cmp"
	"github.com/gradientlearning/cola/data"
)

// cifar returns an image of a class: pixel p of channel c is p + 10·c.
func cifar(class byte) []byte {
	image := []byte{class}
	for c := range 3 {
		for p := range 1024 {
			image = append(image, byte(p+10*c))
		}
	}
	return image
}

func TestCIFAR(t *testing.T) {
	dir := folder(t, map[string][]byte{
		"data_batch_2.bin":    cifar(2),
		"data_batch_1.bin.gz": gzipped(t, append(cifar(3), cifar(0)...)),
		"test_batch.bin":      cifar(9),
		"batches.meta.txt":    []byte("names"),
	})
	ds := open(t, "cifar10:"+dir)
	var labels []int
	for i := range ds.Len() {
		labels = append(labels, ds.Label(i))
	}
	if diff := cmp.Diff([]int{3, 0, 2}, labels); diff != "" {
		t.Errorf("labels (-want +got):\n%s", diff)
	}
	want := data.Format{Task: data.ImageClassification, Shape: []int{32, 32, 3}, Classes: 10}
	if diff := cmp.Diff(want, ds.Format()); diff != "" {
		t.Errorf("format (-want +got):\n%s", diff)
	}
	mean, deviation := []float64{0.4914, 0.4822, 0.4465}, []float64{0.2023, 0.1994, 0.2010}
	batch := ds.Batch([]int{2})
	for i, got := range batch.Inputs.F32() {
		c := i % 3
		if want := (float64(byte(i/3+10*c))/255 - mean[c]) / deviation[c]; math.Abs(float64(got)-want) > 1e-5 {
			t.Fatalf("value %d is %v, want %v", i, got, want)
		}
	}
	if test := open(t, "cifar10:"+dir+":test"); test.Len() != 1 || test.Label(0) != 9 {
		t.Errorf("the test part has %d images", test.Len())
	}
	if one := open(t, "cifar10:"+filepath.Join(dir, "test_batch.bin")); one.Len() != 1 {
		t.Errorf("the file has %d images", one.Len())
	}
}

func TestCIFARFaults(t *testing.T) {
	tests := []struct {
		content []byte
		says    string
	}{
		{cifar(10), "image 1 is of class 10, and there are 0 to 9"},
		{append(cifar(1), 2, 3), "it ends inside image 2: images have 3073 bytes each"},
		{nil, "it holds no image"},
	}
	for _, tt := range tests {
		path := folder(t, map[string][]byte{"train.bin": tt.content}) + "/train.bin"
		_, err := data.Open("cifar10:" + path)
		wantFault(t, err, tt.says, path)
		if !errors.Is(err, data.ErrFormat) {
			t.Errorf("%v, want ErrFormat", err)
		}
	}
	dir := folder(t, map[string][]byte{"train.bin.gz": []byte("no gzip"), "cut.bin.gz": gzipped(t, cifar(1))[:200]})
	for _, path := range []string{dir, filepath.Join(dir, "cut.bin.gz")} {
		if _, err := data.Open("cifar10:" + path); !errors.Is(err, data.ErrFormat) {
			t.Errorf("%s: %v, want ErrFormat", path, err)
		}
	}
	for _, spec := range []string{"cifar10:" + dir + ":test", "cifar10:" + dir + "/none"} {
		if _, err := data.Open(spec); !errors.Is(err, data.ErrNotFound) {
			t.Errorf("%s: %v, want ErrNotFound", spec, err)
		}
	}
	for spec, says := range map[string]string{"cifar10:": "names no file", "cifar10:" + dir + "/train.bin.gz:test": `it has no part "test"`} {
		_, err := data.Open(spec)
		wantFault(t, err, says)
	}
	if _, err := data.ParseCIFAR(iotest.ErrReader(&fs.PathError{Op: "read", Err: fs.ErrPermission})); !errors.Is(err, fs.ErrPermission) || errors.Is(err, data.ErrFormat) {
		t.Errorf("a failing disk: %v", err)
	}
}

func FuzzParseCIFAR(f *testing.F) {
	f.Add(cifar(3))
	f.Add(append(cifar(1), cifar(10)...))
	f.Add([]byte{1})
	f.Fuzz(func(t *testing.T, file []byte) {
		ds, err := data.ParseCIFAR(bytes.NewReader(file))
		if err != nil {
			if !errors.Is(err, data.ErrFormat) {
				t.Errorf("%v is not an ErrFormat", err)
			}
			return
		}
		if ds.Len()*3073 != len(file) {
			t.Errorf("%d images of %d bytes", ds.Len(), len(file))
		}
	})
}

// TestRealCIFAR reads the real images where they are: balanced, and with the published
// means of the channels.
func TestRealCIFAR(t *testing.T) {
	dir := shared(t, "cifar10")
	for part, n := range map[string]int{"": 5000, ":test": 1000} {
		ds := open(t, "cifar10:"+dir+part)
		want := make([]int, 10)
		for i := range want {
			want[i] = n / 10
		}
		if diff := cmp.Diff(want, counts(ds)); diff != "" {
			t.Errorf("classes of %q (-want +got):\n%s", part, diff)
		}
		batch := ds.Batch(data.NewSampler(n, 500, 1, "").Batch(0))
		var sums [3]float64
		for i, v := range batch.Inputs.F32() {
			sums[i%3] += float64(v)
		}
		for c, sum := range sums {
			if mean := sum / float64(len(batch.Inputs.F32())/3); math.Abs(mean) > 0.12 {
				t.Errorf("the mean of channel %d is %v", c, mean)
			}
		}
	}
}

// shared returns a folder of the real data, which are not in the repository; without them a
// test is skipped.
func shared(t testing.TB, name string) string {
	t.Helper()
	root, err := os.Getwd()
	if err != nil {
		t.Fatal(err)
	}
	for {
		if _, err := os.Stat(filepath.Join(root, "go.mod")); err == nil {
			break
		}
		if filepath.Dir(root) == root {
			t.Fatal("no go.mod above")
		}
		root = filepath.Dir(root)
	}
	path := filepath.Join(root, "..", "shared", "data", name)
	if _, err := os.Stat(path); err != nil {
		t.Skipf("the real data are not here: %v", err)
	}
	return path
}
